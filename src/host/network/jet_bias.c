/* jet bias: y = x, with b added to the value's channel (position 0): derivatives have no bias. The rows of
 * that channel lie T W apart, which products take as a row distance. Saved: N ones. */
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    (void)node;
    return samples;
}

static size_t bytes(const gn_tape *tape, size_t i, size_t samples) {
    return samples * gn_node_size(&tape->network->nodes[i]) * gn_dtype_size(tape->dtype);
}

/* to = from, with b (W) added to each row of channel 0: the product of ones and b. */
static gn_status shift(const gn_tape *tape, size_t i, const void *from, const void *b, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    if (to != from)
        GN_TRY(GN_OP(tape->context, copy, to, from, bytes(tape, i, tape->samples)));
    return GN_OP(tape->context, gemm, tape->dtype, false, false, tape->samples, node->width, 1, 1.0,
                 tape->saved[i].data, 1, gn_tape_at(tape, b, node->bias), node->width, 1.0, to,
                 gn_node_size(node));
}

static gn_status forward(gn_tape *tape, size_t i) {
    GN_TRY(GN_OP(tape->context, fill, tape->dtype, tape->samples, 1.0, tape->saved[i].data));
    return shift(tape, i, gn_tape_value(tape, tape->network->nodes[i].input), tape->theta,
                 tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    return shift(tape, i, tape->tangent[tape->network->nodes[i].input].data, v, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    return to == d ? GN_OK : GN_OP(tape->context, copy, to, d, bytes(tape, i, tape->samples * r));
}

/* out (W) = the sum over samples of channel 0 of x (N x T x W) */
static gn_status sum_values(const gn_tape *tape, size_t i, const void *x, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, gemv, tape->dtype, true, tape->samples, node->width, 1.0, x,
                 gn_node_size(node), tape->saved[i].data, 0.0, gn_tape_at(tape, out, node->bias));
}

static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    return sum_values(tape, i, d, out);
}

/* The Jacobian of a linear map of the input 1. */
static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jacobian_linear, tape->dtype, n, tape->outputs, 1, node->width, 1,
                 gn_tape_rows_at(tape, i, first), gn_node_size(node),
                 gn_tape_at(tape, tape->saved[i].data, first), false, gn_tape_at(tape, j, node->bias), ldj);
}

/* K += D_0 D_0' */
static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const gn_tape *a = tile->a, *b = tile->b;
    const gn_node *node = &a->network->nodes[i];
    const size_t c = a->outputs, size = gn_node_size(node);
    const void *da = gn_tape_rows_at(a, i, tile->i), *db = gn_tape_rows_at(b, i, tile->j);
    if (tile->lower)
        return GN_OP(a->context, syrk, a->dtype, false, tile->ni * c, node->width, 1.0, da, size, tile->beta,
                     tile->k, tile->ldk);
    return GN_OP(a->context, gemm, a->dtype, false, true, tile->ni * c, tile->nj * c, node->width, 1.0, da,
                 size, db, size, tile->beta, tile->k, tile->ldk);
}

/* The squares of all channels, summed over outputs; then those of channel 0 over samples. */
static gn_status diagonal(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *out) {
    (void)input_pairs;
    GN_TRY(GN_OP(tape->context, pair_products, tape->dtype, tape->samples, tape->outputs, 1,
                 gn_node_size(&tape->network->nodes[i]), 1.0, tape->rows[i].data, pairs));
    return sum_values(tape, i, pairs, out);
}

const gn_operation gn_operation_jet_bias = {
    .name = "jet bias",
    .in_place = true,
    .over = true,
    .straight = true,
    .forward = forward,
    .jvp = jvp,
    .pull = pull,
    .gradient = gradient,
    .jacobian = jacobian,
    .gram = gram,
    .diagonal = diagonal,
    .saved = saved,
};
