/* Systems with known properties, and dense matrices as operators on a device. Host arrays are the caller's to
 * free. */
#ifndef GN_TESTS_SOLVE_SOLVE_CASE_H
#define GN_TESTS_SOLVE_SOLVE_CASE_H

#include "mlp_case.h"
#include "solve/operator.h"

/* A = B B' with B n x rank, uniform entries. */
double *random_gram(size_t n, size_t rank, uint64_t seed);
/* The symmetric matrix with these eigenvalues and random eigenvectors. */
double *matrix_with_spectrum(size_t n, const double *lambda, uint64_t seed);
/* Eigenvalues from 1 down to 1 / condition, evenly on a logarithmic scale. */
double *geometric_matrix(size_t n, double condition, uint64_t seed);
/* (A + mu I)^-1 b by elimination with partial pivoting, in long double. */
void eliminate(size_t n, const double *a, double mu, const double *b, double *x);
/* y = A x, A m x n */
void multiply_dense(size_t m, size_t n, const double *a, const double *x, double *y);
double dot_dense(size_t n, const double *x, const double *y);

/* An m x n matrix on the device; a row of a product is the same whatever rows come with it. */
typedef struct dense_map {
    gn_array a;
    int calls; /* of apply: fewer than products where they are recorded */
} dense_map;

dense_map *dense_map_create(gn_context *context, gn_dtype dtype, size_t m, size_t n, const double *a);
void dense_map_destroy(dense_map *map);
gn_operator dense_operator(dense_map *map);

/* Host values to and from device memory. */
void write_vector(gn_context *context, gn_dtype dtype, size_t count, void *to, const double *values);
double *read_vector(gn_context *context, gn_dtype dtype, size_t count, void *from);

#endif
