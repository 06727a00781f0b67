/* Preconditioners: P near A + mu I, symmetric and positive definite, given by z = P^-1 r. */
#ifndef GN_SOLVE_PRECONDITIONER_H
#define GN_SOLVE_PRECONDITIONER_H

#include <stdint.h>

#include "solve/operator.h"

typedef struct gn_preconditioner gn_preconditioner;

/* What an implementation provides; each begins with a gn_preconditioner. */
typedef struct gn_preconditioner_interface {
    /* Looks at A anew. */
    gn_status (*update)(gn_preconditioner *self);
    /* mu of each row, on the host. */
    gn_status (*set_damping)(gn_preconditioner *self, const double *damping);
    /* z = P^-1 r; recorded, so that set_damping and update change the content of device memory alone. */
    gn_status (*apply)(gn_preconditioner *self, const void *r, void *z);
    void (*destroy)(gn_preconditioner *self);
} gn_preconditioner_interface;

struct gn_preconditioner {
    const gn_preconditioner_interface *interface;
    gn_context *context;
    gn_dtype dtype;
    size_t rows, n;
};

/* Looks at the operator at its present point: to be called before the first solve, and again when A has
 * changed enough; P stays what it was until then. */
gn_status gn_preconditioner_update(gn_preconditioner *preconditioner);
/* NULL is allowed. */
void gn_preconditioner_destroy(gn_preconditioner *preconditioner);

/* P = diag(A) + mu I. diagonal(user, d) writes the diagonal of A (n), which has no negative entry. Where it
 * is 0 and mu is, P^-1 is 0: nothing moves there. */
gn_status gn_preconditioner_create_jacobi(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                          gn_status (*diagonal)(void *user, void *d), void *user,
                                          gn_preconditioner **preconditioner);

/* With the largest eigenvalues Lambda and eigenvectors U (n x rank) of a randomised approximation of A,
 * positive semidefinite: P^-1 = (lambda_rank + mu) U (Lambda + mu I)^-1 U' + I - U U'. An update costs `rank`
 * products with A, in one call, and memory is 2 rank x n. The random numbers are (seed, GN_STREAM_AUXILIARY).
 * Z. Frangella, J. A. Tropp and M. Udell, "Randomized Nystrom preconditioning", SIAM J. Matrix Anal. Appl. 44
 * (2023). */
gn_status gn_preconditioner_create_nystrom(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                           size_t rank, uint64_t seed, gn_operator a,
                                           gn_preconditioner **preconditioner);

#endif
