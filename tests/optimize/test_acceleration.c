/* Geodesic acceleration: its second derivative, its term and steps against values that JAX gave, what is
 * refused and rejected, and why the log says so. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "linearization/linearization.h"
#include "optimize/gauss_newton.h"
#include "reference.h"

static const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_CG};
enum { SOLVERS = sizeof solvers / sizeof *solvers };

static gn_optimizer_options accelerated(gn_solver solver, double h) {
    gn_optimizer_options o = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    o.damping.value = reference_attribute("geodesic", "/", "mu");
    o.learning_rate = reference_attribute("geodesic", "/", "eta");
    o.solver = solver;
    o.cg.tolerance = 1e-13;
    o.cg.max_iterations = 1000;
    o.acceleration = (gn_acceleration_options){GN_ACCELERATION_GEODESIC, 10, h};
    return o;
}

static mlp_fixture setup(const char *device, const char *name) {
    const mlp_case classes = {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .classes = true};
    return strcmp(name, "classes") == 0 ? reference_setup_as(device, &classes)
                                        : reference_setup(device, name);
}

static void expect_array(const char *name, const char *what, const gn_array *array, size_t count,
                         double tolerance) {
    char path[64];
    double *values = host_values(array);
    snprintf(path, sizeof path, "/%s/%s", name, what);
    expect_reference("geodesic", path, values, count, tolerance);
    free(values);
}

static void check_step(const char *device, const char *name, gn_solver solver) {
    mlp_fixture f = setup(device, name);
    gn_optimizer_options options = accelerated(solver, 2e-4);
    gn_optimizer *optimizer;
    gn_step_report report;
    char ratio[64];
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    const gn_acceleration *found = &((gn_gauss_newton *)optimizer)->acceleration;
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    expect_array(name, "second", &found->second, f.m, 1e-6);
    expect_array(name, "velocity", &found->probe, f.p, 1e-10);
    expect_array(name, "term", &found->term, f.p, 1e-6);
    expect_array(name, "next", f.theta, f.p, 1e-6);
    snprintf(ratio, sizeof ratio, "/%s/ratio", name);
    expect_reference("geodesic", ratio, &report.acceleration, 1, 1e-6);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

ParameterizedTestParameters(acceleration, is_what_nested_derivatives_say) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, acceleration, is_what_nested_derivatives_say) {
    for (int k = 0; k < SOLVERS && on->dtype == GN_FLOAT64; k++) {
        check_step(on->device, "small_tanh", solvers[k]);
        check_step(on->device, "classes", solvers[k]);
    }
}

/* A softmax at each of two positions, and parameters that are in no layer: every form takes the same step. */
Test(acceleration, is_the_same_by_every_form_at_several_positions) {
    size_t count, found = 0;
    const mlp_case *cases = mlp_transformers(&count);
    for (size_t i = 0; i < count; i++) {
        double *first = NULL;
        for (int k = 0; k < SOLVERS && cases[i].classes && positions_read(&cases[i]) > 1; k++, found++) {
            mlp_fixture f = mlp_setup("check", GN_FLOAT64, &cases[i]);
            gn_optimizer_options options = accelerated(solvers[k], 0.1);
            gn_optimizer *optimizer;
            gn_step_report report;
            options.damping.value = 0.1;
            options.cg.preconditioner = GN_PRECONDITIONER_KFAC;
            OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
            double *theta = host_values(f.theta);
            first = first ? first : theta;
            cr_expect(report.acceleration > 1e-3, "%s: %g", cases[i].name, report.acceleration);
            cr_expect(relative_difference(f.p, theta, first) < 1e-9, "%s, solver %d: %g", cases[i].name,
                      (int)solvers[k], relative_difference(f.p, theta, first));
            if (theta != first)
                free(theta);
            gn_optimizer_destroy(optimizer);
            mlp_teardown(&f);
        }
        free(first);
    }
    cr_assert_gt(found, 0);
}

/* The error of r_dd, relative, for a distance h. */
static double error_at(double h) {
    mlp_fixture f = setup("cpu", "small_tanh");
    gn_optimizer_options options = accelerated(GN_SOLVER_DUAL, h);
    gn_optimizer *optimizer;
    size_t count;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    double *exact = reference_array("geodesic", "/small_tanh/second", &count);
    double *found = host_values(&((gn_gauss_newton *)optimizer)->acceleration.second);
    double error = relative_difference(count, found, exact);
    free(exact), free(found);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
    return error;
}

Test(acceleration, its_difference_is_of_second_order) {
    double wide = error_at(0.1), narrow = error_at(0.05);
    cr_expect(wide < 1e-2, "the default's error is %g", wide);
    cr_expect(fabs(wide / narrow - 4) < 0.1, "half the distance: %g of the error", narrow / wide);
}

/* ---- what is not taken ---- */

typedef struct notices {
    int count;
    char text[512]; /* the last */
} notices;

static void note(void *user, gn_log_level level, const char *text) {
    notices *n = user;
    (void)level;
    n->count++;
    snprintf(n->text, sizeof n->text, "%s", text);
}

static const mlp_case regression = {.widths = {2, 12, 12, 1}, .activation = "tanh", .samples = 30};

static double *theta_after(gn_optimizer_options options, gn_step_report *report, notices *seen) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    gn_optimizer *optimizer;
    gn_context_set_log(f.context, note, seen);
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, report));
    double *theta = host_values(f.theta);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
    return theta;
}

static void expect_same_steps(double *one, double *other, bool same) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    double difference = relative_difference(f.p, one, other);
    cr_expect((difference == 0) == same, "they differ by %g", difference);
    mlp_teardown(&f);
    free(one), free(other);
}

Test(acceleration, too_large_a_term_is_left_out) {
    gn_optimizer_options options = accelerated(GN_SOLVER_AUTO, 0.1), plain = options;
    gn_step_report report;
    notices seen = {0};
    plain.acceleration.kind = GN_ACCELERATION_NONE;
    expect_same_steps(theta_after(options, &report, &seen), theta_after(plain, &report, &seen), false);
    cr_expect_eq(seen.count, 0, "%s", seen.text);
    options.acceleration.ratio = 1e-9;
    expect_same_steps(theta_after(options, &report, &seen), theta_after(plain, &report, &seen), true);
    cr_expect_eq(report.acceleration, 0);
    cr_expect_eq(seen.count, 1);
    cr_expect(strstr(seen.text, "step 1 of the phase: the acceleration is left out: its ratio is "), "%s",
              seen.text);
}

Test(acceleration, gain_ratio_damping_rejects_too_large_a_term) {
    gn_optimizer_options options = accelerated(GN_SOLVER_AUTO, 0.1);
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    gn_optimizer *optimizer;
    gn_step_report report;
    notices seen = {0};
    double *before = host_values(f.theta);
    gn_context_set_log(f.context, note, &seen);
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    options.damping.value = 1e-3;
    options.damping.retries = 3;
    options.acceleration.ratio = 1e-300;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    cr_expect_eq(report.rejected, 3);
    cr_expect(report.step_norm == 0 && report.acceleration == 0);
    cr_expect_eq(seen.count, 2, "the trials, and that the parameters stay");
    double *after = host_values(f.theta);
    cr_expect_eq(relative_difference(f.p, after, before), 0);
    free(after), free(before);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

static void check_descent(gn_solver solver) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    gn_optimizer_options options = accelerated(solver, 0.1);
    gn_optimizer *optimizer;
    gn_step_report report = {0};
    double last = INFINITY, first = 0;
    size_t bent = 0;
    options.damping = (gn_damping_options){GN_DAMPING_GAIN_RATIO, 1e-3, 0, 0, 1e-12, 1e12, 20};
    options.learning_rate = 1;
    options.acceleration.ratio = 0.75;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int t = 0; t < 40; t++) {
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
        cr_expect(report.loss <= last, "step %d: %g after %g", t, report.loss, last);
        cr_expect(report.acceleration <= 0.75);
        bent += report.acceleration > 0;
        last = report.loss;
        first = t == 0 ? last : first;
    }
    cr_expect(last < 1e-4 * first, "%g from %g", last, first);
    cr_expect(bent > 20, "%zu steps of 40 were accelerated", bent);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

Test(acceleration, every_form_lowers_the_loss) {
    for (int k = 0; k < SOLVERS; k++)
        check_descent(solvers[k]);
}

/* A warm start begins with the velocity, not with the solution for the term. */
Test(acceleration, leaves_warm_starts_the_velocity) {
    mlp_fixture f = setup("check", "small_tanh");
    gn_optimizer_options options = accelerated(GN_SOLVER_CG, 0.1);
    gn_optimizer *optimizer;
    const char *name;
    options.cg.warm_start = true;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    for (size_t i = 0; i < gn_optimizer_state_count(optimizer); i++) {
        gn_array *state = gn_optimizer_state(optimizer, i, &name);
        if (strcmp(name, "cg_solution") == 0)
            expect_array("small_tanh", "velocity", state, f.p, 1e-10);
    }
    cr_expect_eq(gn_optimizer_state_count(optimizer), 2u);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

/* A step looks at its preconditioner once, and only the first of its two solves begins with a product. */
Test(acceleration, counts_what_its_solves_cost) {
    mlp_fixture f = setup("check", "classes");
    gn_optimizer_options options = accelerated(GN_SOLVER_CG, 0.1);
    gn_optimizer *optimizer;
    gn_step_report report;
    options.cg.tolerance = 0;
    options.cg.max_iterations = 3;
    options.cg.warm_start = true;
    options.cg.preconditioner = GN_PRECONDITIONER_JACOBI;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    cr_expect_eq(report.cg_iterations, 6);
    cr_expect_float_eq(report.passes, 1 + 4 + 1.5 * (1 + 6) + 2, 1e-12); /* 4 classes; 2: the term's own */
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

/* ---- why a trial is rejected ---- */

/* r = exp(theta) - 1, one of each */
static gn_status residual(void *user, const gn_array *theta, gn_array *r) {
    double x;
    (void)user;
    OK(NULL, gn_array_read(theta, &x, 1));
    x = exp(x) - 1;
    return gn_array_write(r, &x, 1);
}

static gn_status product(void *user, const gn_array *theta, const gn_array *v, gn_array *jv) {
    double x, y;
    (void)user;
    OK(NULL, gn_array_read(theta, &x, 1));
    OK(NULL, gn_array_read(v, &y, 1));
    y *= exp(x);
    return gn_array_write(jv, &y, 1);
}

/* What the log says of one step from theta = `start`. */
static void reject_from(double start, gn_optimizer_options options, const char *expected) {
    const gn_residual_callbacks map = {.residual = residual, .jvp = product, .vjp = product};
    gn_context *context;
    gn_linearization *l;
    gn_optimizer *optimizer;
    gn_step_report report;
    notices seen = {0};
    OK(context, gn_context_create(&context, "cpu"));
    gn_context_set_log(context, note, &seen);
    gn_array *theta = device_array(context, GN_FLOAT64, 1, 1, &start);
    OK(context, gn_linearization_create_callbacks(context, GN_FLOAT64, 1, 1, &map, NULL, &l));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, 1, 1, &optimizer));
    OK(context, gn_optimizer_step(optimizer, l, theta, &report));
    cr_expect(strstr(seen.text, expected), "from %g: \"%s\", not \"%s\"", start, seen.text, expected);
    cr_expect(report.rejected > 0 && report.step_norm > 0);
    gn_optimizer_destroy(optimizer);
    gn_linearization_destroy(l);
    gn_array_destroy(theta);
    gn_context_destroy(context);
}

Test(gain_ratio, the_log_says_why_trials_are_rejected) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.damping = (gn_damping_options){GN_DAMPING_GAIN_RATIO, 1e-12, 0, 0, 1e-12, 1e12, 60};
    /* a step of 0.0473 / (0.00248 + mu) raises the loss above 3.66: up to mu = 2^28 1e-12, not at 2^36 1e-12
     */
    reject_from(-3, options, "8 trials rejected (8 raised the loss), damping 1e-12 to 0.0229");
    reject_from(-12, options, "lost the loss (not finite)"); /* exp(1.6e5) */
    options.acceleration = (gn_acceleration_options){GN_ACCELERATION_GEODESIC, 0.75, 0.1};
    reject_from(-3, options, "accelerated too much");
    reject_from(-12, options, "accelerated too much"); /* the residual on the way is not finite */
}

/* ---- options ---- */

static void expect_refused(gn_optimizer_options options, const char *part) {
    gn_context *context;
    gn_optimizer *optimizer;
    OK(context, gn_context_create(&context, "cpu"));
    cr_expect_eq(gn_optimizer_create(context, &options, GN_FLOAT64, 10, 10, &optimizer), GN_ERROR_ARGUMENT);
    cr_expect(strstr(gn_error_message(context), part), "\"%s\" without \"%s\"", gn_error_message(context),
              part);
    gn_context_destroy(context);
}

Test(acceleration, impossible_options) {
    gn_optimizer_options o = accelerated(GN_SOLVER_AUTO, 0.1);
    o.acceleration.ratio = 0;
    expect_refused(o, "acceleration.ratio is 0");
    o = accelerated(GN_SOLVER_AUTO, 1.5);
    expect_refused(o, "acceleration.h is 1.5");
    o = accelerated(GN_SOLVER_AUTO, 0.1);
    o.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    expect_refused(o, "a line search follows a line");
    o = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    o.acceleration.kind = GN_ACCELERATION_GEODESIC;
    expect_refused(o, "take levenberg_marquardt or ggn");
}
