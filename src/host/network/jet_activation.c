/* jet activation: a = phi(z) of jets (T = 1 + 2d channels). Saved: what its derivative takes, N x T x W. */
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    return samples * gn_node_size(node);
}

static size_t axes(const gn_node *node) {
    return (node->positions - 1) / 2;
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jet_activation, tape->dtype, node->activation, tape->samples, axes(node),
                 node->width, gn_tape_value(tape, node->input), tape->value[i].data, tape->saved[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jet_multiply, tape->dtype, false, tape->samples, 1, axes(node), node->width,
                 tape->tangent[node->input].data, tape->saved[i].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jet_multiply, tape->dtype, true, tape->samples, r, axes(node), node->width, d,
                 tape->saved[i].data, to);
}

static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient) {
    (void)v, (void)beta, (void)gradient;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jet_vjp_jvp, tape->dtype, node->activation, tape->samples, axes(node),
                 node->width, gn_tape_value(tape, node->input), tape->tangent[node->input].data, d, d_dot,
                 to);
}

const gn_operation gn_operation_jet_activation = {
    .name = "jet activation",
    .in_place = true,
    .over = true,
    .forward = forward,
    .jvp = jvp,
    .pull = pull,
    .second = second,
    .saved = saved,
};
