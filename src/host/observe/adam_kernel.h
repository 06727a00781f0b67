/* The kernel J diag(d) J' of Adam on a probe set, d being the running optimiser's diagonal; its leading
 * eigenvectors are kept until the next look, which measures how the error along them has decayed since. */
#ifndef GN_OBSERVE_ADAM_KERNEL_H
#define GN_OBSERVE_ADAM_KERNEL_H

#include "observe/observer.h"
#include "observe/probe.h"

typedef struct gn_adam_kernel {
    size_t count;        /* leading modes */
    size_t rows;         /* n */
    gn_array root;       /* P: the square root of d */
    gn_array vectors;    /* count x n: of the last look, by ascending eigenvalue */
    gn_array block[2];   /* rows of J; a dense probe set alone */
    double *values, *c;  /* count: eigenvalues and the error along the vectors, at the last look */
    double *now, *roots; /* count; P */
    bool seen;           /* there was one in this phase */
    uint64_t step;       /* its */
} gn_adam_kernel;

/* Zeroed before; nothing happens where it is there already. MEMORY, with the size. */
gn_status gn_adam_kernel_create(gn_adam_kernel *kernel, gn_probe *probe, size_t count);
/* A zeroed one is allowed. */
void gn_adam_kernel_destroy(gn_adam_kernel *kernel);

/* After a look of the probe: rate (count) = -ln |c now / c then| a step along the last look's vectors; NaN
 * where there was none, for modes that were below 1e-8 of the present error, and for those that fell to less
 * than a thousandth: what is left comes from other modes. */
gn_status gn_adam_kernel_rates(gn_adam_kernel *kernel, gn_probe *probe, uint64_t step, double *rate);
/* eigenvalues (as many as the probe has, descending), by way of the probe's kernel, which is lost; *known is
 * false where the optimiser (or NULL) has no diagonal yet. */
gn_status gn_adam_kernel_find(gn_adam_kernel *kernel, gn_probe *probe, gn_optimizer *optimizer, uint64_t step,
                              double *eigenvalues, bool *known);
gn_status gn_adam_kernel_walk(gn_adam_kernel *kernel, const gn_state_walk *walk);

#endif
