#include "solve/lsmr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/program.h"
#include "core/profile.h"

struct gn_lsmr {
    gn_context *context;
    gn_dtype dtype;
    gn_lsmr_options options;
    size_t m;                    /* in force */
    gn_array u, av;              /* R x m: u holds b first; A v */
    gn_array v, atu, h, hbar, x; /* R x n: A'u */
    gn_array rules, rows, flag;
    gn_solve_rule *host_rules; /* R */
    gn_lsmr_row *host_rows;    /* R, for reports */
    bool rules_changed;
    gn_program *begin, *loop; /* NULL: not made yet */
};

enum {
    RULE_DOUBLES = sizeof(gn_solve_rule) / sizeof(double),
    ROW_DOUBLES = sizeof(gn_lsmr_row) / sizeof(double)
};

double gn_lsmr_bytes(gn_dtype dtype, const gn_lsmr_options *options) {
    const double elements = 2 * (double)options->m + 5 * (double)options->n;
    return (double)options->rows *
               (elements * (double)gn_dtype_size(dtype) + (RULE_DOUBLES + ROW_DOUBLES) * sizeof(double)) +
           sizeof(double);
}

/* ---- what is recorded ---- */

static gn_lsmr_slots slots_of(const gn_lsmr *s) {
    return (gn_lsmr_slots){.rules = s->rules.data, .rows = s->rows.data, .flag = s->flag.data};
}

/* From the new u on. */
static gn_status right(const gn_lsmr *s) {
    const gn_operator *a = &s->options.a;
    const size_t rows = s->options.rows, n = s->options.n;
    GN_TRY(a->apply_transpose(a->user, rows, s->u.data, s->atu.data));
    GN_TRY(GN_OP(s->context, lsmr_right, s->dtype, rows, n, s->atu.data, s->v.data, slots_of(s)));
    return GN_OP(s->context, lsmr_update, s->dtype, rows, n, s->v.data, s->h.data, s->hbar.data, s->x.data,
                 slots_of(s));
}

static gn_status begin(void *user) {
    const gn_lsmr *s = user;
    GN_TRY(GN_OP(s->context, lsmr_left, s->dtype, s->options.rows, s->m, NULL, s->u.data, slots_of(s)));
    return right(s);
}

static gn_status iterate(void *user) {
    GN_RANGE("lsmr iteration");
    const gn_lsmr *s = user;
    const gn_operator *a = &s->options.a;
    GN_TRY(a->apply(a->user, s->options.rows, s->v.data, s->av.data));
    GN_TRY(GN_OP(s->context, lsmr_left, s->dtype, s->options.rows, s->m, s->av.data, s->u.data, slots_of(s)));
    return right(s);
}

static gn_status make_programs(gn_lsmr *s) {
    const gn_program_loop loop = {.flag = s->flag.data};
    if (!s->begin)
        GN_TRY(gn_program_create(s->context, begin, s, NULL, &s->begin));
    return s->loop ? GN_OK : gn_program_create(s->context, iterate, s, &loop, &s->loop);
}

void gn_lsmr_forget(gn_lsmr *s) {
    gn_program_destroy(s->begin);
    gn_program_destroy(s->loop);
    s->begin = s->loop = NULL;
}

gn_status gn_lsmr_set_size(gn_lsmr *s, size_t m) {
    if (m > s->options.m)
        return gn_fail(s->context, GN_ERROR_SHAPE, "LSMR was made for %zu rows of A, not %zu", s->options.m,
                       m);
    if (m != s->m)
        gn_lsmr_forget(s);
    s->m = m;
    return GN_OK;
}

/* ---- its life ---- */

static gn_status create_buffers(gn_lsmr *s) {
    gn_context *context = s->context;
    const size_t rows = s->options.rows;
    gn_array *left[] = {&s->u, &s->av}, *right[] = {&s->v, &s->atu, &s->h, &s->hbar, &s->x};
    static const char vector[] = "a vector of LSMR", scalars[] = "the scalars of LSMR";
    for (size_t i = 0; i < 2; i++)
        GN_TRY(gn_buffer_create(context, left[i], s->dtype, rows, s->options.m, vector));
    for (size_t i = 0; i < 5; i++)
        GN_TRY(gn_buffer_create(context, right[i], s->dtype, rows, s->options.n, vector));
    GN_TRY(gn_buffer_create(context, &s->rules, GN_FLOAT64, rows, RULE_DOUBLES, scalars));
    GN_TRY(gn_buffer_create(context, &s->rows, GN_FLOAT64, rows, ROW_DOUBLES, scalars));
    GN_TRY(gn_buffer_create(context, &s->flag, GN_FLOAT64, 1, 1, scalars));
    s->host_rules = calloc(rows + 1, sizeof *s->host_rules);
    s->host_rows = calloc(rows + 1, sizeof *s->host_rows);
    if (!s->host_rules || !s->host_rows)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for LSMR");
    for (size_t i = 0; i < rows; i++)
        s->host_rules[i] = (gn_solve_rule){.relative = 1e-6, .limit = 100};
    s->rules_changed = true;
    return gn_array_fill(&s->rows, 0);
}

gn_status gn_lsmr_create(gn_context *context, gn_dtype dtype, const gn_lsmr_options *options, gn_lsmr **out) {
    *out = NULL;
    if (!options->a.apply_transpose)
        return gn_fail(context, GN_ERROR_ARGUMENT, "LSMR needs products with the transpose");
    gn_lsmr *s = calloc(1, sizeof *s);
    if (!s)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for LSMR");
    s->context = context;
    s->dtype = dtype;
    s->options = *options;
    s->m = options->m;
    const gn_status status = create_buffers(s);
    if (status != GN_OK) {
        gn_lsmr_destroy(s);
        return status;
    }
    *out = s;
    return GN_OK;
}

void gn_lsmr_destroy(gn_lsmr *s) {
    if (!s)
        return;
    gn_lsmr_forget(s);
    gn_array *buffers[] = {&s->u,    &s->av, &s->v,     &s->atu,  &s->h,
                           &s->hbar, &s->x,  &s->rules, &s->rows, &s->flag};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(s->host_rules);
    free(s->host_rows);
    free(s);
}

/* ---- solves ---- */

gn_status gn_lsmr_set_rule(gn_lsmr *s, size_t row, gn_solve_rule rule) {
    if (row >= s->options.rows)
        return gn_fail(s->context, GN_ERROR_ARGUMENT, "LSMR has %zu rows, there is no row %zu",
                       s->options.rows, row);
    if (!(rule.damping >= 0) || isinf(rule.damping))
        return gn_fail(s->context, GN_ERROR_ARGUMENT, "LSMR cannot take the damping %g", rule.damping);
    if (!(rule.limit >= 0) || isinf(rule.limit))
        return gn_fail(s->context, GN_ERROR_ARGUMENT, "LSMR cannot take the limit of %g iterations",
                       rule.limit);
    if (memcmp(&s->host_rules[row], &rule, sizeof rule) != 0)
        s->rules_changed = true;
    s->host_rules[row] = rule;
    return GN_OK;
}

void *gn_lsmr_right_hand_side(gn_lsmr *s) {
    return s->u.data;
}

void *gn_lsmr_solution(gn_lsmr *s) {
    return s->x.data;
}

gn_status gn_lsmr_solve(gn_lsmr *s) {
    if (s->rules_changed)
        GN_TRY(
            GN_OP(s->context, upload, s->rules.data, s->host_rules, s->options.rows * sizeof(gn_solve_rule)));
    s->rules_changed = false;
    GN_TRY(make_programs(s));
    GN_TRY(gn_program_run(s->begin));
    return gn_program_run(s->loop);
}

gn_status gn_lsmr_report_read(gn_lsmr *s, gn_lsmr_report *reports) {
    const size_t rows = s->options.rows;
    GN_TRY(GN_OP(s->context, download, s->host_rows, s->rows.data, rows * sizeof(gn_lsmr_row)));
    for (size_t i = 0; i < rows; i++) {
        const gn_lsmr_row *row = &s->host_rows[i];
        reports[i] = (gn_lsmr_report){
            .reason = (gn_stop)row->reason, .iterations = (size_t)row->iterations, .residual = row->residual};
    }
    return GN_OK;
}
