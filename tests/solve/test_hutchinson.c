/* Hutchinson's estimates against sums over the matrices' entries. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/hutchinson.h"
#include "solve/solve_case.h"

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(hutchinson, name) {                                                          \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, hutchinson, name)

/* b NULL: A alone. */
static gn_hutchinson_result estimate(const device_type *on, size_t n, const double *a, const double *b,
                                     size_t probes) {
    gn_context *context = device_open(on->device);
    dense_map *map_a = dense_map_create(context, on->dtype, n, n, a), *map_b = NULL;
    gn_hutchinson_options options = {.n = n, .probes = probes, .a = dense_operator(map_a), .seed = 21};
    gn_hutchinson *hutchinson;
    gn_hutchinson_result first, again;
    if (b) {
        map_b = dense_map_create(context, on->dtype, n, n, b);
        options.b = dense_operator(map_b);
    }
    OK(context, gn_hutchinson_create(context, on->dtype, &options, &hutchinson));
    OK(context, gn_hutchinson_run(hutchinson, &first));
    OK(context, gn_hutchinson_run(hutchinson, &again));
    cr_expect(first.trace_a.value == again.trace_a.value && first.trace_b.value == again.trace_b.value);
    gn_hutchinson_destroy(hutchinson);
    dense_map_destroy(map_a);
    if (b)
        dense_map_destroy(map_b);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
    return first;
}

static double trace_of(size_t n, const double *a) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i * n + i];
    return sum;
}

static void expect_within(gn_estimate found, double exact, const char *what) {
    cr_expect(fabs(found.value - exact) < 4 * found.error && found.error < 0.2 * fabs(exact),
              "%s: %g +- %g, not %g", what, found.value, found.error, exact);
}

ON_EVERY_DEVICE(is_exact_within_its_error) {
    enum { n = 50 };
    double *a = random_gram(n, n, 1), *b = random_gram(n, 20, 2), away = 0, size = 0;
    for (size_t i = 0; i < n * n; i++) {
        b[i] += a[i];
        away += (b[i] - a[i]) * (b[i] - a[i]);
        size += a[i] * a[i];
    }
    const gn_hutchinson_result found = estimate(on, n, a, b, 100);
    expect_within(found.trace_a, trace_of(n, a), "the trace of A");
    expect_within(found.trace_b, trace_of(n, b), "the trace of B");
    expect_within(found.difference, sqrt(away / size), "the difference");
    const gn_hutchinson_result alone = estimate(on, n, a, NULL, 100);
    cr_expect(alone.trace_a.value == found.trace_a.value && alone.trace_b.value == 0);
    free(a), free(b);
}

/* The error says how much an estimate varies: of 40 with 25 probes each the mean square deviation. */
Test(hutchinson, tells_its_error) {
    enum { n = 30, trials = 40, probes = 25 };
    double *a = random_gram(n, n, 3), squares = 0, said = 0;
    gn_context *context = device_open("cpu");
    dense_map *map = dense_map_create(context, GN_FLOAT64, n, n, a);
    for (uint64_t seed = 0; seed < trials; seed++) {
        const gn_hutchinson_options options = {
            .n = n, .probes = probes, .a = dense_operator(map), .seed = seed};
        gn_hutchinson *hutchinson;
        gn_hutchinson_result found;
        OK(context, gn_hutchinson_create(context, GN_FLOAT64, &options, &hutchinson));
        OK(context, gn_hutchinson_run(hutchinson, &found));
        squares += pow(found.trace_a.value - trace_of(n, a), 2) / trials;
        said += found.trace_a.error / trials;
        gn_hutchinson_destroy(hutchinson);
    }
    cr_expect(sqrt(squares) / said > 0.7 && sqrt(squares) / said < 1.4, "%g, said %g", sqrt(squares), said);
    dense_map_destroy(map);
    gn_context_destroy(context);
    free(a);
}

/* Signs give a diagonal's trace exactly; of equal matrices nothing is left; several blocks and part of one.
 */
ON_EVERY_DEVICE(knows_diagonals_exactly) {
    enum { n = 7 };
    double a[n * n] = {0}, zero[n * n] = {0}, trace = 0;
    for (int i = 0; i < n; i++)
        trace += a[i * n + i] = i - 2.5;
    static const size_t probes[] = {1, 8, 9, 20};
    for (int i = 0; i < 4; i++) {
        const gn_hutchinson_result found = estimate(on, n, a, a, probes[i]);
        cr_expect_float_eq(found.trace_a.value, trace, 1e-6);
        cr_expect_float_eq(found.trace_b.value, trace, 1e-6);
        cr_expect_eq(found.difference.value, 0);
        cr_expect(probes[i] == 1 ? isnan(found.trace_a.error) : found.trace_a.error == 0);
    }
    cr_expect(isnan(estimate(on, n, zero, a, 3).difference.value), "relative to nothing");
}

Test(hutchinson, tells_what_it_cannot_do) {
    gn_context *context = device_open("check");
    const double a[4] = {1, NAN, NAN, 1};
    dense_map *map = dense_map_create(context, GN_FLOAT64, 2, 2, a);
    gn_hutchinson_options options = {.n = 2, .probes = 0, .a = dense_operator(map)};
    gn_hutchinson *hutchinson;
    gn_hutchinson_result found;
    cr_expect_eq(gn_hutchinson_create(context, GN_FLOAT64, &options, &hutchinson), GN_ERROR_ARGUMENT);
    cr_expect_null(hutchinson);
    options.probes = 2;
    OK(context, gn_hutchinson_create(context, GN_FLOAT64, &options, &hutchinson));
    cr_expect_eq(gn_hutchinson_run(hutchinson, &found), GN_ERROR_NOT_FINITE);
    gn_hutchinson_destroy(hutchinson);
    dense_map_destroy(map);
    gn_context_destroy(context);
}
