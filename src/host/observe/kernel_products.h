/* What products tell of a kernel K = J diag(s)^2 J' (n x n) too large to be made: its leading eigenpairs, by
 * Lanczos, and how far it has come from K_0, by random vectors. A product is a vjp and a jvp. */
#ifndef GN_OBSERVE_KERNEL_PRODUCTS_H
#define GN_OBSERVE_KERNEL_PRODUCTS_H

#include "gnewt/linearization.h"
#include "solve/lanczos.h"

typedef struct gn_kernel_products {
    gn_context *context;
    gn_linearization *lin; /* borrowed */
    gn_dtype dtype;
    size_t rows, parameters, count; /* n, P, leading pairs */
    const gn_array *scale;          /* s (P) of the present call; NULL: 1 */
    gn_lanczos *lanczos;
    gn_array along;              /* P: J'x */
    gn_array random, first, now; /* GN_KERNEL_PROBES x n: Z, K_0 Z and K Z */
    gn_array slots;              /* 1 */
} gn_kernel_products;

enum { GN_KERNEL_PROBES = 32 };

/* For n = the rows of lin's batch and `count` pairs, count <= n. *products has its context, else zeros; it
 * stays where it is, and on failure is still to be destroyed. Errors: MEMORY. */
gn_status gn_kernel_products_create(gn_linearization *lin, size_t count, gn_kernel_products *products);
void gn_kernel_products_destroy(gn_kernel_products *products);
/* Bytes it holds, for predictions. */
double gn_kernel_products_bytes(gn_dtype dtype, size_t rows, size_t parameters, size_t count);

/* At lin's point: vectors (count x n) = the leading eigenvectors as rows, by ascending eigenvalue; on the
 * host, descending, their eigenvalues and bounds of their errors (count each; rounding at least), and *least,
 * the least Ritz value, which is no less than the least eigenvalue. Where K has fewer that are not 0, the
 * others are 0. */
gn_status gn_kernel_products_lead(gn_kernel_products *products, const gn_array *scale, gn_array *vectors,
                                  double *values, double *bounds, double *least);
/* K at lin's point is K_0. */
gn_status gn_kernel_products_begin(gn_kernel_products *products);
/* ||K - K_0||_F / ||K_0||_F, about: |(K - K_0) Z| / |K_0 Z| of the same 32 normal vectors. NaN where K_0 is
 * 0.
 */
gn_status gn_kernel_products_drift(gn_kernel_products *products, double *drift);

#endif
