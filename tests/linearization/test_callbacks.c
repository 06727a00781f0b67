/* A user's own residual map, and what a linearization answers to a wrong call. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "mlp_case.h"

#define ROWS       4
#define PARAMETERS 3

/* r_m = sum_i A_mi theta_i^2 - m, so J_mi = 2 A_mi theta_i */
typedef struct square_map {
    double a[ROWS * PARAMETERS];
} square_map;

static void read_theta(const gn_array *theta, double out[PARAMETERS]) {
    OK(NULL, gn_array_read(theta, out, PARAMETERS));
}

static gn_status residual(void *user, const gn_array *theta, gn_array *r) {
    double x[PARAMETERS], out[ROWS];
    read_theta(theta, x);
    for (int m = 0; m < ROWS; m++) {
        out[m] = -m;
        for (int i = 0; i < PARAMETERS; i++)
            out[m] += ((square_map *)user)->a[m * PARAMETERS + i] * x[i] * x[i];
    }
    return gn_array_write(r, out, ROWS);
}

static gn_status jvp(void *user, const gn_array *theta, const gn_array *v, gn_array *jv) {
    double x[PARAMETERS], d[PARAMETERS], out[ROWS] = {0};
    read_theta(theta, x);
    read_theta(v, d);
    for (int m = 0; m < ROWS; m++)
        for (int i = 0; i < PARAMETERS; i++)
            out[m] += 2 * ((square_map *)user)->a[m * PARAMETERS + i] * x[i] * d[i];
    return gn_array_write(jv, out, ROWS);
}

static gn_status vjp(void *user, const gn_array *theta, const gn_array *u, gn_array *jtu) {
    double x[PARAMETERS], c[ROWS], out[PARAMETERS] = {0};
    read_theta(theta, x);
    OK(NULL, gn_array_read(u, c, ROWS));
    for (int m = 0; m < ROWS; m++)
        for (int i = 0; i < PARAMETERS; i++)
            out[i] += 2 * ((square_map *)user)->a[m * PARAMETERS + i] * x[i] * c[m];
    return gn_array_write(jtu, out, PARAMETERS);
}

static gn_status jacobian(void *user, const gn_array *theta, gn_array *j) {
    double x[PARAMETERS], out[ROWS * PARAMETERS];
    read_theta(theta, x);
    for (int k = 0; k < ROWS * PARAMETERS; k++)
        out[k] = 2 * ((square_map *)user)->a[k] * x[k % PARAMETERS];
    return gn_array_write(j, out, ROWS * PARAMETERS);
}

typedef struct fixture {
    gn_context *context;
    gn_linearization *lin;
    gn_array *theta;
    square_map problem;
} fixture;

static void setup(fixture *f, bool with_jacobian) {
    double theta[PARAMETERS] = {0.5, -1.5, 2};
    gn_residual_callbacks callbacks = {residual, jvp, vjp, with_jacobian ? jacobian : NULL};
    gn_random_uniform(5, GN_STREAM_DATA, 0, ROWS * PARAMETERS, -1, 1, f->problem.a);
    OK(f->context, gn_context_create(&f->context, "check"));
    OK(f->context, gn_linearization_create_callbacks(f->context, GN_FLOAT64, ROWS, PARAMETERS, &callbacks,
                                                     &f->problem, &f->lin));
    f->theta = device_array(f->context, GN_FLOAT64, PARAMETERS, 1, theta);
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
}

static void teardown(fixture *f) {
    gn_linearization_destroy(f->lin);
    gn_array_destroy(f->theta);
    gn_context_destroy(f->context);
}

/* Jacobian, its blocks, Gram and diagonal, with the user's Jacobian and without. */
static void check_built_from_products(bool with_jacobian) {
    fixture f;
    setup(&f, with_jacobian);
    double theta[PARAMETERS], expected[ROWS * PARAMETERS];
    read_theta(f.theta, theta);
    for (int k = 0; k < ROWS * PARAMETERS; k++)
        expected[k] = 2 * f.problem.a[k] * theta[k % PARAMETERS];
    gn_array *j = device_array(f.context, GN_FLOAT64, 2, PARAMETERS, NULL);
    OK(f.context, gn_linearization_jacobian(f.lin, 1, 2, j));
    double *block = host_values(j);
    cr_expect(relative_difference(2 * PARAMETERS, block, expected + PARAMETERS) < 1e-15);

    gn_array *k = device_array(f.context, GN_FLOAT64, ROWS, ROWS, NULL);
    OK(f.context, gn_linearization_gram(f.lin, k));
    double *gram = host_values(k), product[ROWS * ROWS] = {0};
    for (int m = 0; m < ROWS; m++)
        for (int l = 0; l < ROWS; l++)
            for (int i = 0; i < PARAMETERS; i++)
                product[m * ROWS + l] += expected[m * PARAMETERS + i] * expected[l * PARAMETERS + i];
    cr_expect(relative_difference(ROWS * ROWS, gram, product) < 1e-14);

    gn_array *d = device_array(f.context, GN_FLOAT64, PARAMETERS, 1, NULL);
    OK(f.context, gn_linearization_diagonal(f.lin, d));
    double *diagonal = host_values(d), squares[PARAMETERS] = {0};
    for (int m = 0; m < ROWS * PARAMETERS; m++)
        squares[m % PARAMETERS] += expected[m] * expected[m];
    cr_expect(relative_difference(PARAMETERS, diagonal, squares) < 1e-14);
    OK(f.context, gn_linearization_gram(f.lin, k)); /* the diagonal has left nothing behind */
    double *again = host_values(k);
    cr_expect_arr_eq(again, gram, ROWS * ROWS * sizeof(double));
    gn_array_destroy(j), gn_array_destroy(k), gn_array_destroy(d);
    free(block), free(gram), free(diagonal), free(again);
    teardown(&f);
}

Test(callbacks, matrices_from_products) {
    check_built_from_products(false);
}

Test(callbacks, matrices_from_the_users_jacobian) {
    check_built_from_products(true);
}

Test(callbacks, levenberg_marquardt_finds_a_stationary_point) {
    fixture f;
    setup(&f, false);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    gn_optimizer *optimizer;
    gn_step_report report, first;
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    OK(f.context, gn_optimizer_create(f.context, &options, GN_FLOAT64, PARAMETERS, ROWS, &optimizer));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &first));
    for (int step = 0; step < 300; step++)
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
    gn_array *g = device_array(f.context, GN_FLOAT64, PARAMETERS, 1, NULL);
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    OK(f.context, gn_linearization_gradient(f.lin, g));
    double *gradient = host_values(g);
    for (int i = 0; i < PARAMETERS; i++)
        cr_expect(fabs(gradient[i]) < 1e-6, "gradient %d is %g", i, gradient[i]);
    cr_expect(report.loss < first.loss);
    gn_array_destroy(g);
    free(gradient);
    gn_optimizer_destroy(optimizer);
    teardown(&f);
}

static void expect_failure(gn_context *context, gn_status found, gn_status expected, const char *part) {
    cr_expect(found == expected, "status %s", gn_status_text(found));
    cr_expect(strstr(gn_error_message(context), part), "message \"%s\" without \"%s\"",
              gn_error_message(context), part);
}

Test(callbacks, wrong_calls) {
    fixture f;
    setup(&f, false);
    gn_array *small = device_array(f.context, GN_FLOAT64, 1, 1, NULL);
    gn_linearization *l;
    gn_residual_callbacks none = {0};
    expect_failure(f.context, gn_linearization_set_batch(f.lin, small, small), GN_ERROR_UNSUPPORTED,
                   "no batch");
    expect_failure(f.context, gn_linearization_outputs(f.lin, small), GN_ERROR_UNSUPPORTED, "no outputs");
    expect_failure(f.context, gn_linearization_jvp(f.lin, small, small), GN_ERROR_SHAPE, "v");
    gn_array *hv = device_array(f.context, GN_FLOAT64, PARAMETERS, 1, NULL);
    expect_failure(f.context, gn_linearization_hessian_product(f.lin, f.theta, hv), GN_ERROR_UNSUPPORTED,
                   "no second derivatives");
    gn_array_destroy(hv);
    expect_failure(f.context, gn_linearization_set_point(f.lin, small), GN_ERROR_SHAPE, "theta");
    expect_failure(f.context, gn_linearization_jacobian(f.lin, 3, 2, small), GN_ERROR_ARGUMENT,
                   "batch has 4");
    expect_failure(f.context, gn_linearization_create_callbacks(f.context, GN_FLOAT64, 1, 1, &none, NULL, &l),
                   GN_ERROR_ARGUMENT, "NULL");
    gn_array_destroy(small);
    teardown(&f);
}

static gn_status failing_residual(void *user, const gn_array *theta, gn_array *r) {
    (void)theta;
    (void)r;
    return *(gn_status *)user;
}

/* What is left of a point that could not be evaluated belongs to no point. */
Test(callbacks, a_point_that_fails_is_none) {
    fixture f;
    setup(&f, false);
    gn_status answer = GN_OK;
    gn_residual_callbacks callbacks = {failing_residual, jvp, vjp, NULL};
    gn_linearization *l;
    double loss;
    OK(f.context,
       gn_linearization_create_callbacks(f.context, GN_FLOAT64, ROWS, PARAMETERS, &callbacks, &answer, &l));
    OK(f.context, gn_linearization_set_point(l, f.theta));
    OK(f.context, gn_linearization_loss(l, &loss));
    answer = GN_ERROR_NOT_FINITE;
    cr_expect_eq(gn_linearization_set_point(l, f.theta), GN_ERROR_NOT_FINITE);
    expect_failure(f.context, gn_linearization_loss(l, &loss), GN_ERROR_ARGUMENT, "no point");
    gn_linearization_destroy(l);
    teardown(&f);
}

Test(network_linearization, wrong_calls) {
    mlp_case shape = {.widths = {2, 3, 1}, .activation = "tanh", .samples = 4, .centred = true};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &shape);
    gn_linearization *l;
    gn_array *large = device_array(f.context, GN_FLOAT64, 5, 2, NULL);
    gn_array *narrow = device_array(f.context, GN_FLOAT64, 4, 1, NULL);
    gn_array *single = device_array(f.context, GN_FLOAT32, 4, 2, NULL);
    expect_failure(f.context, gn_linearization_set_batch(f.lin, large, f.targets), GN_ERROR_SHAPE, "holds 4");
    expect_failure(f.context, gn_linearization_set_batch(f.lin, NULL, f.targets), GN_ERROR_ARGUMENT, "NULL");
    expect_failure(f.context, gn_linearization_set_batch(f.lin, narrow, f.targets), GN_ERROR_SHAPE, "inputs");
    expect_failure(f.context, gn_linearization_set_batch(f.lin, single, f.targets), GN_ERROR_SHAPE, "inputs");
    expect_failure(f.context, gn_linearization_residual(f.lin, f.targets), GN_ERROR_ARGUMENT, "set_point");
    OK(f.context, gn_linearization_create(f.network, GN_LOSS_SQUARED, GN_FLOAT64, 4, &l));
    expect_failure(f.context, gn_linearization_set_point(l, f.theta), GN_ERROR_ARGUMENT, "set_batch");
    OK(f.context, gn_linearization_set_batch(l, f.inputs, f.targets));
    expect_failure(f.context, gn_linearization_set_point(l, f.theta), GN_ERROR_ARGUMENT, "set_reference");
    gn_linearization_destroy(l);
    expect_failure(f.context, gn_linearization_create(f.network, GN_LOSS_SQUARED, GN_FLOAT64, 0, &l),
                   GN_ERROR_ARGUMENT, "0 samples");
    gn_array_destroy(large), gn_array_destroy(narrow), gn_array_destroy(single);
    mlp_teardown(&f);
}
