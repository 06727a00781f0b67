/* scale: y = s x. */
#include "network/tape.h"

static gn_status scaled(const gn_tape *tape, size_t i, size_t rows, const void *from, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, axpby, tape->dtype, rows * node->width, node->scale, from, 0.0, to);
}

static gn_status forward(gn_tape *tape, size_t i) {
    return scaled(tape, i, tape->samples, gn_tape_value(tape, tape->network->nodes[i].input),
                  tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    return scaled(tape, i, tape->samples, tape->tangent[tape->network->nodes[i].input].data,
                  tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, void *to) {
    return scaled(tape, i, tape->samples * r, d, to);
}

const gn_operation gn_operation_scale = {.name = "scale", .forward = forward, .jvp = jvp, .pull = pull};
