/* embedding: y[n,t,:] = table[token[n,t],:], the tokens being the network's inputs (N x T, numbers 0 ... V -
 * 1). A linear map of one-hot vectors whose zeros are never touched. */
#include <math.h>
#include <stdlib.h>

#include "network/tape.h"

static gn_status embed(const gn_tape *tape, size_t i, const void *theta, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, embed, tape->dtype, tape->samples * node->positions, node->width,
                 node->vocabulary, tape->inputs, gn_tape_at(tape, theta, node->weight), to);
}

static gn_status forward(gn_tape *tape, size_t i) {
    return embed(tape, i, tape->theta, tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    return embed(tape, i, v, tape->tangent[i].data);
}

/* to (V x W) = sums of d's rows over what has the token */
static gn_status scatter(const gn_tape *tape, size_t i, bool pairs, const void *d, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, embed_adjoint, tape->dtype, tape->samples, node->positions, pairs,
                 node->width, node->vocabulary, tape->inputs, d, tape->saved[i].data,
                 gn_tape_at(tape, to, node->weight));
}

/* Room for scatter() to work in; an element holds a number of 32 bits. */
static size_t work_size(const gn_node *node, size_t samples) {
    return node->vocabulary + 1 + samples * node->positions;
}

static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    return scatter(tape, i, false, d, out);
}

static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jacobian_embed, tape->dtype, n, tape->outputs, node->positions, node->width,
                 node->vocabulary, gn_tape_value_at(tape, 0, first), gn_tape_rows_at(tape, i, first),
                 gn_tape_at(tape, j, node->weight), ldj);
}

static gn_gram_scratch scratch(const gn_network *network, size_t i, size_t n) {
    const size_t rows = n * network->nodes[i].positions, c = gn_network_outputs(network);
    return (gn_gram_scratch){rows * c * rows * c, rows * rows, network->nodes[i].positions};
}

/* K[m,m'] += sum over the t and t' with the same token of d[m,t]'d[m',t'] */
static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const gn_tape *a = tile->a, *b = tile->b;
    const gn_node *node = &a->network->nodes[i];
    const size_t c = a->outputs, t = node->positions, mi = tile->ni * t, mj = tile->nj * t;
    GN_TRY(gn_gram_products(a, tile->lower, mi * c, gn_tape_rows_at(a, i, tile->i), mj * c,
                            gn_tape_rows_at(b, i, tile->j), node->width, 0, tile->s, mj * c));
    GN_TRY(GN_OP(a->context, embed_matches, a->dtype, mi, mj, gn_tape_value_at(a, 0, tile->i),
                 gn_tape_value_at(b, 0, tile->j), tile->g, mj));
    return GN_OP(a->context, gram_hadamard, a->dtype, tile->ni, tile->nj, c, t, tile->s, mj * c, tile->g, mj,
                 0.0, tile->beta, tile->lower, tile->k, tile->ldk);
}

static gn_status diagonal(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *out) {
    (void)input_pairs;
    GN_TRY(gn_tape_row_pairs(tape, i, pairs));
    return scatter(tape, i, true, pairs, out);
}

const gn_operation gn_operation_embedding = {
    .name = "embedding",
    .straight = true,
    .forward = forward,
    .jvp = jvp,
    .gradient = gradient,
    .jacobian = jacobian,
    .gram = gram,
    .scratch = scratch,
    .diagonal = diagonal,
    .saved = work_size,
};

/* ---- tokens ---- */

static gn_status check_tokens(gn_context *context, size_t vocabulary, size_t positions, size_t count,
                              const double *tokens) {
    for (size_t i = 0; i < count; i++)
        if (!(tokens[i] >= 0 && tokens[i] < (double)vocabulary && tokens[i] == floor(tokens[i])))
            return gn_fail(context, GN_ERROR_ARGUMENT,
                           "input %zu of sample %zu is %g: tokens are whole numbers from 0 to %zu",
                           i % positions, i / positions, tokens[i], vocabulary - 1);
    return GN_OK;
}

gn_status gn_network_check_inputs(const gn_network *network, const gn_array *inputs) {
    const gn_node *first = &network->nodes[1];
    const size_t count = gn_array_count(inputs);
    if (count % gn_network_inputs(network) != 0)
        return gn_fail(network->context, GN_ERROR_SHAPE, "%zu inputs are no whole samples of %zu", count,
                       gn_network_inputs(network));
    if (first->operation != &gn_operation_embedding)
        return GN_OK;
    double *tokens = malloc((count + 1) * sizeof *tokens);
    if (!tokens)
        return gn_fail(network->context, GN_ERROR_MEMORY, "no host memory for %zu tokens", count);
    gn_status status = gn_array_read(inputs, tokens, count);
    if (status == GN_OK)
        status = check_tokens(network->context, first->vocabulary, first->positions, count, tokens);
    free(tokens);
    return status;
}
