/* Damped symmetric solves against Gaussian elimination in long double, by both methods. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/solve_case.h"
#include "solve/symmetric.h"

typedef struct system_fixture {
    gn_context *context;
    gn_symmetric *symmetric;
    gn_array *b, *x;
    size_t n;
} system_fixture;

static system_fixture setup(const char *device, gn_dtype dtype, size_t n, gn_symmetric_options options,
                            const double *b) {
    system_fixture f = {.n = n};
    f.context = device_open(device);
    OK(f.context, gn_symmetric_create(f.context, dtype, n + 3, options, &f.symmetric));
    f.b = device_array(f.context, dtype, n, 1, b);
    f.x = device_array(f.context, dtype, n, 1, NULL);
    return f;
}

static void teardown(system_fixture *f) {
    gn_symmetric_destroy(f->symmetric);
    gn_array_destroy(f->b);
    gn_array_destroy(f->x);
    gn_context_destroy(f->context);
}

static void load(system_fixture *f, gn_dtype dtype, const double *a) {
    gn_array view = gn_array_view(f->context, dtype, f->n, f->n, gn_symmetric_matrix(f->symmetric, f->n));
    OK(f->context, gn_array_write(&view, a, f->n * f->n));
}

static double *solve(system_fixture *f, gn_damped damped) {
    OK(f->context, gn_symmetric_solve(f->symmetric, damped, f->b->data, f->x->data));
    return host_values(f->x);
}

static void check_size(const char *device, gn_dtype dtype, size_t n, gn_symmetric_options options) {
    double *a = random_gram(n, n + 2, n), *b = random_values(n + 1, n),
           *expected = malloc((n + 1) * sizeof *expected);
    system_fixture f = setup(device, dtype, n, options, b);
    load(&f, dtype, a);
    double mus[2] = {0.3, 0.05};
    for (int k = 0; k < (options.repeated || options.method == GN_SYMMETRIC_SPECTRAL ? 2 : 1); k++) {
        double *x = solve(&f, (gn_damped){.damping = mus[k], .cutoff = -1});
        eliminate(n, a, mus[k], b, expected);
        double error = relative_difference(n, x, expected), allowed = dtype == GN_FLOAT64 ? 1e-12 : 2e-3;
        cr_expect(error < allowed, "n = %zu, mu = %g: %g", n, mus[k], error);
        free(x);
    }
    teardown(&f);
    free(a), free(b), free(expected);
}

ParameterizedTestParameters(symmetric, against_elimination) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, symmetric, against_elimination) {
    const size_t sizes[] = {1, 2, 3, 31, 33, 100};
    const gn_symmetric_options methods[] = {
        {GN_SYMMETRIC_CHOLESKY, false}, {GN_SYMMETRIC_CHOLESKY, true}, {GN_SYMMETRIC_SPECTRAL, false}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            check_size(on->device, on->dtype, sizes[i], methods[k]);
}

Test(symmetric, cutoff_gives_the_pseudo_inverse) {
    enum { n = 12, rank = 5 };
    double *a = random_gram(n, rank, 7), *y = random_values(8, n), b[n] = {0}, again[n] = {0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            b[i] += a[i * n + j] * y[j]; /* in the range of A */
    system_fixture f = setup("check", GN_FLOAT64, n, (gn_symmetric_options){GN_SYMMETRIC_SPECTRAL, false}, b);
    load(&f, GN_FLOAT64, a);
    double *x = solve(&f, (gn_damped){.cutoff = 1e-10}), slots[2];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            again[i] += a[i * n + j] * x[j];
    cr_expect(relative_difference(n, again, b) < 1e-11);
    OK(f.context, gn_slots_read(f.context, gn_symmetric_slots(f.symmetric), 2, slots));
    cr_expect(slots[0] == 0 && slots[1] == rank, "mu %g, kept %g", slots[0], slots[1]);
    free(x);

    /* a cut-off between two eigenvalues leaves out what lies below it */
    gn_array view = gn_array_view(f.context, GN_FLOAT64, n, 1, (void *)gn_symmetric_values(f.symmetric));
    double *values = host_values(&view), between = sqrt(values[n - 2] * values[n - 3]) / values[n - 1];
    x = solve(&f, (gn_damped){.cutoff = between});
    OK(f.context, gn_slots_read(f.context, gn_symmetric_slots(f.symmetric), 2, slots));
    cr_expect(slots[1] == 2, "kept %g", slots[1]);
    free(x), free(values), free(a), free(y);
    teardown(&f);
}

Test(symmetric, floor_keeps_a_singular_matrix_solvable) {
    enum { n = 10 };
    double *a = random_gram(n, 3, 9), *b = random_values(10, n), slots[1], trace = 0;
    for (int i = 0; i < n; i++)
        trace += a[i * n + i];
    system_fixture f = setup("check", GN_FLOAT64, n, (gn_symmetric_options){GN_SYMMETRIC_CHOLESKY, false}, b);
    load(&f, GN_FLOAT64, a);
    double *x = solve(&f, (gn_damped){.damping = 0, .floor = 1e-6, .cutoff = -1});
    OK(f.context, gn_slots_read(f.context, gn_symmetric_slots(f.symmetric), 1, slots));
    cr_expect(fabs(slots[0] - 1e-6 * trace) < 1e-14 * trace);
    double expected[n];
    eliminate(n, a, slots[0], b, expected);
    cr_expect(relative_difference(n, x, expected) < 1e-8);
    free(x), free(a), free(b);
    teardown(&f);
}

Test(symmetric, says_when_a_matrix_is_not_positive_definite) {
    double a[4] = {1, 2, 2, 1}, b[2] = {1, 1};
    system_fixture f = setup("check", GN_FLOAT64, 2, (gn_symmetric_options){GN_SYMMETRIC_CHOLESKY, false}, b);
    load(&f, GN_FLOAT64, a);
    gn_status status =
        gn_symmetric_solve(f.symmetric, (gn_damped){.damping = 0.1, .cutoff = -1}, f.b->data, f.x->data);
    cr_expect(status == GN_ERROR_NOT_POSITIVE_DEFINITE);
    teardown(&f);
}
