/* Lanczos against matrices whose eigenvalues are known. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/lanczos.h"
#include "solve/solve_case.h"

typedef struct fixture {
    gn_context *context;
    dense_map *map;
    gn_lanczos *lanczos;
    size_t n, steps;
} fixture;

static fixture setup(const device_type *on, size_t n, size_t steps, const double *a) {
    fixture f = {.context = device_open(on->device), .n = n, .steps = steps};
    f.map = dense_map_create(f.context, on->dtype, n, n, a);
    const gn_lanczos_options options = {.n = n, .steps = steps, .a = dense_operator(f.map), .seed = 3};
    OK(f.context, gn_lanczos_create(f.context, on->dtype, &options, &f.lanczos));
    return f;
}

static void teardown(fixture *f) {
    gn_lanczos_destroy(f->lanczos);
    dense_map_destroy(f->map);
    cr_expect_eq(gn_context_allocated(f->context), 0);
    gn_context_destroy(f->context);
}

static double rounding_of(const device_type *on) {
    return 200 * (on->dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON);
}

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(lanczos, name) {                                                             \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, lanczos, name)

/* |A x - value x| for Ritz value number i */
static double distance(fixture *f, const device_type *on, const double *a, size_t i) {
    gn_array *x = device_array(f->context, on->dtype, f->n, 1, NULL);
    OK(f->context, gn_lanczos_vector(f->lanczos, i, x->data));
    double *vector = host_values(x), *product = malloc(f->n * sizeof *product);
    multiply_dense(f->n, f->n, a, vector, product);
    cr_expect(fabs(sqrt(dot_dense(f->n, vector, vector)) - 1) < rounding_of(on));
    for (size_t k = 0; k < f->n; k++)
        product[k] -= gn_lanczos_values(f->lanczos)[i] * vector[k];
    const double found = sqrt(dot_dense(f->n, product, product));
    free(vector), free(product);
    gn_array_destroy(x);
    return found;
}

/* As many steps as unknowns find every eigenvalue, also negative ones. */
ON_EVERY_DEVICE(finds_all_eigenvalues) {
    enum { n = 30 };
    double lambda[n];
    for (int i = 0; i < n; i++)
        lambda[i] = -4 + 0.5 * i + 0.1 * sin(i);
    double *a = matrix_with_spectrum(n, lambda, 5);
    fixture f = setup(on, n, n, a);
    for (int run = 0; run < 2; run++) {
        OK(f.context, gn_lanczos_run(f.lanczos));
        cr_assert_eq(gn_lanczos_count(f.lanczos), n);
        for (int i = 0; i < n; i++)
            cr_expect(fabs(gn_lanczos_values(f.lanczos)[i] - lambda[i]) < 10 * rounding_of(on),
                      "%d: %g, not %g", i, gn_lanczos_values(f.lanczos)[i], lambda[i]);
    }
    free(a);
    teardown(&f);
}

/* Few steps find the ends, and the bounds are what the vectors say. */
ON_EVERY_DEVICE(finds_the_extremes_first) {
    enum { n = 120, steps = 30 };
    double lambda[n];
    for (int i = 0; i < n; i++)
        lambda[i] = i == 0 ? -2 : i == n - 1 ? 9 : (double)i / n;
    double *a = matrix_with_spectrum(n, lambda, 7);
    fixture f = setup(on, n, steps, a);
    OK(f.context, gn_lanczos_run(f.lanczos));
    const double *values = gn_lanczos_values(f.lanczos), *bounds = gn_lanczos_bounds(f.lanczos);
    cr_assert_eq(gn_lanczos_count(f.lanczos), steps);
    cr_expect(fabs(values[0] + 2) < 10 * rounding_of(on) &&
                  fabs(values[steps - 1] - 9) < 10 * rounding_of(on),
              "%.17g %.17g", values[0], values[steps - 1]);
    for (size_t i = 0; i < steps; i++) {
        const double found = distance(&f, on, a, i);
        cr_expect(fabs(found - bounds[i]) < 50 * rounding_of(on), "%zu: %g, bound %g", i, found, bounds[i]);
    }
    cr_expect(bounds[steps / 2] > 1e-3, "inner ones have not converged: %g", bounds[steps / 2]);
    cr_expect_eq(gn_lanczos_vector(f.lanczos, steps, NULL), GN_ERROR_ARGUMENT);
    free(a);
    teardown(&f);
}

/* Three distinct eigenvalues: an invariant space of three vectors. */
ON_EVERY_DEVICE(stops_in_an_invariant_space) {
    enum { n = 40 };
    double lambda[n];
    for (int i = 0; i < n; i++)
        lambda[i] = 1 + i % 3;
    double *a = matrix_with_spectrum(n, lambda, 9);
    fixture f = setup(on, n, 20, a);
    OK(f.context, gn_lanczos_run(f.lanczos));
    cr_assert_eq(gn_lanczos_count(f.lanczos), 3, "%zu", gn_lanczos_count(f.lanczos));
    for (int i = 0; i < 3; i++)
        cr_expect(fabs(gn_lanczos_values(f.lanczos)[i] - 1 - i) < rounding_of(on));
    free(a);
    teardown(&f);
}

Test(lanczos, tells_what_it_cannot_do) {
    const device_type on = {"check", GN_FLOAT64};
    const double a[4] = {1, NAN, NAN, 1};
    fixture f = setup(&on, 2, 2, a);
    const gn_lanczos_options options = {.n = 2, .steps = 3, .a = dense_operator(f.map)};
    gn_lanczos *none;
    cr_expect_eq(gn_lanczos_run(f.lanczos), GN_ERROR_NOT_FINITE);
    cr_expect_eq(gn_lanczos_create(f.context, GN_FLOAT64, &options, &none), GN_ERROR_ARGUMENT);
    cr_expect_null(none);
    teardown(&f);
}
