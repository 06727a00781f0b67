/* linear: z = x W' + b, x is (N T) x in, W out x in (PyTorch's layout), shared by the T positions. */
#include "network/tape.h"

/* Columns of a block of gradients in a Gram tile's scratch, about. */
#define BLOCK_COLUMNS 4096

static size_t rows_of(const gn_tape *tape, const gn_node *node) {
    return tape->samples * node->positions;
}

static bool has_bias(const gn_node *node) {
    return node->bias != GN_NO_PARAMETER;
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = rows_of(tape, node);
    void *z = tape->value[i].data;
    if (has_bias(node))
        GN_TRY(GN_OP(tape->context, bias_rows, tape->dtype, rows, node->width,
                     gn_tape_at(tape, tape->theta, node->bias), z));
    return GN_OP(tape->context, gemm, tape->dtype, false, true, rows, node->width, node->inputs, 1.0,
                 gn_tape_value(tape, node->input), node->inputs, gn_tape_at(tape, tape->theta, node->weight),
                 node->inputs, has_bias(node) ? 1.0 : 0.0, z, node->width);
}

/* dz = x dW' + db + dx W' */
static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = rows_of(tape, node);
    void *dz = tape->tangent[i].data;
    if (has_bias(node))
        GN_TRY(GN_OP(tape->context, bias_rows, tape->dtype, rows, node->width,
                     gn_tape_at(tape, v, node->bias), dz));
    GN_TRY(GN_OP(tape->context, gemm, tape->dtype, false, true, rows, node->width, node->inputs, 1.0,
                 gn_tape_value(tape, node->input), node->inputs, gn_tape_at(tape, v, node->weight),
                 node->inputs, has_bias(node) ? 1.0 : 0.0, dz, node->width));
    if (tape->network->nodes[node->input].data)
        return GN_OK; /* the data do not move */
    return GN_OP(tape->context, gemm, tape->dtype, false, true, rows, node->width, node->inputs, 1.0,
                 tape->tangent[node->input].data, node->inputs, gn_tape_at(tape, tape->theta, node->weight),
                 node->inputs, 1.0, dz, node->width);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, gemm, tape->dtype, false, false, rows_of(tape, node) * r, node->inputs,
                 node->width, 1.0, d, node->width, gn_tape_at(tape, tape->theta, node->weight), node->inputs,
                 beta, to, node->inputs);
}

/* dL/dW = d'x, dL/db = sum of d's rows */
static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = rows_of(tape, node);
    if (has_bias(node))
        GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, rows, node->width, d,
                     gn_tape_at(tape, out, node->bias)));
    return GN_OP(tape->context, gemm, tape->dtype, true, false, node->width, node->inputs, rows, 1.0, d,
                 node->width, gn_tape_value(tape, node->input), node->inputs, 0.0,
                 gn_tape_at(tape, out, node->weight), node->inputs);
}

/* The tangents of both: of d W it is d_dot W + d dW, of d'x it is d_dot'x + d'dx. The data do not move. */
static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = rows_of(tape, node);
    GN_TRY(gradient(tape, i, d_dot, out));
    if (!to)
        return GN_OK;
    GN_TRY(GN_OP(tape->context, gemm, tape->dtype, true, false, node->width, node->inputs, rows, 1.0, d,
                 node->width, tape->tangent[node->input].data, node->inputs, 1.0,
                 gn_tape_at(tape, out, node->weight), node->inputs));
    GN_TRY(pull(tape, i, 1, d_dot, beta, to));
    return GN_OP(tape->context, gemm, tape->dtype, false, false, rows, node->inputs, node->width, 1.0, d,
                 node->width, gn_tape_at(tape, v, node->weight), node->inputs, 1.0, to, node->inputs);
}

static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jacobian_linear, tape->dtype, n, tape->outputs, node->positions, node->width,
                 node->inputs, gn_tape_rows_at(tape, i, first), node->width,
                 gn_tape_value_at(tape, node->input, first), has_bias(node),
                 gn_tape_at(tape, j, node->weight), ldj);
}

/* ---- Gram ---- */

/* Inner products of all pairs of positions, T^2 (out + in / C^2) products a pair of rows of J, or of the
 * gradients themselves, out in. */
static bool by_pairs(const gn_network *network, const gn_node *node) {
    const double t = (double)node->positions, c = (double)gn_network_outputs(network);
    const double out = (double)node->width, in = (double)node->inputs;
    return node->positions == 1 || t * t * (out + in / (c * c)) <= out * in;
}

/* Outputs of a block of gradients. */
static size_t block_outputs(const gn_node *node) {
    const size_t columns = node->inputs + has_bias(node), outputs = BLOCK_COLUMNS / columns;
    return outputs == 0 ? 1 : outputs < node->width ? outputs : node->width;
}

static gn_gram_scratch scratch(const gn_network *network, size_t i, size_t n) {
    const gn_node *node = &network->nodes[i];
    const size_t rows = n * gn_network_outputs(network), pairs = rows * node->positions;
    const size_t block = rows * block_outputs(node) * (node->inputs + has_bias(node));
    if (by_pairs(network, node))
        return (gn_gram_scratch){pairs * pairs, n * node->positions * n * node->positions, node->positions};
    return (gn_gram_scratch){block, block, 1};
}

/* K += (D D') .* (X X' + 1): a position's part of J's rows is d (x) [x, 1], so inner products of two factor;
 * the rows themselves are sums over positions. */
static gn_status gram_by_pairs(const gn_gram_tile *tile, size_t i) {
    const gn_tape *a = tile->a, *b = tile->b;
    const gn_node *node = &a->network->nodes[i];
    const size_t c = a->outputs, t = node->positions, mi = tile->ni * t, mj = tile->nj * t;
    GN_TRY(gn_gram_products(a, tile->lower, mi * c, gn_tape_rows_at(a, i, tile->i), mj * c,
                            gn_tape_rows_at(b, i, tile->j), node->width, 0, tile->s, mj * c));
    GN_TRY(gn_gram_products(a, tile->lower, mi, gn_tape_value_at(a, node->input, tile->i), mj,
                            gn_tape_value_at(b, node->input, tile->j), node->inputs, 0, tile->g, mj));
    return GN_OP(a->context, gram_hadamard, a->dtype, tile->ni, tile->nj, c, t, tile->s, mj * c, tile->g, mj,
                 has_bias(node) ? 1.0 : 0.0, tile->beta, tile->lower, tile->k, tile->ldk);
}

/* to = the columns of J of `outputs` outputs from `first` on, for the n samples from `sample` on. */
static gn_status gradients(const gn_tape *tape, size_t i, size_t sample, size_t n, size_t first,
                           size_t outputs, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jacobian_linear, tape->dtype, n, tape->outputs, node->positions, outputs,
                 node->inputs, gn_tape_at(tape, gn_tape_rows_at(tape, i, sample), first), node->width,
                 gn_tape_value_at(tape, node->input, sample), has_bias(node), to,
                 outputs * (node->inputs + has_bias(node)));
}

/* K += sum over blocks of the layer's outputs of J_block J_block' */
static gn_status gram_by_blocks(const gn_gram_tile *tile, size_t i) {
    const gn_node *node = &tile->a->network->nodes[i];
    const size_t c = tile->a->outputs, step = block_outputs(node);
    for (size_t first = 0; first < node->width; first += step) {
        const size_t outputs = node->width - first < step ? node->width - first : step;
        const void *other = tile->lower ? tile->s : tile->g;
        GN_TRY(gradients(tile->a, i, tile->i, tile->ni, first, outputs, tile->s));
        if (!tile->lower)
            GN_TRY(gradients(tile->b, i, tile->j, tile->nj, first, outputs, tile->g));
        GN_TRY(gn_gram_products(tile->a, tile->lower, tile->ni * c, tile->s, tile->nj * c, other,
                                outputs * (node->inputs + has_bias(node)), first == 0 ? tile->beta : 1.0,
                                tile->k, tile->ldk));
    }
    return GN_OK;
}

static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const gn_network *network = tile->a->network;
    return by_pairs(network, &network->nodes[i]) ? gram_by_pairs(tile, i) : gram_by_blocks(tile, i);
}

/* sum_m (sum_t d[m,t,o] x[n,t,i])^2 = sum over n and pairs of positions of the products of d and of x */
static gn_status diagonal(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = tape->samples * gn_position_pairs(node->positions);
    GN_TRY(gn_tape_row_pairs(tape, i, pairs));
    GN_TRY(GN_OP(tape->context, pair_products, tape->dtype, tape->samples, 1, node->positions, node->inputs,
                 1.0, gn_tape_value(tape, node->input), input_pairs));
    if (has_bias(node))
        GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, rows, node->width, pairs,
                     gn_tape_at(tape, out, node->bias)));
    return GN_OP(tape->context, gemm, tape->dtype, true, false, node->width, node->inputs, rows, 1.0, pairs,
                 node->width, input_pairs, node->inputs, 0.0, gn_tape_at(tape, out, node->weight),
                 node->inputs);
}

/* J's rows are sums over positions of d (x) [x, 1]: b = sum of d d' over samples, outputs and positions, a =
 * the mean of [x, 1] [x, 1]' over samples and positions, as if these were independent of each other. */
static gn_status factors(const gn_tape *tape, size_t i, double scale, void *a, void *b) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t rows = rows_of(tape, node), in = node->inputs, n = in + has_bias(node);
    const void *x = gn_tape_value(tape, node->input);
    GN_TRY(GN_OP(tape->context, syrk, tape->dtype, true, node->width, rows * tape->outputs, scale,
                 tape->rows[i].data, node->width, 0.0, b, node->width));
    GN_TRY(GN_OP(tape->context, syrk, tape->dtype, true, in, rows, 1.0 / (double)rows, x, in, 0.0, a, n));
    if (!has_bias(node))
        return GN_OK;
    void *last = gn_tape_at(tape, a, in * n);
    GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, rows, in, x, last));
    GN_TRY(GN_OP(tape->context, axpby, tape->dtype, in, 1.0 / (double)rows, last, 0.0, last));
    return GN_OP(tape->context, fill, tape->dtype, 1, 1.0, gn_tape_at(tape, a, in * n + in));
}

const gn_operation gn_operation_linear = {
    .name = "linear",
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
    .factors = factors,
};
