/* The first-order model: the network's linearization at theta_0, and elsewhere f_0 + J_0 (theta - theta_0) by
 * plain loops over J_0, with every product still J_0's and the loss's root at the model's own outputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "linearization/frozen.h"
#include "linearization/linearization.h"
#include "mlp_case.h"

typedef struct model {
    mlp_fixture *net;
    gn_linearization *lin;
    gn_array *at; /* P: the point */
    double *j;    /* M x P: J_0 */
} model;

static gn_array *rows(const model *m, size_t count) {
    return device_array(m->net->context, m->net->dtype, count, 1, NULL);
}

static double tolerance(const model *m) {
    return m->net->dtype == GN_FLOAT64 ? 1e-12 : 1e-4;
}

static void expect_same(const model *m, const char *what, const char *name, size_t count, const double *found,
                        const double *expected) {
    const double error = relative_difference(count, found, expected);
    cr_expect(error < tolerance(m), "%s, %s: %g", name, what, error);
}

static model setup(mlp_fixture *f) {
    model m = {.net = f, .at = device_array(f->context, f->dtype, f->p, 1, NULL)};
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    double *theta = host_values(f->theta), *moved = random_values(41, f->p);
    OK(f->context, gn_linearization_set_reference(f->lin, f->theta));
    OK(f->context, gn_linearization_set_batch(f->lin, f->inputs, f->targets));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
    for (size_t i = 0; i < f->p; i++)
        moved[i] = theta[i] + 0.3 * moved[i];
    OK(f->context, gn_array_write(m.at, moved, f->p));
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    m.j = host_values(j);
    OK(f->context,
       gn_linearization_create_frozen(f->network, f->lin->loss, f->dtype, f->n, f->theta, &m.lin));
    OK(f->context, gn_linearization_set_batch(m.lin, f->inputs, f->targets));
    gn_array_destroy(j);
    free(theta), free(moved);
    return m;
}

static void teardown(model *m) {
    gn_linearization_destroy(m->lin);
    gn_array_destroy(m->at);
    free(m->j);
}

typedef gn_status vector_of(gn_linearization *lin, gn_array *out);

static double *values_of(const model *m, gn_linearization *lin, size_t count, vector_of *entry) {
    gn_array *out = rows(m, count);
    OK(m->net->context, entry(lin, out));
    double *values = host_values(out);
    gn_array_destroy(out);
    return values;
}

typedef gn_status product_of(gn_linearization *lin, const gn_array *in, gn_array *out);

static double *product(const model *m, product_of *entry, size_t from, const double *values, size_t to) {
    gn_array *in = device_array(m->net->context, m->net->dtype, from, 1, values), *out = rows(m, to);
    OK(m->net->context, entry(m->lin, in, out));
    double *result = host_values(out);
    gn_array_destroy(in);
    gn_array_destroy(out);
    return result;
}

/* sum_i j[row, i] v[i] */
static double *times(const double *j, size_t count, size_t p, const double *v) {
    double *jv = calloc(count, sizeof *jv);
    for (size_t row = 0; row < count; row++)
        for (size_t i = 0; i < p; i++)
            jv[row] += j[row * p + i] * v[i];
    return jv;
}

/* ---- at theta_0 ---- */

static void is_the_network_at_the_start(model *m, const char *name) {
    static const struct {
        const char *what;
        vector_of *entry;
        bool rows;
    } vectors[] = {{"residual", gn_linearization_residual, true},
                   {"outputs", gn_linearization_outputs, true},
                   {"gradient", gn_linearization_gradient, false},
                   {"diagonal", gn_linearization_ggn_diagonal, false}};
    double loss, expected;
    OK(m->net->context, gn_linearization_set_point(m->lin, m->net->theta));
    OK(m->net->context, gn_linearization_set_point(m->net->lin, m->net->theta)); /* forgets its rows */
    OK(m->net->context, gn_linearization_loss(m->lin, &loss));
    OK(m->net->context, gn_linearization_loss(m->net->lin, &expected));
    cr_expect_eq(loss, expected, "%s", name);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const size_t count = vectors[i].rows ? m->net->m : m->net->p;
        double *mine = values_of(m, m->lin, count, vectors[i].entry),
               *its = values_of(m, m->net->lin, count, vectors[i].entry);
        cr_expect_arr_eq(mine, its, count * sizeof *mine, "%s: %s", name, vectors[i].what);
        free(mine), free(its);
    }
}

/* ---- elsewhere ---- */

static void is_of_first_order(model *m, const char *name) {
    const size_t p = m->net->p, rows_count = m->net->m;
    double *f0 = values_of(m, m->net->lin, rows_count, gn_linearization_outputs);
    double *theta = host_values(m->net->theta), *moved = host_values(m->at);
    for (size_t i = 0; i < p; i++)
        moved[i] -= theta[i];
    double *change = times(m->j, rows_count, p, moved);
    for (size_t i = 0; i < rows_count; i++)
        change[i] += f0[i];
    double *f = values_of(m, m->lin, rows_count, gn_linearization_outputs);
    expect_same(m, "outputs", name, rows_count, f, change);
    free(f0), free(theta), free(moved), free(change), free(f);
}

static double loss_at(model *m, const double *theta) {
    double loss;
    gn_array *at = device_array(m->net->context, m->net->dtype, m->net->p, 1, theta);
    OK(m->net->context, gn_linearization_set_point(m->lin, at));
    OK(m->net->context, gn_linearization_loss(m->lin, &loss));
    gn_array_destroy(at);
    OK(m->net->context, gn_linearization_set_point(m->lin, m->at));
    return loss;
}

/* The gradient against central differences of the model's own loss. */
static void has_its_gradient(model *m, const char *name) {
    const size_t p = m->net->p;
    const double h = 1e-5;
    double *g = values_of(m, m->lin, p, gn_linearization_gradient), *v = random_values(42, p),
           *at = host_values(m->at), slope = 0, size = 0;
    for (size_t i = 0; i < p; i++) {
        slope += g[i] * v[i];
        size += fabs(g[i] * v[i]);
        at[i] += h * v[i];
    }
    double difference = loss_at(m, at);
    for (size_t i = 0; i < p; i++)
        at[i] -= 2 * h * v[i];
    difference = (difference - loss_at(m, at)) / (2 * h);
    cr_expect(fabs(slope - difference) < 1e-7 * size, "%s: slope %.12g, differences %.12g", name, slope,
              difference);
    free(g), free(v), free(at);
}

static void has_the_first_jacobian(model *m, const char *name) {
    const size_t p = m->net->p, count = m->net->m;
    double *v = random_values(43, p), *u = random_values(44, count);
    double *jv = product(m, gn_linearization_jvp, p, v, count), *expected = times(m->j, count, p, v);
    double *jtu = product(m, gn_linearization_vjp, count, u, p), left = 0, right = 0, size = 0;
    expect_same(m, "J v", name, count, jv, expected);
    for (size_t i = 0; i < count; i++) {
        left += jv[i] * u[i];
        size += fabs(jv[i] * u[i]);
    }
    for (size_t i = 0; i < p; i++)
        right += v[i] * jtu[i];
    cr_expect(fabs(left - right) < 10 * tolerance(m) * size, "%s: <Jv,u> %.15g, <v,J'u> %.15g", name, left,
              right);
    gn_array *k = device_array(m->net->context, m->net->dtype, count, count, NULL);
    OK(m->net->context, gn_linearization_gram(m->lin, k));
    double *gram = host_values(k), *jjt = calloc(count * count, sizeof *jjt);
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            for (size_t i = 0; i < p; i++)
                jjt[a * count + b] += m->j[a * p + i] * m->j[b * p + i];
    expect_same(m, "J J'", name, count * count, gram, jjt);
    gn_array_destroy(k);
    free(v), free(u), free(jv), free(expected), free(jtu), free(gram), free(jjt);
}

/* Rows of S'J, whose S the network's rows begin with, against S' of J v, whose S is the model's. */
static void has_one_root(model *m, const char *name) {
    const size_t p = m->net->p, count = m->net->m;
    double *v = random_values(45, p), *u = random_values(46, count);
    gn_array *j = device_array(m->net->context, m->net->dtype, count, p, NULL);
    OK(m->net->context, gn_linearization_root_jacobian(m->lin, 0, m->net->n, j));
    double *root = host_values(j), *expected = times(root, count, p, v);
    double *found = product(m, gn_linearization_root_jvp, p, v, count);
    expect_same(m, "S'J v", name, count, found, expected);
    double *by_rows = product(m, gn_linearization_root_vjp, count, u, p),
           *by_pass = product(m, gn_linearization_root_pull, count, u, p);
    expect_same(m, "J'S u", name, p, by_rows, by_pass);
    gn_array_destroy(j);
    free(v), free(u), free(root), free(expected), free(found), free(by_rows), free(by_pass);
}

static void check(mlp_fixture *f, const char *name) {
    model m = setup(f);
    is_the_network_at_the_start(&m, name);
    OK(f->context, gn_linearization_set_point(m.lin, m.at));
    is_of_first_order(&m, name);
    if (f->dtype == GN_FLOAT64)
        has_its_gradient(&m, name);
    has_the_first_jacobian(&m, name);
    has_one_root(&m, name);
    teardown(&m);
}

static void on_each(const device_type *on, const mlp_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        check(&f, cases[i].name);
        mlp_teardown(&f);
    }
}

ParameterizedTestParameters(frozen, is_the_first_order_model) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}
ParameterizedTest(device_type *on, frozen, is_the_first_order_model) {
    size_t count;
    const mlp_case *cases = mlp_shapes(&count);
    on_each(on, cases, count);
    cases = mlp_pdes(&count);
    on_each(on, cases, 1);
    cases = mlp_classes(&count);
    on_each(on, cases, count - 1); /* the last one's loss is too steep for differences */
    cases = mlp_transformers(&count);
    on_each(on, cases, 2);
}
