/* attention: causal, several heads; its input holds query, key and value (3D features), its output D features
 * of the last positions. Saved: the probabilities, N x heads x queries x T. */
#include "network/tape.h"

static gn_attention shape_of(const gn_tape *tape, const gn_node *node) {
    return (gn_attention){.samples = tape->samples,
                          .positions = node->input_positions,
                          .queries = node->positions,
                          .heads = node->heads,
                          .width = node->width / node->heads};
}

static size_t saved(const gn_node *node, size_t samples) {
    return samples * node->heads * node->positions * node->input_positions;
}

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    const gn_attention shape = shape_of(tape, node);
    return GN_OP(tape->context, attention, tape->dtype, &shape, gn_tape_value(tape, node->input),
                 tape->saved[i].data, tape->value[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    const gn_node *node = &tape->network->nodes[i];
    const gn_attention shape = shape_of(tape, node);
    return GN_OP(tape->context, attention_jvp, tape->dtype, &shape, gn_tape_value(tape, node->input),
                 tape->saved[i].data, tape->tangent[node->input].data, tape->tangent[i].data);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)beta;
    const gn_node *node = &tape->network->nodes[i];
    const gn_attention shape = shape_of(tape, node);
    return GN_OP(tape->context, attention_vjp, tape->dtype, &shape, r, gn_tape_value(tape, node->input),
                 tape->saved[i].data, d, to);
}

static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient) {
    (void)v, (void)beta, (void)gradient;
    const gn_node *node = &tape->network->nodes[i];
    const gn_attention shape = shape_of(tape, node);
    return GN_OP(tape->context, attention_vjp_jvp, tape->dtype, &shape, gn_tape_value(tape, node->input),
                 tape->saved[i].data, tape->tangent[node->input].data, d, d_dot, to);
}

const gn_operation gn_operation_attention = {
    .name = "attention", .forward = forward, .jvp = jvp, .pull = pull, .second = second, .saved = saved};
