/* The linearization of a network under a loss: products over a tape, the Gram without forming J. */
#include "linearization/linearization.h"

#include <stdlib.h>

#include "backend/program.h"
#include "network/tape.h"

typedef struct network_linearization {
    gn_linearization base; /* first: the two are one object */
    gn_network *network;
    gn_tape *tape;
    const gn_array *targets; /* N x C, borrowed */
    gn_array tile_s, tile_g; /* scratch of a Gram tile */
    size_t tile_side;        /* samples a side they have room for; 0 before the first Gram */
    gn_programs programs;    /* of what a step does */
} network_linearization;

static network_linearization *of(gn_linearization *self) {
    return (network_linearization *)self;
}

static gn_status set_batch(gn_linearization *self, const gn_array *inputs, const gn_array *targets) {
    network_linearization *l = of(self);
    size_t n = gn_array_length(inputs, 0), features = gn_network_inputs(l->network);
    if (n > l->tape->capacity)
        return gn_fail(self->context, GN_ERROR_SHAPE,
                       "a batch of %zu samples, but the linearization holds %zu", n, l->tape->capacity);
    GN_TRY(gn_array_expect(self->context, inputs, self->dtype, n * features, "inputs"));
    GN_TRY(gn_array_expect(self->context, targets, self->dtype, n * self->outputs, "targets"));
    self->samples = n;
    l->targets = targets;
    gn_tape_set_inputs(l->tape, inputs->data, n);
    return GN_OK;
}

static gn_status set_reference(gn_linearization *self, const gn_array *theta0) {
    return gn_tape_set_reference(of(self)->tape, theta0);
}

/* ---- programs ---- */

/* What the body of a program depends on; its key as well. */
typedef struct call {
    network_linearization *l;
    const void *inputs, *targets, *weights, *theta;
    size_t samples;
    const void *in; /* of a product, or NULL */
    void *out;
    const void *root; /* of the rows */
    size_t rows_ready;
} call;

static gn_status run(gn_linearization *self, gn_status (*body)(void *), const void *in, void *out) {
    network_linearization *l = of(self);
    const call c = {l,  self->inputs, self->targets, self->weights,      self->theta->data, self->samples,
                    in, out,          l->tape->root, l->tape->rows_ready};
    return gn_programs_run(&l->programs, self->context, body, &c, sizeof c);
}

/* ---- at a point ---- */

static gn_status begin(gn_linearization *self) {
    return gn_tape_begin(of(self)->tape, self->theta->data);
}

static gn_status evaluate_body(void *arguments) {
    network_linearization *l = ((const call *)arguments)->l;
    gn_linearization *self = &l->base;
    GN_TRY(gn_tape_forward(l->tape));
    const void *f = gn_tape_outputs(l->tape), *y = l->targets->data;
    if (self->loss == GN_LOSS_CROSS_ENTROPY)
        return GN_OP(self->context, cross_entropy_loss, self->dtype, self->samples * self->positions,
                     self->outputs / self->positions, f, y, self->probabilities.data, self->residual.data,
                     self->loss_sum.data);
    return GN_OP(self->context, squared_loss, self->dtype, gn_linearization_rows(self), f, y,
                 self->residual.data, self->loss_sum.data);
}

static gn_status evaluate(gn_linearization *self) {
    return run(self, evaluate_body, NULL, NULL);
}

static gn_status outputs(gn_linearization *self, gn_array *f) {
    return GN_OP(self->context, copy, f->data, gn_tape_outputs(of(self)->tape),
                 gn_linearization_rows(self) * gn_dtype_size(self->dtype));
}

static gn_status jvp_body(void *arguments) {
    const call *c = arguments;
    return gn_tape_jvp(c->l->tape, c->in, c->out);
}

static gn_status jvp(gn_linearization *self, const gn_array *v, gn_array *jv) {
    return run(self, jvp_body, v->data, jv->data);
}

static gn_status vjp_body(void *arguments) {
    const call *c = arguments;
    return gn_tape_vjp(c->l->tape, c->in, c->out);
}

static gn_status vjp(gn_linearization *self, const gn_array *u, gn_array *jtu) {
    return run(self, vjp_body, u->data, jtu->data);
}

static gn_status hessian_product_body(void *arguments) {
    const call *c = arguments;
    gn_linearization *self = &c->l->base;
    void *tangent = self->cotangent_dot.data;
    GN_TRY(gn_tape_second_jvp(c->l->tape, c->in, tangent));
    GN_TRY(gn_linearization_turn(self));
    return gn_tape_second(c->l->tape, c->in, self->cotangent.data, tangent, c->out);
}

static gn_status hessian_product(gn_linearization *self, const gn_array *v, gn_array *hv) {
    GN_TRY(gn_tape_reserve_second(of(self)->tape));
    return run(self, hessian_product_body, v->data, hv->data);
}

static gn_status root_vjp_body(void *arguments) {
    const call *c = arguments;
    return gn_tape_vjp_rows(c->l->tape, c->in, c->out);
}

/* What the rows begin with from here on. */
static void seed_rows(gn_linearization *self, bool root) {
    gn_tape_seed_rows(of(self)->tape, root ? self->probabilities.data : NULL);
}

static gn_status root_vjp(gn_linearization *self, const gn_array *u, gn_array *d) {
    seed_rows(self, true);
    GN_TRY(gn_tape_rows(of(self)->tape));
    return run(self, root_vjp_body, u->data, d->data);
}

static gn_status jacobian(gn_linearization *self, bool root, size_t first, size_t samples, gn_array *j) {
    network_linearization *l = of(self);
    seed_rows(self, root);
    GN_TRY(gn_tape_rows(l->tape));
    for (size_t i = 1; i < l->network->node_count; i++) {
        const gn_operation *operation = l->network->nodes[i].operation;
        if (operation->jacobian)
            GN_TRY(operation->jacobian(l->tape, i, first, samples, j->data, self->parameters));
    }
    return GN_OK;
}

static gn_status normal(gn_linearization *self, bool root, gn_array *block, void *k) {
    gn_tape *tape = of(self)->tape;
    const size_t elements = gn_array_count(block);
    if (!gn_tape_normal_pays(tape) || elements < gn_tape_normal_scratch(tape))
        return gn_linearization_normal_by_rows(self, root, block, k);
    seed_rows(self, root);
    return gn_tape_normal(tape, block->data, elements, k);
}

/* Scratch for tiles of up to `samples` samples a side. */
static gn_status reserve_tiles(network_linearization *l, size_t samples) {
    size_t n = gn_gram_tile_samples(l->network);
    n = n < samples ? n : samples;
    if (l->tile_side >= n)
        return GN_OK;
    gn_gram_scratch scratch = gn_gram_scratch_of(l->network, n);
    l->tile_side = 0;
    gn_buffer_destroy(&l->tile_g);
    gn_buffer_destroy(&l->tile_s);
    GN_TRY(gn_buffer_create(l->base.context, &l->tile_g, l->base.dtype, scratch.g, 1, "a Gram tile"));
    GN_TRY(gn_buffer_create(l->base.context, &l->tile_s, l->base.dtype, scratch.s, 1, "a Gram tile"));
    l->tile_side = n;
    return GN_OK;
}

static gn_status reserve(gn_linearization *self, bool gram, bool diagonal) {
    GN_TRY(gn_tape_reserve_rows(of(self)->tape));
    if (diagonal)
        GN_TRY(gn_tape_reserve_pairs(of(self)->tape));
    return gram ? reserve_tiles(of(self), of(self)->tape->capacity) : GN_OK;
}

/* Every layer's part of one tile, while the tile is warm. */
static gn_status fill_tile(const gn_network *network, gn_gram_tile *tile) {
    tile->beta = 0;
    for (size_t i = 1; i < network->node_count; i++)
        if (network->nodes[i].operation->gram) {
            GN_TRY(network->nodes[i].operation->gram(tile, i));
            tile->beta = 1;
        }
    return GN_OK;
}

/* k (samples of a times C) x (samples of b times C), tile by tile; symmetric: the lower triangle alone. */
static gn_status fill_gram(network_linearization *a, network_linearization *b, bool symmetric, void *k) {
    GN_TRY(gn_tape_rows(a->tape));
    GN_TRY(gn_tape_rows(b->tape));
    GN_TRY(reserve_tiles(a, a->tape->capacity > b->tape->capacity ? a->tape->capacity : b->tape->capacity));
    size_t step = gn_gram_tile_samples(a->network), na = a->base.samples, nb = b->base.samples,
           c = a->base.outputs;
    gn_gram_tile tile = {.a = a->tape, .b = b->tape, .ldk = nb * c, .s = a->tile_s.data, .g = a->tile_g.data};
    for (tile.i = 0; tile.i < na; tile.i += step) {
        tile.ni = na - tile.i < step ? na - tile.i : step;
        size_t end = symmetric ? tile.i + tile.ni : nb;
        for (tile.j = 0; tile.j < end; tile.j += step) {
            tile.nj = end - tile.j < step ? end - tile.j : step;
            tile.lower = symmetric && tile.j == tile.i;
            tile.k = gn_tape_at(a->tape, k, tile.i * c * tile.ldk + tile.j * c);
            GN_TRY(fill_tile(a->network, &tile));
        }
    }
    return GN_OK;
}

static gn_status gram_body(void *arguments) {
    const call *c = arguments;
    return fill_gram(c->l, c->l, true, c->out);
}

/* Memory first: a program allocates nothing. Afterwards the rows are there, also where nobody called for them
 * on the host. */
static gn_status gram(gn_linearization *self, bool root, gn_array *k) {
    seed_rows(self, root);
    GN_TRY(reserve(self, true, false));
    GN_TRY(run(self, gram_body, NULL, k->data));
    of(self)->tape->rows_ready = true;
    return GN_OK;
}

static gn_status make_rows(gn_linearization *self) {
    seed_rows(self, false);
    return gn_tape_rows(of(self)->tape);
}

static gn_status gram_cross(gn_linearization *self, gn_linearization *other, gn_array *k) {
    if (of(self)->network != of(other)->network)
        return gn_fail(self->context, GN_ERROR_SHAPE, "a cross Gram needs two linearizations of one network");
    seed_rows(self, false);
    seed_rows(other, false);
    return fill_gram(of(self), of(other), false, k->data);
}

static gn_status diagonal(gn_linearization *self, bool root, gn_array *d) {
    seed_rows(self, root);
    return gn_tape_diagonal(of(self)->tape, false, d->data);
}

static const gn_parameter *named(gn_linearization *self, size_t *count) {
    *count = of(self)->network->parameter_count;
    return of(self)->network->parameters;
}

/* ---- layers with Kronecker factors ---- */

/* The node of layer number `layer`, or one past the last node. */
static size_t layer_node(const gn_network *network, size_t layer) {
    size_t i = 1;
    for (; i < network->node_count; i++)
        if (network->nodes[i].operation->factors && layer-- == 0)
            break;
    return i;
}

static size_t layers(gn_linearization *self) {
    const gn_network *network = of(self)->network;
    size_t count = 0;
    for (size_t i = 1; i < network->node_count; i++)
        count += network->nodes[i].operation->factors != NULL;
    return count;
}

static gn_linearization_layer layer_of(gn_linearization *self, size_t layer) {
    const gn_network *network = of(self)->network;
    const gn_node *node = &network->nodes[layer_node(network, layer)];
    return (gn_linearization_layer){
        .out = node->width, .in = node->inputs, .weight = node->weight, .bias = node->bias};
}

static gn_status factors(gn_linearization *self, bool root, size_t layer, double scale, void *a, void *b) {
    gn_tape *tape = of(self)->tape;
    const size_t i = layer_node(tape->network, layer);
    seed_rows(self, root);
    GN_TRY(gn_tape_rows(tape));
    return tape->network->nodes[i].operation->factors(tape, i, scale, a, b);
}

static gn_status rest_diagonal(gn_linearization *self, bool root, gn_array *d) {
    seed_rows(self, root);
    return gn_tape_diagonal(of(self)->tape, true, d->data);
}

static void destroy(gn_linearization *self) {
    network_linearization *l = of(self);
    gn_programs_destroy(&l->programs);
    gn_tape_destroy(l->tape);
    gn_buffer_destroy(&l->tile_s);
    gn_buffer_destroy(&l->tile_g);
}

static const gn_linearization_interface interface = {
    .set_batch = set_batch,
    .set_reference = set_reference,
    .begin = begin,
    .evaluate = evaluate,
    .outputs = outputs,
    .jvp = jvp,
    .vjp = vjp,
    .hessian_product = hessian_product,
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
    .reserve = reserve,
    .make_rows = make_rows,
    .destroy = destroy,
    .named = named,
    .recordable = true,
};

gn_status gn_linearization_create(gn_network *network, gn_loss loss, gn_dtype dtype, size_t capacity,
                                  gn_linearization **out) {
    *out = NULL;
    gn_context *context = network->context;
    if (loss != GN_LOSS_SQUARED && loss != GN_LOSS_CROSS_ENTROPY)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "no such loss: take GN_LOSS_SQUARED or GN_LOSS_CROSS_ENTROPY");
    const gn_node *last = &network->nodes[network->node_count - 1];
    if (loss == GN_LOSS_CROSS_ENTROPY && last->width < 2)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "cross-entropy needs two classes or more, the network has one output");
    if (capacity == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "a linearization for 0 samples: give 1 or more");
    network_linearization *l = calloc(1, sizeof *l);
    if (!l)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a linearization");
    l->network = network;
    size_t outputs = gn_network_outputs(network);
    gn_status status;
    l->base.interface = &interface;
    GN_TRY_DONE(gn_tape_create(network, dtype, capacity, &l->tape));
    GN_TRY_DONE(gn_linearization_prepare(&l->base, &interface, context, dtype, loss, capacity * outputs,
                                         network->size));
    l->base.outputs = outputs;
    l->base.positions = last->positions;
    *out = &l->base;
    return GN_OK;
done:
    gn_linearization_destroy(&l->base);
    return status;
}
