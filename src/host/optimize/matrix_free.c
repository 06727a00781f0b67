/* The equations of a Gauss-Newton step by products alone: by conjugate gradients, (A + mu I) d = w J'r +
 * decay theta with A = w J'H J, or by LSMR (least_squares.c). Memory grows with P and the activations; LSMR's
 * also with M, for two vectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/gauss_newton.h"

/* The seed of Nystrom's test matrix: fixed, for it should be the same in every run. */
#define TEST_MATRIX_SEED 0

static const gn_cg_settings *settings_of(const gn_gauss_newton *o) {
    return &o->base.options.cg;
}

static gn_array parameters_view(const gn_gauss_newton *o, const void *data, size_t row) {
    const size_t p = o->base.parameters;
    char *first = (char *)data + row * p * gn_dtype_size(o->base.dtype);
    return gn_array_view(o->base.context, o->base.dtype, p, 1, first);
}

/* ---- the operator, at the linearization's present point ---- */

static gn_status apply(void *user, size_t rows, const void *x, void *y) {
    const gn_gauss_newton *o = user;
    for (size_t i = 0; i < rows; i++) {
        gn_array v = parameters_view(o, x, i), out = parameters_view(o, y, i);
        GN_TRY(gn_linearization_ggn_product(o->free.at.l, o->free.at.weight, &v, &out));
    }
    return GN_OK;
}

static gn_status diagonal(void *user, void *d) {
    const gn_gauss_newton *o = user;
    gn_array out = parameters_view(o, d, 0);
    GN_TRY(gn_linearization_ggn_diagonal(o->free.at.l, &out));
    return GN_OP(o->base.context, axpby, o->base.dtype, o->base.parameters, o->free.at.weight, d, 0.0, d);
}

/* ---- its layers ---- */

static size_t layers(void *user) {
    const gn_gauss_newton *o = user;
    return gn_linearization_layers(o->free.at.l);
}

static gn_kronecker_shape shape(void *user, size_t layer) {
    const gn_gauss_newton *o = user;
    const gn_linearization_layer l = gn_linearization_layer_of(o->free.at.l, layer);
    return (gn_kronecker_shape){.out = l.out, .in = l.in, .weight = l.weight, .bias = l.bias};
}

static gn_status factors(void *user, size_t layer, void *a, void *b) {
    const gn_gauss_newton *o = user;
    return gn_linearization_layer_factors(o->free.at.l, layer, o->free.at.weight, a, b);
}

static gn_status rest_diagonal(void *user, void *d) {
    const gn_gauss_newton *o = user;
    gn_array out = parameters_view(o, d, 0);
    GN_TRY(gn_linearization_rest_diagonal(o->free.at.l, &out));
    return GN_OP(o->base.context, axpby, o->base.dtype, o->base.parameters, o->free.at.weight, d, 0.0, d);
}

static gn_kronecker_source layers_of(gn_gauss_newton *o) {
    return (gn_kronecker_source){
        .layers = layers, .shape = shape, .factors = factors, .diagonal = rest_diagonal, .user = o};
}

static gn_operator operator_of(gn_gauss_newton *o) {
    return (gn_operator){.apply = apply, .user = o};
}

/* ---- its life ---- */

static bool by_lsmr(const gn_gauss_newton *o) {
    return o->base.options.solver == GN_SOLVER_LSMR;
}

double gn_matrix_free_bytes(const gn_gauss_newton *o) {
    const gn_optimizer *self = &o->base;
    const gn_cg_settings *s = settings_of(o);
    const double vector = (double)self->parameters * (double)gn_dtype_size(self->dtype);
    if (by_lsmr(o))
        return gn_least_squares_bytes(o) + vector;
    switch (s->preconditioner) {
    case GN_PRECONDITIONER_JACOBI:
        return 9 * vector;
    case GN_PRECONDITIONER_NYSTROM:
        return (6 + 3 * (double)s->rank) * vector;
    case GN_PRECONDITIONER_KFAC: /* and the factors, once the layers are known */
        return 6 * vector;
    case GN_PRECONDITIONER_NONE:
        break;
    }
    return 5 * vector;
}

/* For `rows` systems; NULL where there is none. */
static gn_status create_preconditioner(gn_gauss_newton *o, size_t rows, gn_preconditioner **out) {
    gn_optimizer *self = &o->base;
    const gn_cg_settings *s = settings_of(o);
    const size_t p = self->parameters;
    switch (s->preconditioner) {
    case GN_PRECONDITIONER_JACOBI:
        return gn_preconditioner_create_jacobi(self->context, self->dtype, rows, p, diagonal, o, out);
    case GN_PRECONDITIONER_NYSTROM:
        return gn_preconditioner_create_nystrom(self->context, self->dtype, rows, p,
                                                s->rank < p ? s->rank : p, TEST_MATRIX_SEED, operator_of(o),
                                                out);
    case GN_PRECONDITIONER_KFAC:
        return gn_preconditioner_create_kfac(self->context, self->dtype, rows, p, layers_of(o), out);
    case GN_PRECONDITIONER_NONE:
        break;
    }
    return GN_OK;
}

static gn_status create_solver(gn_gauss_newton *o, size_t rows, gn_preconditioner *preconditioner,
                               gn_cg **cg) {
    const gn_optimizer *self = &o->base;
    const gn_cg_options options = {.rows = rows,
                                   .n = self->parameters,
                                   .iterations = settings_of(o)->max_iterations,
                                   .a = operator_of(o),
                                   .preconditioner = preconditioner};
    return gn_cg_create(self->context, self->dtype, &options, cg);
}

static gn_status create_cg(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    const gn_cg_settings *s = settings_of(o);
    GN_TRY(create_preconditioner(o, 1, &o->free.preconditioner));
    GN_TRY(create_solver(o, 1, o->free.preconditioner, &o->free.cg));
    self->needs_rows = self->needs_diagonal =
        s->preconditioner == GN_PRECONDITIONER_JACOBI || s->preconditioner == GN_PRECONDITIONER_KFAC;
    o->free.solution = parameters_view(o, gn_cg_solution(o->free.cg), 0);
    if (s->warm_start)
        gn_optimizer_add_state(self, "cg_solution", &o->free.solution);
    return gn_array_fill(&o->free.solution, 0);
}

gn_status gn_matrix_free_create(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    GN_TRY(by_lsmr(o) ? gn_least_squares_create(o) : create_cg(o));
    GN_TRY(gn_buffer_create(self->context, &o->gradient, self->dtype, self->parameters, 1, "J'r"));
    snprintf(self->solver, sizeof self->solver, "%s (M = %zu, P = %zu)", by_lsmr(o) ? "lsmr" : "cg",
             self->rows, self->parameters);
    self->costs_vary = true;
    return GN_OK;
}

void gn_matrix_free_destroy(gn_gauss_newton *o) {
    gn_lsmr_destroy(o->free.lsmr);
    gn_cg_destroy(o->free.cg);
    gn_preconditioner_destroy(o->free.preconditioner);
}

gn_status gn_matrix_free_reserve(gn_gauss_newton *o, gn_linearization *l) {
    if (!o->free.cg || settings_of(o)->preconditioner != GN_PRECONDITIONER_KFAC)
        return GN_OK;
    o->free.at.l = l;
    return gn_preconditioner_reserve_kfac(o->free.preconditioner);
}

/* ---- solves ---- */

/* What the calls of a product depend on. */
static gn_matrix_free_point point_of(const gn_gauss_newton *o, gn_linearization *l) {
    return (gn_matrix_free_point){
        l, l->inputs, l->targets, l->theta->data, l->samples, gn_gauss_newton_weight(o, l)};
}

/* The operator and J'r of CG are at the linearization's point from here on. */
static gn_status take_point(gn_gauss_newton *o, gn_linearization *l) {
    const gn_matrix_free_point now = point_of(o, l);
    const bool same = memcmp(&now, &o->free.at, sizeof now) == 0;
    o->free.at = now;
    if (!same && o->free.lsmr)
        gn_lsmr_forget(o->free.lsmr);
    if (!same && o->free.cg)
        gn_cg_forget(o->free.cg);
    return o->free.cg ? gn_systems_gradient(o, l) : GN_OK;
}

gn_status gn_matrix_free_begin(gn_gauss_newton *o, gn_linearization *l) {
    GN_TRY(take_point(o, l));
    return o->free.preconditioner ? gn_preconditioner_update(o->free.preconditioner) : GN_OK;
}

/* Row `row` of the solver's systems: mu, and b = w J'r + decay theta. */
static gn_status set_system(const gn_gauss_newton *o, gn_linearization *l, gn_cg *cg, size_t row, double mu) {
    const gn_optimizer *self = &o->base;
    const gn_cg_settings *s = settings_of(o);
    const double decay = self->options.weight_decay;
    const gn_solve_rule rule = {.damping = mu,
                                .relative = s->tolerance,
                                .absolute = s->absolute_tolerance,
                                .progress = s->progress,
                                .limit = (double)s->max_iterations};
    const gn_array b = parameters_view(o, gn_cg_right_hand_side(cg), row);
    GN_TRY(gn_cg_set_rule(cg, row, rule));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, o->free.at.weight, o->gradient.data,
                 0.0, b.data));
    if (decay == 0)
        return GN_OK;
    return GN_OP(self->context, axpby, self->dtype, self->parameters, decay, l->theta->data, 1.0, b.data);
}

static gn_status solve_cg(gn_gauss_newton *o, gn_linearization *l, double mu) {
    o->free.warm = settings_of(o)->warm_start;
    GN_TRY(set_system(o, l, o->free.cg, 0, mu));
    GN_TRY(gn_cg_solve(o->free.cg, o->free.warm));
    return gn_array_copy(&o->base.direction, &o->free.solution);
}

gn_status gn_matrix_free_solve(gn_gauss_newton *o, gn_linearization *l, double mu) {
    o->free.mu = mu;
    return o->free.lsmr ? gn_least_squares_solve(o, l, mu) : solve_cg(o, l, mu);
}

/* How the last solve ended; *model unless NULL. LSMR's residual is that of w times its system. */
static gn_status read_report(gn_gauss_newton *o, gn_linearization *l, double *model, gn_cg_report *report) {
    if (o->free.cg) {
        GN_TRY(gn_cg_report_read(o->free.cg, report));
        if (model)
            *model = report->model;
        return GN_OK;
    }
    gn_lsmr_report lsmr;
    GN_TRY(gn_lsmr_report_read(o->free.lsmr, &lsmr));
    *report = (gn_cg_report){
        .reason = lsmr.reason, .iterations = lsmr.iterations, .residual = o->free.at.weight * lsmr.residual};
    return model ? gn_least_squares_model(o, l, model) : GN_OK;
}

static const char *name_of(const gn_gauss_newton *o) {
    return o->free.lsmr ? "LSMR" : "CG";
}

gn_status gn_matrix_free_solve_again(gn_gauss_newton *o, gn_linearization *l, const gn_array *x) {
    gn_optimizer *self = &o->base;
    GN_TRY(gn_linearization_vjp(l, x, &self->direction));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, o->free.at.weight, self->direction.data,
                 0.0, gn_cg_right_hand_side(o->free.cg)));
    o->free.warm = false;
    GN_TRY(gn_cg_solve(o->free.cg, false));
    return gn_array_copy(&self->direction, &o->free.solution);
}

/* Said once a phase each: a limit that is reached is often meant. */
static void tell(gn_gauss_newton *o, const gn_cg_report *solve) {
    if (solve->reason < GN_STOP_ITERATIONS || (o->free.told >> solve->reason & 1) != 0)
        return;
    o->free.told |= 1u << solve->reason;
    gn_log(o->base.context, solve->reason == GN_STOP_ITERATIONS ? GN_LOG_INFO : GN_LOG_WARNING,
           "%s stopped after %zu iterations, residual %g: %s (said once a phase)", name_of(o),
           solve->iterations, solve->residual, gn_stop_text(solve->reason));
}

/* A solve without an end is no solution. */
static gn_status judge(gn_gauss_newton *o, const gn_cg_report *solve) {
    if (solve->reason == GN_STOP_NOT_FINITE)
        return gn_fail(o->base.context, GN_ERROR_NOT_FINITE,
                       "%s met a value that is not finite after %zu iterations", name_of(o),
                       solve->iterations);
    tell(o, solve);
    return GN_OK;
}

/* LSMR's first product back is the step's gradient. */
double gn_matrix_free_begin_passes(const gn_gauss_newton *o, const gn_linearization *l) {
    switch (settings_of(o)->preconditioner) {
    case GN_PRECONDITIONER_JACOBI:
    case GN_PRECONDITIONER_KFAC:
        return 1 + (double)l->outputs;
    case GN_PRECONDITIONER_NYSTROM:
        return 1 + GN_PRODUCT_PASSES * (double)settings_of(o)->rank;
    case GN_PRECONDITIONER_NONE:
        break;
    }
    return 1;
}

gn_status gn_matrix_free_report(gn_gauss_newton *o, gn_linearization *l, double *model,
                                gn_step_report *report) {
    gn_cg_report solve;
    GN_TRY(read_report(o, l, model, &solve));
    GN_TRY(judge(o, &solve));
    report->damping = o->free.mu;
    report->stop = solve.reason;
    report->cg_iterations += solve.iterations;
    report->passes += GN_PRODUCT_PASSES * (double)(solve.iterations + o->free.warm);
    return GN_OK;
}

/* ---- several dampings at once ---- */

static gn_status solve_rows(gn_gauss_newton *o, gn_linearization *l, gn_cg *cg, size_t count,
                            const double *mu, gn_cg_report *reports, gn_array *d) {
    const gn_optimizer *self = &o->base;
    for (size_t i = 0; i < count; i++)
        GN_TRY(set_system(o, l, cg, i, mu[i]));
    GN_TRY(gn_cg_solve(cg, false));
    GN_TRY(gn_cg_report_read(cg, reports));
    for (size_t i = 0; i < count; i++)
        GN_TRY(judge(o, &reports[i]));
    return GN_OP(self->context, copy, d->data, gn_cg_solution(cg),
                 count * self->parameters * gn_dtype_size(self->dtype));
}

gn_status gn_matrix_free_solve_all(gn_gauss_newton *o, gn_linearization *l, size_t count, const double *mu,
                                   gn_array *d) {
    gn_cg *cg = NULL;
    gn_preconditioner *preconditioner = NULL;
    gn_status status;
    gn_cg_report *reports = calloc(count, sizeof *reports);
    if (!reports)
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "no host memory for %zu solves", count);
    GN_TRY_DONE(take_point(o, l));
    GN_TRY_DONE(create_preconditioner(o, count, &preconditioner));
    if (preconditioner)
        GN_TRY_DONE(gn_preconditioner_update(preconditioner));
    GN_TRY_DONE(create_solver(o, count, preconditioner, &cg));
    GN_TRY_DONE(solve_rows(o, l, cg, count, mu, reports, d));
done:
    gn_cg_destroy(cg);
    gn_preconditioner_destroy(preconditioner);
    free(reports);
    return status;
}
