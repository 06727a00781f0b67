/* solution: the relative error on the test set, summed here, larger than one piece and smaller. */
#include <math.h>
#include <stdlib.h>

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
    OK(context, gn_observer_create_solution(context, network, &d, theta, (gn_schedule){0}, &observer));
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
    cr_assert_eq(gn_observer_create_solution(context, network, &d, theta, (gn_schedule){0}, &observer),
                 GN_ERROR_UNSUPPORTED);
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}
