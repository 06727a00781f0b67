/* mlp: linear maps with an activation between them, then scale and centring where asked for; or the same on
 * jets, and a PDE's residual of them. */
#include <math.h>
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

static gn_status check_residual(gn_context *context, const gn_mlp_options *options) {
    const size_t axes = (size_t)options->residual->axes;
    if (options->widths[0] != axes)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "the mlp takes %zu inputs, the PDE has %zu coordinates: make its first width %zu",
                       options->widths[0], axes, axes);
    if (options->widths[options->depth] != 1)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "the mlp gives %zu outputs, the PDE has one unknown: make its last width 1",
                       options->widths[options->depth]);
    if (options->centred)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "the residual of a PDE cannot be centred: set centred to false");
    return GN_OK;
}

static gn_status check_options(gn_context *context, const gn_mlp_options *options) {
    if (options->depth == 0 || !options->widths)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "an mlp needs at least one linear map: give two widths or more");
    for (size_t l = 0; l <= options->depth; l++)
        if (options->widths[l] == 0)
            return gn_fail(context, GN_ERROR_ARGUMENT, "width %zu of the mlp is 0: each must be at least 1",
                           l);
    if (options->residual)
        GN_TRY(check_residual(context, options));
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

static size_t last_node(const gn_network *network) {
    return network->node_count - 1;
}

static void add_linear(gn_network *network, const gn_mlp_options *options, size_t layer) {
    size_t in = options->widths[layer], out = options->widths[layer + 1];
    gn_node *node = gn_network_add_node(network, &gn_operation_linear, last_node(network));
    node->width = out;
    node->weight = gn_network_add_parameter(network, out, in, "layers.%zu.weight", layer);
    if (!options->bias)
        return;
    if (options->residual) /* the value's channel alone has a bias */
        node = gn_network_add_node(network, &gn_operation_jet_bias, last_node(network));
    node->bias = gn_network_add_parameter(network, out, 0, "layers.%zu.bias", layer);
}

/* The inputs, and their jets where the network carries them. */
static void add_inputs(gn_network *network, const gn_mlp_options *options) {
    const size_t d = options->widths[0];
    gn_network_add_node(network, NULL, GN_NO_NODE)->width = options->residual ? d + 1 : d;
    if (!options->residual)
        return;
    gn_node *jets = gn_network_add_node(network, &gn_operation_jet_inputs, 0);
    jets->positions = 1 + 2 * d;
    jets->width = d;
    jets->data = true;
}

static void build(gn_network *network, const gn_mlp_options *options, gn_activation activation) {
    const gn_operation *bend = options->residual ? &gn_operation_jet_activation : &gn_operation_activation;
    add_inputs(network, options);
    for (size_t l = 0; l < options->depth; l++) {
        add_linear(network, options, l);
        if (l + 1 < options->depth && activation != GN_ACTIVATION_IDENTITY)
            gn_network_add_node(network, bend, last_node(network))->activation = activation;
    }
    if (options->output_scale != 1.0)
        gn_network_add_node(network, &gn_operation_scale, last_node(network))->scale = options->output_scale;
    if (options->centred)
        gn_network_add_node(network, &gn_operation_centring, last_node(network));
    if (options->residual)
        gn_network_add_node(network, &gn_operation_jet_residual, last_node(network))->positions = 1;
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
    gn_network *network;
    GN_TRY(gn_network_allocate(context, 3 * options->depth + 4, 2 * options->depth, &network));
    if (options->residual && !(network->residual = malloc(sizeof *network->residual))) {
        gn_network_destroy(network);
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for the residual of a PDE");
    }
    if (options->residual)
        *network->residual = *options->residual;
    build(network, options, activation);
    *out = network;
    return GN_OK;
}
