/* activation: a = phi(z), elementwise. */
#include "network/tape.h"

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, activation, tape->dtype, node->activation, tape->samples * node->width,
                 gn_tape_value(tape, node->input), tape->value[i].data, tape->slope[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply, tape->dtype, tape->samples * node->width,
                 tape->tangent[node->input].data, tape->slope[i].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, r, node->width, d,
                 tape->slope[i].data, to);
}

const gn_operation gn_operation_activation = {
    .name = "activation", .forward = forward, .jvp = jvp, .pull = pull};
