/* Second derivatives: the tangent of a backward pass, forward over reverse. */
#include "network/share.h"
#include "network/tape.h"

/* Of a straight node pull and gradient are the same linear maps at every point. */
static gn_status straight(const gn_tape *tape, size_t i, void *out) {
    const gn_operation *operation = tape->network->nodes[i].operation;
    if (operation->gradient)
        GN_TRY(operation->gradient(tape, i, tape->cotangent_dot[i].data, out));
    return gn_tape_pull(tape, i, 1, tape->cotangent_dot);
}

static gn_status second_of(const gn_tape *tape, size_t i, const void *v, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    if (node->data)
        return GN_OK;
    if (node->operation->straight)
        return straight(tape, i, out);
    void *to = gn_is_pulled(tape->network, node->input) ? tape->cotangent_dot[node->input].data : NULL;
    return node->operation->second(tape, i, v, tape->cotangent[i].data, tape->cotangent_dot[i].data,
                                   gn_share_first(tape->network, i, node->input) ? 0.0 : 1.0, to, out);
}

static void swap_buffers(gn_array **a, gn_array **b) {
    gn_array *other = *a;
    *a = *b;
    *b = other;
}

/* Between two of these the tape works on what is kept. */
static void swap_kept(gn_tape *tape) {
    swap_buffers(&tape->value, &tape->kept_value);
    swap_buffers(&tape->tangent, &tape->kept_tangent);
}

static gn_status jvp_on_kept(gn_tape *tape, const void *v, void *jv) {
    for (size_t i = 1; i < tape->network->node_count; i++)
        if (tape->value[i].data != tape->kept_value[i].data)
            GN_TRY(tape->network->nodes[i].operation->forward(tape, i));
    return gn_tape_jvp(tape, v, jv);
}

gn_status gn_tape_second_jvp(gn_tape *tape, const void *v, void *jv) {
    swap_kept(tape);
    const gn_status status = jvp_on_kept(tape, v, jv);
    swap_kept(tape);
    return status;
}

static gn_status second_on_kept(gn_tape *tape, const void *v, const void *u, const void *du, void *out) {
    const size_t last = tape->network->node_count - 1;
    const size_t bytes = tape->samples * tape->outputs * gn_dtype_size(tape->dtype);
    GN_TRY(GN_OP(tape->context, copy, tape->cotangent[last].data, u, bytes));
    GN_TRY(GN_OP(tape->context, copy, tape->cotangent_dot[last].data, du, bytes));
    for (size_t i = last; i > 0; i--) {
        GN_TRY(second_of(tape, i, v, out));
        GN_TRY(gn_tape_pull(tape, i, 1, tape->cotangent));
    }
    return GN_OK;
}

gn_status gn_tape_second(gn_tape *tape, const void *v, const void *u, const void *du, void *out) {
    swap_kept(tape);
    const gn_status status = second_on_kept(tape, v, u, du, out);
    swap_kept(tape);
    return status;
}
