/* How phases end: by their steps, by what is recorded, by what an observer sees; and what looking costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "observe/observer.h"
#include "run/phase_end.h"
#include "trainer_case.h"

/* ---- an observer whose signal is given, step by step ---- */

enum { SIGNALS = 64 };
typedef struct given_signal {
    gn_observer base;
    const double *values; /* at step 0, 1, ...; NaN: none */
    double last;
    size_t observed;  /* times */
    uint64_t begun;   /* what it has heard of the last phase */
    long nanoseconds; /* that a look takes */
} given_signal;

static gn_status observe_given(gn_observer *observer, uint64_t step, const gn_array *theta,
                               gn_linearization *training, const gn_observation_sink *sink) {
    given_signal *o = (given_signal *)observer;
    (void)theta, (void)training;
    o->last = step < SIGNALS ? o->values[step] : NAN;
    o->observed++;
    nanosleep(&(struct timespec){.tv_nsec = o->nanoseconds}, NULL);
    return sink->write(sink->user, o->base.kind->name, step, "signal", 0, NULL, &o->last);
}

static bool signal_given(const gn_observer *observer, gn_signal signal, double *value) {
    *value = ((const given_signal *)observer)->last;
    return signal == GN_SIGNAL_DRIFT && !isnan(*value);
}

static gn_status begin_given(gn_observer *observer, const gn_phase_start *start) {
    ((given_signal *)observer)->begun = start->step;
    return GN_OK;
}

static gn_status walk_given(gn_observer *observer, const gn_state_walk *walk) {
    return walk->array(walk->user, "last", 1, &((given_signal *)observer)->last);
}

static void release_given(gn_observer *observer) {
    (void)observer;
}

static const gn_observer_kind given_kind = {.name = "given",
                                            .observe = observe_given,
                                            .begin_phase = begin_given,
                                            .signals = 1u << GN_SIGNAL_DRIFT,
                                            .signal = signal_given,
                                            .state = walk_given,
                                            .release = release_given};

static given_signal *give(gn_context *context, const double *values, size_t every) {
    void *created;
    OK(context,
       gn_observer_allocate(context, &given_kind, sizeof(given_signal), (gn_schedule){every}, &created));
    given_signal *o = created;
    o->values = values;
    return o;
}

/* ---- runs that tell how their phases ended ---- */

typedef struct phase_run {
    trainer_run *run;
    given_signal *signal;
    gn_observer *observers[2]; /* the signal, and norms every 1000 steps */
    gn_phase_report ends[CASE_PHASES];
    size_t end_count;
    uint64_t norms_at; /* last observed */
    gn_trainer_hooks hooks;
} phase_run;

static gn_status keep_row(void *user, const gn_metrics *row) {
    phase_run *p = user;
    return p->run->hooks.record(p->run, row);
}

static gn_status stop_there(void *user, uint64_t step, bool *stop) {
    phase_run *p = user;
    return p->run->hooks.step(p->run, step, stop);
}

static gn_status keep_end(void *user, const gn_phase_report *report) {
    phase_run *p = user;
    cr_assert_lt(p->end_count, (size_t)CASE_PHASES);
    cr_assert_eq(p->run->rows[p->run->row_count - 1].step, report->end, "the last step is not recorded");
    p->ends[p->end_count++] = *report;
    return GN_OK;
}

static gn_status keep_observation(void *user, const char *observer, uint64_t step, const char *name, int rank,
                                  const size_t *shape, const double *values) {
    phase_run *p = user;
    (void)name, (void)rank, (void)shape, (void)values;
    if (strcmp(observer, "norms") == 0)
        p->norms_at = step;
    return GN_OK;
}

static phase_run *setup(const trainer_case *from, const double *signal, size_t every) {
    phase_run *p = calloc(1, sizeof(*p));
    cr_assert_not_null(p);
    p->run = trainer_prepare(from);
    gn_context *context = p->run->context;
    p->signal = give(context, signal, every);
    p->observers[0] = &p->signal->base;
    OK(context, gn_observer_create_norms(context, p->run->theta0, (gn_schedule){1000}, &p->observers[1]));
    p->run->options.observers = p->observers;
    p->run->options.observer_count = 2;
    p->hooks = (gn_trainer_hooks){
        .user = p, .record = keep_row, .step = stop_there, .sink = {keep_observation, p}, .phase = keep_end};
    return p;
}

static void teardown(phase_run *p) {
    gn_trainer_destroy(p->run->trainer);
    p->run->trainer = NULL;
    gn_observer_destroy(p->observers[0]);
    gn_observer_destroy(p->observers[1]);
    trainer_teardown(p->run);
    free(p);
}

static phase_run *finish(const trainer_case *from, const double *signal, size_t every) {
    phase_run *p = setup(from, signal, every);
    trainer_make(p->run);
    OK(p->run->context, gn_trainer_run(p->run->trainer, &p->hooks));
    cr_assert_eq(gn_trainer_steps(p->run->trainer), gn_trainer_step(p->run->trainer));
    return p;
}

static const double nothing[SIGNALS];

/* A run whose phases have these steps and end by nothing else is the same, bit for bit. */
static void expect_fixed(const trainer_case *from, const phase_run *p) {
    trainer_case fixed = *from;
    for (size_t i = 0; i < CASE_PHASES; i++) {
        memset(&fixed.phases[i].end, 0, sizeof(fixed.phases[i].end));
        fixed.phases[i].steps = i < p->end_count ? p->ends[i].end - p->ends[i].begin : 0;
    }
    phase_run *other = finish(&fixed, nothing, 1000);
    for (size_t i = 0; i < other->end_count; i++)
        cr_expect(other->ends[i].cause == GN_PHASE_STEPS && other->ends[i].end == p->ends[i].end);
    expect_same_theta(other->run, p->run);
    teardown(other);
}

static trainer_case two_phases(size_t record) {
    return (trainer_case){
        .dtype = GN_FLOAT64,
        .width = 6,
        .test_points = 9,
        .phases = {{.steps = 40, .optimizer = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.1)},
                   {.steps = 20, .optimizer = optimizer_of(GN_OPTIMIZER_ADAM, 1e-3)}},
        .record = record};
}

/* ---- ends ---- */

Test(phases, end_by_their_steps) {
    trainer_case from = two_phases(7);
    phase_run *p = finish(&from, nothing, 9);
    cr_assert_eq(p->end_count, 2u);
    cr_expect(p->ends[0].begin == 0 && p->ends[0].end == 40 && p->ends[1].begin == 40 &&
              p->ends[1].end == 60);
    cr_expect(p->ends[0].cause == GN_PHASE_STEPS && isnan(p->ends[0].value));
    cr_expect_str_eq(p->ends[1].text, "its 20 steps are done");
    teardown(p);
}

Test(phases, end_by_a_loss) {
    trainer_case from = two_phases(2);
    from.phases[0].optimizer = optimizer_of(GN_OPTIMIZER_SGD, 1e-2);
    phase_run *whole = finish(&from, nothing, 9);
    const double level = 0.5 * (whole->run->rows[5].loss_train + whole->run->rows[6].loss_train);
    for (size_t i = 1; i < 9; i++)
        cr_assert_lt(whole->run->rows[i].loss_train, whole->run->rows[i - 1].loss_train);
    from.phases[0].end.until.metric = GN_PHASE_LOSS_TRAIN;
    from.phases[0].end.until.bound = GN_BOUND_BELOW;
    from.phases[0].end.until.level = level;
    from.phases[0].end.until.times = 3; /* rows of steps 12, 14 and 16 */
    phase_run *p = finish(&from, nothing, 9);
    cr_assert_eq(p->end_count, 2u);
    cr_expect(p->ends[0].end == 16 && p->ends[0].cause == GN_PHASE_UNTIL, "step %d", (int)p->ends[0].end);
    cr_expect_eq(p->ends[0].value, whole->run->rows[8].loss_train);
    cr_expect_not_null(strstr(p->ends[0].text, "for 3 rows"), "%s", p->ends[0].text);
    cr_expect(p->ends[1].begin == 16 && p->ends[1].end == 36 && p->ends[1].cause == GN_PHASE_STEPS);
    for (size_t i = 0; i < p->run->row_count; i++)
        cr_expect_eq(p->run->rows[i].phase, p->run->rows[i].step > 16);
    cr_expect_eq(p->norms_at, 36u);
    expect_fixed(&from, p);
    teardown(whole);
    teardown(p);
}

/* The signal is 0.01 a step: above 0.2 from step 21 on. Looked at each fourth step; rows are rare. */
Test(phases, end_by_a_signal) {
    trainer_case from = two_phases(1000);
    double drift[SIGNALS];
    for (int i = 0; i < SIGNALS; i++)
        drift[i] = 0.01 * i;
    from.phases[0].end.change.signal = GN_SIGNAL_DRIFT;
    from.phases[0].end.change.bound = GN_BOUND_ABOVE;
    from.phases[0].end.change.level = 0.2;
    from.phases[0].end.change.times = 2; /* steps 24 and 28 */
    phase_run *p = finish(&from, drift, 4);
    cr_assert_eq(p->end_count, 2u);
    cr_expect(p->ends[0].end == 28 && p->ends[0].cause == GN_PHASE_CHANGE && p->ends[0].value == 0.28);
    cr_expect_str_eq(p->ends[0].text, "drift 0.28 above 0.2 for 2 observations");
    cr_expect_eq(p->ends[1].end, 48u);
    const gn_metrics *last = &p->run->rows[1]; /* of the phase */
    cr_expect(last->step == 28 && last->phase == 0 && last->step_norm > 0 && last->damping > 0);
    cr_expect(p->norms_at == 48 && p->signal->begun == 28);
    expect_fixed(&from, p);
    teardown(p);
}

/* A signal that never came, or never came near, is told of where the steps are done. */
Test(phases, that_no_signal_ended_say_so) {
    static const char *const said[] = {"its 40 steps are done; drift is 0.1",
                                       "its 40 steps are done; drift has no value yet"};
    double drift[2][SIGNALS];
    for (int i = 0; i < SIGNALS; i++) {
        drift[0][i] = 0.1;
        drift[1][i] = NAN;
    }
    for (int way = 0; way < 2; way++) {
        trainer_case from = two_phases(20);
        from.phases[0].end.change.signal = GN_SIGNAL_DRIFT;
        from.phases[0].end.change.bound = GN_BOUND_ABOVE;
        from.phases[0].end.change.level = 0.2;
        from.phases[0].end.change.times = 1;
        phase_run *p = finish(&from, drift[way], 4);
        cr_expect_str_eq(p->ends[0].text, said[way]);
        teardown(p);
    }
}

/* Also the last phase, whose end is the run's. */
Test(phases, end_the_run_with_the_last) {
    trainer_case from = two_phases(5);
    double drift[SIGNALS];
    for (int i = 0; i < SIGNALS; i++)
        drift[i] = i % 50; /* below 1 again at step 50 */
    from.phases[1].end.change.bound = GN_BOUND_BELOW;
    from.phases[1].end.change.level = 1;
    from.phases[1].end.change.times = 1;
    phase_run *p = finish(&from, drift, 10);
    cr_expect(p->end_count == 2 && p->ends[1].begin == 40 && p->ends[1].end == 50);
    cr_expect_str_eq(p->ends[1].text, "drift 0 below 1");
    cr_expect_null(gn_trainer_optimizer(p->run->trainer));
    cr_expect(p->norms_at == 50 && p->run->rows[p->run->row_count - 1].step == 50);
    p->run->stop_at = 50; /* after the last step there is nothing to stop */
    OK(p->run->context, gn_trainer_run(p->run->trainer, &p->hooks));
    expect_fixed(&from, p);
    teardown(p);
}

Test(phases, count_only_what_comes_in_succession) {
    gn_phase_end end = {.change = {GN_SIGNAL_DRIFT, GN_BOUND_ABOVE, 1, 3}};
    const double values[] = {2, 2, 1, 2, NAN, 2, 2, 2};
    gn_phase_counts counts = gn_phase_counts_begin();
    gn_phase_report report;
    for (int i = 0; i < 8; i++)
        cr_expect_eq(gn_phase_ends_by_signal(&end, &counts, values[i], &report), i == 7, "%d", i);
}

/* Losses get better downwards, accuracies upwards; by less than a tenth is no better. */
Test(phases, stagnate) {
    const double losses[] = {1, 1.2, 0.95, 0.8, 0.75, 0.73, 0.719, 0.7, 0.71, 0.66};
    const double right[] = {0.5, 0.6, 0.62, 0.65, 0.67, 0.68, 0.7, 0.7, 0.75, 0.76};
    gn_phase_end end = {.stagnation = {GN_PHASE_LOSS_TRAIN, 0.1, 3}};
    gn_phase_counts counts = gn_phase_counts_begin();
    gn_phase_report report = {.cause = GN_PHASE_STEPS};
    int ended = -1;
    for (int i = 0; i < 10 && ended < 0; i++)
        if (gn_phase_ends_by_row(&end, &counts, &(gn_metrics){.loss_train = losses[i]}, &report))
            ended = i;
    cr_expect(ended == 9 && report.value == 0.719, "row %d, best %g", ended, report.value);
    end.stagnation.metric = GN_PHASE_ACCURACY_TEST;
    counts = gn_phase_counts_begin();
    ended = -1;
    for (int i = 0; i < 10 && ended < 0; i++)
        if (gn_phase_ends_by_row(&end, &counts, &(gn_metrics){.accuracy_test = right[i]}, &report))
            ended = i;
    cr_expect(ended == 7 && report.cause == GN_PHASE_STAGNATION && report.value == 0.67, "row %d, best %g",
              ended, report.value);
}

/* ---- stopped and continued ---- */

static trainer_case all_conditions(const char *device) {
    trainer_case from = {.device = device,
                         .dtype = GN_FLOAT64,
                         .width = 5,
                         .test_points = 6,
                         .batch = 8,
                         .phases = {{.steps = 30, .optimizer = optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)},
                                    {.steps = 30, .optimizer = optimizer_of(GN_OPTIMIZER_ADAMW, 1e-5)},
                                    {.steps = 30, .optimizer = optimizer_of(GN_OPTIMIZER_ADAM, 1e-2)}},
                         .record = 3};
    gn_phase_end *first = &from.phases[0].end, *second = &from.phases[1].end, *third = &from.phases[2].end;
    *first = (gn_phase_end){.change = {GN_SIGNAL_DRIFT, GN_BOUND_ABOVE, 0.06, 3}}; /* steps 8, 10, 12 */
    *second = (gn_phase_end){.stagnation = {GN_PHASE_LOSS_TEST, 0.5, 3}};          /* 15: best; 18, 21, 24 */
    *third = (gn_phase_end){.until = {GN_PHASE_LOSS_TRAIN, GN_BOUND_BELOW, 1e3, 4}}; /* 27, 30, 33, 36 */
    return from;
}

static void expect_same_end(const gn_phase_report *a, const gn_phase_report *b) {
    cr_assert(a->phase == b->phase && a->begin == b->begin && a->end == b->end && a->cause == b->cause);
    cr_assert(a->value == b->value && strcmp(a->text, b->text) == 0, "%s; %s", a->text, b->text);
}

/* Stopped after each step in turn, and continued by another trainer: the ends, rows and parameters are those
 * of the run that was never stopped. */
ON_EACH_DEVICE(phases, go_on_where_they_were) {
    const trainer_case from = all_conditions(device);
    double drift[SIGNALS];
    for (int i = 0; i < SIGNALS; i++)
        drift[i] = 0.01 * i;
    phase_run *whole = finish(&from, drift, 2);
    cr_assert_eq(whole->end_count, 3u);
    const uint64_t ends[] = {12, 24, 36};
    const gn_phase_cause causes[] = {GN_PHASE_CHANGE, GN_PHASE_STAGNATION, GN_PHASE_UNTIL};
    for (int i = 0; i < 3; i++)
        cr_assert(whole->ends[i].end == ends[i] && whole->ends[i].cause == causes[i], "%d: step %d, %s", i,
                  (int)whole->ends[i].end, whole->ends[i].text);
    for (uint64_t stop = 1; stop < 36; stop++) {
        phase_run *one = setup(&from, drift, 2), *two = setup(&from, drift, 2);
        trainer_make(one->run);
        trainer_make(two->run);
        one->run->stop_at = stop;
        cr_assert_eq(gn_trainer_run(one->run->trainer, &one->hooks), GN_ERROR_INTERRUPTED);
        trainer_carry_over(one->run, two->run);
        cr_assert_eq(gn_trainer_phase(two->run->trainer), gn_trainer_phase(one->run->trainer));
        cr_assert_eq(gn_trainer_steps(two->run->trainer), gn_trainer_steps(one->run->trainer));
        cr_assert_eq(two->signal->begun, one->signal->begun);
        OK(two->run->context, gn_trainer_run(two->run->trainer, &two->hooks));
        cr_assert_eq(one->end_count + two->end_count, 3u, "stopped after %d", (int)stop);
        for (size_t i = 0; i < two->end_count; i++)
            expect_same_end(&two->ends[i], &whole->ends[one->end_count + i]);
        cr_assert_eq(one->run->row_count + two->run->row_count, whole->run->row_count);
        expect_last_rows(whole->run, two->run);
        expect_same_theta(whole->run, two->run);
        teardown(one);
        teardown(two);
    }
    teardown(whole);
}

/* ---- refusals ---- */

static void refuse(trainer_run *run, const char *part) {
    gn_status status = gn_trainer_create(run->context, &run->options, run->theta, run->theta0, &run->trainer);
    cr_assert_eq(status, GN_ERROR_ARGUMENT, "%s", gn_status_text(status));
    cr_assert_not_null(strstr(gn_error_message(run->context), part), "\"%s\" lacks \"%s\"",
                       gn_error_message(run->context), part);
}

Test(phases, that_would_end_by_what_there_is_not_are_refused) {
    trainer_case from = two_phases(1);
    from.test_points = 0;
    phase_run *p = setup(&from, nothing, 1);
    gn_phase_end *end = &p->run->phases[1].end;
    end->until.times = 1;
    end->until.metric = GN_PHASE_ACCURACY_TRAIN;
    refuse(p->run, "phase 1 is to end by accuracy_train, but the data have no classes; take a loss");
    end->until.metric = GN_PHASE_LOSS_TEST;
    refuse(p->run, "phase 1 is to end by loss_test, but the data have no test set; take loss_train");
    end->until.metric = GN_PHASE_LOSS_TRAIN;
    end->until.level = NAN;
    refuse(p->run, "loss_train with the level nan");
    end->until.times = 0;
    end->stagnation.times = 1;
    end->stagnation.relative = -1;
    refuse(p->run, "stagnation with relative -1");
    end->stagnation.times = 0;
    end->change.times = 1;
    end->change.signal = GN_SIGNAL_MODE_RATE;
    refuse(p->run, "the signal mode_rate, which none of the observers offers");
    end->change.signal = GN_SIGNAL_DRIFT;
    trainer_make(p->run);
    const gn_trainer_hooks blind = {0};
    cr_expect_eq(gn_trainer_run(p->run->trainer, &blind), GN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(gn_error_message(p->run->context), "the hooks have no sink"));
    teardown(p);
}

/* ---- costs ---- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

Test(phases, observers_costs_are_told_apart) {
    trainer_case from = two_phases(10);
    phase_run *p = setup(&from, nothing, 10);
    p->signal->nanoseconds = 5000000;
    trainer_make(p->run);
    const double begun = now();
    OK(p->run->context, gn_trainer_run(p->run->trainer, &p->hooks));
    const double past = now() - begun;
    gn_trainer *t = p->run->trainer;
    const double looks = gn_trainer_observer_seconds(t, 0), others = gn_trainer_observer_seconds(t, 1);
    cr_expect_eq(p->signal->observed, 7u);
    cr_expect_geq(looks, 7 * 5e-3);
    cr_expect(others > 0 && gn_trainer_record_seconds(t) > 0);
    /* no time counts twice, however busy the machine is */
    cr_expect_leq(looks + others + gn_trainer_record_seconds(t) + gn_trainer_seconds(t), past);
    /* and continued runs go on counting */
    phase_run *next = setup(&from, nothing, 10);
    trainer_make(next->run);
    trainer_carry_over(p->run, next->run);
    cr_expect_eq(gn_trainer_observer_seconds(next->run->trainer, 0), gn_trainer_observer_seconds(t, 0));
    cr_expect_eq(gn_trainer_record_seconds(next->run->trainer), gn_trainer_record_seconds(t));
    teardown(next);
    teardown(p);
}
