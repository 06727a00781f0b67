/* The linearization: a residual map r(theta), M rows, and its Jacobian J (M x P) at a point, as a linear map.
 * Solvers, optimisers and observers know nothing else of a network or of a user's own problem.
 *
 * J = df/dtheta, row m = n*C + c. Squared error: r = f - y, loss = (1/M) sum r^2, gradient = (2/M) J'r,
 * output Hessian H = I. Cross-entropy: targets y whose rows sum to 1 (one-hot), p = softmax(f), r = p - y,
 * loss = -(1/N) sum y log p, gradient = (1/N) J'r, H = diag(p) - p p' of each sample. A transformer that
 * reads T positions has a softmax at each, y one class at each, and the loss is the mean of all N T. */
#ifndef GNEWT_LINEARIZATION_H
#define GNEWT_LINEARIZATION_H

#include "gnewt/network.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gn_linearization gn_linearization;

typedef enum gn_loss { GN_LOSS_SQUARED, GN_LOSS_CROSS_ENTROPY } gn_loss;

/* The linearization of a network on up to `capacity` samples, in float32 or float64. Keeps a reference to the
 * network, which must outlive it. Memory: about capacity * (sum of widths) * 4 elements; a first Gram adds
 * capacity * C * (sum of widths). Errors: MEMORY, ARGUMENT: cross-entropy of one class. */
gn_status gn_linearization_create(gn_network *network, gn_loss loss, gn_dtype dtype, size_t capacity,
                                  gn_linearization **linearization);

/* A user's own residual map. Arrays are on the context's device; theta and v are (P), r and u are (M).
 * Each returns GN_OK or the status that the caller of the linearization shall get. */
typedef struct gn_residual_callbacks {
    gn_status (*residual)(void *user, const gn_array *theta, gn_array *r);
    gn_status (*jvp)(void *user, const gn_array *theta, const gn_array *v, gn_array *jv);
    gn_status (*vjp)(void *user, const gn_array *theta, const gn_array *u, gn_array *jtu);
    /* Optional: J whole (M x P). Absent: built from vjp of unit vectors. */
    gn_status (*jacobian)(void *user, const gn_array *theta, gn_array *j);
} gn_residual_callbacks;

gn_status gn_linearization_create_callbacks(gn_context *context, gn_dtype dtype, size_t rows,
                                            size_t parameters, const gn_residual_callbacks *callbacks,
                                            void *user, gn_linearization **linearization);
void gn_linearization_destroy(gn_linearization *linearization);

/* M for the current batch, and P. */
size_t gn_linearization_rows(const gn_linearization *linearization);
size_t gn_linearization_parameters(const gn_linearization *linearization);
gn_dtype gn_linearization_dtype(const gn_linearization *linearization);

/* The batch: inputs (N x features), targets (N x C), N <= capacity. Both are borrowed until the next call.
 * A network's linearization only (else UNSUPPORTED). Errors: SHAPE. */
gn_status gn_linearization_set_batch(gn_linearization *linearization, const gn_array *inputs,
                                     const gn_array *targets);
/* weights (M, or NULL: all 1) of the batch's rows in the mean loss, (1/M) sum w r^2, and in its gradient; of
 * nothing else: J, its products and the Gauss-Newton family do not see them. Borrowed until the next
 * set_batch, which forgets them. Squared error only (else UNSUPPORTED). Errors: SHAPE. */
gn_status gn_linearization_set_weights(gn_linearization *linearization, const gn_array *weights);
/* theta_0 (P) of a centred network; copied. Ignored by others. To be called before set_batch. */
gn_status gn_linearization_set_reference(gn_linearization *linearization, const gn_array *theta0);
/* The point: evaluates r at theta (P). theta is borrowed until the next call; whoever changes its content
 * calls this again. */
gn_status gn_linearization_set_point(gn_linearization *linearization, const gn_array *theta);

/* At the point: outputs f (N x C; a network's only), residual r (M), the mean loss on the host (waits for the
 * device). */
gn_status gn_linearization_outputs(gn_linearization *linearization, gn_array *f);
gn_status gn_linearization_residual(gn_linearization *linearization, gn_array *r);
gn_status gn_linearization_loss(gn_linearization *linearization, double *loss);
/* jv (M) = J v;  jtu (P) = J'u;  g (P) = gradient of the mean loss. */
gn_status gn_linearization_jvp(gn_linearization *linearization, const gn_array *v, gn_array *jv);
gn_status gn_linearization_vjp(gn_linearization *linearization, const gn_array *u, gn_array *jtu);
gn_status gn_linearization_gradient(gn_linearization *linearization, gn_array *g);
/* out (P) = weight J'H J v: a product with the Gauss-Newton matrix, J never formed. out may be v. */
gn_status gn_linearization_ggn_product(gn_linearization *linearization, double weight, const gn_array *v,
                                       gn_array *out);
/* hv (P) = H v, the Hessian of the mean loss at the point: its Gauss-Newton part and the residual's, sum_m
 * (dL/df_m) (d2 f_m) v, both exact; the rows' weights count. relu's second derivative is 0. A layer costs
 * seven products of its size (a gradient: two, with the point: three), one more in a PDE's network. The first
 * call makes the buffers that it needs. Errors: MEMORY; ARGUMENT: hv is v; UNSUPPORTED for callbacks, and
 * for a network's operation without a rule for it (all of gnewt's have one), which the message names. */
gn_status gn_linearization_hessian_product(gn_linearization *linearization, const gn_array *v, gn_array *hv);
/* j ((rows of `samples` samples from `first`) x P): a block of J; rows per sample is C (1 for callbacks). */
gn_status gn_linearization_jacobian(gn_linearization *linearization, size_t first, size_t samples,
                                    gn_array *j);
/* k (M x M) = J J', symmetric, both triangles; a network's is never made from J.
 * MEMORY, with the sizes, where the rows of cotangents it needs do not fit. */
gn_status gn_linearization_gram(gn_linearization *linearization, gn_array *k);
/* k (M x M'): J J'^T between this and another linearization of the same network at their own points and
 * batches. */
gn_status gn_linearization_gram_cross(gn_linearization *linearization, gn_linearization *other, gn_array *k);
/* d (P): the diagonal of J'J, and of J'H J. */
gn_status gn_linearization_diagonal(gn_linearization *linearization, gn_array *d);
gn_status gn_linearization_ggn_diagonal(gn_linearization *linearization, gn_array *d);

#ifdef __cplusplus
}
#endif
#endif
