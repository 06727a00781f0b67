#include "network/tape.h"

#include <stdlib.h>

/* Bandwidth-bound contraction of the rows costs about this many GEMM flops an element. */
#define CONTRACTION_FLOPS 16

static bool is_activation(const gn_network *network, size_t i) {
    return network->nodes[i].operation == &gn_operation_activation;
}

/* One buffer a node, widest rows x W; an activation's input shares the activation's own, because the pull
 * through an elementwise operation works in place. */
static gn_status create_cotangents(gn_tape *tape, gn_array *buffers, size_t rows, const char *what) {
    const gn_network *network = tape->network;
    for (size_t i = network->node_count; i-- > 1;) {
        if (i + 1 < network->node_count && is_activation(network, i + 1)) {
            buffers[i] = buffers[i + 1];
            continue;
        }
        if (!buffers[i].data)
            GN_TRY(gn_buffer_create(tape->context, &buffers[i], tape->dtype, rows, network->nodes[i].width,
                                    what));
    }
    return GN_OK;
}

static void destroy_cotangents(const gn_network *network, gn_array *buffers) {
    if (!buffers)
        return;
    for (size_t i = 1; i < network->node_count; i++)
        if (!(i + 1 < network->node_count && is_activation(network, i + 1)))
            gn_buffer_destroy(&buffers[i]);
    free(buffers);
}

static void destroy_buffers(const gn_network *network, gn_array *buffers) {
    for (size_t i = 0; buffers && i < network->node_count; i++)
        gn_buffer_destroy(&buffers[i]);
    free(buffers);
}

static gn_status create_node_buffers(gn_tape *tape) {
    const gn_network *network = tape->network;
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_node *node = &network->nodes[i];
        GN_TRY(gn_buffer_create(tape->context, &tape->value[i], tape->dtype, tape->capacity, node->width,
                                "a layer's values"));
        GN_TRY(gn_buffer_create(tape->context, &tape->tangent[i], tape->dtype, tape->capacity, node->width,
                                "a layer's tangents"));
        const bool committee = node->operation == &gn_operation_committee;
        if (is_activation(network, i) || node->operation == &gn_operation_centring || committee)
            GN_TRY(gn_buffer_create(tape->context, &tape->slope[i], tape->dtype, tape->capacity,
                                    committee ? node->inputs : node->width, "a layer's slopes"));
    }
    GN_TRY(create_cotangents(tape, tape->cotangent, tape->capacity, "a layer's cotangents"));
    return gn_buffer_create(tape->context, &tape->seed, tape->dtype, tape->capacity, tape->outputs,
                            "the output's cotangents");
}

/* Whether reading the rows costs less than the products of a backward pass. */
static bool contraction_pays(const gn_network *network, size_t outputs) {
    double contraction = 0, products = 0;
    for (size_t i = 1; i < network->node_count; i++)
        if (network->nodes[i].operation == &gn_operation_linear) {
            contraction += (double)outputs * (double)network->nodes[i].width;
            products += (double)network->nodes[i].inputs * (double)network->nodes[i].width;
        }
    return CONTRACTION_FLOPS * contraction < products;
}

gn_status gn_tape_create(const gn_network *network, gn_dtype dtype, size_t capacity, gn_tape **out) {
    *out = NULL;
    gn_tape *tape = calloc(1, sizeof *tape);
    if (!tape)
        return gn_fail(network->context, GN_ERROR_MEMORY, "no host memory for a network's tape");
    tape->network = network;
    tape->context = network->context;
    tape->dtype = dtype;
    tape->capacity = capacity;
    tape->outputs = gn_network_outputs(network);
    tape->contract = contraction_pays(network, tape->outputs);
    gn_array **lists[] = {&tape->value, &tape->slope, &tape->tangent, &tape->cotangent, &tape->rows};
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
    destroy_buffers(tape->network, tape->value);
    destroy_buffers(tape->network, tape->slope);
    destroy_buffers(tape->network, tape->tangent);
    destroy_cotangents(tape->network, tape->cotangent);
    destroy_cotangents(tape->network, tape->rows);
    gn_buffer_destroy(&tape->seed);
    gn_buffer_destroy(&tape->square_rows);
    gn_buffer_destroy(&tape->square_sums);
    gn_buffer_destroy(&tape->square_inputs);
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
    GN_TRY(GN_OP(tape->context, copy, tape->slope[last].data, gn_tape_value(tape, last - 1), bytes));
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

/* Cotangents of all nodes, r a sample, from the last node's. The inputs need none. */
static gn_status pull_all(gn_tape *tape, size_t r, const gn_array *buffers) {
    const gn_node *nodes = tape->network->nodes;
    for (size_t i = tape->network->node_count - 1; i > 0; i--)
        if (nodes[i].input != 0)
            GN_TRY(nodes[i].operation->pull(tape, i, r, buffers[i].data, buffers[nodes[i].input].data));
    return GN_OK;
}

/* J'u from the rows: d[n,:] = sum_c u[n,c] rows[n,c,:] at each node with parameters. */
static gn_status vjp_from_rows(gn_tape *tape, const void *u, void *jtu) {
    const gn_node *nodes = tape->network->nodes;
    for (size_t i = 1; i < tape->network->node_count; i++) {
        if (!nodes[i].operation->gradient)
            continue;
        void *d = tape->cotangent[i].data;
        GN_TRY(GN_OP(tape->context, contract_rows, tape->dtype, tape->samples, tape->outputs, nodes[i].width,
                     u, tape->rows[i].data, d));
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
        const gn_node *node = &network->nodes[i];
        void *d = tape->cotangent[i].data;
        if (node->operation->gradient)
            GN_TRY(node->operation->gradient(tape, i, d, jtu));
        if (node->input != 0)
            GN_TRY(node->operation->pull(tape, i, 1, d, tape->cotangent[node->input].data));
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

/* Bytes of the rows. */
static double rows_bytes(const gn_tape *tape) {
    double width = 0;
    for (size_t i = 1; i < tape->network->node_count; i++)
        if (!(i + 1 < tape->network->node_count && is_activation(tape->network, i + 1)))
            width += (double)tape->network->nodes[i].width;
    return (double)tape->capacity * (double)tape->outputs * width * (double)gn_dtype_size(tape->dtype);
}

gn_status gn_tape_reserve_rows(gn_tape *tape) {
    if (tape->rows_made)
        return GN_OK;
    GN_TRY(gn_memory_predict(tape->context, rows_bytes(tape), "the cotangents of every output",
                             "take a smaller batch (batch.size), a narrower network or float32"));
    GN_TRY(create_cotangents(tape, tape->rows, tape->capacity * tape->outputs,
                             "the cotangents of every output"));
    tape->rows_made = true;
    return GN_OK;
}

gn_status gn_tape_rows(gn_tape *tape) {
    size_t last = tape->network->node_count - 1;
    if (tape->rows_ready)
        return GN_OK;
    GN_TRY(gn_tape_reserve_rows(tape));
    void *rows = tape->rows[last].data;
    if (tape->root)
        GN_TRY(
            GN_OP(tape->context, softmax_root, tape->dtype, tape->samples, tape->outputs, tape->root, rows));
    else
        GN_TRY(GN_OP(tape->context, unit_rows, tape->dtype, tape->samples, tape->outputs, rows));
    GN_TRY(pull_all(tape, tape->outputs, tape->rows));
    tape->rows_ready = true;
    return GN_OK;
}

/* The widest input and output of the nodes that have a diagonal rule. */
static gn_status create_squares(gn_tape *tape) {
    size_t width = 0, inputs = 0;
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_node *node = &tape->network->nodes[i];
        if (!node->operation->diagonal)
            continue;
        width = node->width > width ? node->width : width;
        inputs = node->inputs > inputs ? node->inputs : inputs;
    }
    if (!tape->square_rows.data)
        GN_TRY(gn_buffer_create(tape->context, &tape->square_rows, tape->dtype,
                                tape->capacity * tape->outputs, width, "squared cotangents"));
    if (!tape->square_sums.data)
        GN_TRY(gn_buffer_create(tape->context, &tape->square_sums, tape->dtype, tape->capacity, width,
                                "sums of squared cotangents"));
    return gn_buffer_create(tape->context, &tape->square_inputs, tape->dtype, tape->capacity, inputs,
                            "squared layer inputs");
}

gn_status gn_tape_diagonal(gn_tape *tape, void *d) {
    GN_TRY(gn_tape_rows(tape));
    if (!tape->square_inputs.data)
        GN_TRY(create_squares(tape));
    /* u = 1 for every output: contracting the squares with it sums them over the outputs */
    GN_TRY(GN_OP(tape->context, fill, tape->dtype, tape->samples * tape->outputs, 1.0, tape->seed.data));
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_operation *operation = tape->network->nodes[i].operation;
        if (operation->diagonal)
            GN_TRY(operation->diagonal(tape, i, tape->square_rows.data, tape->square_sums.data,
                                       tape->square_inputs.data, d));
    }
    return GN_OK;
}
