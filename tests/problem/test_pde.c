/* PDEs: solutions that solve them, points where they belong, and batches of both kinds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem/expression.h"
#include "problem_test.h"

static const gn_pde_points points = {.interior = 60, .boundary = 22, .test_points = 5, .seed = 3};

typedef gn_status make_function(gn_context *context, gn_dtype dtype, const gn_pde_points *p, gn_dataset *d);

static gn_status poisson(gn_context *context, gn_dtype dtype, const gn_pde_points *p, gn_dataset *d) {
    return gn_dataset_poisson_2d(context, dtype, 2, 3, p, d);
}

static gn_status helmholtz(gn_context *context, gn_dtype dtype, const gn_pde_points *p, gn_dataset *d) {
    return gn_dataset_helmholtz_2d(context, dtype, 1, 2, 1.5, p, d);
}

static gn_status burgers(gn_context *context, gn_dtype dtype, const gn_pde_points *p, gn_dataset *d) {
    return gn_dataset_burgers_1d(context, dtype, 0.05, p, d);
}

typedef struct problem {
    make_function *make;
    double low[2], high[2];
    bool evolves;
    double (*solution)(double x, double y);
} problem;

static double poisson_solution(double x, double y) {
    return sin(2 * M_PI * x) * sin(3 * M_PI * y);
}

static double helmholtz_solution(double x, double y) {
    return sin(M_PI * x) * sin(2 * M_PI * y);
}

static double burgers_solution(double x, double t) {
    return 1 / (1 + exp((x - 0.5 * t) / 0.1));
}

static const problem problems[3] = {{poisson, {0, 0}, {1, 1}, false, poisson_solution},
                                    {helmholtz, {0, 0}, {1, 1}, false, helmholtz_solution},
                                    {burgers, {-1, 0}, {1, 1}, true, burgers_solution}};

/* ---- solutions ---- */

static double sin_of_sum(double x, double y) {
    return sin(x + 2 * y);
}

/* The residual of the solution, by differences of the solution. */
static double residual_at(const gn_expression *residual, double (*u)(double, double), double x, double y) {
    const double h = 1e-4, at = u(x, y);
    const double left = u(x - h, y), right = u(x + h, y), below = u(x, y - h), above = u(x, y + h);
    const double jet[5] = {at, (right - left) / (2 * h), (above - below) / (2 * h),
                           (right - 2 * at + left) / (h * h), (above - 2 * at + below) / (h * h)};
    return gn_expression_evaluate(residual, (double[]){x, y}, jet);
}

Test(pde, solutions_solve_them) {
    gn_context *context = device_open("check");
    for (int k = 0; k < 3; k++) {
        const problem *p = &problems[k];
        gn_dataset d;
        OK(context, p->make(context, GN_FLOAT64, &points, &d));
        double *x = host_values(d.inputs);
        for (size_t i = 0; i < points.interior; i++) {
            const double r = residual_at(d.residual, p->solution, x[3 * i], x[3 * i + 1]);
            cr_expect(fabs(r) < 2e-4, "problem %d at (%g, %g): %g", k, x[3 * i], x[3 * i + 1], r);
            /* it says no of others */
            cr_expect(fabs(residual_at(d.residual, sin_of_sum, x[3 * i], x[3 * i + 1])) > 1e-3);
        }
        free(x);
        gn_dataset_destroy(&d);
    }
    gn_context_destroy(context);
}

/* ---- points ---- */

/* The side of the box that a point lies on: 0 x low, 1 x high, 2 y low, 3 y high; -1: none. */
static int side_of(const problem *p, const double *x) {
    return x[0] == p->low[0]    ? 0
           : x[0] == p->high[0] ? 1
           : x[1] == p->low[1]  ? 2
           : x[1] == p->high[1] ? 3
                                : -1;
}

static void check_points(const char *device, const problem *p, bool grid) {
    gn_context *context = device_open(device);
    gn_pde_points wanted = points;
    size_t on_side[4] = {0};
    gn_dataset d;
    wanted.grid = grid;
    OK(context, p->make(context, GN_FLOAT64, &wanted, &d));
    double *x = host_values(d.inputs), *y = host_values(d.targets), *w = host_values(d.weights);
    double weights = 0;
    cr_assert_eq(gn_array_length(d.inputs, 0), 82);
    cr_assert_eq(gn_array_length(d.inputs, 1), 3);
    cr_assert_eq(d.boundary, 22);
    for (size_t i = 0; i < 82; i++) {
        const double *row = x + 3 * i;
        const int side = side_of(p, row);
        cr_expect_eq(row[2], i < 60 ? 0 : 1);
        cr_expect_eq(side >= 0, i >= 60, "point %zu at (%g, %g)", i, row[0], row[1]);
        cr_expect(row[0] >= p->low[0] && row[0] <= p->high[0] && row[1] >= p->low[1] && row[1] <= p->high[1]);
        cr_expect_float_eq(y[i], i < 60 ? 0 : p->solution(row[0], row[1]), 1e-14);
        cr_expect_float_eq(w[i], i < 60 ? 82.0 / 60 : 82.0 / 22, 1e-14);
        weights += w[i];
        if (side >= 0)
            on_side[side]++;
    }
    cr_expect_float_eq(weights, 2 * 82, 1e-11);
    for (int side = 0; side < 4; side++) {
        const size_t least = (p->evolves ? 7 : 5) - grid; /* a corner counts for the first side it is on */
        if (side == 3 && p->evolves)
            cr_expect_eq(on_side[3], 0, "nothing is known at the end of time");
        else
            cr_expect(on_side[side] >= least && on_side[side] <= least + 2 + grid, "side %d has %zu", side,
                      on_side[side]);
    }
    free(x), free(y), free(w);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(pde, points_lie_where_they_belong) {
    for (int k = 0; k < 3; k++) {
        check_points(device, &problems[k], false);
        check_points(device, &problems[k], true);
    }
}

/* 640 = 20 x 32 inside, 10 a side, no point twice; a test grid with its sides. */
Test(pde, grids_are_lattices) {
    gn_context *context = device_open("check");
    const gn_pde_points wanted = {.interior = 640, .boundary = 40, .test_points = 3, .grid = true};
    gn_dataset d;
    OK(context, gn_dataset_poisson_2d(context, GN_FLOAT64, 1, 1, &wanted, &d));
    double *x = host_values(d.inputs), *test = host_values(d.test_inputs), *y = host_values(d.test_targets);
    for (size_t i = 0; i < 640; i++) {
        cr_expect_float_eq(x[3 * i], (double)(i / 32 + 1) / 21, 1e-15);
        cr_expect_float_eq(x[3 * i + 1], (double)(i % 32 + 1) / 33, 1e-15);
    }
    for (size_t i = 640; i < 680; i++)
        for (size_t j = 640; j < i; j++)
            cr_expect(hypot(x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1]) > 0.09, "%zu and %zu", i, j);
    for (size_t i = 0; i < 9; i++) {
        cr_expect_float_eq(test[3 * i], (double)(i / 3) / 2, 1e-15);
        cr_expect_float_eq(test[3 * i + 1], (double)(i % 3) / 2, 1e-15);
        cr_expect_eq(test[3 * i + 2], 1);
        cr_expect_float_eq(y[i], i == 4, 1e-15);
    }
    free(x), free(test), free(y);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(pde, a_seed_decides) {
    gn_context *context = device_open("check");
    gn_pde_points other = points;
    gn_dataset a, b, c;
    other.seed = 4;
    OK(context, poisson(context, GN_FLOAT64, &points, &a));
    OK(context, poisson(context, GN_FLOAT64, &points, &b));
    OK(context, poisson(context, GN_FLOAT64, &other, &c));
    double *x = host_values(a.inputs), *y = host_values(b.inputs), *z = host_values(c.inputs);
    cr_expect_arr_eq(x, y, 82 * 3 * sizeof(double));
    cr_expect(memcmp(x, z, 82 * 3 * sizeof(double)) != 0);
    free(x), free(y), free(z);
    gn_dataset_destroy(&a), gn_dataset_destroy(&b), gn_dataset_destroy(&c);
    gn_context_destroy(context);
}

/* ---- one of the user's own ---- */

static const gn_pde heat = {.axes = {"x", "t"},
                            .high = {1, 0.5},
                            .residual = "u_t - u_xx",
                            .solution = "exp(-pi^2*t)*sin(pi*x)",
                            .evolves = true};

Test(pde, takes_any_text) {
    gn_context *context = device_open("check");
    gn_dataset d;
    OK(context, gn_dataset_pde(context, GN_FLOAT32, &heat, &points, &d));
    double *x = host_values(d.inputs), *y = host_values(d.targets);
    for (size_t i = 60; i < 82; i++)
        cr_expect_float_eq(y[i], exp(-M_PI * M_PI * x[3 * i + 1]) * sin(M_PI * x[3 * i]), 1e-6);
    free(x), free(y);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(pde, refuses_what_cannot_be) {
    gn_context *context = device_open("check");
    gn_pde wrong = heat;
    gn_pde_points none = points;
    gn_dataset d;
    wrong.residual = "u_t - u_yy";
    FAILS(context, GN_ERROR_ARGUMENT, "the residual `u_t - u_yy`, column 7",
          gn_dataset_pde(context, GN_FLOAT64, &wrong, &points, &d));
    expect_empty(context, &d);
    wrong = heat;
    wrong.solution = "u";
    FAILS(context, GN_ERROR_ARGUMENT, "the solution `u`, column 1",
          gn_dataset_pde(context, GN_FLOAT64, &wrong, &points, &d));
    wrong.solution = "log(x - 1)";
    FAILS(context, GN_ERROR_ARGUMENT, "the solution is",
          gn_dataset_pde(context, GN_FLOAT64, &wrong, &points, &d));
    expect_empty(context, &d);
    wrong = heat;
    wrong.high[1] = 0;
    FAILS(context, GN_ERROR_ARGUMENT, "t goes from 0 to 0",
          gn_dataset_pde(context, GN_FLOAT64, &wrong, &points, &d));
    none.boundary = 0;
    FAILS(context, GN_ERROR_ARGUMENT, "0 on the boundary",
          gn_dataset_pde(context, GN_FLOAT64, &heat, &none, &d));
    none = points;
    none.test_points = (size_t)1 << 40;
    FAILS(context, GN_ERROR_MEMORY, "pde_2d", gn_dataset_pde(context, GN_FLOAT64, &heat, &none, &d));
    expect_empty(context, &d);
    gn_context_destroy(context);
}

/* ---- batches ---- */

/* Every row of the batch is one of the data set's (found by its coordinates): inside first. Marks it. */
static void check_batch(gn_context *context, gn_sampler *sampler, uint64_t step, const double *all,
                        size_t inner, size_t size, bool *used) {
    gn_array *inputs, *targets;
    OK(context, gn_sampler_batch(sampler, step, &inputs, &targets));
    double *x = host_values(inputs);
    cr_assert_eq(gn_array_length(inputs, 0), size);
    for (size_t i = 0; i < size; i++) {
        size_t row = 0;
        while (row < 82 && memcmp(all + 3 * row, x + 3 * i, 3 * sizeof(double)) != 0)
            row++;
        cr_assert_lt(row, 82);
        cr_expect_eq(row < 60, i < inner, "row %zu of step %llu", i, (unsigned long long)step);
        cr_expect(!used[row], "row %zu twice", row);
        used[row] = true;
    }
    free(x);
}

ON_EACH_DEVICE(pde, batches_hold_both_kinds) {
    gn_context *context = device_open(device);
    gn_dataset d;
    gn_sampler *sampler;
    OK(context, poisson(context, GN_FLOAT64, &points, &d));
    double *all = host_values(d.inputs);
    OK(context, gn_sampler_create(context, &d, 25, 5, &sampler)); /* 25 * 22 / 82 = 6.7: 18 and 7 */
    cr_assert_eq(gn_sampler_capacity(sampler), 25);
    double *w = host_values(gn_sampler_weights(sampler));
    for (size_t i = 0; i < 25; i++)
        cr_expect_float_eq(w[i], i < 18 ? 25.0 / 18 : 25.0 / 7, 1e-14);
    for (uint64_t epoch = 0; epoch < 3; epoch++) { /* 60 / 18 = 3 and 22 / 7 = 3 batches */
        bool used[82] = {false};
        for (uint64_t k = 0; k < 3; k++)
            check_batch(context, sampler, 3 * epoch + k, all, 18, 25, used);
    }
    gn_array *first, *second, *targets;
    OK(context, gn_sampler_batch(sampler, 1, &first, &targets));
    double *a = host_values(first);
    OK(context, gn_sampler_batch(sampler, 7, &second, &targets));
    double *b = host_values(second);
    cr_expect(memcmp(a, b, 75 * sizeof(double)) != 0, "another epoch, another order");
    OK(context, gn_sampler_batch(sampler, 1, &first, &targets));
    double *again = host_values(first);
    cr_expect_arr_eq(a, again, 75 * sizeof(double));
    free(a), free(b), free(again), free(w), free(all);
    gn_sampler_destroy(sampler);
    OK(context, gn_sampler_create(context, &d, 0, 5, &sampler));
    cr_expect_eq(gn_sampler_weights(sampler), d.weights);
    gn_sampler_destroy(sampler);
    FAILS(context, GN_ERROR_ARGUMENT, "both kinds", gn_sampler_create(context, &d, 1, 5, &sampler));
    gn_dataset_destroy(&d);
    cr_assert_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

/* Shares at their limits: no kind is asked for more than it has. */
Test(pde, batches_of_any_size_work) {
    gn_context *context = device_open("check");
    gn_dataset d;
    OK(context, poisson(context, GN_FLOAT64, &points, &d));
    double *all = host_values(d.inputs);
    for (size_t size = 2; size < 82; size++) {
        gn_sampler *sampler;
        OK(context, gn_sampler_create(context, &d, size, 5, &sampler));
        double *w = host_values(gn_sampler_weights(sampler));
        size_t inner = 0;
        while (inner < size && w[inner] == w[0])
            inner++;
        inner = size == 2 * inner || w[0] == w[size - 1] ? size / 2 : inner;
        bool used[82] = {false};
        check_batch(context, sampler, 0, all, inner, size, used);
        free(w);
        gn_sampler_destroy(sampler);
    }
    free(all);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}
