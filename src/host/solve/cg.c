#include "solve/cg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/program.h"
#include "core/profile.h"

struct gn_cg {
    gn_context *context;
    gn_dtype dtype;
    gn_cg_options options;
    gn_array x, r, p, q; /* R x n */
    gn_array z;          /* R x n; without a preconditioner r serves */
    gn_array rules, rows, models, flag;
    gn_solve_rule *host_rules; /* R */
    double *host_damping;      /* R: those of the rules, for the preconditioner */
    gn_cg_row *host_rows;      /* R, for reports */
    bool rules_changed;
    gn_program *begin[2]; /* cold, warm; NULL: not made yet */
    gn_program *loop;
};

enum {
    RULE_DOUBLES = sizeof(gn_solve_rule) / sizeof(double),
    ROW_DOUBLES = sizeof(gn_cg_row) / sizeof(double)
};

/* The model's values that its rule looks back at. */
static size_t models_kept(const gn_cg_options *options) {
    return options->iterations / 10 + 11;
}

double gn_cg_bytes(gn_dtype dtype, const gn_cg_options *options) {
    const double vectors = options->preconditioner ? 5 : 4, r = (double)options->rows;
    const double doubles = RULE_DOUBLES + ROW_DOUBLES + (double)models_kept(options);
    return r * (vectors * (double)options->n * (double)gn_dtype_size(dtype) + doubles * sizeof(double)) +
           sizeof(double);
}

/* ---- what is recorded ---- */

static gn_cg_slots slots_of(const gn_cg *cg) {
    return (gn_cg_slots){.rules = cg->rules.data,
                         .rows = cg->rows.data,
                         .models = cg->models.data,
                         .kept = models_kept(&cg->options),
                         .flag = cg->flag.data};
}

static gn_status apply(const gn_cg *cg, const void *x, void *ax) {
    const gn_operator *a = &cg->options.a;
    return a->apply(a->user, cg->options.rows, x, ax);
}

/* p from r */
static gn_status turn(const gn_cg *cg) {
    gn_preconditioner *preconditioner = cg->options.preconditioner;
    const void *z = cg->r.data;
    if (preconditioner) {
        GN_TRY(preconditioner->interface->apply(preconditioner, cg->r.data, cg->z.data));
        z = cg->z.data;
    }
    return GN_OP(cg->context, cg_direction, cg->dtype, cg->options.rows, cg->options.n, cg->r.data, z,
                 cg->p.data, slots_of(cg));
}

static gn_status begin(const gn_cg *cg, const void *ax) {
    return GN_OP(cg->context, cg_begin, cg->dtype, cg->options.rows, cg->options.n, ax, cg->x.data,
                 cg->r.data, slots_of(cg));
}

static gn_status begin_cold(void *user) {
    return begin(user, NULL);
}

static gn_status begin_warm(void *user) {
    const gn_cg *cg = user;
    GN_TRY(apply(cg, cg->x.data, cg->q.data));
    return begin(cg, cg->q.data);
}

/* A device that replays it shows no range a pass (core/profile.h). */
static gn_status iterate(void *user) {
    GN_RANGE("cg iteration");
    const gn_cg *cg = user;
    GN_TRY(turn(cg));
    GN_TRY(apply(cg, cg->p.data, cg->q.data));
    return GN_OP(cg->context, cg_step, cg->dtype, cg->options.rows, cg->options.n, cg->p.data, cg->q.data,
                 cg->x.data, cg->r.data, slots_of(cg));
}

static gn_status make_programs(gn_cg *cg) {
    const gn_program_loop loop = {.flag = cg->flag.data};
    if (!cg->begin[0])
        GN_TRY(gn_program_create(cg->context, begin_cold, cg, NULL, &cg->begin[0]));
    if (!cg->begin[1])
        GN_TRY(gn_program_create(cg->context, begin_warm, cg, NULL, &cg->begin[1]));
    return cg->loop ? GN_OK : gn_program_create(cg->context, iterate, cg, &loop, &cg->loop);
}

void gn_cg_forget(gn_cg *cg) {
    gn_program **programs[] = {&cg->begin[0], &cg->begin[1], &cg->loop};
    for (size_t i = 0; i < 3; i++) {
        gn_program_destroy(*programs[i]);
        *programs[i] = NULL;
    }
}

/* ---- its life ---- */

static gn_status create_vectors(gn_cg *cg) {
    const size_t rows = cg->options.rows, n = cg->options.n;
    gn_array *vectors[] = {&cg->x, &cg->r, &cg->p, &cg->q, &cg->z};
    for (size_t i = 0; i < (cg->options.preconditioner ? 5 : 4); i++)
        GN_TRY(gn_buffer_create(cg->context, vectors[i], cg->dtype, rows, n, "a vector of CG"));
    GN_TRY(gn_array_fill(&cg->x, 0));
    return gn_array_fill(&cg->p,
                         0); /* of rows that stop before a first direction it is applied to all the same */
}

static gn_status create_slots(gn_cg *cg) {
    gn_context *context = cg->context;
    const size_t rows = cg->options.rows;
    static const char what[] = "the scalars of CG";
    GN_TRY(gn_buffer_create(context, &cg->rules, GN_FLOAT64, rows, RULE_DOUBLES, what));
    GN_TRY(gn_buffer_create(context, &cg->rows, GN_FLOAT64, rows, ROW_DOUBLES, what));
    GN_TRY(gn_buffer_create(context, &cg->models, GN_FLOAT64, rows, models_kept(&cg->options), what));
    GN_TRY(gn_buffer_create(context, &cg->flag, GN_FLOAT64, 1, 1, what));
    GN_TRY(gn_array_fill(&cg->rows, 0));
    cg->host_rules = calloc(rows + 1, sizeof *cg->host_rules);
    cg->host_damping = calloc(rows + 1, sizeof *cg->host_damping);
    cg->host_rows = calloc(rows + 1, sizeof *cg->host_rows);
    if (!cg->host_rules || !cg->host_damping || !cg->host_rows)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for CG");
    for (size_t i = 0; i < rows; i++)
        cg->host_rules[i] = (gn_solve_rule){.relative = 1e-6, .limit = (double)cg->options.iterations};
    cg->rules_changed = true;
    return GN_OK;
}

gn_status gn_cg_create(gn_context *context, gn_dtype dtype, const gn_cg_options *options, gn_cg **out) {
    *out = NULL;
    gn_cg *cg = calloc(1, sizeof *cg);
    if (!cg)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for CG");
    cg->context = context;
    cg->dtype = dtype;
    cg->options = *options;
    gn_status status = create_vectors(cg);
    if (status == GN_OK)
        status = create_slots(cg);
    if (status != GN_OK) {
        gn_cg_destroy(cg);
        return status;
    }
    *out = cg;
    return GN_OK;
}

void gn_cg_destroy(gn_cg *cg) {
    if (!cg)
        return;
    gn_cg_forget(cg);
    gn_array *buffers[] = {&cg->x,     &cg->r,    &cg->p,      &cg->q,   &cg->z,
                           &cg->rules, &cg->rows, &cg->models, &cg->flag};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(cg->host_rules);
    free(cg->host_damping);
    free(cg->host_rows);
    free(cg);
}

/* ---- solves ---- */

static bool same_rule(const gn_solve_rule *a, const gn_solve_rule *b) {
    return memcmp(a, b, sizeof *a) == 0; /* doubles alone: no padding */
}

gn_status gn_cg_set_rule(gn_cg *cg, size_t row, gn_solve_rule rule) {
    if (row >= cg->options.rows)
        return gn_fail(cg->context, GN_ERROR_ARGUMENT, "CG has %zu rows, there is no row %zu",
                       cg->options.rows, row);
    if (!(rule.damping >= 0) || isinf(rule.damping))
        return gn_fail(cg->context, GN_ERROR_ARGUMENT, "CG cannot take the damping %g", rule.damping);
    if (!(rule.limit >= 0 && rule.limit <= (double)cg->options.iterations))
        return gn_fail(cg->context, GN_ERROR_ARGUMENT, "CG was made for %zu iterations, not %g",
                       cg->options.iterations, rule.limit);
    if (!same_rule(&cg->host_rules[row], &rule))
        cg->rules_changed = true;
    cg->host_rules[row] = rule;
    return GN_OK;
}

void *gn_cg_right_hand_side(gn_cg *cg) {
    return cg->r.data;
}

void *gn_cg_solution(gn_cg *cg) {
    return cg->x.data;
}

/* Before anything runs: neither may be part of a recording. */
static gn_status hand_over_rules(gn_cg *cg) {
    const size_t rows = cg->options.rows;
    gn_preconditioner *preconditioner = cg->options.preconditioner;
    if (cg->rules_changed)
        GN_TRY(GN_OP(cg->context, upload, cg->rules.data, cg->host_rules, rows * sizeof(gn_solve_rule)));
    cg->rules_changed = false;
    if (!preconditioner)
        return GN_OK;
    if (!preconditioner->ready)
        return gn_fail(cg->context, GN_ERROR_ARGUMENT, "CG's preconditioner has not seen the operator yet");
    for (size_t i = 0; i < rows; i++)
        cg->host_damping[i] = cg->host_rules[i].damping;
    return gn_preconditioner_set_damping(preconditioner, cg->host_damping);
}

gn_status gn_cg_solve(gn_cg *cg, bool warm_start) {
    GN_TRY(hand_over_rules(cg));
    GN_TRY(make_programs(cg));
    GN_TRY(gn_program_run(cg->begin[warm_start]));
    return gn_program_run(cg->loop);
}

gn_status gn_cg_report_read(gn_cg *cg, gn_cg_report *reports) {
    const size_t rows = cg->options.rows;
    GN_TRY(GN_OP(cg->context, download, cg->host_rows, cg->rows.data, rows * sizeof(gn_cg_row)));
    for (size_t i = 0; i < rows; i++) {
        const gn_cg_row *row = &cg->host_rows[i];
        reports[i] = (gn_cg_report){.reason = (gn_stop)row->reason,
                                    .iterations = (size_t)row->iterations,
                                    .residual = sqrt(row->residual_squared),
                                    .residual_largest = row->residual_largest,
                                    .model = row->model,
                                    .curvature = row->curvature};
    }
    return GN_OK;
}
