/* generalisation: delays of rows written by hand, and what a checkpoint keeps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"

typedef struct watch {
    gn_context *context;
    gn_dataset dataset;
    gn_observer *observer;
    kept_rows kept;
    gn_observation_sink sink;
} watch;

static void begin(watch *w, size_t labels, const gn_generalisation_options *options) {
    w->context = device_open("cpu");
    w->dataset = (gn_dataset){.inputs = device_array(w->context, GN_FLOAT64, 2, 1, NULL),
                              .targets = device_array(w->context, GN_FLOAT64, 2, 2, NULL),
                              .test_inputs = device_array(w->context, GN_FLOAT64, 2, 1, NULL),
                              .test_targets = device_array(w->context, GN_FLOAT64, 2, 2, NULL),
                              .labels = labels};
    OK(w->context,
       gn_observer_create_generalisation(w->context, &w->dataset, options, (gn_schedule){1}, &w->observer));
}

static void end(watch *w) {
    gn_observer_destroy(w->observer);
    gn_dataset_destroy(&w->dataset);
    gn_context_destroy(w->context);
}

static void look(watch *w, uint64_t step) {
    w->sink = keep_in(&w->kept);
    OK(w->context, gn_observer_observe(w->observer, step, NULL, NULL, &w->sink));
}

static void expect_values(const watch *w, const char *name, size_t count, const double *expected) {
    const kept_row *row = find_kept(&w->kept, name);
    cr_assert(row->rank == 1 && row->shape[0] == count, "%s", name);
    for (size_t i = 0; i < count; i++)
        cr_expect(isnan(expected[i]) ? isnan(row->values[i])
                                     : fabs(row->values[i] - expected[i]) <= 1e-14 * fabs(expected[i]),
                  "%s[%zu] is %.17g, not %.17g", name, i, row->values[i], expected[i]);
}

static void expect_number(const watch *w, const char *name, double expected) {
    const double found = kept_number(&w->kept, name);
    cr_expect(isnan(expected) ? isnan(found) : fabs(found - expected) <= 1e-14 * fabs(expected),
              "%s is %.17g, not %.17g", name, found, expected);
}

/* step, seconds, loss_train, loss_test, accuracy_train, accuracy_test */
typedef struct line {
    double values[6];
} line;

static void record(watch *w, const line *lines, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const double *v = lines[i].values;
        const gn_metrics row = {.step = (uint64_t)v[0],
                                .seconds = v[1],
                                .loss_train = v[2],
                                .loss_test = v[3],
                                .accuracy_train = v[4],
                                .accuracy_test = v[5]};
        OK(w->context, gn_observer_record(w->observer, &row));
    }
}

/* Training accuracy is above 0.8 in one row, and to stay from step 30; the test's for one row at step 40, to
 * stay from 60, above 0.9 from 80. Of its last, 0.92, 95 % are 0.874: reached at step 70. */
static const line classes[] = {
    {{0, 0, 2, 2.2, 0.1, 0.1}},     {{10, 1, 1, 2.1, 0.82, 0.1}},    {{20, 2.5, 0.9, 2.3, 0.79, 0.2}},
    {{30, 3, 0.5, 2.4, 0.8, 0.3}},  {{40, 4, 0.4, 2.2, 0.95, 0.81}}, {{50, 5, 0.3, 1.9, 0.96, 0.5}},
    {{60, 6, 0.2, 1.0, 0.99, 0.8}}, {{70, 7, 0.1, 0.8, 0.99, 0.88}}, {{80, 8.5, 0.05, 0.5, 1, 0.91}},
    {{90, 9, 0.04, 0.4, 1, 0.92}},  {{100, 10, 0.02, 0.3, 1, 0.92}},
};
enum { CLASS_ROWS = sizeof classes / sizeof *classes };

static const double thresholds[] = {0.8, 0.9, 0.97};
static const gn_generalisation_options three = {thresholds, 3, 0};

/* Up to the row at step 60: nobody knows yet whether that stays. */
static void expect_half_way(const watch *w) {
    expect_values(w, "train_step", 3, (double[]){30, 40, NAN});
    expect_values(w, "test_step", 3, (double[]){NAN, NAN, NAN});
    expect_values(w, "delay_step", 3, (double[]){NAN, NAN, NAN});
    expect_number(w, "final_accuracy_test", 0.8);
}

static void expect_whole(const watch *w) {
    expect_values(w, "thresholds", 3, thresholds);
    expect_values(w, "train_step", 3, (double[]){30, 40, 60});
    expect_values(w, "test_step", 3, (double[]){60, 80, NAN});
    expect_values(w, "delay_step", 3, (double[]){30, 40, NAN});
    expect_values(w, "ratio", 3, (double[]){2, 2, NAN});
    expect_values(w, "train_seconds", 3, (double[]){3, 4, 6});
    expect_values(w, "test_seconds", 3, (double[]){6, 8.5, NAN});
    expect_values(w, "delay_seconds", 3, (double[]){3, 4.5, NAN});
    expect_values(w, "train_progress", 3, (double[]){-log(0.5 / 2), -log(0.4 / 2), -log(0.2 / 2)});
    expect_values(w, "test_progress", 3, (double[]){-log(0.2 / 2), -log(0.05 / 2), NAN});
    expect_values(w, "delay_progress", 3,
                  (double[]){-log(0.2 / 2) + log(0.5 / 2), -log(0.05 / 2) + log(0.4 / 2), NAN});
    expect_number(w, "own_test_step", 70);
    expect_number(w, "own_test_seconds", 7);
    expect_number(w, "own_test_progress", -log(0.1 / 2));
    expect_values(w, "own_delay_step", 3, (double[]){40, 30, 10});
    expect_number(w, "final_loss_train", 0.02);
    expect_number(w, "final_loss_test", 0.3);
    expect_number(w, "final_accuracy_train", 1);
    expect_number(w, "final_accuracy_test", 0.92);
}

Test(generalisation, is_when_accuracies_stay) {
    watch w;
    begin(&w, 1, &three);
    record(&w, classes, 7);
    look(&w, 65);
    expect_half_way(&w);
    record(&w, classes + 7, CLASS_ROWS - 7);
    look(&w, 100);
    expect_whole(&w);
    end(&w);
}

/* Without labels: parts of each set's own first loss; and the first rows below 0.3, which need not stay. */
Test(generalisation, is_when_losses_fall) {
    static const line rows[] = {
        {{0, 0, 4, 8, NAN, NAN}},     {{1, 1, 1.9, 8, NAN, NAN}},   {{2, 2, 0.25, 9, NAN, NAN}},
        {{3, 3, 1, 4.1, NAN, NAN}},   {{4, 4, 0.5, 4, NAN, NAN}},   {{5, 5, 0.4, 0.2, NAN, NAN}},
        {{6, 6, 0.4, 0.9, NAN, NAN}}, {{7, 7, 0.4, 0.8, NAN, NAN}},
    };
    static const gn_generalisation_options by_default = {NULL, 0, 0.3};
    watch w;
    begin(&w, 0, &by_default);
    record(&w, rows, sizeof rows / sizeof *rows);
    look(&w, 7);
    expect_values(&w, "thresholds", 4, (double[]){0.5, 0.2, 0.1, 0.05});
    expect_values(&w, "train_step", 4, (double[]){1, 4, 5, NAN});
    expect_values(&w, "test_step", 4, (double[]){4, 5, NAN, NAN});
    expect_values(&w, "delay_step", 4, (double[]){3, 1, NAN, NAN});
    expect_values(&w, "ratio", 4, (double[]){4, 1.25, NAN, NAN});
    expect_number(&w, "below_train_step", 2);
    expect_number(&w, "below_test_step", 5);
    expect_number(&w, "below_delay_step", 3);
    expect_number(&w, "below_delay_progress", 0); /* the training loss had risen again */
    for (size_t i = 0; i < w.kept.count; i++)
        cr_expect(strstr(w.kept.rows[i].name, "own") == NULL &&
                      strstr(w.kept.rows[i].name, "accuracy") == NULL,
                  "%s", w.kept.rows[i].name);
    end(&w);
}

/* Learnt at step 0: the ratio divides by 1. */
Test(generalisation, of_a_set_known_from_the_start) {
    static const line rows[] = {{{0, 0, 1, 1, 0.9, 0.1}},
                                {{5, 1, 1, 1, 0.9, 0.9}},
                                {{6, 2, 1, 1, 0.9, 0.9}},
                                {{7, 3, 1, 1, 0.9, 0.9}}};
    watch w;
    begin(&w, 1, &three);
    look(&w, 0);
    expect_number(&w, "final_loss_train", NAN);
    record(&w, rows, 4);
    look(&w, 7);
    expect_values(&w, "train_step", 3, (double[]){0, 0, NAN});
    expect_values(&w, "delay_step", 3, (double[]){5, 5, NAN});
    expect_values(&w, "ratio", 3, (double[]){5, 5, NAN});
    end(&w);
}

/* ---- state ---- */

enum { STATE = 200 };
typedef struct kept_state {
    double values[STATE];
    size_t used;
} kept_state;

static gn_status save(void *user, const char *name, size_t count, double *values) {
    kept_state *s = user;
    cr_assert_leq(s->used + count, (size_t)STATE, "%s", name);
    memcpy(s->values + s->used, values, count * sizeof *values);
    s->used += count;
    return GN_OK;
}

static gn_status load(void *user, const char *name, size_t count, double *values) {
    kept_state *s = user;
    cr_assert_leq(s->used + count, (size_t)STATE, "%s", name);
    memcpy(values, s->values + s->used, count * sizeof *values);
    s->used += count;
    return GN_OK;
}

static void carry_over(watch *from, watch *to) {
    kept_state state = {.used = 0};
    OK(from->context, gn_observer_state(from->observer, &(gn_state_walk){&state, false, save}));
    state.used = 0;
    OK(to->context, gn_observer_state(to->observer, &(gn_state_walk){&state, true, load}));
}

/* Stopped after each row in turn. */
Test(generalisation, goes_on_from_a_checkpoint) {
    for (size_t stop = 0; stop <= CLASS_ROWS; stop++) {
        watch first, second;
        begin(&first, 1, &three);
        begin(&second, 1, &three);
        record(&first, classes, stop);
        carry_over(&first, &second);
        if (stop == 7) {
            look(&second, 65);
            expect_half_way(&second);
        }
        record(&second, classes + stop, CLASS_ROWS - stop);
        look(&second, 100);
        expect_whole(&second);
        end(&first);
        end(&second);
    }
}

/* ---- refusals ---- */

static void refuse(const gn_dataset *d, const gn_generalisation_options *options, gn_status status,
                   const char *part) {
    gn_context *context = device_open("cpu");
    gn_observer *observer;
    cr_expect_eq(gn_observer_create_generalisation(context, d, options, (gn_schedule){1}, &observer), status);
    cr_expect_not_null(strstr(gn_error_message(context), part), "%s", gn_error_message(context));
    cr_expect_null(observer);
    gn_context_destroy(context);
}

Test(generalisation, refuses_what_cannot_be) {
    gn_context *context = device_open("cpu");
    gn_array *some = device_array(context, GN_FLOAT64, 2, 1, NULL);
    const gn_dataset alone = {.inputs = some, .targets = some}, both = {.inputs = some, .test_inputs = some};
    const double none[] = {0.5, 0}, above[] = {1.5}, many[65] = {0.5};
    refuse(&alone, &three, GN_ERROR_UNSUPPORTED, "needs a test set");
    refuse(&both, &(gn_generalisation_options){none, 2, 0}, GN_ERROR_ARGUMENT, "a threshold is 0");
    refuse(&both, &(gn_generalisation_options){above, 1, 0}, GN_ERROR_ARGUMENT, "a threshold is 1.5");
    refuse(&both, &(gn_generalisation_options){many, 65, 0}, GN_ERROR_ARGUMENT, "65 thresholds");
    refuse(&both, &(gn_generalisation_options){many, 1, -1}, GN_ERROR_ARGUMENT, "loss_below is -1");
    gn_array_destroy(some);
    gn_context_destroy(context);
}
