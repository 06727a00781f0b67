/* The equations of a Gauss-Newton step: (w B B' + mu I) d = w B t + decay theta, where B B' = J'H J and
 * B t = J'r (linearization.h; B = J', t = r for squared error), in the smaller of two forms.
 * dual:   (B'B + mu/w I) u = t - a B'theta, d = B u + a theta, a = decay/mu
 * primal: (B B' + mu/w I) d = B t + (decay/w) theta */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "core/profile.h"
#include "core/size.h"
#include "optimize/gauss_newton.h"

/* Rows of J held at a time in the primal form. */
#define BLOCK_BYTES (64.0 * 1024 * 1024)

static double epsilon(const gn_gauss_newton *o) {
    return o->base.dtype == GN_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
}

/* Flops of a step. A structured Gram costs about 4 M^2 sqrt(P): for L layers of width w, P = L w^2 and the
 * inner products take 4 M^2 L w. */
static double dual_flops(double m, double p) {
    return m * m * m / 3 + 4 * m * m * sqrt(p);
}

static double primal_flops(double m, double p) {
    return m * p * p + p * p * p / 3;
}

/* Residuals a block of J holds: at least one sample's, whose number of outputs is not known yet, so whole
 * rows. */
static size_t primal_block_rows(const gn_gauss_newton *o) {
    double row = (double)o->base.parameters * (double)gn_dtype_size(o->base.dtype);
    double rows = fmax(1, floor(BLOCK_BYTES / row));
    return rows < (double)o->base.rows ? (size_t)rows : o->base.rows;
}

static gn_symmetric_options system_options(const gn_gauss_newton *o) {
    bool repeated = o->base.options.damping.kind == GN_DAMPING_GAIN_RATIO &&
                    o->base.options.kind != GN_OPTIMIZER_GAUSS_NEWTON;
    return (gn_symmetric_options){o->spectral ? GN_SYMMETRIC_SPECTRAL : GN_SYMMETRIC_CHOLESKY, repeated};
}

static double form_bytes(gn_gauss_newton *o, bool dual) {
    const gn_optimizer *self = &o->base;
    double size = (double)gn_dtype_size(self->dtype);
    size_t n = dual ? self->rows : self->parameters;
    double block = dual ? 0 : (double)primal_block_rows(o) * (double)self->parameters * size;
    double vectors = ((double)self->rows + (double)self->parameters) * size;
    return gn_symmetric_bytes(self->context, self->dtype, n, system_options(o)) + block + vectors +
           gn_acceleration_bytes(o) + gn_relative_bytes(o);
}

/* Dense by Cholesky or eigenvalues, or (*products) by CG or LSMR. */
static gn_status choose_form(gn_gauss_newton *o, bool *products) {
    gn_optimizer *self = &o->base;
    double m = (double)self->rows, p = (double)self->parameters;
    gn_solver solver = self->options.solver;
    bool newton = self->options.kind == GN_OPTIMIZER_GAUSS_NEWTON;
    if (newton && (solver == GN_SOLVER_DUAL || solver == GN_SOLVER_PRIMAL))
        return gn_fail(self->context, GN_ERROR_ARGUMENT,
                       "gauss_newton cuts the spectrum: its solver is spectral (or auto, cg or lsmr), not "
                       "dual or primal");
    *products = solver == GN_SOLVER_CG || solver == GN_SOLVER_LSMR;
    o->spectral = newton || gn_is_fractional(o) || solver == GN_SOLVER_SPECTRAL;
    o->dual = o->spectral ? m <= p : dual_flops(m, p) <= primal_flops(m, p);
    if (solver == GN_SOLVER_DUAL || solver == GN_SOLVER_PRIMAL)
        o->dual = solver == GN_SOLVER_DUAL;
    if (solver != GN_SOLVER_AUTO && solver != GN_SOLVER_SPECTRAL)
        return GN_OK;
    size_t free_bytes, total;
    GN_TRY(gn_context_memory(self->context, &free_bytes, &total));
    bool fits = form_bytes(o, o->dual) < (double)free_bytes;
    bool other_fits = form_bytes(o, !o->dual) < (double)free_bytes;
    if (!fits && other_fits)
        o->dual = !o->dual;
    *products = solver == GN_SOLVER_AUTO && !fits && !other_fits && !gn_is_fractional(o);
    return GN_OK;
}

static gn_status predict(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    char what[160];
    size_t n = o->dual ? self->rows : self->parameters;
    snprintf(what, sizeof what,
             "a %s step with M = %zu residuals and P = %zu parameters (a %zu x %zu matrix)",
             o->dual ? "dual" : "primal", self->rows, self->parameters, n, n);
    return gn_memory_predict(
        self->context, form_bytes(o, o->dual), what,
        o->dual ? "a smaller batch (batch.size), float32, or solver: primal where P is small, else cg"
                : "a smaller network, float32, solver: dual with a smaller batch, or cg");
}

static gn_status create_products(gn_gauss_newton *o) {
    const bool lsmr = o->base.options.solver == GN_SOLVER_LSMR;
    char what[96];
    snprintf(what, sizeof what, "a%s step with P = %zu parameters", lsmr ? "n LSMR" : " CG",
             o->base.parameters);
    GN_TRY(gn_memory_predict(o->base.context,
                             gn_matrix_free_bytes(o) + gn_acceleration_bytes(o) + gn_relative_bytes(o), what,
                             lsmr ? "a smaller network, a smaller batch or float32"
                                  : "a smaller network, float32 or another cg.preconditioner"));
    return gn_matrix_free_create(o);
}

gn_status gn_systems_create(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    gn_context *context = self->context;
    bool products = false;
    GN_TRY(choose_form(o, &products));
    if (products)
        return create_products(o);
    GN_TRY(predict(o));
    self->needs_rows = true;
    self->needs_gram = o->dual;
    self->decomposes = o->spectral && o->dual;
    snprintf(self->solver, sizeof self->solver, "%s%s (M = %zu, P = %zu)", o->spectral ? "spectral, " : "",
             o->dual ? "dual" : "primal", self->rows, self->parameters);
    size_t n = o->dual ? self->rows : self->parameters;
    GN_TRY(gn_symmetric_create(context, self->dtype, n, system_options(o), &o->system));
    GN_TRY(gn_buffer_create(context, &o->dual_solution, self->dtype, self->rows, 1, "the dual solution"));
    GN_TRY(gn_buffer_create(context, &o->gradient, self->dtype, self->parameters, 1, "J'r"));
    if (o->dual)
        return GN_OK;
    o->block_rows = primal_block_rows(o);
    return gn_buffer_create(context, &o->block, self->dtype, o->block_rows, self->parameters,
                            "rows of the Jacobian");
}

void gn_systems_destroy(gn_gauss_newton *o) {
    gn_matrix_free_destroy(o);
    gn_symmetric_destroy(o->system);
    gn_symmetric_destroy(o->fallback);
    gn_buffer_destroy(&o->dual_solution);
    gn_buffer_destroy(&o->gradient);
    gn_buffer_destroy(&o->block);
}

static gn_status assemble_primal(gn_gauss_newton *o, gn_linearization *l, void *matrix) {
    size_t p = o->base.parameters, c = l->outputs;
    if (o->block_rows < c) {
        /* a sample's rows are more than were foreseen: hold one sample */
        gn_buffer_destroy(&o->block);
        GN_TRY(gn_buffer_create(l->context, &o->block, l->dtype, c, p, "rows of the Jacobian"));
        o->block_rows = c;
    }
    GN_TRY(gn_linearization_root_normal(l, &o->block, matrix));
    return gn_systems_gradient(o, l);
}

gn_status gn_systems_gradient(gn_gauss_newton *o, gn_linearization *l) {
    gn_array r = gn_array_view(l->context, l->dtype, gn_linearization_rows(l), 1, l->residual.data);
    return gn_linearization_vjp(l, &r, &o->gradient);
}

static gn_status assemble_into(gn_gauss_newton *o, gn_linearization *l, gn_symmetric *system) {
    GN_RANGE("linearize");
    o->solved = system;
    if (!o->dual)
        return assemble_primal(o, l, gn_symmetric_matrix(system, o->base.parameters));
    size_t m = gn_linearization_rows(l);
    gn_array k = gn_array_view(l->context, l->dtype, m, m, gn_symmetric_matrix(system, m));
    return gn_linearization_root_gram(l, &k);
}

gn_status gn_systems_assemble(gn_gauss_newton *o, gn_linearization *l) {
    o->ready = false;
    return gn_is_matrix_free(o) ? gn_matrix_free_begin(o, l) : assemble_into(o, l, o->system);
}

/* direction += factor theta */
static gn_status add_theta(gn_gauss_newton *o, gn_linearization *l, double factor) {
    return GN_OP(l->context, axpby, l->dtype, o->base.parameters, factor, l->theta->data, 1.0,
                 o->base.direction.data);
}

static gn_status solve_primal(gn_gauss_newton *o, gn_linearization *l, gn_damped damped) {
    double decay = o->base.options.weight_decay;
    if (decay == 0)
        return gn_symmetric_solve(o->solved, damped, o->gradient.data, o->base.direction.data);
    GN_TRY(gn_array_copy(&o->base.direction, &o->gradient));
    GN_TRY(add_theta(o, l, decay / gn_gauss_newton_weight(o, l)));
    return gn_symmetric_solve(o->solved, damped, o->base.direction.data, o->base.direction.data);
}

static gn_status solve_dual(gn_gauss_newton *o, gn_linearization *l, gn_damped damped) {
    size_t m = gn_linearization_rows(l);
    gn_array u = gn_array_view(l->context, l->dtype, m, 1, o->dual_solution.data);
    double decay = o->base.options.weight_decay;
    double a = decay == 0 ? 0 : decay / (damped.damping * gn_gauss_newton_weight(o, l));
    const void *t;
    GN_TRY(gn_linearization_root_residual(l, &t));
    if (decay != 0) {
        damped.floor = 0; /* the mu in a is the one in force */
        GN_TRY(gn_linearization_root_jvp(l, l->theta, &u));
        GN_TRY(GN_OP(l->context, axpby, l->dtype, m, 1.0, t, -a, u.data));
        t = u.data;
    }
    GN_TRY(gn_symmetric_solve(o->solved, damped, t, u.data));
    GN_TRY(gn_linearization_root_vjp(l, &u, &o->base.direction));
    return decay == 0 ? GN_OK : add_theta(o, l, a);
}

static gn_status solve_with(gn_gauss_newton *o, gn_linearization *l, gn_damped damped) {
    return o->dual ? solve_dual(o, l, damped) : solve_primal(o, l, damped);
}

/* After a failed Cholesky: the same system by its eigenvalues, those at rounding level left out. */
static gn_status solve_by_fallback(gn_gauss_newton *o, gn_linearization *l, gn_damped damped) {
    gn_optimizer *self = &o->base;
    size_t n = o->dual ? self->rows : self->parameters;
    double loss;
    GN_TRY(gn_linearization_loss(l, &loss));
    if (!isfinite(loss))
        return gn_fail(self->context, GN_ERROR_NOT_FINITE, "the loss is %g", loss);
    gn_log(self->context, GN_LOG_WARNING, "Cholesky failed at damping %g: eigenvalues instead, for this step",
           damped.damping * gn_gauss_newton_weight(o, l));
    if (!o->fallback)
        GN_TRY(gn_symmetric_create(self->context, self->dtype, n,
                                   (gn_symmetric_options){GN_SYMMETRIC_SPECTRAL, false}, &o->fallback));
    damped.cutoff = epsilon(o) * (double)n;
    GN_TRY(assemble_into(o, l, o->fallback));
    return solve_with(o, l, damped);
}

gn_status gn_systems_solve(gn_gauss_newton *o, gn_linearization *l, double mu) {
    GN_RANGE("solve");
    if (gn_is_matrix_free(o))
        return gn_matrix_free_solve(o, l, mu);
    bool newton = o->base.options.kind == GN_OPTIMIZER_GAUSS_NEWTON;
    gn_damped damped = {.damping = mu / gn_gauss_newton_weight(o, l),
                        .floor = newton ? 0 : epsilon(o),
                        .cutoff = newton ? o->base.options.cutoff : -1};
    if (o->solved == o->fallback)
        damped.cutoff = epsilon(o) * (double)(o->dual ? gn_linearization_rows(l) : o->base.parameters);
    gn_status status = solve_with(o, l, damped);
    return status == GN_ERROR_NOT_POSITIVE_DEFINITE ? solve_by_fallback(o, l, damped) : status;
}

gn_status gn_systems_solve_again(gn_gauss_newton *o, gn_linearization *l, const gn_array *x) {
    GN_RANGE("solve");
    const size_t m = gn_linearization_rows(l);
    gn_array rows = gn_array_view(l->context, l->dtype, m, 1, x->data);
    gn_array u = gn_array_view(l->context, l->dtype, m, 1, o->dual_solution.data);
    void *d = o->base.direction.data;
    const void *t;
    if (o->free.cg)
        return gn_matrix_free_solve_again(o, l, &rows);
    if (!o->dual) {
        GN_TRY(gn_linearization_vjp(l, &rows, &o->base.direction));
        return gn_symmetric_solve_again(o->solved, d, d);
    }
    GN_TRY(gn_linearization_root_solve(l, x->data, &t));
    GN_TRY(gn_symmetric_solve_again(o->solved, t, u.data));
    return gn_linearization_root_vjp(l, &u, &o->base.direction);
}

gn_status gn_systems_solve_all(gn_gauss_newton *o, gn_linearization *l, size_t count, const double *mu,
                               gn_array *d) {
    const gn_optimizer *self = &o->base;
    const size_t p = self->parameters;
    const bool lost = o->system && !o->spectral && !system_options(o).repeated; /* a solve loses the matrix */
    if (o->free.cg)
        return gn_matrix_free_solve_all(o, l, count, mu, d);
    for (size_t i = 0; i < count; i++) {
        gn_step_report report = {0};
        gn_array row = gn_array_view(self->context, self->dtype, p, 1,
                                     (char *)d->data + i * p * gn_dtype_size(self->dtype));
        if (i == 0 || lost)
            GN_TRY(gn_systems_assemble(o, l));
        GN_TRY(gn_systems_solve(o, l, mu[i]));
        GN_TRY(gn_systems_report(o, l, NULL, &report));
        GN_TRY(gn_array_copy(&row, &self->direction));
    }
    return GN_OK;
}

gn_status gn_systems_report(gn_gauss_newton *o, gn_linearization *l, double *model, gn_step_report *report) {
    if (gn_is_matrix_free(o))
        return gn_matrix_free_report(o, l, model, report);
    bool by_eigenvalues = o->spectral || o->solved == o->fallback;
    double slots[2] = {0, 0};
    if (gn_is_fractional(o))
        return gn_slots_read(o->base.context, o->fractional.mu.data, 1, &report->damping);
    GN_TRY(gn_slots_read(o->base.context, gn_symmetric_slots(o->solved), by_eigenvalues ? 2 : 1, slots));
    report->damping = slots[0] * gn_gauss_newton_weight(o, l);
    report->kept = (size_t)slots[1];
    return GN_OK;
}
