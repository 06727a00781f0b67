/* The public face: checks, then the implementation. */
#include "linearization/linearization.h"

#include <stdlib.h>

#include "core/profile.h"

gn_status gn_linearization_prepare(gn_linearization *self, const gn_linearization_interface *interface,
                                   gn_context *context, gn_dtype dtype, gn_loss loss, size_t rows,
                                   size_t parameters) {
    self->interface = interface;
    self->context = context;
    self->dtype = dtype;
    self->loss = loss;
    self->parameters = parameters;
    self->positions = 1;
    if (loss == GN_LOSS_CROSS_ENTROPY)
        GN_TRY(gn_buffer_create(context, &self->probabilities, dtype, rows, 1, "probabilities"));
    GN_TRY(gn_buffer_create(context, &self->residual, dtype, rows, 1, "the residual"));
    GN_TRY(gn_buffer_create(context, &self->cotangent, dtype, rows, 1, "the residual's cotangent"));
    return gn_buffer_create(context, &self->loss_sum, GN_FLOAT64, 2, 1, "the loss");
}

void gn_linearization_destroy(gn_linearization *self) {
    if (!self)
        return;
    self->interface->destroy(self);
    gn_buffer_destroy(&self->residual);
    gn_buffer_destroy(&self->cotangent);
    gn_buffer_destroy(&self->cotangent_dot);
    gn_buffer_destroy(&self->loss_sum);
    gn_buffer_destroy(&self->probabilities);
    gn_buffer_destroy(&self->root_residual);
    free(self);
}

size_t gn_linearization_rows(const gn_linearization *self) {
    return self->samples * self->outputs;
}

double gn_linearization_terms(const gn_linearization *self) {
    return (double)(self->loss == GN_LOSS_SQUARED ? gn_linearization_rows(self)
                                                  : self->samples * self->positions);
}

double gn_linearization_measure(const gn_linearization *self) {
    return gn_linearization_terms(self) * (self->loss == GN_LOSS_SQUARED ? 0.5 : 1.0);
}

size_t gn_linearization_parameters(const gn_linearization *self) {
    return self->parameters;
}

gn_dtype gn_linearization_dtype(const gn_linearization *self) {
    return self->dtype;
}

gn_status gn_linearization_set_batch(gn_linearization *self, const gn_array *inputs,
                                     const gn_array *targets) {
    if (!self->interface->set_batch)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED, "a linearization made of callbacks has no batch");
    if (!inputs || !targets)
        return gn_fail(self->context, GN_ERROR_ARGUMENT, "a batch needs inputs and targets; one is NULL");
    self->theta = NULL;
    GN_TRY(self->interface->set_batch(self, inputs, targets));
    self->inputs = inputs->data;
    self->targets = targets->data;
    self->weights = NULL;
    return GN_OK;
}

gn_status gn_linearization_set_weights(gn_linearization *self, const gn_array *weights) {
    self->theta = NULL;
    self->weights = NULL;
    if (!weights)
        return GN_OK;
    if (self->loss != GN_LOSS_SQUARED)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED, "rows have weights in squared error alone");
    GN_TRY(gn_array_expect(self->context, weights, self->dtype, gn_linearization_rows(self), "weights"));
    self->weights = weights->data;
    return GN_OK;
}

gn_status gn_linearization_take_batch(gn_linearization *self, gn_sampler *sampler, uint64_t step) {
    gn_array *inputs, *targets;
    GN_TRY(gn_sampler_batch(sampler, step, &inputs, &targets));
    GN_TRY(gn_linearization_set_batch(self, inputs, targets));
    return gn_linearization_set_weights(self, gn_sampler_weights(sampler));
}

gn_status gn_linearization_set_reference(gn_linearization *self, const gn_array *theta0) {
    GN_TRY(gn_array_expect(self->context, theta0, self->dtype, self->parameters, "theta_0"));
    return self->interface->set_reference ? self->interface->set_reference(self, theta0) : GN_OK;
}

/* A point whose evaluation failed is none. */
static gn_status kept_if(gn_linearization *self, gn_status status) {
    if (status != GN_OK)
        self->theta = NULL;
    return status;
}

gn_status gn_linearization_begin(gn_linearization *self, const gn_array *theta) {
    GN_TRY(gn_array_expect(self->context, theta, self->dtype, self->parameters, "theta"));
    if (self->samples == 0)
        return gn_fail(
            self->context, GN_ERROR_ARGUMENT,
            "the linearization has no batch: call gn_linearization_set_batch with one sample or more");
    self->theta = theta;
    return kept_if(self, self->interface->begin ? self->interface->begin(self) : GN_OK);
}

/* cotangent = w r */
static gn_status weigh(gn_linearization *self) {
    return GN_OP(self->context, multiply, self->dtype, gn_linearization_rows(self), self->weights,
                 self->residual.data, self->cotangent.data);
}

gn_status gn_linearization_evaluate(gn_linearization *self) {
    double *sums = self->loss_sum.data;
    GN_RANGE("forward");
    GN_TRY(kept_if(self, self->interface->evaluate(self)));
    if (!self->weights)
        return GN_OK;
    GN_TRY(weigh(self));
    GN_TRY(GN_OP(self->context, copy, sums + 1, sums, sizeof(double)));
    return GN_OP(self->context, dot, self->dtype, gn_linearization_rows(self), self->cotangent.data,
                 self->residual.data, sums);
}

gn_status gn_linearization_set_point(gn_linearization *self, const gn_array *theta) {
    GN_TRY(gn_linearization_begin(self, theta));
    return gn_linearization_evaluate(self);
}

/* Everything below is about the point. */
static gn_status expect_point(const gn_linearization *self) {
    if (self->theta)
        return GN_OK;
    return gn_fail(self->context, GN_ERROR_ARGUMENT,
                   "the linearization has no point for this batch: call gn_linearization_set_point first");
}

gn_status gn_linearization_outputs(gn_linearization *self, gn_array *f) {
    if (!self->interface->outputs)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       "a linearization made of callbacks has no outputs");
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, f, self->dtype, gn_linearization_rows(self), "outputs"));
    return self->interface->outputs(self, f);
}

gn_status gn_linearization_residual(gn_linearization *self, gn_array *r) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, r, self->dtype, gn_linearization_rows(self), "r"));
    return GN_OP(self->context, copy, r->data, self->residual.data,
                 gn_linearization_rows(self) * gn_dtype_size(self->dtype));
}

gn_status gn_linearization_loss(gn_linearization *self, double *loss) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_slots_read(self->context, self->loss_sum.data, 1, loss));
    *loss /= gn_linearization_terms(self);
    return GN_OK;
}

gn_status gn_linearization_objective(gn_linearization *self, double *objective) {
    GN_TRY(expect_point(self));
    GN_TRY(
        gn_slots_read(self->context, (double *)self->loss_sum.data + (self->weights ? 1 : 0), 1, objective));
    *objective /= gn_linearization_terms(self);
    return GN_OK;
}

gn_status gn_linearization_jvp(gn_linearization *self, const gn_array *v, gn_array *jv) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, v, self->dtype, self->parameters, "v"));
    GN_TRY(gn_array_expect(self->context, jv, self->dtype, gn_linearization_rows(self), "jv"));
    return self->interface->jvp(self, v, jv);
}

gn_status gn_linearization_vjp(gn_linearization *self, const gn_array *u, gn_array *jtu) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, u, self->dtype, gn_linearization_rows(self), "u"));
    GN_TRY(gn_array_expect(self->context, jtu, self->dtype, self->parameters, "jtu"));
    return self->interface->vjp(self, u, jtu);
}

/* cotangent = r / measure, r weighted */
static gn_status fill_cotangent(gn_linearization *self) {
    if (self->weights)
        GN_TRY(weigh(self));
    const void *r = self->weights ? self->cotangent.data : self->residual.data;
    return GN_OP(self->context, axpby, self->dtype, gn_linearization_rows(self),
                 1 / gn_linearization_measure(self), r, 0.0, self->cotangent.data);
}

gn_status gn_linearization_gradient(gn_linearization *self, gn_array *g) {
    GN_RANGE("gradient");
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, g, self->dtype, self->parameters, "g"));
    GN_TRY(fill_cotangent(self));
    gn_array cotangent =
        gn_array_view(self->context, self->dtype, gn_linearization_rows(self), 1, self->cotangent.data);
    return self->interface->vjp(self, &cotangent, g);
}

/* u <- weight H u */
static gn_status apply_hessian(gn_linearization *self, double weight, void *u) {
    size_t rows = gn_linearization_rows(self);
    if (self->loss == GN_LOSS_CROSS_ENTROPY)
        return GN_OP(self->context, softmax_hessian, self->dtype, self->samples * self->positions,
                     self->outputs / self->positions, weight, self->probabilities.data, u, u);
    return weight == 1 ? GN_OK : GN_OP(self->context, axpby, self->dtype, rows, weight, u, 0.0, u);
}

gn_status gn_linearization_ggn_product(gn_linearization *self, double weight, const gn_array *v,
                                       gn_array *out) {
    gn_array u =
        gn_array_view(self->context, self->dtype, gn_linearization_rows(self), 1, self->cotangent.data);
    GN_TRY(gn_linearization_jvp(self, v, &u));
    GN_TRY(apply_hessian(self, weight, u.data));
    return gn_linearization_vjp(self, &u, out);
}

gn_status gn_linearization_turn(gn_linearization *self) {
    void *tangent = self->cotangent_dot.data;
    GN_TRY(fill_cotangent(self));
    if (self->weights)
        GN_TRY(GN_OP(self->context, multiply, self->dtype, gn_linearization_rows(self), self->weights,
                     tangent, tangent));
    return apply_hessian(self, 1 / gn_linearization_measure(self), tangent);
}

gn_status gn_linearization_hessian_product(gn_linearization *self, const gn_array *v, gn_array *hv) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, v, self->dtype, self->parameters, "v"));
    GN_TRY(gn_array_expect(self->context, hv, self->dtype, self->parameters, "hv"));
    if (!self->interface->hessian_product)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       "a linearization made of callbacks knows no second derivatives: its Gauss-Newton part "
                       "is gn_linearization_ggn_product");
    if (v->data == hv->data)
        return gn_fail(self->context, GN_ERROR_ARGUMENT,
                       "a Hessian product reads v until its end: give another array for hv");
    if (!self->cotangent_dot.data)
        GN_TRY(gn_buffer_create(self->context, &self->cotangent_dot, self->dtype,
                                gn_array_count(&self->residual), 1, "the tangent of a cotangent"));
    return self->interface->hessian_product(self, v, hv);
}

static gn_status fill_jacobian(gn_linearization *self, bool root, size_t first, size_t samples, gn_array *j) {
    GN_TRY(expect_point(self));
    if (first > self->samples || samples > self->samples - first)
        return gn_fail(self->context, GN_ERROR_ARGUMENT,
                       "samples %zu to %zu of the Jacobian: the batch has %zu", first, first + samples,
                       self->samples);
    GN_TRY(gn_array_expect(self->context, j, self->dtype, samples * self->outputs * self->parameters, "j"));
    return self->interface->jacobian(self, root, first, samples, j);
}

gn_status gn_linearization_jacobian(gn_linearization *self, size_t first, size_t samples, gn_array *j) {
    return fill_jacobian(self, false, first, samples, j);
}

static gn_status fill_gram(gn_linearization *self, bool root, gn_array *k) {
    GN_TRY(expect_point(self));
    size_t rows = gn_linearization_rows(self);
    GN_TRY(gn_array_expect(self->context, k, self->dtype, rows * rows, "k"));
    return self->interface->gram(self, root, k);
}

gn_status gn_linearization_gram(gn_linearization *self, gn_array *k) {
    size_t rows = gn_linearization_rows(self);
    GN_TRY(fill_gram(self, false, k));
    return GN_OP(self->context, symmetrize, self->dtype, rows, k->data, rows);
}

gn_status gn_linearization_gram_cross(gn_linearization *self, gn_linearization *other, gn_array *k) {
    GN_TRY(expect_point(self));
    GN_TRY(expect_point(other));
    if (self->interface != other->interface || self->parameters != other->parameters ||
        self->context != other->context || self->dtype != other->dtype || self->outputs != other->outputs)
        return gn_fail(self->context, GN_ERROR_SHAPE,
                       "a cross Gram needs two linearizations of the same network, type and context");
    GN_TRY(gn_array_expect(self->context, k, self->dtype,
                           gn_linearization_rows(self) * gn_linearization_rows(other), "k"));
    return self->interface->gram_cross(self, other, k);
}

/* S of cross-entropy; squared error's is I. */
static bool has_root(const gn_linearization *self) {
    return self->loss == GN_LOSS_CROSS_ENTROPY;
}

static gn_status make_root_residual(gn_linearization *self) {
    if (!has_root(self) || self->root_residual.data)
        return GN_OK;
    return gn_buffer_create(self->context, &self->root_residual, self->dtype, gn_array_count(&self->residual),
                            1, "the residual of a solve");
}

gn_status gn_linearization_reserve(gn_linearization *self, bool gram, bool diagonal) {
    GN_TRY(make_root_residual(self));
    return self->interface->reserve ? self->interface->reserve(self, gram, diagonal) : GN_OK;
}

gn_status gn_linearization_make_rows(gn_linearization *self) {
    return self->interface->make_rows ? self->interface->make_rows(self) : GN_OK;
}

static gn_status fill_diagonal(gn_linearization *self, bool root, gn_array *d) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, d, self->dtype, self->parameters, "d"));
    return self->interface->diagonal(self, root, d);
}

gn_status gn_linearization_diagonal(gn_linearization *self, gn_array *d) {
    return fill_diagonal(self, false, d);
}

/* ---- the root of the Gauss-Newton matrix ---- */

gn_status gn_linearization_ggn_diagonal(gn_linearization *self, gn_array *d) {
    return fill_diagonal(self, has_root(self), d);
}

const gn_parameter *gn_linearization_named(gn_linearization *self, size_t *count) {
    *count = 0;
    return self->interface->named ? self->interface->named(self, count) : NULL;
}

size_t gn_linearization_layers(gn_linearization *self) {
    return self->interface->layers ? self->interface->layers(self) : 0;
}

gn_linearization_layer gn_linearization_layer_of(gn_linearization *self, size_t layer) {
    return self->interface->layer(self, layer);
}

gn_status gn_linearization_layer_factors(gn_linearization *self, size_t layer, double scale, void *a,
                                         void *b) {
    GN_TRY(expect_point(self));
    return self->interface->factors(self, has_root(self), layer, scale, a, b);
}

gn_status gn_linearization_rest_diagonal(gn_linearization *self, gn_array *d) {
    GN_TRY(expect_point(self));
    GN_TRY(gn_array_expect(self->context, d, self->dtype, self->parameters, "d"));
    return self->interface->rest_diagonal(self, has_root(self), d);
}

gn_status gn_linearization_root_gram(gn_linearization *self, gn_array *k) {
    return fill_gram(self, has_root(self), k);
}

gn_status gn_linearization_root_jacobian(gn_linearization *self, size_t first, size_t samples, gn_array *j) {
    return fill_jacobian(self, has_root(self), first, samples, j);
}

gn_status gn_linearization_normal_by_rows(gn_linearization *self, bool root, gn_array *block, void *k) {
    const size_t p = self->parameters, c = self->outputs, n = self->samples;
    const size_t step = gn_array_count(block) / (c * p);
    for (size_t first = 0; first < n; first += step) {
        const size_t samples = n - first < step ? n - first : step;
        gn_array j = gn_array_view(self->context, self->dtype, samples * c, p, block->data);
        GN_TRY(self->interface->jacobian(self, root, first, samples, &j));
        GN_TRY(GN_OP(self->context, syrk, self->dtype, true, p, samples * c, 1.0, j.data, p,
                     first ? 1.0 : 0.0, k, p));
    }
    return GN_OK;
}

gn_status gn_linearization_root_normal(gn_linearization *self, gn_array *block, void *k) {
    GN_TRY(expect_point(self));
    if (self->interface->normal)
        return self->interface->normal(self, has_root(self), block, k);
    return gn_linearization_normal_by_rows(self, has_root(self), block, k);
}

gn_status gn_linearization_root_vjp(gn_linearization *self, const gn_array *u, gn_array *d) {
    return has_root(self) ? self->interface->root_vjp(self, u, d) : self->interface->vjp(self, u, d);
}

/* x (M) <- S^-1 x, for rows of x that sum to 0. */
static gn_status solve_root(gn_linearization *self, const void *from, void *x) {
    return GN_OP(self->context, softmax_root_solve, self->dtype, gn_linearization_rows(self),
                 self->probabilities.data, from, x);
}

/* out (M) = S u, or S'u */
static gn_status multiply_root(gn_linearization *self, bool transpose, const void *u, void *out) {
    return GN_OP(self->context, softmax_root_multiply, self->dtype, transpose,
                 self->samples * self->positions, self->outputs / self->positions, self->probabilities.data,
                 u, out);
}

gn_status gn_linearization_root_jvp(gn_linearization *self, const gn_array *v, gn_array *u) {
    GN_TRY(self->interface->jvp(self, v, u));
    return has_root(self) ? multiply_root(self, true, u->data, u->data) : GN_OK;
}

gn_status gn_linearization_root_pull(gn_linearization *self, const gn_array *u, gn_array *d) {
    if (!has_root(self))
        return self->interface->vjp(self, u, d);
    gn_array su =
        gn_array_view(self->context, self->dtype, gn_linearization_rows(self), 1, self->cotangent.data);
    GN_TRY(multiply_root(self, false, u->data, su.data));
    return self->interface->vjp(self, &su, d);
}

gn_status gn_linearization_write_root_residual(gn_linearization *self, void *t) {
    if (has_root(self))
        return solve_root(self, self->residual.data, t);
    return GN_OP(self->context, copy, t, self->residual.data,
                 gn_linearization_rows(self) * gn_dtype_size(self->dtype));
}

gn_status gn_linearization_root_solve(gn_linearization *self, const void *x, const void **t) {
    *t = x;
    if (!has_root(self))
        return GN_OK;
    GN_TRY(make_root_residual(self));
    *t = self->root_residual.data;
    return solve_root(self, x, self->root_residual.data);
}

gn_status gn_linearization_root_residual(gn_linearization *self, const void **t) {
    return gn_linearization_root_solve(self, self->residual.data, t);
}
