/* ntk: the eigenvalues of the empirical NTK K = J J' on a probe set, those of the running optimiser's
 * preconditioned kernel, what they predict of each mode's decay, and the decay itself. Modes are eigenvectors
 * of K_0, the kernel of the first parameters; Adam's those of its own kernel (adam_kernel.c). */
#include <math.h>
#include <stdlib.h>

#include "observe/adam_kernel.h"
#include "observe/observer.h"
#include "observe/probe.h"
#include "observe/spectrum.h"
#include "optimize/optimizer.h"

/* The kernel has stood still as long as it is less than this away from K_0, relatively. */
#define STILL 0.1

typedef struct ntk {
    gn_observer base;
    gn_probe probe;
    gn_adam_kernel adam; /* made at the need */
    size_t count;        /* k: modes that are written */
    size_t values;       /* leading ones of Adam's */
    bool whole;          /* the probe set is the training set, by squared error: steps follow its spectrum */
    bool present;        /* the kernel's present eigenvectors are wanted */
    double drift;        /* at the last observation; NaN: none yet */
    double *host;        /* 6 k: what the next six point to, descending, as all that is written */
    double *now, *bounds, *c, *kernel, *measured, *predicted;
    gn_array vectors; /* a view: of K, where they were wanted */
    gn_step_rule rule;
    gn_mode_fit fit;
    gn_mode_pace pace;
    bool still;
} ntk;

static ntk *of(const gn_look *look) {
    return (ntk *)look->observer;
}

static gn_status write_values(const gn_look *to, const char *name, const double *values) {
    return gn_look_values(to, name, of(to)->count, values);
}

static double epsilon_of(const ntk *o) {
    return gn_probe_rounding(&o->probe) / (double)o->probe.rows;
}

/* ---- the kernel ---- */

static gn_status write_dense(const gn_look *to) {
    const gn_spectrum_summary s = gn_spectrum_summarize(of(to)->count, of(to)->now, epsilon_of(of(to)));
    GN_TRY(gn_look_number(to, "condition_number", s.condition_number));
    GN_TRY(gn_look_number(to, "numerical_rank", (double)s.numerical_rank));
    GN_TRY(gn_look_number(to, "effective_rank", s.effective_rank));
    return gn_look_number(to, "negative_mass", s.negative_mass);
}

/* The step to come decomposes this very matrix. */
static bool shares(const ntk *o) {
    const bool dual = o->rule.kind == GN_STEP_RULE_CUT || o->rule.kind == GN_STEP_RULE_DAMPED;
    const gn_optimizer *optimizer = o->base.optimizer;
    return dual && o->whole && o->probe.dense && !o->probe.copied && optimizer && optimizer->decomposes;
}

/* Eigenvalues; eigenvectors in `vectors`, of the next step or, where they are wanted, over the probe's
 * kernel. */
static gn_status decompose(ntk *o, double *least) {
    gn_array values;
    o->vectors = o->probe.kernel;
    if (!shares(o))
        return gn_probe_spectrum(&o->probe, o->present, o->now, o->bounds, least);
    GN_TRY(gn_optimizer_decompose(o->base.optimizer, o->probe.lin, &o->vectors, &values));
    return gn_probe_read(&values, o->now);
}

static gn_status write_spectrum(const gn_look *to) {
    ntk *o = of(to);
    double least;
    GN_TRY(decompose(o, &least));
    GN_TRY(write_values(to, "eigenvalues", o->now));
    if (o->probe.dense)
        return write_dense(to);
    const double rounding = gn_probe_rounding(&o->probe) * o->now[0];
    GN_TRY(write_values(to, "eigenvalue_bounds", o->bounds));
    return gn_look_number(to, "condition_number", o->now[0] / fmax(least, rounding));
}

static gn_status write_errors(const gn_look *to) {
    ntk *o = of(to);
    if (o->present) {
        GN_TRY(gn_probe_project(&o->probe, &o->vectors, &o->probe.residual, o->c));
        GN_TRY(write_values(to, "mode_error_now", o->c));
    }
    GN_TRY(gn_probe_project(&o->probe, &o->probe.frame, &o->probe.residual, o->c));
    return write_values(to, "mode_error", o->c);
}

/* ---- rates ---- */

/* A relative damping is the optimiser's after the phase's first step, and that of this kernel before it. */
static gn_status settle(ntk *o) {
    gn_step_rule *rule = &o->rule;
    double mu = NAN;
    if (rule->kind != GN_STEP_RULE_DAMPED || rule->relative == 0)
        return GN_OK;
    if (o->base.optimizer)
        GN_TRY(gn_optimizer_damping(o->base.optimizer, &mu));
    if (!isnan(mu))
        rule->damping = mu;
    else if (isnan(rule->damping))
        rule->damping = rule->relative * rule->weight * o->now[0];
    return GN_OK;
}

/* Of the modes of K_0, by the line through all their errors of this phase. */
static void find_rates(ntk *o) {
    const double *first = o->probe.first_values;
    gn_mode_fit_rates(&o->fit, o->measured);
    for (size_t i = 0; i < o->count; i++)
        o->predicted[i] = o->whole ? gn_step_rule_rate(&o->rule, first[i], first[0]) : NAN;
}

static void fill(size_t count, double *values, double value) {
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

/* Of the modes of Adam's kernel, since the last look. */
static gn_status find_adam_rates(ntk *o, uint64_t step) {
    fill(o->count, o->measured, NAN);
    fill(o->count, o->predicted, NAN);
    GN_TRY(gn_adam_kernel_rates(&o->adam, &o->probe, step, o->measured));
    for (size_t i = 0; i < o->adam.count && o->whole; i++)
        if (!isnan(o->measured[i]))
            o->predicted[i] = gn_step_rule_rate(&o->rule, o->adam.values[i], o->adam.values[0]);
    return GN_OK;
}

static gn_status write_rates(const gn_look *to) {
    ntk *o = of(to);
    const gn_rate_agreement agreement = gn_rates_compare(o->count, o->measured, o->predicted);
    GN_TRY(write_values(to, "measured_rate", o->measured));
    GN_TRY(write_values(to, "predicted_rate", o->predicted));
    GN_TRY(gn_look_number(to, "rate_slope", agreement.slope));
    GN_TRY(gn_look_number(to, "rate_r2", agreement.r2));
    return gn_look_number(to, "mode_rate", o->pace.rate);
}

/* ---- the preconditioned kernel ---- */

/* A spectral function of K: no matrix of its own. A damping that changes is asked for. */
static gn_status find_kernel_of_rule(ntk *o) {
    gn_step_rule rule = o->rule;
    const bool follows = o->whole || rule.kind == GN_STEP_RULE_GRADIENT;
    if (rule.kind == GN_STEP_RULE_DAMPED && isnan(rule.damping) && o->base.optimizer)
        GN_TRY(gn_optimizer_damping(o->base.optimizer, &rule.damping));
    for (size_t i = 0; i < o->count; i++)
        o->kernel[i] = follows ? gn_step_rule_kernel(&rule, o->now[i], o->now[0]) : NAN;
    return GN_OK;
}

static gn_status write_preconditioned(const gn_look *to) {
    ntk *o = of(to);
    bool known = true;
    if (o->rule.kind == GN_STEP_RULE_DIAGONAL) {
        GN_TRY(gn_adam_kernel_find(&o->adam, &o->probe, o->base.optimizer, to->step, o->kernel, &known));
        if (!known)
            fill(o->count, o->kernel, NAN);
    } else {
        GN_TRY(find_kernel_of_rule(o));
    }
    known = !isnan(o->kernel[0]);
    const gn_spectrum_summary s = gn_spectrum_summarize(o->count, o->kernel, epsilon_of(o));
    GN_TRY(write_values(to, "preconditioned_eigenvalues", o->kernel));
    if (!o->probe.dense)
        return GN_OK;
    GN_TRY(gn_look_number(to, "preconditioned_condition_number", known ? s.condition_number : NAN));
    return gn_look_number(to, "preconditioned_effective_rank", known ? s.effective_rank : NAN);
}

/* ---- the observer ---- */

/* Adam's matrix is written over the eigenvectors of K, which have been used by then. */
static gn_status observe_ntk(gn_observer *observer, uint64_t step, const gn_array *theta,
                             gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    ntk *o = (ntk *)observer;
    const gn_look to = {observer, step, sink};
    GN_TRY(gn_probe_look(&o->probe, theta));
    GN_TRY(gn_probe_drift(&o->probe, &o->drift));
    GN_TRY(write_spectrum(&to));
    GN_TRY(settle(o));
    GN_TRY(gn_look_number(&to, "kernel_drift", o->drift));
    GN_TRY(write_errors(&to));
    o->still = o->still && o->drift < STILL;
    if (o->still)
        gn_mode_fit_add(&o->fit, step, o->c);
    gn_mode_pace_add(&o->pace, step, o->c);
    find_rates(o);
    if (o->rule.kind == GN_STEP_RULE_DIAGONAL)
        GN_TRY(find_adam_rates(o, step));
    GN_TRY(write_rates(&to));
    return write_preconditioned(&to);
}

static gn_status begin_phase(gn_observer *observer, const gn_phase_start *start) {
    ntk *o = (ntk *)observer;
    o->rule = start->rule;
    gn_mode_fit_restart(&o->fit);
    gn_mode_pace_restart(&o->pace, start->step);
    o->adam.seen = false;
    return o->rule.kind == GN_STEP_RULE_DIAGONAL ? gn_adam_kernel_create(&o->adam, &o->probe, o->values)
                                                 : GN_OK;
}

static bool signal_ntk(const gn_observer *observer, gn_signal signal, double *value) {
    const ntk *o = (const ntk *)observer;
    *value = signal == GN_SIGNAL_DRIFT ? o->drift : o->pace.rate;
    return !isnan(*value);
}

/* The line through each mode's errors of this phase goes on. */
static gn_status walk_ntk(gn_observer *observer, const gn_state_walk *walk) {
    ntk *o = (ntk *)observer;
    double now[2] = {o->still, o->drift};
    GN_TRY(walk->array(walk->user, "still_drift", 2, now));
    o->still = now[0] != 0;
    o->drift = now[1];
    GN_TRY(gn_mode_fit_walk(&o->fit, walk));
    GN_TRY(gn_mode_pace_walk(&o->pace, walk));
    return o->rule.kind == GN_STEP_RULE_DIAGONAL ? gn_adam_kernel_walk(&o->adam, walk) : GN_OK;
}

static void release_ntk(gn_observer *observer) {
    ntk *o = (ntk *)observer;
    gn_adam_kernel_destroy(&o->adam);
    gn_probe_destroy(&o->probe);
    gn_mode_fit_destroy(&o->fit);
    gn_mode_pace_destroy(&o->pace);
    free(o->host);
}

static const gn_observer_kind ntk_kind = {
    .name = "ntk",
    .observe = observe_ntk,
    .begin_phase = begin_phase,
    .signals = 1u << GN_SIGNAL_DRIFT | 1u << GN_SIGNAL_MODE_RATE,
    .signal = signal_ntk,
    .state = walk_ntk,
    .release = release_ntk,
};

/* ---- creation ---- */

gn_ntk_options gn_ntk_options_default(void) {
    return (gn_ntk_options){.dense_rows = 2048, .values = 20, .dtype = GN_FLOAT64};
}

/* Modes of K_0 above rounding, the first ones: the others have no rate that a signal could follow. */
static size_t moving_modes(const gn_probe *probe) {
    const double *values = probe->first_values;
    size_t count = 0;
    while (count < probe->count && values[count] > gn_probe_rounding(probe) * values[0])
        count++;
    return count;
}

static gn_status reserve_host(ntk *o) {
    const size_t k = o->count;
    o->host = calloc(6 * k, sizeof(double));
    if (!o->host || !gn_mode_fit_create(&o->fit, k) ||
        !gn_mode_pace_create(&o->pace, moving_modes(&o->probe)))
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "ntk: no host memory for %zu modes", k);
    double **parts[] = {&o->now, &o->bounds, &o->c, &o->kernel, &o->measured, &o->predicted};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = o->host + i * k;
    return GN_OK;
}

static gn_status prepare(ntk *o, gn_network *network, gn_loss loss, const gn_dataset *dataset,
                         const gn_array *theta0, const gn_ntk_options *options) {
    const gn_probe_options probe = {.observer = "ntk",
                                    .points = options->points,
                                    .dtype = options->dtype,
                                    .dense_rows = options->dense_rows,
                                    .values = options->values};
    if (options->values == 0)
        return gn_fail(o->base.context, GN_ERROR_ARGUMENT, "ntk: values is 0: give 1 or more");
    GN_TRY(gn_probe_open(o->base.context, &probe, network, loss, dataset, theta0, &o->probe));
    o->count = o->probe.count;
    o->values = options->values < o->count ? options->values : o->count;
    o->whole = o->probe.samples == gn_array_length(dataset->inputs, 0) && loss == GN_LOSS_SQUARED;
    o->present = options->present;
    o->still = true;
    o->drift = NAN;
    GN_TRY(reserve_host(o));
    return options->diagonal ? gn_adam_kernel_create(&o->adam, &o->probe, o->values) : GN_OK;
}

gn_status gn_observer_create_ntk(gn_context *context, gn_network *network, gn_loss loss,
                                 const gn_dataset *dataset, const gn_array *theta0,
                                 const gn_ntk_options *options, gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(gn_observer_allocate(context, &ntk_kind, sizeof(ntk), options->schedule, &created));
    gn_status status = prepare(created, network, loss, dataset, theta0, options);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
