/* A damping relative to the largest eigenvalue of w J'H J at the first step, against that of the dense
 * matrix. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "linearization/linearization.h"
#include "mlp_case.h"

static const mlp_case regression = {
    .name = "regression", .widths = {3, 6, 2}, .activation = "tanh", .samples = 12};
static const mlp_case classes = {
    .name = "classes", .widths = {3, 7, 4}, .activation = "tanh", .samples = 25, .classes = true};
static const double part = 0.05;

/* w J'H J (P x P) by its columns, and of that the largest eigenvalue by power iteration. */
static double largest(mlp_fixture *f, double weight) {
    double *a = calloc(f->p * f->p, sizeof *a), *v = random_values(9, f->p),
           *unit = calloc(f->p, sizeof *unit);
    double *next = calloc(f->p, sizeof *next), length = 0;
    for (size_t j = 0; j < f->p; j++) {
        unit[j] = 1;
        gn_array *x = device_array(f->context, f->dtype, f->p, 1, unit);
        gn_array *y = device_array(f->context, f->dtype, f->p, 1, NULL);
        OK(f->context, gn_linearization_ggn_product(f->lin, weight, x, y));
        double *column = host_values(y);
        memcpy(a + j * f->p, column, f->p * sizeof *a);
        gn_array_destroy(x), gn_array_destroy(y), free(column);
        unit[j] = 0;
    }
    for (int i = 0; i < 3000; i++) {
        double square = 0;
        for (size_t j = 0; j < f->p; j++) {
            next[j] = 0;
            for (size_t k = 0; k < f->p; k++)
                next[j] += a[k * f->p + j] * v[k];
            square += next[j] * next[j];
        }
        length = sqrt(square);
        for (size_t j = 0; j < f->p; j++)
            v[j] = next[j] / length;
    }
    free(a), free(v), free(unit), free(next);
    return length;
}

static gn_optimizer_options relative(gn_optimizer_kind kind, gn_solver solver, double value) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.learning_rate = 0.1;
    options.solver = solver;
    options.damping.kind = GN_DAMPING_RELATIVE;
    options.damping.value = value;
    return options;
}

/* Settled by the first step, it stays while the matrix changes; Lanczos's products are the first step's
 * alone, 40 or as many as the rank has. */
static void check(const device_type *on, const mlp_case *from, gn_optimizer_options options) {
    mlp_fixture f = mlp_setup(on->device, on->dtype, from);
    const bool mean = options.curvature == GN_CURVATURE_MEAN, exact = on->dtype == GN_FLOAT64;
    const double weight = !mean ? 1 : 1 / (double)(from->classes ? f.n : f.m);
    const double expected = part * largest(&f, weight);
    gn_optimizer *optimizer;
    gn_step_report first, next;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &first));
    cr_expect(fabs(first.damping / expected - 1) < (exact ? 1e-9 : 1e-4), "%s, solver %d: %g, not %g",
              from->name, (int)options.solver, first.damping, expected);
    for (int i = 0; i < 3; i++)
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &next));
    cr_expect_eq(next.damping, first.damping);
    cr_expect(fabs(part * largest(&f, weight) / expected - 1) > 1e-3, "nothing has moved");
    const double products = (first.passes - next.passes) / 1.5;
    if (first.cg_iterations == 0)
        cr_expect(products >= 20 && products <= 40 && floor(products) == products, "%g products", products);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

ParameterizedTestParameters(relative, is_of_the_largest_eigenvalue_at_the_first_step) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, relative, is_of_the_largest_eigenvalue_at_the_first_step) {
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_CG,
                                 GN_SOLVER_LSMR};
    for (size_t i = 0; i < sizeof solvers / sizeof *solvers; i++) {
        check(on, &regression, relative(GN_OPTIMIZER_LEVENBERG_MARQUARDT, solvers[i], part));
        check(on, &classes, relative(GN_OPTIMIZER_GGN, solvers[i], part));
    }
    gn_optimizer_options decaying = relative(GN_OPTIMIZER_GGN, GN_SOLVER_DUAL, part);
    decaying.weight_decay = 0.01;
    check(on, &classes, decaying);
}

static double *direction(mlp_fixture *f, gn_optimizer *optimizer) {
    gn_array *d = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    double *values = host_values(d);
    gn_array_destroy(d);
    return values;
}

/* It is what the constant damping gives, and leaves it to the first step to settle. */
Test(relative, a_direction_settles_nothing) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &regression);
    gn_optimizer_options options = relative(GN_OPTIMIZER_LEVENBERG_MARQUARDT, GN_SOLVER_DUAL, part);
    gn_optimizer *optimizer, *constant;
    gn_step_report report;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    options.damping = (gn_damping_options){.kind = GN_DAMPING_CONSTANT, .value = part * largest(&f, 1)};
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &constant));
    double *found = direction(&f, optimizer), *expected = direction(&f, constant);
    cr_expect(relative_difference(f.p, found, expected) < 1e-9);
    double *theta = host_values(f.theta);
    for (size_t i = 0; i < f.p; i++)
        theta[i] *= 1.5;
    OK(f.context, gn_array_write(f.theta, theta, f.p));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    const double there = part * largest(&f, 1);
    cr_expect(fabs(there / options.damping.value - 1) > 1e-2);
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    cr_expect(fabs(report.damping / there - 1) < 1e-9, "%g, not %g", report.damping, there);
    free(found), free(expected), free(theta);
    gn_optimizer_destroy(optimizer), gn_optimizer_destroy(constant);
    mlp_teardown(&f);
}

/* A part of nothing is no damping; no part of it is asked for without a product. */
Test(relative, to_a_jacobian_of_zeros_is_refused) {
    const mlp_case flat = {.widths = {3, 4, 2}, .activation = "tanh", .samples = 5, .no_bias = true};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &flat);
    gn_optimizer_options options = relative(GN_OPTIMIZER_LEVENBERG_MARQUARDT, GN_SOLVER_CG, part);
    gn_optimizer *optimizer;
    gn_step_report report;
    OK(f.context, gn_array_fill(f.theta, 0));
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    cr_expect_eq(gn_optimizer_step(optimizer, f.lin, f.theta, &report), GN_ERROR_NOT_FINITE);
    cr_expect(strstr(gn_error_message(f.context), "take a constant one"), "%s", gn_error_message(f.context));
    gn_optimizer_destroy(optimizer);
    options.damping.value = 0;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    cr_expect_eq(report.damping, 0);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}
