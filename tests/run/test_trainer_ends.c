/* How runs end and begin again: divergence, interruption, resumption, refusals, observers on the way. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer_case.h"

static void expect_message(const trainer_run *run, const char *part) {
    cr_assert(strstr(gn_error_message(run->context), part), "\"%s\" lacks \"%s\"",
              gn_error_message(run->context), part);
}

/* ---- divergence ---- */

static void check_divergence(const char *device, size_t record, size_t batch, gn_dtype dtype) {
    const trainer_case wild = {
        .device = device,
        .dtype = dtype,
        .width = 6,
        .batch = batch,
        .phases = {{5, optimizer_of(GN_OPTIMIZER_SGD, 1e-3)}, {200, optimizer_of(GN_OPTIMIZER_SGD, 100)}},
        .record = record};
    trainer_run *run = trainer_setup(&wild);
    char good[64];
    cr_assert_eq(gn_trainer_run(run->trainer, &run->hooks), GN_ERROR_DIVERGED, "%s",
                 gn_error_message(run->context));
    const gn_metrics *last = &run->rows[run->row_count - 1];
    for (size_t i = 0; i < run->row_count; i++)
        cr_assert(isfinite(run->rows[i].loss_train), "row %zu is not finite", i);
    snprintf(good, sizeof(good), "last good: step %d, loss %.6g", (int)last->step, last->loss_train);
    expect_message(run, "diverged at step ");
    expect_message(run, " (phase 1, sgd): loss ");
    expect_message(run, good);
    expect_message(run, "try a smaller learning rate or larger damping");
    /* at the next record at the latest */
    cr_assert_leq(gn_trainer_step(run->trainer), record == 0 ? 205u : last->step + record);
    trainer_teardown(run);
}

ON_EACH_DEVICE(trainer, divergence_is_told_with_the_last_good_row) {
    check_divergence(device, 1, 0, GN_FLOAT64);
    check_divergence(device, 7, 0, GN_FLOAT32);
    check_divergence(device, 100, 5, GN_FLOAT64);
    check_divergence(device, 1000, 0, GN_FLOAT64);
    check_divergence(device, 0, 5, GN_FLOAT32);
}

ON_EACH_DEVICE(trainer, a_solver_that_meets_lost_parameters_has_diverged) {
    static const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_GAUSS_NEWTON, GN_OPTIMIZER_LEVENBERG_MARQUARDT};
    for (int i = 0; i < 2; i++) {
        const trainer_case wild = {.device = device,
                                   .dtype = GN_FLOAT64,
                                   .width = 6,
                                   .phases = {{300, optimizer_of(kinds[i], 1e60)}},
                                   .record = 1000};
        trainer_run *run = trainer_setup(&wild);
        cr_assert_eq(gn_trainer_run(run->trainer, &run->hooks), GN_ERROR_DIVERGED, "%s",
                     gn_error_message(run->context));
        expect_message(run, "last good: step 0");
        trainer_teardown(run);
    }
}

Test(trainer, parameters_that_are_not_finite_at_the_start_are_told) {
    const trainer_case lost = {
        .dtype = GN_FLOAT64, .width = 3, .phases = {{5, optimizer_of(GN_OPTIMIZER_SGD, 1e-3)}}};
    trainer_run *run = trainer_setup(&lost);
    OK(run->context, gn_array_fill(run->theta, NAN));
    cr_assert_eq(gn_trainer_run(run->trainer, &run->hooks), GN_ERROR_DIVERGED);
    expect_message(run, "diverged at step 0 (the start): loss nan; no finite loss was recorded before");
    trainer_teardown(run);
}

/* ---- interruption ---- */

ON_EACH_DEVICE(trainer, a_stopped_run_may_go_on) {
    const trainer_case plain = {.device = device,
                                .dtype = GN_FLOAT64,
                                .width = 6,
                                .batch = 5,
                                .phases = {{12, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)},
                                           {9, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5)}},
                                .record = 4};
    trainer_run *whole = trainer_setup(&plain), *run = trainer_setup(&plain);
    OK(whole->context, gn_trainer_run(whole->trainer, &whole->hooks));
    for (run->stop_at = 3; run->stop_at < 21; run->stop_at += 3) {
        cr_assert_eq(gn_trainer_run(run->trainer, &run->hooks), GN_ERROR_INTERRUPTED);
        cr_assert_eq(gn_trainer_step(run->trainer), run->stop_at);
        expect_message(run, "interrupted after step");
    }
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks)); /* stops after its last step: done */
    cr_assert_eq(run->row_count, whole->row_count);
    expect_last_rows(whole, run);
    expect_same_theta(whole, run);
    trainer_teardown(whole);
    trainer_teardown(run);
}

static gn_status fail_record(void *user, const gn_metrics *metrics) {
    (void)user;
    return metrics->step == 2 ? GN_ERROR_IO : GN_OK;
}

Test(trainer, a_hooks_failure_ends_the_run) {
    const trainer_case plain = {.dtype = GN_FLOAT64, .phases = {{9, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)}}};
    trainer_run *run = trainer_setup(&plain);
    const gn_trainer_hooks hooks = {.record = fail_record};
    cr_assert_eq(gn_trainer_run(run->trainer, &hooks), GN_ERROR_IO);
    cr_assert_eq(gn_trainer_step(run->trainer), 2u);
    trainer_teardown(run);
}

/* ---- resumption ---- */

static void copy_values(const gn_array *from, gn_array *to) {
    double *values = host_values(from);
    cr_assert_eq(gn_array_write(to, values, gn_array_count(from)), GN_OK);
    free(values);
}

/* Stopped after each step in turn, and continued by another process's trainer. */
static void check_resume(const trainer_case *from, size_t steps) {
    trainer_run *whole = trainer_setup(from);
    OK(whole->context, gn_trainer_run(whole->trainer, &whole->hooks));
    cr_assert_eq(gn_trainer_steps(whole->trainer), steps);
    for (uint64_t stop = 1; stop < steps; stop++) {
        trainer_run *first = trainer_setup(from), *second = trainer_setup(from);
        first->stop_at = stop;
        cr_assert_eq(gn_trainer_run(first->trainer, &first->hooks), GN_ERROR_INTERRUPTED);
        trainer_carry_over(first, second);
        cr_assert_eq(gn_trainer_phase(second->trainer), gn_trainer_phase(first->trainer));
        cr_assert_eq(gn_trainer_seconds(second->trainer), gn_trainer_seconds(first->trainer));
        OK(second->context, gn_trainer_run(second->trainer, &second->hooks));
        cr_assert_eq(first->row_count + second->row_count, whole->row_count, "stopped after %d", (int)stop);
        expect_last_rows(whole, second);
        expect_same_theta(whole, second);
        if (first->row_count > 0 && second->row_count > 0)
            cr_assert_gt(second->rows[0].processor_seconds,
                         first->rows[first->row_count - 1].processor_seconds);
        trainer_teardown(first);
        trainer_teardown(second);
    }
    trainer_teardown(whole);
}

/* Each kind of state there is, twice over: the second phase must begin afresh. */
static void check_resume_of(const char *device, gn_optimizer_options options) {
    for (int batch = 0; batch < 2; batch++) {
        const trainer_case each = {
            .device = device,
            .dtype = batch ? GN_FLOAT32 : GN_FLOAT64,
            .points = 20,
            .test_points = 6,
            .width = 5,
            .batch = batch ? 8 : 0,
            .phases = {{5, options}, {4, options}, {2, optimizer_of(GN_OPTIMIZER_SGD, 1e-3)}},
            .record = 3};
        check_resume(&each, 11);
    }
}

ON_EACH_DEVICE(trainer, a_resumed_first_order_run_is_the_run_never_stopped) {
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 1e-2);
    check_resume_of(device, sgd);
    sgd.momentum = 0.9;
    sgd.weight_decay = 0.01;
    check_resume_of(device, sgd);
    check_resume_of(device, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2));
    check_resume_of(device, optimizer_of(GN_OPTIMIZER_ADAMW, 1e-2));
    gn_optimizer_options adam = optimizer_of(GN_OPTIMIZER_ADAM, 1e-2);
    adam.grokfast.gain = 2;
    check_resume_of(device, adam);
    adam.grokfast.gain = 0;
    adam.gradient = GN_GRADIENT_ORTHOGONAL;
    check_resume_of(device, adam);
    sgd = optimizer_of(GN_OPTIMIZER_SGD, 1);
    sgd.line_search = (gn_line_search_options){GN_LINE_SEARCH_ARMIJO, 1e-4, 0.5, 20};
    check_resume_of(device, sgd);
}

ON_EACH_DEVICE(trainer, a_resumed_run_of_recorded_losses_is_the_run_never_stopped) {
    static const double losses[] = {1, 0.99, 0.995, 0.98, 0.97, 0.96, 0.5};
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 1e-2);
    trainer_case each = {.device = device, .dtype = GN_FLOAT64, .points = 20, .width = 5, .record = 3};
    sgd.step_size.kind = GN_STEP_SIZE_RECORDED_LOSS;
    sgd.step_size.recorded = losses;
    sgd.step_size.recorded_count = 7;
    each.phases[0] = (gn_phase){.steps = 7, .optimizer = sgd};
    check_resume(&each, 7);
}

ON_EACH_DEVICE(trainer, a_resumed_run_of_chosen_step_sizes_is_the_run_never_stopped) {
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 1);
    sgd.step_size.kind = GN_STEP_SIZE_STABILITY;
    check_resume_of(device, sgd);
    static const double norms[] = {0.3, 0.1, 0.2, 0.01, 0.05};
    sgd.step_size.kind = GN_STEP_SIZE_RECORDED_NORM;
    sgd.step_size.recorded = norms;
    sgd.step_size.recorded_count = 5;
    check_resume_of(device, sgd);
    sgd.step_size = (gn_step_size_options){.kind = GN_STEP_SIZE_TRACE, .damping = 0.5, .every = 2};
    check_resume_of(device, sgd);
}

/* With the last step still to become a pair, and with one that pushes another out. */
ON_EACH_DEVICE(trainer, a_resumed_lbfgs_run_is_the_run_never_stopped) {
    gn_optimizer_options lbfgs = optimizer_of(GN_OPTIMIZER_LBFGS, 1);
    trainer_case each = {.device = device, .dtype = GN_FLOAT64, .points = 20, .width = 5, .record = 3};
    lbfgs.memory = 2;
    each.phases[0] = (gn_phase){.steps = 11, .optimizer = lbfgs};
    check_resume(&each, 11);
}

ON_EACH_DEVICE(trainer, a_resumed_gauss_newton_run_is_the_run_never_stopped) {
    gn_optimizer_options power = optimizer_of(GN_OPTIMIZER_FRACTIONAL, 0.1);
    power.fractional.shuffled = true;
    check_resume_of(device, power);
    gn_optimizer_options lm = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5);
    check_resume_of(device, optimizer_of(GN_OPTIMIZER_GAUSS_NEWTON, 0.1));
    lm.damping.value = 0.5;
    check_resume_of(device, lm);
    lm.damping = (gn_damping_options){.kind = GN_DAMPING_SCHEDULED, .value = 1, .final = 1e-3, .steps = 4};
    check_resume_of(device, lm);
    lm.damping = (gn_damping_options){.kind = GN_DAMPING_RELATIVE, .value = 0.01};
    check_resume_of(device, lm);
    lm.damping = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT).damping;
    lm.damping.kind = GN_DAMPING_GAIN_RATIO;
    lm.damping.value = 1e-3;
    lm.learning_rate = 1;
    check_resume_of(device, lm);
}

ON_EACH_DEVICE(trainer, a_centred_network_is_resumed_against_its_first_parameters) {
    const trainer_case centred = {.device = device,
                                  .dtype = GN_FLOAT64,
                                  .width = 5,
                                  .centred = true,
                                  .phases = {{6, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)}},
                                  .record = 1};
    trainer_run *whole = trainer_setup(&centred);
    OK(whole->context, gn_trainer_run(whole->trainer, &whole->hooks));
    double *y = host_values(whole->dataset.targets), loss = 0;
    for (size_t i = 0; i < 24; i++)
        loss += y[i] * y[i] / 24; /* f = 0 at theta_0 */
    cr_assert_float_eq(whole->rows[0].loss_train, loss, 1e-12);
    cr_assert_lt(whole->rows[6].loss_train, loss);
    free(y);
    /* theta_0 is copied when the trainer is made: here theta is elsewhere before the resumed one is made. */
    trainer_run *first = trainer_setup(&centred), *second = trainer_prepare(&centred);
    first->stop_at = 3;
    cr_assert_eq(gn_trainer_run(first->trainer, &first->hooks), GN_ERROR_INTERRUPTED);
    copy_values(first->theta, second->theta);
    trainer_make(second);
    trainer_carry_over(first, second);
    OK(second->context, gn_trainer_run(second->trainer, &second->hooks));
    expect_last_rows(whole, second);
    expect_same_theta(whole, second);
    trainer_teardown(whole);
    trainer_teardown(first);
    trainer_teardown(second);
}

/* As from a checkpoint with this clock. */
static gn_status resume_at(trainer_run *run, const double clock[6]) {
    kept_state state;
    gn_state_walk walk = save_into(&state);
    OK(run->context, gn_trainer_state(run->trainer, &walk));
    cr_assert_str_eq(state.arrays[0].name, "clock");
    memcpy(state.arrays[0].values, clock, 6 * sizeof(*clock));
    walk = load_from(&state);
    return gn_trainer_state(run->trainer, &walk);
}

Test(trainer, a_finished_run_resumes_into_nothing) {
    const trainer_case plain = {.dtype = GN_FLOAT64, .phases = {{4, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)}}};
    trainer_run *run = trainer_setup(&plain);
    double clock[] = {4, 1.5, 4, 0, 0, 4}; /* step, seconds, passes; phase, its beginning and end */
    OK(run->context, resume_at(run, clock));
    cr_assert_null(gn_trainer_optimizer(run->trainer));
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_assert_eq(run->row_count, 0u);
    cr_assert_eq(gn_trainer_seconds(run->trainer), 1.5);
    clock[0] = clock[5] = 5;
    cr_assert_eq(resume_at(run, clock), GN_ERROR_ARGUMENT);
    expect_message(run, "a run of 4 steps cannot be resumed at step 5");
    const double wrong[][6] = {{2, NAN, 0, 0, 0, 4},
                               {2, 1, -1, 0, 0, 4},
                               {2, 1, 2, 2, 0, 4},
                               {2, 1, 2, 0, 3, 4},
                               {3, 1, 2, 0, 0, 2}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_eq(resume_at(run, wrong[i]), GN_ERROR_ARGUMENT, "%zu", i);
    trainer_teardown(run);
}

/* ---- refusals ---- */

/* Creation fails so. */
static void refuse(trainer_run *run, gn_status wanted, const char *part) {
    const size_t before = gn_context_allocated(run->context);
    gn_status status = gn_trainer_create(run->context, &run->options, run->theta, run->theta0, &run->trainer);
    cr_assert_eq(status, wanted, "%s: %s", gn_status_text(status), gn_error_message(run->context));
    expect_message(run, part);
    cr_assert_null(run->trainer);
    cr_assert_eq(gn_context_allocated(run->context), before);
}

Test(trainer, what_does_not_fit_together_is_refused) {
    const trainer_case plain = {
        .device = "check",
        .dtype = GN_FLOAT64,
        .width = 5,
        .phases = {{4, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)}, {4, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)}}};
    trainer_run *run = trainer_prepare(&plain);
    run->options.batch = 25;
    refuse(run, GN_ERROR_ARGUMENT, "a batch of 25 is more than the 24 training samples");
    run->options.batch = 0;
    run->phases[1].optimizer.learning_rate = -1;
    refuse(run, GN_ERROR_ARGUMENT, "phase 1 (adam): ");
    run->phases[1].optimizer.learning_rate = 1;
    run->phases[0].steps = SIZE_MAX;
    refuse(run, GN_ERROR_ARGUMENT, "more steps than can be counted");
    run->phases[0].steps = 4;
    run->options.dtype = GN_FLOAT32;
    refuse(run, GN_ERROR_SHAPE, "theta");
    run->options.dtype = GN_FLOAT64;
    gn_dataset_destroy(&run->dataset);
    OK(run->context, gn_dataset_step_2d(run->context, GN_FLOAT64, 4, 0, 0, &run->dataset));
    refuse(run, GN_ERROR_SHAPE, "2 features and 1 targets a sample, the network takes 1 and gives 1");
    gn_dataset_destroy(&run->dataset);
    OK(run->context, gn_dataset_multi_sine_1d(run->context, GN_FLOAT32, 4, 0, 0, &run->dataset));
    refuse(run, GN_ERROR_ARGUMENT, "the training data are float32, the trainer works in float64");
    trainer_teardown(run);
}

/* ---- observers ---- */

typedef struct observed {
    uint64_t steps[64];
    double modes[64][4];
    size_t modes_count, norms_count;
    double weight_norm;
} observed;

static gn_status keep_observation(void *user, const char *observer, uint64_t step, const char *name, int rank,
                                  const size_t *shape, const double *values) {
    observed *seen = user;
    (void)observer;
    if (strcmp(name, "mode") == 0) {
        cr_assert(rank == 1 && shape[0] == 4);
        seen->steps[seen->modes_count] = step;
        memcpy(seen->modes[seen->modes_count++], values, 4 * sizeof(*values));
    } else if (strcmp(name, "weight_norm") == 0) {
        seen->norms_count++;
        seen->weight_norm = values[0];
    }
    return GN_OK;
}

/* Amplitude of mode 0: the mean error, which a full linearization gives as well. */
static double mean_error(const trainer_run *run) {
    gn_linearization *l;
    double mean = 0;
    OK(run->context, gn_linearization_create(run->network, GN_LOSS_SQUARED, GN_FLOAT64, 24, &l));
    OK(run->context, gn_linearization_set_batch(l, run->dataset.inputs, run->dataset.targets));
    OK(run->context, gn_linearization_set_point(l, run->theta));
    gn_array *r = device_array(run->context, GN_FLOAT64, 24, 1, NULL);
    OK(run->context, gn_linearization_residual(l, r));
    double *values = host_values(r);
    for (size_t i = 0; i < 24; i++)
        mean += values[i] / 24;
    free(values);
    gn_array_destroy(r);
    gn_linearization_destroy(l);
    return fabs(mean);
}

static void check_observers(const char *device, size_t batch) {
    static const uint64_t steps[] = {0, 4, 6, 8, 11};
    const trainer_case plain = {.device = device,
                                .dtype = GN_FLOAT64,
                                .test_points = 9,
                                .width = 5,
                                .batch = batch,
                                .phases = {{6, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)},
                                           {5, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.1)}},
                                .record = 3};
    trainer_run *run = trainer_prepare(&plain);
    gn_observer *observers[2];
    observed seen = {.modes_count = 0};
    OK(run->context,
       gn_observer_create_fourier(run->context, &run->dataset, 3, (gn_schedule){4}, &observers[0]));
    OK(run->context, gn_observer_create_norms(run->context, run->theta, (gn_schedule){1}, &observers[1]));
    run->options.observers = observers;
    run->options.observer_count = 2;
    trainer_make(run);
    const gn_trainer_hooks hooks = {.sink = {.write = keep_observation, .user = &seen}};
    OK(run->context, gn_trainer_run(run->trainer, &hooks));
    cr_assert_eq(seen.modes_count, 5u);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(seen.steps[i], steps[i]);
    cr_assert_eq(seen.norms_count, 12u);
    cr_assert_float_eq(seen.modes[4][0], mean_error(run), 1e-13);
    /* observing must not disturb training */
    trainer_run *other = trainer_setup(&plain);
    OK(other->context, gn_trainer_run(other->trainer, &other->hooks));
    expect_same_theta(run, other);
    gn_observer_destroy(observers[0]);
    gn_observer_destroy(observers[1]);
    trainer_teardown(run);
    trainer_teardown(other);
}

ON_EACH_DEVICE(trainer, observers_are_called_when_due_with_the_whole_training_set) {
    check_observers(device, 0);
    check_observers(device, 7);
}
