/* The Gauss-Newton matrix J'H J, its products, its diagonal and its root, against dense matrices on the host:
 * J as the linearization gives it (test_identities.c holds that to account), H from probabilities computed
 * here. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "linearization/linearization.h"
#include "mlp_case.h"

typedef void check_function(mlp_fixture *f, const mlp_case *from);

/* Where one probability is 1 but for a millionth, what is left of H is that much less exact. */
static double tolerance(const mlp_fixture *f, const mlp_case *from) {
    const double rounding = f->dtype == GN_FLOAT64 ? 1e-12 : 1e-5;
    return from->output_scale > 100 ? 1e4 * rounding : rounding;
}

static double *filled(mlp_fixture *f, size_t rows, size_t columns,
                      gn_status (*fill)(gn_linearization *, gn_array *)) {
    gn_array *array = device_array(f->context, f->dtype, rows, columns, NULL);
    OK(f->context, fill(f->lin, array));
    double *values = host_values(array);
    gn_array_destroy(array);
    return values;
}

static double *dense_jacobian(mlp_fixture *f) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    double *values = host_values(j);
    gn_array_destroy(j);
    return values;
}

/* out (c) = H u of one softmax with logits f; squared error: u. */
static void hessian_row(size_t c, bool classes, const double *f, const double *u, double *out) {
    double most = -HUGE_VAL, sum = 0, mean = 0;
    for (size_t k = 0; k < c; k++)
        most = fmax(most, f[k]);
    for (size_t k = 0; k < c; k++)
        sum += exp(f[k] - most);
    for (size_t k = 0; k < c; k++)
        mean += exp(f[k] - most) / sum * u[k];
    for (size_t k = 0; k < c; k++)
        out[k] = classes ? exp(f[k] - most) / sum * (u[k] - mean) : u[k];
}

/* weight J'H J v */
static double *dense_product(mlp_fixture *f, const mlp_case *from, double weight, const double *j,
                             const double *v) {
    const size_t c = f->c / positions_read(from);
    double *logits = filled(f, f->n, f->c, gn_linearization_outputs);
    double *u = calloc(f->m, sizeof *u), *w = calloc(f->m, sizeof *w), *out = calloc(f->p, sizeof *out);
    for (size_t m = 0; m < f->m; m++)
        for (size_t i = 0; i < f->p; i++)
            u[m] += j[m * f->p + i] * v[i];
    for (size_t m = 0; m < f->m; m += c)
        hessian_row(c, from->classes, logits + m, u + m, w + m);
    for (size_t m = 0; m < f->m; m++)
        for (size_t i = 0; i < f->p; i++)
            out[i] += weight * j[m * f->p + i] * w[m];
    free(logits), free(u), free(w);
    return out;
}

static double *ggn_product(mlp_fixture *f, double weight, const double *v) {
    gn_array *x = device_array(f->context, f->dtype, f->p, 1, v);
    OK(f->context, gn_linearization_ggn_product(f->lin, weight, x, x));
    double *values = host_values(x);
    gn_array_destroy(x);
    return values;
}

/* Whatever rows the tape holds, those of J, of S'J or none, a product is the same. */
static void product(mlp_fixture *f, const mlp_case *from) {
    double *v = random_values(31, f->p), *before = ggn_product(f, 0.25, v);
    gn_array *k = device_array(f->context, f->dtype, f->m, f->m, NULL);
    OK(f->context, gn_linearization_root_gram(f->lin, k));
    double *with_root = ggn_product(f, 0.25, v), *j = dense_jacobian(f), *with_rows = ggn_product(f, 0.25, v);
    double *expected = dense_product(f, from, 0.25, j, v), *found[] = {before, with_root, with_rows};
    for (int i = 0; i < 3; i++) {
        double error = relative_difference(f->p, found[i], expected);
        cr_expect(error < tolerance(f, from), "%s: J'H J v, %d: %g", from->name, i, error);
        free(found[i]);
    }
    gn_array_destroy(k);
    free(v), free(j), free(expected);
}

static void diagonal(mlp_fixture *f, const mlp_case *from) {
    double *found = filled(f, f->p, 1, gn_linearization_ggn_diagonal), *j = dense_jacobian(f);
    double *unit = calloc(f->p, sizeof *unit), *expected = malloc(f->p * sizeof *expected);
    for (size_t i = 0; i < f->p; i++) {
        unit[i] = 1;
        double *column = dense_product(f, from, 1, j, unit);
        expected[i] = column[i];
        unit[i] = 0;
        free(column);
    }
    double error = relative_difference(f->p, found, expected);
    cr_expect(error < tolerance(f, from), "%s: diagonal of J'H J: %g", from->name, error);
    free(found), free(j), free(unit), free(expected);
}

/* B' (M x P) */
static double *dense_root(mlp_fixture *f) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_root_jacobian(f->lin, 0, f->n, j));
    double *values = host_values(j);
    gn_array_destroy(j);
    return values;
}

static void root(mlp_fixture *f, const mlp_case *from) {
    double *b = dense_root(f), *j = dense_jacobian(f), *v = random_values(32, f->p);
    double *bb = calloc(f->p, sizeof *bb), *k = calloc(f->m * f->m, sizeof *k);
    for (size_t m = 0; m < f->m; m++) {
        double inner = 0;
        for (size_t i = 0; i < f->p; i++)
            inner += b[m * f->p + i] * v[i];
        for (size_t i = 0; i < f->p; i++)
            bb[i] += b[m * f->p + i] * inner;
        for (size_t l = 0; l < f->m; l++)
            for (size_t i = 0; i < f->p; i++)
                k[m * f->m + l] += b[m * f->p + i] * b[l * f->p + i];
    }
    double *expected = dense_product(f, from, 1, j, v), error = relative_difference(f->p, bb, expected);
    cr_expect(error < tolerance(f, from), "%s: B B'v against J'H J v: %g", from->name, error);
    double *gram = filled(f, f->m, f->m, gn_linearization_root_gram);
    for (size_t m = 0; m < f->m; m++)
        for (size_t l = m + 1; l < f->m; l++)
            gram[m * f->m + l] = gram[l * f->m + m];
    error = relative_difference(f->m * f->m, gram, k);
    cr_expect(error < tolerance(f, from), "%s: the Gram B'B: %g", from->name, error);
    free(b), free(j), free(v), free(bb), free(k), free(expected), free(gram);
}

/* B (B'v) by products, and B t = J'r. */
static void root_products(mlp_fixture *f, const mlp_case *from) {
    double *values = random_values(33, f->p), *j = dense_jacobian(f);
    gn_array *v = device_array(f->context, f->dtype, f->p, 1, values);
    gn_array *u = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_root_jvp(f->lin, v, u));
    OK(f->context, gn_linearization_root_vjp(f->lin, u, v));
    double *found = host_values(v), *expected = dense_product(f, from, 1, j, values);
    double error = relative_difference(f->p, found, expected);
    cr_expect(error < tolerance(f, from), "%s: B (B'v) against J'H J v: %g", from->name, error);

    const void *t;
    OK(f->context, gn_linearization_root_residual(f->lin, &t));
    gn_array view = gn_array_view(f->context, f->dtype, f->m, 1, (void *)t);
    OK(f->context, gn_linearization_root_vjp(f->lin, &view, v));
    double *bt = host_values(v), *r = filled(f, f->m, 1, gn_linearization_residual);
    double *jtr = calloc(f->p, sizeof *jtr);
    for (size_t m = 0; m < f->m; m++)
        for (size_t i = 0; i < f->p; i++)
            jtr[i] += j[m * f->p + i] * r[m];
    error = relative_difference(f->p, bt, jtr);
    cr_expect(error < tolerance(f, from), "%s: B t against J'r: %g", from->name, error);
    gn_array_destroy(v), gn_array_destroy(u);
    free(values), free(j), free(found), free(expected), free(bt), free(r), free(jtr);
}

static void on_all(const device_type *on, check_function *check) {
    static const mlp_case squared = {
        .name = "squared error", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9};
    size_t count, sequences;
    const mlp_case *cases = mlp_classes(&count), *tokens = mlp_transformers(&sequences);
    for (size_t i = 0; i <= count + sequences; i++) {
        const mlp_case *from = i < count ? &cases[i] : i == count ? &squared : &tokens[i - count - 1];
        mlp_fixture f = mlp_setup(on->device, on->dtype, from);
        check(&f, from);
        mlp_teardown(&f);
    }
}

#define ON_EVERY_DEVICE(test)                                                                                \
    ParameterizedTestParameters(classes, test) {                                                             \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, classes, test) {                                                      \
        on_all(on, test);                                                                                    \
    }

ON_EVERY_DEVICE(product)
ON_EVERY_DEVICE(diagonal)
ON_EVERY_DEVICE(root)
ON_EVERY_DEVICE(root_products)

Test(classes, one_output_is_refused) {
    mlp_case from = {.widths = {3, 1}, .activation = "tanh", .samples = 2};
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &from);
    gn_linearization *l;
    cr_expect_eq(gn_linearization_create(f.network, GN_LOSS_CROSS_ENTROPY, GN_FLOAT64, 2, &l),
                 GN_ERROR_ARGUMENT);
    cr_expect_null(l);
    mlp_teardown(&f);
}
