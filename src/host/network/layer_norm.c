/* layer_norm: y = xhat .* weight + bias, xhat a row's features less their mean, over their deviation. Saved:
 * xhat (N x T x W), then 1 / deviation (N x T), each with room for the tape's capacity. The bias follows the
 * weight in theta. */
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    return samples * node->positions * (node->width + 1);
}

static void *xhat_at(const gn_tape *tape, size_t i, size_t first) {
    return gn_tape_at(tape, tape->saved[i].data, first * gn_node_size(&tape->network->nodes[i]));
}

static void *inverse_deviation(const gn_tape *tape, size_t i) {
    return xhat_at(tape, i, tape->capacity);
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, layer_norm, tape->dtype, tape->samples * node->positions, node->width,
                 node->epsilon, gn_tape_value(tape, node->input), gn_tape_at(tape, tape->theta, node->weight),
                 gn_tape_at(tape, tape->theta, node->bias), tape->value[i].data, xhat_at(tape, i, 0),
                 inverse_deviation(tape, i));
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, layer_norm_jvp, tape->dtype, tape->samples * node->positions, node->width,
                 xhat_at(tape, i, 0), inverse_deviation(tape, i), gn_tape_at(tape, tape->theta, node->weight),
                 gn_tape_at(tape, v, node->weight), gn_tape_at(tape, v, node->bias),
                 tape->tangent[node->input].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, layer_norm_vjp, tape->dtype, tape->samples, r, node->positions, node->width,
                 xhat_at(tape, i, 0), inverse_deviation(tape, i), gn_tape_at(tape, tape->theta, node->weight),
                 d, beta, to);
}

/* weight and bias of out = sums over `rows` rows of d .* x, and of d */
static gn_status sums(const gn_tape *tape, const gn_node *node, size_t rows, const void *d, const void *x,
                      void *out) {
    return GN_OP(tape->context, scale_gradient, tape->dtype, rows, node->width, d, x,
                 gn_tape_at(tape, out, node->weight), gn_tape_at(tape, out, node->bias));
}

static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    return sums(tape, node, tape->samples * node->positions, d, xhat_at(tape, i, 0), out);
}

/* The products of d with xhat, and their tangents, are the weight's; d's tangent is the bias's. */
static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = tape->samples * node->positions;
    void *products = tape->tangent[i].data;
    GN_TRY(GN_OP(tape->context, layer_norm_vjp_jvp, tape->dtype, rows, node->width, xhat_at(tape, i, 0),
                 inverse_deviation(tape, i), gn_tape_at(tape, tape->theta, node->weight),
                 gn_tape_at(tape, v, node->weight), tape->tangent[node->input].data, d, d_dot, beta, to,
                 products));
    GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, rows, node->width, products,
                 gn_tape_at(tape, out, node->weight)));
    return GN_OP(tape->context, column_sums, tape->dtype, rows, node->width, d_dot,
                 gn_tape_at(tape, out, node->bias));
}

/* The 2W columns of samples first..first+n. */
static gn_status block(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jacobian_scale, tape->dtype, n, tape->outputs, node->positions, node->width,
                 gn_tape_rows_at(tape, i, first), xhat_at(tape, i, first), j, ldj);
}

static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    return block(tape, i, first, n, gn_tape_at(tape, j, tape->network->nodes[i].weight), ldj);
}

static gn_gram_scratch scratch(const gn_network *network, size_t i, size_t n) {
    const size_t size = n * gn_network_outputs(network) * 2 * network->nodes[i].width;
    return (gn_gram_scratch){size, size, 1};
}

/* So few columns that the gradients themselves are multiplied. */
static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const size_t c = tile->a->outputs, columns = 2 * tile->a->network->nodes[i].width;
    GN_TRY(block(tile->a, i, tile->i, tile->ni, tile->s, columns));
    if (!tile->lower)
        GN_TRY(block(tile->b, i, tile->j, tile->nj, tile->g, columns));
    return gn_gram_products(tile->a, tile->lower, tile->ni * c, tile->s, tile->nj * c,
                            tile->lower ? tile->s : tile->g, columns, tile->beta, tile->k, tile->ldk);
}

/* The square of a sum over positions is a sum over pairs of them. */
static gn_status diagonal(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = tape->samples * gn_position_pairs(node->positions);
    GN_TRY(gn_tape_row_pairs(tape, i, pairs));
    /* only the weight's sums take xhat's products: the bias has 1 in their place */
    GN_TRY(GN_OP(tape->context, pair_products, tape->dtype, tape->samples, 1, node->positions, node->width,
                 1.0, xhat_at(tape, i, 0), input_pairs));
    return sums(tape, node, rows, pairs, input_pairs, out);
}

const gn_operation gn_operation_layer_norm = {
    .name = "layer norm",
    .adds = true,
    .forward = forward,
    .jvp = jvp,
    .pull = pull,
    .gradient = gradient,
    .second = second,
    .jacobian = jacobian,
    .gram = gram,
    .scratch = scratch,
    .diagonal = diagonal,
    .saved = saved,
};
