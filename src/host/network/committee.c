/* committee: y = s sum_k phi(h_k), phi(h) = h + e h^2 / 2, one output from H inputs; s phi'(h), N x H, is
 * saved. And the network that ends with it. */
#include <math.h>

#include "core/size.h"
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    return samples * node->inputs;
}

/* First s phi(h) / h = s (1 + e h / 2), whose product with h is the output, then s phi'(h) = s (1 + e h). */
static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t count = tape->samples * node->inputs;
    const double half = 0.5 * node->scale * node->epsilon;
    const void *h = gn_tape_value(tape, node->input);
    void *slope = tape->saved[i].data;
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
                 tape->tangent[node->input].data, tape->saved[i].data, tape->tangent[i].data);
}

/* The network has one output, so r is 1: to[n,:] = d[n] slope[n,:]. */
static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)r;
    (void)beta;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, node->inputs, 1,
                 tape->saved[i].data, d, to);
}

/* The slope's tangent is s e dh: d_dot[n] slope[n,:] + d[n] s e dh[n,:]. Nobody else reads dh, a linear
 * map's, after this: its memory holds the first term. */
static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient) {
    (void)v, (void)beta, (void)gradient;
    const gn_node *node = &tape->network->nodes[i];
    const size_t count = tape->samples * node->inputs;
    void *dh = tape->tangent[node->input].data;
    GN_TRY(GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, node->inputs, 1, dh, d, to));
    GN_TRY(GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, node->inputs, 1,
                 tape->saved[i].data, d_dot, dh));
    return GN_OP(tape->context, axpby, tape->dtype, count, 1.0, dh, node->scale * node->epsilon, to);
}

const gn_operation gn_operation_committee = {
    .name = "committee", .forward = forward, .jvp = jvp, .pull = pull, .second = second, .saved = saved};

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
    gn_network_add_node(network, NULL, GN_NO_NODE)->width = d;
    gn_node *linear = gn_network_add_node(network, &gn_operation_linear, 0);
    linear->width = h;
    linear->weight = gn_network_add_parameter(network, h, d, "layers.0.weight");
    gn_node *committee = gn_network_add_node(network, &gn_operation_committee, 1);
    committee->width = 1;
    committee->scale = options->alpha / (double)h;
    committee->epsilon = options->epsilon;
    if (options->centred)
        gn_network_add_node(network, &gn_operation_centring, 2);
}

gn_status gn_network_create_committee(gn_context *context, const gn_committee_options *options,
                                      gn_network **out) {
    size_t size = 0;
    *out = NULL;
    GN_TRY(check_options(context, options, &size));
    gn_network *network;
    GN_TRY(gn_network_allocate(context, 4, 1, &network));
    build(network, options);
    *out = network;
    return GN_OK;
}
