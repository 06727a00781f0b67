/* centring: y = x - f(theta_0), the base kept on the tape (saved); its derivative is the identity. */
#include "network/tape.h"

static size_t saved(const gn_node *node, size_t samples) {
    return samples * gn_node_size(node);
}

static size_t bytes(const gn_tape *tape, size_t i, size_t samples) {
    return samples * gn_node_size(&tape->network->nodes[i]) * gn_dtype_size(tape->dtype);
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    GN_TRY(GN_OP(tape->context, copy, tape->value[i].data, gn_tape_value(tape, node->input),
                 bytes(tape, i, tape->samples)));
    return GN_OP(tape->context, axpby, tape->dtype, tape->samples * gn_node_size(node), -1.0,
                 tape->saved[i].data, 1.0, tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    return GN_OP(tape->context, copy, tape->tangent[i].data,
                 tape->tangent[tape->network->nodes[i].input].data, bytes(tape, i, tape->samples));
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    return to == d ? GN_OK : GN_OP(tape->context, copy, to, d, bytes(tape, i, tape->samples * r));
}

const gn_operation gn_operation_centring = {.name = "centring",
                                            .in_place = true,
                                            .straight = true,
                                            .forward = forward,
                                            .jvp = jvp,
                                            .pull = pull,
                                            .saved = saved};
