/* Networks that carry jets: derivatives by the inputs, and weights of rows in the loss. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

/* ---- derivatives by the inputs ---- */

/* f of the fixture at these inputs (rows of them, at most the fixture's samples), for the caller to free. */
static double *outputs_at(mlp_fixture *f, size_t rows, const double *inputs) {
    gn_array *x = device_array(f->context, f->dtype, rows, gn_network_inputs(f->network), inputs);
    gn_array *y = device_array(f->context, f->dtype, rows, 1, NULL);
    gn_array *out = device_array(f->context, f->dtype, rows, 1, NULL);
    OK(f->context, gn_array_fill(y, 0));
    OK(f->context, gn_linearization_set_batch(f->lin, x, y));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    OK(f->context, gn_linearization_outputs(f->lin, out));
    double *values = host_values(out);
    gn_array_destroy(x);
    gn_array_destroy(y);
    gn_array_destroy(out);
    return values;
}

/* Channel by channel against the same network without jets: its value, and its differences. */
static void check_channels(const char *device, gn_dtype dtype, const mlp_case *jets) {
    mlp_case plain = *jets;
    plain.pde = NULL;
    plain.samples = 3;
    const size_t d = jets->widths[0], t = 1 + 2 * d;
    mlp_fixture f = mlp_setup(device, dtype, jets), g = mlp_setup("cpu", GN_FLOAT64, &plain);
    double *theta = host_values(f.theta), *points = host_values(f.inputs);
    const double h = 1e-3, tolerance = dtype == GN_FLOAT64 ? 3e-6 : 2e-4;
    OK(g.context, gn_array_write(g.theta, theta, g.p));
    cr_assert_eq(f.p, g.p);
    for (size_t channel = 0; channel < t; channel++) {
        const size_t axis = channel == 0 ? 0 : (channel - 1) % d;
        for (size_t i = 0; i < f.n; i++)
            points[i * (d + 1) + d] = (double)(channel + 1);
        double *found = outputs_at(&f, f.n, points);
        for (size_t i = 0; i < f.n; i++) {
            double three[9];
            for (size_t k = 0; k < 3 * d; k++)
                three[k] = points[i * (d + 1) + k % d] + (k % d == axis ? h * ((double)(k / d) - 1) : 0);
            double *u = outputs_at(&g, 3, three);
            const double expected = channel == 0   ? u[1]
                                    : channel <= d ? (u[2] - u[0]) / (2 * h)
                                                   : (u[2] - 2 * u[1] + u[0]) / (h * h);
            cr_expect(fabs(found[i] - expected) < tolerance * (1 + fabs(expected)) * (channel ? 10 : 1),
                      "%s: channel %zu of sample %zu: %.12g, by differences %.12g", jets->name, channel, i,
                      found[i], expected);
            free(u);
        }
        free(found);
    }
    mlp_teardown(&f);
    mlp_teardown(&g);
    free(theta);
    free(points);
}

ParameterizedTestParameters(jets, channels_are_derivatives_by_the_inputs) {
    return parameters();
}

ParameterizedTest(device_type *on, jets, channels_are_derivatives_by_the_inputs, .timeout = 300) {
    size_t count;
    const mlp_case *cases = mlp_pdes(&count);
    for (size_t i = 0; i < count; i++)
        if (cases[i].samples <= 17) /* of relu the second differences are 0 but at a kink: none is so near */
            check_channels(on->device, on->dtype, &cases[i]);
}

/* ---- weights ---- */

static double loss_at(mlp_fixture *f, const double *theta, const double *v, double h) {
    double *moved = malloc(f->p * sizeof *moved), loss;
    for (size_t i = 0; i < f->p; i++)
        moved[i] = theta[i] + h * v[i];
    gn_array *point = device_array(f->context, f->dtype, f->p, 1, moved);
    OK(f->context, gn_linearization_set_point(f->lin, point));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    gn_array_destroy(point);
    free(moved);
    return loss;
}

ParameterizedTestParameters(weights, are_of_the_loss_and_its_gradient_alone) {
    return parameters();
}

ParameterizedTest(device_type *on, weights, are_of_the_loss_and_its_gradient_alone) {
    size_t count;
    const mlp_case *net = &mlp_shapes(&count)[7]; /* two outputs */
    mlp_fixture f = mlp_setup(on->device, on->dtype, net);
    const double tolerance = on->dtype == GN_FLOAT64 ? 1e-13 : 1e-5;
    double *w = random_values(21, f.m), *theta = host_values(f.theta), *v = random_values(22, f.p);
    gn_array *weights = device_array(f.context, f.dtype, f.m, 1, NULL);
    gn_array *k = device_array(f.context, f.dtype, f.m, f.m, NULL),
             *r = device_array(f.context, f.dtype, f.m, 1, NULL);
    gn_array *g = device_array(f.context, f.dtype, f.p, 1, NULL),
             *u = device_array(f.context, f.dtype, f.m, 1, NULL);
    double loss, expected = 0;
    OK(f.context, gn_linearization_gram(f.lin, k));
    double *before = host_values(k);
    for (size_t m = 0; m < f.m; m++)
        w[m] += 2;
    OK(f.context, gn_array_write(weights, w, f.m));
    OK(f.context, gn_linearization_set_weights(f.lin, weights));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    OK(f.context, gn_linearization_residual(f.lin, r));
    OK(f.context, gn_linearization_loss(f.lin, &loss));
    OK(f.context, gn_linearization_gradient(f.lin, g));
    double *residual = host_values(r), *gradient = host_values(g);
    for (size_t m = 0; m < f.m; m++) {
        expected += w[m] * residual[m] * residual[m] / (double)f.m;
        residual[m] *= 2 * w[m] / (double)f.m;
    }
    cr_expect(fabs(loss - expected) < tolerance * expected, "loss %.12g, not %.12g", loss, expected);
    OK(f.context, gn_array_write(u, residual, f.m));
    OK(f.context, gn_linearization_vjp(f.lin, u, g));
    double *by_vjp = host_values(g);
    cr_expect(relative_difference(f.p, gradient, by_vjp) < tolerance);
    OK(f.context, gn_linearization_gram(f.lin, k));
    double *after = host_values(k);
    cr_expect(relative_difference(f.m * f.m, after, before) < tolerance);
    if (on->dtype == GN_FLOAT64) {
        double slope = 0;
        for (size_t i = 0; i < f.p; i++)
            slope += gradient[i] * v[i];
        const double differences = (loss_at(&f, theta, v, 1e-5) - loss_at(&f, theta, v, -1e-5)) / 2e-5;
        cr_expect(fabs(slope - differences) < 1e-7 * fabs(slope), "%.12g against %.12g", slope, differences);
    }
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets)); /* forgets them */
    double again = loss_at(&f, theta, v, 0), plain = 0;
    for (size_t m = 0; m < f.m; m++)
        plain += residual[m] * residual[m] / (4 * w[m] * w[m]) * (double)f.m;
    cr_expect(fabs(again - plain) < tolerance * 10 * plain, "loss %.12g, not %.12g", again, plain);
    gn_array_destroy(weights), gn_array_destroy(k), gn_array_destroy(r), gn_array_destroy(g),
        gn_array_destroy(u);
    free(w), free(theta), free(v), free(before), free(after), free(residual), free(gradient), free(by_vjp);
    mlp_teardown(&f);
}

Test(weights, are_refused_where_they_mean_nothing) {
    size_t count;
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &mlp_classes(&count)[0]);
    gn_array *weights = device_array(f.context, f.dtype, f.m, 1, NULL);
    cr_expect_eq(gn_linearization_set_weights(f.lin, weights), GN_ERROR_UNSUPPORTED);
    gn_array_destroy(weights);
    mlp_teardown(&f);
    f = mlp_setup("check", GN_FLOAT64, &mlp_shapes(&count)[0]);
    weights = device_array(f.context, f.dtype, f.m + 1, 1, NULL);
    cr_expect_eq(gn_linearization_set_weights(f.lin, weights), GN_ERROR_SHAPE);
    gn_array_destroy(weights);
    mlp_teardown(&f);
}
