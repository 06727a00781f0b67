/* Observers that ask the running optimiser, or hear of rows, leave the run as it is. */
#include <math.h>
#include <string.h>

#include "trainer_case.h"

enum { OBSERVERS = 2 };

typedef struct seen {
    size_t angles, rows;
    double last_delay, last_angle;
} seen;

static gn_status keep(void *user, const char *observer, uint64_t step, const char *name, int rank,
                      const size_t *shape, const double *values) {
    seen *s = user;
    (void)step, (void)rank, (void)shape;
    if (strcmp(name, "direction_angle") == 0) {
        s->angles++;
        s->last_angle = values[0];
    }
    if (strcmp(observer, "generalisation") == 0 && strcmp(name, "final_loss_train") == 0)
        s->rows++;
    return GN_OK;
}

static trainer_run *prepare_case(const trainer_case *from, gn_observer **observers, seen *s) {
    trainer_run *run = trainer_prepare(from);
    gn_curvature_options curvature = {.values = 2, .steps = 5, .starts = 1, .probes = 2, .hessian = true};
    const gn_generalisation_options generalisation = {0};
    if (observers) {
        OK(run->context,
           gn_observer_create_curvature(run->context, run->network, GN_LOSS_SQUARED, &run->dataset,
                                        run->theta0, &curvature, (gn_schedule){3}, &observers[0]));
        OK(run->context, gn_observer_create_generalisation(run->context, &run->dataset, &generalisation,
                                                           (gn_schedule){4}, &observers[1]));
        run->options.observers = observers;
        run->options.observer_count = OBSERVERS;
        run->hooks.sink = (gn_observation_sink){keep, s};
    }
    return run;
}

static trainer_run *run_case(const trainer_case *from, gn_observer **observers, seen *s) {
    trainer_run *run = prepare_case(from, observers, s);
    trainer_make(run);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    return run;
}

static void expect_untouched(const char *device, gn_optimizer_options optimizer, size_t batch) {
    const trainer_case from = {.device = device,
                               .dtype = GN_FLOAT64,
                               .points = 12,
                               .test_points = 5,
                               .width = 4,
                               .batch = batch,
                               .phases = {{7, optimizer}, {4, optimizer_of(GN_OPTIMIZER_SGD, 1e-3)}},
                               .record = 2};
    gn_observer *observers[OBSERVERS];
    seen s = {0};
    trainer_run *alone = run_case(&from, NULL, NULL), *watched = run_case(&from, observers, &s);
    expect_same_theta(alone, watched);
    cr_expect_eq(s.angles, 6, "steps 0, 3, 6, 7, 9, 11: %zu", s.angles);
    cr_expect_eq(s.rows, 5, "steps 0, 4, 7, 8, 11: %zu", s.rows);
    cr_expect(s.last_angle < 1e-5, "gradient descent at the end: %g", s.last_angle);
    gn_trainer_destroy(watched->trainer);
    watched->trainer = NULL;
    for (int i = 0; i < OBSERVERS; i++)
        gn_observer_destroy(observers[i]);
    trainer_teardown(alone);
    trainer_teardown(watched);
}

ON_EACH_DEVICE(observing, leaves_first_order_rules_alone) {
    gn_optimizer_options sgd = optimizer_of(GN_OPTIMIZER_SGD, 1e-2);
    sgd.momentum = 0.9;
    expect_untouched(device, sgd, 5);
    expect_untouched(device, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2), 0);
}

ON_EACH_DEVICE(observing, leaves_gauss_newton_alone) {
    static const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_LSMR};
    gn_optimizer_options marquardt = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5);
    for (size_t i = 0; i < sizeof solvers / sizeof *solvers; i++) {
        marquardt.solver = solvers[i];
        expect_untouched(device, marquardt, i == 0 ? 5 : 0);
    }
    marquardt.learning_rate = 1;
    marquardt.damping.kind = GN_DAMPING_GAIN_RATIO;
    expect_untouched(device, marquardt, 0);
}

/* The last direction is state where solves begin with it. */
ON_EACH_DEVICE(observing, leaves_a_warm_start_alone) {
    gn_optimizer_options marquardt = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5);
    marquardt.solver = GN_SOLVER_CG;
    marquardt.cg.max_iterations = 3;
    expect_untouched(device, marquardt, 0);
    marquardt.cg.warm_start = true;
    expect_untouched(device, marquardt, 0);
}

static void expect_no_angle(trainer_run *run, gn_observer *observer, seen *s) {
    const gn_observation_sink sink = {keep, s};
    s->last_angle = 0;
    OK(run->context, gn_observer_observe(observer, 99, run->theta, NULL, &sink));
    cr_expect(isnan(s->last_angle), "%g", s->last_angle);
    gn_observer_destroy(observer);
}

/* An observer that goes on after the run, or after its trainer, knows of no optimiser. */
Test(observing, survives_the_optimiser) {
    const trainer_case from = {.dtype = GN_FLOAT64,
                               .points = 12,
                               .test_points = 5,
                               .width = 4,
                               .phases = {{3, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5)}},
                               .record = 2};
    for (uint64_t stop = 0; stop < 3; stop += 2) {
        gn_observer *observers[OBSERVERS];
        seen s = {0};
        trainer_run *run = prepare_case(&from, observers, &s);
        run->stop_at = stop;
        trainer_make(run);
        cr_expect_eq(gn_trainer_run(run->trainer, &run->hooks), stop > 0 ? GN_ERROR_INTERRUPTED : GN_OK);
        cr_expect(s.last_angle > 0);
        if (stop > 0) {
            gn_trainer_destroy(run->trainer);
            run->trainer = NULL;
        }
        expect_no_angle(run, observers[0], &s);
        gn_observer_destroy(observers[1]);
        trainer_teardown(run);
    }
}

/* What an observer cannot look at has diverged, though no row is due yet. */
Test(observing, tells_of_divergence) {
    const trainer_case wild = {.dtype = GN_FLOAT64,
                               .points = 12,
                               .width = 4,
                               .phases = {{500, optimizer_of(GN_OPTIMIZER_SGD, 100)}},
                               .record = 1000};
    const gn_curvature_options curvature = {
        .values = 2, .steps = 5, .starts = 1, .probes = 2, .hessian = true};
    trainer_run *run = trainer_prepare(&wild);
    gn_observer *observer;
    seen s = {0};
    OK(run->context, gn_observer_create_curvature(run->context, run->network, GN_LOSS_SQUARED, &run->dataset,
                                                  run->theta0, &curvature, (gn_schedule){1}, &observer));
    run->options.observers = &observer;
    run->options.observer_count = 1;
    run->hooks.sink = (gn_observation_sink){keep, &s};
    trainer_make(run);
    cr_expect_eq(gn_trainer_run(run->trainer, &run->hooks), GN_ERROR_DIVERGED, "%s",
                 gn_error_message(run->context));
    cr_expect_not_null(strstr(gn_error_message(run->context), "(phase 0, sgd): loss"), "%s",
                       gn_error_message(run->context));
    cr_expect(s.angles > 1 && s.angles < 500);
    gn_trainer_destroy(run->trainer);
    run->trainer = NULL;
    gn_observer_destroy(observer);
    trainer_teardown(run);
}
