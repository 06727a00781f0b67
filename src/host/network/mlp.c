/* mlp: linear maps with an activation between them, then scale and centring where asked for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "network/network.h"

static const char *const activation_names[GN_ACTIVATION_COUNT] = {
    [GN_ACTIVATION_IDENTITY] = "identity", [GN_ACTIVATION_TANH] = "tanh",
    [GN_ACTIVATION_RELU] = "relu",         [GN_ACTIVATION_GELU] = "gelu",
    [GN_ACTIVATION_SIN] = "sin",           [GN_ACTIVATION_SIGMOID] = "sigmoid",
    [GN_ACTIVATION_SOFTPLUS] = "softplus", [GN_ACTIVATION_QUADRATIC] = "quadratic",
};

gn_mlp_options gn_mlp_options_default(void) {
    return (gn_mlp_options){.activation = "tanh", .bias = true, .output_scale = 1.0};
}

static gn_status find_activation(gn_context *context, const char *name, gn_activation *activation) {
    for (int k = 0; name && k < GN_ACTIVATION_COUNT; k++)
        if (strcmp(name, activation_names[k]) == 0) {
            *activation = (gn_activation)k;
            return GN_OK;
        }
    return gn_fail(
        context, GN_ERROR_ARGUMENT,
        "no activation \"%s\": take identity, tanh, relu, gelu, sin, sigmoid, softplus or quadratic",
        name ? name : "(null)");
}

static gn_status check_options(gn_context *context, const gn_mlp_options *options) {
    if (options->depth == 0 || !options->widths)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "an mlp needs at least one linear map: give two widths or more");
    for (size_t l = 0; l <= options->depth; l++)
        if (options->widths[l] == 0)
            return gn_fail(context, GN_ERROR_ARGUMENT, "width %zu of the mlp is 0: each must be at least 1",
                           l);
    if (!isfinite(options->output_scale) || options->output_scale == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "output_scale is %g: give a finite number other than 0",
                       options->output_scale);
    return GN_OK;
}

/* P, where it fits a size_t. */
static bool count_parameters(const gn_mlp_options *options, size_t *count) {
    *count = 0;
    for (size_t l = 0; l < options->depth; l++) {
        size_t layer;
        size_t columns = options->widths[l];
        if (options->bias && !gn_size_add(columns, 1, &columns))
            return false;
        if (!gn_size_multiply(options->widths[l + 1], columns, &layer) || !gn_size_add(*count, layer, count))
            return false;
    }
    return true;
}

static size_t add_parameter(gn_network *network, size_t layer, const char *kind, int rank, size_t rows,
                            size_t columns) {
    gn_parameter *p = &network->parameters[network->parameter_count++];
    snprintf(p->name, sizeof p->name, "layers.%zu.%s", layer, kind);
    p->rank = rank;
    p->shape[0] = rows;
    p->shape[1] = columns;
    p->count = rows * columns;
    p->offset = network->size;
    network->size += p->count;
    return p->offset;
}

/* A node after the last one. */
static gn_node *add_node(gn_network *network, const gn_operation *operation, size_t width) {
    gn_node *node = &network->nodes[network->node_count];
    *node =
        (gn_node){.operation = operation, .width = width, .weight = GN_NO_PARAMETER, .bias = GN_NO_PARAMETER};
    if (network->node_count > 0) {
        node->input = network->node_count - 1;
        node->inputs = network->nodes[node->input].width;
    }
    network->node_count++;
    return node;
}

static void add_linear(gn_network *network, const gn_mlp_options *options, size_t layer) {
    size_t in = options->widths[layer], out = options->widths[layer + 1];
    gn_node *node = add_node(network, &gn_operation_linear, out);
    node->weight = add_parameter(network, layer, "weight", 2, out, in);
    if (options->bias)
        node->bias = add_parameter(network, layer, "bias", 1, out, 1);
}

static void build(gn_network *network, const gn_mlp_options *options, gn_activation activation) {
    add_node(network, NULL, options->widths[0]);
    for (size_t l = 0; l < options->depth; l++) {
        add_linear(network, options, l);
        if (l + 1 < options->depth && activation != GN_ACTIVATION_IDENTITY)
            add_node(network, &gn_operation_activation, options->widths[l + 1])->activation = activation;
    }
    size_t outputs = options->widths[options->depth];
    if (options->output_scale != 1.0)
        add_node(network, &gn_operation_scale, outputs)->scale = options->output_scale;
    if (options->centred)
        add_node(network, &gn_operation_centring, outputs);
}

gn_status gn_network_create_mlp(gn_context *context, const gn_mlp_options *options, gn_network **out) {
    *out = NULL;
    gn_activation activation = GN_ACTIVATION_IDENTITY;
    size_t parameters;
    GN_TRY(check_options(context, options));
    GN_TRY(find_activation(context, options->activation, &activation));
    if (!count_parameters(options, &parameters) || parameters > SIZE_MAX / sizeof(double))
        return gn_fail(context, GN_ERROR_MEMORY,
                       "the mlp's parameters do not fit the address space: smaller widths");
    gn_network *network = calloc(1, sizeof *network);
    if (network) {
        network->context = context;
        network->nodes = calloc(2 * options->depth + 3, sizeof *network->nodes);
        network->parameters = calloc(2 * options->depth, sizeof *network->parameters);
    }
    if (!network || !network->nodes || !network->parameters) {
        gn_network_destroy(network);
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for an mlp of %zu layers", options->depth);
    }
    build(network, options, activation);
    *out = network;
    return GN_OK;
}
