/* LSMR against dense least squares, by elimination in long double. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/lsmr.h"
#include "solve/solve_case.h"

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

enum { MOST_ROWS = 4 };

typedef struct fixture {
    gn_context *context;
    gn_dtype dtype;
    dense_map *map;
    gn_lsmr *lsmr;
    size_t rows, m, n;
    gn_lsmr_report reports[MOST_ROWS];
} fixture;

static fixture setup(const char *device, gn_dtype dtype, size_t rows, size_t m, size_t n, const double *a) {
    fixture f = {.context = device_open(device), .dtype = dtype, .rows = rows, .m = m, .n = n};
    f.map = dense_map_create(f.context, dtype, m, n, a);
    const gn_lsmr_options options = {.rows = rows, .m = m, .n = n, .a = dense_operator(f.map)};
    const size_t before = gn_context_allocated(f.context);
    OK(f.context, gn_lsmr_create(f.context, dtype, &options, &f.lsmr));
    cr_expect_eq((double)(gn_context_allocated(f.context) - before), gn_lsmr_bytes(dtype, &options));
    return f;
}

static void teardown(fixture *f) {
    gn_lsmr_destroy(f->lsmr);
    dense_map_destroy(f->map);
    cr_expect_eq(gn_context_allocated(f->context), 0);
    gn_context_destroy(f->context);
}

static double *solve(fixture *f, const double *b) {
    write_vector(f->context, f->dtype, f->rows * f->m, gn_lsmr_right_hand_side(f->lsmr), b);
    OK(f->context, gn_lsmr_solve(f->lsmr));
    OK(f->context, gn_lsmr_report_read(f->lsmr, f->reports));
    return read_vector(f->context, f->dtype, f->rows * f->n, gn_lsmr_solution(f->lsmr));
}

static double epsilon_of(gn_dtype dtype) {
    return dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
}

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(lsmr, name) {                                                                \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, lsmr, name)

/* x = (A'A + mu I)^-1 A'b, or A'(AA' + mu I)^-1 b, whichever system is smaller: the same, and for mu = 0 the
 * solution of least norm. */
static void least_squares(size_t m, size_t n, const double *a, double mu, const double *b, double *x) {
    const size_t size = m < n ? m : n;
    double *gram = calloc(size * size, sizeof *gram), *right = calloc(size, sizeof *right),
           *y = calloc(size, sizeof *y);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            for (size_t k = 0; k < (m < n ? n : m); k++)
                gram[i * size + j] += m < n ? a[i * n + k] * a[j * n + k] : a[k * n + i] * a[k * n + j];
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < m; k++)
            right[i] += m < n ? (i == k ? b[k] : 0) : a[k * n + i] * b[k];
    eliminate(size, gram, mu, right, y);
    for (size_t i = 0; i < n; i++) {
        x[i] = m < n ? 0 : y[i];
        for (size_t k = 0; m < n && k < m; k++)
            x[i] += a[k * n + i] * y[k];
    }
    free(gram), free(right), free(y);
}

/* Uniform entries, with the first `size` diagonal ones raised: well conditioned. */
static double *raised_matrix(size_t m, size_t n, uint64_t seed) {
    double *a = random_values(seed, m * n);
    for (size_t i = 0; i < m && i < n; i++)
        a[i * n + i] += 3 + 0.5 * sqrt((double)(m > n ? m : n));
    return a;
}

static void check_solution(const device_type *on, size_t m, size_t n, double mu) {
    const double relative = 20 * epsilon_of(on->dtype);
    double *a = raised_matrix(m, n, m + n), *b = random_values(m + 7, m), *expected = malloc(n * sizeof *b);
    fixture f = setup(on->device, on->dtype, 1, m, n, a);
    OK(f.context,
       gn_lsmr_set_rule(f.lsmr, 0, (gn_solve_rule){.damping = mu, .relative = relative, .limit = 300}));
    double *x = solve(&f, b);
    least_squares(m, n, a, mu, b, expected);
    const double error = relative_difference(n, x, expected);
    cr_expect_eq(f.reports[0].reason, GN_STOP_CONVERGED, "%zu x %zu: %s", m, n,
                 gn_stop_text(f.reports[0].reason));
    cr_expect(error < 100 * relative, "%zu x %zu, mu = %g: %g after %zu", m, n, mu, error,
              f.reports[0].iterations);
    free(x), free(a), free(b), free(expected);
    teardown(&f);
}

ON_EVERY_DEVICE(agrees_with_dense_least_squares) {
    const size_t shapes[][2] = {{1, 1}, {5, 3}, {3, 5}, {1, 7}, {40, 25}, {25, 40}, {33, 33}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_solution(on, shapes[i][0], shapes[i][1], 0);
        check_solution(on, shapes[i][0], shapes[i][1], 0.3);
    }
}

/* |A'(b - A x) - mu x| */
static double normal_residual(size_t m, size_t n, const double *a, double mu, const double *b,
                              const double *x) {
    double *r = malloc(m * sizeof *r), square = 0;
    multiply_dense(m, n, a, x, r);
    for (size_t j = 0; j < n; j++) {
        double sum = -mu * x[j];
        for (size_t i = 0; i < m; i++)
            sum += a[i * n + j] * (b[i] - r[i]);
        square += sum * sum;
    }
    free(r);
    return sqrt(square);
}

/* What it says of the residual is true at every step, and never grows: so that k steps are the best k. */
ON_EVERY_DEVICE(tells_the_residual_of_each_step) {
    enum { m = 30, n = 20 };
    const double mu = 0.05, zero[n] = {0};
    double *a = raised_matrix(m, n, 3), *b = random_values(4, m);
    fixture f = setup(on->device, on->dtype, 1, m, n, a);
    double last = normal_residual(m, n, a, mu, b, zero);
    for (size_t limit = 0; limit < 8; limit++) {
        const gn_solve_rule rule = {.damping = mu, .limit = (double)limit};
        OK(f.context, gn_lsmr_set_rule(f.lsmr, 0, rule));
        double *x = solve(&f, b);
        const double found = normal_residual(m, n, a, mu, b, x), told = f.reports[0].residual;
        cr_expect(f.reports[0].reason == GN_STOP_ITERATIONS && f.reports[0].iterations == limit);
        cr_expect(fabs(found - told) < 1e3 * epsilon_of(on->dtype) * last, "after %zu: %g, told %g", limit,
                  found, told);
        cr_expect(told <= last * (1 + 1e-6), "after %zu: %g, before %g", limit, told, last);
        last = told;
        free(x);
    }
    free(a), free(b);
    teardown(&f);
}

/* ---- ends ---- */

ON_EVERY_DEVICE(stops_for_the_right_reason) {
    const double a[6] = {1, 0, 0, 2, 0, 0}, zero[3] = {0}, bad[3] = {1, NAN, 0}, across[3] = {0, 0, 5};
    fixture f = setup(on->device, on->dtype, 1, 3, 2, a);
    const struct {
        const double *b;
        gn_stop reason;
    } ends[] = {{zero, GN_STOP_CONVERGED}, {bad, GN_STOP_NOT_FINITE}, {across, GN_STOP_CONVERGED}};
    for (size_t i = 0; i < 3; i++) {
        double *x = solve(&f, ends[i].b);
        cr_expect(f.reports[0].reason == ends[i].reason && f.reports[0].iterations == 0, "%zu: %s", i,
                  gn_stop_text(f.reports[0].reason));
        cr_expect(x[0] == 0 && x[1] == 0);
        free(x);
    }
    /* exactly after two steps, where a vector of the bidiagonalisation ends */
    double *x = solve(&f, (double[]){1, 1, 0});
    cr_expect(f.reports[0].reason == GN_STOP_CONVERGED && f.reports[0].iterations == 2, "%s after %zu",
              gn_stop_text(f.reports[0].reason), f.reports[0].iterations);
    cr_expect(fabs(x[0] - 1) < 1e-5 && fabs(x[1] - 0.5) < 1e-5);
    free(x);
    cr_expect_eq(gn_lsmr_set_rule(f.lsmr, 0, (gn_solve_rule){.damping = -1}), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_lsmr_set_rule(f.lsmr, 1, (gn_solve_rule){.limit = 1}), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_lsmr_set_rule(f.lsmr, 0, (gn_solve_rule){.limit = INFINITY}), GN_ERROR_ARGUMENT);
    teardown(&f);
}

/* Rows: two random systems, a zero one, one that is not finite. */
ON_EVERY_DEVICE(solves_rows_as_it_solves_them_one_by_one) {
    enum { m = 36, n = 24 };
    double *a = raised_matrix(m, n, 5), *b = random_values(6, MOST_ROWS * m);
    memset(b + 2 * m, 0, m * sizeof *b);
    b[3 * m + 1] = INFINITY;
    fixture together = setup(on->device, on->dtype, MOST_ROWS, m, n, a),
            alone = setup(on->device, on->dtype, 1, m, n, a);
    for (size_t i = 0; i < MOST_ROWS; i++)
        OK(together.context,
           gn_lsmr_set_rule(
               together.lsmr, i,
               (gn_solve_rule){.damping = 0.1 * (double)i, .relative = i ? 1e-2 : 1e-5, .limit = 50}));
    double *x = solve(&together, b);
    for (size_t i = 0; i < MOST_ROWS; i++) {
        OK(alone.context,
           gn_lsmr_set_rule(
               alone.lsmr, 0,
               (gn_solve_rule){.damping = 0.1 * (double)i, .relative = i ? 1e-2 : 1e-5, .limit = 50}));
        double *one = solve(&alone, b + i * m);
        cr_expect(memcmp(one, x + i * n, n * sizeof *one) == 0, "row %zu", i);
        cr_expect_eq(alone.reports[0].iterations, together.reports[i].iterations);
        cr_expect_eq(together.reports[i].reason, i == 3 ? GN_STOP_NOT_FINITE : GN_STOP_CONVERGED);
        free(one);
    }
    cr_expect(together.reports[0].iterations > together.reports[1].iterations);
    free(x), free(a), free(b);
    teardown(&together);
    teardown(&alone);
}

ON_EVERY_DEVICE(repeats_to_the_last_bit_and_allocates_nothing) {
    enum { m = 50, n = 70, runs = 4 };
    double *a = raised_matrix(m, n, 8), *b = random_values(9, m), *first = NULL;
    fixture f = setup(on->device, on->dtype, 1, m, n, a);
    const size_t held = gn_context_allocated(f.context), peak = gn_context_peak(f.context);
#ifdef GN_HOST_CUDA
    const unsigned long launches = host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES);
#endif
    for (int i = 0; i < runs; i++) {
        double *x = solve(&f, b);
        cr_expect(!first || memcmp(first, x, n * sizeof *x) == 0, "run %d", i);
        if (!first)
            first = x;
        else
            free(x);
    }
#ifdef GN_HOST_CUDA /* the first run calls, the others are graphs */
    if (strcmp(on->device, "cuda") == 0) {
        cr_expect_eq(host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES) - launches, 2 * (runs - 1));
        cr_expect_eq(host_cuda_count(HOST_CUDA_INSTANTIATIONS), 2);
    }
#endif
    cr_expect(gn_context_allocated(f.context) == held && gn_context_peak(f.context) == peak);
    free(first), free(a), free(b);
    teardown(&f);
}
