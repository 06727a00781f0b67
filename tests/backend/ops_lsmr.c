/* Cases of the steps of LSMR: m rows of n elements. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

enum { RULES, ROWS, FLAG, PRODUCT, Y };
enum { V = PRODUCT, H, HBAR, X };

static gn_lsmr_slots slots_of(const op_run *run) {
    return (gn_lsmr_slots){.rules = device_pointer(run, RULES),
                           .rows = device_pointer(run, ROWS),
                           .flag = device_pointer(run, FLAG)};
}

static gn_lsmr_row *rows_of(op_run *run) {
    return (gn_lsmr_row *)run->x[ROWS].host;
}

static const gn_solve_rule *rules_of(const op_run *run) {
    return (const gn_solve_rule *)run->x[RULES].host;
}

/* A solve that begins, goes on, has stopped, whose left vector is 0, whose goal is near, whose limit is; in
 * turn, the first row being number k. */
enum { BEGINS, GOES_ON, STOPPED, ENDED, ARRIVES, LAST, FATES };

static int fate_of(const op_run *run, size_t i) {
    return (int)((i + run->c->k) % FATES);
}

static gn_lsmr_row row_of(int fate) {
    gn_lsmr_row row = {.iterations = 4,
                       .goal = 1e-3,
                       .residual = 2,
                       .alpha = 1.5,
                       .beta = 0.75,
                       .alpha_bar = 0.9,
                       .rho = 1.1,
                       .rho_bar = 0.8,
                       .c_bar = 0.6,
                       .s_bar = -0.8,
                       .zeta_bar = -2,
                       .hbar_scale = 0.3,
                       .x_scale = -0.7,
                       .h_scale = 0.2};
    if (fate == BEGINS)
        row = (gn_lsmr_row){.iterations = -1, .alpha = INFINITY, .beta = 0.75};
    if (fate == STOPPED)
        row.reason = row.decided = GN_STOP_CONVERGED;
    if (fate == ENDED)
        row.beta = 0;
    if (fate == ARRIVES)
        row.goal = 1e30;
    if (fate == LAST)
        row.iterations = 19;
    return row;
}

static void add_rows(op_run *run, bool given) {
    const size_t m = run->c->m;
    gn_solve_rule *rules = calloc(m + 1, sizeof *rules);
    gn_lsmr_row *rows = calloc(m + 1, sizeof *rows);
    for (size_t i = 0; i < m; i++) {
        rules[i] = (gn_solve_rule){.damping = 0.25 * (double)(i % 3), .relative = 1e-3, .limit = 20};
        rows[i] = row_of(fate_of(run, i));
    }
    add_doubles(run, m, sizeof *rules / sizeof(double), (double *)rules);
    add_doubles(run, m, sizeof *rows / sizeof(double), given ? (double *)rows : NULL);
    add_slots(run, 1);
    free(rules), free(rows);
}

static void allow_all(op_run *run) {
    for (int i = ROWS; i < run->count; i++)
        run->x[i].tolerance = i == FLAG ? 0 : 32 * run->epsilon + 1e-12;
}

/* y = a product + b y; gives |y| */
static double combine(op_run *run, size_t i, double a, double b) {
    const size_t n = run->c->n;
    double *y = run->x[Y].host + i * n, square = 0;
    for (size_t j = 0; j < n; j++) {
        y[j] = a * run->x[PRODUCT].host[i * n + j] + (b == 0 ? 0 : b * y[j]);
        square += y[j] * y[j];
    }
    return sqrt(square);
}

/* ---- lsmr_left; flag: begins ---- */

static void prepare_left(op_run *run) {
    const op_case *c = run->c;
    add_rows(run, !c->flag);
    add_uniform(run, c->m, c->n, 0, -1, 1);
    add_uniform(run, c->m, c->n, 0, -1, 1);
}

static gn_status call_left(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, lsmr_left, run->dtype, c->m, c->n,
                 c->flag ? NULL : device_pointer(run, PRODUCT), device_pointer(run, Y), slots_of(run));
}

static void expect_left(op_run *run) {
    for (size_t i = 0; i < run->c->m; i++) {
        gn_lsmr_row *row = &rows_of(run)[i];
        if (run->c->flag) {
            double square = 0;
            for (size_t j = 0; j < run->c->n; j++)
                square += pow(run->x[Y].host[i * run->c->n + j], 2);
            *row = (gn_lsmr_row){.iterations = -1, .alpha = INFINITY, .beta = sqrt(square)};
        } else if (row->reason == GN_STOP_NONE && isinf(row->alpha)) {
            row->beta = ANYTHING; /* a left vector comes after a right one: not asked for */
            for (size_t j = 0; j < run->c->n; j++)
                run->x[Y].host[i * run->c->n + j] = ANYTHING;
        } else if (row->reason == GN_STOP_NONE) {
            row->beta = combine(run, i, 1 / row->alpha, row->beta == 0 ? 0 : -row->alpha / row->beta);
        }
    }
    allow_all(run);
}

/* ---- lsmr_right ---- */

static void prepare_right(op_run *run) {
    const op_case *c = run->c;
    const size_t count = c->m * c->n;
    double *v = malloc((count + 1) * sizeof *v);
    add_rows(run, true);
    for (size_t i = 0; i < count; i++)
        v[i] = fate_of(run, i / c->n) == BEGINS ? (double)NAN : sin((double)i);
    add_uniform(run, c->m, c->n, 0, -1, 1);
    add_values(run, c->m, c->n, 0, v);
    free(v);
}

static gn_status call_right(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, lsmr_right, run->dtype, c->m, c->n, device_pointer(run, PRODUCT),
                 device_pointer(run, Y), slots_of(run));
}

/* The rotations as in the paper's algorithm, sections 3 and 4. */
static void expect_rotation(const gn_solve_rule *rule, gn_lsmr_row *row) {
    const double lambda = sqrt(rule->damping), rho_old = row->rho, rho_bar_old = row->rho_bar;
    const double alpha_hat = sqrt(row->alpha_bar * row->alpha_bar + lambda * lambda);
    row->rho = sqrt(alpha_hat * alpha_hat + row->beta * row->beta);
    const double c = alpha_hat / row->rho, s = row->beta / row->rho, theta = s * row->alpha;
    row->alpha_bar = c * row->alpha;
    const double theta_bar = row->s_bar * row->rho, product = row->c_bar * row->rho;
    row->rho_bar = sqrt(product * product + theta * theta);
    row->c_bar = product / row->rho_bar;
    row->s_bar = theta / row->rho_bar;
    const double zeta = row->c_bar * row->zeta_bar;
    row->zeta_bar = -row->s_bar * row->zeta_bar;
    row->residual = fabs(row->zeta_bar);
    row->hbar_scale = -theta_bar * row->rho / (rho_old * rho_bar_old);
    row->x_scale = zeta / (row->rho * row->rho_bar);
    row->h_scale = -theta / row->rho;
}

static void expect_right(op_run *run) {
    for (size_t i = 0; i < run->c->m; i++) {
        gn_lsmr_row *row = &rows_of(run)[i];
        if (row->reason != GN_STOP_NONE)
            continue;
        row->alpha = combine(run, i, row->beta == 0 ? 0 : 1 / row->beta,
                             row->iterations < 0 ? 0 : -row->beta / row->alpha);
        row->iterations += 1;
        if (row->iterations == 0) {
            row->residual = row->zeta_bar = row->alpha * row->beta;
            row->goal = 1e-3 * row->residual;
            row->alpha_bar = row->alpha;
            row->rho = row->rho_bar = row->c_bar = 1;
        } else {
            expect_rotation(&rules_of(run)[i], row);
        }
        row->decided = row->residual <= row->goal ? GN_STOP_CONVERGED
                       : row->iterations >= 20    ? GN_STOP_ITERATIONS
                                                  : GN_STOP_NONE;
    }
    allow_all(run);
}

/* ---- lsmr_update; rows that begin have their first v ---- */

static void prepare_update(op_run *run) {
    const op_case *c = run->c;
    add_rows(run, true);
    for (size_t i = 0; i < c->m; i++) {
        gn_lsmr_row *row = &rows_of(run)[i];
        if (fate_of(run, i) == BEGINS)
            row->iterations = 0, row->alpha = 2;
        if (fate_of(run, i) == ARRIVES)
            row->decided = GN_STOP_CONVERGED;
        if (fate_of(run, i) == ENDED)
            row->alpha = 0;
    }
    GN_OP(run->context, upload, run->x[ROWS].buffer.data, run->x[ROWS].host, c->m * sizeof(gn_lsmr_row));
    for (int i = 0; i < 4; i++)
        add_uniform(run, c->m, c->n, 0, -1, 1);
}

static gn_status call_update(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, lsmr_update, run->dtype, c->m, c->n, device_pointer(run, V),
                 device_pointer(run, H), device_pointer(run, HBAR), device_pointer(run, X), slots_of(run));
}

static void expect_update_row(op_run *run, size_t i) {
    gn_lsmr_row *row = &rows_of(run)[i];
    const double scale = row->alpha == 0 ? 0 : 1 / row->alpha;
    for (size_t j = i * run->c->n; j < (i + 1) * run->c->n; j++) {
        double *h = &run->x[H].host[j], *hbar = &run->x[HBAR].host[j], *x = &run->x[X].host[j];
        const double v = run->x[V].host[j];
        if (row->iterations == 0) {
            *hbar = *x = 0;
            *h = scale * v;
        } else if (row->reason == GN_STOP_NONE) {
            *hbar = *h + row->hbar_scale * *hbar;
            *x += row->x_scale * *hbar;
            *h = scale * v + row->h_scale * *h;
        }
    }
    if (row->reason == GN_STOP_NONE)
        row->reason = row->decided;
}

static void expect_update(op_run *run) {
    run->x[FLAG].host[0] = 0;
    for (size_t i = 0; i < run->c->m; i++) {
        expect_update_row(run, i);
        run->x[FLAG].host[0] += rows_of(run)[i].reason == GN_STOP_NONE;
    }
    allow_all(run);
    run->x[ROWS].tolerance = 0;
}

static const op_family left = {"lsmr_left", prepare_left, call_left, expect_left, false};
static const op_family right = {"lsmr_right", prepare_right, call_right, expect_right, false};
static const op_family update = {"lsmr_update", prepare_update, call_update, expect_update, false};

void add_lsmr_cases(case_list *list) {
    static const size_t rows[] = {0, 1, 7, 300};
    for (size_t i = 0; i < AWKWARD; i++)
        for (size_t m = 0; m < 4; m++) {
            if ((rows[m] == 300 && awkward[i] > 33) || (rows[m] != 7 && awkward[i] > 1000))
                continue;
            for (size_t k = 0; k < (rows[m] == 1 ? (size_t)FATES : 1); k++) {
                op_case c = {.m = rows[m], .n = awkward[i], .k = k};
                c.family = &right;
                add_case(list, c);
                c.family = &update;
                add_case(list, c);
                c.family = &left;
                add_case(list, c);
                c.flag = true;
                add_case(list, c);
            }
        }
}
