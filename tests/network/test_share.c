/* Nodes that share buffers, and nodes whose value two others take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "devices.h"
#include "mlp_case.h"
#include "network/share.h"
#include "network/tape.h"

enum { N = 4, WIDTH = 3, P = 2 * WIDTH * WIDTH };

/* x = W inputs; op(x) + V x, or, swapped, V x + op(x): the sum's cotangent goes to both branches, and both
 * add to x's. */
static gn_network *branches(gn_context *context, const gn_operation *op, bool swapped) {
    gn_network *network;
    OK(context, gn_network_allocate(context, 5, 2, &network));
    gn_network_add_node(network, NULL, GN_NO_NODE)->width = WIDTH;
    gn_network_add_node(network, &gn_operation_linear, 0)->weight =
        gn_network_add_parameter(network, WIDTH, WIDTH, "x.weight");
    for (int k = 0; k < 2; k++) {
        const bool linear = (k == 1) != swapped;
        gn_node *node = gn_network_add_node(network, linear ? &gn_operation_linear : op, 1);
        node->activation = GN_ACTIVATION_TANH;
        node->scale = 0.7;
        if (linear)
            node->weight = gn_network_add_parameter(network, WIDTH, WIDTH, "v.weight");
    }
    gn_network_add_node(network, &gn_operation_add, 2)->second = 3;
    gn_network_use(network, 3, 4);
    return network;
}

static double dot(size_t n, const gn_array *a, const gn_array *b) {
    double *x = host_values(a), *y = host_values(b), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    free(x), free(y);
    return sum;
}

static gn_array *random_on(gn_context *context, uint64_t seed, size_t count) {
    double *values = random_values(seed, count);
    gn_array *array = device_array(context, GN_FLOAT64, count, 1, values);
    free(values);
    return array;
}

/* <J v, u> = <v, J'u>, by a backward pass and by the rows, where a buffer that is shared must still be right.
 */
static void check_adjoint(const gn_operation *op, bool swapped) {
    gn_context *context = device_open("check");
    gn_network *network = branches(context, op, swapped);
    gn_tape *tape;
    OK(context, gn_tape_create(network, GN_FLOAT64, N, &tape));
    gn_array *inputs = random_on(context, 1, N * WIDTH), *theta = random_on(context, 2, P);
    gn_array *v = random_on(context, 3, P), *u = random_on(context, 4, N * WIDTH);
    gn_array *jv = random_on(context, 5, N * WIDTH), *jtu = random_on(context, 6, P);
    gn_tape_set_inputs(tape, inputs->data, N);
    OK(context, gn_tape_begin(tape, theta->data));
    OK(context, gn_tape_forward(tape));
    OK(context, gn_tape_jvp(tape, v->data, jv->data));
    for (int rows = 0; rows < 2; rows++) {
        tape->contract = rows == 1;
        if (rows == 1)
            OK(context, gn_tape_rows(tape));
        OK(context, gn_tape_vjp(tape, u->data, jtu->data));
        const double left = dot(N * WIDTH, jv, u), right = dot(P, v, jtu);
        cr_expect(fabs(left - right) < 1e-14, "%s, swapped %d, rows %d: %.17g and %.17g", op->name, swapped,
                  rows, left, right);
    }
    gn_tape_destroy(tape);
    gn_array_destroy(inputs), gn_array_destroy(theta), gn_array_destroy(v), gn_array_destroy(u);
    gn_array_destroy(jv), gn_array_destroy(jtu);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

Test(share, two_branches_of_one_node) {
    check_adjoint(&gn_operation_scale, false);
    check_adjoint(&gn_operation_scale, true);
    check_adjoint(&gn_operation_activation, true);
}

/* The first user of a node is the last to pull into it, and would have to add to what the other left. */
Test(share, refuses_who_cannot_add) {
    gn_context *context = device_open("check");
    gn_network *network = branches(context, &gn_operation_activation, false);
    gn_tape *tape;
    cr_expect_eq(gn_tape_create(network, GN_FLOAT64, N, &tape), GN_ERROR_UNSUPPORTED);
    cr_expect_null(tape);
    cr_expect(strstr(gn_error_message(context), "operation \"activation\" cannot add"), "%s",
              gn_error_message(context));
    gn_network_destroy(network);
    gn_context_destroy(context);
}

Test(share, a_residual_stream_is_one_buffer) {
    gn_context *context = device_open("check");
    gn_transformer_options options = gn_transformer_options_default();
    options.vocabulary = 7;
    options.context = options.read = 4;
    options.norm = GN_NORM_PRE;
    gn_network *network;
    OK(context, gn_network_create_transformer(context, &options, &network));
    const gn_node *nodes = network->nodes;
    size_t sums = 0, last = 0;
    for (size_t i = 1; i < network->node_count; i++)
        if (nodes[i].operation == &gn_operation_add) {
            sums++;
            last = i;
            cr_expect_eq(gn_share_value(network, i), nodes[i].second);
            cr_expect_eq(gn_share_cotangent(network, nodes[i].second, true),
                         gn_share_cotangent(network, i, true));
            cr_expect_neq(gn_share_cotangent(network, nodes[i].input, true),
                          gn_share_cotangent(network, i, true));
        }
    cr_expect_eq(sums, 4);
    for (size_t i = 1; i < network->node_count; i++)
        if (nodes[i].operation == &gn_operation_add)
            cr_expect_eq(gn_share_cotangent(network, i, false), last);
    cr_expect_eq(gn_share_cotangent(network, 1, false), last, "the embedding's");
    gn_network_destroy(network);
    gn_context_destroy(context);
}
