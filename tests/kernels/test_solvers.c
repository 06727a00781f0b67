/* Steps of CG and LSMR as the grids cut them: rows that are one block's, rows that are cut, many rows. The
 * rules of their scalars are the contract suite's. */
#include <math.h>

#include "kernels_test.h"

enum { KEPT = 11 };

/* Rules and rows of m systems in doubles; the rows begin as `row` says (a gn_cuda_cg_row or
 * gn_cuda_lsmr_row). */
typedef struct systems {
    buffer *rules, *rows, *models, *flag;
} systems;

static systems add_systems(size_t m, const double *row, size_t row_doubles) {
    const gn_cuda_solve_rule rule = {.damping = 0.5, .limit = 100};
    systems s = {scalars(m * 5, 0), scalars(m * row_doubles, 0), scalars(m * KEPT, 0), scalars(1, (double)m)};
    for (size_t i = 0; i < m; i++) {
        const double values[] = {rule.damping, rule.relative, rule.absolute, rule.progress, rule.limit};
        for (size_t k = 0; k < 5; k++) {
            s.rules->host[i * 5 + k] = values[k];
            OK(gn_cuda_fill(test.stream, F64, 1, values[k], (double *)at(s.rules) + i * 5 + k));
        }
        for (size_t k = 0; k < row_doubles; k++) {
            s.rows->host[i * row_doubles + k] = row[k];
            OK(gn_cuda_fill(test.stream, F64, 1, row[k], (double *)at(s.rows) + i * row_doubles + k));
        }
    }
    s.rows->tolerance = 64;
    return s;
}

static gn_cuda_cg_slots cg_slots(const systems *s) {
    return (gn_cuda_cg_slots){.rules = at(s->rules),
                              .rows = at(s->rows),
                              .models = at(s->models),
                              .kept = KEPT,
                              .flag = at(s->flag)};
}

static void cg_case(size_t m, size_t n) {
    const gn_cuda_cg_row row = {.rho = 0.75, .rho_before = 0.5, .model = -1};
    begin_case("cg_direction, cg_step m=%zu n=%zu", m, n);
    systems s = add_systems(m, (const double *)&row, 9);
    buffer *z = uniform(m, n, 0, 0.5, 1), *x = uniform(m, n, 0, -1, 1), *r = uniform(m, n, 0, 0.5, 1);
    buffer *p = uniform(m, n, 0, 0.5, 1), *q = uniform(m, n, 0, 0.5, 1);
    OK(gn_cuda_cg_direction(test.stream, test.type, m, n, at(r), at(z), at(p), cg_slots(&s), test.scratch));
    OK(gn_cuda_cg_step(test.stream, test.type, m, n, at(p), at(q), at(x), at(r), cg_slots(&s), test.scratch));
    for (size_t i = 0; i < m; i++) {
        gn_cuda_cg_row *w = (gn_cuda_cg_row *)s.rows->host + i;
        double rho = 0;
        for (size_t j = i * n; j < (i + 1) * n; j++)
            rho += r->host[j] * z->host[j];
        w->rho = w->residual_squared = w->residual_largest = 0;
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            p->host[j] = z->host[j] + rho / 0.5 * p->host[j];
            w->curvature += p->host[j] * (q->host[j] + 0.5 * p->host[j]);
        }
        const double alpha = rho / w->curvature;
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            x->host[j] += alpha * p->host[j];
            r->host[j] -= alpha * (q->host[j] + 0.5 * p->host[j]);
            w->rho += r->host[j] * r->host[j];
            w->residual_largest = fmax(w->residual_largest, fabs(r->host[j]));
        }
        w->residual_squared = w->rho;
        w->rho_before = rho;
        w->iterations = 1;
        w->model = s.models->host[i * KEPT + 1] = -1 - 0.5 * alpha * rho;
    }
    const double rounding = 64 * (test.type == F64 ? 1 : 0x1p29);
    s.rows->tolerance = s.models->tolerance = rounding;
    p->tolerance = x->tolerance = r->tolerance = 64;
    end_case();
}

static void begin_rows_case(size_t m, size_t n) {
    begin_case("cg_begin m=%zu n=%zu", m, n);
    const gn_cuda_cg_row row = {.reason = NAN};
    systems s = add_systems(m, (const double *)&row, 9);
    buffer *ax = uniform(m, n, 0, -1, 1), *x = uniform(m, n, 0, -1, 1), *r = uniform(m, n, 0, 2, 3);
    OK(gn_cuda_cg_begin(test.stream, test.type, m, n, at(ax), at(x), at(r), cg_slots(&s), test.scratch));
    for (size_t i = 0; i < m; i++) {
        gn_cuda_cg_row w = {.rho_before = INFINITY};
        double products = 0;
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            const double b = r->host[j];
            r->host[j] -= ax->host[j] + 0.5 * x->host[j];
            products += x->host[j] * (b + r->host[j]);
            w.rho += r->host[j] * r->host[j];
            w.residual_largest = fmax(w.residual_largest, fabs(r->host[j]));
        }
        w.residual_squared = w.rho;
        w.model = s.models->host[i * KEPT] = -0.5 * products;
        ((gn_cuda_cg_row *)s.rows->host)[i] = w;
    }
    s.rows->tolerance = s.models->tolerance = 64 * (test.type == F64 ? 1 : 0x1p29);
    r->tolerance = 4;
    end_case();
}

static void lsmr_case(size_t m, size_t n) {
    const gn_cuda_lsmr_row row = {.iterations = 3,
                                  .alpha = 2,
                                  .beta = 4,
                                  .residual = 1,
                                  .hbar_scale = 0.5,
                                  .x_scale = 0.25,
                                  .h_scale = -0.5};
    begin_case("lsmr_left, lsmr_update m=%zu n=%zu", m, n);
    systems s = add_systems(m, (const double *)&row, 16);
    const gn_cuda_lsmr_slots slots = {.rules = at(s.rules), .rows = at(s.rows), .flag = at(s.flag)};
    buffer *product = uniform(m, n, 0, -1, 1), *u = uniform(m, n, 0, -1, 1), *h = uniform(m, n, 0, -1, 1);
    buffer *hbar = uniform(m, n, 0, -1, 1), *x = uniform(m, n, 0, -1, 1);
    OK(gn_cuda_lsmr_left(test.stream, test.type, m, n, at(product), at(u), slots, test.scratch));
    OK(gn_cuda_lsmr_update(test.stream, test.type, m, n, at(product), at(h), at(hbar), at(x), slots,
                           test.scratch));
    for (size_t i = 0; i < m; i++) {
        double square = 0;
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            u->host[j] = product->host[j] / 2 - 0.5 * u->host[j];
            square += u->host[j] * u->host[j];
            hbar->host[j] = h->host[j] + 0.5 * hbar->host[j];
            x->host[j] += 0.25 * hbar->host[j];
            h->host[j] = product->host[j] / 2 - 0.5 * h->host[j];
        }
        ((gn_cuda_lsmr_row *)s.rows->host)[i].beta = sqrt(square);
    }
    s.rows->tolerance = 64 * (test.type == F64 ? 1 : 0x1p29);
    u->tolerance = h->tolerance = hbar->tolerance = x->tolerance = 4;
    end_case();
}

void test_solvers(void) {
    FOR_AWKWARD(n) {
        if (n == 0)
            continue;
        cg_case(1, n);
        cg_case(5, n);
        begin_rows_case(3, n);
        lsmr_case(3, n);
    }
    if (large_cases()) { /* rows that are cut, alone and beside others */
        cg_case(1, 100003);
        cg_case(3, 40009);
        begin_rows_case(3, 40009);
        lsmr_case(3, 40009);
    }
}
