/* Gauss-Newton steps of transformers under cross-entropy: a direction against one that PyTorch computed, and
 * solvers against each other. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

static void check(const char *device, const char *name) {
    mlp_fixture f = transformer_setup(device, name);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_optimizer *optimizer;
    gn_array *d = device_array(f.context, f.dtype, f.p, 1, NULL);
    options.damping.value = reference_attribute(name, "/", "damping");
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
    double *values = host_values(d);
    expect_reference(name, "/ggn_solution", values, f.p, 1e-10);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    mlp_teardown(&f);
    free(values);
}

ParameterizedTestParameters(transformer, ggn_direction) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, transformer, ggn_direction) {
    if (on->dtype != GN_FLOAT64)
        return;
    check(on->device, "transformer_post");
    check(on->device, "transformer_pre");
}

/* Losses before each of three steps at rate 1 and little damping, from the point of a reference file. */
enum { STEPS = 3 };

static void train(const char *name, gn_solver solver, double *losses) {
    mlp_fixture f = transformer_setup("check", name);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_optimizer *optimizer;
    options.solver = solver;
    options.cg.tolerance = 1e-13;
    options.cg.max_iterations = 4000;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int t = 0; t < STEPS; t++) {
        gn_step_report report;
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
        losses[t] = report.loss;
    }
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

/* Full steps of ggn with a small constant damping may diverge here: where softmax saturates, H vanishes and
 * the step is the gradient over mu. Then they do so by every solver alike. */
Test(transformer, full_steps_are_those_of_the_dense_solve) {
    const char *names[] = {"transformer_post", "transformer_pre"};
    for (int i = 0; i < 2; i++) {
        double dense[STEPS], losses[STEPS];
        train(names[i], GN_SOLVER_DUAL, dense);
        const gn_solver solvers[] = {GN_SOLVER_CG, GN_SOLVER_LSMR};
        for (int k = 0; k < 2; k++) {
            train(names[i], solvers[k], losses);
            for (int t = 0; t < STEPS; t++)
                cr_expect(fabs(losses[t] - dense[t]) < 1e-6 * dense[t], "%s, solver %d, step %d: %g, not %g",
                          names[i], (int)solvers[k], t, losses[t], dense[t]);
        }
    }
}
