/* `gnewt linearize`: the linear map at one point, and what the optimisers make of it, as arrays of a file. */
#ifndef GN_RUN_LINEARIZE_H
#define GN_RUN_LINEARIZE_H

#include "run/build.h"

/* For which directions are written as well. */
typedef struct gn_linearize_dampings {
    size_t count; /* 0: none */
    const double *values;
} gn_linearize_dampings;

/* Writes /params, /inputs, /targets, /outputs, /residual, /loss, /gradient, /jacobian, /ntk, /ntk_eigenvalues
 * and /directions/<label> of the whole training set to `out`, replaced once it is whole; for a centred
 * network also /params0; with dampings (K) also these, /dampings, and /damped/<label> (K x P) of each
 * optimiser that has a damping (CONFIG where none has). params: a file with /params/<name> (and
 * /initial/<name>, theta_0 of a centred network) to take the point from; NULL: the initial parameters. Memory
 * is predicted first: MEMORY names the sizes. */
gn_status gn_linearize_write(const gn_config *config, const gn_config_source *source, gn_build *build,
                             const char *params, const gn_linearize_dampings *dampings, const char *out,
                             gn_message *message);
/* The same with /params, /ntk and /ntk_eigenvalues alone, the kernel in float64. values: only so many, the
 * largest, by products, with /ntk_eigenvalue_bounds in place of /ntk; 0: all where M <= 2048, else 20. */
gn_status gn_linearize_write_ntk(const gn_config *config, const gn_config_source *source, gn_build *build,
                                 const char *params, size_t values, const char *out, gn_message *message);

#endif
