/* Kronecker factors of a network as CG's preconditioner. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(kfac, name) {                                                                \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, kfac, name)

static gn_optimizer_options by_cg(gn_preconditioner_kind preconditioner, double mu, double tolerance) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    options.damping.value = mu;
    options.solver = GN_SOLVER_CG;
    options.cg.max_iterations = 6000;
    options.cg.tolerance = tolerance;
    options.cg.preconditioner = preconditioner;
    return options;
}

/* CG's iterations in a first step, on inputs whose features have scales from 1 down to `scale`. *theta: the
 * parameters after it, for the caller to free, or NULL. */
static size_t iterations(const device_type *on, const mlp_case *from, gn_optimizer_options options,
                         double scale, double **theta) {
    mlp_fixture f = mlp_setup(on->device, on->dtype, from);
    const size_t features = from->widths[0];
    gn_optimizer *optimizer;
    gn_step_report report;
    double *x = host_values(f.inputs);
    for (size_t i = 0; i < f.n * features; i++)
        x[i] *= pow(scale, (double)(i % features) / (double)(features - 1));
    OK(f.context, gn_array_write(f.inputs, x, f.n * features));
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    cr_expect_eq(report.stop, GN_STOP_CONVERGED, "%s: %s", from->name, gn_stop_text(report.stop));
    if (theta)
        *theta = host_values(f.theta);
    gn_optimizer_destroy(optimizer);
    free(x);
    mlp_teardown(&f);
    return report.cg_iterations;
}

/* The cotangents of one linear layer are the same for all samples, and without damping nothing is split: the
 * preconditioner is the inverse. */
ON_EVERY_DEVICE(one_linear_layer_takes_one_iteration) {
    static const mlp_case linear = {.name = "linear", .widths = {4, 3}, .activation = "tanh", .samples = 40};
    const double tolerance = on->dtype == GN_FLOAT64 ? 1e-10 : 1e-4;
    const size_t plain = iterations(on, &linear, by_cg(GN_PRECONDITIONER_NONE, 0, tolerance), 1, NULL),
                 with = iterations(on, &linear, by_cg(GN_PRECONDITIONER_KFAC, 0, tolerance), 1, NULL);
    cr_expect_eq(with, 1, "%zu iterations, %zu without", with, plain);
    cr_expect(plain > 2, "%zu", plain);
}

/* Little damping and inputs of many scales: the condition is that of J'H J, which is large. */
ON_EVERY_DEVICE(saves_iterations_and_repeats_its_bits) {
    static const mlp_case cases[] = {
        {.name = "squared", .widths = {12, 14, 5}, .activation = "relu", .samples = 300},
        {.name = "classes", .widths = {12, 14, 5}, .activation = "tanh", .samples = 600, .classes = true},
    };
    for (size_t i = 0; i < 2; i++) {
        const double tolerance = 1e-3, scale = 0.1, mu = 1e-6;
        double *theta, *again;
        const gn_optimizer_options options = by_cg(GN_PRECONDITIONER_KFAC, mu, tolerance),
                                   none = by_cg(GN_PRECONDITIONER_NONE, mu, tolerance);
        const size_t plain = iterations(on, &cases[i], none, scale, NULL),
                     with = iterations(on, &cases[i], options, scale, &theta);
        cr_expect(5 * with < 4 * plain, "%s: %zu iterations, %zu without", cases[i].name, with, plain);
        cr_expect_eq(iterations(on, &cases[i], options, scale, &again), with);
        const size_t parameters = 12 * 14 + 14 + 14 * 5 + 5;
        cr_expect_eq(memcmp(theta, again, parameters * sizeof *theta), 0, "%s: not the same bits",
                     cases[i].name);
        free(theta), free(again);
    }
}

/* With layers that have no factors, and weights shared by positions: the direction is the dense solve's. (Of
 * so few residuals J'H J has so few eigenvalues that CG alone needs fewer iterations.) */
ON_EVERY_DEVICE(takes_transformers) {
    size_t count;
    const mlp_case *cases = mlp_transformers(&count);
    const size_t step = strcmp(on->device, "cuda") == 0 ? count - 1 : 1; /* slow where a thread is a fiber */
    for (size_t i = 0; i < count; i += step) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        double *d[2];
        for (int k = 0; k < 2; k++) {
            gn_optimizer_options options =
                by_cg(GN_PRECONDITIONER_KFAC, 1, on->dtype == GN_FLOAT64 ? 1e-8 : 1e-5);
            gn_optimizer *optimizer;
            gn_array *out = device_array(f.context, f.dtype, f.p, 1, NULL);
            options.solver = k ? GN_SOLVER_CG : GN_SOLVER_DUAL;
            OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
            OK(f.context, gn_optimizer_direction(optimizer, f.lin, out));
            d[k] = host_values(out);
            gn_optimizer_destroy(optimizer);
            gn_array_destroy(out);
        }
        const double error = relative_difference(f.p, d[1], d[0]);
        cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-6 : 2e-2), "%s: %g", cases[i].name, error);
        free(d[0]), free(d[1]);
        mlp_teardown(&f);
    }
}

/* A map of callbacks has no layers. */
static gn_status nothing(void *user, const gn_array *theta, gn_array *r) {
    (void)user;
    (void)theta;
    return gn_array_fill(r, 1);
}

static gn_status product(void *user, const gn_array *theta, const gn_array *in, gn_array *out) {
    (void)user;
    (void)theta;
    (void)in;
    return gn_array_fill(out, 0);
}

Test(kfac, callbacks_have_no_layers) {
    const gn_residual_callbacks callbacks = {.residual = nothing, .jvp = product, .vjp = product};
    const gn_optimizer_options options = by_cg(GN_PRECONDITIONER_KFAC, 1, 1e-6);
    gn_context *context = device_open("cpu");
    gn_linearization *l;
    gn_optimizer *optimizer;
    gn_array *theta = device_array(context, GN_FLOAT64, 3, 1, NULL);
    OK(context, gn_linearization_create_callbacks(context, GN_FLOAT64, 2, 3, &callbacks, NULL, &l));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, 3, 2, &optimizer));
    cr_expect_eq(gn_optimizer_step(optimizer, l, theta, NULL), GN_ERROR_UNSUPPORTED);
    cr_expect(strstr(gn_error_message(context), "linear layers"), "%s", gn_error_message(context));
    gn_optimizer_destroy(optimizer);
    gn_linearization_destroy(l);
    gn_array_destroy(theta);
    gn_context_destroy(context);
}

/* Several steps, whose solves a device may record and replay, over a smaller batch too. */
static double *trained(const device_type *on, const mlp_case *from, gn_optimizer_options options) {
    enum { FEW = 17 };
    mlp_fixture f = mlp_setup(on->device, on->dtype, from);
    gn_optimizer *optimizer;
    double *x = host_values(f.inputs), *y = host_values(f.targets);
    gn_array *few_inputs = device_array(f.context, f.dtype, FEW, from->widths[0], x),
             *few_targets = device_array(f.context, f.dtype, FEW, f.c, y);
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int t = 0; t < 6; t++) {
        const bool small = t == 3;
        OK(f.context,
           gn_linearization_set_batch(f.lin, small ? few_inputs : f.inputs, small ? few_targets : f.targets));
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    }
    double *theta = host_values(f.theta);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(few_inputs), gn_array_destroy(few_targets);
    free(x), free(y);
    mlp_teardown(&f);
    return theta;
}

ON_EVERY_DEVICE(trains_as_the_dense_solve_does) {
    static const mlp_case cases[] = {
        {.name = "squared", .widths = {3, 6, 2}, .activation = "tanh", .samples = 40},
        {.name = "classes", .widths = {3, 6, 4}, .activation = "sin", .samples = 40, .classes = true},
    };
    if (on->dtype != GN_FLOAT64)
        return;
    for (size_t i = 0; i < 2; i++) {
        gn_optimizer_options options = by_cg(GN_PRECONDITIONER_KFAC, 0.1, 1e-13);
        double *found = trained(on, &cases[i], options);
        options.solver = GN_SOLVER_PRIMAL;
        double *expected = trained(on, &cases[i], options);
        const size_t out = cases[i].widths[2], parameters = 3 * 6 + 6 + 6 * out + out;
        const double error = relative_difference(parameters, found, expected);
        cr_expect(error < 1e-8, "%s: %g", cases[i].name, error);
        free(found), free(expected);
    }
}
