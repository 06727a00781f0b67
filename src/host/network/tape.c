#include "network/tape.h"

#include <stdlib.h>

#include "network/share.h"

/* Bandwidth-bound contraction of the rows costs about this many GEMM flops an element. */
#define CONTRACTION_FLOPS 16

typedef size_t (*owner_function)(const gn_network *network, size_t i);

static size_t cotangent_owner(const gn_network *network, size_t i) {
    return gn_share_cotangent(network, i, false);
}

static size_t rows_owner(const gn_network *network, size_t i) {
    return gn_share_cotangent(network, i, true);
}

/* Of buffers that are kept and not those of values or tangents. */
static size_t kept_owner(const gn_network *network, size_t i) {
    const size_t owner = gn_share_kept(network, i);
    return gn_share_overwritten(network, owner) ? owner : GN_NO_NODE;
}

/* One buffer a node, rows x (T W), or its owner's. */
static gn_status create_buffers(gn_tape *tape, gn_array *buffers, owner_function owner, size_t rows,
                                const char *what) {
    const gn_network *network = tape->network;
    for (size_t i = 1; i < network->node_count; i++)
        if (owner(network, i) == i && !buffers[i].data)
            GN_TRY(gn_buffer_create(tape->context, &buffers[i], tape->dtype, rows,
                                    gn_node_size(&network->nodes[i]), what));
    for (size_t i = 1; i < network->node_count; i++)
        buffers[i] = buffers[owner(network, i)];
    return GN_OK;
}

static void destroy_buffers(const gn_network *network, gn_array *buffers, owner_function owner) {
    for (size_t i = 1; buffers && i < network->node_count; i++)
        if (owner(network, i) == i)
            gn_buffer_destroy(&buffers[i]);
    free(buffers);
}

static size_t itself(const gn_network *network, size_t i) {
    (void)network;
    return i;
}

static gn_status create_node_buffers(gn_tape *tape) {
    const gn_network *network = tape->network;
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_node *node = &network->nodes[i];
        if (node->operation->saved)
            GN_TRY(gn_buffer_create(tape->context, &tape->saved[i], tape->dtype,
                                    node->operation->saved(node, tape->capacity), 1, "what a layer keeps"));
        if (node->operation->prepare)
            GN_TRY(node->operation->prepare(tape, i));
    }
    GN_TRY(create_buffers(tape, tape->value, gn_share_value, tape->capacity, "a layer's values"));
    GN_TRY(create_buffers(tape, tape->tangent, gn_share_value, tape->capacity, "a layer's tangents"));
    return create_buffers(tape, tape->cotangent, cotangent_owner, tape->capacity, "a layer's cotangents");
}

/* Who adds to a cotangent must be able to. */
static gn_status check_users(const gn_network *network) {
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_node *node = &network->nodes[i];
        const size_t inputs[] = {node->input, node->second};
        for (int k = 0; k < 2; k++)
            if (gn_is_pulled(network, inputs[k]) && !node->operation->adds &&
                !gn_share_first(network, i, inputs[k]))
                return gn_fail(
                    network->context, GN_ERROR_UNSUPPORTED,
                    "node %zu takes node %zu, which others take after it: operation \"%s\" cannot add to "
                    "the cotangent that they leave there",
                    i, inputs[k], node->operation->name);
    }
    return GN_OK;
}

/* Whether reading the rows costs less than a backward pass: its products, and for other operations about two
 * passes over what they hand on. */
static bool contraction_pays(const gn_network *network, size_t outputs) {
    double contraction = 0, backward = 0;
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_node *node = &network->nodes[i];
        const double size = (double)gn_node_size(node);
        if (node->operation == &gn_operation_linear)
            contraction += CONTRACTION_FLOPS * (double)outputs * size;
        if (!gn_is_pulled(network, node->input) || node->input == 0)
            continue;
        if (node->operation == &gn_operation_linear)
            backward += (double)node->inputs * size;
        else if (!node->operation->gradient)
            backward += 2 * CONTRACTION_FLOPS * size;
    }
    return contraction < backward;
}

gn_status gn_tape_create(const gn_network *network, gn_dtype dtype, size_t capacity, gn_tape **out) {
    *out = NULL;
    GN_TRY(check_users(network));
    gn_tape *tape = calloc(1, sizeof *tape);
    if (!tape)
        return gn_fail(network->context, GN_ERROR_MEMORY, "no host memory for a network's tape");
    tape->network = network;
    tape->context = network->context;
    tape->dtype = dtype;
    tape->capacity = capacity;
    tape->outputs = gn_network_outputs(network);
    tape->contract = contraction_pays(network, tape->outputs);
    gn_array **lists[] = {&tape->value,         &tape->saved,      &tape->tangent,      &tape->cotangent,
                          &tape->cotangent_dot, &tape->kept_value, &tape->kept_tangent, &tape->rows};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        *lists[i] = calloc(network->node_count, sizeof **lists[i]);
        if (!*lists[i]) {
            gn_tape_destroy(tape);
            return gn_fail(network->context, GN_ERROR_MEMORY, "no host memory for a network's tape");
        }
    }
    gn_status status = create_node_buffers(tape);
    if (status != GN_OK) {
        gn_tape_destroy(tape);
        return status;
    }
    *out = tape;
    return GN_OK;
}

void gn_tape_destroy(gn_tape *tape) {
    if (!tape)
        return;
    destroy_buffers(tape->network, tape->value, gn_share_value);
    destroy_buffers(tape->network, tape->saved, itself);
    destroy_buffers(tape->network, tape->tangent, gn_share_value);
    destroy_buffers(tape->network, tape->cotangent, cotangent_owner);
    destroy_buffers(tape->network, tape->cotangent_dot, cotangent_owner);
    destroy_buffers(tape->network, tape->kept_value, kept_owner);
    destroy_buffers(tape->network, tape->kept_tangent, kept_owner);
    destroy_buffers(tape->network, tape->rows, rows_owner);
    gn_buffer_destroy(&tape->row_pairs);
    gn_buffer_destroy(&tape->input_pairs);
    gn_buffer_destroy(&tape->theta0);
    free(tape);
}

void gn_tape_set_inputs(gn_tape *tape, const void *inputs, size_t samples) {
    tape->inputs = inputs;
    tape->samples = samples;
    tape->rows_ready = false;
    tape->base_ready = false;
}

static bool is_centred(const gn_network *network) {
    return network->nodes[network->node_count - 1].operation == &gn_operation_centring;
}

gn_status gn_tape_set_reference(gn_tape *tape, const gn_array *theta0) {
    if (!is_centred(tape->network))
        return GN_OK;
    if (!tape->theta0.data)
        GN_TRY(
            gn_buffer_create(tape->context, &tape->theta0, tape->dtype, tape->network->size, 1, "theta_0"));
    tape->base_ready = false;
    return gn_array_copy(&tape->theta0, theta0);
}

/* Runs nodes 1..count-1 at the tape's theta. */
static gn_status forward_nodes(gn_tape *tape, size_t count) {
    for (size_t i = 1; i < count; i++)
        GN_TRY(tape->network->nodes[i].operation->forward(tape, i));
    return GN_OK;
}

/* f(theta_0) of the batch, kept by the centring (the last node) until the batch changes. */
static gn_status forward_base(gn_tape *tape) {
    size_t last = tape->network->node_count - 1;
    if (!tape->theta0.data)
        return gn_fail(tape->context, GN_ERROR_ARGUMENT,
                       "a centred network needs its theta_0: call gn_linearization_set_reference first");
    tape->theta = tape->theta0.data;
    GN_TRY(forward_nodes(tape, last));
    size_t bytes = tape->samples * tape->outputs * gn_dtype_size(tape->dtype);
    GN_TRY(GN_OP(tape->context, copy, tape->saved[last].data, gn_tape_value(tape, last - 1), bytes));
    tape->base_ready = true;
    return GN_OK;
}

gn_status gn_tape_begin(gn_tape *tape, const void *theta) {
    tape->rows_ready = false;
    if (is_centred(tape->network) && !tape->base_ready)
        GN_TRY(forward_base(tape));
    tape->theta = theta;
    return GN_OK;
}

gn_status gn_tape_forward(gn_tape *tape) {
    return forward_nodes(tape, tape->network->node_count);
}

const void *gn_tape_outputs(const gn_tape *tape) {
    return gn_tape_value(tape, tape->network->node_count - 1);
}

gn_status gn_tape_jvp(gn_tape *tape, const void *v, void *jv) {
    const gn_network *network = tape->network;
    for (size_t i = 1; i < network->node_count; i++)
        GN_TRY(network->nodes[i].operation->jvp(tape, i, v));
    size_t bytes = tape->samples * tape->outputs * gn_dtype_size(tape->dtype);
    return GN_OP(tape->context, copy, jv, tape->tangent[network->node_count - 1].data, bytes);
}

gn_status gn_tape_pull(const gn_tape *tape, size_t i, size_t r, const gn_array *buffers) {
    const gn_node *node = &tape->network->nodes[i];
    const size_t inputs[] = {node->input, node->second};
    for (int k = 0; k < 2; k++)
        if (gn_is_pulled(tape->network, inputs[k]))
            GN_TRY(node->operation->pull(tape, i, r, buffers[i].data,
                                         gn_share_first(tape->network, i, inputs[k]) ? 0.0 : 1.0,
                                         buffers[inputs[k]].data));
    return GN_OK;
}

/* J'u from the rows: d[n,:] = sum_c u[n,c] rows[n,c,:] at each node with parameters. A layer and its bias
 * share both, one after the other. */
static gn_status vjp_from_rows(gn_tape *tape, const void *u, void *jtu) {
    const gn_node *nodes = tape->network->nodes;
    const void *rows = NULL, *made = NULL;
    for (size_t i = 1; i < tape->network->node_count; i++) {
        if (!nodes[i].operation->gradient)
            continue;
        void *d = tape->cotangent[i].data;
        if (rows != tape->rows[i].data || made != d)
            GN_TRY(GN_OP(tape->context, contract_rows, tape->dtype, tape->samples, tape->outputs,
                         gn_node_size(&nodes[i]), u, tape->rows[i].data, d));
        rows = tape->rows[i].data;
        made = d;
        GN_TRY(nodes[i].operation->gradient(tape, i, d, jtu));
    }
    return GN_OK;
}

gn_status gn_tape_vjp(gn_tape *tape, const void *u, void *jtu) {
    if (tape->rows_ready && !tape->root && tape->contract)
        return vjp_from_rows(tape, u, jtu);
    const gn_network *network = tape->network;
    size_t last = network->node_count - 1;
    size_t bytes = tape->samples * tape->outputs * gn_dtype_size(tape->dtype);
    GN_TRY(GN_OP(tape->context, copy, tape->cotangent[last].data, u, bytes));
    for (size_t i = last; i > 0; i--) {
        if (network->nodes[i].operation->gradient)
            GN_TRY(network->nodes[i].operation->gradient(tape, i, tape->cotangent[i].data, jtu));
        GN_TRY(gn_tape_pull(tape, i, 1, tape->cotangent));
    }
    return GN_OK;
}

gn_status gn_tape_vjp_rows(gn_tape *tape, const void *u, void *out) {
    return vjp_from_rows(tape, u, out);
}

void gn_tape_seed_rows(gn_tape *tape, const void *root) {
    tape->rows_ready = tape->rows_ready && tape->root == root;
    tape->root = root;
}

/* Bytes of a buffer a node that owns one, with `rows` rows. */
static double buffers_bytes(const gn_tape *tape, owner_function owner, size_t rows) {
    double elements = 0;
    for (size_t i = 1; i < tape->network->node_count; i++)
        if (owner(tape->network, i) == i)
            elements += (double)gn_node_size(&tape->network->nodes[i]);
    return elements * (double)rows * (double)gn_dtype_size(tape->dtype);
}

gn_status gn_tape_reserve_rows(gn_tape *tape) {
    if (tape->rows_made)
        return GN_OK;
    GN_TRY(gn_memory_predict(tape->context, buffers_bytes(tape, rows_owner, tape->capacity * tape->outputs),
                             "the cotangents of every output",
                             "take a smaller batch (batch.size), a narrower network or float32"));
    GN_TRY(create_buffers(tape, tape->rows, rows_owner, tape->capacity * tape->outputs,
                          "the cotangents of every output"));
    tape->rows_made = true;
    return GN_OK;
}

static gn_status check_second(const gn_network *network) {
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_operation *operation = network->nodes[i].operation;
        if (!network->nodes[i].data && !operation->straight && !operation->second)
            return gn_fail(network->context, GN_ERROR_UNSUPPORTED,
                           "a Hessian product needs the second derivative of operation \"%s\", which has no "
                           "rule for it",
                           operation->name);
    }
    return GN_OK;
}

/* Where nothing lies over them, those that are there already. */
static gn_status create_kept(gn_tape *tape, const gn_array *present, gn_array *kept) {
    const gn_network *network = tape->network;
    for (size_t i = 1; i < network->node_count; i++)
        if (kept_owner(network, i) == GN_NO_NODE)
            kept[i] = present[i];
    return create_buffers(tape, kept, gn_share_kept, tape->capacity, "what second derivatives look at");
}

gn_status gn_tape_reserve_second(gn_tape *tape) {
    if (tape->second_made)
        return GN_OK;
    GN_TRY(check_second(tape->network));
    GN_TRY(gn_memory_predict(tape->context,
                             buffers_bytes(tape, cotangent_owner, tape->capacity) +
                                 2 * buffers_bytes(tape, kept_owner, tape->capacity),
                             "the buffers of second derivatives",
                             "take a smaller batch (batch.size), a narrower network or float32"));
    GN_TRY(create_buffers(tape, tape->cotangent_dot, cotangent_owner, tape->capacity,
                          "the tangents of cotangents"));
    GN_TRY(create_kept(tape, tape->value, tape->kept_value));
    GN_TRY(create_kept(tape, tape->tangent, tape->kept_tangent));
    tape->second_made = true;
    return GN_OK;
}

gn_status gn_tape_rows(gn_tape *tape) {
    size_t last = tape->network->node_count - 1;
    if (tape->rows_ready)
        return GN_OK;
    GN_TRY(gn_tape_reserve_rows(tape));
    void *rows = tape->rows[last].data;
    if (tape->root)
        GN_TRY(GN_OP(tape->context, softmax_root, tape->dtype, tape->samples,
                     tape->network->nodes[last].positions, tape->network->nodes[last].width, tape->root,
                     rows));
    else
        GN_TRY(GN_OP(tape->context, unit_rows, tape->dtype, tape->samples, tape->outputs, rows));
    for (size_t i = last; i > 0; i--)
        GN_TRY(gn_tape_pull(tape, i, tape->outputs, tape->rows));
    tape->rows_ready = true;
    return GN_OK;
}

/* ---- the diagonal of J'J ---- */

gn_status gn_tape_row_pairs(const gn_tape *tape, size_t i, void *pairs) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, pair_products, tape->dtype, tape->samples, tape->outputs, node->positions,
                 node->width, 2.0, tape->rows[i].data, pairs);
}

/* Room for the pairs of the largest node that has a diagonal rule. */
gn_status gn_tape_reserve_pairs(gn_tape *tape) {
    size_t rows = 0, inputs = 0;
    if (tape->input_pairs.data)
        return GN_OK;
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_node *node = &tape->network->nodes[i];
        const size_t pairs = gn_position_pairs(node->positions);
        if (!node->operation->diagonal)
            continue;
        rows = pairs * node->width > rows ? pairs * node->width : rows;
        inputs = pairs * node->inputs > inputs ? pairs * node->inputs : inputs;
    }
    const double bytes = ((double)rows + (double)inputs) * (double)tape->capacity;
    GN_TRY(gn_memory_predict(tape->context, bytes * (double)gn_dtype_size(tape->dtype),
                             "products of cotangents and of layer inputs at pairs of positions",
                             "take a smaller batch (batch.size), a narrower network or float32"));
    if (!tape->row_pairs.data)
        GN_TRY(gn_buffer_create(tape->context, &tape->row_pairs, tape->dtype, tape->capacity, rows,
                                "products of cotangents"));
    return gn_buffer_create(tape->context, &tape->input_pairs, tape->dtype, tape->capacity, inputs,
                            "products of layer inputs");
}

gn_status gn_tape_diagonal(gn_tape *tape, bool rest, void *d) {
    GN_TRY(gn_tape_rows(tape));
    if (rest)
        GN_TRY(GN_OP(tape->context, zero, d, tape->network->size * gn_dtype_size(tape->dtype)));
    GN_TRY(gn_tape_reserve_pairs(tape));
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_operation *operation = tape->network->nodes[i].operation;
        if (operation->diagonal && !(rest && operation->factors))
            GN_TRY(operation->diagonal(tape, i, tape->row_pairs.data, tape->input_pairs.data, d));
    }
    return GN_OK;
}

/* ---- Gram tiles ---- */

gn_gram_scratch gn_gram_scratch_of(const gn_network *network, size_t n) {
    gn_gram_scratch most = {0, 0, 1};
    for (size_t i = 1; i < network->node_count; i++) {
        if (!network->nodes[i].operation->scratch)
            continue;
        gn_gram_scratch one = network->nodes[i].operation->scratch(network, i, n);
        most.s = one.s > most.s ? one.s : most.s;
        most.g = one.g > most.g ? one.g : most.g;
        most.rows = one.rows > most.rows ? one.rows : most.rows;
    }
    return most;
}

size_t gn_gram_tile_samples(const gn_network *network) {
    const size_t rows = gn_network_outputs(network) * gn_gram_scratch_of(network, 1).rows;
    const size_t samples = network->context->backend.gram_tile / rows;
    return samples > 0 ? samples : 1;
}

gn_status gn_gram_products(const gn_tape *tape, bool lower, size_t rows_x, const void *x, size_t rows_y,
                           const void *y, size_t width, double beta, void *c, size_t ldc) {
    if (lower)
        return GN_OP(tape->context, syrk, tape->dtype, false, rows_x, width, 1.0, x, width, beta, c, ldc);
    return GN_OP(tape->context, gemm, tape->dtype, false, true, rows_x, rows_y, width, 1.0, x, width, y,
                 width, beta, c, ldc);
}
