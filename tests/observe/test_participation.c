/* participation: NumPy's values, spectra that are known, and data and networks without such rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"
#include "reference.h"

static gn_network *quadratic(gn_context *context, size_t modulus, size_t units) {
    const gn_quadratic_options options = {2 * modulus, units, modulus, 1};
    gn_network *network;
    OK(context, gn_network_create_quadratic(context, &options, &network));
    return network;
}

/* What is seen of a network whose first matrix is `weights` (units x 2 modulus), and whose other numbers must
 * not count. */
static double observe(const char *device, gn_dtype dtype, size_t modulus, size_t units,
                      const double *weights) {
    gn_context *context = device_open(device);
    gn_network *network = quadratic(context, modulus, units);
    const size_t count = gn_network_parameters(network), first = units * 2 * modulus;
    double *theta = random_values(3, count);
    gn_observer *observer;
    gn_dataset dataset;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    memcpy(theta, weights, first * sizeof *theta);
    gn_array *array = device_array(context, dtype, count, 1, theta);
    OK(context, gn_dataset_modular_addition(context, dtype, modulus, 0.5, 0, &dataset));
    OK(context, gn_observer_create_participation(context, network, &dataset, (gn_schedule){5}, &observer));
    cr_assert_eq(gn_observer_schedule(observer).every, 5u);
    OK(context, gn_observer_observe(observer, 42, array, NULL, &sink));
    cr_assert(kept.count == 1 && kept.rows[0].step == 42 && kept.rows[0].rank == 0);
    cr_assert_str_eq(kept.rows[0].observer, "participation");
    const double found = kept_number(&kept, "inverse_ratio");
    gn_observer_destroy(observer);
    gn_dataset_destroy(&dataset);
    gn_array_destroy(array);
    gn_network_destroy(network);
    free(theta);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
    return found;
}

/* Each row alone, and the mean of all. */
static void check_reference(const char *device, gn_dtype dtype, size_t modulus, double tolerance) {
    char path[32];
    size_t count, units;
    double mean = 0;
    snprintf(path, sizeof path, "/p_%zu/weights", modulus);
    double *weights = reference_array("participation", path, &count);
    snprintf(path, sizeof path, "/p_%zu/ratios", modulus);
    double *wanted = reference_array("participation", path, &units);
    cr_assert(units > 1 && count == units * 2 * modulus);
    for (size_t i = 0; i < units; i++) {
        const double found = observe(device, dtype, modulus, 1, weights + i * 2 * modulus);
        cr_assert_float_eq(found, wanted[i], tolerance);
        mean += wanted[i] / (double)units;
    }
    cr_assert_float_eq(observe(device, dtype, modulus, units, weights), mean, tolerance);
    free(weights);
    free(wanted);
}

ON_EACH_DEVICE(participation, numpy_agrees) {
    check_reference(device, GN_FLOAT64, 6, 1e-14);
    check_reference(device, GN_FLOAT64, 7, 1e-14);
    check_reference(device, GN_FLOAT64, 23, 1e-14);
    check_reference(device, GN_FLOAT32, 23, 1e-6);
}

Test(participation, known_spectra_have_their_ratios) {
    enum { P = 9 };
    double constant[2 * P] = {0}, spike[2 * P] = {0}, wave[2 * P];
    for (int j = 0; j < P; j++) {
        constant[j] = -3;
        wave[j] = 2 * cos(2 * M_PI * 4 * j / P + 0.1);
        wave[P + j] = 2 * cos(2 * M_PI * 4 * j / P - 1.3);
    }
    spike[2] = spike[P + 5] = 0.5;
    cr_assert_float_eq(observe("check", GN_FLOAT64, P, 1, constant), 1, 1e-14);
    cr_assert_float_eq(observe("check", GN_FLOAT64, P, 1, spike), 1.0 / (2 * P), 1e-14);
    cr_assert_float_eq(observe("check", GN_FLOAT64, P, 1, wave), 0.25, 1e-14);
}

Test(participation, units_without_weights_do_not_count) {
    enum { P = 4 };
    double rows[2 * 2 * P] = {0};
    cr_assert(isnan(observe("check", GN_FLOAT64, P, 2, rows)));
    rows[2 * P] = 1; /* the second unit's first weight: p numbers of 1/p */
    cr_assert_float_eq(observe("check", GN_FLOAT64, P, 2, rows), 1.0 / P, 1e-14);
}

Test(participation, other_data_and_networks_are_refused) {
    gn_context *context = device_open("check");
    gn_network *network = quadratic(context, 5, 3), *other = quadratic(context, 7, 3);
    gn_observer *observer;
    gn_dataset sums, tokens;
    const gn_schedule schedule = {0};
    OK(context, gn_dataset_modular_addition(context, GN_FLOAT64, 5, 0.5, 0, &sums));
    OK(context, gn_dataset_modular_addition_tokens(context, GN_FLOAT64, 5, 0.5, 0, &tokens));
    cr_assert_eq(gn_observer_create_participation(context, network, &tokens, schedule, &observer),
                 GN_ERROR_UNSUPPORTED);
    cr_assert_null(observer);
    cr_assert(strstr(gn_error_message(context), "4 features and 7 outputs"));
    cr_assert_eq(gn_observer_create_participation(context, other, &sums, schedule, &observer),
                 GN_ERROR_UNSUPPORTED);
    cr_assert(strstr(gn_error_message(context), "no first matrix over the 10 features"));
    gn_dataset_destroy(&sums);
    gn_dataset_destroy(&tokens);
    gn_network_destroy(network);
    gn_network_destroy(other);
    gn_context_destroy(context);
}
