/* What the observer ntk adds to a Levenberg-Marquardt run that it looks at every 100 steps: the steps, and a
 * look, one after the other on one thread's clock. */
#include "cases.h"
#include "problem.h"

#include <stdio.h>

enum { EVERY = 100 };

/* As many residuals as a probe set has by default. */
static const bench_problem_kind outputs_kind = {.name = "outputs",
                                                .what = "64-64-10 tanh, N = 100, M = 1000",
                                                .samples = 100,
                                                .depth = 2,
                                                .widths = {64, 64, 10},
                                                .activation = "tanh",
                                                .init = GN_INIT_GLOROT_UNIFORM,
                                                .mu = 0.1,
                                                .rate = 0.02};

typedef struct ntk_work {
    gn_context *context;
    bench_problem problem;
    gn_optimizer *optimizer;
    gn_observer *observer;
    uint64_t step;
} ntk_work;

static gn_status steps(void *user) {
    ntk_work *w = user;
    gn_status status = GN_OK;
    for (size_t i = 0; i < EVERY && status == GN_OK; i++)
        status = gn_optimizer_step(w->optimizer, w->problem.linearization, w->problem.theta, NULL);
    return status != GN_OK ? status : gn_context_synchronize(w->context);
}

static gn_status forget(void *user, const char *observer, uint64_t step, const char *name, int rank,
                        const size_t *shape, const double *values) {
    (void)user, (void)observer, (void)step, (void)name, (void)rank, (void)shape, (void)values;
    return GN_OK;
}

static gn_status look(void *user) {
    ntk_work *w = user;
    const gn_observation_sink sink = {.write = forget};
    w->step += EVERY;
    return gn_observer_observe(w->observer, w->step, w->problem.theta, NULL, &sink);
}

static gn_status open_work(bench_run *run, const bench_problem_kind *kind, bool present, ntk_work *w) {
    gn_ntk_options options = gn_ntk_options_default();
    *w = (ntk_work){.context = run->context};
    gn_status status = bench_problem_open(run, kind, GN_FLOAT64, &w->problem);
    if (status != GN_OK)
        return status;
    const gn_dataset dataset = {.inputs = w->problem.inputs, .targets = w->problem.targets};
    options.present = present;
    status = bench_problem_optimizer(run, &w->problem, "lm-step", &w->optimizer);
    if (status != GN_OK)
        return status;
    const gn_phase_start start = {
        .rule = {GN_STEP_RULE_DAMPED, .rate = kind->rate, .weight = 1, .damping = kind->mu},
        .optimizer = w->optimizer};
    status = gn_observer_create_ntk(run->context, w->problem.network, GN_LOSS_SQUARED, &dataset,
                                    w->problem.theta, &options, &w->observer);
    return status == GN_OK ? gn_observer_begin_phase(w->observer, &start) : status;
}

static void close_work(ntk_work *w) {
    gn_observer_destroy(w->observer);
    gn_optimizer_destroy(w->optimizer);
    bench_problem_close(&w->problem);
}

static gn_status measure(bench_run *run, const bench_problem_kind *kind, bool present) {
    bench_result alone = bench_result_new("ntk-cost", "100 steps", "float64"),
                 looked = bench_result_new("ntk-cost", present ? "a look, present" : "a look", "float64");
    ntk_work w;
    gn_status status = open_work(run, kind, present, &w);
    if (status == GN_OK)
        status = bench_measure(&run->effort, steps, &w, &alone.stats);
    if (status == GN_OK)
        status = bench_measure(&run->effort, look, &w, &looked.stats);
    if (status == GN_OK) {
        snprintf(alone.note, sizeof alone.note, "%s", kind->what);
        snprintf(looked.note, sizeof looked.note, "%s: adds %.1f %%, of processor time %.1f %%", kind->what,
                 100 * looked.stats.median / alone.stats.median,
                 100 * looked.stats.processor / alone.stats.processor);
        bench_add(run, &alone);
        bench_add(run, &looked);
    }
    close_work(&w);
    return status;
}

gn_status bench_case_ntk_cost(bench_run *run) {
    gn_status status = GN_OK;
    for (int present = 0; present < 2 && status == GN_OK; present++) {
        status = measure(run, &bench_regression, present);
        if (status == GN_OK)
            status = measure(run, &outputs_kind, present);
    }
    return status;
}
