/* Steps by LSMR: what no other solver of the family shares with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "mlp_case.h"

static const mlp_case shape = {
    .name = "M < P", .widths = {2, 9, 8, 2}, .activation = "tanh", .samples = 30, .classes = true};

static gn_optimizer_options marquardt(gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.damping.value = 0.1;
    options.solver = solver;
    options.cg.max_iterations = 1000;
    options.cg.tolerance = 1e-13;
    return options;
}

/* Steps over the whole batch and over a smaller one in turn, as at the end of epochs. */
static double *trained(const char *device, gn_solver solver, size_t *count) {
    enum { FEW = 11 };
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &shape);
    const gn_optimizer_options options = marquardt(solver);
    double *x = host_values(f.inputs), *y = host_values(f.targets);
    gn_array *few_inputs = device_array(f.context, GN_FLOAT64, FEW, 2, x);
    gn_array *few_targets = device_array(f.context, GN_FLOAT64, FEW, 2, y);
    gn_optimizer *optimizer;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (int t = 0; t < 6; t++) {
        const bool small = t % 3 == 1;
        OK(f.context,
           gn_linearization_set_batch(f.lin, small ? few_inputs : f.inputs, small ? few_targets : f.targets));
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    }
    double *theta = host_values(f.theta);
    *count = f.p;
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(few_inputs), gn_array_destroy(few_targets);
    free(x), free(y);
    mlp_teardown(&f);
    return theta;
}

Test(least_squares, takes_smaller_batches) {
    size_t count;
    double *dense = trained("cpu", GN_SOLVER_DUAL, &count), *found = trained("check", GN_SOLVER_LSMR, &count),
           *again = trained("check", GN_SOLVER_LSMR, &count);
    const double error = relative_difference(count, found, dense);
    cr_expect(error < 1e-9, "%g", error);
    cr_expect_eq(memcmp(found, again, count * sizeof *found), 0, "not the same bits");
    free(dense), free(found), free(again);
}

/* Without damping the solution is the least one, pinv(J) r, where J has full row rank. */
Test(least_squares, gauss_newton_by_lsmr_is_the_pseudo_inverse) {
    const mlp_case regression = {.widths = {2, 12, 1}, .activation = "sin", .samples = 8};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &regression);
    double *d[2];
    for (int k = 0; k < 2; k++) {
        gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
        gn_optimizer *optimizer;
        gn_array *out = device_array(f.context, f.dtype, f.p, 1, NULL);
        options.solver = k ? GN_SOLVER_LSMR : GN_SOLVER_SPECTRAL;
        options.cutoff = 1e-12;
        options.cg.max_iterations = 1000;
        options.cg.tolerance = 1e-14;
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        OK(f.context, gn_optimizer_direction(optimizer, f.lin, out));
        d[k] = host_values(out);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(out);
    }
    const double error = relative_difference(f.p, d[1], d[0]);
    cr_expect(error < 1e-8, "%g", error);
    free(d[0]), free(d[1]);
    mlp_teardown(&f);
}

Test(least_squares, says_what_it_is_and_what_does_not_fit) {
    gn_context *context;
    gn_optimizer *optimizer;
    const gn_optimizer_options options = marquardt(GN_SOLVER_LSMR);
    OK(context, gn_context_create(&context, "cpu"));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, 500, 100, &optimizer));
    cr_expect_str_eq(gn_optimizer_solver_text(optimizer), "lsmr (M = 100, P = 500)");
    gn_optimizer_destroy(optimizer);
    const gn_status status =
        gn_optimizer_create(context, &options, GN_FLOAT64, 500, (size_t)1 << 50, &optimizer);
    cr_expect_eq(status, GN_ERROR_MEMORY);
    cr_expect(strstr(gn_error_message(context), "an LSMR step"), "%s", gn_error_message(context));
    gn_context_destroy(context);
}
