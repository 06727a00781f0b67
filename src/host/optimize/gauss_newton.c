/* gauss_newton, levenberg_marquardt, ggn and fractional: theta <- theta - rate d, d from systems.c. */
#include "optimize/gauss_newton.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static gn_gauss_newton *of(gn_optimizer *self) {
    return (gn_gauss_newton *)self;
}

static bool is_gain_ratio(const gn_optimizer *self) {
    return self->options.kind != GN_OPTIMIZER_GAUSS_NEWTON &&
           self->options.damping.kind == GN_DAMPING_GAIN_RATIO;
}

static double damping_now(gn_gauss_newton *o) {
    if (o->base.options.kind == GN_OPTIMIZER_GAUSS_NEWTON)
        return 0;
    return gn_damping_value(&o->base.options.damping, &o->damping);
}

static bool damping_changes(const gn_gauss_newton *o) {
    const gn_damping_kind kind = o->base.options.damping.kind;
    return kind == GN_DAMPING_SCHEDULED || kind == GN_DAMPING_GAIN_RATIO || gn_is_relative(o);
}

/* The damping lives on the host; its array is for checkpoints. */
static gn_status read_state(gn_gauss_newton *o) {
    double values[3];
    if (!o->base.state_taken || !damping_changes(o))
        return GN_OK;
    GN_TRY(gn_array_read(&o->damping_state, values, 3));
    o->damping = (gn_damping){values[0], values[1], values[2]};
    o->base.state_taken = false;
    return GN_OK;
}

static gn_status write_state(gn_gauss_newton *o) {
    if (!damping_changes(o))
        return GN_OK;
    double values[3] = {o->damping.mu, o->damping.nu, o->damping.count};
    return gn_array_write(&o->damping_state, values, 3);
}

gn_status gn_gauss_newton_slope(gn_gauss_newton *o, gn_linearization *l, double *slope, double *norm2) {
    if (o->free.lsmr || (o->dual && !o->free.cg))
        GN_TRY(gn_systems_gradient(o, l));
    GN_TRY(gn_optimizer_dot(&o->base, &o->gradient, &o->base.direction, slope));
    *slope *= gn_gauss_newton_weight(o, l);
    return gn_optimizer_dot(&o->base, &o->base.direction, &o->base.direction, norm2);
}

void gn_gauss_newton_note(gn_gauss_newton *o, const char *text) {
    enum { NOTED = 100 };
    if (o->noted == NOTED)
        gn_log(o->base.context, GN_LOG_INFO, "more such steps of this phase are only counted");
    if (o->noted++ < NOTED)
        gn_log(o->base.context, GN_LOG_INFO, "step %.0f of the phase: %s", o->damping.count + 1, text);
}

static gn_status check_finite(gn_optimizer *self, const char *what, double value) {
    if (isfinite(value))
        return GN_OK;
    return gn_fail(self->context, GN_ERROR_NOT_FINITE, "%s is %g", what, value);
}

/* theta -= rate d. Only a report makes it read anything back. */
static gn_status fixed_step(gn_optimizer *self, gn_array *theta, gn_step_report *report) {
    double rate = self->options.learning_rate, norm2;
    if (report) {
        GN_TRY(gn_optimizer_dot(self, &self->direction, &self->direction, &norm2));
        GN_TRY(check_finite(self, "the direction's norm", norm2));
        report->step_norm = rate * sqrt(norm2);
    }
    return GN_OP(self->context, axpby, self->dtype, self->parameters, -rate, self->direction.data, 1.0,
                 theta->data);
}

static gn_status searched_step(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, double objective,
                               gn_step_report *report) {
    gn_optimizer *self = &o->base;
    double slope, norm2;
    GN_TRY(gn_gauss_newton_slope(o, l, &slope, &norm2));
    GN_TRY(check_finite(self, "the direction's norm", norm2));
    /* the mean loss's gradient is J'r / measure */
    slope /= gn_linearization_measure(l) * gn_gauss_newton_weight(o, l);
    GN_TRY(gn_line_search_armijo(self, l, theta, gn_linearization_objective, objective, slope, report));
    report->step_norm = report->step_size * sqrt(norm2);
    return GN_OK;
}

/* The direction with its second-order term, unless that is too large to be trusted. */
static gn_status accelerate(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta,
                            gn_step_report *report) {
    double ratio;
    GN_TRY(gn_acceleration_find(o, l, theta, &ratio, report));
    if (gn_acceleration_allowed(o, ratio)) {
        report->acceleration = ratio;
        return gn_acceleration_add(o);
    }
    char text[96];
    snprintf(text, sizeof text, "the acceleration is left out: its ratio is %.3g", ratio);
    gn_gauss_newton_note(o, text);
    return GN_OK;
}

/* Whether the system is there already: once, and where theta has not changed since. */
static gn_status take_ready(gn_gauss_newton *o, gn_linearization *l, bool *ready) {
    gn_optimizer *self = &o->base;
    double moved;
    *ready = o->ready && o->ready_inputs == l->inputs && o->ready_samples == l->samples;
    o->ready = false;
    if (!*ready)
        return GN_OK;
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, -1.0, l->theta->data, 1.0,
                 self->trial.data));
    GN_TRY(gn_optimizer_dot(self, &self->trial, &self->trial, &moved));
    *ready = moved == 0;
    return *ready ? gn_linearization_make_rows(l) : GN_OK;
}

/* The direction of the system assembled last. kept: what it settles holds for the phase. */
static gn_status solve(gn_gauss_newton *o, gn_linearization *l, bool kept) {
    return gn_is_fractional(o) ? gn_fractional_find(o, l, kept) : gn_systems_solve(o, l, damping_now(o));
}

static gn_status take_step(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    gn_step_report unread = {0};
    gn_optimizer *self = &o->base;
    bool searches = self->options.line_search.kind == GN_LINE_SEARCH_ARMIJO, judges = is_gain_ratio(self);
    gn_step_report *out = report ? report : &unread;
    double objective = 0;
    bool ready;
    if (report || searches || judges) {
        GN_TRY(gn_linearization_loss(l, &out->loss));
        GN_TRY(check_finite(self, "the loss", out->loss));
        objective = out->loss;
    }
    if (l->weights && (searches || judges))
        GN_TRY(gn_linearization_objective(l, &objective));
    out->passes = gn_is_matrix_free(o) ? gn_matrix_free_begin_passes(o, l) : (double)l->outputs + 1;
    GN_TRY(gn_relative_settle(o, l, &out->passes));
    GN_TRY(take_ready(o, l, &ready));
    if (!ready)
        GN_TRY(gn_systems_assemble(o, l));
    if (judges)
        return gn_gain_ratio_step(o, l, theta, objective, out);
    GN_TRY(solve(o, l, true));
    if (report)
        GN_TRY(gn_systems_report(o, l, NULL, report));
    if (gn_is_accelerated(o))
        GN_TRY(accelerate(o, l, theta, out));
    return searches ? searched_step(o, l, theta, objective, out) : fixed_step(self, theta, report);
}

static gn_status step(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    gn_gauss_newton *o = of(self);
    GN_TRY(read_state(o));
    GN_TRY(gn_linearization_set_point(l, theta));
    GN_TRY(take_step(o, l, theta, report));
    o->damping.count++;
    return write_state(o);
}

/* What a warm start begins with stays the last step's, and a relative damping is settled by steps alone. */
static gn_status direction(gn_optimizer *self, gn_linearization *l, gn_array *d) {
    gn_gauss_newton *o = of(self);
    const bool warm = o->free.cg && self->options.cg.warm_start;
    double passes = 0;
    GN_TRY(read_state(o));
    const gn_damping before = o->damping;
    GN_TRY(gn_relative_settle(o, l, &passes));
    GN_TRY(gn_systems_assemble(o, l));
    if (warm)
        GN_TRY(gn_array_copy(&self->trial, &o->free.solution));
    gn_status status = solve(o, l, false);
    o->damping = before;
    GN_TRY(status);
    GN_TRY(gn_array_copy(d, &self->direction));
    return warm ? gn_array_copy(&o->free.solution, &self->trial) : GN_OK;
}

static gn_status directions(gn_optimizer *self, gn_linearization *l, size_t count, const double *dampings,
                            gn_array *d) {
    return gn_systems_solve_all(of(self), l, count, dampings, d);
}

static gn_status reserve(gn_optimizer *self, gn_linearization *l) {
    return gn_matrix_free_reserve(of(self), l);
}

static void destroy(gn_optimizer *self) {
    gn_systems_destroy(of(self));
    gn_acceleration_destroy(of(self));
    gn_fractional_destroy(of(self));
    gn_buffer_destroy(&of(self)->damping_state);
}

static gn_status spectrum(gn_optimizer *self, size_t capacity, double *values, size_t *count) {
    gn_gauss_newton *o = of(self);
    const void *device = o->solved ? gn_symmetric_values(o->solved) : NULL;
    if (!device)
        return gn_fail(
            self->context, GN_ERROR_UNSUPPORTED,
            "no eigenvalues: the last solve was by Cholesky, or there was none (solver: spectral has them)");
    *count = gn_symmetric_size(o->solved);
    if (*count > capacity)
        return gn_fail(self->context, GN_ERROR_SHAPE, "%zu eigenvalues, room for %zu", *count, capacity);
    gn_array view = gn_array_view(self->context, self->dtype, *count, 1, (void *)device);
    return gn_array_read(&view, values, *count);
}

static gn_status decompose(gn_optimizer *self, gn_linearization *l, gn_array *vectors, gn_array *values) {
    gn_gauss_newton *o = of(self);
    const size_t m = gn_linearization_rows(l);
    GN_TRY(gn_systems_assemble(o, l));
    GN_TRY(gn_symmetric_decompose(o->system));
    GN_TRY(gn_array_copy(&self->trial, l->theta));
    o->ready = true;
    o->ready_inputs = l->inputs;
    o->ready_samples = l->samples;
    *vectors = gn_array_view(self->context, self->dtype, m, m, gn_symmetric_vectors(o->system));
    *values = gn_array_view(self->context, self->dtype, m, 1, (void *)gn_symmetric_values(o->system));
    return GN_OK;
}

static gn_status damping(gn_optimizer *self, double *mu) {
    GN_TRY(read_state(of(self)));
    *mu = damping_now(of(self));
    if (*mu < 0)
        *mu = NAN;
    return GN_OK;
}

static const gn_optimizer_interface interface = {.step = step,
                                                 .direction = direction,
                                                 .directions = directions,
                                                 .spectrum = spectrum,
                                                 .reserve = reserve,
                                                 .damping = damping,
                                                 .decompose = decompose,
                                                 .destroy = destroy};

static gn_status create_state(gn_gauss_newton *o) {
    GN_TRY(gn_buffer_create(o->base.context, &o->damping_state, GN_FLOAT64, 3, 1, "the damping's state"));
    o->damping = gn_damping_start(&o->base.options.damping);
    o->base.first_costs_more = gn_is_relative(o);
    GN_TRY(gn_array_fill(&o->damping_state, 0));
    gn_optimizer_add_state(&o->base, "damping", &o->damping_state);
    return write_state(o);
}

gn_status gn_gauss_newton_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                                 size_t parameters, size_t rows, gn_optimizer **out) {
    gn_gauss_newton *o = calloc(1, sizeof *o);
    if (!o)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for an optimiser");
    gn_status status;
    o->base.interface = &interface;
    GN_TRY_DONE(gn_optimizer_prepare(&o->base, &interface, context, options, dtype, parameters, rows));
    GN_TRY_DONE(gn_systems_create(o));
    GN_TRY_DONE(gn_acceleration_create(o));
    GN_TRY_DONE(create_state(o));
    GN_TRY_DONE(gn_fractional_create(o));
    *out = &o->base;
    return GN_OK;
done:
    gn_optimizer_destroy(&o->base);
    return status;
}
