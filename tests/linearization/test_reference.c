/* Outputs, derivatives and the NTK against values that PyTorch computed in float64. */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

#define TOLERANCE 1e-12

static void expect_array(const char *name, const char *path, const gn_array *array) {
    double *values = host_values(array);
    expect_reference(name, path, values, gn_array_count(array), TOLERANCE);
    free(values);
}

static void check_values(mlp_fixture *f, const char *name) {
    gn_array *outputs = device_array(f->context, GN_FLOAT64, f->n, f->c, NULL);
    gn_array *residual = device_array(f->context, GN_FLOAT64, f->m, 1, NULL);
    gn_array *gradient = device_array(f->context, GN_FLOAT64, f->p, 1, NULL);
    double loss;
    OK(f->context, gn_linearization_outputs(f->lin, outputs));
    OK(f->context, gn_linearization_residual(f->lin, residual));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    OK(f->context, gn_linearization_gradient(f->lin, gradient));
    expect_array(name, "/outputs", outputs);
    expect_array(name, "/residual", residual);
    expect_array(name, "/gradient", gradient);
    expect_reference(name, "/loss", &loss, 1, TOLERANCE);
    gn_array_destroy(outputs), gn_array_destroy(residual), gn_array_destroy(gradient);
}

static void check_products(mlp_fixture *f, const char *name) {
    size_t count;
    double *v = reference_array(name, "/jvp_v", &count), *u = reference_array(name, "/vjp_u", &count);
    gn_array *in = device_array(f->context, GN_FLOAT64, f->p, 1, v);
    gn_array *out = device_array(f->context, GN_FLOAT64, f->m, 1, NULL);
    OK(f->context, gn_linearization_jvp(f->lin, in, out));
    expect_array(name, "/jvp", out);
    OK(f->context, gn_array_write(out, u, f->m));
    OK(f->context, gn_linearization_vjp(f->lin, out, in));
    expect_array(name, "/vjp", in);
    OK(f->context, gn_linearization_diagonal(f->lin, in));
    expect_array(name, "/diagonal", in);
    gn_array_destroy(in), gn_array_destroy(out);
    free(v), free(u);
}

static void check_matrices(mlp_fixture *f, const char *name) {
    gn_array *j = device_array(f->context, GN_FLOAT64, f->m, f->p, NULL);
    gn_array *k = device_array(f->context, GN_FLOAT64, f->m, f->m, NULL);
    size_t count;
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, j));
    OK(f->context, gn_linearization_gram(f->lin, k));
    expect_array(name, "/ntk", k);
    double *rows = reference_array(name, "/jacobian_rows", &count), *values = host_values(j);
    if (rows) {
        double *subset = malloc(count * f->p * sizeof *subset);
        for (size_t i = 0; i < count * f->p; i++)
            subset[i] = values[(size_t)rows[i / f->p] * f->p + i % f->p];
        expect_reference(name, "/jacobian_subset", subset, count * f->p, TOLERANCE);
        free(subset);
    } else {
        expect_reference(name, "/jacobian", values, f->m * f->p, TOLERANCE);
    }
    gn_array_destroy(j), gn_array_destroy(k);
    free(rows), free(values);
}

ParameterizedTestParameters(reference, values_and_derivatives) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, reference, values_and_derivatives) {
    size_t count;
    const char *const *names = reference_names(&count);
    for (size_t i = 0; i < count && on->dtype == GN_FLOAT64; i++) {
        mlp_fixture f = reference_setup(on->device, names[i]);
        check_values(&f, names[i]);
        check_products(&f, names[i]);
        check_matrices(&f, names[i]);
        mlp_teardown(&f);
    }
}
