/* Steps under gain ratio damping: trials that are judged by what they did to the loss. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimize/gauss_newton.h"

/* Why a trial was not taken. */
typedef enum reject { RAISED, NOT_FINITE, NO_MODEL, ACCELERATED, REJECTS } reject;

static const char *const reject_words[REJECTS] = {
    [RAISED] = "raised the loss",
    [NOT_FINITE] = "lost the loss (not finite)",
    [NO_MODEL] = "had a model that predicts no decrease (rounding)",
    [ACCELERATED] = "accelerated too much",
};

typedef struct trial {
    double ratio;  /* actual over predicted decrease */
    reject reason; /* where that is not positive */
} trial;

/* Predicted decrease of w measure L along -t d: t s - t^2/2 q, where s = w g'd and q = d'(w J'H J)d. An exact
 * solution has q + mu ||d||^2 = s; of another one (q + mu ||d||^2) / 2 - s is the report's model. */
static gn_status predicted_decrease(gn_gauss_newton *o, gn_linearization *l, double *decrease, double *norm2,
                                    gn_step_report *report) {
    double slope, model, t = o->base.options.learning_rate;
    GN_TRY(gn_gauss_newton_slope(o, l, &slope, norm2));
    model = -0.5 * slope;
    GN_TRY(gn_systems_report(o, l, &model, report));
    double curvature = 2 * (model + slope) - report->damping * *norm2;
    *decrease = t * slope - 0.5 * t * t * curvature;
    return GN_OK;
}

/* theta = base - t direction, and the objective there. */
static gn_status move(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, double *objective) {
    gn_optimizer *self = &o->base;
    GN_TRY(gn_array_copy(theta, &self->trial));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, -self->options.learning_rate,
                 self->direction.data, 1.0, theta->data));
    GN_TRY(gn_linearization_set_point(l, theta));
    return gn_linearization_objective(l, objective);
}

/* The direction with its second-order term; *allowed: not too large to be trusted. */
static gn_status accelerate(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta, bool *allowed,
                            double *norm2, gn_step_report *report) {
    gn_optimizer *self = &o->base;
    GN_TRY(gn_acceleration_find(o, l, theta, &report->acceleration, report));
    *allowed = gn_acceleration_allowed(o, report->acceleration);
    if (!*allowed)
        return GN_OK;
    GN_TRY(gn_acceleration_add(o));
    return gn_optimizer_dot(self, &self->direction, &self->direction, norm2);
}

/* One trial from theta, the linearization's point, which is also in self->trial: leaves theta there. */
static gn_status try_step(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, double objective,
                          trial *result, gn_step_report *report) {
    double predicted, norm2, next;
    double measure = gn_gauss_newton_weight(o, l) * gn_linearization_measure(l);
    bool allowed = true;
    GN_TRY(gn_systems_solve(o, l, o->damping.mu));
    GN_TRY(predicted_decrease(o, l, &predicted, &norm2, report));
    if (gn_is_accelerated(o))
        GN_TRY(accelerate(o, l, theta, &allowed, &norm2, report));
    *result = (trial){-INFINITY, ACCELERATED};
    if (!allowed)
        return GN_OK;
    GN_TRY(move(o, l, theta, &next));
    /* a model that predicts no decrease is wrong: by rounding, close to a minimum */
    if (predicted > 0)
        result->ratio = measure * (objective - next) / predicted;
    result->reason = !isfinite(next) ? NOT_FINITE : predicted > 0 ? RAISED : NO_MODEL;
    report->step_norm = o->base.options.learning_rate * sqrt(norm2);
    return GN_OK;
}

/* "3 trials rejected (2 raised the loss, 1 accelerated too much), damping 0.001 to 0.008" */
static void tell(gn_gauss_newton *o, const size_t counts[REJECTS], size_t rejected, double before) {
    char text[320];
    size_t used =
        (size_t)snprintf(text, sizeof text, "%zu trial%s rejected (", rejected, rejected == 1 ? "" : "s");
    const char *separator = "";
    for (int i = 0; i < REJECTS; i++)
        if (counts[i] > 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s", separator, counts[i],
                                     reject_words[i]);
            separator = ", ";
        }
    snprintf(text + used, sizeof text - used, "), damping %.3g to %.3g", before, o->damping.mu);
    gn_gauss_newton_note(o, text);
}

static void tell_stuck(gn_gauss_newton *o) {
    if (!o->stuck)
        gn_log(o->base.context, GN_LOG_WARNING,
               "no step lowered the loss up to damping %g: the parameters stay (said once a phase)",
               o->damping.mu);
    o->stuck = true;
}

gn_status gn_gain_ratio_step(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, double objective,
                             gn_step_report *report) {
    gn_optimizer *self = &o->base;
    const gn_damping_options *options = &self->options.damping;
    const double before = o->damping.mu;
    size_t counts[REJECTS] = {0};
    bool taken = false, last = false, moved = false;
    GN_TRY(gn_array_copy(&self->trial, theta));
    for (report->rejected = 0; !taken && !last;) {
        trial result;
        const double used = o->damping.mu;
        if (moved)
            GN_TRY(gn_linearization_set_point(l, theta));
        GN_TRY(try_step(o, l, theta, objective, &result, report));
        moved = result.reason != ACCELERATED; /* that one was not gone to */
        report->passes += 2.5;
        taken = gn_damping_judge(options, &o->damping, result.ratio);
        if (taken)
            break;
        GN_TRY(gn_array_copy(theta, &self->trial));
        report->step_norm = report->acceleration = 0;
        report->rejected++;
        counts[result.reason]++;
        last = report->rejected >= options->retries || used >= options->maximum;
    }
    if (report->rejected > 0)
        tell(o, counts, report->rejected, before);
    if (!taken)
        tell_stuck(o);
    return GN_OK;
}
