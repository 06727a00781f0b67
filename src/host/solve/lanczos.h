/* Symmetric Lanczos with full reorthogonalisation: Ritz values and vectors of A (n x n), given by products;
 * the extreme ones come first. A diagnosis, not part of a step: the host reads two numbers back each step. B.
 * N. Parlett, "The Symmetric Eigenvalue Problem", SIAM 1998, chapter 13. */
#ifndef GN_SOLVE_LANCZOS_H
#define GN_SOLVE_LANCZOS_H

#include <stdint.h>

#include "solve/operator.h"

typedef struct gn_lanczos gn_lanczos;

typedef struct gn_lanczos_options {
    size_t n, steps; /* 1 <= steps <= n */
    gn_operator a;
    uint64_t seed; /* of the first vector: normals of GN_STREAM_AUXILIARY */
} gn_lanczos_options;

/* (steps + 1) vectors of n. Errors: ARGUMENT, MEMORY. */
gn_status gn_lanczos_create(gn_context *context, gn_dtype dtype, const gn_lanczos_options *options,
                            gn_lanczos **lanczos);
void gn_lanczos_destroy(gn_lanczos *lanczos);

/* At the operator's present point. Fewer than `steps` are taken where the vectors so far span an invariant
 * space: the values are then eigenvalues. NOT_FINITE where a product is. */
gn_status gn_lanczos_run(gn_lanczos *lanczos);
/* The same from another first vector of the seed: number 0 is that of gn_lanczos_run(). */
gn_status gn_lanczos_run_from(gn_lanczos *lanczos, uint64_t start);

/* Of the last run: their number; the Ritz values, ascending, on the host; and for each a bound of its
 * distance to an eigenvalue, |A x - value x| of its vector x. */
size_t gn_lanczos_count(const gn_lanczos *lanczos);
const double *gn_lanczos_values(const gn_lanczos *lanczos);
const double *gn_lanczos_bounds(const gn_lanczos *lanczos);
/* The squares of the first vector's coefficients in the Ritz vectors: they sum to 1. */
const double *gn_lanczos_weights(const gn_lanczos *lanczos);
/* The most steps of a run. */
size_t gn_lanczos_steps(const gn_lanczos *lanczos);
/* coefficients (count, on the host): the products of the Ritz vectors with x (n, device memory). */
gn_status gn_lanczos_project(gn_lanczos *lanczos, const void *x, double *coefficients);
/* x (n, device memory) = the vector of Ritz value number i, of length 1. */
gn_status gn_lanczos_vector(gn_lanczos *lanczos, size_t i, void *x);

#endif
