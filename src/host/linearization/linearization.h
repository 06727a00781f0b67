/* The inside of a linearization: one interface, several implementations (network.c, callbacks.c). */
#ifndef GN_LINEARIZATION_LINEARIZATION_H
#define GN_LINEARIZATION_LINEARIZATION_H

#include "backend/context.h"
#include "gnewt/linearization.h"
#include "gnewt/problem.h"

/* A layer: where its weights (out x in) and bias (out; GN_NO_PARAMETER: none) begin among the parameters. */
typedef struct gn_linearization_layer {
    size_t out, in, weight, bias;
} gn_linearization_layer;

/* What an implementation provides; arrays have been checked. NULL: see the comment. */
typedef struct gn_linearization_interface {
    gn_status (*set_batch)(gn_linearization *self, const gn_array *inputs,
                           const gn_array *targets);                            /* or none */
    gn_status (*set_reference)(gn_linearization *self, const gn_array *theta0); /* or none */
    gn_status (*begin)(gn_linearization *self); /* or none: a new point or batch, before evaluate */
    /* writes self->residual and self->loss_sum at self->theta */
    gn_status (*evaluate)(gn_linearization *self);
    gn_status (*outputs)(gn_linearization *self, gn_array *f); /* or none */
    gn_status (*jvp)(gn_linearization *self, const gn_array *v, gn_array *jv);
    gn_status (*vjp)(gn_linearization *self, const gn_array *u, gn_array *jtu);
    /* or none: hv = J'du + sum_m u_m (d2 f_m) v; gn_linearization_turn() gives u and du from J v */
    gn_status (*hessian_product)(gn_linearization *self, const gn_array *v, gn_array *hv);
    /* root: of S'J in place of J, where the loss has an S (below) */
    gn_status (*jacobian)(gn_linearization *self, bool root, size_t first, size_t samples, gn_array *j);
    gn_status (*gram)(gn_linearization *self, bool root, gn_array *k); /* the lower triangle */
    gn_status (*gram_cross)(gn_linearization *self, gn_linearization *other, gn_array *k);
    gn_status (*diagonal)(gn_linearization *self, bool root, gn_array *d);
    /* or none: rows of J are multiplied. As gn_linearization_root_normal() */
    gn_status (*normal)(gn_linearization *self, bool root, gn_array *block, void *k);
    /* or none, all four: layers that have Kronecker factors */
    size_t (*layers)(gn_linearization *self);
    gn_linearization_layer (*layer)(gn_linearization *self, size_t layer);
    gn_status (*factors)(gn_linearization *self, bool root, size_t layer, double scale, void *a, void *b);
    gn_status (*rest_diagonal)(gn_linearization *self, bool root, gn_array *d);
    gn_status (*root_vjp)(gn_linearization *self, const gn_array *u, gn_array *d); /* J'S u */
    gn_status (*reserve)(gn_linearization *self, bool gram, bool diagonal);        /* or none */
    gn_status (*make_rows)(gn_linearization *self);                                /* or none */
    void (*destroy)(gn_linearization *self);
    const gn_parameter *(*named)(gn_linearization *self, size_t *count); /* or none */
    /* evaluate, jvp, vjp and gram only give the device work: they may be part of a program (program.h) whose
     * key holds theta, inputs, targets and samples */
    bool recordable;
} gn_linearization_interface;

struct gn_linearization {
    const gn_linearization_interface *interface;
    gn_context *context;
    gn_dtype dtype;
    gn_loss loss;
    size_t samples, outputs; /* N and C of the current batch; M = N C */
    size_t positions;       /* a sample's outputs are so many groups: cross-entropy takes a softmax of each */
    size_t parameters;      /* P */
    gn_array residual;      /* M at most; r at the point */
    gn_array loss_sum;      /* 2 doubles at the point: sum w r^2, or -sum y log p; the same without w */
    gn_array probabilities; /* cross-entropy: M at most; p at the point */
    gn_array root_residual; /* cross-entropy: M at most; t, where it was asked for */
    gn_array cotangent;     /* M at most; of the mean loss */
    gn_array cotangent_dot; /* M at most; its tangent, made at the first need */
    const gn_array *theta;  /* the point, NULL before the first */
    const void *inputs, *targets; /* the batch's memory, where there is one */
    const void *weights;          /* M, or NULL: of the rows in the mean loss and its gradient */
};

/* The part all implementations share: buffers for `rows` residuals. The struct is zeroed before. */
gn_status gn_linearization_prepare(gn_linearization *self, const gn_linearization_interface *interface,
                                   gn_context *context, gn_dtype dtype, gn_loss loss, size_t rows,
                                   size_t parameters);

/* The sampler's batch of step `step` (from 0), with its rows' weights. */
gn_status gn_linearization_take_batch(gn_linearization *self, gn_sampler *sampler, uint64_t step);

/* gn_linearization_set_point() in two: the host's part, and the device's, which a program may record. */
gn_status gn_linearization_begin(gn_linearization *self, const gn_array *theta);
gn_status gn_linearization_evaluate(gn_linearization *self);

/* The mean loss is a mean of so many terms: M of squared error, N T of cross-entropy at T positions. */
double gn_linearization_terms(const gn_linearization *self);
/* J'r is the gradient of `measure` times the mean loss, and J'H J its Gauss-Newton matrix: M/2, or N T. */
double gn_linearization_measure(const gn_linearization *self);

/* For hessian_product(): cotangent = the gradient of the mean loss in f, and cotangent_dot, which holds J v,
 * becomes its tangent: the mean loss's Hessian in f times J v. */
gn_status gn_linearization_turn(gn_linearization *self);

/* The mean loss with all weights 1: what the Gauss-Newton family lowers. Waits for the device. */
gn_status gn_linearization_objective(gn_linearization *self, double *objective);

/* The Gauss-Newton matrix as a product with itself: J'H J = B B', B = J'S (P x M) and H = S S'. S = I for
 * squared error; for cross-entropy it is block diagonal, a block a softmax (softmax_root in backend.h). Dense
 * solves work with it: (B B' + mu I) d = B t has the solution d = B (B'B + mu I)^-1 t. */
/* k (M x M) = B'B, the lower triangle alone: what a factorisation reads. */
gn_status gn_linearization_root_gram(gn_linearization *self, gn_array *k);
/* j: rows of B', as gn_linearization_jacobian() gives them of J. */
gn_status gn_linearization_root_jacobian(gn_linearization *self, size_t first, size_t samples, gn_array *j);
/* k (P x P) = B B', the lower triangle; the upper one may be written. block: scratch that holds a sample's
 * rows of J or more; of a network of linear layers with several outputs J's rows are never made. */
gn_status gn_linearization_root_normal(gn_linearization *self, gn_array *block, void *k);
/* The same from J's rows, for implementations. */
gn_status gn_linearization_normal_by_rows(gn_linearization *self, bool root, gn_array *block, void *k);
/* d (P) = B u. */
gn_status gn_linearization_root_vjp(gn_linearization *self, const gn_array *u, gn_array *d);
/* The same by one pass back, without the cotangents of every output that it takes there. u may be the
 * linearization's cotangent. */
gn_status gn_linearization_root_pull(gn_linearization *self, const gn_array *u, gn_array *d);
/* u (M) = B'v. u may be what root_residual() gave. */
gn_status gn_linearization_root_jvp(gn_linearization *self, const gn_array *v, gn_array *u);
/* t (M) with S t = x, whose samples' entries sum to 0 as those of r and its derivatives do; *t is x itself,
 * or the linearization's memory. */
gn_status gn_linearization_root_solve(gn_linearization *self, const void *x, const void **t);
/* The same of r. */
gn_status gn_linearization_root_residual(gn_linearization *self, const void **t);
/* The same, written to t. */
gn_status gn_linearization_write_root_residual(gn_linearization *self, void *t);

/* k (M x M) = J diag(s)^2 J', s (P), both triangles. Rows of J come in blocks of as many samples as fit into
 * each of two buffers, a and b, at least a sample's; where a holds all of J, b is not used. */
gn_status gn_linearization_weighted_gram(gn_linearization *self, const gn_array *s, gn_array *a, gn_array *b,
                                         gn_array *k);
/* Elements of such a buffer that suit it, within `most` bytes where a sample's rows fit. */
size_t gn_linearization_weighted_block(const gn_linearization *self, double most);

/* What a Gram at this point leaves behind, the cotangents of every output: a vjp may go by them, and rounds
 * otherwise than without. */
gn_status gn_linearization_make_rows(gn_linearization *self);

/* Layers whose block of J'H J is about a Kronecker product b (x) a (K-FAC), and their number: 0 for
 * callbacks. */
size_t gn_linearization_layers(gn_linearization *self);
gn_linearization_layer gn_linearization_layer_of(gn_linearization *self, size_t layer);
/* The lower triangles of a (in' x in', in' = in, or in + 1 with the bias last: the mean of the layer's inputs
 * times themselves) and b (out x out: `scale` times the sum over outputs of the layer's cotangents times
 * themselves, exact), at the point. */
gn_status gn_linearization_layer_factors(gn_linearization *self, size_t layer, double scale, void *a,
                                         void *b);
/* d (P): the diagonal of J'H J in the parameters of no layer, 0 in others. */
gn_status gn_linearization_rest_diagonal(gn_linearization *self, gn_array *d);

/* The parameters by name, with their shapes, and their number: NULL for callbacks. */
const gn_parameter *gn_linearization_named(gn_linearization *self, size_t *count);

/* Makes now what the first Jacobian and, where asked for, the first Gram and the first diagonal would make:
 * so its memory is known to fit before a run begins, and no step allocates. */
gn_status gn_linearization_reserve(gn_linearization *self, bool gram, bool diagonal);

#endif
