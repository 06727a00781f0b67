/* Directions and trajectories against values that PyTorch and 50-digit arithmetic gave. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

/* u times the condition of the system that is solved, and a little. */
static double tolerance(const mlp_fixture *f, const char *name, const char *direction, gn_solver solver) {
    char object[64];
    snprintf(object, sizeof object, "/conditioning/%s", direction);
    bool primal = solver == GN_SOLVER_PRIMAL || (solver == GN_SOLVER_SPECTRAL && f->m > f->p);
    double condition = reference_attribute(name, object, primal ? "primal_condition" : "dual_condition");
    return 1e-12 + 40 * 1.1e-16 * condition;
}

static void check_direction(mlp_fixture *f, const char *name, const char *label,
                            gn_optimizer_options options) {
    gn_optimizer *optimizer;
    char path[64];
    snprintf(path, sizeof path, "/directions/%s", label);
    gn_array *d = device_array(f->context, GN_FLOAT64, f->p, 1, NULL);
    OK(f->context, gn_optimizer_create(f->context, &options, GN_FLOAT64, f->p, f->m, &optimizer));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    double *values = host_values(d);
    bool first_order = options.kind == GN_OPTIMIZER_SGD;
    expect_reference(name, path, values, f->p,
                     first_order ? 1e-12 : tolerance(f, name, label, options.solver));
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    free(values);
}

static gn_optimizer_options damped(double mu, gn_solver solver, gn_curvature curvature) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.damping.value = mu;
    options.solver = solver;
    options.curvature = curvature;
    return options;
}

static void check_directions(mlp_fixture *f, const char *name) {
    gn_optimizer_options newton = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    newton.cutoff = reference_attribute(name, "/directions/gn", "cutoff");
    newton.solver = GN_SOLVER_SPECTRAL;
    check_direction(f, name, "gn", newton);
    check_direction(f, name, "sgd", gn_optimizer_options_default(GN_OPTIMIZER_SGD));
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL};
    for (size_t k = 0; k < 3; k++) {
        if (solvers[k] == GN_SOLVER_PRIMAL && f->p > 1000)
            continue;
        check_direction(f, name, "lm", damped(0.1, solvers[k], GN_CURVATURE_SUM));
        check_direction(f, name, "lm_small", damped(1e-6, solvers[k], GN_CURVATURE_SUM));
        check_direction(f, name, "lm_mean", damped(0.1, solvers[k], GN_CURVATURE_MEAN));
    }
}

static gn_optimizer_options first_order(gn_optimizer_kind kind, double weight_decay) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.learning_rate = 1e-2;
    options.weight_decay = weight_decay;
    options.momentum = kind == GN_OPTIMIZER_SGD ? 0.9 : 0;
    return options;
}

static void check_trajectory(mlp_fixture *f, const char *name, const char *label,
                             gn_optimizer_options options) {
    gn_optimizer *optimizer;
    double *path = malloc(6 * f->p * sizeof *path), losses[6], *theta = host_values(f->theta);
    gn_array *point = device_array(f->context, GN_FLOAT64, f->p, 1, theta);
    char whole[64], end[64], loss[64];
    snprintf(whole, sizeof whole, "/trajectory/%s", label);
    snprintf(end, sizeof end, "/trajectory_end/%s", label);
    snprintf(loss, sizeof loss, "/loss_trajectory/%s", label);
    double allowed = fmax(1e-12, 1e-14 * reference_attribute(name, "/conditioning/trajectory", label));
    OK(f->context, gn_optimizer_create(f->context, &options, GN_FLOAT64, f->p, f->m, &optimizer));
    for (int t = 0; t < 6; t++) {
        gn_step_report report;
        OK(f->context, gn_array_read(point, path + (size_t)t * f->p, f->p));
        OK(f->context, gn_optimizer_step(optimizer, f->lin, point, &report));
        losses[t] = report.loss;
    }
    size_t count;
    double *stored = reference_array(name, whole, &count), *last = reference_array(name, end, &count);
    if (stored)
        expect_reference(name, whole, path, 6 * f->p, allowed);
    if (last)
        expect_reference(name, end, path + 5 * f->p, f->p, allowed);
    expect_reference(name, loss, losses, 6, fmax(1e-10, allowed));
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(point);
    free(path), free(theta), free(stored), free(last);
}

static void check_trajectories(mlp_fixture *f, const char *name) {
    gn_optimizer_options lm = damped(0.1, GN_SOLVER_AUTO, GN_CURVATURE_SUM);
    lm.learning_rate = 0.5;
    check_trajectory(f, name, "lm", lm);
    check_trajectory(f, name, "adamw", first_order(GN_OPTIMIZER_ADAMW, 0.1));
    check_trajectory(f, name, "adam", first_order(GN_OPTIMIZER_ADAM, 0.01));
    check_trajectory(f, name, "sgd", first_order(GN_OPTIMIZER_SGD, 0.01));
}

#define ON_EVERY_CASE(test)                                                                                  \
    ParameterizedTestParameters(reference, test) {                                                           \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, reference, test) {                                                    \
        size_t count;                                                                                        \
        const char *const *names = reference_names(&count);                                                  \
        for (size_t i = 0; i < count && on->dtype == GN_FLOAT64; i++) {                                      \
            mlp_fixture f = reference_setup(on->device, names[i]);                                           \
            test(&f, names[i]);                                                                              \
            mlp_teardown(&f);                                                                                \
        }                                                                                                    \
    }

ON_EVERY_CASE(check_directions)
ON_EVERY_CASE(check_trajectories)

/* Adam's and AdamW's direction is the step from fresh moments, by rate 1, decoupled decay left out. */
Test(reference, adam_directions_are_first_steps) {
    const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_ADAM, GN_OPTIMIZER_ADAMW};
    for (int k = 0; k < 2; k++) {
        mlp_fixture f = reference_setup("check", "small_tanh");
        gn_optimizer_options options = first_order(kinds[k], kinds[k] == GN_OPTIMIZER_ADAM ? 0.1 : 0);
        gn_optimizer *optimizer;
        double *before = host_values(f.theta);
        gn_array *d = device_array(f.context, GN_FLOAT64, f.p, 1, NULL);
        OK(f.context, gn_optimizer_create(f.context, &options, GN_FLOAT64, f.p, f.m, &optimizer));
        OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
        double *after = host_values(f.theta), *direction = host_values(d);
        for (size_t i = 0; i < f.p; i++)
            before[i] = (before[i] - after[i]) / options.learning_rate;
        cr_expect(relative_difference(f.p, direction, before) < 1e-12);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(d);
        free(before), free(after), free(direction);
        mlp_teardown(&f);
    }
}
