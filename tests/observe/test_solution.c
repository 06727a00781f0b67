/* solution: the relative error on the test set, summed here, larger than one piece and smaller. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"

static void check(const char *device, gn_dtype dtype, size_t test_points) {
    gn_context *context = device_open(device);
    const gn_pde_points points = {.interior = 6, .boundary = 4, .test_points = test_points, .seed = 1};
    const size_t widths[] = {2, 5, 1}, samples = test_points * test_points;
    gn_dataset d;
    gn_network *network;
    gn_mlp_options options = gn_mlp_options_default();
    gn_observer *observer;
    gn_linearization *whole;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    OK(context, gn_dataset_poisson_2d(context, dtype, 1, 2, &points, &d));
    options.widths = widths;
    options.depth = 2;
    options.residual = d.residual;
    OK(context, gn_network_create_mlp(context, &options, &network));
    double *values = random_values(5, 21), error = 0, size = 0;
    gn_array *theta = device_array(context, dtype, 21, 1, values);
    gn_array *f = device_array(context, dtype, samples, 1, NULL);
    OK(context, gn_observer_create_solution(context, network, &d, theta, false, (gn_schedule){0}, &observer));
    OK(context, gn_observer_observe(observer, 3, theta, NULL, &sink));
    OK(context, gn_linearization_create(network, GN_LOSS_SQUARED, dtype, samples, &whole));
    OK(context, gn_linearization_set_batch(whole, d.test_inputs, d.test_targets));
    OK(context, gn_linearization_set_point(whole, theta));
    OK(context, gn_linearization_outputs(whole, f));
    double *found = host_values(f), *y = host_values(d.test_targets);
    for (size_t i = 0; i < samples; i++) {
        error += (found[i] - y[i]) * (found[i] - y[i]);
        size += y[i] * y[i];
    }
    cr_assert_eq(kept.count, 1u);
    cr_assert_str_eq(kept.rows[0].observer, "solution");
    cr_assert_str_eq(kept.rows[0].name, "relative_error");
    cr_assert(kept.rows[0].rank == 0 && kept.rows[0].step == 3);
    cr_assert_float_eq(kept.rows[0].values[0], sqrt(error / size), dtype == GN_FLOAT64 ? 1e-12 : 1e-5);
    gn_observer_destroy(observer);
    gn_linearization_destroy(whole);
    gn_network_destroy(network);
    gn_array_destroy(theta);
    gn_array_destroy(f);
    gn_dataset_destroy(&d);
    free(values), free(found), free(y);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(solution, is_the_relative_error) {
    check(device, GN_FLOAT64, 4);
    check(device, GN_FLOAT64, 25);
    check(device, GN_FLOAT32, 23);
}

Test(solution, needs_a_test_set) {
    gn_context *context = device_open("check");
    const size_t widths[] = {1, 1};
    gn_mlp_options options = gn_mlp_options_default();
    gn_network *network;
    gn_observer *observer;
    gn_dataset d = grid_dataset(context, GN_FLOAT64, 1, 4, 1);
    options.widths = widths;
    options.depth = 1;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, 2, 1, (double[]){0, 0});
    cr_assert_eq(gn_observer_create_solution(context, network, &d, theta, false, (gn_schedule){0}, &observer),
                 GN_ERROR_UNSUPPORTED);
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

/* Sums of squares of u - y and both derivatives on the grid, from the weights of 2-5-1 tanh; and of y's. */
static void plain_h1(const double *theta, const double *x, size_t samples, double *error, double *size) {
    const double *w = theta, *b = theta + 10, *v = theta + 15;
    *error = *size = 0;
    for (size_t i = 0; i < samples; i++) {
        const double *at = x + 3 * i, px = M_PI * at[0], py = 2 * M_PI * at[1];
        const double y[3] = {sin(px) * sin(py), M_PI * cos(px) * sin(py), 2 * M_PI * sin(px) * cos(py)};
        double u[3] = {theta[20], 0, 0};
        for (int j = 0; j < 5; j++) {
            const double t = tanh(w[2 * j] * at[0] + w[2 * j + 1] * at[1] + b[j]);
            u[0] += v[j] * t;
            u[1] += v[j] * (1 - t * t) * w[2 * j];
            u[2] += v[j] * (1 - t * t) * w[2 * j + 1];
        }
        for (int k = 0; k < 3; k++) {
            *error += (u[k] - y[k]) * (u[k] - y[k]);
            *size += y[k] * y[k];
        }
    }
}

static void check_h1(const char *device, gn_dtype dtype, size_t test_points) {
    gn_context *context = device_open(device);
    const gn_pde_points points = {.interior = 6, .boundary = 4, .test_points = test_points, .seed = 1};
    const size_t widths[] = {2, 5, 1};
    gn_dataset d;
    gn_network *network;
    gn_mlp_options options = gn_mlp_options_default();
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    double error, size, *values = random_values(5, 21);
    OK(context, gn_dataset_poisson_2d(context, dtype, 1, 2, &points, &d));
    options.widths = widths;
    options.depth = 2;
    options.residual = d.residual;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, dtype, 21, 1, values);
    OK(context, gn_observer_create_solution(context, network, &d, theta, true, (gn_schedule){0}, &observer));
    OK(context, gn_observer_observe(observer, 3, theta, NULL, &sink));
    double *x = host_values(d.test_inputs);
    plain_h1(values, x, test_points * test_points, &error, &size);
    cr_assert_eq(kept.count, 2u);
    cr_assert_str_eq(kept.rows[1].name, "relative_h1_error");
    cr_assert(kept.rows[1].rank == 0 && kept.rows[1].step == 3);
    cr_assert_float_eq(kept.rows[1].values[0], sqrt(error / size), dtype == GN_FLOAT64 ? 1e-12 : 1e-5);
    gn_observer_destroy(observer);
    gn_network_destroy(network);
    gn_array_destroy(theta);
    gn_dataset_destroy(&d);
    free(values), free(x);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(solution, h1_adds_the_gradient) {
    check_h1(device, GN_FLOAT64, 4);
    check_h1(device, GN_FLOAT64, 23); /* several pieces */
    check_h1(device, GN_FLOAT32, 9);
}

static void expect_no_h1(gn_context *context, const gn_dataset *d, size_t inputs, const char *part) {
    const size_t widths[] = {inputs, 1};
    gn_mlp_options options = gn_mlp_options_default();
    gn_network *network;
    gn_observer *observer;
    options.widths = widths;
    options.depth = 1;
    options.residual = d->residual;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, inputs + 1, 1, (double[]){0, 0, 0});
    cr_assert_eq(gn_observer_create_solution(context, network, d, theta, true, (gn_schedule){0}, &observer),
                 GN_ERROR_UNSUPPORTED);
    cr_expect(strstr(gn_error_message(context), part), "%s", gn_error_message(context));
    cr_expect_null(observer);
    gn_array_destroy(theta);
    gn_network_destroy(network);
}

Test(solution, h1_needs_a_gradient) {
    gn_context *context = device_open("check");
    const gn_pde root = {.axes = {"x", "y"}, .high = {1, 1}, .residual = "u_xx", .solution = "sqrt(x)"};
    const gn_pde_points points = {.interior = 6, .boundary = 4, .test_points = 3};
    gn_dataset d;
    OK(context, gn_dataset_sinc_1d(context, GN_FLOAT64, 4, 4, 1, 0, &d));
    expect_no_h1(context, &d, 1, "only PDEs have");
    gn_dataset_destroy(&d);
    OK(context, gn_dataset_pde(context, GN_FLOAT64, &root, &points, &d));
    expect_no_h1(context, &d, 2, "not finite at some test point");
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}
