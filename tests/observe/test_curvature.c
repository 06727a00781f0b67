/* curvature: eigenvalues, traces and angles against JAX's dense matrices and against products made here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnewt/random.h"
#include "observe_test.h"
#include "reference.h"

static gn_dataset dataset_of(const mlp_fixture *f) {
    return (gn_dataset){.inputs = f->inputs, .targets = f->targets};
}

static gn_loss loss_of(const mlp_case *from) {
    return from->classes ? GN_LOSS_CROSS_ENTROPY : GN_LOSS_SQUARED;
}

/* What is written at theta when `optimizer` (or NULL) runs. */
static void look(const mlp_fixture *f, gn_loss loss, const gn_dataset *d, const gn_curvature_options *options,
                 gn_optimizer *optimizer, kept_rows *kept) {
    gn_observer *observer;
    const gn_observation_sink sink = keep_in(kept);
    const gn_phase_start start = {.optimizer = optimizer};
    OK(f->context, gn_observer_create_curvature(f->context, f->network, loss, d, f->theta, options,
                                                (gn_schedule){1}, &observer));
    OK(f->context, gn_observer_begin_phase(observer, &start));
    OK(f->context, gn_observer_observe(observer, 3, f->theta, NULL, &sink));
    gn_observer_destroy(observer);
}

static gn_optimizer *optimizer_for(const mlp_fixture *f, gn_optimizer_kind kind, double damping,
                                   size_t rows) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    gn_optimizer *optimizer;
    options.damping.value = damping;
    options.learning_rate = 0.25;
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, rows, &optimizer));
    return optimizer;
}

static void expect_near(double found, double expected, double bound, const char *what) {
    cr_expect(fabs(found - expected) <= bound, "%s: %.15g, not %.15g", what, found, expected);
}

/* ---- against dense matrices ---- */

/* Ritz values are eigenvalues to within their bounds, and these are small. */
static void expect_eigenvalues(const kept_rows *kept, const char *name, const char *bound_name, size_t count,
                               const double *eigenvalues, bool top) {
    const kept_row *found = find_kept(kept, name), *bound = find_kept(kept, bound_name);
    cr_assert(found->rank == 1 && bound->rank == 1 && found->shape[0] == bound->shape[0]);
    for (size_t i = 0; i < found->shape[0]; i++) {
        const double exact = eigenvalues[top ? count - 1 - i : i];
        cr_expect(bound->values[i] < 1e-9, "%s[%zu]'s bound is %g", name, i, bound->values[i]);
        expect_near(found->values[i], exact, bound->values[i] + 1e-12, name);
    }
}

static void expect_estimate(const kept_rows *kept, const char *name, const char *error_name, double exact) {
    const double found = kept_number(kept, name), error = kept_number(kept, error_name);
    cr_expect(error > 0 && error < 0.3 * fabs(exact) && fabs(found - exact) < 4 * error,
              "%s: %g +- %g, not %g", name, found, error, exact);
}

static double *reference_of(const char *name, const char *array, size_t expected) {
    char path[64];
    size_t count;
    snprintf(path, sizeof path, "/%s/%s", name, array);
    double *values = reference_array("curvature", path, &count);
    cr_assert(values && count == expected, "%s", path);
    return values;
}

static double reference_number(const char *name, const char *array) {
    double *values = reference_of(name, array, 1), value = values[0];
    free(values);
    return value;
}

static void check_reference(const char *device, const mlp_case *from) {
    mlp_fixture f = reference_setup_as(device, from);
    const gn_dataset d = dataset_of(&f);
    const gn_curvature_options options = {
        .values = 6, .steps = 1000, .starts = 2, .probes = 200, .hessian = true, .seed = 5};
    const double mu = reference_attribute("curvature", "/", "mu");
    gn_optimizer *marquardt = optimizer_for(&f, GN_OPTIMIZER_LEVENBERG_MARQUARDT, mu, f.m);
    double *ggn = reference_of(from->name, "ggn_eigenvalues", f.p);
    double *hessian = reference_of(from->name, "hessian_eigenvalues", f.p);
    double *energy = reference_of(from->name, "top_energy", f.p);
    kept_rows kept;
    look(&f, loss_of(from), &d, &options, marquardt, &kept);
    expect_eigenvalues(&kept, "ggn_top", "ggn_top_bound", f.p, ggn, true);
    expect_eigenvalues(&kept, "hessian_top", "hessian_top_bound", f.p, hessian, true);
    expect_eigenvalues(&kept, "hessian_bottom", "hessian_bottom_bound", f.p, hessian, false);
    expect_near(find_kept(&kept, "ggn_bottom")->values[0], 0, 1e-12, "G's least eigenvalue");
    expect_estimate(&kept, "ggn_trace", "ggn_trace_error", reference_number(from->name, "ggn_trace"));
    expect_estimate(&kept, "hessian_trace", "hessian_trace_error",
                    reference_number(from->name, "hessian_trace"));
    expect_estimate(&kept, "residual_share", "residual_share_error",
                    reference_number(from->name, "residual_share"));
    expect_near(kept_number(&kept, "top_energy"), energy[options.values - 1], 1e-9, "the gradient's energy");
    expect_near(kept_number(&kept, "direction_angle"), reference_number(from->name, "direction_angle"), 1e-8,
                "the angle");
    expect_near(kept_number(&kept, "sharpness"), hessian[f.p - 1], 1e-12, "the sharpness");
    cr_expect_eq(kept_number(&kept, "sharpness_factor"), 1);
    free(ggn), free(hessian), free(energy);
    gn_optimizer_destroy(marquardt);
    mlp_teardown(&f);
}

ON_EACH_DEVICE(curvature, is_that_of_the_dense_matrices) {
    const mlp_case squared = {
        .name = "small_tanh", .widths = {3, 7, 5, 2}, .activation = "tanh", .output_scale = 1};
    const mlp_case classes = {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .classes = true};
    check_reference(device, &squared);
    check_reference(device, &classes);
}

/* ---- against products ---- */

static const mlp_case net = {
    .name = "curvature", .widths = {3, 7, 2}, .activation = "tanh", .samples = 6, .output_scale = 1.5};

/* v'A v by the first start's nodes, v being its first vector, of length 1. */
static double form_of(const kept_rows *kept, const char *nodes_name, const char *weights_name,
                      size_t starts) {
    const kept_row *nodes = find_kept(kept, nodes_name), *weights = find_kept(kept, weights_name);
    cr_assert(nodes->rank == 2 && nodes->shape[0] == starts && weights->count == nodes->count);
    double sum = 0;
    for (size_t i = 0; i < nodes->shape[1]; i++)
        sum += (double)starts * weights->values[i] * nodes->values[i];
    return sum;
}

static gn_array *start_vector(const mlp_fixture *f, uint64_t seed) {
    double *v = malloc(f->p * sizeof *v), square = 0;
    gn_random_normal(seed, GN_STREAM_AUXILIARY, 0, f->p, 0, 1, v);
    for (size_t i = 0; i < f->p; i++)
        square += v[i] * v[i];
    for (size_t i = 0; i < f->p; i++)
        v[i] /= sqrt(square);
    gn_array *array = device_array(f->context, f->dtype, f->p, 1, v);
    free(v);
    return array;
}

static double dot(const gn_array *x, const gn_array *y) {
    double *a = host_values(x), *b = host_values(y), sum = 0;
    for (size_t i = 0; i < gn_array_count(x); i++)
        sum += a[i] * b[i];
    free(a), free(b);
    return sum;
}

/* (2/M) sum w (J v)^2, w = 1 where NULL */
static double weighted_form(const mlp_fixture *f, const gn_array *v, const double *w) {
    gn_array *jv = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_jvp(f->lin, v, jv));
    double *values = host_values(jv), sum = 0;
    for (size_t m = 0; m < f->m; m++)
        sum += 2 / (double)f->m * (w ? w[m] : 1) * values[m] * values[m];
    free(values);
    gn_array_destroy(jv);
    return sum;
}

static void check_forms(const char *device, gn_dtype dtype) {
    const double bound = dtype == GN_FLOAT64 ? 1e-13 : 1e-4;
    const gn_curvature_options options = {
        .values = 3, .steps = 7, .starts = 3, .probes = 2, .hessian = true, .seed = 9};
    mlp_fixture f = mlp_setup(device, dtype, &net);
    const gn_dataset d = dataset_of(&f);
    gn_array *v = start_vector(&f, 9), *hv = device_array(f.context, dtype, f.p, 1, NULL);
    kept_rows kept;
    look(&f, GN_LOSS_SQUARED, &d, &options, NULL, &kept);
    expect_near(form_of(&kept, "ggn_nodes", "ggn_weights", 3), weighted_form(&f, v, NULL), bound, "v'G v");
    OK(f.context, gn_linearization_hessian_product(f.lin, v, hv));
    expect_near(form_of(&kept, "hessian_nodes", "hessian_weights", 3), dot(v, hv), bound, "v'H v");
    cr_expect(isnan(kept_number(&kept, "direction_angle")), "nothing runs");
    cr_expect(find_kept(&kept, "ggn_top_bound")->values[2] > 0);
    gn_array_destroy(v), gn_array_destroy(hv);
    mlp_teardown(&f);
}

ON_EACH_DEVICE(curvature, densities_have_the_moments_of_the_products) {
    check_forms(device, GN_FLOAT64);
    check_forms(device, GN_FLOAT32);
}

/* Weights of rows are part of the loss, so of G and H. */
ON_EACH_DEVICE(curvature, counts_the_weights_of_rows) {
    size_t count;
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, mlp_pdes(&count));
    gn_curvature_options options = {
        .values = 3, .steps = 9, .starts = 1, .probes = 2, .hessian = true, .seed = 4};
    double *w = random_values(6, f.m);
    for (size_t m = 0; m < f.m; m++)
        w[m] += 1.5;
    gn_dataset d = dataset_of(&f);
    d.weights = device_array(f.context, GN_FLOAT64, f.m, 1, w);
    gn_array *v = start_vector(&f, 4), *hv = device_array(f.context, GN_FLOAT64, f.p, 1, NULL);
    kept_rows kept;
    look(&f, GN_LOSS_SQUARED, &d, &options, NULL, &kept);
    const double expected = weighted_form(&f, v, w);
    expect_near(form_of(&kept, "ggn_nodes", "ggn_weights", 1), expected, 1e-12 * expected, "v'G v");
    OK(f.context, gn_linearization_set_weights(f.lin, d.weights));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    OK(f.context, gn_linearization_hessian_product(f.lin, v, hv));
    expect_near(form_of(&kept, "hessian_nodes", "hessian_weights", 1), dot(v, hv), 1e-12 * expected, "v'H v");
    options.hessian = false;
    look(&f, GN_LOSS_SQUARED, &d, &options, NULL, &kept);
    expect_near(form_of(&kept, "ggn_nodes", "ggn_weights", 1), expected, 1e-12 * expected, "v'G v alone");
    for (size_t i = 0; i < kept.count; i++)
        cr_expect(!strstr(kept.rows[i].name, "hessian") && !strstr(kept.rows[i].name, "residual"), "%s",
                  kept.rows[i].name);
    free(w);
    gn_array_destroy(v), gn_array_destroy(hv);
    gn_array_destroy(d.weights);
    mlp_teardown(&f);
}

/* A linear map has no residual term; and few eigenvalues, so that Lanczos ends before its steps do. */
ON_EACH_DEVICE(curvature, of_a_linear_network_is_the_gauss_newton_matrix) {
    const mlp_case linear = {.name = "linear", .widths = {3, 2}, .activation = "tanh", .samples = 9};
    const gn_curvature_options options = {
        .values = 20, .steps = 80, .starts = 1, .probes = 8, .hessian = true};
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &linear);
    const gn_dataset d = dataset_of(&f);
    kept_rows kept;
    look(&f, GN_LOSS_SQUARED, &d, &options, NULL, &kept);
    const kept_row *g = find_kept(&kept, "ggn_top"), *h = find_kept(&kept, "hessian_top");
    cr_assert(g->shape[0] == 8 && h->shape[0] == 8, "as many as there are parameters");
    for (size_t i = 0; i < 4; i++) /* four distinct ones, each twice */
        cr_expect(fabs(g->values[i] - h->values[i]) < 1e-12 && g->values[i] > 1e-3, "%zu: %g, %g", i,
                  g->values[i], h->values[i]);
    for (size_t i = 4; i < 8; i++)
        cr_expect(isnan(g->values[i]) && isnan(find_kept(&kept, "hessian_bottom")->values[i]));
    cr_expect_lt(kept_number(&kept, "residual_share"), 1e-12);
    mlp_teardown(&f);
}

/* ---- the optimiser ---- */

ON_EACH_DEVICE(curvature, knows_who_runs) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &net);
    const gn_dataset d = dataset_of(&f);
    const gn_curvature_options options = {.values = 2, .steps = 8, .starts = 1, .probes = 2, .hessian = true};
    gn_optimizer *descent = optimizer_for(&f, GN_OPTIMIZER_SGD, 1, f.m);
    gn_optimizer *damped = optimizer_for(&f, GN_OPTIMIZER_LEVENBERG_MARQUARDT, 1e9, f.m);
    gn_optimizer *newton = optimizer_for(&f, GN_OPTIMIZER_LEVENBERG_MARQUARDT, 1e-3, f.m);
    kept_rows kept;
    look(&f, GN_LOSS_SQUARED, &d, &options, descent, &kept);
    expect_near(kept_number(&kept, "direction_angle"), 0, 1e-5, "steepest descent");
    cr_expect_eq(kept_number(&kept, "sharpness_factor"), 0.25);
    expect_near(kept_number(&kept, "sharpness"), 0.25 * find_kept(&kept, "hessian_top")->values[0], 1e-15,
                "the sharpness");
    look(&f, GN_LOSS_SQUARED, &d, &options, damped, &kept);
    expect_near(kept_number(&kept, "direction_angle"), 0, 1e-4, "nothing but damping");
    look(&f, GN_LOSS_SQUARED, &d, &options, newton, &kept);
    cr_expect_gt(kept_number(&kept, "direction_angle"), 20);
    cr_expect_lt(kept_number(&kept, "direction_angle"), 90);
    gn_optimizer_destroy(descent), gn_optimizer_destroy(damped), gn_optimizer_destroy(newton);
    mlp_teardown(&f);
}

/* An optimiser of batches of two is asked about the first two samples; what else there is, of all. */
ON_EACH_DEVICE(curvature, asks_for_a_batchs_direction) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &net);
    const gn_dataset d = dataset_of(&f);
    gn_curvature_options options = {.values = 2, .steps = 8, .starts = 1, .probes = 2, .hessian = true};
    gn_optimizer *whole = optimizer_for(&f, GN_OPTIMIZER_LEVENBERG_MARQUARDT, 1e-2, f.m);
    gn_optimizer *batches = optimizer_for(&f, GN_OPTIMIZER_LEVENBERG_MARQUARDT, 1e-2, 2 * f.c);
    kept_rows of_batches, of_whole, of_two;
    look(&f, GN_LOSS_SQUARED, &d, &options, batches, &of_batches);
    look(&f, GN_LOSS_SQUARED, &d, &options, whole, &of_whole);
    options.points = 2;
    look(&f, GN_LOSS_SQUARED, &d, &options, whole, &of_two);
    const double angle = kept_number(&of_batches, "direction_angle");
    expect_near(angle, kept_number(&of_two, "direction_angle"), 1e-9, "the angle");
    cr_expect_gt(fabs(angle - kept_number(&of_whole, "direction_angle")), 0.1);
    cr_expect_eq(kept_number(&of_batches, "sharpness"), kept_number(&of_whole, "sharpness"));
    cr_expect_neq(kept_number(&of_two, "sharpness"), kept_number(&of_whole, "sharpness"));
    gn_optimizer_destroy(whole), gn_optimizer_destroy(batches);
    mlp_teardown(&f);
}

/* ---- refusals ---- */

static void refuse(const mlp_fixture *f, const gn_curvature_options *options, const char *part) {
    const gn_dataset d = dataset_of(f);
    const size_t before = gn_context_allocated(f->context);
    gn_observer *observer;
    cr_expect_eq(gn_observer_create_curvature(f->context, f->network, GN_LOSS_SQUARED, &d, f->theta, options,
                                              (gn_schedule){1}, &observer),
                 GN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(gn_error_message(f->context), part), "%s", gn_error_message(f->context));
    cr_expect_null(observer);
    cr_expect_eq(gn_context_allocated(f->context), before);
}

Test(curvature, refuses_what_cannot_be) {
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &net);
    gn_curvature_options options = gn_curvature_options_default();
    options.points = 7;
    refuse(&f, &options, "points is 7, but there are 6 training samples");
    options.points = 0;
    options.probes = 0;
    refuse(&f, &options, "0 probes");
    mlp_teardown(&f);
}
