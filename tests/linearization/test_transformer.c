/* Transformers against values that PyTorch computed in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

#define TOLERANCE 1e-12

typedef struct case_on {
    char device[16], name[32];
} case_on;

/* devices x cases */
static struct criterion_test_params cases(void) {
    size_t device_count, name_count, count = 0;
    const char *const *devices = device_names(&device_count), *const *names = transformer_names(&name_count);
    static case_on parameters[64];
    for (size_t i = 0; i < device_count; i++)
        for (size_t k = 0; k < name_count && count < 64; k++, count++) {
            snprintf(parameters[count].device, sizeof parameters[count].device, "%s", devices[i]);
            snprintf(parameters[count].name, sizeof parameters[count].name, "%s", names[k]);
        }
    return cr_make_param_array(case_on, parameters, count);
}

static void expect_array(const char *name, const char *path, const gn_array *array) {
    double *values = host_values(array);
    expect_reference(name, path, values, gn_array_count(array), TOLERANCE);
    free(values);
}

static gn_array *reference_on(const mlp_fixture *f, const char *name, const char *path) {
    size_t count;
    double *values = reference_array(name, path, &count);
    gn_array *array = device_array(f->context, f->dtype, count, 1, values);
    free(values);
    return array;
}

ParameterizedTestParameters(transformer, derivatives) {
    return cases();
}

ParameterizedTest(case_on *on, transformer, derivatives) {
    mlp_fixture f = transformer_setup(on->device, on->name);
    gn_array *outputs = device_array(f.context, f.dtype, f.n, f.c, NULL);
    gn_array *v = reference_on(&f, on->name, "/jvp_v"), *u = reference_on(&f, on->name, "/vjp_u");
    gn_array *jv = device_array(f.context, f.dtype, f.m, 1, NULL);
    gn_array *jtu = device_array(f.context, f.dtype, f.p, 1, NULL);
    gn_array *k = device_array(f.context, f.dtype, f.m, f.m, NULL);
    OK(f.context, gn_linearization_outputs(f.lin, outputs));
    OK(f.context, gn_linearization_jvp(f.lin, v, jv));
    OK(f.context, gn_linearization_vjp(f.lin, u, jtu));
    OK(f.context, gn_linearization_gram(f.lin, k));
    expect_array(on->name, "/outputs", outputs);
    expect_array(on->name, "/jvp", jv);
    expect_array(on->name, "/vjp", jtu);
    expect_array(on->name, "/ntk", k);
    OK(f.context, gn_linearization_diagonal(f.lin, jtu));
    expect_array(on->name, "/diagonal", jtu);
    gn_array_destroy(outputs), gn_array_destroy(v), gn_array_destroy(u), gn_array_destroy(jv);
    gn_array_destroy(jtu), gn_array_destroy(k);
    mlp_teardown(&f);
}

ParameterizedTestParameters(transformer, cross_entropy) {
    return cases();
}

ParameterizedTest(case_on *on, transformer, cross_entropy) {
    size_t count;
    double *expected = reference_array(on->name, "/loss", &count), loss;
    if (!expected) /* several positions are read */
        return;
    mlp_fixture f = transformer_setup(on->device, on->name);
    gn_array *out = reference_on(&f, on->name, "/jvp_v");
    OK(f.context, gn_linearization_loss(f.lin, &loss));
    cr_expect(fabs(loss - *expected) < TOLERANCE * *expected, "%s: loss %.17g", on->name, loss);
    OK(f.context, gn_linearization_ggn_product(f.lin, 1.0 / (double)f.n, out, out));
    expect_array(on->name, "/ggn_product", out);
    OK(f.context, gn_linearization_gradient(f.lin, out));
    expect_array(on->name, "/gradient", out);
    gn_array_destroy(out);
    mlp_teardown(&f);
    free(expected);
}
