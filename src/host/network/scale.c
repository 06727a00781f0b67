/* scale: y = s x. */
#include "network/tape.h"

static gn_status scaled(const gn_tape *tape, size_t i, size_t samples, const void *from, double beta,
                        void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, axpby, tape->dtype, samples * gn_node_size(node), node->scale, from, beta,
                 to);
}

static gn_status forward(gn_tape *tape, size_t i) {
    return scaled(tape, i, tape->samples, gn_tape_value(tape, tape->network->nodes[i].input), 0,
                  tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    return scaled(tape, i, tape->samples, tape->tangent[tape->network->nodes[i].input].data, 0,
                  tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    return scaled(tape, i, tape->samples * r, d, beta, to);
}

const gn_operation gn_operation_scale = {.name = "scale",
                                         .in_place = true,
                                         .adds = true,
                                         .straight = true,
                                         .forward = forward,
                                         .jvp = jvp,
                                         .pull = pull};
