/* generalisation: when training and test data had been learnt, on three clocks, and how far apart. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/observer.h"

enum { LASTING = 3 /* rows */, MOST_THRESHOLDS = 64 };
/* Of the run's own last test accuracy. */
#define OWN 0.95

typedef enum set { TRAIN, TEST, SETS } set;
typedef enum clock_kind { STEP, SECONDS, PROGRESS, CLOCKS } clock_kind;
static const char *const clock_names[CLOCKS] = {"step", "seconds", "progress"};

/* What is kept of a row; doubles alone, for a checkpoint. */
typedef struct row {
    double step, seconds, loss[SETS], accuracy[SETS];
} row;
enum { ROW_DOUBLES = sizeof(row) / sizeof(double) };

#define NEVER SIZE_MAX

typedef struct generalisation {
    gn_observer base;
    bool labels;
    size_t count; /* K */
    double thresholds[MOST_THRESHOLDS];
    double loss_below;
    row *rows;
    size_t row_count, capacity;
    size_t learnt[SETS][MOST_THRESHOLDS]; /* the row, or NEVER */
    size_t below[SETS];
} generalisation;

/* ---- what rows say ---- */

static bool reaches(const generalisation *o, size_t at, set of, double threshold) {
    const row *r = &o->rows[at];
    return o->labels ? r->accuracy[of] >= threshold : r->loss[of] <= threshold * o->rows[0].loss[of];
}

/* Also in the rows after it. */
static bool stays(const generalisation *o, size_t at, set of, double threshold) {
    for (size_t i = 0; i < LASTING; i++)
        if (at + i >= o->row_count || !reaches(o, at + i, of, threshold))
            return false;
    return true;
}

/* The row that came last may be the third of those that decide. */
static void judge_last(generalisation *o) {
    const size_t last = o->row_count - 1, first = last + 1 - LASTING;
    for (set of = TRAIN; of < SETS; of++) {
        for (size_t k = 0; k < o->count && last + 1 >= LASTING; k++)
            if (o->learnt[of][k] == NEVER && stays(o, first, of, o->thresholds[k]))
                o->learnt[of][k] = first;
        if (o->below[of] == NEVER && o->rows[last].loss[of] < o->loss_below)
            o->below[of] = last;
    }
}

static size_t find_own(const generalisation *o) {
    for (size_t i = 0; i + LASTING <= o->row_count; i++)
        if (stays(o, i, TEST, OWN * o->rows[o->row_count - 1].accuracy[TEST]))
            return i;
    return NEVER;
}

static gn_status reserve_rows(generalisation *o, size_t count) {
    if (count <= o->capacity)
        return GN_OK;
    const size_t capacity = count > 2 * o->capacity ? count : 2 * o->capacity;
    row *rows = realloc(o->rows, capacity * sizeof *rows);
    if (!rows)
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "generalisation: no host memory for %zu rows",
                       capacity);
    o->rows = rows;
    o->capacity = capacity;
    return GN_OK;
}

static gn_status record_row(gn_observer *observer, const gn_metrics *m) {
    generalisation *o = (generalisation *)observer;
    GN_TRY(reserve_rows(o, o->row_count + 1));
    o->rows[o->row_count++] = (row){.step = (double)m->step,
                                    .seconds = m->seconds,
                                    .loss = {m->loss_train, m->loss_test},
                                    .accuracy = {m->accuracy_train, m->accuracy_test}};
    judge_last(o);
    return GN_OK;
}

/* ---- what is written ---- */

static double time_of(const generalisation *o, size_t at, clock_kind by) {
    if (at == NEVER)
        return NAN;
    const row *r = &o->rows[at];
    return by == STEP ? r->step : by == SECONDS ? r->seconds : -log(r->loss[TRAIN] / o->rows[0].loss[TRAIN]);
}

static const generalisation *of(const gn_look *look) {
    return (const generalisation *)look->observer;
}

/* count 0: a number; `suffix` may be empty. */
static gn_status write_to(const gn_look *to, const char *name, const char *suffix, size_t count,
                          const double *values) {
    char full[64];
    snprintf(full, sizeof full, "%s%s%s", name, suffix[0] != '\0' ? "_" : "", suffix);
    return gn_look_write(to, full, count > 0, &count, values);
}

static gn_status write_thresholds(const gn_look *to, clock_kind by) {
    const generalisation *o = of(to);
    double times[SETS][MOST_THRESHOLDS], delay[MOST_THRESHOLDS], ratio[MOST_THRESHOLDS];
    for (size_t k = 0; k < o->count; k++) {
        for (set of = TRAIN; of < SETS; of++)
            times[of][k] = time_of(o, o->learnt[of][k], by);
        delay[k] = times[TEST][k] - times[TRAIN][k];
        ratio[k] = isnan(delay[k]) ? NAN : times[TEST][k] / fmax(1, times[TRAIN][k]);
    }
    GN_TRY(write_to(to, "train", clock_names[by], o->count, times[TRAIN]));
    GN_TRY(write_to(to, "test", clock_names[by], o->count, times[TEST]));
    GN_TRY(write_to(to, "delay", clock_names[by], o->count, delay));
    return by == STEP ? write_to(to, "ratio", "", o->count, ratio) : GN_OK;
}

/* Of the test set's own accuracy, against the training set at each threshold. */
static gn_status write_own(const gn_look *to, size_t own, clock_kind by) {
    const generalisation *o = of(to);
    const double at = time_of(o, own, by);
    double delay[MOST_THRESHOLDS];
    for (size_t k = 0; k < o->count; k++)
        delay[k] = at - time_of(o, o->learnt[TRAIN][k], by);
    GN_TRY(write_to(to, "own_test", clock_names[by], 0, &at));
    return write_to(to, "own_delay", clock_names[by], o->count, delay);
}

static gn_status write_below(const gn_look *to, clock_kind by) {
    const generalisation *o = of(to);
    const double train = time_of(o, o->below[TRAIN], by), test = time_of(o, o->below[TEST], by);
    const double delay = isnan(train) || isnan(test) ? NAN : fmax(0, test - train);
    GN_TRY(write_to(to, "below_train", clock_names[by], 0, &train));
    GN_TRY(write_to(to, "below_test", clock_names[by], 0, &test));
    return write_to(to, "below_delay", clock_names[by], 0, &delay);
}

static gn_status write_final(const gn_look *to) {
    const generalisation *o = of(to);
    static const row none = {NAN, NAN, {NAN, NAN}, {NAN, NAN}};
    const row *last = o->row_count > 0 ? &o->rows[o->row_count - 1] : &none;
    GN_TRY(write_to(to, "final_loss", "train", 0, &last->loss[TRAIN]));
    GN_TRY(write_to(to, "final_loss", "test", 0, &last->loss[TEST]));
    if (!o->labels)
        return GN_OK;
    GN_TRY(write_to(to, "final_accuracy", "train", 0, &last->accuracy[TRAIN]));
    return write_to(to, "final_accuracy", "test", 0, &last->accuracy[TEST]);
}

static gn_status observe_generalisation(gn_observer *observer, uint64_t step, const gn_array *theta,
                                        gn_linearization *training, const gn_observation_sink *sink) {
    (void)theta, (void)training;
    const generalisation *o = (const generalisation *)observer;
    const gn_look to = {observer, step, sink};
    const size_t own = o->labels ? find_own(o) : NEVER;
    GN_TRY(write_to(&to, "thresholds", "", o->count, o->thresholds));
    for (clock_kind by = STEP; by < CLOCKS; by++) {
        GN_TRY(write_thresholds(&to, by));
        if (o->labels)
            GN_TRY(write_own(&to, own, by));
        if (o->loss_below > 0)
            GN_TRY(write_below(&to, by));
    }
    return write_final(&to);
}

/* ---- its life ---- */

static void forget(generalisation *o) {
    o->row_count = 0;
    for (set of = TRAIN; of < SETS; of++) {
        o->below[of] = NEVER;
        for (size_t k = 0; k < MOST_THRESHOLDS; k++)
            o->learnt[of][k] = NEVER;
    }
}

/* Rows are all there is to keep: what they say is found again. */
static gn_status walk_rows(gn_observer *observer, const gn_state_walk *walk) {
    generalisation *o = (generalisation *)observer;
    double count = (double)o->row_count;
    GN_TRY(walk->array(walk->user, "row_count", 1, &count));
    if (walk->loading) {
        if (!(count >= 0 && count < 1e12))
            return gn_fail(o->base.context, GN_ERROR_FORMAT, "generalisation: a state of %g rows", count);
        GN_TRY(reserve_rows(o, (size_t)count));
    }
    if (count > 0)
        GN_TRY(walk->array(walk->user, "rows", (size_t)count * ROW_DOUBLES, (double *)o->rows));
    if (!walk->loading)
        return GN_OK;
    forget(o);
    while (o->row_count < (size_t)count) {
        o->row_count++;
        judge_last(o);
    }
    return GN_OK;
}

static void release_generalisation(gn_observer *observer) {
    free(((generalisation *)observer)->rows);
}

static const gn_observer_kind generalisation_kind = {
    .name = "generalisation",
    .observe = observe_generalisation,
    .state = walk_rows,
    .record = record_row,
    .release = release_generalisation,
};

static gn_status check_options(gn_context *context, const gn_dataset *dataset,
                               const gn_generalisation_options *options) {
    if (!dataset->test_inputs)
        return gn_fail(
            context, GN_ERROR_UNSUPPORTED,
            "generalisation needs a test set, and there is none: give one, or take the observer away");
    if (options->threshold_count > MOST_THRESHOLDS)
        return gn_fail(context, GN_ERROR_ARGUMENT, "generalisation: %zu thresholds, at most %d work",
                       options->threshold_count, MOST_THRESHOLDS);
    for (size_t k = 0; k < options->threshold_count; k++)
        if (!(options->thresholds[k] > 0 && options->thresholds[k] <= 1))
            return gn_fail(context, GN_ERROR_ARGUMENT,
                           "generalisation: a threshold is %g; it must be in (0, 1]", options->thresholds[k]);
    if (!(options->loss_below >= 0 && options->loss_below < INFINITY))
        return gn_fail(context, GN_ERROR_ARGUMENT, "generalisation: loss_below is %g; give 0 or more",
                       options->loss_below);
    return GN_OK;
}

gn_status gn_observer_create_generalisation(gn_context *context, const gn_dataset *dataset,
                                            const gn_generalisation_options *options, gn_schedule schedule,
                                            gn_observer **observer) {
    static const double accuracies[] = {0.5, 0.6, 0.7, 0.8, 0.95, 0.99}, parts[] = {0.5, 0.2, 0.1, 0.05};
    void *created;
    *observer = NULL;
    GN_TRY(check_options(context, dataset, options));
    GN_TRY(gn_observer_allocate(context, &generalisation_kind, sizeof(generalisation), schedule, &created));
    generalisation *o = created;
    const double *thresholds = options->thresholds;
    o->labels = dataset->labels > 0;
    o->loss_below = options->loss_below;
    o->count = options->threshold_count;
    if (o->count == 0) {
        thresholds = o->labels ? accuracies : parts;
        o->count = o->labels ? sizeof accuracies / sizeof *accuracies : sizeof parts / sizeof *parts;
    }
    memcpy(o->thresholds, thresholds, o->count * sizeof *thresholds);
    forget(o);
    *observer = &o->base;
    return GN_OK;
}
