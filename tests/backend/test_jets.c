/* The jets of activations where a plain formula would overflow or lose its digits. */
#include <math.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "backend/context.h"
#include "devices.h"

enum { WIDTH = 13, CHANNELS = 3 }; /* d = 1 */

/* phi, phi', phi'' and phi''' at z by the jet (z, 1, 0): a = (phi, phi', phi''), slopes = (phi', phi'',
 * phi'''). z stands in each column, so that vector bodies and tails both see it; fails where they differ by
 * more than rounding. */
static void derivatives(gn_context *context, gn_dtype dtype, gn_activation kind, double z, double f[4]) {
    double jet[CHANNELS * WIDTH], values[CHANNELS * WIDTH], slopes[CHANNELS * WIDTH];
    gn_array in, out, slope;
    for (int j = 0; j < WIDTH; j++) {
        jet[j] = z;
        jet[WIDTH + j] = 1;
        jet[2 * WIDTH + j] = 0;
    }
    cr_assert_eq(gn_buffer_create(context, &in, dtype, CHANNELS, WIDTH, "z"), GN_OK);
    cr_assert_eq(gn_buffer_create(context, &out, dtype, CHANNELS, WIDTH, "a"), GN_OK);
    cr_assert_eq(gn_buffer_create(context, &slope, dtype, CHANNELS, WIDTH, "slopes"), GN_OK);
    cr_assert_eq(gn_array_write(&in, jet, CHANNELS * WIDTH), GN_OK);
    cr_assert_eq(GN_OP(context, jet_activation, dtype, kind, 1, 1, WIDTH, in.data, out.data, slope.data),
                 GN_OK);
    cr_assert_eq(gn_array_read(&out, values, CHANNELS * WIDTH), GN_OK);
    cr_assert_eq(gn_array_read(&slope, slopes, CHANNELS * WIDTH), GN_OK);
    for (int j = 0; j < WIDTH; j++) {
        const double found[4] = {values[j], slopes[j], slopes[WIDTH + j], slopes[2 * WIDTH + j]};
        for (int k = 0; k < 4; k++) {
            const bool same = j == 0 || found[k] == f[k] || (isnan(found[k]) && isnan(f[k])) ||
                              fabs(found[k] - f[k]) <= 1e-5 * fabs(f[k]);
            cr_expect(same, "derivative %d of activation %d at %g: %.17g and %.17g", k, (int)kind, z,
                      found[k], f[k]);
            f[k] = found[k];
        }
    }
    gn_buffer_destroy(&in);
    gn_buffer_destroy(&out);
    gn_buffer_destroy(&slope);
}

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *list = device_types(&count);
    return cr_make_param_array(device_type, list, count);
}

typedef struct limit {
    gn_activation kind;
    double z, f[4];
} limit;

static const limit limits[] = {
    {GN_ACTIVATION_TANH, 800, {1, 0, 0, 0}},
    {GN_ACTIVATION_TANH, -INFINITY, {-1, 0, 0, 0}},
    {GN_ACTIVATION_RELU, INFINITY, {INFINITY, 1, 0, 0}},
    {GN_ACTIVATION_RELU, -800, {0, 0, 0, 0}},
    {GN_ACTIVATION_RELU, 0, {0, 0, 0, 0}},
    {GN_ACTIVATION_GELU, 800, {800, 1, 0, 0}},
    {GN_ACTIVATION_GELU, -800, {0, 0, 0, 0}},
    {GN_ACTIVATION_GELU, INFINITY, {INFINITY, 1, 0, 0}},
    {GN_ACTIVATION_GELU, -INFINITY, {0, 0, 0, 0}},
    {GN_ACTIVATION_SIGMOID, 800, {1, 0, 0, 0}},
    {GN_ACTIVATION_SIGMOID, -INFINITY, {0, 0, 0, 0}},
    {GN_ACTIVATION_SOFTPLUS, INFINITY, {INFINITY, 1, 0, 0}},
    {GN_ACTIVATION_SOFTPLUS, -800, {0, 0, 0, 0}},
    {GN_ACTIVATION_QUADRATIC, 3, {9, 6, 2, 0}},
    {GN_ACTIVATION_IDENTITY, -3, {-3, 1, 0, 0}},
};

ParameterizedTestParameters(jets, are_stable_at_their_limits) {
    return parameters();
}

ParameterizedTest(device_type *on, jets, are_stable_at_their_limits) {
    gn_context *context = device_open(on->device);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        double f[4];
        derivatives(context, on->dtype, limits[i].kind, limits[i].z, f);
        for (int k = 0; k < 4; k++)
            cr_expect(f[k] == limits[i].f[k], "derivative %d of activation %d at %g is %.17g, not %g", k,
                      (int)limits[i].kind, limits[i].z, f[k], limits[i].f[k]);
    }
    gn_context_destroy(context);
}

ParameterizedTestParameters(jets, keep_the_far_tails) {
    return parameters();
}

/* Far out the sigmoid's derivatives are exp(-|z|), the softplus's too. */
ParameterizedTest(device_type *on, jets, keep_the_far_tails) {
    gn_context *context = device_open(on->device);
    const double tolerance = on->dtype == GN_FLOAT64 ? 1e-13 : 1e-5, tail = exp(-60);
    double f[4];
    derivatives(context, on->dtype, GN_ACTIVATION_SOFTPLUS, 60, f);
    cr_expect_float_eq(f[2] / tail, 1, tolerance);
    cr_expect_float_eq(f[3] / tail, -1, tolerance);
    derivatives(context, on->dtype, GN_ACTIVATION_SOFTPLUS, -60, f);
    cr_expect_float_eq(f[2] / tail, 1, tolerance);
    cr_expect_float_eq(f[3] / tail, 1, tolerance);
    derivatives(context, on->dtype, GN_ACTIVATION_SIGMOID, 60, f);
    cr_expect_float_eq(f[2] / tail, -1, tolerance);
    cr_expect_float_eq(f[3] / tail, 1, tolerance);
    gn_context_destroy(context);
}

ParameterizedTestParameters(jets, hand_nan_on) {
    return parameters();
}

ParameterizedTest(device_type *on, jets, hand_nan_on) {
    gn_context *context = device_open(on->device);
    for (int kind = 0; kind < GN_ACTIVATION_COUNT; kind++) {
        double f[4];
        derivatives(context, on->dtype, (gn_activation)kind, NAN, f);
        cr_expect(isnan(f[0]), "activation %d of NaN is %g", kind, f[0]);
    }
    gn_context_destroy(context);
}
