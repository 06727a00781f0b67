/* last: the last positions of a sequence, y[n,t,:] = x[n, T - (positions of y) + t, :]. */
#include "network/tape.h"

/* Elements before them, a sample. */
static size_t skipped(const gn_node *node) {
    return (node->input_positions - node->positions) * node->width;
}

static gn_status select_from(const gn_tape *tape, size_t i, const void *from, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t size = gn_node_size(node), skip = skipped(node);
    return GN_OP(tape->context, copy_rows, tape->dtype, tape->samples, size, gn_tape_at(tape, from, skip),
                 skip + size, to, size);
}

static gn_status forward(gn_tape *tape, size_t i) {
    return select_from(tape, i, gn_tape_value(tape, tape->network->nodes[i].input), tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    return select_from(tape, i, tape->tangent[tape->network->nodes[i].input].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    const gn_node *node = &tape->network->nodes[i];
    const size_t size = gn_node_size(node), skip = skipped(node), rows = tape->samples * r;
    GN_TRY(GN_OP(tape->context, zero, to, rows * (skip + size) * gn_dtype_size(tape->dtype)));
    return GN_OP(tape->context, copy_rows, tape->dtype, rows, size, d, size, gn_tape_at(tape, to, skip),
                 skip + size);
}

const gn_operation gn_operation_last = {
    .name = "last", .straight = true, .forward = forward, .jvp = jvp, .pull = pull};
