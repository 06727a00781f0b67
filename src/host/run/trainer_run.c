/* The training loop: a step, what is recorded and observed of it, and what ends it. */
#include <math.h>
#include <stdio.h>

#include "backend/context.h"
#include "core/clock.h"
#include "core/profile.h"
#include "observe/observer.h"
#include "optimize/optimizer.h"
#include "run/trainer_state.h"

/* ---- training time ---- */

/* With one thread a run is told from others beside it. */
static double processor_seconds_now(void) {
    return gn_processor_seconds_now(gn_cpu_thread_share(1) == 1);
}

static void start_clock(gn_trainer *t) {
    t->processor_started = processor_seconds_now();
    t->started = gn_seconds_now();
}

static void stop_clock(gn_trainer *t) {
    t->seconds += gn_seconds_now() - t->started;
    t->processor_seconds += processor_seconds_now() - t->processor_started;
}

/* ---- divergence ---- */

/* DIVERGED after `step` steps, the last of phase `phase`; `what` says by what it shows. */
static gn_status fail_diverged(gn_trainer *t, uint64_t step, size_t phase, const char *what) {
    char good[96] = "no finite loss was recorded before", where[96] = "the start";
    if (step > 0)
        snprintf(where, sizeof(where), "phase %zu, %s", phase,
                 gn_trainer_kind_name(t->options.phases[phase].optimizer.kind));
    if (isfinite(t->good_loss))
        snprintf(good, sizeof(good), "last good: step %llu, loss %.6g", (unsigned long long)t->good_step,
                 t->good_loss);
    return gn_fail(t->context, GN_ERROR_DIVERGED, "diverged at step %llu (%s): %s; %s; try %s",
                   (unsigned long long)step, where, what, good,
                   step > 0 ? "a smaller learning rate or larger damping"
                            : "other initial parameters or data");
}

static gn_status fail_loss(gn_trainer *t, uint64_t step, size_t phase, double loss) {
    char what[48];
    snprintf(what, sizeof(what), "loss %g", isnan(loss) ? NAN : loss); /* no "-nan" */
    return fail_diverged(t, step, phase, what);
}

/* A step failed: DIVERGED where that comes of values that are not finite, else its own status. Steps that do
 * not report see a lost loss only by what it does to their matrices. */
static gn_status fail_step(gn_trainer *t, gn_status status) {
    char what[256];
    double loss = NAN;
    if (!gn_status_is_numerical(status))
        return status;
    snprintf(what, sizeof(what), "%s", gn_error_message(t->context));
    if (gn_linearization_loss(t->training, &loss) == GN_OK && !isfinite(loss))
        return fail_loss(t, t->step + 1, t->phase, loss);
    if (status == GN_ERROR_NOT_FINITE)
        return fail_diverged(t, t->step + 1, t->phase, what);
    return gn_fail(t->context, status, "step %llu: %s", (unsigned long long)t->step + 1, what);
}

/* An observer failed: DIVERGED where the loss is lost, which no row had to tell yet, else its own status. */
static gn_status fail_observation(gn_trainer *t, size_t phase, gn_status status) {
    char what[256];
    gn_evaluation train;
    if (!gn_status_is_numerical(status))
        return status;
    snprintf(what, sizeof(what), "%s", gn_error_message(t->context));
    if (gn_evaluator_train(&t->evaluator, t->theta, &train) == GN_OK && !isfinite(train.loss))
        return fail_loss(t, t->step, phase, train.loss);
    return gn_fail(t->context, status, "step %llu: %s", (unsigned long long)t->step, what);
}

/* ---- what is written of a step ---- */

/* A row after the step of `report`, which belonged to `phase`; report NULL: before any step. */
static gn_status write_row(gn_trainer *t, const gn_trainer_hooks *hooks, size_t phase,
                           const gn_step_report *report) {
    gn_evaluation train, test;
    GN_TRY(gn_evaluator_train(&t->evaluator, t->theta, &train));
    if (!isfinite(train.loss))
        return fail_loss(t, t->step, phase, train.loss);
    GN_TRY(gn_evaluator_test(&t->evaluator, t->theta, &test));
    t->good_step = t->step;
    t->good_loss = train.loss;
    t->row = (gn_metrics){
        .step = t->step,
        .phase = phase,
        .seconds = t->seconds,
        .loss_train = train.loss,
        .loss_test = test.loss,
        .accuracy_train = train.accuracy,
        .accuracy_test = test.accuracy,
        .passes = t->passes,
        .gradient_norm = train.gradient_norm,
        .step_norm = report ? report->step_norm : NAN,
        .step_size = report ? report->step_size : NAN,
        .damping = report ? report->damping : NAN,
        .kept = report ? (double)report->kept : NAN,
        .backtracks = report ? (double)report->backtracks : NAN,
        .rejected = report ? (double)report->rejected : NAN,
        .cg_iterations = report ? (double)report->cg_iterations : NAN,
        .acceleration = report ? report->acceleration : NAN,
        .processor_seconds = t->processor_seconds,
    };
    for (size_t i = 0; i < t->options.observer_count; i++)
        GN_TRY(gn_observer_record(t->options.observers[i], &t->row));
    return hooks->record ? hooks->record(hooks->user, &t->row) : GN_OK;
}

static gn_status record(gn_trainer *t, const gn_trainer_hooks *hooks, size_t phase,
                        const gn_step_report *report) {
    const double begun = gn_seconds_now();
    const gn_status status = write_row(t, hooks, phase, report);
    t->recorded = status == GN_OK;
    t->record_seconds += gn_seconds_now() - begun;
    return status;
}

/* Step 0 and the last step of a phase are due for every schedule. */
static bool is_due(const gn_trainer *t, gn_schedule schedule, uint64_t step) {
    return step == 0 || step == t->phase_end || gn_schedule_due(schedule, step);
}

static bool observer_due(const gn_trainer *t, size_t i, uint64_t step) {
    return is_due(t, gn_observer_schedule(t->options.observers[i]), step);
}

static gn_status observe_one(gn_trainer *t, const gn_trainer_hooks *hooks, gn_observer *observer) {
    GN_RANGE("observe");
    gn_linearization *training = NULL;
    if (gn_observer_needs_training(observer))
        GN_TRY(gn_evaluator_training(&t->evaluator, t->theta, &training));
    return gn_observer_observe(observer, t->step, t->theta, training, &hooks->sink);
}

static gn_status observe(gn_trainer *t, const gn_trainer_hooks *hooks, size_t phase) {
    for (size_t i = 0; i < t->options.observer_count && hooks->sink.write; i++) {
        gn_watching *watching = &t->watching[i];
        if (watching->observed || !observer_due(t, i, t->step))
            continue;
        const double begun = gn_seconds_now();
        const gn_status status = observe_one(t, hooks, t->options.observers[i]);
        watching->observed = status == GN_OK;
        watching->seconds += gn_seconds_now() - begun;
        if (status != GN_OK)
            return fail_observation(t, phase, status);
    }
    return GN_OK;
}

/* Records and observes what is due now and has not been. */
static gn_status look(gn_trainer *t, const gn_trainer_hooks *hooks, size_t phase,
                      const gn_step_report *report) {
    if (!t->recorded && is_due(t, t->options.record, t->step))
        GN_TRY(record(t, hooks, phase, report));
    return observe(t, hooks, phase);
}

/* A new step: nothing has been looked at. */
static void close_eyes(gn_trainer *t) {
    t->recorded = false;
    for (size_t i = 0; i < t->options.observer_count; i++)
        t->watching[i].observed = false;
}

static bool is_looked_at(const gn_trainer *t, uint64_t step) {
    bool due = is_due(t, t->options.record, step);
    for (size_t i = 0; i < t->options.observer_count && !due; i++)
        due = observer_due(t, i, step);
    return due;
}

/* ---- the end of a phase ---- */

static bool ends_by_signal(gn_trainer *t, gn_phase_report *report) {
    const gn_phase_end *end = &t->options.phases[t->phase].end;
    const size_t i = gn_phase_end_observer(&t->options, end);
    double value;
    return i < t->options.observer_count && t->watching[i].observed &&
           gn_observer_signal(t->options.observers[i], end->change.signal, &value) &&
           gn_phase_ends_by_signal(end, &t->counts, value, report);
}

/* "its 300 steps are done", and what became of the signal that did not end it. */
static void say_steps(const gn_trainer *t, const gn_phase *phase, gn_phase_report *report) {
    const size_t i = gn_phase_end_observer(&t->options, &phase->end);
    const char *name = gn_signal_name(phase->end.change.signal);
    const int length = snprintf(report->text, sizeof(report->text), "its %zu steps are done", phase->steps);
    char *more = report->text + length;
    const size_t room = sizeof(report->text) - (size_t)length;
    double value;
    if (i == t->options.observer_count)
        return;
    if (gn_observer_signal(t->options.observers[i], phase->end.change.signal, &value))
        snprintf(more, room, "; %s is %.3g", name, value);
    else
        snprintf(more, room, "; %s has no value yet", name);
}

/* After the looks at a step of a phase: whether it was the last, and why. */
static bool ends_phase(gn_trainer *t, gn_phase_report *report) {
    const gn_phase *phase = &t->options.phases[t->phase];
    *report = (gn_phase_report){
        .phase = t->phase, .begin = t->phase_begin, .end = t->step, .cause = GN_PHASE_STEPS, .value = NAN};
    if (t->recorded && gn_phase_ends_by_row(&phase->end, &t->counts, &t->row, report))
        return true;
    if (ends_by_signal(t, report))
        return true;
    say_steps(t, phase, report);
    return t->step == t->phase_end;
}

/* Whether an observation of this step may end the phase. */
static bool may_end(const gn_trainer *t, uint64_t step) {
    const size_t i = gn_phase_end_observer(&t->options, &t->options.phases[t->phase].end);
    return i < t->options.observer_count && observer_due(t, i, step);
}

/* A signal is of an observation, which needs a place to go. */
static gn_status check_sink(const gn_trainer *t, const gn_trainer_hooks *hooks) {
    for (size_t i = 0; i < t->options.phase_count && !hooks->sink.write; i++)
        if (t->options.phases[i].end.change.times > 0)
            return gn_fail(
                t->context, GN_ERROR_ARGUMENT,
                "phase %zu is to end by the signal %s, but the hooks have no sink, so that nothing is "
                "observed",
                i, gn_signal_name(t->options.phases[i].end.change.signal));
    return GN_OK;
}

/* ---- a step ---- */

/* Whether the step to come must report. A step that is recorded does, or may be because it ends its
 * phase; so does the first of a phase, which tells what each of its steps costs, unless costs vary; and the
 * second where the first costs more. Reports wait for the device: no other step asks. */
static bool needs_report(const gn_trainer *t) {
    const gn_optimizer_options *o = &t->options.phases[t->phase].optimizer;
    const bool second = t->optimizer->first_costs_more && t->step == t->phase_begin + 1;
    return t->step_passes == 0 || second || t->optimizer->costs_vary ||
           o->line_search.kind != GN_LINE_SEARCH_NONE || o->damping.kind == GN_DAMPING_GAIN_RATIO ||
           is_due(t, t->options.record, t->step + 1) || may_end(t, t->step + 1);
}

static gn_status take_step(gn_trainer *t, gn_step_report *report) {
    const bool reported = needs_report(t);
    if (!t->full)
        GN_TRY(gn_linearization_take_batch(t->training, t->sampler, t->step));
    *report = (gn_step_report){.loss = NAN};
    gn_status status = gn_optimizer_step(t->optimizer, t->training, t->theta, reported ? report : NULL);
    gn_evaluator_moved(&t->evaluator);
    if (status != GN_OK)
        return fail_step(t, status);
    t->step++;
    if (reported)
        t->step_passes = report->passes;
    t->passes += t->step_passes;
    return GN_OK;
}

/* After a step, the clock stopped: what is due, and the next phase. */
static gn_status end_step(gn_trainer *t, const gn_trainer_hooks *hooks, const gn_step_report *step) {
    gn_phase_report report;
    close_eyes(t);
    GN_TRY(look(t, hooks, t->phase, step));
    if (!ends_phase(t, &report))
        return GN_OK;
    t->phase_end = t->step; /* so that all is due */
    GN_TRY(look(t, hooks, t->phase, step));
    if (hooks->phase)
        GN_TRY(hooks->phase(hooks->user, &report));
    return gn_trainer_next_phase(t);
}

/* Phases are left to run. */
static bool goes_on(const gn_trainer *t) {
    return t->phase < t->options.phase_count;
}

static gn_status call_step_hook(gn_trainer *t, const gn_trainer_hooks *hooks) {
    bool stop = false;
    if (!hooks->step)
        return GN_OK;
    GN_TRY(hooks->step(hooks->user, t->step, &stop));
    if (!stop || !goes_on(t))
        return GN_OK;
    return gn_fail(t->context, GN_ERROR_INTERRUPTED, "interrupted after step %llu of %llu",
                   (unsigned long long)t->step, (unsigned long long)t->steps);
}

static gn_status advance(gn_trainer *t, const gn_trainer_hooks *hooks) {
    GN_RANGE("step");
    gn_step_report report;
    start_clock(t);
    gn_status status = take_step(t, &report);
    const bool looked_at = status == GN_OK && is_looked_at(t, t->step);
    if (looked_at)
        status = gn_context_synchronize(t->context); /* the time of all steps so far, and only theirs */
    stop_clock(t);
    GN_TRY(status);
    if (looked_at)
        GN_TRY(end_step(t, hooks, &report));
    return call_step_hook(t, hooks);
}

/* ---- the run ---- */

gn_status gn_trainer_run(gn_trainer *trainer, const gn_trainer_hooks *hooks) {
    GN_RANGE("run");
    static const gn_trainer_hooks none = {0};
    if (!hooks)
        hooks = &none;
    GN_TRY(check_sink(trainer, hooks));
    if (!trainer->optimizer)
        GN_TRY(gn_trainer_enter_phase(trainer));
    if (!trainer->recorded_start) {
        GN_TRY(look(trainer, hooks, 0, NULL));
        trainer->recorded_start = true;
    }
    while (goes_on(trainer))
        GN_TRY(advance(trainer, hooks));
    return GN_OK;
}
