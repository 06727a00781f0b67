/* Cases of the steps of conjugate gradients: m rows of n elements. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

enum { RULES, ROWS, MODELS, FLAG, X, R, P, Q, KEPT = 12 };

static gn_cg_slots slots_of(const op_run *run) {
    return (gn_cg_slots){.rules = device_pointer(run, RULES),
                         .rows = device_pointer(run, ROWS),
                         .models = device_pointer(run, MODELS),
                         .kept = KEPT,
                         .flag = device_pointer(run, FLAG)};
}

static gn_cg_row *rows_of(op_run *run) {
    return (gn_cg_row *)run->x[ROWS].host;
}

static const gn_solve_rule *rules_of(const op_run *run) {
    return (const gn_solve_rule *)run->x[RULES].host;
}

/* What becomes of a row in a step. */
enum { TAKEN, STOPPED, NEGATIVE, INDEFINITE, UNKNOWN, LAST, STALLED, ARRIVED, OVERFLOWING, FATES };

/* Rows of index k and on, so that a single row can have any fate. */
static int fate_of(const op_run *run, size_t i) {
    return (int)((i + run->c->k) % FATES);
}

/* Rules, and rows that are NaN or as row(i) says. */
static void add_rows(op_run *run, gn_cg_row (*row)(size_t i), gn_solve_rule rule) {
    const size_t m = run->c->m;
    gn_solve_rule *rules = calloc(m + 1, sizeof *rules);
    gn_cg_row *rows = calloc(m + 1, sizeof *rows);
    double *models = calloc(m * KEPT + 1, sizeof *models);
    for (size_t i = 0; i < m; i++) {
        rules[i] = rule;
        rules[i].damping = 0.25 * (double)(i % 3);
        if (row)
            rows[i] = row(i);
        for (size_t k = 0; k < KEPT; k++)
            models[i * KEPT + k] = fate_of(run, i) == STALLED ? -1 : 0;
    }
    add_doubles(run, m, sizeof *rules / sizeof(double), (double *)rules);
    add_doubles(run, m, sizeof *rows / sizeof(double), row ? (double *)rows : NULL);
    add_doubles(run, m, KEPT, models);
    add_slots(run, 1);
    free(rules), free(rows), free(models);
}

static void count_running(op_run *run) {
    run->x[FLAG].host[0] = 0;
    for (size_t i = 0; i < run->c->m; i++)
        run->x[FLAG].host[0] += rows_of(run)[i].reason == GN_STOP_NONE;
}

/* Some errors of the type in an element, and those of a plain sum. */
static void allow_all(op_run *run) {
    for (int i = 0; i < run->count; i++)
        run->x[i].tolerance = i == RULES || i == FLAG ? 0 : 16 * run->epsilon + 1e-12;
}

/* ---- cg_begin: flag: x is given, and A x in P; kind 1: row 0 is not finite; row 1 has b = 0 ---- */

static void prepare_begin(op_run *run) {
    const op_case *c = run->c;
    const size_t count = c->m * c->n;
    double *b = malloc((count + 1) * sizeof *b);
    add_rows(run, NULL, (gn_solve_rule){.relative = 1e-3, .absolute = 1e-2, .limit = c->k ? 0 : 5});
    if (c->flag)
        add_uniform(run, c->m, c->n, 0, -1, 1);
    else
        add_output(run, c->m, c->n, 0);
    for (size_t i = 0; i < count; i++)
        b[i] = c->m > 1 && i / c->n == 1 ? 0 : 1 + 1e-3 * (double)(i % 1009);
    if (c->kind == 1 && count)
        b[c->n / 2] = NAN;
    add_values(run, c->m, c->n, 0, b);
    if (c->flag)
        add_uniform(run, c->m, c->n, 0, -1, 0);
    free(b);
}

static gn_status call_begin(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, cg_begin, run->dtype, c->m, c->n, c->flag ? device_pointer(run, P) : NULL,
                 device_pointer(run, X), device_pointer(run, R), slots_of(run));
}

static void expect_begin_row(op_run *run, size_t i) {
    const size_t n = run->c->n;
    const gn_solve_rule *rule = &rules_of(run)[i];
    double *x = run->x[X].host + i * n, *r = run->x[R].host + i * n, square = 0, products = 0;
    gn_cg_row row = {.rho_before = INFINITY};
    for (size_t j = 0; j < n; j++)
        square += r[j] * r[j];
    for (size_t j = 0; j < n; j++) {
        const double b = r[j];
        if (square == 0 || !run->c->flag)
            x[j] = 0;
        else
            r[j] -= run->x[P].host[i * n + j] + rule->damping * x[j];
        products += x[j] * (b + r[j]);
        row.rho += r[j] * r[j];
        row.residual_largest = fmax(row.residual_largest, fabs(r[j]));
    }
    row.goal = 1e-6 * square;
    row.residual_squared = row.rho;
    row.model = run->x[MODELS].host[i * KEPT] = -0.5 * products;
    row.reason = isnan(row.rho)                                        ? GN_STOP_NOT_FINITE
                 : row.rho <= row.goal || row.residual_largest <= 1e-2 ? GN_STOP_CONVERGED
                 : rule->limit == 0                                    ? GN_STOP_ITERATIONS
                                                                       : GN_STOP_NONE;
    if (isnan(row.rho))
        row.residual_largest = ANYTHING; /* of those that are numbers, or not */
    rows_of(run)[i] = row;
}

static void expect_begin(op_run *run) {
    for (size_t i = 0; i < run->c->m; i++)
        expect_begin_row(run, i);
    count_running(run);
    allow_all(run);
}

/* ---- cg_direction: first directions, later ones, and rows that have stopped; flag: z apart from r ---- */

static gn_cg_row direction_row(size_t i) {
    return (gn_cg_row){.reason = i % 3 == 2 ? GN_STOP_ITERATIONS : GN_STOP_NONE,
                       .rho = 0.5,
                       .rho_before = i % 3 == 0 ? INFINITY : 2};
}

static void prepare_direction(op_run *run) {
    const op_case *c = run->c;
    const size_t count = c->m * c->n;
    double *p = malloc((count + 1) * sizeof *p);
    add_rows(run, direction_row, (gn_solve_rule){.limit = 5});
    for (size_t i = 0; i < count; i++)
        p[i] = i / c->n % 3 == 0 ? (double)NAN : sin((double)i);
    add_uniform(run, c->m, c->n, 0, -1, 1); /* z */
    add_uniform(run, c->m, c->n, 0, -1, 1); /* r */
    add_values(run, c->m, c->n, 0, p);
    free(p);
}

static gn_status call_direction(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, cg_direction, run->dtype, c->m, c->n, device_pointer(run, R),
                 device_pointer(run, c->flag ? X : R), device_pointer(run, P), slots_of(run));
}

static void expect_direction(op_run *run) {
    const op_case *c = run->c;
    const size_t n = c->n;
    for (size_t i = 0; i < c->m; i++) {
        gn_cg_row *row = &rows_of(run)[i];
        const double *r = run->x[R].host + i * n, *z = run->x[c->flag ? X : R].host + i * n;
        double *p = run->x[P].host + i * n;
        if (row->reason != GN_STOP_NONE)
            continue;
        if (c->flag) {
            row->rho = 0;
            for (size_t j = 0; j < n; j++)
                row->rho += r[j] * z[j];
        }
        for (size_t j = 0; j < n; j++)
            p[j] = z[j] + (i % 3 == 0 ? 0 : row->rho / row->rho_before * p[j]);
    }
    allow_all(run);
}

/* ---- cg_step: rows of every fate ---- */

static gn_cg_row step_row(size_t fate) {
    gn_cg_row row = {.iterations = 3, .rho = 0.5, .rho_before = 1, .model = -1};
    if (fate == STOPPED)
        row.reason = GN_STOP_CONVERGED;
    if (fate == INDEFINITE)
        row.rho = -0.5;
    if (fate == UNKNOWN)
        row.rho = NAN;
    if (fate == LAST)
        row.iterations = 19;
    if (fate == STALLED) {
        row.iterations = 13;
        row.rho = 1e-9;
    }
    if (fate == ARRIVED)
        row.goal = 1e30;
    if (fate == OVERFLOWING)
        row.rho = 1e308;
    return row;
}

static void prepare_step(op_run *run) {
    const op_case *c = run->c;
    const size_t count = c->m * c->n;
    double *p = malloc((count + 1) * sizeof *p), *q = malloc((count + 1) * sizeof *q);
    add_rows(run, NULL, (gn_solve_rule){.progress = 1e-3, .limit = 20});
    for (size_t i = 0; i < c->m; i++)
        rows_of(run)[i] = step_row((size_t)fate_of(run, i));
    GN_OP(run->context, upload, run->x[ROWS].buffer.data, run->x[ROWS].host, c->m * sizeof(gn_cg_row));
    add_uniform(run, c->m, c->n, 0, -1, 1); /* x */
    add_uniform(run, c->m, c->n, 0, 1, 2);  /* r: not small */
    for (size_t i = 0; i < count; i++) {
        const int fate = fate_of(run, i / c->n);
        p[i] = fate == OVERFLOWING ? 1e-10 : 0.1 + 0.8 * fabs(sin((double)i));
        q[i] = fate == NEGATIVE ? -2 * p[i] : fate == OVERFLOWING ? 0 : p[i] * (1 + 0.3 * cos((double)i));
    }
    add_values(run, c->m, c->n, 0, p);
    add_values(run, c->m, c->n, 0, q);
    free(p), free(q);
}

static gn_status call_step(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, cg_step, run->dtype, c->m, c->n, device_pointer(run, P),
                 device_pointer(run, Q), device_pointer(run, X), device_pointer(run, R), slots_of(run));
}

static gn_stop fault_of(const gn_cg_row *row) {
    if (isnan(row->rho))
        return GN_STOP_NOT_FINITE;
    if (row->rho < 0)
        return GN_STOP_BREAKDOWN;
    if (row->curvature <= 0)
        return GN_STOP_NEGATIVE_CURVATURE;
    return isinf(row->rho / row->curvature) ? GN_STOP_BREAKDOWN : GN_STOP_NONE;
}

static void expect_taken(op_run *run, size_t i, double alpha) {
    const size_t n = run->c->n;
    const double mu = rules_of(run)[i].damping;
    const double *p = run->x[P].host + i * n, *q = run->x[Q].host + i * n;
    double *x = run->x[X].host + i * n, *r = run->x[R].host + i * n;
    gn_cg_row *row = &rows_of(run)[i];
    row->model -= alpha * row->rho - 0.5 * alpha * alpha * row->curvature;
    row->rho_before = row->rho;
    row->rho = row->residual_largest = 0;
    for (size_t j = 0; j < n; j++) {
        x[j] += alpha * p[j];
        r[j] -= alpha * (q[j] + mu * p[j]);
        row->rho += r[j] * r[j];
        row->residual_largest = fmax(row->residual_largest, fabs(r[j]));
    }
    row->residual_squared = row->rho;
    row->iterations += 1;
    run->x[MODELS].host[i * KEPT + (size_t)row->iterations % KEPT] = row->model;
    const int fate = fate_of(run, i);
    row->reason = fate == ARRIVED   ? GN_STOP_CONVERGED
                  : fate == STALLED ? GN_STOP_MODEL_PROGRESS
                  : fate == LAST    ? GN_STOP_ITERATIONS
                                    : GN_STOP_NONE;
}

static void expect_step(op_run *run) {
    const size_t n = run->c->n;
    for (size_t i = 0; i < run->c->m; i++) {
        gn_cg_row *row = &rows_of(run)[i];
        const double mu = rules_of(run)[i].damping;
        const double *p = run->x[P].host + i * n, *q = run->x[Q].host + i * n;
        if (row->reason != GN_STOP_NONE)
            continue;
        row->curvature = 0;
        for (size_t j = 0; j < n; j++)
            row->curvature += p[j] * (q[j] + mu * p[j]);
        row->reason = fault_of(row);
        if (row->reason == GN_STOP_NONE)
            expect_taken(run, i, row->rho / row->curvature);
    }
    count_running(run);
    allow_all(run);
}

static const op_family begin = {"cg_begin", prepare_begin, call_begin, expect_begin, false};
static const op_family direction = {"cg_direction", prepare_direction, call_direction, expect_direction,
                                    false};
static const op_family step = {"cg_step", prepare_step, call_step, expect_step, false};

void add_cg_cases(case_list *list) {
    static const size_t rows[] = {0, 1, 4, 300};
    for (size_t i = 0; i < AWKWARD; i++)
        for (size_t m = 0; m < 4; m++) {
            if ((rows[m] == 300 && awkward[i] != 33) || (rows[m] != 1 && awkward[i] > 1000))
                continue;
            for (int flag = 0; flag < 2; flag++) {
                const op_case c = {.m = rows[m], .n = awkward[i], .flag = flag};
                op_case some = c;
                some.family = &begin;
                add_case(list, some);
                some.kind = 1;
                add_case(list, some);
                some.k = 1;
                add_case(list, some);
                some = c;
                some.family = &direction;
                add_case(list, some);
            }
            for (size_t k = 0; k < (rows[m] == 1 && awkward[i] <= 1000 ? (size_t)FATES : 1); k++)
                add_case(list, (op_case){.family = &step, .m = rows[m], .n = awkward[i], .k = k});
        }
    add_case(list, (op_case){.family = &step, .m = FATES, .n = awkward[AWKWARD - 1]});
}
