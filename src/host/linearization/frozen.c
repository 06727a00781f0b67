/* A network's first-order model: the loss at f(theta_0) + J_0 (theta - theta_0), every product with J the
 * network's own at theta_0. */
#include "linearization/frozen.h"

#include <stdlib.h>

#include "linearization/linearization.h"

typedef struct frozen_linearization {
    gn_linearization base;    /* first: the two are one object */
    gn_linearization *origin; /* the network's; its point is theta_0 */
    gn_array theta0;          /* P */
    gn_array moved;           /* P: theta - theta_0 */
    gn_array f;               /* M at most */
    const gn_array *targets;  /* N x C, borrowed */
} frozen_linearization;

static frozen_linearization *of(gn_linearization *self) {
    return (frozen_linearization *)self;
}

/* What the network's own implementation does, at theta_0. */
#define ORIGIN(self, entry, ...) of(self)->origin->interface->entry(of(self)->origin, __VA_ARGS__)

static gn_status set_batch(gn_linearization *self, const gn_array *inputs, const gn_array *targets) {
    frozen_linearization *l = of(self);
    GN_TRY(gn_linearization_set_batch(l->origin, inputs, targets));
    self->samples = l->origin->samples;
    l->targets = targets;
    return GN_OK;
}

/* ---- at a point ---- */

static gn_status begin(gn_linearization *self) {
    return gn_linearization_begin(of(self)->origin, &of(self)->theta0);
}

/* f = f(theta_0) + J_0 (theta - theta_0); the cotangent's buffer holds the second term. */
static gn_status find_outputs(frozen_linearization *l) {
    gn_linearization *self = &l->base;
    const size_t rows = gn_linearization_rows(self);
    gn_array change = gn_array_view(self->context, self->dtype, rows, 1, self->cotangent.data);
    GN_TRY(gn_array_copy(&l->moved, self->theta));
    GN_TRY(
        GN_OP(self->context, axpby, self->dtype, self->parameters, -1.0, l->theta0.data, 1.0, l->moved.data));
    GN_TRY(ORIGIN(self, jvp, &l->moved, &change));
    gn_array f = gn_array_view(self->context, self->dtype, rows, 1, l->f.data);
    GN_TRY(ORIGIN(self, outputs, &f));
    return GN_OP(self->context, axpby, self->dtype, rows, 1.0, change.data, 1.0, f.data);
}

/* The probabilities are the origin's as well: its rows of S'J begin with them. */
static gn_status evaluate(gn_linearization *self) {
    frozen_linearization *l = of(self);
    const size_t rows = gn_linearization_rows(self);
    void *f = l->f.data, *r = self->residual.data, *p = l->origin->probabilities.data;
    GN_TRY(gn_linearization_evaluate(l->origin));
    GN_TRY(find_outputs(l));
    if (self->loss == GN_LOSS_SQUARED)
        return GN_OP(self->context, squared_loss, self->dtype, rows, f, l->targets->data, r,
                     self->loss_sum.data);
    GN_TRY(GN_OP(self->context, cross_entropy_loss, self->dtype, self->samples * self->positions,
                 self->outputs / self->positions, f, l->targets->data, p, r, self->loss_sum.data));
    return GN_OP(self->context, copy, self->probabilities.data, p, rows * gn_dtype_size(self->dtype));
}

static gn_status outputs(gn_linearization *self, gn_array *f) {
    return GN_OP(self->context, copy, f->data, of(self)->f.data,
                 gn_linearization_rows(self) * gn_dtype_size(self->dtype));
}

/* ---- the Jacobian at theta_0 ---- */

static gn_status jvp(gn_linearization *self, const gn_array *v, gn_array *jv) {
    return ORIGIN(self, jvp, v, jv);
}

static gn_status vjp(gn_linearization *self, const gn_array *u, gn_array *jtu) {
    return ORIGIN(self, vjp, u, jtu);
}

static gn_status jacobian(gn_linearization *self, bool root, size_t first, size_t samples, gn_array *j) {
    return ORIGIN(self, jacobian, root, first, samples, j);
}

static gn_status gram(gn_linearization *self, bool root, gn_array *k) {
    return ORIGIN(self, gram, root, k);
}

static gn_status gram_cross(gn_linearization *self, gn_linearization *other, gn_array *k) {
    return ORIGIN(self, gram_cross, of(other)->origin, k);
}

static gn_status diagonal(gn_linearization *self, bool root, gn_array *d) {
    return ORIGIN(self, diagonal, root, d);
}

static gn_status normal(gn_linearization *self, bool root, gn_array *block, void *k) {
    return ORIGIN(self, normal, root, block, k);
}

static size_t layers(gn_linearization *self) {
    return gn_linearization_layers(of(self)->origin);
}

static gn_linearization_layer layer_of(gn_linearization *self, size_t layer) {
    return gn_linearization_layer_of(of(self)->origin, layer);
}

static gn_status factors(gn_linearization *self, bool root, size_t layer, double scale, void *a, void *b) {
    return ORIGIN(self, factors, root, layer, scale, a, b);
}

static gn_status rest_diagonal(gn_linearization *self, bool root, gn_array *d) {
    return ORIGIN(self, rest_diagonal, root, d);
}

static gn_status root_vjp(gn_linearization *self, const gn_array *u, gn_array *d) {
    return ORIGIN(self, root_vjp, u, d);
}

static const gn_parameter *named(gn_linearization *self, size_t *count) {
    return gn_linearization_named(of(self)->origin, count);
}

static gn_status reserve(gn_linearization *self, bool gram, bool diagonal) {
    return gn_linearization_reserve(of(self)->origin, gram, diagonal);
}

static void destroy(gn_linearization *self) {
    frozen_linearization *l = of(self);
    gn_linearization_destroy(l->origin);
    gn_buffer_destroy(&l->theta0);
    gn_buffer_destroy(&l->moved);
    gn_buffer_destroy(&l->f);
}

static const gn_linearization_interface interface = {
    .set_batch = set_batch,
    .begin = begin,
    .evaluate = evaluate,
    .outputs = outputs,
    .jvp = jvp,
    .vjp = vjp,
    .jacobian = jacobian,
    .normal = normal,
    .gram = gram,
    .gram_cross = gram_cross,
    .diagonal = diagonal,
    .layers = layers,
    .layer = layer_of,
    .factors = factors,
    .rest_diagonal = rest_diagonal,
    .root_vjp = root_vjp,
    .named = named,
    .reserve = reserve,
    .destroy = destroy,
    .recordable = true,
};

static gn_status prepare(frozen_linearization *l, size_t capacity, const gn_array *theta0) {
    gn_linearization *self = &l->base, *origin = l->origin;
    gn_context *context = origin->context;
    const size_t rows = capacity * origin->outputs, parameters = origin->parameters;
    GN_TRY(
        gn_linearization_prepare(self, &interface, context, origin->dtype, origin->loss, rows, parameters));
    self->outputs = origin->outputs;
    self->positions = origin->positions;
    GN_TRY(gn_buffer_create(context, &l->theta0, self->dtype, parameters, 1, "theta_0 of the frozen model"));
    GN_TRY(gn_buffer_create(context, &l->moved, self->dtype, parameters, 1, "the frozen model's movement"));
    GN_TRY(gn_buffer_create(context, &l->f, self->dtype, rows, 1, "the frozen model's outputs"));
    GN_TRY(gn_linearization_set_reference(origin, theta0));
    return gn_array_copy(&l->theta0, theta0);
}

gn_status gn_linearization_create_frozen(gn_network *network, gn_loss loss, gn_dtype dtype, size_t capacity,
                                         const gn_array *theta0, gn_linearization **out) {
    gn_linearization *origin;
    *out = NULL;
    GN_TRY(gn_linearization_create(network, loss, dtype, capacity, &origin));
    frozen_linearization *l = calloc(1, sizeof *l);
    if (!l) {
        gn_status status = gn_fail(origin->context, GN_ERROR_MEMORY, "no host memory for a linearization");
        gn_linearization_destroy(origin);
        return status;
    }
    l->base.interface = &interface;
    l->origin = origin;
    gn_status status = prepare(l, capacity, theta0);
    if (status == GN_OK)
        *out = &l->base;
    else
        gn_linearization_destroy(&l->base);
    return status;
}
