/* transformer: a decoder of tokens. Behind the last block's attention only the positions that are read go on.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/size.h"
#include "network/network.h"

static const double epsilon = 1e-5; /* of layer norms */

gn_transformer_options gn_transformer_options_default(void) {
    return (gn_transformer_options){
        .layers = 2, .width = 128, .heads = 4, .ffn_width = 512, .norm = GN_NORM_POST, .read = 1};
}

static gn_status check_options(gn_context *context, const gn_transformer_options *o) {
    if (o->layers == 0 || o->width == 0 || o->heads == 0 || o->ffn_width == 0 || o->vocabulary == 0 ||
        o->context == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a transformer of %zu layers, width %zu, %zu heads, ffn_width %zu, vocabulary %zu and "
                       "context %zu: none may be 0",
                       o->layers, o->width, o->heads, o->ffn_width, o->vocabulary, o->context);
    if (o->width % o->heads != 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "a width of %zu does not divide among %zu heads", o->width,
                       o->heads);
    if (o->context > GN_ATTENTION_POSITIONS)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "a context of %zu: attention takes at most %d positions", o->context,
                       GN_ATTENTION_POSITIONS);
    if (o->read == 0 || o->read > o->context)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "%zu positions are read; give 1 to the context, which is %zu", o->read, o->context);
    if (o->vocabulary > (size_t)1 << 24)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a vocabulary of %zu: tokens are numbers, exact in float32 up to 2^24", o->vocabulary);
    return GN_OK;
}

/* Every product of sizes that occurs fits where twelve times the largest matrix of each block does. */
static gn_status check_size(gn_context *context, const gn_transformer_options *o) {
    size_t columns, matrix, blocks, all;
    const size_t widest = o->ffn_width > o->width ? o->ffn_width : o->width;
    if (gn_size_add(widest, o->vocabulary, &columns) && gn_size_add(columns, o->context, &columns) &&
        gn_size_multiply(columns, o->width, &matrix) && gn_size_add(o->layers, 1, &blocks) &&
        gn_size_multiply(matrix, blocks, &all) && gn_size_multiply(all, 12 * sizeof(double), &all))
        return GN_OK;
    return gn_fail(context, GN_ERROR_MEMORY,
                   "the transformer's parameters do not fit the address space: smaller widths");
}

/* ---- parameters ---- */

static size_t matrix(gn_network *network, gn_initial initial, size_t rows, size_t columns, const char *name) {
    network->initial[network->parameter_count] = initial;
    return gn_network_add_parameter(network, rows, columns, "%s", name);
}

/* U(-b, b), b = 1 / sqrt(fan_in) */
static gn_initial by_inputs(size_t inputs) {
    return (gn_initial){GN_INITIAL_UNIFORM, 1 / sqrt((double)inputs)};
}

static const gn_initial standard_normal = {GN_INITIAL_NORMAL, 1}, one = {GN_INITIAL_CONSTANT, 1},
                        zero = {GN_INITIAL_CONSTANT, 0};

/* Offsets of a block's parameters. */
typedef struct block {
    size_t in, out, norm1, ffn0, ffn1, norm2;
} block;

static size_t block_parameter(gn_network *network, gn_initial initial, size_t layer, size_t rows,
                              size_t columns, const char *name) {
    char text[64];
    snprintf(text, sizeof text, "blocks.%zu.%s", layer, name);
    return matrix(network, initial, rows, columns, text);
}

static block add_block_parameters(gn_network *network, const gn_transformer_options *o, size_t layer) {
    const size_t d = o->width, f = o->ffn_width;
    const gn_initial xavier = {GN_INITIAL_UNIFORM, sqrt(6 / (4 * (double)d))}; /* fan_in D, fan_out 3D */
    block b;
    b.in = block_parameter(network, xavier, layer, 3 * d, d, "attention.in.weight");
    b.out = block_parameter(network, by_inputs(d), layer, d, d, "attention.out.weight");
    b.norm1 = block_parameter(network, one, layer, d, 0, "norm1.weight");
    block_parameter(network, zero, layer, d, 0, "norm1.bias");
    b.ffn0 = block_parameter(network, by_inputs(d), layer, f, d, "ffn.0.weight");
    b.ffn1 = block_parameter(network, by_inputs(f), layer, d, f, "ffn.1.weight");
    b.norm2 = block_parameter(network, one, layer, d, 0, "norm2.weight");
    block_parameter(network, zero, layer, d, 0, "norm2.bias");
    return b;
}

/* ---- nodes: each returns the index of its output ---- */

static size_t index_of(const gn_network *network, const gn_node *node) {
    return (size_t)(node - network->nodes);
}

static size_t linear(gn_network *network, size_t input, size_t weight, size_t width) {
    gn_node *node = gn_network_add_node(network, &gn_operation_linear, input);
    node->width = width;
    node->weight = weight;
    return index_of(network, node);
}

static size_t layer_norm(gn_network *network, size_t input, size_t weight) {
    gn_node *node = gn_network_add_node(network, &gn_operation_layer_norm, input);
    node->weight = weight;
    node->bias = weight + node->width;
    node->epsilon = epsilon;
    return index_of(network, node);
}

static size_t sum(gn_network *network, size_t input, size_t second) {
    gn_node *node = gn_network_add_node(network, &gn_operation_add, input);
    node->second = second;
    gn_network_use(network, second, index_of(network, node));
    return index_of(network, node);
}

static size_t last(gn_network *network, size_t input, size_t positions) {
    if (network->nodes[input].positions == positions)
        return input;
    gn_node *node = gn_network_add_node(network, &gn_operation_last, input);
    node->positions = positions;
    return index_of(network, node);
}

/* x + attention(x'), x' being x or its norm; the last `queries` positions of it */
static size_t attend(gn_network *network, const gn_transformer_options *o, const block *b, size_t x,
                     size_t normed, size_t queries) {
    const size_t all = linear(network, normed, b->in, 3 * o->width);
    gn_node *node = gn_network_add_node(network, &gn_operation_attention, all);
    node->width = o->width;
    node->heads = o->heads;
    node->positions = queries;
    const size_t heads = index_of(network, node), skip = last(network, x, queries);
    return sum(network, skip, linear(network, heads, b->out, o->width));
}

/* x + ffn(x') */
static size_t feed_forward(gn_network *network, const gn_transformer_options *o, const block *b, size_t x,
                           size_t normed) {
    const size_t hidden = linear(network, normed, b->ffn0, o->ffn_width);
    gn_node *relu = gn_network_add_node(network, &gn_operation_activation, hidden);
    relu->activation = GN_ACTIVATION_RELU;
    return sum(network, x, linear(network, index_of(network, relu), b->ffn1, o->width));
}

static size_t add_block(gn_network *network, const gn_transformer_options *o, size_t layer, size_t x) {
    const block b = add_block_parameters(network, o, layer);
    const size_t queries = layer + 1 == o->layers ? o->read : o->context;
    if (o->norm == GN_NORM_POST) {
        x = layer_norm(network, attend(network, o, &b, x, x, queries), b.norm1);
        return layer_norm(network, feed_forward(network, o, &b, x, x), b.norm2);
    }
    x = attend(network, o, &b, x, layer_norm(network, x, b.norm1), queries);
    return feed_forward(network, o, &b, x, layer_norm(network, x, b.norm2));
}

static void build(gn_network *network, const gn_transformer_options *o) {
    gn_node *tokens = gn_network_add_node(network, NULL, GN_NO_NODE);
    tokens->width = 1;
    tokens->positions = o->context;
    gn_node *embedding = gn_network_add_node(network, &gn_operation_embedding, 0);
    embedding->width = o->width;
    embedding->vocabulary = o->vocabulary;
    embedding->weight = matrix(network, standard_normal, o->vocabulary, o->width, "embed.weight");
    gn_node *position =
        gn_network_add_node(network, o->sinusoidal ? &gn_operation_sinusoidal : &gn_operation_position, 1);
    if (!o->sinusoidal)
        position->weight = matrix(network, standard_normal, o->context, o->width, "position.weight");
    size_t x = index_of(network, position);
    for (size_t layer = 0; layer < o->layers; layer++)
        x = add_block(network, o, layer, x);
    linear(network, x, matrix(network, by_inputs(o->width), o->vocabulary, o->width, "head.weight"),
           o->vocabulary);
}

gn_status gn_network_create_transformer(gn_context *context, const gn_transformer_options *options,
                                        gn_network **out) {
    *out = NULL;
    GN_TRY(check_options(context, options));
    GN_TRY(check_size(context, options));
    const size_t parameters = 8 * options->layers + 3;
    gn_network *network;
    GN_TRY(gn_network_allocate(context, 11 * options->layers + 4, parameters, &network));
    network->initial = calloc(parameters, sizeof *network->initial);
    if (!network->initial) {
        gn_network_destroy(network);
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a transformer");
    }
    build(network, options);
    *out = network;
    return GN_OK;
}
