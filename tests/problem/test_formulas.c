/* multi_sine_1d and step_2d: grids, targets and test points against the formulas, written out here again. */
#include <math.h>
#include <stdlib.h>

#include "problem_test.h"

/* (1/3) sin(3 pi x - 1) + (2/3) sin(5 pi x - 2) + sin(7 pi x - 3) */
static double three_sines(double x) {
    return (sin(3 * M_PI * x - 1) + 2 * sin(5 * M_PI * x - 2) + 3 * sin(7 * M_PI * x - 3)) / 3;
}

static void expect_shape(const gn_array *array, gn_dtype dtype, size_t rows, size_t columns) {
    cr_assert_eq(gn_array_dtype(array), dtype);
    cr_assert_eq(gn_array_rank(array), 2);
    cr_assert_eq(gn_array_length(array, 0), rows);
    cr_assert_eq(gn_array_length(array, 1), columns);
}

static void expect_near(double value, double wanted, gn_dtype dtype, size_t i) {
    const double tolerance = dtype == GN_FLOAT64 ? 1e-14 : 3e-7;
    cr_assert(fabs(value - wanted) <= tolerance, "value %zu is %.17g instead of %.17g", i, value, wanted);
}

static void check_sines(const char *device, gn_dtype dtype, size_t points, size_t test_points) {
    gn_context *context = device_open(device);
    gn_dataset d;
    OK(context, gn_dataset_multi_sine_1d(context, dtype, points, test_points, 7, &d));
    expect_shape(d.inputs, dtype, points, 1);
    expect_shape(d.targets, dtype, points, 1);
    cr_assert_eq(d.grid_rank, 1);
    cr_assert_eq(d.grid[0], points);
    cr_assert_not(d.labels);
    double *x = host_values(d.inputs), *u = host_values(d.targets);
    for (size_t j = 0; j < points; j++) {
        const double grid = (2.0 * (double)j - (double)points) / (double)points;
        expect_near(x[j], grid, dtype, j);
        expect_near(u[j], three_sines(grid), dtype, j);
    }
    free(x);
    free(u);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(formulas, multi_sine_1d_is_its_formula_on_the_grid) {
    check_sines(device, GN_FLOAT64, 100, 0);
    check_sines(device, GN_FLOAT32, 100, 10);
    check_sines(device, GN_FLOAT64, 1, 1);
    check_sines(device, GN_FLOAT64, 33, 5);
}

Test(formulas, a_set_of_several_pieces_has_no_seams) {
    check_sines("cpu", GN_FLOAT64, 300001, 0); /* a piece holds 2^17 values */
}

Test(formulas, multi_sine_1d_draws_its_test_points) {
    gn_context *context = device_open("cpu");
    const size_t count = 200000;
    gn_dataset d, other;
    OK(context, gn_dataset_multi_sine_1d(context, GN_FLOAT64, 10, count, 3, &d));
    OK(context, gn_dataset_multi_sine_1d(context, GN_FLOAT64, 10, count, 4, &other));
    double *x = host_values(d.test_inputs), *u = host_values(d.test_targets), mean = 0, square = 0;
    double *drawn = malloc(count * sizeof(*drawn)), *elsewhere = host_values(other.test_inputs);
    gn_random_uniform(3, GN_STREAM_DATA, 0, count, -1, 1, drawn);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(x[i], drawn[i]);
        expect_near(u[i], three_sines(x[i]), GN_FLOAT64, i);
        mean += x[i] / (double)count;
        square += x[i] * x[i] / (double)count;
    }
    cr_assert_lt(fabs(mean), 0.01);
    cr_assert_lt(fabs(square - 1.0 / 3), 0.01);
    cr_assert_neq(x[0], elsewhere[0], "another seed gave the same points");
    free(x);
    free(u);
    free(drawn);
    free(elsewhere);
    gn_dataset_destroy(&d);
    gn_dataset_destroy(&other);
    gn_context_destroy(context);
}

static double sign_of(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static void check_step(const char *device, gn_dtype dtype, size_t points) {
    gn_context *context = device_open(device);
    gn_dataset d;
    OK(context, gn_dataset_step_2d(context, dtype, points, 50, 0, &d));
    expect_shape(d.inputs, dtype, points * points, 2);
    expect_shape(d.targets, dtype, points * points, 1);
    expect_shape(d.test_inputs, dtype, 50, 2);
    cr_assert_eq(d.grid_rank, 2);
    cr_assert(d.grid[0] == points && d.grid[1] == points);
    double *x = host_values(d.inputs), *u = host_values(d.targets);
    double *test_x = host_values(d.test_inputs), *test_u = host_values(d.test_targets);
    for (size_t i = 0; i < points * points; i++) {
        const double row = -1 + (2.0 * (double)(i / points) + 1) / (double)points;
        const double column = -1 + (2.0 * (double)(i % points) + 1) / (double)points;
        expect_near(x[2 * i], row, dtype, i);
        expect_near(x[2 * i + 1], column, dtype, i);
        cr_assert_eq(u[i], sign_of(x[2 * i]) * sign_of(x[2 * i + 1]));
    }
    for (size_t i = 0; i < 50; i++) {
        cr_assert(fabs(test_x[2 * i]) <= 1 && fabs(test_x[2 * i + 1]) <= 1);
        cr_assert_eq(test_u[i], sign_of(test_x[2 * i]) * sign_of(test_x[2 * i + 1]));
    }
    free(x);
    free(u);
    free(test_x);
    free(test_u);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(formulas, step_2d_is_its_formula_on_the_grid) {
    check_step(device, GN_FLOAT64, 20);
    check_step(device, GN_FLOAT32, 31);
    check_step(device, GN_FLOAT64, 1);
    check_step(device, GN_FLOAT64, 3);
}

Test(formulas, no_points_are_refused) {
    gn_context *context = device_open("cpu");
    gn_dataset d;
    FAILS(context, GN_ERROR_ARGUMENT, "multi_sine_1d: points is 0",
          gn_dataset_multi_sine_1d(context, GN_FLOAT64, 0, 5, 0, &d));
    expect_empty(context, &d);
    FAILS(context, GN_ERROR_ARGUMENT, "step_2d: points is 0",
          gn_dataset_step_2d(context, GN_FLOAT64, 0, 0, 0, &d));
    expect_empty(context, &d);
    gn_context_destroy(context);
}

Test(formulas, sizes_beyond_memory_are_refused_before_anything_is_made) {
    static const size_t sizes[] = {1000000000000u, SIZE_MAX / 8, SIZE_MAX / 2, SIZE_MAX};
    gn_context *context = device_open("cpu");
    gn_dataset d;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        FAILS(context, GN_ERROR_MEMORY, "multi_sine_1d",
              gn_dataset_multi_sine_1d(context, GN_FLOAT64, sizes[i], 0, 0, &d));
        expect_empty(context, &d);
        FAILS(context, GN_ERROR_MEMORY, "multi_sine_1d",
              gn_dataset_multi_sine_1d(context, GN_FLOAT64, 10, sizes[i], 0, &d));
        FAILS(context, GN_ERROR_MEMORY, "step_2d",
              gn_dataset_step_2d(context, GN_FLOAT64, sizes[i], 0, 0, &d));
        expect_empty(context, &d);
    }
    FAILS(context, GN_ERROR_MEMORY, "14.6 TiB",
          gn_dataset_multi_sine_1d(context, GN_FLOAT64, 1000000000000u, 0, 0, &d));
    gn_context_destroy(context);
}
