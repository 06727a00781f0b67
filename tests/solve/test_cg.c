/* CG against elimination in long double, and step by step against a textbook's CG in plain loops. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/cg.h"
#include "solve/solve_case.h"

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

/* ---- a textbook's CG ---- */

typedef struct textbook {
    gn_stop reason;
    size_t iterations;
    double residual, largest, model;
} textbook;

static double largest_of(size_t n, const double *x) {
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(x[i]));
    return largest;
}

/* q = (A + mu I) p */
static void damped_product(size_t n, const double *a, double mu, const double *p, double *q) {
    multiply_dense(n, n, a, p, q);
    for (size_t i = 0; i < n; i++)
        q[i] += mu * p[i];
}

static bool stalls(size_t i, const double *models, double progress) {
    const size_t k = i / 10 > 10 ? i / 10 : 10;
    return i > k && models[i] < 0 && (models[i] - models[i - k]) / models[i] < (double)k * progress;
}

/* From x = 0. `diagonal` (or NULL) holds the preconditioner's entries, mu included. */
static textbook textbook_cg(size_t n, const double *a, const double *diagonal, gn_solve_rule rule,
                            const double *b, double *x) {
    double *r = malloc(n * sizeof *r), *z = malloc(n * sizeof *z), *p = malloc(n * sizeof *p),
           *q = malloc(n * sizeof *q), *models = calloc((size_t)rule.limit + 1, sizeof *models);
    const double goal = rule.relative * sqrt(dot_dense(n, b, b));
    textbook t = {.reason = GN_STOP_NONE};
    double rho = 0;
    memset(x, 0, n * sizeof *x);
    memcpy(r, b, n * sizeof *r);
    for (;; t.iterations++) {
        t.residual = sqrt(dot_dense(n, r, r));
        t.largest = largest_of(n, r);
        damped_product(n, a, rule.damping, x, q);
        models[t.iterations] = t.model = 0.5 * dot_dense(n, x, q) - dot_dense(n, b, x);
        if (t.residual <= goal || t.largest <= rule.absolute)
            t.reason = GN_STOP_CONVERGED;
        else if (stalls(t.iterations, models, rule.progress))
            t.reason = GN_STOP_MODEL_PROGRESS;
        else if ((double)t.iterations >= rule.limit)
            t.reason = GN_STOP_ITERATIONS;
        if (t.reason != GN_STOP_NONE)
            break;
        for (size_t i = 0; i < n; i++)
            z[i] = diagonal ? r[i] / diagonal[i] : r[i];
        const double next = dot_dense(n, r, z), beta = t.iterations ? next / rho : 0;
        for (size_t i = 0; i < n; i++)
            p[i] = z[i] + (t.iterations ? beta * p[i] : 0);
        damped_product(n, a, rule.damping, p, q);
        rho = next;
        const double alpha = rho / dot_dense(n, p, q);
        for (size_t i = 0; i < n; i++) {
            x[i] += alpha * p[i];
            r[i] -= alpha * q[i];
        }
    }
    free(r), free(z), free(p), free(q), free(models);
    return t;
}

/* ---- a solver on a device ---- */

enum { MOST_ROWS = 5 };

typedef struct fixture {
    gn_context *context;
    gn_dtype dtype;
    dense_map *map;
    gn_preconditioner *preconditioner;
    gn_cg *cg;
    size_t rows, n;
    gn_cg_report reports[MOST_ROWS];
} fixture;

/* The diagonal of the fixture's map. */
static gn_status diagonal_of(void *user, void *d) {
    const gn_array *a = &((const dense_map *)user)->a;
    const size_t n = a->shape[0], size = gn_dtype_size(a->dtype);
    for (size_t i = 0; i < n; i++)
        GN_TRY(
            GN_OP(a->context, copy, (char *)d + i * size, (const char *)a->data + i * (n + 1) * size, size));
    return GN_OK;
}

static fixture setup(const char *device, gn_dtype dtype, size_t rows, size_t n, const double *a,
                     bool jacobi) {
    fixture f = {.context = device_open(device), .dtype = dtype, .rows = rows, .n = n};
    f.map = dense_map_create(f.context, dtype, n, n, a);
    gn_cg_options options = {.rows = rows, .n = n, .iterations = 500, .a = dense_operator(f.map)};
    if (jacobi) {
        OK(f.context,
           gn_preconditioner_create_jacobi(f.context, dtype, rows, n, diagonal_of, f.map, &f.preconditioner));
        OK(f.context, gn_preconditioner_update(f.preconditioner));
        options.preconditioner = f.preconditioner;
    }
    const size_t before = gn_context_allocated(f.context);
    OK(f.context, gn_cg_create(f.context, dtype, &options, &f.cg));
    cr_expect_eq((double)(gn_context_allocated(f.context) - before), gn_cg_bytes(dtype, &options));
    return f;
}

static void teardown(fixture *f) {
    gn_cg_destroy(f->cg);
    gn_preconditioner_destroy(f->preconditioner);
    dense_map_destroy(f->map);
    cr_expect_eq(gn_context_allocated(f->context), 0);
    gn_context_destroy(f->context);
}

static void set_rules(fixture *f, gn_solve_rule rule) {
    for (size_t i = 0; i < f->rows; i++)
        OK(f->context, gn_cg_set_rule(f->cg, i, rule));
}

/* All rows of x; the reports are the fixture's. */
static double *solve(fixture *f, const double *b, bool warm) {
    write_vector(f->context, f->dtype, f->rows * f->n, gn_cg_right_hand_side(f->cg), b);
    OK(f->context, gn_cg_solve(f->cg, warm));
    OK(f->context, gn_cg_report_read(f->cg, f->reports));
    return read_vector(f->context, f->dtype, f->rows * f->n, gn_cg_solution(f->cg));
}

static double epsilon_of(gn_dtype dtype) {
    return dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
}

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(cg, name) {                                                                  \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, cg, name)

/* ---- solutions ---- */

static void check_solution(const device_type *on, size_t n, double mu, bool jacobi) {
    const double relative = 100 * epsilon_of(on->dtype), condition = 50;
    double *a = geometric_matrix(n, condition, n), *b = random_values(n + 7, n),
           *expected = malloc(n * sizeof *b);
    fixture f = setup(on->device, on->dtype, 1, n, a, jacobi);
    set_rules(&f, (gn_solve_rule){.damping = mu, .relative = relative, .limit = 500});
    double *x = solve(&f, b, false);
    eliminate(n, a, mu, b, expected);
    const double error = relative_difference(n, x, expected);
    cr_expect_eq(f.reports[0].reason, GN_STOP_CONVERGED, "n = %zu: %s", n, gn_stop_text(f.reports[0].reason));
    cr_expect(error < 4 * relative * condition, "n = %zu, mu = %g, jacobi %d: %g", n, mu, jacobi, error);
    cr_expect(f.reports[0].residual <= relative * sqrt(dot_dense(n, b, b)));
    free(x), free(a), free(b), free(expected);
    teardown(&f);
}

ON_EVERY_DEVICE(agrees_with_elimination) {
    const size_t sizes[] = {1, 2, 3, 31, 33, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int jacobi = 0; jacobi < 2; jacobi++) {
            check_solution(on, sizes[i], 0, jacobi);
            check_solution(on, sizes[i], 0.3, jacobi);
        }
}

/* Scales rows and columns, so that a diagonal preconditioner has something to do. */
static void scale_symmetrically(size_t n, double *a) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            a[i * n + j] *= (1 + 0.2 * (double)(i % 7)) * (1 + 0.2 * (double)(j % 7));
}

static void compare_with_textbook(const char *device, size_t n, gn_solve_rule rule, bool jacobi,
                                  gn_stop reason) {
    double *a = geometric_matrix(n, 10, n), *b = random_values(n + 7, n), *expected = malloc(n * sizeof *b),
           *diagonal = malloc(n * sizeof *b);
    if (jacobi)
        scale_symmetrically(n, a);
    for (size_t i = 0; i < n; i++)
        diagonal[i] = a[i * n + i] + rule.damping;
    const textbook t = textbook_cg(n, a, jacobi ? diagonal : NULL, rule, b, expected);
    fixture f = setup(device, GN_FLOAT64, 1, n, a, jacobi);
    set_rules(&f, rule);
    double *x = solve(&f, b, false);
    const gn_cg_report *report = &f.reports[0];
    const double rounding = 1e-12 * sqrt(dot_dense(n, b, b));
    cr_expect(t.reason == reason && report->reason == reason, "%s and %s", gn_stop_text(t.reason),
              gn_stop_text(report->reason));
    cr_expect_eq(report->iterations, t.iterations, "%zu and %zu", report->iterations, t.iterations);
    cr_expect(relative_difference(n, x, expected) < 1e-12, "x: %g", relative_difference(n, x, expected));
    cr_expect(fabs(report->residual - t.residual) < rounding, "%g and %g", report->residual, t.residual);
    cr_expect(fabs(report->residual_largest - t.largest) < rounding);
    cr_expect(fabs(report->model - t.model) < 1e-11 * fabs(t.model), "%.17g and %.17g", report->model,
              t.model);
    free(x), free(a), free(b), free(expected), free(diagonal);
    teardown(&f);
}

static void compare_all_with_textbook(const char *device) {
    const double limit = 500;
    for (int jacobi = 0; jacobi < 2; jacobi++)
        for (int damped = 0; damped < 2; damped++) {
            const double mu = damped ? 0.05 : 0;
            const gn_solve_rule relative = {.damping = mu, .relative = 1e-9, .limit = limit},
                                absolute = {.damping = mu, .absolute = 1e-5, .limit = limit},
                                limited = {.damping = mu, .relative = 1e-9, .limit = 7},
                                progress = {.damping = mu, .progress = 1e-4, .limit = limit};
            compare_with_textbook(device, 60, relative, jacobi, GN_STOP_CONVERGED);
            compare_with_textbook(device, 61, absolute, jacobi, GN_STOP_CONVERGED);
            compare_with_textbook(device, 60, limited, jacobi, GN_STOP_ITERATIONS);
            compare_with_textbook(device, 60, progress, jacobi, GN_STOP_MODEL_PROGRESS);
        }
}

ON_EVERY_DEVICE(takes_a_textbooks_steps) {
    if (on->dtype == GN_FLOAT64)
        compare_all_with_textbook(on->device);
}

/* ---- why it stops ---- */

/* Solves with a diagonal matrix and gives the report; *x is the first solution. */
static gn_cg_report stop_of(const device_type *on, size_t n, const double *diagonal, const double *b,
                            double mu, double x[]) {
    double *a = calloc(n * n, sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = diagonal[i];
    fixture f = setup(on->device, on->dtype, 1, n, a, false);
    set_rules(&f, (gn_solve_rule){.damping = mu, .relative = 1e-6, .limit = 100});
    double *found = solve(&f, b, false);
    const gn_cg_report report = f.reports[0];
    memcpy(x, found, n * sizeof *x);
    free(a), free(found);
    teardown(&f);
    return report;
}

static void expect_stop(gn_cg_report report, gn_stop reason, size_t iterations) {
    cr_expect_eq(report.reason, reason, "%s, not %s", gn_stop_text(report.reason), gn_stop_text(reason));
    cr_expect_eq(report.iterations, iterations, "%s: %zu iterations", gn_stop_text(reason),
                 report.iterations);
}

ON_EVERY_DEVICE(stops_for_the_right_reason) {
    double x[4];
    /* a zero right-hand side */
    expect_stop(stop_of(on, 3, (double[]){1, 2, 3}, (double[]){0, 0, 0}, 0, x), GN_STOP_CONVERGED, 0);
    cr_expect(x[0] == 0 && x[1] == 0 && x[2] == 0);
    /* indefinite: at once, and after a step along b, whose x is kept */
    expect_stop(stop_of(on, 2, (double[]){-1, -2}, (double[]){1, 1}, 0, x), GN_STOP_NEGATIVE_CURVATURE, 0);
    cr_expect(x[0] == 0 && x[1] == 0);
    gn_cg_report report = stop_of(on, 2, (double[]){1, -0.5}, (double[]){1, 1}, 0, x);
    expect_stop(report, GN_STOP_NEGATIVE_CURVATURE, 1);
    cr_expect(x[0] == 4 && x[1] == 4 && report.curvature < 0, "%g %g", x[0], x[1]);
    /* and positive definite by its damping */
    expect_stop(stop_of(on, 2, (double[]){1, -0.5}, (double[]){1, 1}, 1, x), GN_STOP_CONVERGED, 2);
    cr_expect(fabs(x[0] - 0.5) < 1e-5 && fabs(x[1] - 2) < 1e-5);
    /* singular: a solution of least norm where there is one, else no curvature is left */
    expect_stop(stop_of(on, 3, (double[]){1, 2, 0}, (double[]){1, 1, 0}, 0, x), GN_STOP_CONVERGED, 2);
    cr_expect(fabs(x[0] - 1) < 1e-5 && fabs(x[1] - 0.5) < 1e-5 && x[2] == 0);
    expect_stop(stop_of(on, 2, (double[]){1, 0}, (double[]){1, 1}, 0, x), GN_STOP_NEGATIVE_CURVATURE, 1);
    cr_expect(x[0] == 2 && x[1] == 2);
    expect_stop(stop_of(on, 2, (double[]){0, 0}, (double[]){1, 1}, 0, x), GN_STOP_NEGATIVE_CURVATURE, 0);
    /* not finite: the right-hand side, the matrix */
    expect_stop(stop_of(on, 2, (double[]){1, 1}, (double[]){1, NAN}, 0, x), GN_STOP_NOT_FINITE, 0);
    expect_stop(stop_of(on, 2, (double[]){1, 1}, (double[]){INFINITY, 1}, 0, x), GN_STOP_NOT_FINITE, 0);
    expect_stop(stop_of(on, 2, (double[]){1, NAN}, (double[]){1, 1}, 0, x), GN_STOP_NOT_FINITE, 0);
    cr_expect(x[0] == 0 && x[1] == 0);
    expect_stop(stop_of(on, 2, (double[]){1, INFINITY}, (double[]){1, 1}, 0, x), GN_STOP_NOT_FINITE, 0);
}

/* A larger singular system without a solution: rounding decides when no curvature is left, but it never
 * converges and what it keeps stays finite. */
ON_EVERY_DEVICE(an_inconsistent_system_does_not_converge) {
    enum { n = 40 };
    double *a = random_gram(n, 25, 3), *b = random_values(4, n);
    fixture f = setup(on->device, on->dtype, 1, n, a, false);
    set_rules(&f, (gn_solve_rule){.relative = 1e-6, .limit = 200});
    double *x = solve(&f, b, false);
    cr_expect(f.reports[0].reason == GN_STOP_NEGATIVE_CURVATURE || f.reports[0].reason == GN_STOP_ITERATIONS,
              "%s", gn_stop_text(f.reports[0].reason));
    for (size_t i = 0; i < n; i++)
        cr_expect(isfinite(x[i]));
    free(x), free(a), free(b);
    teardown(&f);
}

static gn_status negated(gn_preconditioner *self, const void *r, void *z) {
    return GN_OP(self->context, axpby, self->dtype, self->rows * self->n, -1, r, 0, z);
}

static gn_status nothing(gn_preconditioner *self) {
    (void)self;
    return GN_OK;
}

static void nothing_to_free(gn_preconditioner *self) {
    (void)self;
}

ON_EVERY_DEVICE(breaks_down_with_an_indefinite_preconditioner) {
    static const gn_preconditioner_interface interface = {nothing, nothing, negated, nothing_to_free};
    const double a[4] = {2, 0, 0, 1}, b[2] = {1, 1};
    fixture f = setup(on->device, on->dtype, 1, 2, a, false);
    gn_preconditioner *negative = calloc(1, sizeof *negative);
    OK(f.context, gn_preconditioner_prepare(negative, &interface, f.context, on->dtype, 1, 2));
    const gn_cg_options options = {
        .rows = 1, .n = 2, .iterations = 10, .a = dense_operator(f.map), .preconditioner = negative};
    gn_cg_destroy(f.cg);
    OK(f.context, gn_cg_create(f.context, on->dtype, &options, &f.cg));
    cr_expect_eq(gn_cg_solve(f.cg, false), GN_ERROR_ARGUMENT, "not updated yet");
    OK(f.context, gn_preconditioner_update(negative));
    double *x = solve(&f, b, false);
    expect_stop(f.reports[0], GN_STOP_BREAKDOWN, 0);
    cr_expect(x[0] == 0 && x[1] == 0);
    free(x);
    gn_preconditioner_destroy(negative);
    teardown(&f);
}

/* ---- warm starts, rows, settings ---- */

ON_EVERY_DEVICE(starts_from_a_solution) {
    enum { n = 50 };
    const double relative = 200 * epsilon_of(on->dtype);
    double *a = geometric_matrix(n, 20, 1), *b = random_values(2, n), zero[n] = {0};
    fixture f = setup(on->device, on->dtype, 1, n, a, true);
    set_rules(&f, (gn_solve_rule){.damping = 0.01, .relative = 2 * relative, .limit = 500});
    double *cold = solve(&f, b, false);
    const gn_cg_report first = f.reports[0];
    /* from there it has arrived, and the model is what it was */
    set_rules(&f, (gn_solve_rule){.damping = 0.01, .relative = 4 * relative, .limit = 500});
    double *warm = solve(&f, b, true);
    expect_stop(f.reports[0], GN_STOP_CONVERGED, 0);
    cr_expect(memcmp(cold, warm, n * sizeof *cold) == 0);
    cr_expect(fabs(f.reports[0].model - first.model) < relative * fabs(first.model), "%g and %g",
              f.reports[0].model, first.model);
    /* from near it, fewer steps than from zero */
    for (size_t i = 0; i < n; i++)
        b[i] *= 1 + 1e-3 * (double)(i % 3);
    free(warm);
    warm = solve(&f, b, true);
    cr_expect(f.reports[0].iterations < first.iterations && f.reports[0].iterations > 0, "%zu and %zu",
              f.reports[0].iterations, first.iterations);
    double expected[n];
    eliminate(n, a, 0.01, b, expected);
    cr_expect(relative_difference(n, warm, expected) < 100 * relative);
    /* a zero right-hand side still gives zero */
    free(warm);
    warm = solve(&f, zero, true);
    expect_stop(f.reports[0], GN_STOP_CONVERGED, 0);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(warm[i], 0);
    free(cold), free(warm), free(a), free(b);
    teardown(&f);
}

/* Rows: two random systems, a zero one, one that is not finite, and one that stops at its limit. */
static void row_values(size_t n, double *b) {
    double *values = random_values(11, n * MOST_ROWS);
    memcpy(b, values, n * MOST_ROWS * sizeof *b);
    memset(b + 2 * n, 0, n * sizeof *b);
    b[3 * n + 1] = NAN;
    free(values);
}

static gn_solve_rule row_rule(gn_dtype dtype, size_t row) {
    return (gn_solve_rule){.damping = 0.01 * (double)(1 + 3 * row),
                           .relative = 100 * epsilon_of(dtype),
                           .limit = row == 4 ? 3 : 500};
}

/* To the last bit where each row begins at a multiple of 16 bytes. */
ON_EVERY_DEVICE(solves_rows_as_it_solves_them_one_by_one) {
    enum { n = 44 };
    const gn_stop reasons[MOST_ROWS] = {GN_STOP_CONVERGED, GN_STOP_CONVERGED, GN_STOP_CONVERGED,
                                        GN_STOP_NOT_FINITE, GN_STOP_ITERATIONS};
    double *a = geometric_matrix(n, 100, 5), b[MOST_ROWS * n];
    row_values(n, b);
    for (int jacobi = 0; jacobi < 2; jacobi++) {
        fixture together = setup(on->device, on->dtype, MOST_ROWS, n, a, jacobi),
                alone = setup(on->device, on->dtype, 1, n, a, jacobi);
        for (size_t i = 0; i < MOST_ROWS; i++)
            OK(together.context, gn_cg_set_rule(together.cg, i, row_rule(on->dtype, i)));
        double *x = solve(&together, b, false);
        for (size_t i = 0; i < MOST_ROWS; i++) {
            OK(alone.context, gn_cg_set_rule(alone.cg, 0, row_rule(on->dtype, i)));
            double *one = solve(&alone, b + i * n, false);
            cr_expect(memcmp(one, x + i * n, n * sizeof *one) == 0, "row %zu, jacobi %d", i, jacobi);
            cr_expect(memcmp(&alone.reports[0], &together.reports[i], sizeof alone.reports[0]) == 0 ||
                          reasons[i] == GN_STOP_NOT_FINITE,
                      "row %zu", i);
            cr_expect_eq(together.reports[i].reason, reasons[i], "row %zu: %s", i,
                         gn_stop_text(together.reports[i].reason));
            free(one);
        }
        free(x);
        teardown(&together);
        teardown(&alone);
    }
    free(a);
}

ON_EVERY_DEVICE(repeats_to_the_last_bit_and_allocates_nothing) {
    enum { n = 70, runs = 4 };
    double *a = geometric_matrix(n, 1000, 8), *b = random_values(9, n), *first = NULL;
    fixture f = setup(on->device, on->dtype, 1, n, a, true);
    gn_cg_report report = {.reason = GN_STOP_NONE};
    set_rules(&f, (gn_solve_rule){.relative = 50 * epsilon_of(on->dtype), .limit = 300});
    const size_t held = gn_context_allocated(f.context), peak = gn_context_peak(f.context);
    for (int i = 0; i < runs; i++) {
        double *x = solve(&f, b, false);
        if (!first)
            first = x, report = f.reports[0];
        cr_expect(memcmp(first, x, n * sizeof *x) == 0 && memcmp(&report, &f.reports[0], sizeof report) == 0);
        if (x != first)
            free(x);
    }
    cr_expect(gn_context_allocated(f.context) == held && gn_context_peak(f.context) == peak);
    free(first), free(a), free(b);
    teardown(&f);
}

Test(cg, refuses_rules_it_cannot_keep) {
    const double a[1] = {1};
    fixture f = setup("check", GN_FLOAT64, 1, 1, a, false);
    cr_expect_eq(gn_cg_set_rule(f.cg, 1, (gn_solve_rule){.limit = 1}), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_cg_set_rule(f.cg, 0, (gn_solve_rule){.limit = 501}), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_cg_set_rule(f.cg, 0, (gn_solve_rule){.damping = -1}), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_cg_set_rule(f.cg, 0, (gn_solve_rule){.damping = NAN}), GN_ERROR_ARGUMENT);
    teardown(&f);
}

/* ---- as one launch ---- */

#ifdef GN_HOST_CUDA
/* The first solve calls, the second records, those after it are two launches of graphs, whatever the rule and
 * the right-hand side are; all give the same bits as calls alone do. */
Test(cg, is_recorded_once_and_launched) {
    enum { n = 60, runs = 5 };
    double *a = geometric_matrix(n, 300, 8);
    fixture f = setup("cuda", GN_FLOAT32, 1, n, a, true), eager = setup("cuda", GN_FLOAT32, 1, n, a, true);
    for (int i = 0; i < runs; i++) {
        double *b = random_values(20 + (uint64_t)i, n);
        const gn_solve_rule rule = {.damping = 0.01 * i, .relative = 1e-5, .limit = 100 + i};
        const unsigned long launches = host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES),
                            passes = host_cuda_count(HOST_CUDA_WHILE_ITERATIONS),
                            allocations = host_cuda_count(HOST_CUDA_MALLOCS);
        set_rules(&f, rule);
        double *x = solve(&f, b, false);
        cr_expect_eq(host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES) - launches, i ? 2 : 0);
        cr_expect_eq(host_cuda_count(HOST_CUDA_WHILE_ITERATIONS) - passes, i ? f.reports[0].iterations : 0);
        cr_expect_eq(host_cuda_count(HOST_CUDA_MALLOCS), allocations);
        cr_expect_eq(f.reports[0].reason, GN_STOP_CONVERGED);
        gn_cg_forget(eager.cg);
        set_rules(&eager, rule);
        double *called = solve(&eager, b, false);
        cr_expect(memcmp(x, called, n * sizeof *x) == 0, "run %d", i);
        free(x), free(called), free(b);
    }
    cr_expect_eq(host_cuda_count(HOST_CUDA_INSTANTIATIONS), 2);
    free(a);
    teardown(&f);
    teardown(&eager);
    cr_expect_eq(host_cuda_violations(), 0, "%s", host_cuda_last_violation());
    cr_expect_eq(host_cuda_live_objects(), 0);
}
#endif
