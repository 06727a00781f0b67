/* The linearised companion of a run, as the observer drift shows it: where it must be the run itself, where
 * it must end, what it does when it cannot go on, and that a continued run continues it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer_case.h"

enum { KEPT = 4000 };

typedef struct watched {
    struct {
        uint64_t step;
        char name[40];
        double value;  /* of an array the sum of those that are numbers */
        size_t number; /* how many are */
    } rows[KEPT];
    size_t count;
    size_t warnings;
    char warning[256]; /* the last */
} watched;

typedef struct companion_run {
    trainer_run *run;
    gn_observer *observer;
    watched *seen;
} companion_run;

static gn_status keep(void *user, const char *observer, uint64_t step, const char *name, int rank,
                      const size_t *shape, const double *values) {
    watched *w = user;
    (void)observer;
    cr_assert(w->count < KEPT && strlen(name) < 40);
    w->rows[w->count].step = step;
    strcpy(w->rows[w->count].name, name);
    w->rows[w->count].value = rank ? 0 : values[0];
    w->rows[w->count].number = 0;
    for (size_t i = 0; rank && i < shape[0]; i++)
        if (!isnan(values[i])) {
            w->rows[w->count].value += values[i];
            w->rows[w->count].number++;
        }
    w->count++;
    return GN_OK;
}

static void listen(void *user, gn_log_level level, const char *message) {
    watched *w = user;
    if (level != GN_LOG_WARNING)
        return;
    w->warnings++;
    strncpy(w->warning, message, sizeof w->warning - 1);
}

/* The run is made, but for its trainer where `seed` is not the run's. */
static companion_run begin(const trainer_case *from, size_t every, uint64_t seed) {
    companion_run c = {.run = trainer_prepare(from), .seen = calloc(1, sizeof *c.seen)};
    trainer_run *run = c.run;
    const gn_drift_options options = {.network = run->network,
                                      .loss = run->options.loss,
                                      .dataset = &run->dataset,
                                      .theta0 = run->theta0,
                                      .companion = true,
                                      .batch = from->batch,
                                      .seed = seed};
    gn_context_set_log(run->context, listen, c.seen);
    OK(run->context, gn_observer_create_drift(run->context, &options, (gn_schedule){every}, &c.observer));
    run->hooks.sink = (gn_observation_sink){keep, c.seen};
    return c;
}

static void make(companion_run *c) {
    c->run->options.observers = &c->observer;
    c->run->options.observer_count = 1;
    trainer_make(c->run);
}

static void end(companion_run *c) {
    gn_trainer_destroy(c->run->trainer);
    c->run->trainer = NULL;
    gn_observer_destroy(c->observer);
    trainer_teardown(c->run);
    free(c->seen);
}

static companion_run run_all(const trainer_case *from, size_t every, uint64_t seed) {
    companion_run c = begin(from, every, seed);
    make(&c);
    OK(c.run->context, gn_trainer_run(c.run->trainer, &c.run->hooks));
    return c;
}

/* The row of that name that was written last. */
static size_t last_row(const companion_run *c, const char *name) {
    for (size_t i = c->seen->count; i-- > 0;)
        if (strcmp(c->seen->rows[i].name, name) == 0)
            return i;
    cr_assert_fail("no %s was written", name);
    return 0;
}

static double last(const companion_run *c, const char *name) {
    return c->seen->rows[last_row(c, name)].value;
}

static size_t last_numbers(const companion_run *c, const char *name) {
    return c->seen->rows[last_row(c, name)].number;
}

static double largest(const companion_run *c, const char *name) {
    double most = -INFINITY;
    for (size_t i = 0; i < c->seen->count; i++)
        if (strcmp(c->seen->rows[i].name, name) == 0)
            most = fmax(most, c->seen->rows[i].value);
    return most;
}

/* ---- where it is the run itself ---- */

static gn_optimizer_options heavy_ball(void) {
    gn_optimizer_options options = optimizer_of(GN_OPTIMIZER_SGD, 0.02);
    options.momentum = 0.8;
    return options;
}

static trainer_case linear_case(const char *device, size_t batch) {
    return (trainer_case){.device = device,
                          .dtype = GN_FLOAT64,
                          .points = 20,
                          .test_points = 7,
                          .batch = batch,
                          .phases = {{7, optimizer_of(GN_OPTIMIZER_ADAM, 0.05)},
                                     {6, heavy_ball()},
                                     {5, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.3)}}};
}

/* A map that is linear in its parameters: batches, phases and optimisers are then all that could differ. */
ON_EACH_DEVICE(companion, of_a_linear_map_is_the_run) {
    for (size_t batch = 0; batch <= 6; batch += 6) {
        const trainer_case from = linear_case(device, batch);
        companion_run c = run_all(&from, 4, 9);
        const gn_metrics *row = &c.run->rows[c.run->row_count - 1];
        cr_expect_lt(largest(&c, "linearisation_gap"), 1e-12);
        cr_expect_lt(largest(&c, "kernel_drift"), 1e-14);
        cr_expect(fabs(last(&c, "companion_loss_train") - row->loss_train) < 1e-12 * row->loss_train);
        cr_expect(fabs(last(&c, "companion_loss_test") - row->loss_test) < 1e-12 * row->loss_test);
        end(&c);
    }
}

/* Rules that change a gradient's matrices need their shapes. */
ON_EACH_DEVICE(companion, knows_the_shapes_of_matrices) {
    trainer_case from = linear_case(device, 0);
    from.phases[0].optimizer.gradient = GN_GRADIENT_ORTHOGONAL;
    companion_run c = run_all(&from, 4, 9);
    cr_expect_lt(largest(&c, "linearisation_gap"), 1e-10);
    end(&c);
}

Test(companion, of_other_batches_is_another_run) {
    const trainer_case from = linear_case("cpu", 6);
    companion_run c = run_all(&from, 4, 10);
    cr_expect_gt(last(&c, "linearisation_gap"), 1e-4);
    end(&c);
}

/* A PDE's rows have weights. */
Test(companion, of_a_pde_begins_with_its_loss) {
    const trainer_case from = {.dtype = GN_FLOAT64,
                               .points = 10,
                               .test_points = 4,
                               .width = 5,
                               .pde = true,
                               .phases = {{3, optimizer_of(GN_OPTIMIZER_SGD, 1e-9)}}};
    companion_run c = run_all(&from, 1, 9);
    const gn_metrics *row = &c.run->rows[c.run->row_count - 1];
    cr_expect(fabs(last(&c, "companion_loss_train") - row->loss_train) < 1e-6 * row->loss_train);
    cr_expect(fabs(last(&c, "companion_loss_test") - row->loss_test) < 1e-6 * row->loss_test);
    end(&c);
}

/* Without one there is no gap that could end a phase. */
Test(companion, alone_gives_the_gap) {
    trainer_case from = linear_case("cpu", 0);
    companion_run c = begin(&from, 4, 9);
    cr_expect(gn_observer_offers(c.observer, GN_SIGNAL_LINEARISATION_GAP));
    gn_drift_options options = {.network = c.run->network,
                                .loss = c.run->options.loss,
                                .dataset = &c.run->dataset,
                                .theta0 = c.run->theta0};
    gn_observer *drift;
    OK(c.run->context, gn_observer_create_drift(c.run->context, &options, (gn_schedule){4}, &drift));
    cr_expect(!gn_observer_offers(drift, GN_SIGNAL_LINEARISATION_GAP));
    cr_expect(gn_observer_offers(drift, GN_SIGNAL_DRIFT));
    gn_observer_destroy(drift);
    end(&c);
}

/* ---- where it ends ---- */

/* Trained to the end by LM, the companion is kernel regression from f_0, centred or not. */
ON_EACH_DEVICE(companion, ends_at_kernel_regression) {
    for (int centred = 0; centred < 2; centred++) {
        gn_optimizer_options lm = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5);
        lm.damping.value = 1e-6;
        const trainer_case from = {.device = device,
                                   .dtype = GN_FLOAT64,
                                   .points = 5,
                                   .test_points = 30,
                                   .width = 40,
                                   .centred = centred != 0,
                                   .phases = {{60, lm}}};
        companion_run c = run_all(&from, 20, 9);
        const double regression = last(&c, "kernel_regression_loss_test");
        cr_expect_eq(last(&c, "kernel_regression_samples"), 5);
        cr_expect_lt(last(&c, "companion_loss_train"), 1e-12);
        cr_expect(fabs(last(&c, "companion_loss_test") - regression) < 1e-6 * regression,
                  "%.12g, not kernel regression's %.12g", last(&c, "companion_loss_test"), regression);
        end(&c);
    }
}

/* A run in float32 is seen in float64: what it does differs by its own rounding alone, and modes that float32
 * could not tell from 0 count. */
ON_EACH_DEVICE(companion, of_float32_is_seen_in_float64) {
    static const char *const names[] = {"kernel_drift",
                                        "cka",
                                        "kernel_target_alignment",
                                        "subspace_residency",
                                        "uniformity",
                                        "linearisation_gap",
                                        "kernel_regression_loss_test"};
    trainer_case from = {.device = device,
                         .dtype = GN_FLOAT64,
                         .points = 12,
                         .test_points = 30,
                         .width = 40,
                         .phases = {{4, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)}}};
    companion_run wide = run_all(&from, 2, 9);
    from.dtype = GN_FLOAT32;
    companion_run narrow = run_all(&from, 2, 9);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const double a = last(&wide, names[i]), b = last(&narrow, names[i]);
        cr_expect(fabs(a - b) < 2e-3 * fabs(a), "%s: %.12g in float64, %.12g in float32", names[i], a, b);
    }
    cr_expect_eq(last_numbers(&wide, "displacement"), 12u);
    cr_expect_eq(last_numbers(&narrow, "displacement"), 12u);
    end(&wide);
    end(&narrow);
}

/* The run trains on, the log says it once, and what the kernel says stays. */
Test(companion, that_diverges_ends_no_run) {
    trainer_case from = {.dtype = GN_FLOAT64,
                         .points = 8,
                         .width = 4,
                         .phases = {{400, optimizer_of(GN_OPTIMIZER_ADAM, 1e-3)}}};
    companion_run c = begin(&from, 100, 9);
    /* a phase of another rule, of which only the observer hears */
    gn_optimizer *wild;
    const gn_optimizer_options options = optimizer_of(GN_OPTIMIZER_SGD, 1e3);
    OK(c.run->context,
       gn_optimizer_create(c.run->context, &options, GN_FLOAT64, gn_array_count(c.run->theta), 8, &wild));
    const gn_phase_start start = {.optimizer = wild};
    OK(c.run->context, gn_observer_begin_phase(c.observer, &start));
    for (uint64_t step = 0; step <= 400; step += 100)
        OK(c.run->context, gn_observer_observe(c.observer, step, c.run->theta, NULL, &c.run->hooks.sink));
    double value;
    cr_expect(isnan(last(&c, "companion_loss_train")) && isnan(last(&c, "linearisation_gap")));
    cr_expect_eq(last(&c, "kernel_drift"), 0);
    cr_expect_eq(c.seen->warnings, 1u);
    cr_expect_not_null(strstr(c.seen->warning, "companion diverged"), "%s", c.seen->warning);
    cr_expect_not(gn_observer_signal(c.observer, GN_SIGNAL_LINEARISATION_GAP, &value));
    gn_optimizer_destroy(wild);
    end(&c);
}

Test(companion, needs_to_know_the_optimiser) {
    const trainer_case from = {.dtype = GN_FLOAT64, .points = 8, .width = 4};
    companion_run c = begin(&from, 1, 9);
    const gn_phase_start nobody = {0};
    cr_expect_eq(gn_observer_observe(c.observer, 1, c.run->theta, NULL, &c.run->hooks.sink),
                 GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_observer_begin_phase(c.observer, &nobody), GN_ERROR_UNSUPPORTED);
    end(&c);
}

/* ---- a continued run ---- */

static void expect_last_observations(const companion_run *whole, const companion_run *part, uint64_t stop) {
    const size_t skipped = whole->seen->count - part->seen->count;
    cr_assert(part->seen->count > 0 && whole->seen->count > part->seen->count);
    for (size_t i = 0; i < part->seen->count; i++) {
        const double a = whole->seen->rows[skipped + i].value, b = part->seen->rows[i].value;
        cr_assert_str_eq(whole->seen->rows[skipped + i].name, part->seen->rows[i].name);
        cr_assert(memcmp(&a, &b, sizeof a) == 0, "stopped after %d, step %d: %s is %.17g, not %.17g",
                  (int)stop, (int)part->seen->rows[i].step, part->seen->rows[i].name, b, a);
    }
}

/* Stopped after each step but the last, between observations too. */
static void check_resume(const trainer_case *from) {
    companion_run whole = run_all(from, 4, 9);
    const uint64_t steps = gn_trainer_steps(whole.run->trainer);
    for (uint64_t stop = 1; stop < steps; stop++) {
        companion_run first = begin(from, 4, 9), second = begin(from, 4, 9);
        make(&first);
        make(&second);
        first.run->stop_at = stop;
        cr_assert_eq(gn_trainer_run(first.run->trainer, &first.run->hooks), GN_ERROR_INTERRUPTED);
        trainer_carry_over(first.run, second.run);
        OK(second.run->context, gn_trainer_run(second.run->trainer, &second.run->hooks));
        expect_last_observations(&whole, &second, stop);
        end(&first);
        end(&second);
    }
    end(&whole);
}

ON_EACH_DEVICE(companion, of_a_continued_run_is_the_same) {
    gn_optimizer_options scheduled = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.3);
    scheduled.damping =
        (gn_damping_options){.kind = GN_DAMPING_SCHEDULED, .value = 1, .final = 1e-2, .steps = 4};
    const trainer_case from = {.device = device,
                               .dtype = GN_FLOAT64,
                               .points = 16,
                               .test_points = 6,
                               .width = 5,
                               .batch = 6,
                               .phases = {{7, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)}, {6, scheduled}}};
    check_resume(&from);
}
