/* Residuals of PDEs, their Jacobian and Levenberg-Marquardt steps against PyTorch's nested autograd
 * (tests/reference/make_pde.py), and what weights of rows do to steps. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

static const mlp_case cases[] = {
    {.name = "pde_poisson",
     .widths = {2, 20, 1},
     .activation = "tanh",
     .samples = 28,
     .pde = "u_xx + u_yy + 2*pi^2*sin(pi*x)*sin(pi*y)"},
    {.name = "pde_burgers",
     .widths = {2, 7, 5, 1},
     .activation = "sin",
     .samples = 28,
     .pde = "u_y + u*u_x - 0.05*u_xx"},
};

static void write_reference(const mlp_fixture *f, const char *name, const char *path, gn_array *array) {
    size_t count;
    double *values = reference_array(name, path, &count);
    cr_assert(values && count == gn_array_count(array), "%s%s", name, path);
    OK(f->context, gn_array_write(array, values, count));
    free(values);
}

/* The case's data, weights and point. */
static mlp_fixture setup(const char *device, gn_dtype dtype, const mlp_case *from, gn_array **weights) {
    mlp_fixture f = mlp_setup(device, dtype, from);
    *weights = device_array(f.context, dtype, f.m, 1, NULL);
    write_reference(&f, from->name, "/inputs", f.inputs);
    write_reference(&f, from->name, "/targets", f.targets);
    write_reference(&f, from->name, "/theta", f.theta);
    write_reference(&f, from->name, "/weights", *weights);
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    OK(f.context, gn_linearization_set_weights(f.lin, *weights));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    return f;
}

static void check_map(mlp_fixture *f, const char *name, double tolerance) {
    gn_array *r = device_array(f->context, f->dtype, f->m, 1, NULL);
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    gn_array *g = device_array(f->context, f->dtype, f->p, 1, NULL);
    double loss;
    OK(f->context, gn_linearization_residual(f->lin, r));
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    OK(f->context, gn_linearization_gradient(f->lin, g));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    double *residual = host_values(r), *jacobian = host_values(j), *gradient = host_values(g);
    expect_reference(name, "/residual", residual, f->m, tolerance);
    expect_reference(name, "/jacobian", jacobian, f->m * f->p, tolerance);
    expect_reference(name, "/gradient", gradient, f->p, tolerance);
    expect_reference(name, "/loss", &loss, 1, tolerance);
    gn_array_destroy(r), gn_array_destroy(j), gn_array_destroy(g);
    free(residual), free(jacobian), free(gradient);
}

/* Five steps, whose rows have no weights, though the loss has. */
static void check_steps(mlp_fixture *f, const char *name, gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    gn_optimizer *optimizer;
    double *path = malloc(6 * f->p * sizeof *path), losses[5];
    gn_array *theta = device_array(f->context, f->dtype, f->p, 1, NULL);
    options.learning_rate = 0.1;
    options.damping.value = 0.1;
    options.solver = solver;
    OK(f->context, gn_array_copy(theta, f->theta));
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer));
    for (size_t t = 0; t < 6; t++) {
        gn_step_report report;
        OK(f->context, gn_array_read(theta, path + t * f->p, f->p));
        if (t == 5)
            break;
        OK(f->context, gn_optimizer_step(optimizer, f->lin, theta, &report));
        losses[t] = report.loss;
    }
    expect_reference(name, "/trajectory", path, 6 * f->p, 1e-9);
    expect_reference(name, "/loss_trajectory", losses, 5, 1e-9);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(theta);
    free(path);
}

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTestParameters(pde, agrees_with_nested_autograd) {
    return parameters();
}

ParameterizedTest(device_type *on, pde, agrees_with_nested_autograd) {
    for (size_t i = 0; i < 2; i++) {
        gn_array *weights;
        mlp_fixture f = setup(on->device, on->dtype, &cases[i], &weights);
        check_map(&f, cases[i].name, on->dtype == GN_FLOAT64 ? 1e-13 : 1e-5);
        if (on->dtype == GN_FLOAT64) {
            check_steps(&f, cases[i].name, GN_SOLVER_DUAL);
            check_steps(&f, cases[i].name, GN_SOLVER_SPECTRAL);
        }
        gn_array_destroy(weights);
        mlp_teardown(&f);
    }
}

/* The mean of r^2 without weights, which these rules lower. */
static double objective(mlp_fixture *f, const gn_array *theta) {
    gn_array *r = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_set_point(f->lin, theta));
    OK(f->context, gn_linearization_residual(f->lin, r));
    double *residual = host_values(r), sum = 0;
    for (size_t m = 0; m < f->m; m++)
        sum += residual[m] * residual[m] / (double)f->m;
    gn_array_destroy(r);
    free(residual);
    return sum;
}

/* A weight that makes one row's square all there is to the loss: judged by it, steps would be refused that
 * lower what the rule lowers. Both ways of judging must not see it. */
static void check_judged(gn_optimizer_options options, bool weighted, double *thetas) {
    gn_array *weights;
    mlp_fixture f = setup("check", GN_FLOAT64, &cases[0], &weights);
    gn_optimizer *optimizer;
    double *w = calloc(f.m, sizeof *w);
    w[f.m - 1] = 1e6;
    OK(f.context, gn_array_write(weights, w, f.m));
    OK(f.context, gn_linearization_set_weights(f.lin, weighted ? weights : NULL));
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    double before = objective(&f, f.theta);
    for (int t = 0; t < 4; t++) {
        gn_step_report report;
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
        const double after = objective(&f, f.theta);
        cr_expect(after < before, "step %d: %g to %g", t, before, after);
        before = after;
    }
    OK(f.context, gn_array_read(f.theta, thetas, f.p));
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(weights);
    mlp_teardown(&f);
    free(w);
}

Test(pde, judges_steps_by_what_they_lower) {
    double plain[128], weighted[128];
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    check_judged(options, false, plain);
    check_judged(options, true, weighted);
    cr_expect_arr_eq(plain, weighted, 81 * sizeof(double));
    options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    options.damping.value = 0.1;
    check_judged(options, false, plain);
    check_judged(options, true, weighted);
    cr_expect_arr_eq(plain, weighted, 81 * sizeof(double));
}
