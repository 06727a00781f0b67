/* Hessian products: against differences of gradients, symmetric, and the Gauss-Newton part alone where there
 * is nothing else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "backend/context.h"
#include "devices.h"
#include "linearization/linearization.h"
#include "mlp_case.h"
#include "network/network.h"

static double tolerance(const mlp_fixture *f, double in_float64, double in_float32) {
    return f->dtype == GN_FLOAT64 ? in_float64 : in_float32;
}

static double *hessian_product(mlp_fixture *f, const double *v) {
    gn_array *in = device_array(f->context, f->dtype, f->p, 1, v);
    gn_array *out = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_hessian_product(f->lin, in, out));
    double *values = host_values(out);
    gn_array_destroy(in), gn_array_destroy(out);
    return values;
}

/* The part of J'H J alone. */
static double *ggn_product(mlp_fixture *f, const double *v) {
    gn_array *in = device_array(f->context, f->dtype, f->p, 1, v);
    OK(f->context, gn_linearization_ggn_product(f->lin, 1 / gn_linearization_measure(f->lin), in, in));
    double *values = host_values(in);
    gn_array_destroy(in);
    return values;
}

/* The gradient at theta + h v. */
static double *moved_gradient(mlp_fixture *f, const double *v, double h) {
    double *theta = host_values(f->theta);
    for (size_t i = 0; i < f->p; i++)
        theta[i] += h * v[i];
    gn_array *point = device_array(f->context, f->dtype, f->p, 1, theta);
    gn_array *g = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_set_point(f->lin, point));
    OK(f->context, gn_linearization_gradient(f->lin, g));
    double *values = host_values(g);
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    gn_array_destroy(point), gn_array_destroy(g);
    free(theta);
    return values;
}

/* Of four points: its error is O(h^4). */
static void differences(mlp_fixture *f, const char *name) {
    if (f->dtype == GN_FLOAT32)
        return; /* they would show rounding alone */
    const double h = 2e-4;
    double *v = random_values(11, f->p), *exact = hessian_product(f, v), *sum = calloc(f->p, sizeof *sum);
    static const double weights[] = {1.0 / 12, -2.0 / 3, 2.0 / 3, -1.0 / 12}, steps[] = {-2, -1, 1, 2};
    for (int k = 0; k < 4; k++) {
        double *g = moved_gradient(f, v, steps[k] * h);
        for (size_t i = 0; i < f->p; i++)
            sum[i] += weights[k] * g[i] / h;
        free(g);
    }
    const double error = relative_difference(f->p, exact, sum);
    cr_expect(error < 1e-7, "%s: H v against differences of the gradient: %g", name, error);
    free(v), free(exact), free(sum);
}

static double inner(size_t count, const double *a, const double *b, double *size) {
    double sum = 0;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

static void symmetry(mlp_fixture *f, const char *name) {
    double *u = random_values(12, f->p), *v = random_values(13, f->p), size, other;
    double *hu = hessian_product(f, u), *hv = hessian_product(f, v);
    const double left = inner(f->p, u, hv, &size), right = inner(f->p, v, hu, &other);
    cr_expect(fabs(left - right) <= tolerance(f, 1e-12, 1e-4) * (size + other),
              "%s: u'H v %.17g, v'H u %.17g", name, left, right);
    free(u), free(v), free(hu), free(hv);
}

/* Squared error of targets that the network meets: the residual's part is 0, to the last bit but its sign. */
static void without_residual(mlp_fixture *f, const char *name) {
    if (f->lin->loss != GN_LOSS_SQUARED)
        return;
    double *v = random_values(14, f->p), *before = hessian_product(f, v);
    gn_array *outputs = device_array(f->context, f->dtype, f->n, f->c, NULL);
    OK(f->context, gn_linearization_outputs(f->lin, outputs));
    OK(f->context, gn_linearization_set_batch(f->lin, f->inputs, outputs));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    double *hv = hessian_product(f, v), *part = ggn_product(f, v);
    const double error = relative_difference(f->p, hv, part);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: H v of no residual against J'J v: %g", name, error);
    free(v), free(before), free(hv), free(part);
    OK(f->context, gn_linearization_set_batch(f->lin, f->inputs, f->targets));
    gn_array_destroy(outputs);
}

/* A second call gives the same bits and allocates nothing; other products between do not matter, nor do rows
 * of cotangents. */
static void repetition(mlp_fixture *f, const char *name) {
    double *v = random_values(15, f->p), *first = hessian_product(f, v);
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    gn_array_destroy(j);
    free(ggn_product(f, v));
    const size_t before = gn_context_allocated(f->context);
    double *again = hessian_product(f, v);
    cr_expect_eq(gn_context_allocated(f->context), before, "%s: a second product allocates", name);
    for (size_t i = 0; i < f->p; i++)
        cr_assert(first[i] == again[i], "%s: %.17g, then %.17g", name, first[i], again[i]);
    free(v), free(first), free(again);
}

/* Other products are the same before and after. */
static void neighbours(mlp_fixture *f, const char *name) {
    double *v = random_values(16, f->p), *ggn = ggn_product(f, v), *gradient = moved_gradient(f, v, 0);
    free(hessian_product(f, v));
    double *after = ggn_product(f, v), *also = moved_gradient(f, v, 0);
    for (size_t i = 0; i < f->p; i++)
        cr_assert(ggn[i] == after[i] && gradient[i] == also[i], "%s: a product changes others at %zu", name,
                  i);
    free(v), free(ggn), free(gradient), free(after), free(also);
}

/* With weights, some of them 0 and some negative. */
static void weights(mlp_fixture *f, const char *name) {
    if (f->lin->loss != GN_LOSS_SQUARED)
        return;
    double *w = random_values(17, f->m);
    for (size_t m = 0; m < f->m; m += 3)
        w[m] = 0;
    gn_array *array = device_array(f->context, f->dtype, f->m, 1, w);
    OK(f->context, gn_linearization_set_weights(f->lin, array));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    differences(f, name);
    symmetry(f, name);
    OK(f->context, gn_linearization_set_weights(f->lin, NULL));
    gn_array_destroy(array);
    free(w);
}

#define ON_EVERY_DEVICE(test)                                                                                \
    ParameterizedTestParameters(hessian, test) {                                                             \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, hessian, test) {                                                      \
        mlp_on_all(on->device, on->dtype, test);                                                             \
    }

ON_EVERY_DEVICE(differences)
ON_EVERY_DEVICE(symmetry)
ON_EVERY_DEVICE(without_residual)
ON_EVERY_DEVICE(repetition)
ON_EVERY_DEVICE(neighbours)
ON_EVERY_DEVICE(weights)

ParameterizedTestParameters(hessian, of_a_linear_network_is_gauss_newton) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, hessian, of_a_linear_network_is_gauss_newton) {
    static const mlp_case nets[] = {
        {.name = "linear", .widths = {4, 3}, .activation = "tanh", .samples = 5},
        {.name = "linear, centred", .widths = {4, 3}, .activation = "tanh", .samples = 5, .centred = true},
        {.name = "linear classes", .widths = {4, 3}, .activation = "tanh", .samples = 5, .classes = true},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &nets[i]);
        double *v = random_values(18, f.p), *hv = hessian_product(&f, v), *part = ggn_product(&f, v);
        const double error = relative_difference(f.p, hv, part);
        cr_expect(error < tolerance(&f, 1e-14, 1e-6), "%s: %g", nets[i].name, error);
        free(v), free(hv), free(part);
        mlp_teardown(&f);
    }
}

/* A smaller batch than there is room for, then the whole again. */
Test(hessian, follows_the_batch) {
    const mlp_case net = {.widths = {3, 6, 2}, .activation = "tanh", .samples = 9};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &net);
    double *x = host_values(f.inputs), *y = host_values(f.targets), *v = random_values(19, f.p);
    gn_array *inputs = device_array(f.context, f.dtype, 4, 3, x);
    gn_array *targets = device_array(f.context, f.dtype, 4, 2, y);
    double *whole = hessian_product(&f, v);
    OK(f.context, gn_linearization_set_batch(f.lin, inputs, targets));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    differences(&f, "4 of 9 samples");
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    double *again = hessian_product(&f, v);
    for (size_t i = 0; i < f.p; i++)
        cr_assert_eq(whole[i], again[i]);
    gn_array_destroy(inputs), gn_array_destroy(targets);
    free(x), free(y), free(v), free(whole), free(again);
    mlp_teardown(&f);
}

Test(hessian, says_what_it_cannot_take) {
    const mlp_case net = {.widths = {3, 6, 2}, .activation = "tanh", .samples = 9};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &net);
    gn_array *v = device_array(f.context, f.dtype, f.p, 1, NULL),
             *hv = device_array(f.context, f.dtype, 3, 1, NULL);
    cr_expect_eq(gn_linearization_hessian_product(f.lin, v, v), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_linearization_hessian_product(f.lin, v, hv), GN_ERROR_SHAPE);
    cr_expect_eq(gn_linearization_hessian_product(f.lin, hv, v), GN_ERROR_SHAPE);
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    cr_expect_eq(gn_linearization_hessian_product(f.lin, v, hv), GN_ERROR_ARGUMENT);
    gn_array_destroy(v), gn_array_destroy(hv);
    mlp_teardown(&f);
}

/* A network that ends with an operation of which no second derivative is known. */
Test(hessian, names_the_operation_without_a_rule) {
    gn_operation odd = gn_operation_scale;
    odd.name = "odd";
    odd.straight = false;
    const mlp_case net = {.widths = {3, 2}, .activation = "tanh", .samples = 4, .output_scale = 2};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &net);
    f.network->nodes[f.network->node_count - 1].operation = &odd;
    gn_array *hv = device_array(f.context, f.dtype, f.p, 1, NULL);
    cr_expect_eq(gn_linearization_hessian_product(f.lin, f.theta, hv), GN_ERROR_UNSUPPORTED);
    cr_expect(strstr(gn_error_message(f.context), "\"odd\""), "%s", gn_error_message(f.context));
    gn_array_destroy(hv);
    mlp_teardown(&f);
}
