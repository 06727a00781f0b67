/* Trainers: made, asked, resumed and ended. */
#include <math.h>
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

static gn_status count_steps(gn_trainer *t) {
    size_t steps = 0;
    for (size_t i = 0; i < t->options.phase_count; i++)
        if (!gn_size_add(steps, t->options.phases[i].steps, &steps))
            return gn_fail(t->context, GN_ERROR_ARGUMENT, "the phases have more steps than can be counted");
    t->steps = steps;
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
        GN_TRY(create_optimizer(t, i, &optimizer));
        gn_optimizer_destroy(optimizer);
    }
    return GN_OK;
}

/* The phase of the next step and where it ends; phases of no steps are passed over. */
static void find_phase(gn_trainer *t) {
    uint64_t end = 0;
    for (t->phase = 0; t->phase < t->options.phase_count; t->phase++) {
        end += t->options.phases[t->phase].steps;
        if (end > t->step)
            break;
    }
    t->phase_end = end;
}

/* Weighted rows follow another kernel than J J', and a part of the training set another than the whole. */
static gn_step_rule rule_of(const gn_trainer *t) {
    const gn_dataset *d = t->options.dataset;
    const size_t rows = gn_array_length(d->inputs, 0) * gn_network_outputs(t->options.network);
    const bool known = t->full && !d->weights;
    return known ? gn_step_rule_of(&t->options.phases[t->phase].optimizer, rows) : (gn_step_rule){0};
}

gn_status gn_trainer_enter_phase(gn_trainer *trainer) {
    gn_optimizer_destroy(trainer->optimizer);
    trainer->optimizer = NULL;
    trainer->step_passes = 0;
    find_phase(trainer);
    if (trainer->phase == trainer->options.phase_count)
        return GN_OK;
    GN_TRY(create_optimizer(trainer, trainer->phase, &trainer->optimizer));
    const gn_phase_start start = {trainer->step, rule_of(trainer), trainer->optimizer};
    for (size_t i = 0; i < trainer->options.observer_count; i++)
        GN_TRY(gn_observer_begin_phase(trainer->options.observers[i], &start));
    const char *solver = gn_optimizer_solver_text(trainer->optimizer);
    if (solver[0] != '\0')
        gn_log(trainer->context, GN_LOG_INFO, "phase %zu: solver %s", trainer->phase, solver);
    return GN_OK;
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
    GN_TRY(count_steps(t));
    GN_TRY(gn_sampler_create(t->context, o->dataset, o->batch, o->seed, &t->sampler));
    GN_TRY(create_training(t, theta0));
    GN_TRY(gn_evaluator_create(t->context, o, t->full ? t->training : NULL, theta0, is_observed(t),
                               &t->evaluator));
    find_phase(t);
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
    gn_optimizer_destroy(trainer->optimizer);
    gn_evaluator_destroy(&trainer->evaluator);
    gn_linearization_destroy(trainer->training);
    gn_sampler_destroy(trainer->sampler);
    free(trainer);
}

gn_status gn_trainer_resume(gn_trainer *trainer, uint64_t step, double seconds, double passes) {
    if (step > trainer->steps)
        return gn_fail(trainer->context, GN_ERROR_ARGUMENT,
                       "a run of %llu steps cannot be resumed at step %llu; give the phases more steps",
                       (unsigned long long)trainer->steps, (unsigned long long)step);
    if (!isfinite(seconds) || seconds < 0 || !isfinite(passes) || passes < 0)
        return gn_fail(trainer->context, GN_ERROR_ARGUMENT,
                       "a run cannot be resumed after %g seconds and %g passes", seconds, passes);
    trainer->step = step;
    trainer->seconds = seconds;
    trainer->passes = passes;
    trainer->recorded_start = step > 0;
    trainer->good_loss = NAN;
    gn_evaluator_moved(&trainer->evaluator);
    return gn_trainer_enter_phase(trainer);
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

size_t gn_trainer_phase(const gn_trainer *trainer) {
    return trainer->phase;
}

double gn_trainer_passes(const gn_trainer *trainer) {
    return trainer->passes;
}

gn_optimizer *gn_trainer_optimizer(gn_trainer *trainer) {
    return trainer->optimizer;
}
