/* The trainer: what it does, records and observes, against values worked out here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trainer_case.h"

#define DIGITS GNEWT_SOURCE_DIR "/experiments/data/digits"

static void expect_near(double value, double wanted, const char *what, size_t row) {
    cr_assert(fabs(value - wanted) <= 1e-12 * (1 + fabs(wanted)), "%s of row %zu: %.17g instead of %.17g",
              what, row, value, wanted);
}

/* ---- values ---- */

/* (1/N) sum (w x + b - y)^2 and its gradient. */
static double line_loss(const gn_array *inputs, const gn_array *targets, const double wb[2],
                        double gradient[2]) {
    const size_t n = gn_array_count(inputs);
    double *x = host_values(inputs), *y = host_values(targets), loss = 0;
    gradient[0] = gradient[1] = 0;
    for (size_t i = 0; i < n; i++) {
        const double r = wb[0] * x[i] + wb[1] - y[i];
        loss += r * r / (double)n;
        gradient[0] += 2 * r * x[i] / (double)n;
        gradient[1] += 2 * r / (double)n;
    }
    free(x);
    free(y);
    return loss;
}

ON_EACH_DEVICE(trainer, gradient_descent_of_a_line_is_the_one_worked_out_by_hand) {
    const trainer_case line = {.device = device,
                               .dtype = GN_FLOAT64,
                               .points = 10,
                               .test_points = 7,
                               .phases = {{20, optimizer_of(GN_OPTIMIZER_SGD, 0.1)}},
                               .record = 1};
    trainer_run *run = trainer_setup(&line);
    double wb[2], gradient[2], unused[2], before = NAN;
    OK(run->context, gn_array_read(run->theta, wb, 2));
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_assert_eq(run->row_count, 21u);
    for (size_t i = 0; i <= 20; i++) {
        const gn_metrics *row = &run->rows[i];
        expect_near(row->loss_train, line_loss(run->dataset.inputs, run->dataset.targets, wb, gradient),
                    "loss", i);
        expect_near(row->loss_test,
                    line_loss(run->dataset.test_inputs, run->dataset.test_targets, wb, unused), "test loss",
                    i);
        const double norm = hypot(gradient[0], gradient[1]);
        expect_near(row->gradient_norm, norm, "gradient_norm", i);
        cr_assert_eq(row->step, i);
        cr_assert_eq(row->phase, 0u);
        cr_assert_eq(row->passes, (double)i);
        cr_assert(isnan(row->accuracy_train) && isnan(row->accuracy_test));
        if (i > 0) {
            expect_near(row->step_norm, 0.1 * before, "step_norm", i);
            cr_assert(row->step_size == 0.1 && row->damping == 0);
        }
        before = norm;
        wb[0] -= 0.1 * gradient[0];
        wb[1] -= 0.1 * gradient[1];
    }
    cr_assert(isnan(run->rows[0].step_norm) && isnan(run->rows[0].damping) && isnan(run->rows[0].kept));
    trainer_teardown(run);
}

/* A least-squares line in one step, whatever it starts from. */
ON_EACH_DEVICE(trainer, one_undamped_step_solves_a_line) {
    const trainer_case line = {.device = device,
                               .dtype = GN_FLOAT64,
                               .phases = {{1, optimizer_of(GN_OPTIMIZER_GAUSS_NEWTON, 1)}},
                               .record = 1};
    trainer_run *run = trainer_setup(&line);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_assert_eq(run->row_count, 2u);
    cr_assert_lt(run->rows[1].gradient_norm, 1e-13);
    cr_assert_eq(run->rows[1].kept, 2);
    trainer_teardown(run);
}

/* Batches must not show in what is recorded: the whole set, in pieces. */
ON_EACH_DEVICE(trainer, metrics_are_over_the_whole_sets_whatever_the_batch) {
    static const size_t batches[] = {7, 1500};
    for (int i = 0; i < 2; i++) {
        trainer_case small = {.device = device,
                              .dtype = GN_FLOAT64,
                              .points = 2500,
                              .test_points = 1100,
                              .width = 5,
                              .batch = batches[i],
                              .phases = {{3, optimizer_of(GN_OPTIMIZER_SGD, 1e-12)}},
                              .record = 3};
        trainer_run *run = trainer_setup(&small);
        small.batch = 0;
        trainer_run *full = trainer_setup(&small);
        OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
        OK(full->context, gn_trainer_run(full->trainer, &full->hooks));
        cr_assert_eq(run->row_count, 2u);
        for (size_t j = 0; j < 2; j++) { /* the rate is so small that nothing moves */
            cr_assert_float_eq(run->rows[j].loss_train, full->rows[j].loss_train, 1e-10);
            cr_assert_float_eq(run->rows[j].loss_test, full->rows[j].loss_test, 1e-10);
            cr_assert_float_eq(run->rows[j].gradient_norm, full->rows[j].gradient_norm, 1e-10);
        }
        trainer_teardown(run);
        trainer_teardown(full);
    }
}

/* ---- when it records ---- */

static void expect_steps(const trainer_run *run, const uint64_t *steps, const size_t *phases, size_t count) {
    cr_assert_eq(run->row_count, count, "%zu rows", run->row_count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(run->rows[i].step, steps[i], "row %zu is of step %d", i, (int)run->rows[i].step);
        cr_assert_eq(run->rows[i].phase, phases[i], "row %zu", i);
    }
}

Test(trainer, rows_come_by_the_schedule_at_the_start_and_at_the_end_of_each_phase) {
    static const uint64_t steps[] = {0, 10, 20, 25, 28, 30, 40, 43};
    static const size_t phases[] = {0, 0, 0, 0, 1, 2, 2, 2};
    const trainer_case three = {.dtype = GN_FLOAT64,
                                .width = 4,
                                .phases = {{25, optimizer_of(GN_OPTIMIZER_SGD, 1e-3)},
                                           {3, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.1)},
                                           {15, optimizer_of(GN_OPTIMIZER_ADAM, 1e-3)}},
                                .record = 10};
    trainer_run *run = trainer_setup(&three);
    cr_assert_null(gn_trainer_optimizer(run->trainer));
    cr_assert_eq(gn_trainer_steps(run->trainer), 43u);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    expect_steps(run, steps, phases, 8);
    cr_assert_null(gn_trainer_optimizer(run->trainer));
    cr_assert_eq(gn_trainer_step(run->trainer), 43u);
    cr_assert_eq(gn_trainer_phase(run->trainer), 3u);
    cr_assert_eq(gn_trainer_passes(run->trainer), 25 + 3 * 2 + 15); /* C = 1: an LM step costs 2 */
    cr_assert_eq(run->rows[7].passes, gn_trainer_passes(run->trainer));
    for (size_t i = 1; i < run->row_count; i++)
        cr_assert(run->rows[i].seconds > run->rows[i - 1].seconds &&
                  run->rows[i].processor_seconds > run->rows[i - 1].processor_seconds);
    cr_assert(run->rows[0].seconds == 0 && run->rows[0].processor_seconds == 0);
    cr_assert_geq(gn_trainer_seconds(run->trainer), run->rows[7].seconds);
    trainer_teardown(run);
}

Test(trainer, phases_of_no_steps_are_passed_over) {
    const trainer_case base = {.dtype = GN_FLOAT64,
                               .phases = {{4, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)},
                                          {1, optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)},
                                          {4, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)}}};
    trainer_run *run = trainer_prepare(&base);
    run->phases[1].steps = 0;
    trainer_make(run);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_assert_eq(run->row_count, 9u);
    cr_assert_eq(run->rows[5].phase, 2u);
    trainer_teardown(run);
}

Test(trainer, a_run_of_no_phases_records_its_start) {
    const trainer_case none = {.dtype = GN_FLOAT64, .width = 3};
    trainer_run *run = trainer_setup(&none);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_assert_eq(run->row_count, 1u);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks)); /* and nothing more */
    cr_assert_eq(run->row_count, 1u);
    trainer_teardown(run);
}

Test(trainer, a_run_without_hooks_trains) {
    const trainer_case plain = {
        .dtype = GN_FLOAT64, .width = 4, .phases = {{30, optimizer_of(GN_OPTIMIZER_ADAM, 1e-3)}}};
    trainer_run *silent = trainer_setup(&plain), *run = trainer_setup(&plain);
    OK(silent->context, gn_trainer_run(silent->trainer, NULL));
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    expect_same_theta(silent, run);
    trainer_teardown(silent);
    trainer_teardown(run);
}

/* How often is looked at must not show in where it goes. */
ON_EACH_DEVICE(trainer, recording_does_not_disturb_training) {
    trainer_case often = {.device = device,
                          .dtype = GN_FLOAT32,
                          .points = 50,
                          .test_points = 20,
                          .width = 6,
                          .batch = 8,
                          .phases = {{40, optimizer_of(GN_OPTIMIZER_SGD, 1e-2)},
                                     {20, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.1)}},
                          .record = 1};
    trainer_run *run = trainer_setup(&often);
    often.record = 1000;
    trainer_run *rarely = trainer_setup(&often);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    OK(rarely->context, gn_trainer_run(rarely->trainer, &rarely->hooks));
    cr_assert_eq(rarely->row_count, 3u);
    cr_assert_eq(rarely->rows[2].passes, run->rows[60].passes);
    expect_same_theta(run, rarely);
    trainer_teardown(run);
    trainer_teardown(rarely);
}

/* ---- phases ---- */

Test(trainer, each_phase_begins_with_a_fresh_optimiser) {
    const gn_optimizer_options adam = optimizer_of(GN_OPTIMIZER_ADAM, 1e-2);
    trainer_case both = {.dtype = GN_FLOAT64, .width = 6, .phases = {{10, adam}, {10, adam}}};
    trainer_run *run = trainer_setup(&both);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    both.phases[1].steps = 0;
    trainer_run *first = trainer_setup(&both), *second = trainer_setup(&both);
    OK(first->context, gn_trainer_run(first->trainer, &first->hooks));
    double *values = host_values(first->theta);
    OK(second->context, gn_array_write(second->theta, values, gn_array_count(second->theta)));
    OK(second->context, gn_trainer_run(second->trainer, &second->hooks));
    expect_same_theta(run, second);
    free(values);
    trainer_teardown(run);
    trainer_teardown(first);
    trainer_teardown(second);
}

/* ---- classes ---- */

/* The share of rows whose largest output is where the target's 1 is. */
static double share_correct(gn_linearization *l, const gn_array *theta, const gn_array *inputs,
                            const gn_array *targets, gn_context *context) {
    const size_t rows = gn_array_length(inputs, 0), classes = gn_array_length(targets, 1);
    gn_array *outputs = device_array(context, gn_array_dtype(inputs), rows, classes, NULL);
    double correct = 0;
    OK(context, gn_linearization_set_batch(l, inputs, targets));
    OK(context, gn_linearization_set_point(l, theta));
    OK(context, gn_linearization_outputs(l, outputs));
    double *f = host_values(outputs), *y = host_values(targets);
    for (size_t i = 0; i < rows; i++) {
        size_t best = 0;
        for (size_t c = 1; c < classes; c++)
            best = f[i * classes + c] > f[i * classes + best] ? c : best;
        correct += y[i * classes + best];
    }
    free(f);
    free(y);
    gn_array_destroy(outputs);
    return correct / (double)rows;
}

static gn_status keep_last(void *user, const gn_metrics *metrics) {
    *(gn_metrics *)user = *metrics;
    return GN_OK;
}

static void check_digits(const char *device, size_t batch) {
    const gn_idx_options files = {.folder = DIGITS, .maximum = 255};
    const size_t widths[] = {64, 20, 10}, shape = 65 * 20 + 21 * 10;
    const gn_phase phase = {.steps = 60, .optimizer = optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)};
    gn_mlp_options mlp = gn_mlp_options_default();
    gn_context *context = device_open(device);
    gn_dataset data;
    gn_network *network;
    gn_array *theta;
    gn_linearization *l;
    gn_trainer *trainer;
    gn_metrics last;
    OK(context, gn_dataset_idx(context, GN_FLOAT32, &files, &data));
    mlp.widths = widths;
    mlp.depth = 2;
    OK(context, gn_network_create_mlp(context, &mlp, &network));
    OK(context, gn_array_create(context, GN_FLOAT32, 1, &shape, &theta));
    OK(context, gn_network_initialize(network, GN_INIT_GLOROT_UNIFORM, 1, 0, theta));
    const gn_trainer_options options = {.network = network,
                                        .dataset = &data,
                                        .dtype = GN_FLOAT32,
                                        .batch = batch,
                                        .phases = &phase,
                                        .phase_count = 1,
                                        .record = {60}};
    const gn_trainer_hooks hooks = {.user = &last, .record = keep_last};
    OK(context, gn_trainer_create(context, &options, theta, theta, &trainer));
    OK(context, gn_trainer_run(trainer, &hooks));
    OK(context, gn_linearization_create(network, GN_LOSS_SQUARED, GN_FLOAT32, 1000, &l));
    cr_assert_float_eq(last.accuracy_train, share_correct(l, theta, data.inputs, data.targets, context),
                       1e-12);
    cr_assert_float_eq(last.accuracy_test,
                       share_correct(l, theta, data.test_inputs, data.test_targets, context), 1e-12);
    cr_assert_gt(last.accuracy_train, 0.8);
    gn_linearization_destroy(l);
    gn_trainer_destroy(trainer);
    gn_array_destroy(theta);
    gn_network_destroy(network);
    gn_dataset_destroy(&data);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(trainer, accuracy_is_the_share_of_classes_found) {
    check_digits(device, 0);
    check_digits(device, 100);
}

/* ---- memory ---- */

enum { WATCHED_STEPS = 30 };

typedef struct memory_watch {
    gn_context *context;
    size_t after_first; /* bytes held after the first step of the phase */
} memory_watch;

static gn_status watch_memory(void *user, uint64_t step, bool *stop) {
    memory_watch *watch = user;
    (void)stop;
    if (step == 1)
        watch->after_first = gn_context_allocated(watch->context);
    if (step < WATCHED_STEPS) /* after the last, the optimiser is gone */
        cr_assert_eq(gn_context_allocated(watch->context), watch->after_first, "step %d allocated",
                     (int)step);
    return GN_OK;
}

ON_EACH_DEVICE(trainer, steps_allocate_nothing) {
    static const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_SGD, GN_OPTIMIZER_ADAM, GN_OPTIMIZER_GAUSS_NEWTON,
                                              GN_OPTIMIZER_LEVENBERG_MARQUARDT};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const trainer_case each = {.device = device,
                                   .dtype = GN_FLOAT64,
                                   .test_points = 30,
                                   .width = 5,
                                   .batch = i % 2 ? 7 : 0,
                                   .phases = {{WATCHED_STEPS, optimizer_of(kinds[i], 1e-3)}},
                                   .record = 4};
        trainer_run *run = trainer_setup(&each);
        memory_watch watch = {.context = run->context};
        const gn_trainer_hooks hooks = {.user = &watch, .step = watch_memory};
        OK(run->context, gn_trainer_run(run->trainer, &hooks));
        trainer_teardown(run);
    }
}
