/* A user's own residual map. What the user does not provide is built from products with unit vectors. */
#include "linearization/linearization.h"

#include <stdlib.h>

typedef struct callback_linearization {
    gn_linearization base; /* first: the two are one object */
    gn_residual_callbacks callbacks;
    void *user;
    gn_array jacobian; /* M x P, made at the first need */
    bool ready;        /* it belongs to the current point */
} callback_linearization;

static callback_linearization *of(gn_linearization *self) {
    return (callback_linearization *)self;
}

static gn_status evaluate(gn_linearization *self) {
    callback_linearization *l = of(self);
    l->ready = false;
    GN_TRY(l->callbacks.residual(l->user, self->theta, &self->residual));
    return GN_OP(self->context, dot, self->dtype, self->samples, self->residual.data, self->residual.data,
                 self->loss_sum.data);
}

static gn_status jvp(gn_linearization *self, const gn_array *v, gn_array *jv) {
    return of(self)->callbacks.jvp(of(self)->user, self->theta, v, jv);
}

static gn_status vjp(gn_linearization *self, const gn_array *u, gn_array *jtu) {
    return of(self)->callbacks.vjp(of(self)->user, self->theta, u, jtu);
}

static void *row(const gn_linearization *self, const gn_array *j, size_t i) {
    return (char *)j->data + i * self->parameters * gn_dtype_size(self->dtype);
}

/* Row m is J' e_m. The residual's cotangent buffer holds e_m. */
static gn_status rows_by_vjp(gn_linearization *self, size_t first, size_t rows, gn_array *j) {
    size_t size = gn_dtype_size(self->dtype);
    gn_array unit = gn_array_view(self->context, self->dtype, self->samples, 1, self->cotangent.data);
    for (size_t m = 0; m < rows; m++) {
        void *entry = (char *)unit.data + (first + m) * size;
        gn_array out = gn_array_view(self->context, self->dtype, self->parameters, 1, row(self, j, m));
        GN_TRY(GN_OP(self->context, zero, unit.data, self->samples * size));
        GN_TRY(GN_OP(self->context, fill, self->dtype, 1, 1.0, entry));
        GN_TRY(vjp(self, &unit, &out));
    }
    return GN_OK;
}

/* The whole of J, once a point. */
static gn_status make_jacobian(gn_linearization *self) {
    callback_linearization *l = of(self);
    if (l->ready)
        return GN_OK;
    if (!l->jacobian.data)
        GN_TRY(gn_buffer_create(self->context, &l->jacobian, self->dtype, self->samples, self->parameters,
                                "the Jacobian"));
    if (l->callbacks.jacobian)
        GN_TRY(l->callbacks.jacobian(l->user, self->theta, &l->jacobian));
    else
        GN_TRY(rows_by_vjp(self, 0, self->samples, &l->jacobian));
    l->ready = true;
    return GN_OK;
}

/* Squared error has no other root than I. */
static gn_status jacobian(gn_linearization *self, bool root, size_t first, size_t samples, gn_array *j) {
    (void)root;
    if (!of(self)->callbacks.jacobian)
        return rows_by_vjp(self, first, samples, j);
    GN_TRY(make_jacobian(self));
    return GN_OP(self->context, copy, j->data, row(self, &of(self)->jacobian, first),
                 samples * self->parameters * gn_dtype_size(self->dtype));
}

static gn_status gram(gn_linearization *self, bool root, gn_array *k) {
    (void)root;
    size_t m = self->samples, p = self->parameters;
    GN_TRY(make_jacobian(self));
    return GN_OP(self->context, syrk, self->dtype, false, m, p, 1.0, of(self)->jacobian.data, p, 0.0, k->data,
                 m);
}

static gn_status gram_cross(gn_linearization *self, gn_linearization *other, gn_array *k) {
    size_t p = self->parameters;
    GN_TRY(make_jacobian(self));
    GN_TRY(make_jacobian(other));
    return GN_OP(self->context, gemm, self->dtype, false, true, self->samples, other->samples, p, 1.0,
                 of(self)->jacobian.data, p, of(other)->jacobian.data, p, 0.0, k->data, other->samples);
}

static gn_status diagonal(gn_linearization *self, bool root, gn_array *d) {
    (void)root;
    callback_linearization *l = of(self);
    GN_TRY(make_jacobian(self));
    l->ready = false; /* squared in place */
    GN_TRY(GN_OP(self->context, multiply, self->dtype, self->samples * self->parameters, l->jacobian.data,
                 l->jacobian.data, l->jacobian.data));
    return GN_OP(self->context, column_sums, self->dtype, self->samples, self->parameters, l->jacobian.data,
                 d->data);
}

static void destroy(gn_linearization *self) {
    gn_buffer_destroy(&of(self)->jacobian);
}

static const gn_linearization_interface interface = {
    .evaluate = evaluate,
    .jvp = jvp,
    .vjp = vjp,
    .jacobian = jacobian,
    .gram = gram,
    .gram_cross = gram_cross,
    .diagonal = diagonal,
    .destroy = destroy,
};

gn_status gn_linearization_create_callbacks(gn_context *context, gn_dtype dtype, size_t rows,
                                            size_t parameters, const gn_residual_callbacks *callbacks,
                                            void *user, gn_linearization **out) {
    *out = NULL;
    if (!callbacks->residual || !callbacks->jvp || !callbacks->vjp)
        return gn_fail(context, GN_ERROR_ARGUMENT, "callbacks need residual, jvp and vjp: one is NULL");
    if (rows == 0 || parameters == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a residual map of %zu rows and %zu parameters: both must be > 0", rows, parameters);
    callback_linearization *l = calloc(1, sizeof *l);
    if (!l)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a linearization");
    l->callbacks = *callbacks;
    l->user = user;
    gn_status status =
        gn_linearization_prepare(&l->base, &interface, context, dtype, GN_LOSS_SQUARED, rows, parameters);
    if (status != GN_OK) {
        gn_linearization_destroy(&l->base);
        return status;
    }
    l->base.samples = rows;
    l->base.outputs = 1;
    *out = &l->base;
    return GN_OK;
}
