/* Kronecker factors of layers against the Gauss-Newton matrix itself. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "linearization/linearization.h"
#include "network/network.h"

#include "mlp_case.h"

/* B' (M x P), J'H J = B B'. */
static double *root_rows(mlp_fixture *f) {
    gn_array *j = device_array(f->context, f->dtype, f->m, f->p, NULL);
    OK(f->context, gn_linearization_root_jacobian(f->lin, 0, f->n, j));
    double *values = host_values(j);
    gn_array_destroy(j);
    return values;
}

/* Parameter of weight [o, i], or of bias o where i is the last of in'. */
static size_t place(const gn_linearization_layer *l, size_t o, size_t i) {
    return i < l->in ? l->weight + o * l->in + i : l->bias + o;
}

/* sum over rows of B' of their products, for two parameters */
static double entry(const mlp_fixture *f, const double *rows, size_t p, size_t q) {
    double sum = 0;
    for (size_t m = 0; m < f->m; m++)
        sum += rows[m * f->p + p] * rows[m * f->p + q];
    return sum;
}

static double *whole(size_t n, const gn_array *lower) {
    double *values = host_values(lower);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            values[i * n + j] = values[j * n + i];
    return values;
}

/* The largest difference of scale times the layer's block and b (x) a, over the block's largest entry. */
static double block_error(mlp_fixture *f, const double *rows, size_t layer, double scale) {
    const gn_linearization_layer l = gn_linearization_layer_of(f->lin, layer);
    const size_t in = l.in + (l.bias != GN_NO_PARAMETER);
    gn_array *a = device_array(f->context, f->dtype, in, in, NULL),
             *b = device_array(f->context, f->dtype, l.out, l.out, NULL);
    OK(f->context, gn_linearization_layer_factors(f->lin, layer, scale, a->data, b->data));
    double *ha = whole(in, a), *hb = whole(l.out, b), largest = 0, worst = 0;
    for (size_t o = 0; o < l.out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t p = 0; p < l.out; p++)
                for (size_t k = 0; k < in; k++) {
                    const double expected = scale * entry(f, rows, place(&l, o, i), place(&l, p, k));
                    largest = fmax(largest, fabs(expected));
                    worst = fmax(worst, fabs(hb[o * l.out + p] * ha[i * in + k] - expected));
                }
    gn_array_destroy(a), gn_array_destroy(b);
    free(ha), free(hb);
    return worst / fmax(largest, 1e-300);
}

ParameterizedTestParameters(layers, one_sample_has_kronecker_blocks) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

/* A sample's rows of a layer are d (x) [x, 1], so that of one sample the factors are exact: of any network
 * with one position, under both losses. */
ParameterizedTest(device_type *on, layers, one_sample_has_kronecker_blocks) {
    static const mlp_case cases[] = {
        {.name = "squared", .widths = {3, 5, 4, 2}, .activation = "tanh", .samples = 1},
        {.name = "no bias", .widths = {3, 5, 2}, .activation = "sin", .samples = 1, .no_bias = true},
        {.name = "classes", .widths = {3, 5, 4}, .activation = "gelu", .samples = 1, .classes = true},
        {.name = "quadratic", .kind = QUADRATIC, .widths = {4, 5, 3}, .samples = 1, .alpha = 2},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[k]);
        double *rows = root_rows(&f);
        const size_t count = gn_linearization_layers(f.lin);
        cr_expect_eq(count, cases[k].widths[3] ? 3 : 2, "%s has %zu layers", cases[k].name, count);
        for (size_t i = 0; i < count; i++) {
            const double error = block_error(&f, rows, i, 0.7);
            cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-12 : 1e-5), "%s, layer %zu: %g", cases[k].name, i,
                      error);
        }
        free(rows);
        mlp_teardown(&f);
    }
}

ParameterizedTestParameters(layers, maps_without_activation_have_one) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

/* Of one linear layer all samples have the same cotangents: the product is exact again. */
ParameterizedTest(device_type *on, layers, maps_without_activation_have_one) {
    static const mlp_case linear = {.widths = {3, 4}, .activation = "tanh", .samples = 17};
    mlp_fixture f = mlp_setup(on->device, on->dtype, &linear);
    double *rows = root_rows(&f);
    cr_expect_eq(gn_linearization_layers(f.lin), 1);
    const double error = block_error(&f, rows, 0, 2);
    cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-12 : 1e-5), "%g", error);
    free(rows);
    mlp_teardown(&f);
}

/* What a transformer has beside linear maps: embeddings and layer norms. */
Test(layers, the_rest_has_its_diagonal) {
    size_t count;
    const mlp_case *cases = mlp_transformers(&count);
    for (size_t k = 0; k < count; k++) {
        mlp_fixture f = mlp_setup("check", GN_FLOAT64, &cases[k]);
        gn_array *rest = device_array(f.context, f.dtype, f.p, 1, NULL),
                 *all = device_array(f.context, f.dtype, f.p, 1, NULL);
        OK(f.context, gn_linearization_rest_diagonal(f.lin, rest));
        OK(f.context, gn_linearization_ggn_diagonal(f.lin, all));
        double *found = host_values(rest), *expected = host_values(all);
        size_t outside = f.p;
        for (size_t i = 0; i < gn_linearization_layers(f.lin); i++) {
            const gn_linearization_layer l = gn_linearization_layer_of(f.lin, i);
            for (size_t p = 0; p < l.out * l.in; p++)
                expected[l.weight + p] = 0;
            outside -= l.out * l.in;
            for (size_t p = 0; l.bias != GN_NO_PARAMETER && p < l.out; p++) {
                expected[l.bias + p] = 0;
                outside--;
            }
        }
        cr_expect(outside > 0 && outside < f.p, "%zu of %zu", outside, f.p);
        const double error = relative_difference(f.p, found, expected);
        cr_expect(error < 1e-14, "%s: %g", cases[k].name, error);
        free(found), free(expected);
        gn_array_destroy(rest), gn_array_destroy(all);
        mlp_teardown(&f);
    }
}
