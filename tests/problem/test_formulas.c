/* multi_sine_1d, sinc_1d, step_2d, modular_addition and polynomial: grids, targets and test points against
 * the formulas, written out here again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Where the single 1 among zeros of a row is. */
static size_t class_of(const double *row, size_t columns) {
    size_t at = columns;
    for (size_t k = 0; k < columns; k++) {
        cr_assert(row[k] == 0 || (row[k] == 1 && at == columns), "value %zu is %g", k, row[k]);
        at = row[k] == 1 ? k : at;
    }
    cr_assert_lt(at, columns);
    return at;
}

/* Marks the pairs of a set as seen, and counts them. */
static void check_sums(const gn_array *inputs, const gn_array *targets, size_t p, bool *seen) {
    double *x = host_values(inputs), *y = host_values(targets);
    for (size_t i = 0; i < gn_array_length(inputs, 0); i++) {
        const size_t a = class_of(x + 2 * p * i, p), b = class_of(x + 2 * p * i + p, p);
        cr_assert_eq(class_of(y + p * i, p), (a + b) % p);
        cr_assert_not(seen[a * p + b], "the pair %zu, %zu is there twice", a, b);
        seen[a * p + b] = true;
    }
    free(x);
    free(y);
}

static void check_addition(const char *device, gn_dtype dtype, size_t p, double fraction, size_t train) {
    gn_context *context = device_open(device);
    gn_dataset d;
    bool *seen = calloc(p * p, sizeof *seen);
    OK(context, gn_dataset_modular_addition(context, dtype, p, fraction, 1, &d));
    expect_shape(d.inputs, dtype, train, 2 * p);
    expect_shape(d.targets, dtype, train, p);
    cr_assert(d.labels);
    check_sums(d.inputs, d.targets, p, seen);
    if (train < p * p) {
        expect_shape(d.test_inputs, dtype, p * p - train, 2 * p);
        check_sums(d.test_inputs, d.test_targets, p, seen);
    } else {
        cr_assert_null(d.test_inputs);
    }
    for (size_t k = 0; k < p * p; k++)
        cr_assert(seen[k], "pair %zu is missing", k);
    free(seen);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(formulas, modular_addition_has_every_pair_once) {
    check_addition(device, GN_FLOAT64, 23, 0.9, 476);
    check_addition(device, GN_FLOAT32, 97, 0.5, 4704);
    check_addition(device, GN_FLOAT64, 2, 1, 4);
}

Test(formulas, modular_addition_shuffles_by_the_seed) {
    gn_context *context = device_open("cpu");
    gn_dataset d[3];
    for (size_t k = 0; k < 3; k++)
        OK(context, gn_dataset_modular_addition(context, GN_FLOAT64, 5, 0.6, k / 2, &d[k]));
    double *x[3] = {host_values(d[0].inputs), host_values(d[1].inputs), host_values(d[2].inputs)};
    cr_expect_eq(memcmp(x[0], x[1], 15 * 10 * sizeof(double)), 0);
    cr_expect_neq(memcmp(x[0], x[2], 15 * 10 * sizeof(double)), 0);
    for (size_t k = 0; k < 3; k++) {
        free(x[k]);
        gn_dataset_destroy(&d[k]);
    }
    gn_context_destroy(context);
}

/* y / factor is a square of one direction of x: b, solved for here by normal equations of the products
 * x_i x_j, must give y again on the test set, which had no part in it. */
static void check_polynomial(const char *device, gn_dtype dtype) {
    const gn_polynomial_options options = {
        .features = 2, .points = 4000, .test_points = 50, .factor = 0.5, .seed = 3};
    gn_context *context = device_open(device);
    gn_dataset d;
    OK(context, gn_dataset_polynomial(context, dtype, &options, &d));
    expect_shape(d.inputs, dtype, 4000, 2);
    expect_shape(d.targets, dtype, 4000, 1);
    double *x = host_values(d.inputs), *y = host_values(d.targets), squares = 0;
    for (size_t i = 0; i < 8000; i++)
        squares += x[i] * x[i] / 8000;
    cr_expect(fabs(squares - 0.5) < 0.03, "the variance is %g, not 1/2", squares);
    /* y = h0 x0^2 + h1 x0 x1 + h2 x1^2, from three samples */
    double a[3][4];
    for (size_t i = 0; i < 3; i++) {
        const double *row = x + 2 * i;
        a[i][0] = row[0] * row[0], a[i][1] = row[0] * row[1], a[i][2] = row[1] * row[1], a[i][3] = y[i];
    }
    for (int k = 0; k < 3; k++)
        for (int i = k + 1; i < 3; i++)
            for (int j = 3; j >= k; j--)
                a[i][j] -= a[i][k] / a[k][k] * a[k][j];
    const double h2 = a[2][3] / a[2][2], h1 = (a[1][3] - a[1][2] * h2) / a[1][1];
    const double h0 = (a[0][3] - a[0][1] * h1 - a[0][2] * h2) / a[0][0];
    cr_expect(fabs(h1 * h1 - 4 * h0 * h2) < (dtype == GN_FLOAT64 ? 1e-8 : 0.02) * h1 * h1, "not a square");
    double *test_x = host_values(d.test_inputs), *test_y = host_values(d.test_targets);
    for (size_t i = 0; i < 50; i++) {
        const double *row = test_x + 2 * i;
        const double again = h0 * row[0] * row[0] + h1 * row[0] * row[1] + h2 * row[1] * row[1];
        cr_expect(fabs(test_y[i] - again) < (dtype == GN_FLOAT64 ? 1e-9 : 1e-2), "%g, not %g", test_y[i],
                  again);
    }
    cr_expect_neq(test_x[0], x[0]);
    double *b = host_values(d.direction); /* which the data set also tells */
    cr_expect(d.factor == 0.5 && gn_array_count(d.direction) == 2);
    for (size_t i = 0; i < 50; i++) {
        const double product = b[0] * test_x[2 * i] + b[1] * test_x[2 * i + 1];
        cr_expect(fabs(test_y[i] - 0.5 * product * product) < (dtype == GN_FLOAT64 ? 1e-13 : 1e-5));
    }
    free(x), free(y), free(test_x), free(test_y), free(b);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(formulas, polynomial_is_the_square_of_one_direction) {
    check_polynomial(device, GN_FLOAT64);
    check_polynomial(device, GN_FLOAT32);
}

Test(formulas, other_options_are_refused) {
    gn_context *context = device_open("cpu");
    gn_dataset d;
    FAILS(context, GN_ERROR_ARGUMENT, "modulus is 1",
          gn_dataset_modular_addition(context, GN_FLOAT64, 1, 0.5, 0, &d));
    FAILS(context, GN_ERROR_ARGUMENT, "train_fraction is 1.5",
          gn_dataset_modular_addition(context, GN_FLOAT64, 5, 1.5, 0, &d));
    FAILS(context, GN_ERROR_ARGUMENT, "nothing to train on",
          gn_dataset_modular_addition(context, GN_FLOAT64, 5, 0.01, 0, &d));
    FAILS(context, GN_ERROR_MEMORY, "at most 65535",
          gn_dataset_modular_addition(context, GN_FLOAT64, 70000, 0.5, 0, &d));
    gn_polynomial_options options = {.features = 0, .points = 3, .factor = 1};
    FAILS(context, GN_ERROR_ARGUMENT, "features is 0",
          gn_dataset_polynomial(context, GN_FLOAT64, &options, &d));
    options = (gn_polynomial_options){.features = 2, .points = 0, .factor = 1};
    FAILS(context, GN_ERROR_ARGUMENT, "polynomial: points is 0",
          gn_dataset_polynomial(context, GN_FLOAT64, &options, &d));
    expect_empty(context, &d);
    gn_context_destroy(context);
}

static void check_sinc(const char *device, gn_dtype dtype, size_t points, double k) {
    gn_context *context = device_open(device);
    gn_dataset d;
    OK(context, gn_dataset_sinc_1d(context, dtype, points, 7, k, 5, &d));
    expect_shape(d.inputs, dtype, points, 1);
    expect_shape(d.targets, dtype, points, 1);
    expect_shape(d.test_targets, dtype, 7, 1);
    cr_assert_eq(d.grid_rank, 0); /* both ends are points: no period */
    double *x = host_values(d.inputs), *y = host_values(d.targets);
    double *at = host_values(d.test_inputs), *drawn = malloc(7 * sizeof *drawn);
    for (size_t j = 0; j < points; j++) {
        const double place = (2.0 * (double)j - (double)(points - 1)) / (double)(points - 1);
        expect_near(x[j], place, dtype, j);
        expect_near(y[j], place == 0 ? 1 : sin(k * place) / k / place, dtype, j);
    }
    cr_assert(x[0] == -1 && x[points - 1] == 1);
    gn_random_uniform(5, GN_STREAM_DATA, 0, 7, -1, 1, drawn);
    for (size_t j = 0; j < 7; j++)
        expect_near(at[j], drawn[j], dtype, j);
    free(x), free(y), free(at), free(drawn);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(formulas, sinc_1d_is_its_formula) {
    check_sinc(device, GN_FLOAT64, 1000, 10);
    check_sinc(device, GN_FLOAT32, 101, 3.5); /* with x = 0 */
    check_sinc(device, GN_FLOAT64, 2, 1);
}

Test(formulas, sinc_1d_needs_points_and_a_frequency) {
    gn_context *context = device_open("cpu");
    const struct {
        size_t points;
        double k;
    } wrong[] = {{0, 1}, {1, 1}, {5, 0}, {5, -1}, {5, NAN}, {5, INFINITY}};
    gn_dataset d;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FAILS(context, GN_ERROR_ARGUMENT, "sinc_1d",
              gn_dataset_sinc_1d(context, GN_FLOAT64, wrong[i].points, 0, wrong[i].k, 0, &d));
        expect_empty(context, &d);
    }
    gn_context_destroy(context);
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
