/* A probe set: the first samples of a training set, the kernel K = J J' of their n residuals, and the
 * eigenvectors of K_0, that of the first parameters. Values on the host are by descending eigenvalue. */
#ifndef GN_OBSERVE_PROBE_H
#define GN_OBSERVE_PROBE_H

#include "backend/context.h"
#include "gnewt/linearization.h"
#include "gnewt/problem.h"

typedef struct gn_probe {
    gn_context *context;
    size_t samples, rows; /* N, and n = N C */
    gn_linearization *lin;
    gn_array inputs, targets; /* views of the data set */
    gn_array first, frame;    /* n x n: K_0, and its eigenvectors as rows, by ascending eigenvalue */
    gn_array kernel;          /* n x n: K, for the observer to write over */
    gn_array residual;        /* n */
    gn_array modes, values;   /* n: scratch; eigenvalues of what was decomposed last, ascending */
    gn_array work, slots;     /* of the eigensolver; 2 */
    size_t work_bytes;
    double first_norm;    /* ||K_0||_F */
    double *first_values; /* n: eigenvalues of K_0 */
} gn_probe;

/* points: samples; 0: all, or as many as have 1024 residuals. `observer` is named in messages. K_0 is the
 * kernel at theta0 (P), which is the reference of a centred network as well. Network, data set and the probe
 * itself stay where they are. On failure the probe is still to be destroyed. Errors: ARGUMENT (too many
 * points), MEMORY, with the size. */
gn_status gn_probe_create(gn_context *context, const char *observer, gn_network *network, gn_loss loss,
                          const gn_dataset *dataset, const gn_array *theta0, size_t points, gn_probe *probe);
/* A zeroed probe is allowed. */
void gn_probe_destroy(gn_probe *probe);

/* kernel = K and residual = r at theta. */
gn_status gn_probe_look(gn_probe *probe, const gn_array *theta);
/* ||K - K_0||_F / ||K_0||_F of the kernel, which is as before, to rounding; NaN where K_0 is 0. */
gn_status gn_probe_drift(gn_probe *probe, double *drift);
/* Eigenvectors over k (n x n), eigenvalues to the host. */
gn_status gn_probe_decompose(gn_probe *probe, gn_array *k, double *values);
/* c = Q x, Q's rows being eigenvectors, x (n). */
gn_status gn_probe_project(gn_probe *probe, const gn_array *q, const gn_array *x, double *c);
/* Eigenvalues up to so much of the largest are rounding: n times the type's epsilon. */
double gn_probe_rounding(const gn_probe *probe);
/* x'y of arrays of one size. */
gn_status gn_probe_dot(gn_probe *probe, const gn_array *x, const gn_array *y, double *value);

#endif
