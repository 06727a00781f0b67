/* add: y = a + b, the residual connection. The sum lies in b's buffer where nobody else reads that. */
#include "network/tape.h"

/* to += from, or to = from + what `second` holds where `to` is not its buffer */
static gn_status sum(const gn_tape *tape, size_t i, const void *from, const void *second, void *to) {
    const size_t n = tape->samples * gn_node_size(&tape->network->nodes[i]);
    if (to != second)
        GN_TRY(GN_OP(tape->context, copy, to, second, n * gn_dtype_size(tape->dtype)));
    return GN_OP(tape->context, axpby, tape->dtype, n, 1.0, from, 1.0, to);
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    return sum(tape, i, gn_tape_value(tape, node->input), gn_tape_value(tape, node->second),
               tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    return sum(tape, i, tape->tangent[node->input].data, tape->tangent[node->second].data,
               tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    const size_t n = tape->samples * r * gn_node_size(&tape->network->nodes[i]);
    if (to == d)
        return GN_OK;
    if (beta == 0)
        return GN_OP(tape->context, copy, to, d, n * gn_dtype_size(tape->dtype));
    return GN_OP(tape->context, axpby, tape->dtype, n, 1.0, d, beta, to);
}

const gn_operation gn_operation_add = {.name = "add",
                                       .in_place = true,
                                       .adds = true,
                                       .straight = true,
                                       .forward = forward,
                                       .jvp = jvp,
                                       .pull = pull};
