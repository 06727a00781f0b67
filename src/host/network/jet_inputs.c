/* jet inputs: the coordinates as functions of themselves: values, unit first derivatives, no second ones. */
#include "network/tape.h"

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, jet_inputs, tape->dtype, tape->samples, node->width, node->inputs,
                 gn_tape_value(tape, node->input), tape->value[i].data);
}

/* Data do not move, and nobody asks. */
static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)tape, (void)i, (void)v;
    return GN_OK;
}

const gn_operation gn_operation_jet_inputs = {.name = "jet inputs", .forward = forward, .jvp = jvp};
