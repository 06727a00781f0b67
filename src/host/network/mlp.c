/* mlp: linear maps with an activation between them, then scale and centring where asked for. */
#include <math.h>
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

static size_t last_node(const gn_network *network) {
    return network->node_count - 1;
}

static void add_linear(gn_network *network, const gn_mlp_options *options, size_t layer) {
    size_t in = options->widths[layer], out = options->widths[layer + 1];
    gn_node *node = gn_network_add_node(network, &gn_operation_linear, last_node(network));
    node->width = out;
    node->weight = gn_network_add_parameter(network, out, in, "layers.%zu.weight", layer);
    if (options->bias)
        node->bias = gn_network_add_parameter(network, out, 0, "layers.%zu.bias", layer);
}

static void build(gn_network *network, const gn_mlp_options *options, gn_activation activation) {
    gn_network_add_node(network, NULL, GN_NO_NODE)->width = options->widths[0];
    for (size_t l = 0; l < options->depth; l++) {
        add_linear(network, options, l);
        if (l + 1 < options->depth && activation != GN_ACTIVATION_IDENTITY)
            gn_network_add_node(network, &gn_operation_activation, last_node(network))->activation =
                activation;
    }
    if (options->output_scale != 1.0)
        gn_network_add_node(network, &gn_operation_scale, last_node(network))->scale = options->output_scale;
    if (options->centred)
        gn_network_add_node(network, &gn_operation_centring, last_node(network));
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
    GN_TRY(gn_network_allocate(context, 2 * options->depth + 3, 2 * options->depth, &network));
    build(network, options, activation);
    *out = network;
    return GN_OK;
}
