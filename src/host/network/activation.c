/* activation: a = phi(z), elementwise. Saved: phi'(z). */
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    return samples * gn_node_size(node);
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, activation, tape->dtype, node->activation, tape->samples * gn_node_size(node),
                 gn_tape_value(tape, node->input), tape->value[i].data, tape->saved[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply, tape->dtype, tape->samples * gn_node_size(node),
                 tape->tangent[node->input].data, tape->saved[i].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, r, gn_node_size(node), d,
                 tape->saved[i].data, to);
}

/* phi' d_dot + phi'' dz d */
static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient) {
    (void)v, (void)beta, (void)gradient;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, activation_vjp_jvp, tape->dtype, node->activation,
                 tape->samples * gn_node_size(node), gn_tape_value(tape, node->input),
                 tape->tangent[node->input].data, d, d_dot, to);
}

const gn_operation gn_operation_activation = {.name = "activation",
                                              .in_place = true,
                                              .forward = forward,
                                              .jvp = jvp,
                                              .pull = pull,
                                              .second = second,
                                              .saved = saved};
