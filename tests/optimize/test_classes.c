/* Gauss-Newton steps under cross-entropy: every form of solve against a dense one on the host. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

static const mlp_case below = {
    .name = "M < P", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9, .classes = true};
static const mlp_case above = {
    .name = "M > P", .widths = {2, 3, 5}, .activation = "sin", .samples = 20, .classes = true};

/* ---- the dense solution ---- */

/* x <- a^-1 x, a symmetric positive definite, n x n; both overwritten. */
static void solve(size_t n, double *a, double *x) {
    for (size_t k = 0; k < n; k++) {
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
            x[i] -= factor * x[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++)
            x[k] -= a[k * n + j] * x[j];
        x[k] /= a[k * n + k];
    }
}

/* d of (w J'H J + mu I) d = w J'r + decay theta */
static double *dense_direction(mlp_fixture *f, double w, double mu, double decay) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    gn_array *r = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    OK(f->context, gn_linearization_residual(f->lin, r));
    double *jacobian = host_values(j), *residual = host_values(r), *theta = host_values(f->theta);
    double *y = host_values(f->targets), *a = calloc(f->p * f->p, sizeof *a), *d = calloc(f->p, sizeof *d);
    for (size_t i = 0; i < f->p; i++) {
        a[i * f->p + i] = mu;
        d[i] = decay * theta[i];
    }
    for (size_t m = 0; m < f->m; m++) {
        const double *row = jacobian + m * f->p, p = residual[m] + y[m];
        for (size_t l = m - m % f->c; l < m - m % f->c + f->c; l++) {
            const double *other = jacobian + l * f->p, q = residual[l] + y[l];
            const double h = w * ((l == m ? p : 0) - p * q);
            for (size_t i = 0; i < f->p; i++)
                for (size_t k = 0; k < f->p; k++)
                    a[i * f->p + k] += h * row[i] * other[k];
        }
        for (size_t i = 0; i < f->p; i++)
            d[i] += w * residual[m] * row[i];
    }
    solve(f->p, a, d);
    gn_array_destroy(j), gn_array_destroy(r);
    free(jacobian), free(residual), free(theta), free(y), free(a);
    return d;
}

static double *direction(mlp_fixture *f, const gn_optimizer_options *options) {
    gn_optimizer *optimizer;
    gn_array *d = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_optimizer_create(f->context, options, f->dtype, f->p, f->m, &optimizer));
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    double *values = host_values(d);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    return values;
}

/* ---- directions ---- */

static void check_directions(const device_type *on, const mlp_case *from, gn_optimizer_kind kind, double mu,
                             double decay) {
    static const gn_solver solvers[] = {GN_SOLVER_AUTO, GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL};
    mlp_fixture f = mlp_setup(on->device, on->dtype, from);
    const double w = kind == GN_OPTIMIZER_GGN ? 1.0 / (double)f.n : 1;
    double *expected = dense_direction(&f, w, mu, decay);
    for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++) {
        gn_optimizer_options options = gn_optimizer_options_default(kind);
        options.damping.value = mu;
        options.weight_decay = decay;
        options.solver = solvers[k];
        double *found = direction(&f, &options), error = relative_difference(f.p, found, expected);
        cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-10 : 2e-3), "%s, solver %d, mu %g, decay %g: %g",
                  from->name, (int)solvers[k], mu, decay, error);
        free(found);
    }
    free(expected);
    mlp_teardown(&f);
}

ParameterizedTestParameters(classes, directions) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, classes, directions) {
    const mlp_case *cases[] = {&below, &above};
    for (size_t i = 0; i < 2; i++) {
        check_directions(on, cases[i], GN_OPTIMIZER_LEVENBERG_MARQUARDT, 1e-2, 0);
        check_directions(on, cases[i], GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.3, 0.1);
        check_directions(on, cases[i], GN_OPTIMIZER_GGN, 1e-2, 0);
        check_directions(on, cases[i], GN_OPTIMIZER_GGN, 0.3, 0.1);
    }
}

/* By products, to a tolerance. */
static void check_products(const device_type *on, const mlp_case *from, gn_solver solver,
                           gn_preconditioner_kind preconditioner, double decay) {
    mlp_fixture f = mlp_setup(on->device, on->dtype, from);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    double *expected = dense_direction(&f, 1.0 / (double)f.n, 1e-2, decay);
    options.damping.value = 1e-2;
    options.weight_decay = decay;
    options.solver = solver;
    options.cg.max_iterations = 500;
    options.cg.tolerance = on->dtype == GN_FLOAT64 ? 1e-12 : 1e-6;
    options.cg.preconditioner = preconditioner;
    options.cg.rank = 7;
    double *found = direction(&f, &options), error = relative_difference(f.p, found, expected);
    cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-9 : 2e-3),
              "%s, solver %d, preconditioner %d, decay %g: %g", from->name, (int)solver, (int)preconditioner,
              decay, error);
    free(expected), free(found);
    mlp_teardown(&f);
}

ParameterizedTestParameters(classes, directions_by_products) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, classes, directions_by_products) {
    const mlp_case *cases[] = {&below, &above};
    for (size_t i = 0; i < 2; i++) {
        check_products(on, cases[i], GN_SOLVER_CG, GN_PRECONDITIONER_NONE, 0);
        check_products(on, cases[i], GN_SOLVER_CG, GN_PRECONDITIONER_JACOBI, 0);
        check_products(on, cases[i], GN_SOLVER_CG, GN_PRECONDITIONER_NYSTROM, 0);
        check_products(on, cases[i], GN_SOLVER_CG, GN_PRECONDITIONER_KFAC, 0);
        check_products(on, cases[i], GN_SOLVER_CG, GN_PRECONDITIONER_NONE, 0.1);
        check_products(on, cases[i], GN_SOLVER_LSMR, GN_PRECONDITIONER_NONE, 0);
        check_products(on, cases[i], GN_SOLVER_LSMR, GN_PRECONDITIONER_NONE, 0.1);
    }
}

/* Probabilities that vanish do not take the dual form's right-hand side with them. */
Test(classes, dual_is_primal_where_probabilities_vanish) {
    size_t count;
    const mlp_case *cases = mlp_classes(&count);
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &cases[count - 1]);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    options.damping.value = 1;
    options.solver = GN_SOLVER_DUAL;
    double *dual = direction(&f, &options);
    options.solver = GN_SOLVER_PRIMAL;
    double *primal = direction(&f, &options), *dense = dense_direction(&f, 1.0 / (double)f.n, 1, 0);
    double error = relative_difference(f.p, dual, primal);
    cr_expect(error < 1e-9, "dual against primal: %g", error);
    error = relative_difference(f.p, primal, dense);
    cr_expect(error < 1e-9, "primal against dense: %g", error);
    free(dual), free(primal), free(dense);
    mlp_teardown(&f);
}

/* Newton's direction for the model: J'H J d = J'r where J'H J has no null space but its eigenvalues at
 * rounding level, so the loss falls at the rate the step asks for. */
Test(classes, gauss_newton_solves_the_cut_system) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &below);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    options.cutoff = 1e-10;
    double *d = direction(&f, &options);
    gn_array *v = device_array(f.context, f.dtype, f.p, 1, d);
    gn_array *g = device_array(f.context, f.dtype, f.p, 1, NULL);
    OK(f.context, gn_linearization_ggn_product(f.lin, 1.0 / (double)f.n, v, v));
    OK(f.context, gn_linearization_gradient(f.lin, g));
    double *left = host_values(v), *right = host_values(g), error = relative_difference(f.p, left, right);
    cr_expect(error < 1e-6, "J'H J d against J'r: %g", error);
    gn_array_destroy(v), gn_array_destroy(g);
    free(d), free(left), free(right);
    mlp_teardown(&f);
}

/* ---- steps ---- */

static void train(gn_optimizer_options options, int steps, double *losses, gn_step_report *report) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &below);
    gn_optimizer *optimizer;
    if (options.solver == GN_SOLVER_CG || options.solver == GN_SOLVER_LSMR)
        options.cg.max_iterations = 500;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int t = 0; t < steps; t++) {
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, report));
        losses[t] = report->loss;
    }
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

static void check_gain_ratio(gn_solver solver, bool warm_start) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    gn_step_report report;
    double losses[60];
    options.solver = solver;
    options.cg.warm_start = warm_start;
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.value = 1e-8;
    train(options, 60, losses, &report);
    for (int t = 1; t < 60; t++)
        cr_expect(losses[t] <= losses[t - 1], "step %d: %g after %g", t, losses[t], losses[t - 1]);
    cr_expect(losses[59] < 1e-3 * losses[0], "%g from %g", losses[59], losses[0]);
}

Test(classes, gain_ratio_never_raises_the_loss) {
    check_gain_ratio(GN_SOLVER_AUTO, false);
    check_gain_ratio(GN_SOLVER_CG, false);
    check_gain_ratio(GN_SOLVER_CG, true);
    check_gain_ratio(GN_SOLVER_LSMR, false);
}

/* A solve that is cut off early leaves a direction whose model is not that of a solution: the decrease it
 * predicts is the loss's all the same. */
static void check_unfinished(gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_step_report report;
    double losses[2];
    options.solver = solver;
    options.cg.tolerance = 0.9;
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.value = 1;
    options.learning_rate = 1e-3; /* so short that a right prediction has ratio 1 */
    train(options, 2, losses, &report);
    cr_expect_float_eq(report.damping, 1.0 / 3, 1e-9, "solver %d: %.17g", (int)solver, report.damping);
    cr_expect_eq(report.stop, GN_STOP_CONVERGED);
}

Test(classes, an_unfinished_solve_predicts_its_own_decrease) {
    check_unfinished(GN_SOLVER_CG);
    check_unfinished(GN_SOLVER_LSMR);
}

/* Steps by products are those of the dense solve; what they report is of their solver. */
static void check_steps(gn_solver solver, bool warm_start) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_step_report dense, report;
    double expected[6], losses[6];
    options.damping.value = 0.1;
    train(options, 6, expected, &dense);
    cr_expect_eq(dense.stop, GN_STOP_NONE);
    options.solver = solver;
    options.cg.tolerance = 1e-12;
    options.cg.warm_start = warm_start;
    train(options, 6, losses, &report);
    for (int t = 0; t < 6; t++)
        cr_expect(fabs(losses[t] - expected[t]) < 1e-9 * expected[0], "step %d: %g, not %g", t, losses[t],
                  expected[t]);
    cr_expect_eq(report.stop, GN_STOP_CONVERGED);
    cr_expect(report.cg_iterations > 1 && report.cg_iterations < 60, "%zu", report.cg_iterations);
    cr_expect_float_eq(report.damping, 0.1, 1e-15);
}

Test(classes, steps_by_products_are_the_dense_ones) {
    check_steps(GN_SOLVER_CG, false);
    check_steps(GN_SOLVER_CG, true);
    check_steps(GN_SOLVER_LSMR, false);
}

static void check_limit(gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_step_report report;
    double loss;
    options.solver = solver;
    options.cg.tolerance = 0;
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &below);
    gn_optimizer *optimizer;
    options.cg.max_iterations = 3;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    OK(f.context, gn_linearization_loss(f.lin, &loss));
    cr_expect_eq(report.stop, GN_STOP_ITERATIONS);
    cr_expect_eq(report.cg_iterations, 3);
    cr_expect_float_eq(report.passes, 1 + 3 * 1.5, 1e-12);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

Test(classes, a_limit_of_iterations_is_reported) {
    check_limit(GN_SOLVER_CG);
    check_limit(GN_SOLVER_LSMR);
}

Test(classes, armijo_lowers_the_loss) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_step_report report;
    double losses[30];
    options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    train(options, 30, losses, &report);
    for (int t = 1; t < 30; t++)
        cr_expect(losses[t] < losses[t - 1], "step %d: %g after %g", t, losses[t], losses[t - 1]);
    cr_expect(losses[29] < 1e-2 * losses[0], "%g from %g", losses[29], losses[0]);
}

/* A step so short that the loss falls as its model says, ratio 1, by which Nielsen's rule divides mu by 3; at
 * a ratio of 1/2 it would leave it. */
Test(classes, the_predicted_decrease_is_the_loss_s) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_step_report report;
    double losses[2];
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.value = 1e4;
    train(options, 2, losses, &report);
    cr_expect_eq(report.rejected, 0);
    cr_expect_float_eq(report.damping, 1e4 / 3, 1e-6);
}

static void expect_refused(gn_optimizer_options options) {
    gn_context *context = device_open("cpu");
    gn_optimizer *optimizer;
    cr_expect_eq(gn_optimizer_create(context, &options, GN_FLOAT64, 10, 10, &optimizer), GN_ERROR_ARGUMENT);
    cr_expect_null(optimizer);
    gn_context_destroy(context);
}

Test(classes, lsmr_has_not_all_that_cg_has) {
    gn_optimizer_options good = gn_optimizer_options_default(GN_OPTIMIZER_GGN), options;
    good.solver = GN_SOLVER_LSMR;
    options = good, options.cg.preconditioner = GN_PRECONDITIONER_JACOBI;
    expect_refused(options);
    options = good, options.cg.warm_start = true;
    expect_refused(options);
    options = good, options.cg.progress = 0.1;
    expect_refused(options);
}

Test(classes, decay_needs_damping) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    options.weight_decay = 0.1;
    options.damping.value = 0;
    expect_refused(options);
    options.damping.value = 1;
    options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    expect_refused(options);
    options.line_search.kind = GN_LINE_SEARCH_NONE;
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    expect_refused(options);
    options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    options.weight_decay = 0.1;
    expect_refused(options);
}
