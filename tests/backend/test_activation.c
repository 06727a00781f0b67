/* Activations where a plain formula would overflow, and what NaN and infinities become. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "backend/context.h"
#include "devices.h"

enum { MOST = 64 };

/* Puts the `count` arguments at the front, the middle and the end of a longer vector in turn, so that vector
 * bodies and tails both see them; values and slopes are of the last place. */
static void evaluate(gn_context *context, gn_dtype dtype, gn_activation kind, size_t length, size_t at,
                     size_t count, const double *z, double *values, double *slopes) {
    double all[MOST] = {0};
    gn_array in, out, slope;
    cr_assert_leq(at + count, length);
    for (size_t i = 0; i < count; i++)
        all[at + i] = z[i];
    cr_assert_eq(gn_buffer_create(context, &in, dtype, 1, length, "z"), GN_OK);
    cr_assert_eq(gn_buffer_create(context, &out, dtype, 1, length, "a"), GN_OK);
    cr_assert_eq(gn_buffer_create(context, &slope, dtype, 1, length, "slope"), GN_OK);
    cr_assert_eq(gn_array_write(&in, all, length), GN_OK);
    cr_assert_eq(GN_OP(context, activation, dtype, kind, length, in.data, out.data, slope.data), GN_OK);
    cr_assert_eq(gn_array_read(&out, all, length), GN_OK);
    for (size_t i = 0; i < count; i++)
        values[i] = all[at + i];
    cr_assert_eq(gn_array_read(&slope, all, length), GN_OK);
    for (size_t i = 0; i < count; i++)
        slopes[i] = all[at + i];
    gn_buffer_destroy(&in);
    gn_buffer_destroy(&out);
    gn_buffer_destroy(&slope);
}

static const size_t places[][2] = {{64, 0}, {64, 32}, {64, 56}, {8, 0}, {13, 5}}; /* length, at */
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *list = device_types(&count);
    return cr_make_param_array(device_type, list, count);
}

typedef struct limit {
    gn_activation kind;
    double z, value, slope;
} limit;

static const limit limits[] = {
    {GN_ACTIVATION_TANH, 800, 1, 0},
    {GN_ACTIVATION_TANH, -800, -1, 0},
    {GN_ACTIVATION_TANH, INFINITY, 1, 0},
    {GN_ACTIVATION_RELU, INFINITY, INFINITY, 1},
    {GN_ACTIVATION_RELU, -INFINITY, 0, 0},
    {GN_ACTIVATION_RELU, 0, 0, 0},
    {GN_ACTIVATION_GELU, 800, 800, 1},
    {GN_ACTIVATION_GELU, -800, 0, 0},
    {GN_ACTIVATION_GELU, INFINITY, INFINITY, 1},
    {GN_ACTIVATION_GELU, -INFINITY, 0, 0},
    {GN_ACTIVATION_SIGMOID, 800, 1, 0},
    {GN_ACTIVATION_SIGMOID, -800, 0, 0},
    {GN_ACTIVATION_SIGMOID, INFINITY, 1, 0},
    {GN_ACTIVATION_SIGMOID, -INFINITY, 0, 0},
    {GN_ACTIVATION_SOFTPLUS, 800, 800, 1},
    {GN_ACTIVATION_SOFTPLUS, -800, 0, 0},
    {GN_ACTIVATION_SOFTPLUS, INFINITY, INFINITY, 1},
    {GN_ACTIVATION_SOFTPLUS, -INFINITY, 0, 0},
    {GN_ACTIVATION_QUADRATIC, -INFINITY, INFINITY, -INFINITY},
    {GN_ACTIVATION_IDENTITY, INFINITY, INFINITY, 1},
};

ParameterizedTestParameters(activation, is_stable_at_its_limits) {
    return parameters();
}

ParameterizedTest(device_type *on, activation, is_stable_at_its_limits) {
    gn_context *context = device_open(on->device);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        for (size_t p = 0; p < PLACES; p++) {
            const limit *l = &limits[i];
            double value, slope;
            evaluate(context, on->dtype, l->kind, places[p][0], places[p][1], 1, &l->z, &value, &slope);
            cr_expect(value == l->value, "activation %d at %g is %.17g, not %g", (int)l->kind, l->z, value,
                      l->value);
            cr_expect(slope == l->slope, "slope %d at %g is %.17g, not %g", (int)l->kind, l->z, slope,
                      l->slope);
        }
    gn_context_destroy(context);
}

ParameterizedTestParameters(activation, hands_nan_on) {
    return parameters();
}

ParameterizedTest(device_type *on, activation, hands_nan_on) {
    gn_context *context = device_open(on->device);
    for (int kind = 0; kind < GN_ACTIVATION_COUNT; kind++)
        for (size_t p = 0; p < PLACES; p++) {
            const double z[2] = {NAN, 0.5};
            double values[2], slopes[2];
            evaluate(context, on->dtype, (gn_activation)kind, places[p][0], places[p][1], 2, z, values,
                     slopes);
            cr_expect(isnan(values[0]), "activation %d of NaN is %g", kind, values[0]);
            cr_expect(isfinite(values[1]), "activation %d beside NaN is %g", kind, values[1]);
        }
    double value, slope;
    const double infinite = INFINITY;
    evaluate(context, on->dtype, GN_ACTIVATION_SIN, 64, 0, 1, &infinite, &value, &slope);
    cr_expect(isnan(value) && isnan(slope), "sin and cos of infinity");
    gn_context_destroy(context);
}

ParameterizedTestParameters(activation, sin_is_accurate_for_large_arguments) {
    return parameters();
}

ParameterizedTest(device_type *on, activation, sin_is_accurate_for_large_arguments) {
    gn_context *context = device_open(on->device);
    const double tolerance = on->dtype == GN_FLOAT64 ? 1e-15 : 5e-7;
    static const double z[] = {1e3, 1e5, 1e7, -1e9, 4e15, 3e22};
    for (size_t i = 0; i < sizeof(z) / sizeof(z[0]); i++) {
        double value, slope;
        const double argument = on->dtype == GN_FLOAT64 ? z[i] : (double)(float)z[i];
        evaluate(context, on->dtype, GN_ACTIVATION_SIN, 64, 8, 1, &argument, &value, &slope);
        cr_expect_float_eq(value, sin(argument), tolerance, "sin(%g) is %.17g", argument, value);
        cr_expect_float_eq(slope, cos(argument), tolerance, "cos(%g) is %.17g", argument, slope);
    }
    gn_context_destroy(context);
}

ParameterizedTestParameters(activation, tanh_is_accurate_at_every_size) {
    return parameters();
}

/* Relative to the value, from 1e-30 to 25: near 0, where tanh x = x, and on both sides of each change of the
 * reduced argument. */
ParameterizedTest(device_type *on, activation, tanh_is_accurate_at_every_size) {
    gn_context *context = device_open(on->device);
    const double tolerance = 4 * (on->dtype == GN_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON);
    enum { COUNT = 64 * MOST };
    static double z[COUNT], values[COUNT], slopes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        const double at = (double)i / COUNT, size = i % 2 ? 25 * at : pow(10, 31 * at - 30);
        z[i] = on->dtype == GN_FLOAT64 ? size : (double)(float)size;
        z[i] = i % 4 < 2 ? z[i] : -z[i];
    }
    for (size_t i = 0; i < COUNT; i += MOST)
        evaluate(context, on->dtype, GN_ACTIVATION_TANH, MOST, 0, MOST, z + i, values + i, slopes + i);
    for (size_t i = 0; i < COUNT; i++)
        cr_expect(fabs(values[i] - tanh(z[i])) <= tolerance * fabs(tanh(z[i])), "tanh(%.17g) is %.17g", z[i],
                  values[i]);
    gn_context_destroy(context);
}

ParameterizedTestParameters(activation, keeps_the_far_tail) {
    return parameters();
}

/* exp(z) is what sigmoid and softplus are far below 0: not yet 0. */
ParameterizedTest(device_type *on, activation, keeps_the_far_tail) {
    gn_context *context = device_open(on->device);
    const double z = -80, expected = exp(z), tolerance = on->dtype == GN_FLOAT64 ? 1e-14 : 1e-5;
    double value, slope;
    evaluate(context, on->dtype, GN_ACTIVATION_SIGMOID, 64, 0, 1, &z, &value, &slope);
    cr_expect_float_eq(value / expected, 1, tolerance);
    evaluate(context, on->dtype, GN_ACTIVATION_SOFTPLUS, 64, 0, 1, &z, &value, &slope);
    cr_expect_float_eq(value / expected, 1, tolerance);
    gn_context_destroy(context);
}
