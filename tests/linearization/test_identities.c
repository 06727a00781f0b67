/* What must hold of any linearization, whatever the network: finite differences, the adjoint identity, and
 * every way to J, J J' and diag J'J against the dense J. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "backend/context.h"
#include "devices.h"
#include "linearization/linearization.h"
#include "mlp_case.h"

static double tolerance(const mlp_fixture *f, double in_float64, double in_float32) {
    return f->dtype == GN_FLOAT64 ? in_float64 : in_float32;
}

/* J (M x P) on the host. */
static double *dense(mlp_fixture *f) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    double *values = host_values(j);
    gn_array_destroy(j);
    return values;
}

static double *jvp(mlp_fixture *f, const double *v) {
    gn_array *in = device_array(f->context, f->dtype, f->p, 1, v);
    gn_array *out = device_array(f->context, f->dtype, f->m, 1, NULL);
    OK(f->context, gn_linearization_jvp(f->lin, in, out));
    double *values = host_values(out);
    gn_array_destroy(in);
    gn_array_destroy(out);
    return values;
}

static double *vjp(mlp_fixture *f, const double *u) {
    gn_array *in = device_array(f->context, f->dtype, f->m, 1, u);
    gn_array *out = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_vjp(f->lin, in, out));
    double *values = host_values(out);
    gn_array_destroy(in);
    gn_array_destroy(out);
    return values;
}

/* f(theta + h v) */
static double *moved_outputs(mlp_fixture *f, const double *theta, const double *v, double h, double *loss) {
    double *moved = malloc(f->p * sizeof *moved);
    for (size_t i = 0; i < f->p; i++)
        moved[i] = theta[i] + h * v[i];
    gn_array *point = device_array(f->context, f->dtype, f->p, 1, moved);
    gn_array *out = device_array(f->context, f->dtype, f->n, f->c, NULL);
    OK(f->context, gn_linearization_set_point(f->lin, point));
    OK(f->context, gn_linearization_outputs(f->lin, out));
    OK(f->context, gn_linearization_loss(f->lin, loss));
    double *values = host_values(out);
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    gn_array_destroy(point);
    gn_array_destroy(out);
    free(moved);
    return values;
}

static void finite_differences(mlp_fixture *f, const char *name) {
    if (f->dtype == GN_FLOAT32)
        return; /* differences would show rounding alone */
    const double h = 1e-5;
    double *theta = host_values(f->theta), *v = random_values(11, f->p), plus_loss, minus_loss;
    double *plus = moved_outputs(f, theta, v, h, &plus_loss),
           *minus = moved_outputs(f, theta, v, -h, &minus_loss);
    double *exact = jvp(f, v);
    for (size_t m = 0; m < f->m; m++)
        plus[m] = (plus[m] - minus[m]) / (2 * h);
    double error = relative_difference(f->m, plus, exact);
    cr_expect(error < 1e-7, "%s: J v against central differences: %g", name, error);

    gn_array *g = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_gradient(f->lin, g));
    double *gradient = host_values(g), slope = 0, differences = (plus_loss - minus_loss) / (2 * h), size = 0;
    for (size_t i = 0; i < f->p; i++) {
        slope += gradient[i] * v[i];
        size += fabs(gradient[i] * v[i]);
    }
    cr_expect(fabs(slope - differences) < 1e-7 * size, "%s: gradient: %.12g against %.12g", name, slope,
              differences);
    gn_array_destroy(g);
    free(theta), free(v), free(plus), free(minus), free(exact), free(gradient);
}

static void adjoint(mlp_fixture *f, const char *name) {
    double *v = random_values(12, f->p), *u = random_values(13, f->m);
    double *jv = jvp(f, v), *jtu = vjp(f, u), left = 0, right = 0, size = 0;
    for (size_t m = 0; m < f->m; m++) {
        left += jv[m] * u[m];
        size += fabs(jv[m] * u[m]);
    }
    for (size_t i = 0; i < f->p; i++)
        right += v[i] * jtu[i];
    cr_expect(fabs(left - right) < tolerance(f, 1e-13, 1e-5) * size * 10,
              "%s: <Jv,u> = %.17g, <v,J'u> = %.17g", name, left, right);
    free(v), free(u), free(jv), free(jtu);
}

static void dense_against_unit_vectors(mlp_fixture *f, const char *name) {
    double *j = dense(f), *column = malloc(f->m * sizeof *column), *unit = calloc(f->p, sizeof *unit),
           worst = 0;
    for (size_t i = 0; i < f->p; i += 1 + f->p / 31) { /* about 31 columns */
        unit[i] = 1;
        double *product = jvp(f, unit);
        unit[i] = 0;
        for (size_t m = 0; m < f->m; m++)
            column[m] = j[m * f->p + i];
        worst = fmax(worst, relative_difference(f->m, column, product));
        free(product);
    }
    cr_expect(worst < tolerance(f, 1e-13, 3e-5), "%s: columns of J against J e_i: %g", name, worst);
    free(j), free(column), free(unit);
}

static void rows_against_vjp(mlp_fixture *f, const char *name) {
    double *j = dense(f), *unit = calloc(f->m, sizeof *unit), worst = 0;
    for (size_t m = 0; m < f->m; m += 1 + f->m / 17) {
        unit[m] = 1;
        double *row = vjp(f, unit); /* may use the rows of cotangents that J has just made */
        unit[m] = 0;
        worst = fmax(worst, relative_difference(f->p, j + m * f->p, row));
        free(row);
    }
    cr_expect(worst < tolerance(f, 1e-13, 1e-5), "%s: rows of J against J' e_m: %g", name, worst);
    free(j), free(unit);
}

static void vjp_before_and_after_rows(mlp_fixture *f, const char *name) {
    double *u = random_values(14, f->m);
    double *before = vjp(f, u), *j = dense(f), *after = vjp(f, u);
    double error = relative_difference(f->p, after, before);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: J'u from rows against a backward pass: %g", name,
              error);
    free(u), free(before), free(j), free(after);
}

static void jacobian_blocks(mlp_fixture *f, const char *name) {
    double *j = dense(f);
    size_t first = f->n / 3, samples = f->n - first - f->n / 4;
    gn_array *block = device_array(f->context, f->dtype, samples * f->c, f->p, NULL);
    OK(f->context, gn_linearization_jacobian(f->lin, first, samples, block));
    double *values = host_values(block);
    for (size_t i = 0; i < samples * f->c * f->p; i++)
        cr_assert(values[i] == j[first * f->c * f->p + i], "%s: a block of J differs at %zu", name, i);
    gn_array_destroy(block);
    free(j), free(values);
}

/* a (rows_a x P) times b' */
static double *products(size_t rows_a, const double *a, size_t rows_b, const double *b, size_t p) {
    double *k = calloc(rows_a * rows_b, sizeof *k);
    for (size_t m = 0; m < rows_a; m++)
        for (size_t l = 0; l < rows_b; l++)
            for (size_t i = 0; i < p; i++)
                k[m * rows_b + l] += a[m * p + i] * b[l * p + i];
    return k;
}

static void gram(mlp_fixture *f, const char *name) {
    double *j = dense(f), *expected = products(f->m, j, f->m, j, f->p);
    gn_array *k = device_array(f->context, f->dtype, f->m, f->m, NULL);
    OK(f->context, gn_linearization_gram(f->lin, k));
    double *found = host_values(k), error = relative_difference(f->m * f->m, found, expected);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: Gram against J J': %g", name, error);
    for (size_t m = 0; m < f->m; m++)
        for (size_t l = 0; l < m; l++)
            cr_assert(found[m * f->m + l] == found[l * f->m + m], "%s: not symmetric at %zu, %zu", name, m,
                      l);
    gn_array_destroy(k);
    free(j), free(expected), free(found);
}

/* B B' (J'J, or J'H J) with scratch for one sample, for several and for all. */
static void normal(mlp_fixture *f, const char *name) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_root_jacobian(f->lin, 0, f->n, j));
    double *rows = host_values(j), *expected = calloc(f->p * f->p, sizeof *expected);
    for (size_t m = 0; m < f->m; m++)
        for (size_t i = 0; i < f->p; i++)
            for (size_t l = 0; l <= i; l++)
                expected[i * f->p + l] += rows[m * f->p + i] * rows[m * f->p + l];
    for (size_t samples = 1; samples < 2 * f->n; samples *= 3) {
        gn_array *k = device_array(f->context, f->dtype, f->p, f->p, NULL);
        gn_array *block = device_array(f->context, f->dtype, samples * f->c, f->p, NULL);
        OK(f->context, gn_linearization_root_normal(f->lin, block, k->data));
        double *found = host_values(k);
        for (size_t i = 0; i < f->p; i++)
            for (size_t l = i + 1; l < f->p; l++)
                found[i * f->p + l] = 0;
        const double error = relative_difference(f->p * f->p, found, expected);
        cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: B B' by %zu samples: %g", name, samples, error);
        gn_array_destroy(k), gn_array_destroy(block);
        free(found);
    }
    gn_array_destroy(j);
    free(rows), free(expected);
}

/* Another point and a smaller batch of the same network. */
static void gram_cross(mlp_fixture *f, const char *name) {
    size_t n = (f->n + 1) / 2, rows = n * f->c;
    double *x = host_values(f->inputs), *y = host_values(f->targets);
    gn_array *inputs = device_array(f->context, f->dtype, n, gn_network_inputs(f->network), x);
    gn_array *targets = device_array(f->context, f->dtype, n, f->c, y);
    mlp_fixture g = *f;
    OK(f->context, gn_linearization_create(f->network, GN_LOSS_SQUARED, f->dtype, f->n, &g.lin));
    OK(f->context, gn_linearization_set_reference(g.lin, f->theta));
    OK(f->context, gn_linearization_set_batch(g.lin, inputs, targets));
    OK(f->context, gn_linearization_set_point(g.lin, f->theta0));
    g.n = n, g.m = rows;
    gn_array *k = device_array(f->context, f->dtype, f->m, rows, NULL);
    OK(f->context, gn_linearization_gram_cross(f->lin, g.lin, k));
    double *a = dense(f), *b = dense(&g), *found = host_values(k);
    double *expected = products(f->m, a, rows, b, f->p);
    double error = relative_difference(f->m * rows, found, expected);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: cross Gram against J J': %g", name, error);
    gn_linearization_destroy(g.lin);
    gn_array_destroy(inputs), gn_array_destroy(targets), gn_array_destroy(k);
    free(x), free(y), free(a), free(b), free(found), free(expected);
}

/* The other side has more samples than this one has room for, over several tiles. */
static void gram_cross_with_more(mlp_fixture *f, const char *name) {
    size_t n = f->n + 300, features = gn_network_inputs(f->network);
    double *x = random_values(21, n * features), *y = random_values(22, n * f->c);
    mlp_fixture g = *f;
    g.n = n, g.m = n * f->c;
    g.inputs = device_array(f->context, f->dtype, n, features, x);
    g.targets = device_array(f->context, f->dtype, n, f->c, y);
    OK(f->context, gn_linearization_create(f->network, GN_LOSS_SQUARED, f->dtype, n, &g.lin));
    OK(f->context, gn_linearization_set_reference(g.lin, f->theta0));
    OK(f->context, gn_linearization_set_batch(g.lin, g.inputs, g.targets));
    OK(f->context, gn_linearization_set_point(g.lin, f->theta));
    gn_array *k = device_array(f->context, f->dtype, f->m, g.m, NULL);
    OK(f->context, gn_linearization_gram_cross(f->lin, g.lin, k));
    double *a = dense(f), *b = dense(&g), *found = host_values(k);
    double *expected = products(f->m, a, g.m, b, f->p);
    double error = relative_difference(f->m * g.m, found, expected);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: cross Gram against J J': %g", name, error);
    gn_linearization_destroy(g.lin);
    gn_array_destroy(g.inputs), gn_array_destroy(g.targets), gn_array_destroy(k);
    free(x), free(y), free(a), free(b), free(found), free(expected);
}

static void diagonal(mlp_fixture *f, const char *name) {
    double *j = dense(f), *expected = calloc(f->p, sizeof *expected);
    for (size_t m = 0; m < f->m; m++)
        for (size_t i = 0; i < f->p; i++)
            expected[i] += j[m * f->p + i] * j[m * f->p + i];
    gn_array *d = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_diagonal(f->lin, d));
    double *found = host_values(d), error = relative_difference(f->p, found, expected);
    cr_expect(error < tolerance(f, 1e-13, 1e-5), "%s: diagonal of J'J: %g", name, error);
    gn_array_destroy(d);
    free(j), free(expected), free(found);
}

/* softmax of n rows of c, in place; gives the mean cross-entropy with targets y. */
static double softmax(size_t n, size_t c, const double *y, double *f) {
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = 0; k < c; k++)
            sum += exp(f[i * c + k]);
        for (size_t k = 0; k < c; k++) {
            f[i * c + k] = exp(f[i * c + k]) / sum;
            loss -= y[i * c + k] * log(f[i * c + k]);
        }
    }
    return loss / (double)n;
}

static void residual_and_loss(mlp_fixture *f, const char *name) {
    gn_array *out = device_array(f->context, f->dtype, f->n, f->c, NULL);
    gn_array *res = device_array(f->context, f->dtype, f->m, 1, NULL);
    double loss, sum = 0;
    OK(f->context, gn_linearization_outputs(f->lin, out));
    OK(f->context, gn_linearization_residual(f->lin, res));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    double *values = host_values(out), *r = host_values(res), *y = host_values(f->targets), expected = 0;
    const bool classes = strstr(name, "classes") != NULL;
    const size_t positions = strstr(name, "two positions") ? 2 : 1;
    if (classes)
        expected = softmax(f->n * positions, f->c / positions, y, values);
    for (size_t m = 0; m < f->m; m++) {
        cr_assert(fabs(r[m] - (values[m] - y[m])) <= tolerance(f, 1e-15, 1e-6) * (1 + fabs(values[m])), "%s",
                  name);
        sum += r[m] * r[m];
    }
    expected = classes ? expected : sum / (double)f->m;
    cr_expect(fabs(loss - expected) < tolerance(f, 1e-14, 1e-6) * loss, "%s: loss %g", name, loss);
    gn_array_destroy(out), gn_array_destroy(res);
    free(values), free(r), free(y);
}

#define ON_EVERY_DEVICE(test)                                                                                \
    ParameterizedTestParameters(identities, test) {                                                          \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, identities, test) {                                                   \
        mlp_on_all(on->device, on->dtype, test);                                                             \
    }

ON_EVERY_DEVICE(finite_differences)
ON_EVERY_DEVICE(adjoint)
ON_EVERY_DEVICE(dense_against_unit_vectors)
ON_EVERY_DEVICE(rows_against_vjp)
ON_EVERY_DEVICE(vjp_before_and_after_rows)
ON_EVERY_DEVICE(jacobian_blocks)
ON_EVERY_DEVICE(gram)
ON_EVERY_DEVICE(normal)
ON_EVERY_DEVICE(gram_cross)
ON_EVERY_DEVICE(diagonal)

Test(identities, gram_cross_with_more_samples) {
    static const mlp_case small[] = {
        {.name = "1-8-1", .widths = {1, 8, 1}, .activation = "tanh", .samples = 10},
        {.name = "2-5-3", .widths = {2, 5, 3}, .activation = "sin", .samples = 4}};
    mlp_on_each("check", GN_FLOAT64, small, 2, gram_cross_with_more);
}
ON_EVERY_DEVICE(residual_and_loss)
