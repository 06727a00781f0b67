/* Hessian products against values that JAX computed in float64. */
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

#define TOLERANCE 1e-10

/* H v of the fixture at its point, by the file's v and product of `name`. */
static void check_product(mlp_fixture *f, const char *name) {
    char path[64];
    size_t count;
    snprintf(path, sizeof path, "/%s/v", name);
    double *v = reference_array("hessian", path, &count);
    cr_assert(v && count == f->p, "%s: %zu elements of v", name, count);
    gn_array *in = device_array(f->context, f->dtype, f->p, 1, v);
    gn_array *out = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_linearization_hessian_product(f->lin, in, out));
    double *product = host_values(out);
    snprintf(path, sizeof path, "/%s/product", name);
    expect_reference("hessian", path, product, f->p, TOLERANCE);
    gn_array_destroy(in), gn_array_destroy(out);
    free(v), free(product);
}

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTestParameters(hessian_reference, networks) {
    return parameters();
}

ParameterizedTest(device_type *on, hessian_reference, networks) {
    size_t count, size;
    const char *const *names = reference_names(&count);
    for (size_t i = 0; i < count && on->dtype == GN_FLOAT64; i++) {
        char path[64];
        snprintf(path, sizeof path, "/%s/v", names[i]);
        double *present = reference_array("hessian", path, &size);
        free(present);
        if (!present) /* of the large case and of the one that says no more than the others */
            continue;
        mlp_fixture f = reference_setup(on->device, names[i]);
        check_product(&f, names[i]);
        mlp_teardown(&f);
    }
}

ParameterizedTestParameters(hessian_reference, models) {
    return parameters();
}

ParameterizedTest(device_type *on, hessian_reference, models) {
    static const mlp_case cases[] = {
        {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .classes = true},
        {.name = "quadratic_network", .kind = QUADRATIC, .widths = {6, 5, 3}, .alpha = 1.5},
        {.name = "committee_network",
         .kind = COMMITTEE,
         .widths = {4, 7, 1},
         .alpha = 2,
         .epsilon = 0.25,
         .centred = true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases && on->dtype == GN_FLOAT64; i++) {
        mlp_fixture f = reference_setup_as(on->device, &cases[i]);
        check_product(&f, cases[i].name);
        mlp_teardown(&f);
    }
}

ParameterizedTestParameters(hessian_reference, transformers) {
    return parameters();
}

ParameterizedTest(device_type *on, hessian_reference, transformers) {
    static const char *const names[] = {"transformer_post", "transformer_pre"};
    for (size_t i = 0; i < 2 && on->dtype == GN_FLOAT64; i++) {
        mlp_fixture f = transformer_setup(on->device, names[i]);
        check_product(&f, names[i]);
        mlp_teardown(&f);
    }
}

static void write_from(mlp_fixture *f, const char *name, const char *path, gn_array *to) {
    size_t count;
    double *values = reference_array(name, path, &count);
    OK(f->context, gn_array_write(to, values, count));
    free(values);
}

/* With the weights of the rows. */
static void check_pde(const char *device, const mlp_case *from) {
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, from);
    gn_array *weights = device_array(f.context, f.dtype, f.m, 1, NULL);
    write_from(&f, from->name, "/inputs", f.inputs);
    write_from(&f, from->name, "/targets", f.targets);
    write_from(&f, from->name, "/weights", weights);
    write_from(&f, from->name, "/theta", f.theta);
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    OK(f.context, gn_linearization_set_weights(f.lin, weights));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    check_product(&f, from->name);
    gn_array_destroy(weights);
    mlp_teardown(&f);
}

ParameterizedTestParameters(hessian_reference, pdes) {
    return parameters();
}

ParameterizedTest(device_type *on, hessian_reference, pdes) {
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases && on->dtype == GN_FLOAT64; i++)
        check_pde(on->device, &cases[i]);
}
