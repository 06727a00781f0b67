/* Preconditioners: P near A + mu I, symmetric and positive definite, given by z = P^-1 r. */
#ifndef GN_SOLVE_PRECONDITIONER_H
#define GN_SOLVE_PRECONDITIONER_H

#include <stdint.h>

#include "solve/operator.h"

typedef struct gn_preconditioner gn_preconditioner;

/* What an implementation provides; its struct begins with a gn_preconditioner. */
typedef struct gn_preconditioner_interface {
    /* Looks at A anew. */
    gn_status (*update)(gn_preconditioner *self);
    /* Makes P of what update saw and of self->damping. */
    gn_status (*refresh)(gn_preconditioner *self);
    /* z = P^-1 r, rows x n. Solvers record it: update and refresh change no more than what device memory
     * holds. */
    gn_status (*apply)(gn_preconditioner *self, const void *r, void *z);
    void (*destroy)(gn_preconditioner *self); /* frees all but the damping and the struct's own memory */
} gn_preconditioner_interface;

struct gn_preconditioner {
    const gn_preconditioner_interface *interface;
    gn_context *context;
    gn_dtype dtype;
    size_t rows, n;
    double *damping; /* mu of each row, on the host; 0 at first */
    bool ready;      /* updated at least once */
};

/* For implementations: the common part of a zeroed struct. Errors: MEMORY. */
gn_status gn_preconditioner_prepare(gn_preconditioner *self, const gn_preconditioner_interface *interface,
                                    gn_context *context, gn_dtype dtype, size_t rows, size_t n);

/* Looks at the operator at its present point: needed before the first solve, and again when A has changed
 * enough; P stays what it was until then. Waits for the device, in some. */
gn_status gn_preconditioner_update(gn_preconditioner *preconditioner);
/* For solvers: mu of each row. Costs nothing where none has changed. */
gn_status gn_preconditioner_set_damping(gn_preconditioner *preconditioner, const double *damping);
/* NULL is allowed. */
void gn_preconditioner_destroy(gn_preconditioner *preconditioner);

/* P = diag(A) + mu I. diagonal(user, d) writes the diagonal of A (n), which has no negative entry. Where it
 * is 0 and mu is, P^-1 is 0: nothing moves there. Memory: (rows + 2) x n. */
gn_status gn_preconditioner_create_jacobi(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                          gn_status (*diagonal)(void *user, void *d), void *user,
                                          gn_preconditioner **preconditioner);

/* With the largest eigenvalues Lambda and eigenvectors U (n x rank) of a randomised approximation of A,
 * positive semidefinite: P^-1 = (lambda_rank + mu) U (Lambda + mu I)^-1 U' + I - U U'. An update costs `rank`
 * products with A, in one call, and some 8 n rank^2 operations; memory is 3 rank x n. The test matrix comes
 * from (seed, GN_STREAM_AUXILIARY), once. Z. Frangella, J. A. Tropp and M. Udell, "Randomized Nystrom
 * preconditioning", SIAM J. Matrix Anal. Appl. 44 (2023). */
gn_status gn_preconditioner_create_nystrom(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                           size_t rank, uint64_t seed, gn_operator a,
                                           gn_preconditioner **preconditioner);

/* A layer of weights (out x in, row-major) and, unless that is GN_KRONECKER_NO_BIAS, a bias (out): where they
 * begin among the n unknowns. No padding. */
#define GN_KRONECKER_NO_BIAS ((size_t)-1)
typedef struct gn_kronecker_shape {
    size_t out, in, weight, bias;
} gn_kronecker_shape;

/* What knows the layers and their factors at A's present point. */
typedef struct gn_kronecker_source {
    size_t (*layers)(void *user);
    gn_kronecker_shape (*shape)(void *user, size_t layer);
    /* The lower triangles of a (in' x in', in' = in, or in + 1: the bias comes last) and b (out x out), A's
     * block being about b (x) a. */
    gn_status (*factors)(void *user, size_t layer, void *a, void *b);
    /* As Jacobi's, of the unknowns that are in no layer; 0 for the others. Not called where all are in one.
     */
    gn_status (*diagonal)(void *user, void *d);
    void *user;
} gn_kronecker_source;

/* P = the layers' blocks (b + delta I) (x) (a + epsilon I) with delta epsilon = mu, and diag(A) + mu I of the
 * rest; delta and epsilon are raised where rounding asks for it. An update looks at the layers, makes the
 * memory at the first time, (rows + 1) x the squares of all in' and out, and inverts them by Cholesky, some 2
 * (in'^3 + out^3) operations; applying costs two products a layer. It pays where A's own condition, not mu,
 * is what CG iterates for. J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored
 * approximate curvature", ICML 2015. */
gn_status gn_preconditioner_create_kfac(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                        gn_kronecker_source source, gn_preconditioner **preconditioner);
/* Makes now the memory that the first update would make; MEMORY says what does not fit, UNSUPPORTED that
 * there is no layer. */
gn_status gn_preconditioner_reserve_kfac(gn_preconditioner *preconditioner);

#endif
