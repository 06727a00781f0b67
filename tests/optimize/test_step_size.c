/* Step sizes that a rule chooses, against plain float64 arithmetic on the dense J J'. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

#define ON_EVERY_DEVICE(test)                                                                                \
    ParameterizedTestParameters(step_size, test) {                                                           \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, step_size, test)

static const mlp_case cases[] = {
    {.name = "M < P", .widths = {3, 6, 4}, .activation = "tanh", .samples = 5},
    {.name = "M > P", .widths = {2, 3, 2}, .activation = "sin", .samples = 14},
    {.name = "classes", .widths = {3, 5, 4}, .activation = "tanh", .samples = 6, .classes = true}};
enum { CASES = sizeof cases / sizeof *cases };

/* Eigenvalues of a symmetric matrix (n x n; lost), by Jacobi's rotations, not ordered. */
static void plain_eigenvalues(size_t n, double *a, double *values) {
    for (int sweep = 0; sweep < 60; sweep++)
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                if (a[p * n + q] == 0)
                    continue;
                const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
                const double t = copysign(1, theta) / (fabs(theta) + sqrt(theta * theta + 1));
                const double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < n; k++) {
                    const double x = a[k * n + p], y = a[k * n + q];
                    a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
                }
                for (size_t k = 0; k < n; k++) {
                    const double x = a[p * n + k], y = a[q * n + k];
                    a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
                }
            }
    for (size_t i = 0; i < n; i++)
        values[i] = a[i * n + i];
}

/* Of W^1/2 J J' W^1/2 at the present point; weights (M) or NULL. For the caller to free. */
static double *kernel_eigenvalues(mlp_fixture *f, const double *weights) {
    gn_array *array = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, array));
    double *j = host_values(array), *k = malloc(f->m * f->m * sizeof *k), *values = malloc(f->m * sizeof *k);
    for (size_t a = 0; a < f->m; a++)
        for (size_t b = 0; b < f->m; b++) {
            double sum = 0;
            for (size_t i = 0; i < f->p; i++)
                sum += j[a * f->p + i] * j[b * f->p + i];
            k[a * f->m + b] = sum * (weights ? sqrt(weights[a] * weights[b]) : 1);
        }
    plain_eigenvalues(f->m, k, values);
    free(j), free(k);
    gn_array_destroy(array);
    return values;
}

static double largest(size_t n, const double *values) {
    double most = values[0];
    for (size_t i = 1; i < n; i++)
        most = fmax(most, values[i]);
    return most;
}

/* J'r is so many times the gradient. */
static double measure(const mlp_fixture *f, const mlp_case *of) {
    return of->classes ? (double)f->n : (double)f->m / 2;
}

static gn_optimizer_options rule(gn_step_size_kind kind, double learning_rate) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    options.learning_rate = learning_rate;
    options.step_size.kind = kind;
    return options;
}

static gn_optimizer *make(mlp_fixture *f, const gn_optimizer_options *options) {
    gn_optimizer *optimizer;
    OK(f->context, gn_optimizer_create(f->context, options, f->dtype, f->p, f->m, &optimizer));
    return optimizer;
}

/* Takes a step, and checks that it went along the gradient; its size. */
static double step_along_gradient(mlp_fixture *f, gn_optimizer *optimizer, gn_step_report *report) {
    gn_array *g = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    OK(f->context, gn_linearization_gradient(f->lin, g));
    double *before = host_values(f->theta), *along = host_values(g), product = 0, square = 0;
    OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, report));
    double *after = host_values(f->theta);
    for (size_t i = 0; i < f->p; i++) {
        before[i] -= after[i];
        product += before[i] * along[i], square += along[i] * along[i];
    }
    const double size = product / square;
    for (size_t i = 0; i < f->p; i++)
        along[i] *= size;
    const double apart = relative_difference(f->p, before, along);
    cr_expect(apart < (f->dtype == GN_FLOAT64 ? 1e-12 : 1e-3), "%g apart from the gradient's line", apart);
    if (report)
        cr_expect_float_eq(report->step_size / size, 1, f->dtype == GN_FLOAT64 ? 1e-11 : 1e-3);
    free(before), free(after), free(along);
    gn_array_destroy(g);
    return size;
}

/* ---- stability ---- */

/* At a power iteration's end within rounding; at 3 iterations from the last step's vector, within a percent
 * and never below what the largest eigenvalue gives. */
static void check_stability(mlp_fixture *f, const mlp_case *of, size_t iterations, double tolerance) {
    const double eta = 0.3, slack = f->dtype == GN_FLOAT64 ? 1e-12 : 1e-4;
    gn_optimizer_options options = rule(GN_STEP_SIZE_STABILITY, eta);
    if (iterations != 0)
        options.step_size.iterations = options.step_size.first_iterations = iterations;
    gn_optimizer *optimizer = make(f, &options);
    for (int t = 0; t < 6; t++) {
        gn_step_report report;
        OK(f->context, gn_linearization_set_point(f->lin, f->theta));
        double *values = kernel_eigenvalues(f, NULL);
        const double wanted = eta * measure(f, of) / largest(f->m, values);
        const double size = step_along_gradient(f, optimizer, t % 2 ? NULL : &report);
        cr_expect(size >= wanted * (1 - slack) && size <= wanted * (1 + tolerance),
                  "%s, step %d: %.15g, not %.15g", of->name, t, size, wanted);
        if (t % 2 == 0)
            cr_expect_eq(report.passes, 1 + (double)(iterations ? iterations : t == 0 ? 30 : 3));
        free(values);
    }
    gn_optimizer_destroy(optimizer);
}

ON_EVERY_DEVICE(stability_follows_the_largest_eigenvalue) {
    for (size_t i = 0; i < CASES; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        check_stability(&f, &cases[i], 400, f.dtype == GN_FLOAT64 ? 1e-10 : 1e-4);
        check_stability(&f, &cases[i], 0, 1e-2);
        mlp_teardown(&f);
    }
}

/* Of rows with weights the kernel has their roots on both sides. */
ON_EVERY_DEVICE(stability_sees_the_weights_of_rows) {
    mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[0]);
    double *weights = random_values(7, f.m);
    for (size_t i = 0; i < f.m; i++)
        weights[i] = 2 + weights[i];
    gn_array *array = device_array(f.context, f.dtype, f.m, 1, weights);
    gn_optimizer_options options = rule(GN_STEP_SIZE_STABILITY, 1);
    options.step_size.first_iterations = 400;
    gn_optimizer *optimizer = make(&f, &options);
    OK(f.context, gn_linearization_set_weights(f.lin, array));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    double *values = kernel_eigenvalues(&f, weights);
    const double wanted = measure(&f, &cases[0]) / largest(f.m, values);
    const double size = step_along_gradient(&f, optimizer, NULL);
    cr_expect_float_eq(size / wanted, 1, f.dtype == GN_FLOAT64 ? 1e-10 : 1e-3);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(array);
    free(values), free(weights);
    mlp_teardown(&f);
}

/* ---- recorded_norm ---- */

static const double recorded[] = {0.5, 0, 1e-3, 2};
enum { RECORDED = sizeof recorded / sizeof *recorded };

ON_EVERY_DEVICE(recorded_norms_are_those_of_the_steps) {
    for (size_t i = 0; i < CASES; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        gn_optimizer_options options = rule(GN_STEP_SIZE_RECORDED_NORM, 1);
        options.step_size.recorded = recorded;
        options.step_size.recorded_count = RECORDED;
        gn_optimizer *optimizer = make(&f, &options);
        for (int t = 0; t < RECORDED; t++) {
            gn_step_report report;
            if (recorded[t] != 0)
                step_along_gradient(&f, optimizer, &report);
            else
                OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
            cr_expect_float_eq(report.step_norm, recorded[t],
                               (f.dtype == GN_FLOAT64 ? 1e-12 : 1e-3) * recorded[t], "%s, step %d: %.15g",
                               cases[i].name, t, report.step_norm);
        }
        cr_expect_eq(gn_optimizer_step(optimizer, f.lin, f.theta, NULL), GN_ERROR_ARGUMENT);
        cr_expect(strstr(gn_error_message(f.context), "a run of 4 steps") != NULL);
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
}

/* ---- trace ---- */

static double mean_gain(size_t m, const double *values, double damping) {
    double kept = 0, trace = 0;
    for (size_t i = 0; i < m; i++)
        kept += values[i] / (damping + values[i]), trace += values[i];
    return kept / trace;
}

ON_EVERY_DEVICE(trace_is_the_mean_gain_of_the_damped_rule) {
    for (size_t i = 0; i < CASES; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        const double eta = 0.7, damping = 0.2;
        gn_optimizer_options options = rule(GN_STEP_SIZE_TRACE, eta);
        options.step_size.damping = damping;
        options.step_size.every = 2;
        gn_optimizer *optimizer = make(&f, &options);
        double wanted = 0;
        for (int t = 0; t < 5; t++) {
            gn_step_report report;
            OK(f.context, gn_linearization_set_point(f.lin, f.theta));
            double *values = kernel_eigenvalues(&f, NULL);
            if (t % 2 == 0)
                wanted = eta * measure(&f, &cases[i]) * mean_gain(f.m, values, damping);
            const double size = step_along_gradient(&f, optimizer, t == 1 || t == 2 ? NULL : &report);
            cr_expect_float_eq(size / wanted, 1, f.dtype == GN_FLOAT64 ? 1e-11 : 1e-3,
                               "%s, step %d: %.15g, not %.15g", cases[i].name, t, size, wanted);
            if (t == 0)
                cr_expect_eq(report.passes, 1 + (double)f.c / 2);
            free(values);
        }
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
}

/* ---- recorded_loss ---- */

static double loss_along(mlp_fixture *f, const double *theta, const double *g, double t) {
    double *moved = malloc(f->p * sizeof *moved), loss;
    for (size_t i = 0; i < f->p; i++)
        moved[i] = theta[i] - t * g[i];
    gn_array *at = device_array(f->context, f->dtype, f->p, 1, moved);
    OK(f->context, gn_linearization_set_point(f->lin, at));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    gn_array_destroy(at);
    free(moved);
    return loss;
}

/* At a minimum along the gradient there is more loss on both sides. */
static void expect_minimum(mlp_fixture *f, const double *theta, const double *g, double t, const char *name) {
    const double here = loss_along(f, theta, g, t);
    cr_expect(here < loss_along(f, theta, g, 0) && here < loss_along(f, theta, g, 0.97 * t) &&
                  here < loss_along(f, theta, g, 1.03 * t),
              "%s: %.15g at %g is no minimum", name, here, t);
}

/* Losses that are reached are met, one above the present is waited for, one that no step reaches gives the
 * line's minimum. */
static void check_losses(mlp_fixture *f, const char *name, double guess) {
    const double tolerance = f->dtype == GN_FLOAT64 ? 1e-7 : 1e-5, parts[] = {0.97, 0.99, 0.95, 0};
    double first, losses[4], after;
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    OK(f->context, gn_linearization_loss(f->lin, &first));
    for (int t = 0; t < 4; t++)
        losses[t] = parts[t] * first;
    gn_optimizer_options options = rule(GN_STEP_SIZE_RECORDED_LOSS, guess);
    options.step_size.recorded = losses;
    options.step_size.recorded_count = 4;
    gn_optimizer *optimizer = make(f, &options);
    gn_array *g = device_array(f->context, f->dtype, f->p, 1, NULL);
    for (int t = 0; t < 4; t++) {
        gn_step_report report;
        OK(f->context, gn_linearization_set_point(f->lin, f->theta));
        OK(f->context, gn_linearization_gradient(f->lin, g));
        double *theta = host_values(f->theta), *along = host_values(g);
        OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, t == 2 ? NULL : &report));
        OK(f->context, gn_linearization_set_point(f->lin, f->theta));
        OK(f->context, gn_linearization_loss(f->lin, &after));
        if (t != 2)
            cr_expect(report.passes >= 1 && report.passes <= 32, "%s: %g passes", name, report.passes);
        if (t % 2 == 0)
            cr_expect_float_eq(after / losses[t], 1, tolerance, "%s, step %d: %.15g, not %.15g", name, t,
                               after, losses[t]);
        if (t == 1)
            cr_expect(report.step_size == 0 && report.step_norm == 0 && report.passes == 1 &&
                          after == report.loss,
                      "%s: a step of %g", name, report.step_size);
        if (t == 3)
            expect_minimum(f, theta, along, report.step_size, name);
        free(theta), free(along);
    }
    gn_array_destroy(g);
    gn_optimizer_destroy(optimizer);
}

ON_EVERY_DEVICE(recorded_losses_are_met_or_the_lines_least) {
    const double guesses[] = {1e-3, 50}; /* doubled, and halved */
    for (size_t i = 0; i < 2 * CASES; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i / 2]);
        check_losses(&f, cases[i / 2].name, guesses[i % 2]);
        mlp_teardown(&f);
    }
}

/* No more evaluations than are allowed, and never a loss above the one before. */
ON_EVERY_DEVICE(few_evaluations_do_no_harm) {
    const double nothing[] = {0};
    for (size_t most = 1; most < 12; most++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[0]);
        gn_optimizer_options options = rule(GN_STEP_SIZE_RECORDED_LOSS, 50);
        gn_step_report report;
        double after;
        options.step_size.recorded = nothing;
        options.step_size.recorded_count = 1;
        options.step_size.evaluations = most;
        gn_optimizer *optimizer = make(&f, &options);
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
        OK(f.context, gn_linearization_set_point(f.lin, f.theta));
        OK(f.context, gn_linearization_loss(f.lin, &after));
        cr_expect(after <= report.loss, "%zu evaluations: %g after %g", most, after, report.loss);
        cr_expect_leq(report.passes, 1 + (double)most / 2);
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
}

/* Whether a step is looked at changes no bit. */
ON_EVERY_DEVICE(reports_change_nothing) {
    double *ends[2];
    for (int reported = 0; reported < 2; reported++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[0]);
        const gn_optimizer_options options = rule(GN_STEP_SIZE_STABILITY, 1);
        gn_optimizer *optimizer = make(&f, &options);
        gn_step_report report;
        for (int t = 0; t < 5; t++)
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, reported ? &report : NULL));
        ends[reported] = host_values(f.theta);
        if (reported)
            cr_expect_arr_eq(ends[0], ends[1], f.p * sizeof **ends);
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
    free(ends[0]), free(ends[1]);
}

/* ---- what cannot be ---- */

static void expect_refused(mlp_fixture *f, gn_optimizer_options options, const char *part) {
    gn_optimizer *optimizer;
    cr_expect_eq(gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer),
                 GN_ERROR_ARGUMENT);
    cr_expect(strstr(gn_error_message(f->context), part) != NULL, "%s", gn_error_message(f->context));
}

Test(step_size, impossible_options_are_refused) {
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &cases[0]);
    gn_optimizer_options options = rule(GN_STEP_SIZE_STABILITY, 1);
    options.momentum = 0.9;
    expect_refused(&f, options, "without momentum");
    options = rule(GN_STEP_SIZE_STABILITY, 1);
    options.step_size.iterations = 0;
    expect_refused(&f, options, "step_size.iterations is 0");
    options = rule(GN_STEP_SIZE_RECORDED_NORM, 1);
    expect_refused(&f, options, "none is given");
    options.step_size.recorded = (const double[]){1, -1};
    options.step_size.recorded_count = 2;
    expect_refused(&f, options, "a recorded value is -1");
    options = rule(GN_STEP_SIZE_TRACE, 1);
    expect_refused(&f, options, "step_size.damping is 0");
    options = gn_optimizer_options_default(GN_OPTIMIZER_ADAM);
    options.step_size.kind = GN_STEP_SIZE_STABILITY;
    expect_refused(&f, options, "sgd's alone");
    mlp_teardown(&f);
}
