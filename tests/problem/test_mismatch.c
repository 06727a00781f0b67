/* frequency_mismatch_1d: the chosen points against NumPy's (make_nudft.py), the others against the draw. */
#include <math.h>
#include <stdlib.h>

#include "problem_test.h"
#include "reference.h"

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void expect_sines(const double *x, const double *y, size_t count, double tolerance) {
    for (size_t i = 0; i < count; i++)
        cr_expect_float_eq(y[i], sin(6 * x[i]), tolerance, "at %.17g: %.17g", x[i], y[i]);
}

static void check(const char *device, gn_dtype dtype) {
    const double near = dtype == GN_FLOAT64 ? 1e-14 : 3e-7;
    gn_context *context = device_open(device);
    gn_frequency_mismatch_options options = gn_frequency_mismatch_options_default();
    gn_dataset d;
    size_t count;
    double drawn[35], *wanted = reference_array("nudft", "/chosen", &count);
    options.seed = 3;
    OK(context, gn_dataset_frequency_mismatch_1d(context, dtype, &options, &d));
    cr_assert(gn_array_length(d.inputs, 0) == 65 && gn_array_length(d.targets, 0) == 65 && count == 30);
    cr_assert(gn_array_length(d.test_inputs, 0) == 1000 && d.grid_rank == 0 && d.labels == 0);
    double *x = host_values(d.inputs), *y = host_values(d.targets);
    double *at = host_values(d.test_inputs), *values = host_values(d.test_targets);
    expect_sines(x, y, 65, 6 * near);
    expect_sines(at, values, 1000, 6 * near);
    qsort(x, 20, sizeof *x, ascending);
    qsort(x + 20, 10, sizeof *x, ascending);
    for (size_t i = 0; i < 30; i++)
        cr_expect_float_eq(x[i], wanted[i], 4 * near, "point %zu is %.17g, not %.17g", i, x[i], wanted[i]);
    gn_random_uniform(3, GN_STREAM_DATA, 0, 35, -M_PI, M_PI, drawn);
    for (size_t i = 0; i < 35; i++)
        cr_expect_float_eq(x[30 + i], drawn[i], 4 * near);
    for (size_t i = 0; i < 1000; i++)
        cr_expect_float_eq(at[i], M_PI * (2.0 * (double)i / 999 - 1), 4 * near);
    free(x), free(y), free(at), free(values), free(wanted);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(mismatch, takes_the_points_that_numpy_takes) {
    check(device, GN_FLOAT64);
    check(device, GN_FLOAT32);
}

Test(mismatch, the_others_may_be_even) {
    gn_context *context = device_open("cpu");
    const gn_frequency_mismatch_options options = {.points = 7, .near_sin_3x = 2, .grid = true};
    gn_dataset d;
    OK(context, gn_dataset_frequency_mismatch_1d(context, GN_FLOAT64, &options, &d));
    cr_assert_null(d.test_inputs);
    double *x = host_values(d.inputs);
    for (size_t i = 0; i < 2; i++) /* both ends of the pool: sin 3x = sin 6x = 0 there but for rounding */
        cr_expect_float_eq(fabs(sin(3 * x[i]) - sin(6 * x[i])), 0, 1e-13);
    for (size_t i = 0; i < 5; i++)
        cr_expect_float_eq(x[2 + i], M_PI * (0.5 * (double)i - 1), 1e-14);
    free(x);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(mismatch, refuses_more_chosen_points_than_there_are) {
    gn_context *context = device_open("cpu");
    const gn_frequency_mismatch_options wrong[] = {{.points = 0},
                                                   {.points = 5, .near_sin_x = 6},
                                                   {.points = 5, .near_sin_x = 3, .near_sin_3x = 3},
                                                   {.points = 20000, .near_sin_x = 10001},
                                                   {.points = 5, .near_sin_x = SIZE_MAX, .near_sin_3x = 2}};
    gn_dataset d;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(context, GN_ERROR_ARGUMENT, "frequency_mismatch_1d",
              gn_dataset_frequency_mismatch_1d(context, GN_FLOAT64, &wrong[i], &d));
        expect_empty(context, &d);
    }
    gn_context_destroy(context);
}
