/* Trainers: made, asked, resumed and ended. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "linearization/linearization.h"
#include "observe/observer.h"
#include "optimize/optimizer.h"
#include "run/step_rule.h"
#include "run/trainer_state.h"

const char *gn_trainer_kind_name(gn_optimizer_kind kind) {
    static const char *const names[] = {
        [GN_OPTIMIZER_SGD] = "sgd",
        [GN_OPTIMIZER_ADAM] = "adam",
        [GN_OPTIMIZER_ADAMW] = "adamw",
        [GN_OPTIMIZER_GAUSS_NEWTON] = "gauss_newton",
        [GN_OPTIMIZER_LEVENBERG_MARQUARDT] = "levenberg_marquardt",
        [GN_OPTIMIZER_GGN] = "ggn",
        [GN_OPTIMIZER_FRACTIONAL] = "fractional",
        [GN_OPTIMIZER_LBFGS] = "lbfgs",
    };
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown kind";
}

/* ---- checks ---- */

static gn_status check_set(const gn_trainer *t, const gn_array *inputs, const gn_array *targets,
                           const char *set) {
    const size_t features = gn_array_length(inputs, 1), classes = gn_array_length(targets, 1);
    const size_t in = gn_network_inputs(t->options.network), out = gn_network_outputs(t->options.network);
    if (features != in || classes != out)
        return gn_fail(t->context, GN_ERROR_SHAPE,
                       "the %s data have %zu features and %zu targets a sample, the network takes %zu and "
                       "gives %zu; make its first width %zu and its last %zu",
                       set, features, classes, in, out, features, classes);
    if (inputs->dtype != t->options.dtype || targets->dtype != t->options.dtype)
        return gn_fail(t->context, GN_ERROR_ARGUMENT, "the %s data are %s, the trainer works in %s", set,
                       gn_dtype_name(inputs->dtype), gn_dtype_name(t->options.dtype));
    return GN_OK;
}

static gn_status check_data(const gn_trainer *t) {
    const gn_dataset *d = t->options.dataset;
    GN_TRY(check_set(t, d->inputs, d->targets, "training"));
    if (d->test_inputs)
        GN_TRY(check_set(t, d->test_inputs, d->test_targets, "test"));
    return GN_OK;
}

/* Those of the phase that began last and all after it come to those that were done before it. */
static gn_status count_steps(gn_trainer *t) {
    size_t steps = t->phase_begin;
    for (size_t i = t->phase; i < t->options.phase_count; i++)
        if (!gn_size_add(steps, t->options.phases[i].steps, &steps))
            return gn_fail(t->context, GN_ERROR_ARGUMENT, "the phases have more steps than can be counted");
    t->steps = steps;
    return GN_OK;
}

static gn_status check_phase_ends(const gn_trainer *t) {
    for (size_t i = 0; i < t->options.phase_count; i++)
        GN_TRY(gn_phase_end_check(t->context, &t->options, i));
    return GN_OK;
}

/* ---- phases ---- */

static gn_status create_optimizer(gn_trainer *t, size_t phase, gn_optimizer **optimizer) {
    const gn_optimizer_options *options = &t->options.phases[phase].optimizer;
    const size_t rows = gn_sampler_capacity(t->sampler) * gn_network_outputs(t->options.network);
    const size_t parameters = gn_network_parameters(t->options.network);
    gn_status status =
        gn_optimizer_create(t->context, options, t->options.dtype, parameters, rows, optimizer);
    /* what its first step would allocate */
    if (status == GN_OK) {
        status = gn_optimizer_reserve(*optimizer, t->training);
        if (status != GN_OK)
            gn_optimizer_destroy(*optimizer);
    }
    if (status == GN_OK)
        return GN_OK;
    *optimizer = NULL;
    char why[sizeof(t->context->message)];
    memcpy(why, t->context->message, sizeof(why));
    return gn_fail(t->context, status, "phase %zu (%s): %s", phase, gn_trainer_kind_name(options->kind), why);
}

/* Makes every phase's optimiser once, so that one which cannot be made ends the run before its first step. */
static gn_status try_phases(gn_trainer *t) {
    for (size_t i = 0; i < t->options.phase_count; i++) {
        gn_optimizer *optimizer;
        if (t->options.phases[i].optimizer.kind == GN_OPTIMIZER_LBFGS && !t->full)
            return gn_fail(t->context, GN_ERROR_ARGUMENT,
                           "phase %zu: lbfgs compares gradients of one step and the next, which take the "
                           "same data: batch.size full",
                           i);
        if (t->options.phases[i].optimizer.step_size.kind == GN_STEP_SIZE_RECORDED_LOSS && !t->full)
            return gn_fail(t->context, GN_ERROR_ARGUMENT,
                           "phase %zu: step_size recorded_loss follows the loss of the whole training set: "
                           "batch.size full",
                           i);
        GN_TRY(create_optimizer(t, i, &optimizer));
        gn_optimizer_destroy(optimizer);
    }
    return GN_OK;
}

/* The next step is the first of its phase; phases of no steps are passed over. */
static void begin_phase(gn_trainer *t) {
    const gn_phase *phases = t->options.phases;
    while (t->phase < t->options.phase_count && phases[t->phase].steps == 0)
        t->phase++;
    t->phase_begin = t->phase_end = t->step;
    if (t->phase < t->options.phase_count)
        t->phase_end += phases[t->phase].steps;
    t->counts = gn_phase_counts_begin();
}

/* Weighted rows follow another kernel than J J'. */
static gn_step_rule rule_of(const gn_trainer *t) {
    const gn_dataset *d = t->options.dataset;
    const gn_linearization *l = t->training;
    const size_t samples = gn_array_length(d->inputs, 0);
    const size_t terms = t->options.loss == GN_LOSS_SQUARED ? l->outputs : l->positions;
    const gn_step_sight sight = {t->options.loss, (double)(samples * terms), t->full};
    return d->weights ? (gn_step_rule){0} : gn_step_rule_of(&t->options.phases[t->phase].optimizer, &sight);
}

/* Observers may outlive it, and be asked for more. */
static void drop_optimizer(gn_trainer *t) {
    for (size_t i = 0; i < t->options.observer_count; i++)
        gn_observer_end_phase(t->options.observers[i]);
    gn_optimizer_destroy(t->optimizer);
    t->optimizer = NULL;
}

gn_status gn_trainer_enter_phase(gn_trainer *trainer) {
    drop_optimizer(trainer);
    trainer->step_passes = 0;
    if (trainer->phase == trainer->options.phase_count)
        return GN_OK;
    GN_TRY(create_optimizer(trainer, trainer->phase, &trainer->optimizer));
    const gn_phase_start start = {trainer->phase_begin, rule_of(trainer), trainer->optimizer};
    for (size_t i = 0; i < trainer->options.observer_count; i++)
        GN_TRY(gn_observer_begin_phase(trainer->options.observers[i], &start));
    const char *solver = gn_optimizer_solver_text(trainer->optimizer);
    if (solver[0] != '\0')
        gn_log(trainer->context, GN_LOG_INFO, "phase %zu: solver %s", trainer->phase, solver);
    return GN_OK;
}

gn_status gn_trainer_next_phase(gn_trainer *trainer) {
    trainer->phase++;
    begin_phase(trainer);
    GN_TRY(count_steps(trainer));
    return gn_trainer_enter_phase(trainer);
}

/* ---- creation ---- */

/* True where an observer reads the linearization over the training set. */
static bool is_observed(const gn_trainer *t) {
    for (size_t i = 0; i < t->options.observer_count; i++)
        if (gn_observer_needs_training(t->options.observers[i]))
            return true;
    return false;
}

static gn_status create_training(gn_trainer *t, const gn_array *theta0) {
    const gn_trainer_options *o = &t->options;
    const size_t capacity = gn_sampler_capacity(t->sampler);
    t->full = capacity == gn_array_length(o->dataset->inputs, 0);
    GN_TRY(gn_linearization_create(o->network, o->loss, o->dtype, capacity, &t->training));
    GN_TRY(gn_linearization_set_reference(t->training, theta0));
    /* A full batch never changes: it is set once. */
    if (!t->full)
        return GN_OK;
    GN_TRY(gn_linearization_set_batch(t->training, o->dataset->inputs, o->dataset->targets));
    return gn_linearization_set_weights(t->training, o->dataset->weights);
}

static gn_status prepare(gn_trainer *t, const gn_array *theta0) {
    const gn_trainer_options *o = &t->options;
    const size_t parameters = gn_network_parameters(o->network);
    GN_TRY(gn_array_expect(t->context, t->theta, o->dtype, parameters, "theta"));
    GN_TRY(gn_array_expect(t->context, theta0, o->dtype, parameters, "theta_0"));
    GN_TRY(check_data(t));
    begin_phase(t);
    GN_TRY(count_steps(t));
    GN_TRY(check_phase_ends(t));
    if (!(t->watching = calloc(o->observer_count + 1, sizeof(*t->watching))))
        return gn_fail(t->context, GN_ERROR_MEMORY, "a trainer: out of host memory");
    GN_TRY(gn_sampler_create(t->context, o->dataset, o->batch, o->seed, &t->sampler));
    GN_TRY(create_training(t, theta0));
    GN_TRY(gn_evaluator_create(t->context, o, t->full ? t->training : NULL, theta0, is_observed(t),
                               &t->evaluator));
    return try_phases(t);
}

gn_status gn_trainer_create(gn_context *context, const gn_trainer_options *options, gn_array *theta,
                            const gn_array *theta0, gn_trainer **trainer) {
    *trainer = NULL;
    gn_trainer *t = calloc(1, sizeof(*t));
    if (!t)
        return gn_fail(context, GN_ERROR_MEMORY, "a trainer: out of host memory");
    t->context = context;
    t->options = *options;
    t->theta = theta;
    t->good_loss = NAN;
    gn_status status = prepare(t, theta0);
    if (status == GN_OK)
        *trainer = t;
    else
        gn_trainer_destroy(t);
    return status;
}

void gn_trainer_destroy(gn_trainer *trainer) {
    if (!trainer)
        return;
    if (trainer->optimizer)
        drop_optimizer(trainer);
    gn_evaluator_destroy(&trainer->evaluator);
    gn_linearization_destroy(trainer->training);
    gn_sampler_destroy(trainer->sampler);
    free(trainer->watching);
    free(trainer);
}

/* ---- what a continued run needs ---- */

enum { CLOCK = 6 };

static gn_status check_clock(const gn_trainer *t, const double clock[CLOCK]) {
    const double step = clock[0], seconds = clock[1], passes = clock[2], begin = clock[4], end = clock[5];
    if (step > (double)t->steps)
        return gn_fail(t->context, GN_ERROR_ARGUMENT,
                       "a run of %llu steps cannot be resumed at step %.0f; give the phases more steps",
                       (unsigned long long)t->steps, step);
    if (!isfinite(seconds) || seconds < 0 || !isfinite(passes) || passes < 0)
        return gn_fail(t->context, GN_ERROR_ARGUMENT,
                       "a run cannot be resumed after %g seconds and %g passes", seconds, passes);
    if (!(clock[3] >= 0 && clock[3] <= (double)t->options.phase_count && begin >= 0 && begin <= step &&
          step <= end))
        return gn_fail(t->context, GN_ERROR_ARGUMENT,
                       "a run cannot be resumed at step %g in phase %g, from step %g to %g", step, clock[3],
                       begin, end);
    return GN_OK;
}

/* A run that stopped between a phase's last step and the next phase goes on with that. */
static gn_status set_clock(gn_trainer *t, const double clock[CLOCK]) {
    GN_TRY(check_clock(t, clock));
    t->step = (uint64_t)clock[0];
    t->seconds = clock[1];
    t->passes = clock[2];
    t->phase = (size_t)clock[3];
    t->phase_begin = (uint64_t)clock[4];
    t->phase_end = (uint64_t)clock[5];
    t->recorded_start = t->step > 0;
    t->good_loss = NAN;
    gn_evaluator_moved(&t->evaluator);
    GN_TRY(count_steps(t));
    const bool ended = t->phase < t->options.phase_count && t->step == t->phase_end;
    return ended ? gn_trainer_next_phase(t) : gn_trainer_enter_phase(t);
}

static gn_status walk_costs(gn_trainer *t, const gn_state_walk *walk) {
    GN_TRY(walk->array(walk->user, "processor_seconds", 1, &t->processor_seconds));
    GN_TRY(walk->array(walk->user, "record_seconds", 1, &t->record_seconds));
    for (size_t i = 0; i < t->options.observer_count; i++) {
        char name[64];
        snprintf(name, sizeof(name), "seconds_%zu_%.32s", i, gn_observer_name(t->options.observers[i]));
        GN_TRY(walk->array(walk->user, name, 1, &t->watching[i].seconds));
    }
    return GN_OK;
}

gn_status gn_trainer_state(gn_trainer *trainer, const gn_state_walk *walk) {
    gn_trainer *t = trainer;
    double clock[CLOCK] = {(double)t->step,        t->seconds,          t->passes, (double)t->phase,
                           (double)t->phase_begin, (double)t->phase_end};
    gn_phase_counts counts = t->counts;
    GN_TRY(walk->array(walk->user, "clock", CLOCK, clock));
    GN_TRY(gn_phase_counts_walk(&counts, walk));
    GN_TRY(walk_costs(t, walk));
    if (!walk->loading)
        return GN_OK;
    GN_TRY(set_clock(t, clock));
    if (t->phase == (size_t)clock[3])
        t->counts = counts;
    return GN_OK;
}

/* ---- questions ---- */

uint64_t gn_trainer_step(const gn_trainer *trainer) {
    return trainer->step;
}

uint64_t gn_trainer_steps(const gn_trainer *trainer) {
    return trainer->steps;
}

double gn_trainer_seconds(const gn_trainer *trainer) {
    return trainer->seconds;
}

double gn_trainer_observer_seconds(const gn_trainer *trainer, size_t observer) {
    return trainer->watching[observer].seconds;
}

double gn_trainer_record_seconds(const gn_trainer *trainer) {
    return trainer->record_seconds;
}

size_t gn_trainer_phase(const gn_trainer *trainer) {
    return trainer->phase;
}

double gn_trainer_passes(const gn_trainer *trainer) {
    return trainer->passes;
}

gn_optimizer *gn_trainer_optimizer(gn_trainer *trainer) {
    return trainer->optimizer;
}
