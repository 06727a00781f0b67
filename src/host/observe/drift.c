/* drift: how far training has left its first-order model: the kernel on a probe set against K_0, what part of
 * the movement stays in the span of J_0's rows and how evenly it uses it, and the trained model itself. */
#include <math.h>
#include <stdlib.h>

#include "observe/alignment.h"
#include "observe/companion.h"
#include "observe/observer.h"
#include "observe/probe.h"
#include "observe/regression.h"
#include "observe/uniformity.h"

/* A mode that begins below this part of the whole error has no progress to speak of. */
#define LEAST_ERROR 1e-8

typedef struct drift {
    gn_observer base;
    gn_probe probe;
    gn_network *network;
    const gn_dataset *dataset;
    gn_array theta0, moved;        /* P: and theta - theta_0; in the probe's type */
    gn_kernel_sums first, now;     /* of K_0 and K */
    gn_array targets;              /* n: centred */
    double targets2;               /* their square */
    double *host;                  /* 4 n: what the next four point to, by descending eigenvalue of K_0 */
    double *start;                 /* error of each mode at theta_0; NaN: the mode does not count */
    double *c, *progress, *sorted; /* error or displacement now; 1 - |c| / |start|; scratch */
    gn_companion *companion;       /* or NULL */
    double drift, gap;             /* at the last observation; NaN: none */
    bool regressed;                /* the regression has been written */
} drift;

/* ---- what is written ---- */

static drift *of(const gn_look *look) {
    return (drift *)look->observer;
}

static gn_status write_modes(const gn_look *to, const char *name, const double *values) {
    return gn_look_values(to, name, of(to)->probe.rows, values);
}

static gn_status write_uniformity(const gn_look *to, const char *uniformity, const char *gini,
                                  double *values) {
    const gn_uniformity found = gn_uniformity_of(of(to)->probe.rows, values);
    GN_TRY(gn_look_number(to, uniformity, found.uniformity));
    return gn_look_number(to, gini, found.gini);
}

/* K at theta is the probe's. */
static gn_status write_kernel(const gn_look *to) {
    drift *o = of(to);
    gn_probe *probe = &o->probe;
    const gn_array *k = &probe->kernel;
    double alignment;
    GN_TRY(gn_probe_drift(probe, &o->drift));
    GN_TRY(gn_look_number(to, "kernel_drift", o->drift));
    GN_TRY(gn_kernel_sums_fill(probe, k, &o->now));
    GN_TRY(gn_kernel_alignment(probe, k, &o->now, &probe->first, &o->first, &alignment));
    GN_TRY(gn_look_number(to, "cka", alignment));
    GN_TRY(gn_target_alignment(probe, k, &o->now, &o->targets, o->targets2, &alignment));
    return gn_look_number(to, "kernel_target_alignment", alignment);
}

/* The residual at theta is the probe's. */
static gn_status write_progress(const gn_look *to) {
    drift *o = of(to);
    gn_probe *probe = &o->probe;
    GN_TRY(gn_probe_project(probe, &probe->frame, &probe->residual, o->c));
    gn_progress(probe->rows, o->start, o->c, o->progress);
    GN_TRY(write_modes(to, "progress", o->progress));
    return write_uniformity(to, "uniformity", "gini", o->progress);
}

/* c = d_i = v_i'(theta - theta_0) with v_i = J_0'q_i / sqrt(lambda_i); the residual's place is lost. */
static gn_status find_displacement(drift *o, const gn_array *theta, double *norm2) {
    gn_probe *probe = &o->probe;
    const double *values = probe->first_values;
    GN_TRY(gn_probe_take(&o->moved, theta));
    GN_TRY(GN_OP(o->base.context, axpby, probe->dtype, gn_array_count(theta), -1.0, o->theta0.data, 1.0,
                 o->moved.data));
    GN_TRY(gn_probe_dot(probe, &o->moved, &o->moved, norm2));
    GN_TRY(gn_linearization_set_point(probe->lin, &o->theta0));
    GN_TRY(gn_linearization_jvp(probe->lin, &o->moved, &probe->residual));
    GN_TRY(gn_probe_project(probe, &probe->frame, &probe->residual, o->c));
    for (size_t i = 0; i < probe->rows; i++)
        o->c[i] = values[i] > gn_probe_rounding(probe) * values[0] ? o->c[i] / sqrt(values[i]) : NAN;
    return GN_OK;
}

static gn_status write_displacement(const gn_look *to, const gn_array *theta) {
    drift *o = of(to);
    double norm2, inside = 0;
    GN_TRY(find_displacement(o, theta, &norm2));
    GN_TRY(write_modes(to, "displacement", o->c));
    for (size_t i = 0; i < o->probe.rows; i++) {
        o->sorted[i] = o->c[i] * o->c[i];
        inside += isnan(o->c[i]) ? 0 : o->sorted[i];
    }
    GN_TRY(gn_look_number(to, "subspace_residency", norm2 > 0 ? inside / norm2 : NAN));
    return write_uniformity(to, "displacement_uniformity", "displacement_gini", o->sorted);
}

static gn_status write_companion(const gn_look *to, const gn_array *theta) {
    drift *o = of(to);
    gn_companion_view view;
    GN_TRY(gn_companion_look(o->companion, to->step, theta, &view));
    o->gap = view.gap;
    GN_TRY(gn_look_number(to, "linearisation_gap", view.gap));
    GN_TRY(gn_look_number(to, "companion_loss_train", view.loss_train));
    if (o->dataset->test_inputs)
        GN_TRY(gn_look_number(to, "companion_loss_test", view.loss_test));
    if (!o->dataset->labels)
        return GN_OK;
    GN_TRY(gn_look_number(to, "companion_accuracy_train", view.accuracy_train));
    return o->dataset->test_inputs ? gn_look_number(to, "companion_accuracy_test", view.accuracy_test)
                                   : GN_OK;
}

static gn_status write_regression(const gn_look *to) {
    drift *o = of(to);
    gn_regression found;
    GN_TRY(gn_kernel_regression(&o->probe, o->network, o->dataset, &o->theta0, &found));
    GN_TRY(gn_look_number(to, "kernel_regression_loss_test", found.loss));
    GN_TRY(gn_look_number(to, "kernel_regression_samples", (double)found.samples));
    o->regressed = true;
    return o->dataset->labels ? gn_look_number(to, "kernel_regression_accuracy_test", found.accuracy) : GN_OK;
}

static gn_status observe_drift(gn_observer *observer, uint64_t step, const gn_array *theta,
                               gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    drift *o = (drift *)observer;
    const gn_look to = {observer, step, sink};
    GN_TRY(gn_probe_look(&o->probe, theta));
    GN_TRY(write_kernel(&to));
    GN_TRY(write_progress(&to));
    GN_TRY(write_displacement(&to, theta));
    if (o->companion)
        GN_TRY(write_companion(&to, theta));
    return o->dataset->test_inputs && !o->regressed ? write_regression(&to) : GN_OK;
}

/* ---- what else an observer does ---- */

static gn_status begin_phase(gn_observer *observer, const gn_phase_start *start) {
    drift *o = (drift *)observer;
    return o->companion ? gn_companion_begin_phase(o->companion, start) : GN_OK;
}

static bool signal_drift(const gn_observer *observer, gn_signal signal, double *value) {
    const drift *o = (const drift *)observer;
    *value = signal == GN_SIGNAL_DRIFT ? o->drift : o->gap;
    return !isnan(*value);
}

static gn_status walk_drift(gn_observer *observer, const gn_state_walk *walk) {
    drift *o = (drift *)observer;
    double now[3] = {o->drift, o->gap, o->regressed};
    GN_TRY(walk->array(walk->user, "drift_gap_regressed", 3, now));
    o->drift = now[0];
    o->gap = now[1];
    o->regressed = now[2] != 0;
    return o->companion ? gn_companion_state(o->companion, walk) : GN_OK;
}

static void release_drift(gn_observer *observer) {
    drift *o = (drift *)observer;
    gn_companion_destroy(o->companion);
    gn_kernel_sums_destroy(&o->first);
    gn_kernel_sums_destroy(&o->now);
    gn_buffer_destroy(&o->theta0);
    gn_buffer_destroy(&o->moved);
    gn_buffer_destroy(&o->targets);
    gn_probe_destroy(&o->probe);
    free(o->host);
}

#define DRIFT_KIND(offered)                                                                                  \
    {                                                                                                        \
        .name = "drift", .observe = observe_drift, .begin_phase = begin_phase, .signals = (offered),         \
        .signal = signal_drift, .state = walk_drift, .release = release_drift                                \
    }

/* The gap is that to a companion. */
static const gn_observer_kind alone = DRIFT_KIND(1u << GN_SIGNAL_DRIFT),
                              accompanied =
                                  DRIFT_KIND(1u << GN_SIGNAL_DRIFT | 1u << GN_SIGNAL_LINEARISATION_GAP);

/* ---- creation ---- */

static gn_status reserve(drift *o) {
    gn_context *context = o->base.context;
    const size_t n = o->probe.rows, p = gn_network_parameters(o->network);
    const gn_dtype type = o->probe.dtype;
    GN_TRY(gn_buffer_create(context, &o->theta0, type, p, 1, "theta_0 of drift"));
    GN_TRY(gn_buffer_create(context, &o->moved, type, p, 1, "the movement of the parameters"));
    GN_TRY(gn_buffer_create(context, &o->targets, type, n, 1, "the centred targets"));
    GN_TRY(gn_kernel_sums_create(&o->probe, &o->first));
    GN_TRY(gn_kernel_sums_create(&o->probe, &o->now));
    o->host = calloc(4 * n, sizeof(double));
    if (!o->host)
        return gn_fail(context, GN_ERROR_MEMORY, "drift: no host memory for %zu modes", n);
    double **parts[] = {&o->start, &o->c, &o->progress, &o->sorted};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = o->host + i * n;
    return GN_OK;
}

/* The probe's point is theta_0. Modes of rounding, and those that begin with next to no error, do not count.
 */
static gn_status look_at_the_start(drift *o) {
    gn_probe *probe = &o->probe;
    double norm2 = 0;
    GN_TRY(gn_kernel_sums_fill(probe, &probe->first, &o->first));
    GN_TRY(gn_centre_targets(probe, &probe->targets, &o->targets, &o->targets2));
    GN_TRY(gn_linearization_residual(probe->lin, &probe->residual));
    GN_TRY(gn_probe_project(probe, &probe->frame, &probe->residual, o->start));
    for (size_t i = 0; i < probe->rows; i++)
        norm2 += o->start[i] * o->start[i];
    const double least = LEAST_ERROR * sqrt(norm2);
    const double *values = probe->first_values;
    for (size_t i = 0; i < probe->rows; i++)
        if (values[i] <= gn_probe_rounding(probe) * values[0] || fabs(o->start[i]) <= least)
            o->start[i] = NAN;
    return GN_OK;
}

static gn_status prepare(drift *o, const gn_drift_options *options) {
    const gn_companion_options companion = {.network = options->network,
                                            .loss = options->loss,
                                            .dataset = options->dataset,
                                            .theta0 = options->theta0,
                                            .batch = options->batch,
                                            .seed = options->seed};
    o->network = options->network;
    o->dataset = options->dataset;
    o->drift = o->gap = NAN;
    GN_TRY(gn_probe_create(o->base.context, "drift", options->network, options->loss, options->dataset,
                           options->theta0, options->points, &o->probe));
    GN_TRY(reserve(o));
    GN_TRY(gn_probe_take(&o->theta0, options->theta0));
    GN_TRY(look_at_the_start(o));
    return options->companion ? gn_companion_create(o->base.context, &companion, &o->companion) : GN_OK;
}

gn_status gn_observer_create_drift(gn_context *context, const gn_drift_options *options, gn_schedule schedule,
                                   gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(gn_observer_allocate(context, options->companion ? &accompanied : &alone, sizeof(drift), schedule,
                                &created));
    gn_status status = prepare(created, options);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
