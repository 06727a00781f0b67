/* position: y[n,t,:] = x[n,t,:] + table[t,:], the table learned (T x W) or of sines and cosines. */
#include <math.h>
#include <stdlib.h>

#include "network/tape.h"

/* to = table of each sample + from; from is left out where the input does not move */
static gn_status sum(const gn_tape *tape, size_t i, const void *table, const void *from, void *to) {
    const size_t size = gn_node_size(&tape->network->nodes[i]);
    GN_TRY(GN_OP(tape->context, bias_rows, tape->dtype, tape->samples, size, table, to));
    return GN_OP(tape->context, axpby, tape->dtype, tape->samples * size, 1.0, from, 1.0, to);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    return gn_operation_add.pull(tape, i, r, d, beta, to);
}

/* ---- learned ---- */

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return sum(tape, i, gn_tape_at(tape, tape->theta, node->weight), gn_tape_value(tape, node->input),
               tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    const gn_node *node = &tape->network->nodes[i];
    return sum(tape, i, gn_tape_at(tape, v, node->weight), tape->tangent[node->input].data,
               tape->tangent[i].data);
}

static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, column_sums, tape->dtype, tape->samples, gn_node_size(node), d,
                 gn_tape_at(tape, out, node->weight));
}

/* The rows themselves are the block. */
static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t size = gn_node_size(node);
    return GN_OP(tape->context, copy_rows, tape->dtype, n * tape->outputs, size,
                 gn_tape_rows_at(tape, i, first), size, gn_tape_at(tape, j, node->weight), ldj);
}

static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const size_t c = tile->a->outputs, size = gn_node_size(&tile->a->network->nodes[i]);
    return gn_gram_products(tile->a, tile->lower, tile->ni * c, gn_tape_rows_at(tile->a, i, tile->i),
                            tile->nj * c, gn_tape_rows_at(tile->b, i, tile->j), size, tile->beta, tile->k,
                            tile->ldk);
}

static gn_status diagonal(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *out) {
    (void)input_pairs;
    const gn_node *node = &tape->network->nodes[i];
    const size_t size = gn_node_size(node);
    GN_TRY(GN_OP(tape->context, pair_products, tape->dtype, tape->samples, tape->outputs, 1, size, 1.0,
                 tape->rows[i].data, pairs));
    return GN_OP(tape->context, column_sums, tape->dtype, tape->samples, size, pairs,
                 gn_tape_at(tape, out, node->weight));
}

const gn_operation gn_operation_position = {
    .name = "position",
    .in_place = true,
    .adds = true,
    .straight = true,
    .forward = forward,
    .jvp = jvp,
    .pull = pull,
    .gradient = gradient,
    .jacobian = jacobian,
    .gram = gram,
    .diagonal = diagonal,
};

/* ---- sinusoidal: saved is the table, T x W ---- */

static size_t table_size(const gn_node *node, size_t samples) {
    (void)samples;
    return gn_node_size(node);
}

/* Vaswani et al., arXiv 1706.03762, section 3.5: sin(t / 10000^(k / W)) at even k, the cosine of the same
 * angle at k + 1. */
static gn_status prepare(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t w = node->width, size = gn_node_size(node);
    double *table = malloc(size * sizeof *table);
    if (!table)
        return gn_fail(tape->context, GN_ERROR_MEMORY, "no host memory for %zu positions", node->positions);
    for (size_t t = 0; t < node->positions; t++)
        for (size_t k = 0; k < w; k++) {
            const double angle = (double)t / pow(10000, (double)(k - k % 2) / (double)w);
            table[t * w + k] = k % 2 == 0 ? sin(angle) : cos(angle);
        }
    gn_status status = gn_array_write(&tape->saved[i], table, size);
    free(table);
    return status;
}

static gn_status sinusoidal_forward(gn_tape *tape, size_t i) {
    return sum(tape, i, tape->saved[i].data, gn_tape_value(tape, tape->network->nodes[i].input),
               tape->value[i].data);
}

static gn_status sinusoidal_jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, copy, tape->tangent[i].data, tape->tangent[node->input].data,
                 tape->samples * gn_node_size(node) * gn_dtype_size(tape->dtype));
}

const gn_operation gn_operation_sinusoidal = {
    .name = "sinusoidal position",
    .in_place = true,
    .adds = true,
    .straight = true,
    .forward = sinusoidal_forward,
    .jvp = sinusoidal_jvp,
    .pull = pull,
    .saved = table_size,
    .prepare = prepare,
};
