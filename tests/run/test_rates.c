/* The observer ntk in a run: of a linear map the kernel never moves, and every mode decays as its rule says.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer_case.h"

enum { POINTS = 12 };

typedef struct watched {
    double drift, r2, slope, median, measured[POINTS], predicted[POINTS];
    size_t count;
} watched;

static gn_status keep(void *user, const char *observer, uint64_t step, const char *name, int rank,
                      const size_t *shape, const double *values) {
    watched *w = user;
    (void)observer, (void)step, (void)shape, (void)rank;
    if (strcmp(name, "kernel_drift") == 0)
        w->drift = fmax(w->drift, values[0]);
    if (strcmp(name, "rate_r2") == 0)
        w->r2 = values[0];
    if (strcmp(name, "rate_slope") == 0)
        w->slope = values[0];
    if (strcmp(name, "mode_rate") == 0)
        w->median = values[0];
    if (strcmp(name, "measured_rate") == 0)
        memcpy(w->measured, values, sizeof w->measured);
    if (strcmp(name, "predicted_rate") == 0)
        memcpy(w->predicted, values, sizeof w->predicted);
    w->count++;
    return GN_OK;
}

/* The run's hooks record rows by way of their user; this one observes instead. */
static watched watch(const char *device, size_t batch, const gn_phase *phases, size_t phase_count) {
    trainer_case from = {.device = device, .dtype = GN_FLOAT64, .points = POINTS, .batch = batch};
    memcpy(from.phases, phases, phase_count * sizeof *phases);
    trainer_run *run = trainer_prepare(&from);
    gn_observer *observer;
    watched w = {0};
    gn_ntk_options options = gn_ntk_options_default();
    options.schedule = (gn_schedule){2};
    OK(run->context, gn_observer_create_ntk(run->context, run->network, GN_LOSS_SQUARED, &run->dataset,
                                            run->theta0, &options, &observer));
    run->options.observers = &observer;
    run->options.observer_count = 1;
    trainer_make(run);
    const gn_trainer_hooks hooks = {.sink = {keep, &w}};
    OK(run->context, gn_trainer_run(run->trainer, &hooks));
    gn_trainer_destroy(run->trainer);
    run->trainer = NULL;
    gn_observer_destroy(observer);
    trainer_teardown(run);
    return w;
}

/* A line through points has two parameters, and K two eigenvalues that are not zero. */
static void expect_rates(const char *device, gn_optimizer_options optimizer) {
    const gn_phase phases[] = {{.steps = 10, .optimizer = optimizer}};
    const watched w = watch(device, 0, phases, 1);
    cr_assert_gt(w.count, 0);
    cr_expect_lt(w.drift, 1e-14);
    for (int i = 0; i < 2; i++)
        cr_expect(fabs(w.measured[i] - w.predicted[i]) < 1e-9 && w.predicted[i] > 1e-3,
                  "mode %d decays by %.15g a step, not %.15g", i, w.measured[i], w.predicted[i]);
    cr_expect_float_eq(w.median, (w.predicted[0] + w.predicted[1]) / 2, 1e-9);
    cr_expect_float_eq(w.r2, 1, 1e-9);
    cr_expect_float_eq(w.slope, 1, 1e-9);
}

ON_EACH_DEVICE(rates, of_every_rule_are_as_predicted) {
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 0.1);
    expect_rates(device, sgd);
    gn_optimizer_options marquardt = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.3);
    marquardt.damping.value = 2;
    expect_rates(device, marquardt);
    marquardt.curvature = GN_CURVATURE_MEAN;
    expect_rates(device, marquardt);
    marquardt.damping = (gn_damping_options){GN_DAMPING_RELATIVE, .value = 0.3};
    expect_rates(device, marquardt);
    expect_rates(device, optimizer_of(GN_OPTIMIZER_GAUSS_NEWTON, 0.2));
    gn_optimizer_options power = optimizer_of(GN_OPTIMIZER_FRACTIONAL, 0.2);
    expect_rates(device, power);
    power.damping = (gn_damping_options){GN_DAMPING_CONSTANT, .value = 2};
    power.fractional.exponent = 1;
    expect_rates(device, power);
}

/* A later phase is measured for itself. */
Test(rates, begin_anew_with_a_phase) {
    const gn_phase phases[] = {{.steps = 10, .optimizer = optimizer_of(GN_OPTIMIZER_GAUSS_NEWTON, 0.2)},
                               {.steps = 8, .optimizer = optimizer_of(GN_OPTIMIZER_SGD, 0.1)}};
    const watched w = watch("cpu", 0, phases, 2);
    for (int i = 0; i < 2; i++)
        cr_expect(fabs(w.measured[i] - w.predicted[i]) < 1e-9, "mode %d: %.15g, not %.15g", i, w.measured[i],
                  w.predicted[i]);
    cr_expect_gt(fabs(w.predicted[0] - w.predicted[1]), 1e-3, "SGD's rates differ");
}

static void expect_measured_only(gn_optimizer_options optimizer, size_t batch, const char *name) {
    const gn_phase phases[] = {{.steps = 10, .optimizer = optimizer}};
    const watched w = watch("cpu", batch, phases, 1);
    cr_expect(isfinite(w.measured[0]) && isnan(w.predicted[0]) && isnan(w.r2),
              "%s: measured %g, predicted %g", name, w.measured[0], w.predicted[0]);
}

/* What has no rule predicts nothing, and is measured all the same. */
Test(rates, without_a_rule_are_measured_only) {
    expect_measured_only(optimizer_of(GN_OPTIMIZER_ADAMW, 0.01), 0, "adamw, whose weights decay");
    expect_measured_only(optimizer_of(GN_OPTIMIZER_SGD, 0.1), POINTS / 3, "parts of the training set");
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 0.1);
    sgd.grokfast.gain = 1;
    expect_measured_only(sgd, 0, "grokfast");
    sgd.grokfast.gain = 0;
    sgd.gradient = GN_GRADIENT_ORTHOGONAL;
    expect_measured_only(sgd, 0, "an orthogonal gradient");
    gn_optimizer_options power = optimizer_of(GN_OPTIMIZER_FRACTIONAL, 0.2);
    power.fractional.shuffled = true;
    expect_measured_only(power, 0, "gains of other modes");
    gn_optimizer_options newton = optimizer_of(GN_OPTIMIZER_GAUSS_NEWTON, 0.2);
    const gn_solver solvers[] = {GN_SOLVER_CG, GN_SOLVER_LSMR};
    for (int i = 0; i < 2; i++) {
        newton.solver = solvers[i];
        expect_measured_only(newton, 0, "gauss_newton without a cut-off");
    }
}

/* ---- resumption ---- */

/* All that is observed, in order. */
typedef struct observed {
    double values[8192];
    size_t count;
} observed;

static gn_status keep_all(void *user, const char *observer, uint64_t step, const char *name, int rank,
                          const size_t *shape, const double *values) {
    observed *all = user;
    const size_t count = rank == 1 ? shape[0] : 1;
    (void)observer, (void)step, (void)name;
    cr_assert_leq(all->count + count, sizeof all->values / sizeof *all->values);
    memcpy(all->values + all->count, values, count * sizeof *values);
    all->count += count;
    return GN_OK;
}

typedef struct watched_run {
    trainer_run *run;
    gn_observer *observer;
    observed seen;
} watched_run;

/* Steps of Levenberg-Marquardt, then of Adam, which has more to keep. */
static watched_run *watched_setup(const char *device, gn_solver solver, size_t dense_rows) {
    gn_ntk_options options = gn_ntk_options_default();
    trainer_case from = {.device = device, .dtype = GN_FLOAT64, .points = 6, .width = 3};
    from.phases[0] =
        (gn_phase){.steps = 5, .optimizer = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.05)};
    from.phases[0].optimizer.solver = solver;
    from.phases[1] = (gn_phase){.steps = 6, .optimizer = optimizer_of(GN_OPTIMIZER_ADAM, 1e-3)};
    watched_run *w = calloc(1, sizeof *w);
    cr_assert_not_null(w);
    w->run = trainer_prepare(&from);
    options.dense_rows = dense_rows;
    options.values = 3;
    options.schedule = (gn_schedule){2};
    OK(w->run->context, gn_observer_create_ntk(w->run->context, w->run->network, GN_LOSS_SQUARED,
                                               &w->run->dataset, w->run->theta0, &options, &w->observer));
    w->run->options.observers = &w->observer;
    w->run->options.observer_count = 1;
    w->run->hooks.sink = (gn_observation_sink){keep_all, &w->seen};
    trainer_make(w->run);
    return w;
}

static void watched_teardown(watched_run *w) {
    gn_trainer_destroy(w->run->trainer);
    w->run->trainer = NULL;
    gn_observer_destroy(w->observer);
    trainer_teardown(w->run);
    free(w);
}

static void check_resume(const char *device, gn_solver solver, size_t dense_rows) {
    watched_run *whole = watched_setup(device, solver, dense_rows);
    OK(whole->run->context, gn_trainer_run(whole->run->trainer, &whole->run->hooks));
    size_t numbers = 0;
    for (size_t i = 0; i < whole->seen.count; i++)
        numbers += isfinite(whole->seen.values[i]);
    cr_assert_gt(numbers, 100u);
    for (uint64_t stop = 1; stop < 11; stop++) {
        watched_run *first = watched_setup(device, solver, dense_rows),
                    *second = watched_setup(device, solver, dense_rows);
        first->run->stop_at = stop;
        cr_assert_eq(gn_trainer_run(first->run->trainer, &first->run->hooks), GN_ERROR_INTERRUPTED);
        trainer_carry_over(first->run, second->run);
        double kept, carried;
        for (gn_signal signal = GN_SIGNAL_DRIFT; signal <= GN_SIGNAL_MODE_RATE; signal++)
            if (gn_observer_offers(first->observer, signal)) {
                const bool has = gn_observer_signal(first->observer, signal, &kept);
                cr_assert_eq(gn_observer_signal(second->observer, signal, &carried), has);
                cr_expect(!has || kept == carried, "signal %d: %g, then %g", (int)signal, kept, carried);
            }
        OK(second->run->context, gn_trainer_run(second->run->trainer, &second->run->hooks));
        cr_assert_eq(first->seen.count + second->seen.count, whole->seen.count, "stopped after %d",
                     (int)stop);
        cr_expect_eq(memcmp(whole->seen.values + first->seen.count, second->seen.values,
                            second->seen.count * sizeof(double)),
                     0, "stopped after %d", (int)stop);
        watched_teardown(first);
        watched_teardown(second);
    }
    watched_teardown(whole);
}

ON_EACH_DEVICE(rates, of_a_resumed_run_are_those_of_one_never_stopped) {
    check_resume(device, GN_SOLVER_DUAL, 100);
    check_resume(device, GN_SOLVER_SPECTRAL, 100); /* shares the step's decomposition */
    check_resume(device, GN_SOLVER_DUAL, 0);
}

/* ---- Adam ---- */

/* With no mean of gradients and slow moments, the kernel of a look holds until the next. */
ON_EACH_DEVICE(rates, of_adam_are_predicted_while_its_moments_stand) {
    gn_optimizer_options adam = optimizer_of(GN_OPTIMIZER_ADAM, 1e-4);
    adam.beta1 = 0;
    adam.beta2 = 0.99999;
    const gn_phase phases[] = {{.steps = 200, .optimizer = adam}};
    const watched w = watch(device, 0, phases, 1);
    for (int i = 0; i < 2; i++)
        cr_expect(fabs(w.measured[i] - w.predicted[i]) < 0.02 * w.predicted[i] && w.predicted[i] > 1e-4,
                  "mode %d decays by %g a step, not %g", i, w.measured[i], w.predicted[i]);
    cr_expect(isnan(w.predicted[2]) || w.predicted[2] < 1e-9);
}
