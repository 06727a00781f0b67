/* Directions of several dampings at once: each is what its damping alone gives. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

static const mlp_case shape = {
    .name = "classes", .widths = {3, 7, 4}, .activation = "tanh", .samples = 25, .classes = true};

enum { COUNT = 3 };
static const double dampings[COUNT] = {1e-2, 3, 0.2};

static gn_optimizer_options options_for(const device_type *on, gn_solver solver,
                                        gn_preconditioner_kind preconditioner) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    options.solver = solver;
    options.damping.value = 0.5;
    options.cg.max_iterations = 1000;
    options.cg.tolerance = on->dtype == GN_FLOAT64 ? 1e-12 : 1e-6;
    options.cg.preconditioner = preconditioner;
    return options;
}

static double *one(mlp_fixture *f, gn_optimizer_options options, double mu) {
    gn_optimizer *optimizer;
    gn_array *d = device_array(f->context, f->dtype, f->p, 1, NULL);
    options.damping.value = mu;
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer));
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    double *values = host_values(d);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    return values;
}

static void check(const device_type *on, gn_optimizer_options options) {
    mlp_fixture f = mlp_setup(on->device, on->dtype, &shape);
    gn_optimizer *optimizer;
    gn_array *all = device_array(f.context, f.dtype, COUNT, f.p, NULL);
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_directions(optimizer, f.lin, COUNT, dampings, all));
    double *found = host_values(all);
    for (size_t i = 0; i < COUNT; i++) {
        double *expected = one(&f, options, dampings[i]);
        const double error = relative_difference(f.p, found + i * f.p, expected);
        cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-10 : 2e-3), "solver %d, preconditioner %d, mu %g: %g",
                  (int)options.solver, (int)options.cg.preconditioner, dampings[i], error);
        free(expected);
    }
    gn_array_destroy(all);
    free(found);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

ParameterizedTestParameters(directions, each_is_its_damping_s) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, directions, each_is_its_damping_s) {
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_CG,
                                 GN_SOLVER_LSMR};
    for (size_t i = 0; i < sizeof solvers / sizeof *solvers; i++) {
        gn_optimizer_options options = options_for(on, solvers[i], GN_PRECONDITIONER_NONE);
        check(on, options);
        options.weight_decay = 0.05;
        check(on, options);
    }
    for (gn_preconditioner_kind k = GN_PRECONDITIONER_JACOBI; k <= GN_PRECONDITIONER_KFAC; k++)
        check(on, options_for(on, GN_SOLVER_CG, k));
}

/* What a warm start begins with stays what it was. */
Test(directions, leave_the_state) {
    const device_type on = {.device = "check", .dtype = GN_FLOAT64};
    gn_optimizer_options options = options_for(&on, GN_SOLVER_CG, GN_PRECONDITIONER_NONE);
    double *theta[2];
    options.cg.warm_start = true;
    options.cg.max_iterations = 4; /* so that the start shows */
    for (int asks = 0; asks < 2; asks++) {
        mlp_fixture f = mlp_setup(on.device, on.dtype, &shape);
        gn_optimizer *optimizer;
        gn_array *all = device_array(f.context, f.dtype, COUNT, f.p, NULL);
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        for (int t = 0; t < 3; t++) {
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
            OK(f.context, gn_linearization_set_point(f.lin, f.theta));
            if (asks)
                OK(f.context, gn_optimizer_directions(optimizer, f.lin, COUNT, dampings, all));
        }
        theta[asks] = host_values(f.theta);
        cr_expect_eq(memcmp(theta[0], theta[asks], f.p * sizeof(double)), 0);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(all);
        mlp_teardown(&f);
    }
    free(theta[0]), free(theta[1]);
}

Test(directions, refuse_what_cannot_be) {
    const device_type on = {.device = "cpu", .dtype = GN_FLOAT64};
    mlp_fixture f = mlp_setup(on.device, on.dtype, &shape);
    gn_optimizer *optimizer;
    gn_array *all = device_array(f.context, f.dtype, 2, f.p, NULL);
    gn_optimizer_options options = options_for(&on, GN_SOLVER_CG, GN_PRECONDITIONER_NONE);
    const double bad[][2] = {{1, -1}, {NAN, 1}, {1, INFINITY}}, zero[2] = {1, 0};
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int i = 0; i < 3; i++)
        cr_expect_eq(gn_optimizer_directions(optimizer, f.lin, 2, bad[i], all), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_optimizer_directions(optimizer, f.lin, 0, zero, all), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_optimizer_directions(optimizer, f.lin, 1, zero, all), GN_ERROR_SHAPE);
    gn_optimizer_destroy(optimizer);
    options.weight_decay = 0.1;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    cr_expect_eq(gn_optimizer_directions(optimizer, f.lin, 2, zero, all), GN_ERROR_ARGUMENT);
    gn_optimizer_destroy(optimizer);
    const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_GAUSS_NEWTON, GN_OPTIMIZER_SGD};
    for (int i = 0; i < 2; i++) {
        options = gn_optimizer_options_default(kinds[i]);
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        cr_expect_eq(gn_optimizer_directions(optimizer, f.lin, 2, dampings, all), GN_ERROR_UNSUPPORTED);
        gn_optimizer_destroy(optimizer);
    }
    gn_array_destroy(all);
    mlp_teardown(&f);
}
