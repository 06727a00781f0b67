/* The observer ntk beyond dense_rows, in float32 runs, and its signals and state. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe/probe.h"
#include "observe_test.h"

/* 40 residuals: more than Lanczos takes steps for 4 values (28). */
static const mlp_case wide = {.name = "wide", .widths = {2, 9, 2}, .activation = "tanh", .samples = 20};
enum { ROWS = 40, FEW = 4 };

static const double *find(const kept_rows *kept, const char *name) {
    for (size_t i = 0; i < kept->count; i++)
        if (strcmp(kept->rows[i].name, name) == 0)
            return kept->rows[i].values;
    return NULL;
}

static void look(const mlp_fixture *f, gn_ntk_options options, const gn_phase_start *start,
                 const gn_array *theta, kept_rows *kept) {
    const gn_dataset d = {.inputs = f->inputs, .targets = f->targets};
    gn_observer *observer;
    const gn_observation_sink sink = keep_in(kept);
    OK(f->context,
       gn_observer_create_ntk(f->context, f->network, GN_LOSS_SQUARED, &d, f->theta, &options, &observer));
    OK(f->context, gn_observer_begin_phase(observer, start));
    OK(f->context, gn_observer_observe(observer, 1, theta, NULL, &sink));
    gn_observer_destroy(observer);
}

/* The leading pairs are the dense ones within their bounds, and so is what follows from them. */
ON_EACH_DEVICE(ntk_large, leads_as_the_dense_one_does) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &wide);
    double *moved = host_values(f.theta);
    for (size_t i = 0; i < f.p; i++)
        moved[i] += 0.02 * sin((double)i);
    gn_array *theta = device_array(f.context, GN_FLOAT64, f.p, 1, moved);
    const gn_phase_start start = {.rule = {GN_STEP_RULE_DAMPED, .rate = 0.1, .weight = 2, .damping = 0.5}};
    gn_ntk_options options = gn_ntk_options_default();
    options.present = true;
    static kept_rows dense, few;
    look(&f, options, &start, theta, &dense);
    options.dense_rows = 0;
    options.values = FEW;
    look(&f, options, &start, theta, &few);
    const double *whole = find(&dense, "eigenvalues"), *values = find(&few, "eigenvalues");
    const double *bounds = find(&few, "eigenvalue_bounds");
    const char *const modes[] = {"mode_error", "mode_error_now"};
    for (int i = 0; i < FEW; i++) {
        cr_expect_lt(bounds[i], 1e-6 * whole[0], "Lanczos has settled");
        cr_expect_float_eq(values[i], whole[i], bounds[i] + 1e-12 * whole[0], "%g, not %g", values[i],
                           whole[i]);
        for (int m = 0; m < 2; m++) {
            const double ours = fabs(find(&few, modes[m])[i]), theirs = fabs(find(&dense, modes[m])[i]);
            cr_expect_float_eq(ours, theirs, 1e-6, "%s %d: %g, not %g", modes[m], i, ours, theirs);
        }
        cr_expect_float_eq(find(&few, "preconditioned_eigenvalues")[i], 2 * whole[i] / (0.5 + 2 * whole[i]),
                           1e-6);
    }
    cr_expect_leq(find(&few, "condition_number")[0], 1.001 * find(&dense, "condition_number")[0]);
    const double drift = find(&few, "kernel_drift")[0], exact = find(&dense, "kernel_drift")[0];
    cr_expect(drift > 0.7 * exact && drift < 1.4 * exact, "by 32 random vectors %g, not %g", drift, exact);
    cr_expect_null(find(&few, "effective_rank"));
    free(moved);
    gn_array_destroy(theta);
    mlp_teardown(&f);
}

/* What float32 makes of eigenvalues below its rounding is gone in float64, on the same float32 run. */
ON_EACH_DEVICE(ntk_large, has_a_float32_runs_kernel_in_float64) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT32, &wide);
    const gn_phase_start start = {0};
    gn_ntk_options options = gn_ntk_options_default();
    static kept_rows twice, once;
    look(&f, options, &start, f.theta, &twice);
    options.dtype = GN_FLOAT32;
    look(&f, options, &start, f.theta, &once);
    cr_expect_lt(find(&twice, "negative_mass")[0], 1e-14);
    cr_expect_gt(find(&once, "negative_mass")[0], find(&twice, "negative_mass")[0]);
    cr_expect_gt(find(&twice, "numerical_rank")[0], find(&once, "numerical_rank")[0]);
    cr_expect_float_eq(find(&once, "eigenvalues")[0], find(&twice, "eigenvalues")[0],
                       1e-5 * find(&twice, "eigenvalues")[0]);
    cr_expect(isnan(find(&twice, "preconditioned_eigenvalues")[0]), "of a step that is not known");
    mlp_teardown(&f);
}

/* |K q - lambda q| of each pair, and how far the vectors are from orthonormal. vectors: by ascending
 * eigenvalue. */
static void expect_pairs(const double *k, const double *vectors, size_t count, const double *values,
                         const double *bounds, double rounding) {
    for (size_t i = 0; i < count; i++) {
        const double *q = vectors + (count - 1 - i) * ROWS;
        double square = 0;
        for (size_t row = 0; row < ROWS; row++) {
            double rest = -values[i] * q[row];
            for (size_t j = 0; j < ROWS; j++)
                rest += k[row * ROWS + j] * q[j];
            square += rest * rest;
        }
        cr_expect_leq(sqrt(square), (bounds ? bounds[i] : 0) + rounding * values[0], "pair %zu: %g", i,
                      sqrt(square));
        for (size_t j = 0; j <= i; j++) {
            const double *p = vectors + (count - 1 - j) * ROWS;
            double product = i == j ? -1 : 0;
            for (size_t row = 0; row < ROWS; row++)
                product += p[row] * q[row];
            cr_expect_lt(fabs(product), rounding, "vectors %zu and %zu: %g", i, j, product);
        }
    }
}

/* Pairs are K's to rounding, or within the bounds that are given, and orthonormal. */
ON_EACH_DEVICE(ntk_large, has_eigenpairs_of_the_kernel) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &wide);
    const gn_dataset d = {.inputs = f.inputs, .targets = f.targets};
    double *k = NULL;
    for (int dense = 1; dense >= 0; dense--) {
        const gn_probe_options options = {
            .observer = "test", .dtype = GN_FLOAT64, .dense_rows = dense ? ROWS : 0, .values = FEW};
        gn_probe probe;
        OK(f.context, gn_probe_open(f.context, &options, f.network, GN_LOSS_SQUARED, &d, f.theta, &probe));
        cr_assert(probe.dense == dense && probe.count == (dense ? ROWS : FEW));
        if (dense)
            k = host_values(&probe.first);
        double *vectors = host_values(&probe.frame);
        expect_pairs(k, vectors, probe.count, probe.first_values,
                     dense ? NULL : probe.first_values + probe.count, 1e-13);
        free(vectors);
        gn_probe_destroy(&probe);
    }
    free(k);
    mlp_teardown(&f);
}

/* A damping that changes is that of the step to come. */
ON_EACH_DEVICE(ntk_large, asks_for_a_damping_that_changes) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &wide);
    gn_optimizer_options o = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    o.damping = (gn_damping_options){.kind = GN_DAMPING_SCHEDULED, .value = 2, .final = 0.5, .steps = 4};
    gn_phase_start start = {.rule = {GN_STEP_RULE_DAMPED, .rate = 1, .weight = 1, .damping = NAN}};
    OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &start.optimizer));
    static kept_rows kept;
    for (int step = 0; step < 2; step++)
        OK(f.context, gn_optimizer_step(start.optimizer, f.lin, f.theta, NULL));
    look(&f, gn_ntk_options_default(), &start, f.theta, &kept);
    const double *values = find(&kept, "eigenvalues"), *kernel = find(&kept, "preconditioned_eigenvalues");
    for (int i = 0; i < FEW; i++)
        cr_expect_float_eq(kernel[i], values[i] / (1 + values[i]), 1e-12, "%g", kernel[i]);
    cr_expect(isnan(find(&kept, "predicted_rate")[0]));
    gn_optimizer_destroy(start.optimizer);
    mlp_teardown(&f);
}

/* A relative damping is this kernel's before the optimiser's first step, and after it what that settled. */
ON_EACH_DEVICE(ntk_large, knows_a_relative_damping_before_the_first_step) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &wide);
    gn_optimizer_options o = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    o.damping = (gn_damping_options){.kind = GN_DAMPING_RELATIVE, .value = 0.1};
    gn_phase_start start = {
        .rule = {GN_STEP_RULE_DAMPED, .rate = 1, .weight = 1, .damping = NAN, .relative = 0.1}};
    OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &start.optimizer));
    static kept_rows kept;
    double mu = 0;
    for (int step = 0; step < 2; step++) {
        memset(&kept, 0, sizeof kept);
        look(&f, gn_ntk_options_default(), &start, f.theta, &kept);
        const double *values = find(&kept, "eigenvalues"),
                     *kernel = find(&kept, "preconditioned_eigenvalues");
        mu = step == 0 ? 0.1 * values[0] : mu;
        for (int i = 0; i < FEW; i++)
            cr_expect_float_eq(kernel[i], values[i] / (mu + values[i]), 1e-9, "step %d: %g", step, kernel[i]);
        cr_expect(step == 0 || fabs(mu / values[0] - 0.1) > 1e-5, "nothing has moved");
        OK(f.context, gn_optimizer_step(start.optimizer, f.lin, f.theta, NULL));
    }
    gn_optimizer_destroy(start.optimizer);
    mlp_teardown(&f);
}
