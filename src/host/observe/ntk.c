/* ntk: the eigenvalues of the empirical NTK K = J J' on a probe set, what they predict of each mode's decay,
 * and the decay itself. Modes are eigenvectors of K_0, the kernel of the first parameters. */
#include <math.h>
#include <stdlib.h>

#include "observe/observer.h"
#include "observe/spectrum.h"

/* Rows of a probe set whose size is left to us: its eigenvectors take about a second. */
enum { PROBE_ROWS = 1024 };
/* The kernel has stood still as long as it is less than this away from K_0, relatively. */
#define STILL 0.1

typedef struct ntk {
    gn_observer base;
    size_t rows; /* n: residuals of the probe set */
    bool whole;  /* which is the training set: steps follow its spectrum */
    gn_linearization *probe;
    gn_array inputs, targets; /* views of the data set */
    gn_array first, frame;    /* n x n: K_0, and its eigenvectors as rows, by ascending eigenvalue */
    gn_array kernel;          /* n x n: K, then its eigenvectors */
    gn_array residual, modes; /* n */
    gn_array values;          /* n */
    gn_array work, slots;     /* of the eigensolver; 1 */
    size_t work_bytes;
    double first_norm;    /* ||K_0||_F */
    double drift;         /* at the last observation; NaN: none yet */
    double *host;         /* 5 n: what the next five point to */
    double *first_values; /* n, descending, as all that is written */
    double *now, *c, *measured, *predicted;
    gn_step_rule rule;
    gn_mode_fit fit;
    bool still;
} ntk;

/* ---- on the device ---- */

static gn_status norm_of(ntk *o, const gn_array *k, double *norm) {
    gn_context *context = o->base.context;
    double square;
    GN_TRY(GN_OP(context, dot, k->dtype, gn_array_count(k), k->data, k->data, o->slots.data));
    GN_TRY(gn_slots_read(context, o->slots.data, 1, &square));
    *norm = sqrt(square);
    return GN_OK;
}

/* Device values, ascending, to the host, descending. */
static gn_status read_reversed(const gn_array *device, size_t n, double *values) {
    GN_TRY(gn_array_read(device, values, n));
    for (size_t i = 0; i < n / 2; i++) {
        const double other = values[n - 1 - i];
        values[n - 1 - i] = values[i];
        values[i] = other;
    }
    return GN_OK;
}

/* Eigenvectors over k, eigenvalues to the host. */
static gn_status decompose(ntk *o, gn_array *k, double *values) {
    GN_TRY(gn_eigh(o->base.context, k->dtype, o->rows, k->data, o->rows, o->values.data, o->work.data,
                   o->work_bytes));
    return read_reversed(&o->values, o->rows, values);
}

/* c = Q r, Q's rows being eigenvectors. */
static gn_status project(ntk *o, const gn_array *q, double *c) {
    GN_TRY(GN_OP(o->base.context, gemv, q->dtype, false, o->rows, o->rows, 1.0, q->data, o->rows,
                 o->residual.data, 0.0, o->modes.data));
    return read_reversed(&o->modes, o->rows, c);
}

/* ||K - K_0||_F / ||K_0||_F; K is as before, to rounding. */
static gn_status find_drift(ntk *o, double *drift) {
    gn_context *context = o->base.context;
    const size_t count = o->rows * o->rows;
    const gn_dtype type = o->kernel.dtype;
    GN_TRY(GN_OP(context, axpby, type, count, -1.0, o->first.data, 1.0, o->kernel.data));
    GN_TRY(norm_of(o, &o->kernel, drift));
    *drift = o->first_norm > 0 ? *drift / o->first_norm : NAN;
    return GN_OP(context, axpby, type, count, 1.0, o->first.data, 1.0, o->kernel.data);
}

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
    gn_mode_fit_rates(&o->fit, o->measured);
    for (size_t i = 0; i < o->rows; i++)
        o->predicted[i] =
            o->whole ? gn_step_rule_rate(&o->rule, o->first_values[i], o->first_values[0]) : NAN;
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
    GN_TRY(gn_linearization_set_point(o->probe, theta));
    GN_TRY(gn_linearization_residual(o->probe, &o->residual));
    GN_TRY(gn_linearization_gram(o->probe, &o->kernel));
    GN_TRY(find_drift(o, &o->drift));
    GN_TRY(decompose(o, &o->kernel, o->now));
    GN_TRY(write_spectrum(o, step, sink));
    GN_TRY(write_number(o, step, "kernel_drift", o->drift, sink));
    GN_TRY(project(o, &o->kernel, o->c));
    GN_TRY(write_values(o, step, "mode_error_now", o->c, sink));
    GN_TRY(project(o, &o->frame, o->c));
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
    gn_array *buffers[] = {&o->first, &o->frame,  &o->kernel, &o->residual,
                           &o->modes, &o->values, &o->work,   &o->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    gn_linearization_destroy(o->probe);
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

static gn_array view_samples(const gn_array *array, size_t samples) {
    return gn_array_view(array->context, array->dtype, samples, gn_array_length(array, 1), array->data);
}

static gn_status reserve(ntk *o, gn_dtype type) {
    gn_context *context = o->base.context;
    const size_t n = o->rows;
    GN_TRY(GN_OP(context, eigh_workspace, type, n, &o->work_bytes));
    const double square = (double)n * (double)n * (double)gn_dtype_size(type);
    GN_TRY(gn_memory_predict(context, 3 * square + (double)o->work_bytes,
                             "ntk: three matrices of the probe set and an eigensolver's memory",
                             "fewer points (observe: {kind: ntk, points: ...})"));
    GN_TRY(gn_buffer_create(context, &o->first, type, n, n, "the NTK at the start"));
    GN_TRY(gn_buffer_create(context, &o->frame, type, n, n, "the eigenvectors of the NTK at the start"));
    GN_TRY(gn_buffer_create(context, &o->kernel, type, n, n, "the NTK"));
    GN_TRY(gn_buffer_create(context, &o->residual, type, n, 1, "the error that ntk observes"));
    GN_TRY(gn_buffer_create(context, &o->modes, type, n, 1, "the error's modes"));
    GN_TRY(gn_buffer_create(context, &o->values, type, n, 1, "the NTK's eigenvalues"));
    GN_TRY(gn_buffer_create(context, &o->work, GN_FLOAT64, o->work_bytes / 8 + 1, 1, "ntk's eigensolver"));
    return gn_buffer_create(context, &o->slots, GN_FLOAT64, 1, 1, "the results of ntk");
}

static gn_status reserve_host(ntk *o) {
    const size_t n = o->rows;
    o->host = calloc(5 * n, sizeof(double));
    if (!o->host || !gn_mode_fit_create(&o->fit, n))
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "ntk: no host memory for %zu modes", n);
    double **parts[] = {&o->first_values, &o->now, &o->c, &o->measured, &o->predicted};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = o->host + i * n;
    return GN_OK;
}

/* K_0, from theta_0 whatever the step that is observed first: a resumed run has the frame it had. */
static gn_status look_at_the_start(ntk *o, const gn_array *theta0) {
    GN_TRY(gn_linearization_set_point(o->probe, theta0));
    GN_TRY(gn_linearization_gram(o->probe, &o->first));
    GN_TRY(norm_of(o, &o->first, &o->first_norm));
    GN_TRY(gn_array_copy(&o->frame, &o->first));
    return decompose(o, &o->frame, o->first_values);
}

static gn_status prepare(ntk *o, gn_network *network, gn_loss loss, const gn_dataset *dataset,
                         const gn_array *theta0, size_t points) {
    const size_t samples = gn_array_length(dataset->inputs, 0), outputs = gn_network_outputs(network);
    const size_t most = PROBE_ROWS / outputs > 0 ? PROBE_ROWS / outputs : 1;
    const size_t probe = points > 0 ? points : samples < most ? samples : most;
    const gn_dtype type = dataset->inputs->dtype;
    o->rows = probe * outputs;
    o->whole = probe == samples && loss == GN_LOSS_SQUARED;
    o->still = true;
    o->drift = NAN;
    GN_TRY(reserve(o, type));
    GN_TRY(reserve_host(o));
    o->inputs = view_samples(dataset->inputs, probe);
    o->targets = view_samples(dataset->targets, probe);
    GN_TRY(gn_linearization_create(network, loss, type, probe, &o->probe));
    GN_TRY(gn_linearization_set_reference(o->probe, theta0));
    GN_TRY(gn_linearization_set_batch(o->probe, &o->inputs, &o->targets));
    return look_at_the_start(o, theta0);
}

gn_status gn_observer_create_ntk(gn_context *context, gn_network *network, gn_loss loss,
                                 const gn_dataset *dataset, const gn_array *theta0, size_t points,
                                 gn_schedule schedule, gn_observer **observer) {
    void *created;
    *observer = NULL;
    if (points > gn_array_length(dataset->inputs, 0))
        return gn_fail(context, GN_ERROR_ARGUMENT, "ntk: points is %zu, but there are %zu training samples",
                       points, gn_array_length(dataset->inputs, 0));
    GN_TRY(gn_observer_allocate(context, &ntk_kind, sizeof(ntk), schedule, &created));
    gn_status status = prepare(created, network, loss, dataset, theta0, points);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
