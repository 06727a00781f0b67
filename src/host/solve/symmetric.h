/* Damped symmetric systems (A + mu I) x = b: one matrix, then as many dampings as wanted. By Cholesky each
 * costs a factorisation; by an eigendecomposition A = Q diag(lambda) Q' each costs two products with Q, and
 * the pseudo-inverse with a cut-off and the spectrum come with it. Knows matrices, not networks. */
#ifndef GN_SOLVE_SYMMETRIC_H
#define GN_SOLVE_SYMMETRIC_H

#include "backend/context.h"

typedef enum gn_symmetric_method { GN_SYMMETRIC_CHOLESKY, GN_SYMMETRIC_SPECTRAL } gn_symmetric_method;

typedef struct gn_symmetric_options {
    gn_symmetric_method method;
    bool repeated; /* Cholesky: keep A, for several dampings */
} gn_symmetric_options;

typedef struct gn_symmetric gn_symmetric;

/* For matrices up to capacity x capacity. Errors: MEMORY. */
gn_status gn_symmetric_create(gn_context *context, gn_dtype dtype, size_t capacity,
                              gn_symmetric_options options, gn_symmetric **symmetric);
void gn_symmetric_destroy(gn_symmetric *symmetric);
/* Bytes it holds, for predictions. */
double gn_symmetric_bytes(gn_context *context, gn_dtype dtype, size_t capacity, gn_symmetric_options options);

/* Where A (n x n, rows n apart, lower triangle) is to be written; n <= capacity. Forgets the last matrix. */
void *gn_symmetric_matrix(gn_symmetric *symmetric, size_t n);

/* How A is damped and cut. floor: mu is at least floor * (an upper bound of the largest eigenvalue).
 * cutoff: eigenvalues not above cutoff * the largest are dropped; needs the spectral method, < 0 keeps all.
 */
typedef struct gn_damped {
    double damping, floor, cutoff;
} gn_damped;

/* x = (A + mu I)^-1 b or its truncated form; x may be b. NOT_POSITIVE_DEFINITE where Cholesky fails: the
 * matrix is then lost unless `repeated`. NO_CONVERGENCE where the eigendecomposition fails. */
gn_status gn_symmetric_solve(gn_symmetric *symmetric, gn_damped damped, const void *b, void *x);

/* The same system as the last solve's, damping included, by its factors. */
gn_status gn_symmetric_solve_again(gn_symmetric *symmetric, const void *b, void *x);

/* Spectral: the eigendecomposition that a solve begins with, if it has not been made of this matrix. */
gn_status gn_symmetric_decompose(gn_symmetric *symmetric);
/* Spectral, after it: the eigenvectors as rows (n x n). */
void *gn_symmetric_vectors(const gn_symmetric *symmetric);

/* Powers of A = Q diag(lambda) Q' in place of its inverse: x = Q diag(g) Q' b, the lambda_i those of A
 * without rounding's negative ones, g_i = (lambda_i + *mu)^-exponent over the largest lambda_i g_i. order (n,
 * on the device) gives mode i, by ascending eigenvalue, the gain of mode order[i] instead; NULL: its own.
 * Where *mu < 0 (on the device) it becomes -*mu times the largest eigenvalue. Needs the spectral method. x
 * may be b. */
typedef struct gn_power {
    double exponent;
    const uint32_t *order;
    double *mu;
} gn_power;
gn_status gn_symmetric_power(gn_symmetric *symmetric, gn_power power, const void *b, void *x);

/* Of the last solve, on the device: [0] mu in force, [1] eigenvalues kept (spectral only). */
const double *gn_symmetric_slots(const gn_symmetric *symmetric);
/* n of the matrix written last. */
size_t gn_symmetric_size(const gn_symmetric *symmetric);
/* Spectral, after a solve: the eigenvalues (n, ascending); NULL for Cholesky. */
const void *gn_symmetric_values(const gn_symmetric *symmetric);

#endif
