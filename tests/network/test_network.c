/* Shapes, names, initial weights and refusals of networks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "mlp_case.h"

static gn_context *open_context(void) {
    gn_context *context;
    OK(context, gn_context_create(&context, "check"));
    return context;
}

static gn_mlp_options layers(const size_t *widths, size_t depth) {
    gn_mlp_options options = gn_mlp_options_default();
    options.widths = widths;
    options.depth = depth;
    return options;
}

Test(network, parameters_have_pytorch_names_and_shapes) {
    gn_context *context = open_context();
    const size_t widths[] = {3, 5, 2};
    gn_mlp_options options = layers(widths, 2);
    gn_network *network;
    OK(context, gn_network_create_mlp(context, &options, &network));
    static const gn_parameter expected[] = {{"layers.0.weight", 2, {5, 3}, 0, 15},
                                            {"layers.0.bias", 1, {5, 1}, 15, 5},
                                            {"layers.1.weight", 2, {2, 5}, 20, 10},
                                            {"layers.1.bias", 1, {2, 1}, 30, 2}};
    cr_assert_eq(gn_network_parameter_count(network), 4);
    for (size_t i = 0; i < 4; i++) {
        gn_parameter p = gn_network_parameter(network, i);
        cr_expect_str_eq(p.name, expected[i].name);
        cr_expect(p.rank == expected[i].rank && p.offset == expected[i].offset &&
                  p.count == expected[i].count);
        cr_expect(p.shape[0] == expected[i].shape[0] && p.shape[1] == expected[i].shape[1]);
    }
    cr_expect_eq(gn_network_parameters(network), 32);
    cr_expect_eq(gn_network_inputs(network), 3);
    cr_expect_eq(gn_network_outputs(network), 2);
    gn_network_destroy(network);
    options.bias = false;
    OK(context, gn_network_create_mlp(context, &options, &network));
    cr_expect_eq(gn_network_parameters(network), 25);
    cr_expect_str_eq(gn_network_parameter(network, 1).name, "layers.1.weight");
    gn_network_destroy(network);
    gn_context_destroy(context);
}

/* Weights of a wide net: bound or deviation, mean near 0, biases, scale, and both layers' own fans. */
static void check_init(gn_init init, bool normal, double first, double second, double bias) {
    gn_context *context = open_context();
    const size_t widths[] = {300, 200, 100};
    gn_mlp_options options = layers(widths, 2);
    gn_network *network;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, gn_network_parameters(network), 1, NULL);
    OK(context, gn_network_initialize(network, init, 8.0, 3, theta));
    double *values = host_values(theta);
    const double spreads[] = {first, bias, second, bias};
    for (size_t i = 0; i < 4; i++) {
        gn_parameter p = gn_network_parameter(network, i);
        double sum = 0, squares = 0, largest = 0, n = (double)p.count, spread = 8 * spreads[i];
        for (size_t k = p.offset; k < p.offset + p.count; k++) {
            sum += values[k];
            squares += values[k] * values[k];
            largest = fmax(largest, fabs(values[k]));
        }
        double deviation = normal ? spread : spread / sqrt(3);
        cr_expect(fabs(sum / n) <= 5 * deviation / sqrt(n), "%s: mean %g", p.name, sum / n);
        cr_expect(fabs(sqrt(squares / n) - deviation) <= (n > 1000 ? 0.02 : 0.2) * deviation,
                  "%s: deviation %g of %g", p.name, sqrt(squares / n), deviation);
        cr_expect(normal || largest <= spread, "%s: %g beyond %g", p.name, largest, spread);
    }
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_context_destroy(context);
    free(values);
}

Test(initialize, kaiming) {
    check_init(GN_INIT_KAIMING_UNIFORM, false, sqrt(6 / 300.0), sqrt(6 / 200.0), 0);
    check_init(GN_INIT_KAIMING_NORMAL, true, sqrt(2 / 300.0), sqrt(2 / 200.0), 0);
}

Test(initialize, glorot) {
    check_init(GN_INIT_GLOROT_UNIFORM, false, sqrt(6 / 500.0), sqrt(6 / 300.0), 0);
    check_init(GN_INIT_GLOROT_NORMAL, true, sqrt(2 / 500.0), sqrt(2 / 300.0), 0);
}

Test(initialize, standard_normal) {
    check_init(GN_INIT_STANDARD_NORMAL, true, 1, 1, 0);
}

Test(initialize, torch_draws_biases_too) {
    gn_context *context = open_context();
    const size_t widths[] = {300, 200, 100};
    gn_mlp_options options = layers(widths, 2);
    gn_network *network;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, gn_network_parameters(network), 1, NULL);
    OK(context, gn_network_initialize(network, GN_INIT_TORCH_UNIFORM, 1, 3, theta));
    double *values = host_values(theta), largest[4] = {0};
    const double bounds[] = {1 / sqrt(300), 1 / sqrt(300), 1 / sqrt(200), 1 / sqrt(200)};
    for (size_t i = 0; i < 4; i++) {
        gn_parameter p = gn_network_parameter(network, i);
        for (size_t k = p.offset; k < p.offset + p.count; k++)
            largest[i] = fmax(largest[i], fabs(values[k]));
        cr_expect(largest[i] <= bounds[i] && largest[i] > 0.9 * bounds[i], "%s: %g of %g", p.name, largest[i],
                  bounds[i]);
    }
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_context_destroy(context);
    free(values);
}

Test(initialize, seeds_decide_and_precisions_agree) {
    gn_context *context = open_context();
    const size_t widths[] = {3, 5, 2};
    gn_mlp_options options = layers(widths, 2);
    gn_network *network;
    OK(context, gn_network_create_mlp(context, &options, &network));
    double *drawn[4];
    for (int k = 0; k < 4; k++) {
        gn_array *theta = device_array(context, k == 3 ? GN_FLOAT32 : GN_FLOAT64, 32, 1, NULL);
        OK(context, gn_network_initialize(network, GN_INIT_KAIMING_NORMAL, 1, k == 2 ? 8 : 7, theta));
        drawn[k] = host_values(theta);
        gn_array_destroy(theta);
    }
    cr_expect_arr_eq(drawn[0], drawn[1], 32 * sizeof(double));
    cr_expect(relative_difference(32, drawn[2], drawn[0]) > 0.1);
    for (int i = 0; i < 32; i++)
        cr_expect_eq(drawn[3][i], (float)drawn[0][i]);
    for (int k = 0; k < 4; k++)
        free(drawn[k]);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

static void expect_refused(gn_context *context, gn_mlp_options options, gn_status expected,
                           const char *part) {
    gn_network *network;
    cr_expect_eq(gn_network_create_mlp(context, &options, &network), expected);
    cr_expect_null(network);
    cr_expect(strstr(gn_error_message(context), part), "\"%s\" without \"%s\"", gn_error_message(context),
              part);
}

Test(network, refuses_what_cannot_be) {
    gn_context *context = open_context();
    const size_t zero[] = {3, 0, 2}, fine[] = {3, 5, 2}, huge[] = {(size_t)1 << 40, (size_t)1 << 40};
    expect_refused(context, layers(zero, 2), GN_ERROR_ARGUMENT, "width 1 of the mlp is 0");
    expect_refused(context, layers(fine, 0), GN_ERROR_ARGUMENT, "two widths");
    expect_refused(context, layers(huge, 1), GN_ERROR_MEMORY, "smaller widths");
    gn_mlp_options options = layers(fine, 2);
    options.activation = "tanhh";
    expect_refused(context, options, GN_ERROR_ARGUMENT, "no activation \"tanhh\"");
    options = layers(fine, 2);
    options.output_scale = NAN;
    expect_refused(context, options, GN_ERROR_ARGUMENT, "output_scale");
    gn_network *network;
    options = layers(fine, 2);
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, 31, 1, NULL);
    cr_expect_eq(gn_network_initialize(network, GN_INIT_KAIMING_NORMAL, 1, 0, theta), GN_ERROR_SHAPE);
    cr_expect(strstr(gn_error_message(context), "31 elements"));
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

Test(network, quadratic_and_committee_have_their_parameters) {
    gn_context *context = open_context();
    gn_network *network;
    const gn_quadratic_options quadratic = {.inputs = 6, .hidden = 5, .outputs = 3, .alpha = 2};
    OK(context, gn_network_create_quadratic(context, &quadratic, &network));
    cr_expect_eq(gn_network_parameters(network), 6 * 5 + 5 * 3);
    cr_expect_str_eq(gn_network_parameter(network, 1).name, "layers.1.weight");
    cr_expect_eq(gn_network_parameter(network, 1).shape[0], 3);
    gn_network_destroy(network);
    gn_committee_options committee = {.inputs = 4, .hidden = 7, .alpha = 2, .epsilon = 0.25};
    OK(context, gn_network_create_committee(context, &committee, &network));
    cr_expect_eq(gn_network_parameter_count(network), 1);
    gn_parameter p = gn_network_parameter(network, 0);
    cr_expect_str_eq(p.name, "layers.0.weight");
    cr_expect(p.rank == 2 && p.shape[0] == 7 && p.shape[1] == 4 && p.count == 28 && p.offset == 0);
    cr_expect_eq(gn_network_parameters(network), 28);
    cr_expect_eq(gn_network_inputs(network), 4);
    cr_expect_eq(gn_network_outputs(network), 1);
    gn_network_destroy(network);
    committee.alpha = 0;
    cr_expect_eq(gn_network_create_committee(context, &committee, &network), GN_ERROR_ARGUMENT);
    committee = (gn_committee_options){.inputs = SIZE_MAX / 2, .hidden = 3, .alpha = 1};
    cr_expect_eq(gn_network_create_committee(context, &committee, &network), GN_ERROR_MEMORY);
    const gn_quadratic_options none = {.inputs = 6, .hidden = 0, .outputs = 3, .alpha = 2};
    cr_expect_eq(gn_network_create_quadratic(context, &none, &network), GN_ERROR_ARGUMENT);
    cr_expect_null(network);
    gn_context_destroy(context);
}
