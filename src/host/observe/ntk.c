/* ntk: the eigenvalues of the empirical NTK K = J J' on a probe set, what they predict of each mode's decay,
 * and the decay itself. Modes are eigenvectors of K_0, the kernel of the first parameters. */
#include <math.h>
#include <stdlib.h>

#include "observe/observer.h"
#include "observe/probe.h"
#include "observe/spectrum.h"

/* The kernel has stood still as long as it is less than this away from K_0, relatively. */
#define STILL 0.1

typedef struct ntk {
    gn_observer base;
    gn_probe probe;
    size_t rows;  /* n: residuals of the probe set */
    bool whole;   /* which is the training set: steps follow its spectrum */
    double drift; /* at the last observation; NaN: none yet */
    double *host; /* 4 n: what the next four point to, descending, as all that is written */
    double *now, *c, *measured, *predicted;
    gn_step_rule rule;
    gn_mode_fit fit;
    bool still;
} ntk;

/* ---- what is written ---- */

static gn_status write_number(ntk *o, uint64_t step, const char *name, double value,
                              const gn_observation_sink *sink) {
    return sink->write(sink->user, o->base.kind->name, step, name, 0, NULL, &value);
}

static gn_status write_values(ntk *o, uint64_t step, const char *name, const double *values,
                              const gn_observation_sink *sink) {
    return sink->write(sink->user, o->base.kind->name, step, name, 1, &o->rows, values);
}

static gn_status write_spectrum(ntk *o, uint64_t step, const gn_observation_sink *sink) {
    const gn_spectrum_summary summary = gn_spectrum_summarize(o->rows, o->now);
    GN_TRY(write_values(o, step, "eigenvalues", o->now, sink));
    GN_TRY(write_number(o, step, "condition_number", summary.condition_number, sink));
    GN_TRY(write_number(o, step, "effective_rank", summary.effective_rank, sink));
    return write_number(o, step, "negative_mass", summary.negative_mass, sink);
}

static gn_status write_rates(ntk *o, uint64_t step, const gn_observation_sink *sink) {
    const double *first_values = o->probe.first_values;
    gn_mode_fit_rates(&o->fit, o->measured);
    for (size_t i = 0; i < o->rows; i++)
        o->predicted[i] = o->whole ? gn_step_rule_rate(&o->rule, first_values[i], first_values[0]) : NAN;
    const gn_rate_agreement agreement = gn_rates_compare(o->rows, o->measured, o->predicted);
    GN_TRY(write_values(o, step, "measured_rate", o->measured, sink));
    GN_TRY(write_values(o, step, "predicted_rate", o->predicted, sink));
    GN_TRY(write_number(o, step, "rate_slope", agreement.slope, sink));
    return write_number(o, step, "rate_r2", agreement.r2, sink);
}

static gn_status observe_ntk(gn_observer *observer, uint64_t step, const gn_array *theta,
                             gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    ntk *o = (ntk *)observer;
    gn_probe *probe = &o->probe;
    GN_TRY(gn_probe_look(probe, theta));
    GN_TRY(gn_probe_drift(probe, &o->drift));
    GN_TRY(gn_probe_decompose(probe, &probe->kernel, o->now));
    GN_TRY(write_spectrum(o, step, sink));
    GN_TRY(write_number(o, step, "kernel_drift", o->drift, sink));
    GN_TRY(gn_probe_project(probe, &probe->kernel, &probe->residual, o->c));
    GN_TRY(write_values(o, step, "mode_error_now", o->c, sink));
    GN_TRY(gn_probe_project(probe, &probe->frame, &probe->residual, o->c));
    GN_TRY(write_values(o, step, "mode_error", o->c, sink));
    o->still = o->still && o->drift < STILL;
    if (o->still)
        gn_mode_fit_add(&o->fit, step, o->c);
    return write_rates(o, step, sink);
}

static gn_status begin_phase(gn_observer *observer, const gn_phase_start *start) {
    ntk *o = (ntk *)observer;
    o->rule = start->rule;
    gn_mode_fit_restart(&o->fit);
    return GN_OK;
}

static bool signal_ntk(const gn_observer *observer, gn_signal signal, double *value) {
    const ntk *o = (const ntk *)observer;
    *value = o->drift;
    return signal == GN_SIGNAL_DRIFT && !isnan(o->drift);
}

/* The line through each mode's errors of this phase goes on. */
static gn_status walk_ntk(gn_observer *observer, const gn_state_walk *walk) {
    ntk *o = (ntk *)observer;
    double now[2] = {o->still, o->drift};
    GN_TRY(walk->array(walk->user, "still_drift", 2, now));
    o->still = now[0] != 0;
    o->drift = now[1];
    return gn_mode_fit_walk(&o->fit, walk);
}

static void release_ntk(gn_observer *observer) {
    ntk *o = (ntk *)observer;
    gn_probe_destroy(&o->probe);
    gn_mode_fit_destroy(&o->fit);
    free(o->host);
}

static const gn_observer_kind ntk_kind = {
    .name = "ntk",
    .observe = observe_ntk,
    .begin_phase = begin_phase,
    .signals = 1u << GN_SIGNAL_DRIFT,
    .signal = signal_ntk,
    .state = walk_ntk,
    .release = release_ntk,
};

/* ---- creation ---- */

static gn_status reserve_host(ntk *o) {
    const size_t n = o->rows;
    o->host = calloc(4 * n, sizeof(double));
    if (!o->host || !gn_mode_fit_create(&o->fit, n))
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "ntk: no host memory for %zu modes", n);
    double **parts[] = {&o->now, &o->c, &o->measured, &o->predicted};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = o->host + i * n;
    return GN_OK;
}

static gn_status prepare(ntk *o, gn_network *network, gn_loss loss, const gn_dataset *dataset,
                         const gn_array *theta0, size_t points) {
    GN_TRY(gn_probe_create(o->base.context, "ntk", network, loss, dataset, theta0, points, &o->probe));
    o->rows = o->probe.rows;
    o->whole = o->probe.samples == gn_array_length(dataset->inputs, 0) && loss == GN_LOSS_SQUARED;
    o->still = true;
    o->drift = NAN;
    return reserve_host(o);
}

gn_status gn_observer_create_ntk(gn_context *context, gn_network *network, gn_loss loss,
                                 const gn_dataset *dataset, const gn_array *theta0, size_t points,
                                 gn_schedule schedule, gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(gn_observer_allocate(context, &ntk_kind, sizeof(ntk), schedule, &created));
    gn_status status = prepare(created, network, loss, dataset, theta0, points);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
