/* jet residual: r (N x 1) from the jets of u (N x T x 1) by the network's expression, or one of the channels,
 * as each sample's kind says. The last node, and C = 1. Saved: dr/du, N x T. */
#include "network/tape.h"

static size_t channels(const gn_tape *tape, size_t i) {
    return tape->network->nodes[tape->network->nodes[i].input].positions;
}

static size_t saved(const gn_node *node, size_t samples) {
    (void)node;
    return samples * (1 + 2 * GN_EXPRESSION_AXES); /* T at most */
}

static gn_status forward(gn_tape *tape, size_t i) {
    return GN_OP(tape->context, jet_residual, tape->dtype, tape->network->residual, tape->samples,
                 (channels(tape, i) - 1) / 2, tape->inputs,
                 gn_tape_value(tape, tape->network->nodes[i].input), tape->value[i].data,
                 tape->saved[i].data);
}

static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    (void)v;
    return GN_OP(tape->context, contract_rows, tape->dtype, tape->samples, channels(tape, i), 1,
                 tape->saved[i].data, tape->tangent[tape->network->nodes[i].input].data,
                 tape->tangent[i].data);
}

/* to[n,t] = dr/du[n,t] d[n]; r = C = 1 */
static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to) {
    (void)r, (void)beta;
    return GN_OP(tape->context, multiply_rows, tape->dtype, tape->samples, channels(tape, i), 1,
                 tape->saved[i].data, d, to);
}

static gn_status second(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient) {
    (void)v, (void)beta, (void)gradient;
    const size_t input = tape->network->nodes[i].input;
    return GN_OP(tape->context, jet_residual_vjp_jvp, tape->dtype, tape->network->residual, tape->samples,
                 (channels(tape, i) - 1) / 2, tape->inputs, gn_tape_value(tape, input),
                 tape->tangent[input].data, d, d_dot, to);
}

const gn_operation gn_operation_jet_residual = {
    .name = "jet residual", .forward = forward, .jvp = jvp, .pull = pull, .second = second, .saved = saved};
