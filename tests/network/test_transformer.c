/* Names, shapes, initial weights, refusals and tokens of transformers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "devices.h"
#include "mlp_case.h"

static gn_transformer_options small(void) {
    gn_transformer_options options = gn_transformer_options_default();
    options.layers = 1;
    options.width = 8;
    options.heads = 2;
    options.ffn_width = 12;
    options.vocabulary = 7;
    options.context = 4;
    return options;
}

Test(transformer, parameters_have_the_documented_names_and_shapes) {
    static const gn_parameter expected[] = {{"embed.weight", 2, {7, 8}, 0, 56},
                                            {"position.weight", 2, {4, 8}, 56, 32},
                                            {"blocks.0.attention.in.weight", 2, {24, 8}, 88, 192},
                                            {"blocks.0.attention.out.weight", 2, {8, 8}, 280, 64},
                                            {"blocks.0.norm1.weight", 1, {8, 1}, 344, 8},
                                            {"blocks.0.norm1.bias", 1, {8, 1}, 352, 8},
                                            {"blocks.0.ffn.0.weight", 2, {12, 8}, 360, 96},
                                            {"blocks.0.ffn.1.weight", 2, {8, 12}, 456, 96},
                                            {"blocks.0.norm2.weight", 1, {8, 1}, 552, 8},
                                            {"blocks.0.norm2.bias", 1, {8, 1}, 560, 8},
                                            {"head.weight", 2, {7, 8}, 568, 56}};
    gn_context *context = device_open("check");
    gn_transformer_options options = small();
    gn_network *network;
    OK(context, gn_network_create_transformer(context, &options, &network));
    cr_assert_eq(gn_network_parameter_count(network), 11);
    for (size_t i = 0; i < 11; i++) {
        gn_parameter p = gn_network_parameter(network, i);
        cr_expect_str_eq(p.name, expected[i].name);
        cr_expect(p.rank == expected[i].rank && p.offset == expected[i].offset &&
                      p.count == expected[i].count && p.shape[0] == expected[i].shape[0] &&
                      p.shape[1] == expected[i].shape[1],
                  "%s", p.name);
    }
    cr_expect_eq(gn_network_inputs(network), 4);
    cr_expect_eq(gn_network_outputs(network), 7);
    gn_network_destroy(network);
    options = gn_transformer_options_default();
    options.vocabulary = 99;
    options.context = 4;
    OK(context, gn_network_create_transformer(context, &options, &network));
    cr_expect_eq(gn_network_parameters(network), 420096);
    gn_network_destroy(network);
    options.sinusoidal = true;
    OK(context, gn_network_create_transformer(context, &options, &network));
    cr_expect_eq(gn_network_parameters(network), 420096 - 4 * 128);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

/* ---- initial weights ---- */

/* Each parameter's bound of a uniform; 0: a normal of deviation 1; negative: the constant -1 - bound. */
static void check_init(gn_init init, double attention) {
    gn_context *context = device_open("check");
    gn_transformer_options options = gn_transformer_options_default();
    options.layers = 1;
    options.vocabulary = 99;
    options.context = 40;
    gn_network *network;
    OK(context, gn_network_create_transformer(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, gn_network_parameters(network), 1, NULL);
    OK(context, gn_network_initialize(network, init, 1, 3, theta));
    double *values = host_values(theta);
    const double by_width = 1 / sqrt(128), by_ffn = 1 / sqrt(512);
    const double bounds[] = {0, 0, attention, by_width, -2, -1, by_width, by_ffn, -2, -1, by_width};
    for (size_t i = 0; i < gn_network_parameter_count(network); i++) {
        gn_parameter p = gn_network_parameter(network, i);
        double largest = 0, squares = 0;
        for (size_t k = p.offset; k < p.offset + p.count; k++) {
            largest = fmax(largest, fabs(values[k]));
            squares += values[k] * values[k];
            cr_assert(bounds[i] >= 0 || values[k] == -1 - bounds[i], "%s: %g", p.name, values[k]);
        }
        const double deviation = bounds[i] > 0 ? bounds[i] / sqrt(3) : 1;
        if (bounds[i] >= 0)
            cr_expect(fabs(sqrt(squares / (double)p.count) - deviation) < 0.03 * deviation, "%s: %g of %g",
                      p.name, sqrt(squares / (double)p.count), deviation);
        if (bounds[i] > 0)
            cr_expect(largest <= bounds[i], "%s: %g beyond %g", p.name, largest, bounds[i]);
    }
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_context_destroy(context);
    free(values);
}

Test(transformer, starts_by_its_own_rule) {
    check_init(GN_INIT_MODEL, sqrt(6 / 512.0));
}

Test(transformer, starts_by_torchs_rule) {
    check_init(GN_INIT_TORCH_UNIFORM, 1 / sqrt(128));
}

Test(transformer, takes_its_own_inits_only) {
    gn_context *context = device_open("check");
    gn_transformer_options options = small();
    gn_mlp_options mlp = gn_mlp_options_default();
    gn_network *network;
    OK(context, gn_network_create_transformer(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, gn_network_parameters(network), 1, NULL);
    cr_expect_eq(gn_network_initialize(network, GN_INIT_GLOROT_UNIFORM, 1, 0, theta), GN_ERROR_ARGUMENT);
    cr_expect(strstr(gn_error_message(context), "GN_INIT_MODEL"));
    gn_array_destroy(theta);
    gn_network_destroy(network);
    mlp.widths = (const size_t[]){2, 3};
    mlp.depth = 1;
    OK(context, gn_network_create_mlp(context, &mlp, &network));
    theta = device_array(context, GN_FLOAT64, gn_network_parameters(network), 1, NULL);
    cr_expect_eq(gn_network_initialize(network, GN_INIT_MODEL, 1, 0, theta), GN_ERROR_ARGUMENT);
    cr_expect(strstr(gn_error_message(context), "no rule of its own"));
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

/* ---- refusals ---- */

static void expect_refused(gn_context *context, gn_transformer_options options, gn_status expected,
                           const char *part) {
    gn_network *network;
    cr_expect_eq(gn_network_create_transformer(context, &options, &network), expected);
    cr_expect_null(network);
    cr_expect(strstr(gn_error_message(context), part), "\"%s\" without \"%s\"", gn_error_message(context),
              part);
}

Test(transformer, refuses_what_cannot_be) {
    gn_context *context = device_open("check");
    gn_transformer_options options = small();
    options.heads = 3;
    expect_refused(context, options, GN_ERROR_ARGUMENT, "width of 8 does not divide among 3 heads");
    options = small();
    options.vocabulary = 0;
    expect_refused(context, options, GN_ERROR_ARGUMENT, "vocabulary 0");
    options = small();
    options.read = 5;
    expect_refused(context, options, GN_ERROR_ARGUMENT, "5 positions are read");
    options = small();
    options.context = 1025;
    expect_refused(context, options, GN_ERROR_UNSUPPORTED, "at most 1024");
    options = small();
    options.width = (size_t)1 << 40;
    expect_refused(context, options, GN_ERROR_MEMORY, "smaller widths");
    gn_context_destroy(context);
}

/* ---- tokens ---- */

Test(transformer, checks_tokens) {
    gn_context *context = device_open("check");
    gn_transformer_options options = small();
    gn_network *network;
    OK(context, gn_network_create_transformer(context, &options, &network));
    double tokens[8] = {0, 6, 3, 2, 1, 1, 1, 1};
    gn_array *inputs = device_array(context, GN_FLOAT32, 2, 4, tokens);
    OK(context, gn_network_check_inputs(network, inputs));
    static const double wrong[] = {7, -1, 0.5, NAN};
    for (int i = 0; i < 4; i++) {
        tokens[6] = wrong[i];
        OK(context, gn_array_write(inputs, tokens, 8));
        cr_expect_eq(gn_network_check_inputs(network, inputs), GN_ERROR_ARGUMENT);
        cr_expect(strstr(gn_error_message(context), "input 2 of sample 1"), "%s", gn_error_message(context));
    }
    gn_array_destroy(inputs);
    gn_network_destroy(network);
    gn_context_destroy(context);
}

/* A token that is none, unchecked, ends as NaN and not as a fault. */
Test(transformer, shows_a_wrong_token_as_nan) {
    mlp_case from = {.name = "wrong", .samples = 2, .transformer = small()};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &from);
    double tokens[8] = {0, 1, 2, 3, 0, 1, 99, 3};
    OK(f.context, gn_array_write(f.inputs, tokens, 8));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    gn_array *outputs = device_array(f.context, f.dtype, f.n, f.c, NULL);
    OK(f.context, gn_linearization_outputs(f.lin, outputs));
    double *values = host_values(outputs);
    for (size_t m = 0; m < f.m; m++)
        cr_expect((bool)isnan(values[m]) == (m >= f.c), "row %zu: %g", m, values[m]);
    gn_array_destroy(outputs);
    mlp_teardown(&f);
    free(values);
}
