/* nudft: spectra against NumPy's (make_nudft.py) on few points, and against plain sums on many. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"
#include "reference.h"

/* A data set, and one linear map on it. */
typedef struct linear_case {
    gn_context *context;
    gn_dataset dataset;
    gn_network *network;
    gn_array *theta;
} linear_case;

static linear_case create(const char *device, gn_dtype dtype, size_t features, size_t outputs, size_t samples,
                          const double *inputs, const double *targets, const double *theta) {
    linear_case c = {.context = device_open(device)};
    const size_t widths[] = {features, outputs};
    gn_mlp_options options = gn_mlp_options_default();
    options.widths = widths;
    options.depth = 1;
    c.dataset.inputs = device_array(c.context, dtype, samples, features, inputs);
    c.dataset.targets = device_array(c.context, dtype, samples, outputs, targets);
    OK(c.context, gn_network_create_mlp(c.context, &options, &c.network));
    c.theta = device_array(c.context, dtype, (features + 1) * outputs, 1, theta);
    return c;
}

static void destroy(linear_case *c) {
    gn_network_destroy(c->network);
    gn_array_destroy(c->theta);
    gn_dataset_destroy(&c->dataset);
    cr_assert_eq(gn_context_allocated(c->context), 0u);
    gn_context_destroy(c->context);
}

/* One look, at step 3. */
static kept_rows look(const linear_case *c, size_t values, double highest) {
    const gn_nudft_options options = {.values = values, .highest = highest};
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    OK(c->context, gn_observer_create_nudft(c->context, c->network, &c->dataset, c->theta, &options,
                                            (gn_schedule){5}, &observer));
    cr_assert_str_eq(gn_observer_name(observer), "nudft");
    OK(c->context, gn_observer_observe(observer, 3, c->theta, NULL, &sink));
    gn_observer_destroy(observer);
    return kept;
}

static double *case_array(const char *name, const char *array, size_t *count) {
    char path[96];
    snprintf(path, sizeof path, "/%s/%s", name, array);
    double *values = reference_array("nudft", path, count);
    cr_assert_not_null(values, "no %s", path);
    return values;
}

static void check_reference(const char *device, gn_dtype dtype, const char *name, size_t features,
                            size_t outputs) {
    static const char *const arrays[] = {"frequency",   "target_train",    "prediction_train", "error_train",
                                         "target_test", "prediction_test", "error_test"};
    size_t count, tests, values;
    double *x = case_array(name, "inputs", &count), *y = case_array(name, "targets", &count);
    double *theta = case_array(name, "theta", &values), *k = case_array(name, "frequency", &values);
    linear_case c = create(device, dtype, features, outputs, count / outputs, x, y, theta);
    free(x), free(y), free(theta);
    x = case_array(name, "test_inputs", &tests), y = case_array(name, "test_targets", &tests);
    c.dataset.test_inputs = device_array(c.context, dtype, tests / outputs, features, x);
    c.dataset.test_targets = device_array(c.context, dtype, tests / outputs, outputs, y);
    const kept_rows kept = look(&c, values, k[values - 1]);
    cr_assert_eq(kept.count, 7u);
    for (size_t i = 0; i < 7; i++) {
        double *wanted = case_array(name, arrays[i], &count);
        const kept_row *row = find_kept(&kept, arrays[i]);
        cr_assert(row->step == 3 && row->rank == 1 && row->count == count);
        for (size_t j = 0; j < count; j++)
            cr_expect_float_eq(row->values[j], wanted[j], dtype == GN_FLOAT64 ? 1e-12 : 2e-5,
                               "%s of %s at %zu: %.15g, not %.15g", arrays[i], name, j, row->values[j],
                               wanted[j]);
        free(wanted);
    }
    free(x), free(y), free(k);
    destroy(&c);
}

ON_EACH_DEVICE(nudft, agrees_with_numpy) {
    for (gn_dtype dtype = GN_FLOAT32; dtype <= GN_FLOAT64; dtype++) {
        check_reference(device, dtype, "line", 1, 1);
        check_reference(device, dtype, "line_two_outputs", 1, 2);
        check_reference(device, dtype, "plane", 5, 2);
        check_reference(device, dtype, "more_features_than_samples", 6, 1);
    }
}

enum { MANY = 1100 }; /* more than two pieces */

/* Points on a line through the plane, so that its direction is the principal component; f = 0.5 x0 - 0.25 x1
 * + 1 and targets that alternate. Without a test set. */
ON_EACH_DEVICE(nudft, has_no_seams) {
    static double inputs[2 * MANY], targets[MANY];
    static const double theta[] = {0.5, -0.25, 1};
    double *t = random_values(7, MANY);
    for (size_t j = 0; j < MANY; j++) {
        inputs[2 * j] = 3 + 0.6 * t[j];
        inputs[2 * j + 1] = -1 + 0.8 * t[j];
        targets[j] = j % 2 ? -1 : 2;
    }
    linear_case c = create(device, GN_FLOAT64, 2, 1, MANY, inputs, targets, theta);
    const kept_rows kept = look(&c, 200, 40);
    cr_assert_eq(kept.count, 4u);
    for (size_t i = 0; i < 200; i++) {
        double y[2] = {0}, f[2] = {0};
        for (size_t j = 0; j < MANY; j++) {
            const double angle = 40.0 / 199 * (double)i * (0.6 * inputs[2 * j] + 0.8 * inputs[2 * j + 1]);
            const double value = 0.5 * inputs[2 * j] - 0.25 * inputs[2 * j + 1] + 1;
            y[0] += targets[j] * cos(angle) / MANY, y[1] -= targets[j] * sin(angle) / MANY;
            f[0] += value * cos(angle) / MANY, f[1] -= value * sin(angle) / MANY;
        }
        cr_expect_float_eq(find_kept(&kept, "target_train")->values[i], hypot(y[0], y[1]), 1e-10);
        cr_expect_float_eq(find_kept(&kept, "prediction_train")->values[i], hypot(f[0], f[1]), 1e-10);
        cr_expect_float_eq(find_kept(&kept, "error_train")->values[i], hypot(f[0] - y[0], f[1] - y[1]),
                           1e-10);
    }
    free(t);
    destroy(&c);
}

static void expect_refusal(linear_case *c, gn_nudft_options options, gn_status wanted, const char *part) {
    gn_observer *observer;
    cr_expect_eq(gn_observer_create_nudft(c->context, c->network, &c->dataset, c->theta, &options,
                                          (gn_schedule){0}, &observer),
                 wanted);
    cr_expect(strstr(gn_error_message(c->context), part), "%s", gn_error_message(c->context));
    cr_expect_null(observer);
}

Test(nudft, needs_frequencies) {
    const double values[] = {1, 2};
    linear_case c = create("check", GN_FLOAT64, 1, 1, 2, values, values, values);
    expect_refusal(&c, (gn_nudft_options){.values = 0, .highest = 1}, GN_ERROR_ARGUMENT, "0 frequencies");
    expect_refusal(&c, (gn_nudft_options){.values = 3, .highest = 0}, GN_ERROR_ARGUMENT, "up to 0");
    expect_refusal(&c, (gn_nudft_options){.values = 3, .highest = NAN}, GN_ERROR_ARGUMENT, "frequencies");
    expect_refusal(&c, (gn_nudft_options){.values = 3, .highest = INFINITY}, GN_ERROR_ARGUMENT, "inf");
    expect_refusal(&c, (gn_nudft_options){.values = SIZE_MAX / 8, .highest = 1}, GN_ERROR_MEMORY,
                   "no host memory");
    const kept_rows kept = look(&c, 1, 5); /* the mean alone */
    cr_expect_float_eq(find_kept(&kept, "target_train")->values[0], 1.5, 1e-14);
    destroy(&c);
}

Test(nudft, is_not_for_pdes) {
    gn_context *context = device_open("check");
    const gn_pde_points points = {.interior = 6, .boundary = 4, .test_points = 3};
    const size_t widths[] = {2, 1};
    const gn_nudft_options frequencies = gn_nudft_options_default();
    gn_mlp_options options = gn_mlp_options_default();
    gn_dataset d;
    gn_network *network;
    gn_observer *observer;
    OK(context, gn_dataset_poisson_2d(context, GN_FLOAT64, 1, 1, &points, &d));
    options.widths = widths;
    options.depth = 1;
    options.residual = d.residual;
    OK(context, gn_network_create_mlp(context, &options, &network));
    gn_array *theta = device_array(context, GN_FLOAT64, 3, 1, (double[]){0, 0, 0});
    cr_assert_eq(
        gn_observer_create_nudft(context, network, &d, theta, &frequencies, (gn_schedule){0}, &observer),
        GN_ERROR_UNSUPPORTED);
    cr_expect(strstr(gn_error_message(context), "PDE"), "%s", gn_error_message(context));
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}
