/* committee: y = s sum_k phi(h_k), phi(h) = h + e h^2 / 2, one output from H inputs; s phi'(h), N x H, is
 * kept on the tape. And the network that ends with it. */
#include <math.h>
#include <stdlib.h>

#include "core/size.h"
#include "network/tape.h"

/* First s phi(h) / h = s (1 + e h / 2), whose product with h is the output, then s phi'(h) = s (1 + e h). */
static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t count = tape->samples * node->inputs;
    const double half = 0.5 * node->scale * node->epsilon;
    const void *h = gn_tape_value(tape, node->input);
    void *slope = tape->slope[i].data;
    GN_TRY(GN_OP(tape->context, fill, tape->dtype, count, node->scale, slope));
    GN_TRY(GN_OP(tape->context, axpby, tape->dtype, count, half, h, 1.0, slope));
    GN_TRY(GN_OP(tape->context, contract_rows, tape->dtype, tape->samples, node->inputs, 1, h, slope,
                 tape->value[i].data));
    return GN_OP(tape->context, axpby, tape->dtype, count, half, h, 1.0, slope);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, contract_rows, tape->dtype, tape->samples, node->inputs, 1,
                 tape->tangent[node->input].data, tape->slope[i].data, tape->tangent[i].data);
}

/* The network has one output, so r is 1: to[n,:] = d[n] slope[n,:]. */
static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, void *to) {
    (void)r;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, node->inputs, 1,
                 tape->slope[i].data, d, to);
}

const gn_operation gn_operation_committee = {
    .name = "committee", .forward = forward, .jvp = jvp, .pull = pull};

/* ---- the network ---- */

static gn_status check_options(gn_context *context, const gn_committee_options *options, size_t *size) {
    if (options->inputs == 0 || options->hidden == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "a committee of %zu units of %zu inputs: neither may be 0",
                       options->hidden, options->inputs);
    if (!isfinite(options->alpha) || options->alpha == 0 || !isfinite(options->epsilon))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "alpha is %g and epsilon %g: give finite numbers, alpha other than 0", options->alpha,
                       options->epsilon);
    if (!gn_size_multiply(options->inputs, options->hidden, size) || *size > SIZE_MAX / sizeof(double))
        return gn_fail(context, GN_ERROR_MEMORY,
                       "the committee's parameters do not fit the address space: fewer units");
    return GN_OK;
}

static void build(gn_network *network, const gn_committee_options *options) {
    const size_t d = options->inputs, h = options->hidden;
    gn_parameter *weight = &network->parameters[0];
    *weight = (gn_parameter){.name = "layers.0.weight", .rank = 2, .shape = {h, d}, .count = network->size};
    const gn_node nodes[] = {
        {.width = d, .weight = GN_NO_PARAMETER, .bias = GN_NO_PARAMETER},
        {.operation = &gn_operation_linear, .inputs = d, .width = h, .bias = GN_NO_PARAMETER},
        {.operation = &gn_operation_committee,
         .input = 1,
         .inputs = h,
         .width = 1,
         .weight = GN_NO_PARAMETER,
         .bias = GN_NO_PARAMETER,
         .scale = options->alpha / (double)h,
         .epsilon = options->epsilon},
        {.operation = &gn_operation_centring,
         .input = 2,
         .inputs = 1,
         .width = 1,
         .weight = GN_NO_PARAMETER,
         .bias = GN_NO_PARAMETER},
    };
    network->node_count = options->centred ? 4 : 3;
    for (size_t i = 0; i < network->node_count; i++)
        network->nodes[i] = nodes[i];
}

gn_status gn_network_create_committee(gn_context *context, const gn_committee_options *options,
                                      gn_network **out) {
    size_t size = 0;
    *out = NULL;
    GN_TRY(check_options(context, options, &size));
    gn_network *network = calloc(1, sizeof *network);
    if (network) {
        network->context = context;
        network->nodes = calloc(4, sizeof *network->nodes);
        network->parameters = calloc(1, sizeof *network->parameters);
        network->parameter_count = 1;
        network->size = size;
    }
    if (!network || !network->nodes || !network->parameters) {
        gn_network_destroy(network);
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a committee");
    }
    build(network, options);
    *out = network;
    return GN_OK;
}
