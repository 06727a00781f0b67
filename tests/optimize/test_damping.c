/* Damping, step size, fallbacks and what an optimiser refuses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "linearization/linearization.h"
#include "mlp_case.h"
#include "optimize/damping.h"
#include "reference.h"

static gn_optimizer_options levenberg_marquardt(void) {
    return gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
}

Test(damping, schedule_is_linear_in_the_logarithm) {
    gn_damping_options options = {.kind = GN_DAMPING_SCHEDULED, .value = 1e-2, .final = 1e-4, .steps = 500};
    gn_damping damping = gn_damping_start(&options);
    cr_expect_float_eq(gn_damping_value(&options, &damping), 1e-2, 1e-16);
    damping.count = 250;
    cr_expect_float_eq(gn_damping_value(&options, &damping), 1e-3, 1e-16);
    damping.count = 500;
    cr_expect_eq(gn_damping_value(&options, &damping), 1e-4);
    damping.count = 1e6;
    cr_expect_eq(gn_damping_value(&options, &damping), 1e-4);
}

Test(damping, gain_ratio_follows_nielsen) {
    gn_damping_options options = {.kind = GN_DAMPING_GAIN_RATIO, .value = 1, .minimum = 1e-3, .maximum = 1e3};
    gn_damping damping = gn_damping_start(&options);
    cr_expect(gn_damping_judge(&options, &damping, 1)); /* a perfect model: a third */
    cr_expect_float_eq(damping.mu, 1.0 / 3, 1e-15);
    cr_expect(gn_damping_judge(&options, &damping, 0.5)); /* half: unchanged */
    cr_expect_float_eq(damping.mu, 1.0 / 3, 1e-15);
    cr_expect(!gn_damping_judge(&options, &damping, -1)); /* x 2, then x 4 */
    cr_expect(!gn_damping_judge(&options, &damping, NAN));
    cr_expect_float_eq(damping.mu, 8.0 / 3, 1e-14);
    cr_expect(gn_damping_judge(&options, &damping, 0.5));
    cr_expect_eq(damping.nu, 2);
    for (int i = 0; i < 20; i++)
        gn_damping_judge(&options, &damping, 1);
    cr_expect_eq(damping.mu, 1e-3);
    for (int i = 0; i < 20; i++)
        gn_damping_judge(&options, &damping, -INFINITY);
    cr_expect_eq(damping.mu, 1e3);
}

/* Runs `steps` of an optimiser on the case; the losses before each go to losses. */
static gn_step_report run(mlp_fixture *f, gn_optimizer_options options, int steps, double *losses) {
    gn_optimizer *optimizer;
    gn_step_report report = {0};
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer));
    for (int t = 0; t < steps; t++) {
        OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, &report));
        losses[t] = report.loss;
    }
    gn_optimizer_destroy(optimizer);
    return report;
}

typedef struct notices {
    int count; /* warnings */
    char text[256];
} notices;

static void note(void *user, gn_log_level level, const char *text) {
    notices *n = user;
    n->count += level == GN_LOG_WARNING;
    strncpy(n->text, text, sizeof n->text - 1);
}

static const mlp_case regression = {.widths = {2, 12, 12, 1}, .activation = "tanh", .samples = 30};

static void check_gain_ratio(gn_solver solver) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    gn_optimizer_options options = levenberg_marquardt();
    double losses[60];
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.value = 1e-8; /* far too small at first: steps are rejected */
    options.solver = solver;
    run(&f, options, 60, losses);
    for (int t = 1; t < 60; t++)
        cr_expect(losses[t] <= losses[t - 1], "step %d: %g after %g", t, losses[t], losses[t - 1]);
    cr_expect(losses[59] < 1e-3 * losses[0], "%g from %g", losses[59], losses[0]);
    mlp_teardown(&f);
}

Test(damping, gain_ratio_never_raises_the_loss_dual) {
    check_gain_ratio(GN_SOLVER_DUAL);
}

Test(damping, gain_ratio_never_raises_the_loss_primal) {
    check_gain_ratio(GN_SOLVER_PRIMAL);
}

Test(damping, gain_ratio_never_raises_the_loss_spectral) {
    check_gain_ratio(GN_SOLVER_SPECTRAL);
}

/* All forms take the same steps, rejections included. */
Test(damping, gain_ratio_is_the_same_in_every_form) {
    double losses[3][20];
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL};
    for (int s = 0; s < 3; s++) {
        mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &regression);
        gn_optimizer_options options = levenberg_marquardt();
        options.damping.kind = GN_DAMPING_GAIN_RATIO;
        options.damping.value = 1e-3;
        options.solver = solvers[s];
        run(&f, options, 20, losses[s]);
        mlp_teardown(&f);
    }
    for (int t = 0; t < 20; t++) {
        cr_expect(fabs(losses[1][t] / losses[0][t] - 1) < 1e-5, "step %d: %g, %g", t, losses[0][t],
                  losses[1][t]);
        cr_expect(fabs(losses[2][t] / losses[0][t] - 1) < 1e-5, "step %d: %g, %g", t, losses[0][t],
                  losses[2][t]);
    }
}

static const gn_linearization_interface *true_interface;

/* A Jacobian of the wrong sign: its model promises what no step can keep. */
static gn_status negated_vjp(gn_linearization *self, const gn_array *u, gn_array *jtu) {
    OK(self->context, true_interface->vjp(self, u, jtu));
    return GN_OP(self->context, axpby, self->dtype, self->parameters, 0.0, jtu->data, -1.0, jtu->data);
}

Test(damping, retries_end_with_the_parameters_unchanged) {
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &regression);
    gn_optimizer_options options = levenberg_marquardt();
    double losses[5], *before = host_values(f.theta);
    notices seen = {0};
    gn_context_set_log(f.context, note, &seen);
    true_interface = f.lin->interface;
    gn_linearization_interface wrong = *true_interface;
    wrong.vjp = negated_vjp;
    f.lin->interface = &wrong;
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.retries = 3;
    gn_step_report report = run(&f, options, 1, losses);
    cr_expect_eq(report.rejected, 3);
    cr_expect_eq(report.step_norm, 0);
    run(&f, options, 5, losses);
    double *after = host_values(f.theta);
    cr_expect_eq(losses[4], losses[0]);
    cr_expect_eq(seen.count, 2, "once an optimiser, not %d times", seen.count);
    cr_expect_arr_eq(before, after, f.p * sizeof(double));
    f.lin->interface = true_interface;
    free(before), free(after);
    mlp_teardown(&f);
}

static void check_armijo(gn_optimizer_options options) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    double losses[12], *before = host_values(f.theta), loss;
    options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    options.line_search.max_iterations = 30;
    gn_step_report report = run(&f, options, 1, losses);
    double *after = host_values(f.theta);
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    OK(f.context, gn_linearization_loss(f.lin, &loss));
    cr_expect(loss < losses[0]);
    cr_expect(report.backtracks > 0, "the first step was meant to be too long");
    cr_expect_float_eq(report.step_size, options.learning_rate * pow(0.5, (double)report.backtracks), 1e-12);
    double norm = 0;
    for (size_t i = 0; i < f.p; i++)
        norm += (after[i] - before[i]) * (after[i] - before[i]);
    cr_expect(fabs(report.step_norm / sqrt(norm) - 1) < 1e-9);
    free(before), free(after);
    mlp_teardown(&f);
}

Test(line_search, armijo_shortens_a_gauss_newton_step) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    options.cutoff = 1e-14;
    options.learning_rate = 8;
    check_armijo(options);
}

Test(line_search, armijo_shortens_a_marquardt_step) {
    gn_optimizer_options options = levenberg_marquardt();
    options.learning_rate = 64;
    check_armijo(options);
    options.curvature = GN_CURVATURE_MEAN;
    check_armijo(options);
}

Test(line_search, armijo_shortens_a_gradient_step) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    options.learning_rate = 64;
    check_armijo(options);
}

/* The condition itself: with c close to 1 a convex quadratic accepts only small t. */
Test(line_search, armijo_condition_holds) {
    mlp_case shape = {.widths = {3, 1}, .activation = "identity", .samples = 9};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &shape);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    gn_array *g = device_array(f.context, GN_FLOAT64, f.p, 1, NULL);
    double losses[1], loss, slope = 0;
    OK(f.context, gn_linearization_gradient(f.lin, g));
    double *gradient = host_values(g);
    for (size_t i = 0; i < f.p; i++)
        slope += gradient[i] * gradient[i];
    options.learning_rate = 4;
    options.line_search = (gn_line_search_options){GN_LINE_SEARCH_ARMIJO, 0.9, 0.5, 40};
    gn_step_report report = run(&f, options, 1, losses);
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    OK(f.context, gn_linearization_loss(f.lin, &loss));
    cr_expect(loss <= losses[0] - 0.9 * report.step_size * slope);
    cr_expect(report.backtracks >= 2);
    gn_array_destroy(g);
    free(gradient);
    mlp_teardown(&f);
}

/* The Gram with an error far above rounding in its first entry, so that it has a negative eigenvalue. */
static gn_status spoilt_gram(gn_linearization *self, bool root, gn_array *k) {
    OK(self->context, true_interface->gram(self, root, k));
    return GN_OP(self->context, axpby, self->dtype, 1, -1e-7, k->data, 1.0, k->data);
}

Test(fallback, a_failed_cholesky_is_replaced_and_logged) {
    mlp_case shape = {.widths = {1, 1}, .activation = "identity", .samples = 40};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &shape);
    notices seen = {0};
    gn_context_set_log(f.context, note, &seen);
    true_interface = f.lin->interface;
    gn_linearization_interface spoilt = *true_interface;
    spoilt.gram = spoilt_gram;
    f.lin->interface = &spoilt;
    gn_optimizer_options options = levenberg_marquardt();
    options.damping.value = 0;
    options.solver = GN_SOLVER_DUAL;
    double losses[3];
    gn_step_report report = run(&f, options, 3, losses);
    cr_assert_eq(seen.count, 3, "this system was meant to defeat Cholesky in each step");
    cr_expect(strstr(seen.text, "Cholesky failed"), "%s", seen.text);
    cr_expect(report.kept >= 2 && report.kept < 40, "kept %zu", report.kept);
    /* a full step on a linear model ends at the least-squares solution */
    cr_expect(losses[1] < losses[0] && fabs(losses[2] / losses[1] - 1) < 1e-6, "%g %g %g", losses[0],
              losses[1], losses[2]);
    f.lin->interface = true_interface;
    mlp_teardown(&f);
}

static void expect_refused(gn_optimizer_options options, const char *part) {
    gn_context *context;
    gn_optimizer *optimizer;
    OK(context, gn_context_create(&context, "cpu"));
    gn_status status = gn_optimizer_create(context, &options, GN_FLOAT64, 10, 10, &optimizer);
    cr_expect_eq(status, GN_ERROR_ARGUMENT);
    cr_expect_null(optimizer);
    cr_expect(strstr(gn_error_message(context), part), "\"%s\" without \"%s\"", gn_error_message(context),
              part);
    gn_context_destroy(context);
}

Test(refused, impossible_options) {
    gn_optimizer_options o = levenberg_marquardt();
    o.damping.value = -1;
    expect_refused(o, "damping.value is -1");
    o = levenberg_marquardt();
    o.learning_rate = 0;
    expect_refused(o, "learning_rate");
    o.learning_rate = NAN;
    expect_refused(o, "learning_rate is nan");
    o = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    o.momentum = 1;
    expect_refused(o, "momentum");
    o = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    o.cutoff = 1;
    expect_refused(o, "cutoff");
    o.cutoff = 0;
    o.solver = GN_SOLVER_DUAL;
    expect_refused(o, "spectral");
    o = gn_optimizer_options_default(GN_OPTIMIZER_ADAM);
    o.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    expect_refused(o, "line_search");
    o = levenberg_marquardt();
    o.damping.kind = GN_DAMPING_SCHEDULED;
    o.damping.final = 0;
    expect_refused(o, "damping.final");
    o.damping.final = 1e-3;
    o.damping.steps = 0;
    expect_refused(o, "damping.steps");
    o = levenberg_marquardt();
    o.damping.kind = GN_DAMPING_GAIN_RATIO;
    o.learning_rate = 2;
    expect_refused(o, "gain_ratio");
}

Test(refused, a_gram_that_cannot_fit) {
    gn_context *context;
    gn_optimizer *optimizer;
    gn_optimizer_options o = levenberg_marquardt();
    OK(context, gn_context_create(&context, "cpu"));
    o.solver = GN_SOLVER_DUAL;
    gn_status status = gn_optimizer_create(context, &o, GN_FLOAT64, 2000000, 1000000, &optimizer);
    cr_expect_eq(status, GN_ERROR_MEMORY);
    cr_expect(strstr(gn_error_message(context), "1000000 x 1000000"), "%s", gn_error_message(context));
    cr_expect(strstr(gn_error_message(context), "TiB"), "%s", gn_error_message(context));
    cr_expect(strstr(gn_error_message(context), "batch.size"), "%s", gn_error_message(context));
    status = gn_optimizer_create(context, &o, GN_FLOAT64, (size_t)1 << 60, (size_t)1 << 62, &optimizer);
    cr_expect_eq(status, GN_ERROR_MEMORY);
    gn_context_destroy(context);
}

/* Two million parameters need 16 MB a vector, and a matrix of a million rows 8 TB. */
Test(solver, auto_takes_products_where_no_matrix_fits) {
    gn_context *context;
    gn_optimizer *optimizer;
    gn_optimizer_options o = levenberg_marquardt();
    OK(context, gn_context_create(&context, "cpu"));
    OK(context, gn_optimizer_create(context, &o, GN_FLOAT64, 2000000, 1000000, &optimizer));
    cr_expect_str_eq(gn_optimizer_solver_text(optimizer), "cg (M = 1000000, P = 2000000)");
    gn_optimizer_destroy(optimizer);
    gn_context_destroy(context);
}

Test(solver, auto_takes_the_smaller_system_and_says_so) {
    gn_context *context;
    gn_optimizer *optimizer;
    gn_optimizer_options o = levenberg_marquardt();
    OK(context, gn_context_create(&context, "cpu"));
    OK(context, gn_optimizer_create(context, &o, GN_FLOAT64, 500, 100, &optimizer));
    cr_expect_str_eq(gn_optimizer_solver_text(optimizer), "dual (M = 100, P = 500)");
    gn_optimizer_destroy(optimizer);
    OK(context, gn_optimizer_create(context, &o, GN_FLOAT64, 25, 1000, &optimizer));
    cr_expect_str_eq(gn_optimizer_solver_text(optimizer), "primal (M = 1000, P = 25)");
    gn_optimizer_destroy(optimizer);
    o = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    OK(context, gn_optimizer_create(context, &o, GN_FLOAT64, 25, 1000, &optimizer));
    cr_expect_str_eq(gn_optimizer_solver_text(optimizer), "spectral, primal (M = 1000, P = 25)");
    gn_optimizer_destroy(optimizer);
    gn_context_destroy(context);
}

/* The spectrum that a spectral step found, against the Gram's own. */
Test(solver, a_spectral_step_tells_its_spectrum) {
    mlp_fixture f = reference_setup("check", "small_tanh");
    gn_optimizer_options o = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    gn_optimizer *optimizer;
    double values[12];
    size_t count;
    OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &optimizer));
    cr_expect_eq(gn_optimizer_spectrum(optimizer, 12, values, &count), GN_ERROR_UNSUPPORTED);
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(gn_optimizer_spectrum(optimizer, 11, values, &count), GN_ERROR_SHAPE);
    cr_expect_eq(count, 12);
    OK(f.context, gn_optimizer_spectrum(optimizer, 12, values, &count));
    expect_reference("small_tanh", "/ntk_eigenvalues", values, 12, 1e-12);
    gn_optimizer_destroy(optimizer);
    o = levenberg_marquardt();
    OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(gn_optimizer_spectrum(optimizer, 12, values, &count), GN_ERROR_UNSUPPORTED);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

/* Several samples of several outputs a block: J'J is summed over them. */
Test(solver, primal_in_blocks_equals_dual) {
    mlp_case shape = {.widths = {30, 40, 8}, .activation = "tanh", .samples = 40};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &shape);
    double *d[2];
    for (int k = 0; k < 2; k++) {
        gn_optimizer_options o = levenberg_marquardt();
        gn_optimizer *optimizer;
        gn_array *out = device_array(f.context, GN_FLOAT64, f.p, 1, NULL);
        o.solver = k ? GN_SOLVER_PRIMAL : GN_SOLVER_DUAL;
        o.damping.value = 0.1;
        OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &optimizer));
        OK(f.context, gn_optimizer_direction(optimizer, f.lin, out));
        d[k] = host_values(out);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(out);
    }
    cr_expect(relative_difference(f.p, d[1], d[0]) < 1e-10);
    free(d[0]), free(d[1]);
    mlp_teardown(&f);
}

Test(not_finite, a_bad_point_stops_the_step_and_keeps_theta) {
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &regression);
    gn_optimizer_options o = levenberg_marquardt();
    gn_optimizer *optimizer;
    double *theta = host_values(f.theta);
    theta[0] = INFINITY;
    theta[1] = -INFINITY;
    theta[f.p - 1] = NAN;
    OK(f.context, gn_array_write(f.theta, theta, f.p));
    OK(f.context, gn_optimizer_create(f.context, &o, GN_FLOAT64, f.p, f.m, &optimizer));
    gn_step_report report;
    cr_expect_eq(gn_optimizer_step(optimizer, f.lin, f.theta, &report), GN_ERROR_NOT_FINITE);
    cr_expect(strstr(gn_error_message(f.context), "loss is nan"), "%s", gn_error_message(f.context));
    cr_expect_eq(gn_optimizer_step(optimizer, f.lin, f.theta, NULL), GN_ERROR_NOT_FINITE);
    double *after = host_values(f.theta);
    cr_expect_arr_eq(theta, after, f.p * sizeof(double));
    gn_optimizer_destroy(optimizer);
    free(theta), free(after);
    mlp_teardown(&f);
}
