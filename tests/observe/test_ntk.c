/* ntk: spectrum, modes and drift against sums over the linearization's own Gram, made here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"

static const mlp_case net = {
    .name = "ntk", .widths = {3, 7, 2}, .activation = "tanh", .samples = 6, .output_scale = 1.5};

static gn_dataset dataset_of(const mlp_fixture *f) {
    return (gn_dataset){.inputs = f->inputs, .targets = f->targets};
}

static gn_ntk_options options_of(size_t points) {
    gn_ntk_options options = gn_ntk_options_default();
    options.points = points;
    options.present = true;
    options.schedule = (gn_schedule){1};
    return options;
}

static const kept_row *find(const kept_rows *kept, const char *name) {
    for (size_t i = 0; i < kept->count; i++)
        if (strcmp(kept->rows[i].name, name) == 0)
            return &kept->rows[i];
    cr_assert_fail("no %s was written", name);
    return NULL;
}

static double number(const kept_rows *kept, const char *name) {
    const kept_row *row = find(kept, name);
    cr_assert_eq(row->rank, 0);
    return row->values[0];
}

/* The Gram (n x n, for the caller to free) and the residual of the first `samples` samples at theta. */
static double *gram_at(const mlp_fixture *f, const gn_array *theta, double *residual) {
    gn_array *k = device_array(f->context, f->dtype, f->m, f->m, NULL);
    gn_array *r = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_set_point(f->lin, theta));
    OK(f->context, gn_linearization_gram(f->lin, k));
    OK(f->context, gn_linearization_residual(f->lin, r));
    double *values = host_values(k), *e = host_values(r);
    memcpy(residual, e, f->m * sizeof *e);
    free(e);
    gn_array_destroy(k);
    gn_array_destroy(r);
    return values;
}

static double sum_of_products(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* e'K e = sum lambda_i c_i^2 ties eigenvalues, eigenvectors and the error together. */
static double quadratic_form(size_t n, const double *k, const double *e) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += e[i] * sum_of_products(n, k + i * n, e);
    return sum;
}

static double weighted_squares(size_t n, const double *weights, const double *c) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weights[i] * c[i] * c[i];
    return sum;
}

static void check_row(const kept_row *row, size_t n) {
    cr_assert(row->rank == 1 && row->shape[0] == n && row->step == 5, "%s", row->name);
    cr_expect_str_eq(row->observer, "ntk");
}

static void expect_near(double found, double expected, double bound, const char *what) {
    cr_expect(fabs(found - expected) <= bound * fabs(expected), "%s: %.15g, not %.15g", what, found,
              expected);
}

static void check(const char *device, gn_dtype dtype) {
    const double bound = dtype == GN_FLOAT64 ? 1e-11 : 1e-4;
    mlp_fixture f = mlp_setup(device, dtype, &net);
    const gn_dataset d = dataset_of(&f);
    double *moved_values = random_values(77, f.p), e[12], e0[12];
    gn_array *moved = device_array(f.context, dtype, f.p, 1, moved_values);
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    const gn_ntk_options options = options_of(0);
    OK(f.context,
       gn_observer_create_ntk(f.context, f.network, GN_LOSS_SQUARED, &d, f.theta, &options, &observer));
    OK(f.context, gn_observer_observe(observer, 5, moved, NULL, &sink));
    double *k0 = gram_at(&f, f.theta, e0), *k = gram_at(&f, moved, e), difference[144], trace = 0;
    const size_t n = f.m;
    for (size_t i = 0; i < n * n; i++)
        difference[i] = k[i] - k0[i];
    for (size_t i = 0; i < n; i++)
        trace += k[i * n + i];
    const kept_row *lambda = find(&kept, "eigenvalues"), *c = find(&kept, "mode_error_now");
    check_row(lambda, n);
    check_row(c, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += lambda->values[i];
        cr_expect(i == 0 || lambda->values[i] <= lambda->values[i - 1], "descending");
    }
    const double size = sum_of_products(n * n, k0, k0);
    expect_near(sum, trace, bound, "the trace");
    expect_near(sum_of_products(n, lambda->values, lambda->values), sum_of_products(n * n, k, k), bound,
                "||K||^2");
    expect_near(weighted_squares(n, lambda->values, c->values), quadratic_form(n, k, e), bound, "e'K e");
    expect_near(sum_of_products(n, c->values, c->values), sum_of_products(n, e, e), bound, "||e||^2");
    expect_near(number(&kept, "kernel_drift"), sqrt(sum_of_products(n * n, difference, difference) / size),
                bound, "the drift");
    /* the frame of K_0: its eigenvalues are those of an observation at theta_0 */
    const kept_row c0 = *find(&kept, "mode_error");
    check_row(&c0, n);
    kept.count = 0;
    OK(f.context, gn_observer_observe(observer, 5, f.theta, NULL, &sink));
    expect_near(weighted_squares(n, find(&kept, "eigenvalues")->values, c0.values), quadratic_form(n, k0, e),
                bound, "e'K_0 e");
    cr_expect_eq(number(&kept, "kernel_drift"), 0);
    expect_near(weighted_squares(n, find(&kept, "eigenvalues")->values, find(&kept, "mode_error")->values),
                quadratic_form(n, k0, e0), bound, "e_0'K_0 e_0");
    gn_observer_destroy(observer);
    gn_array_destroy(moved);
    free(moved_values), free(k0), free(k);
    mlp_teardown(&f);
}

ON_EACH_DEVICE(ntk, is_the_spectrum_of_the_gram) {
    check(device, GN_FLOAT64);
    check(device, GN_FLOAT32);
}

/* A probe set is the first samples, and predicts nothing: the whole set trains. */
ON_EACH_DEVICE(ntk, takes_the_first_samples) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &net);
    const gn_dataset d = dataset_of(&f);
    const gn_phase_start start = {.rule = {GN_STEP_RULE_GRADIENT, .rate = 0.1, .weight = 1}};
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    double e[12], trace = 0, sum = 0;
    const gn_ntk_options options = options_of(4);
    OK(f.context,
       gn_observer_create_ntk(f.context, f.network, GN_LOSS_SQUARED, &d, f.theta, &options, &observer));
    cr_assert_eq(gn_observer_begin_phase(observer, &start), GN_OK);
    OK(f.context, gn_observer_observe(observer, 5, f.theta, NULL, &sink));
    double *k = gram_at(&f, f.theta, e);
    const kept_row *lambda = find(&kept, "eigenvalues");
    check_row(lambda, 8);
    for (size_t i = 0; i < 8; i++) {
        trace += k[i * f.m + i];
        sum += lambda->values[i];
        cr_expect(isnan(find(&kept, "predicted_rate")->values[i]));
    }
    expect_near(sum, trace, 1e-12, "the trace");
    gn_observer_destroy(observer);
    free(k);
    mlp_teardown(&f);
}

Test(ntk, refuses_more_points_than_there_are) {
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &net);
    const gn_dataset d = dataset_of(&f);
    const gn_ntk_options options = options_of(7);
    gn_observer *observer;
    cr_assert_eq(
        gn_observer_create_ntk(f.context, f.network, GN_LOSS_SQUARED, &d, f.theta, &options, &observer),
        GN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(gn_error_message(f.context), "6 training samples"));
    cr_expect_null(observer);
    mlp_teardown(&f);
}
