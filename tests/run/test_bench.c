/* The section `bench:`: what it must say, and the grids that it stands for. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/config_bench.h"
#include "scratch.h"

static char folder[256], file[512];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/c.yaml", folder);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(bench, .init = setup, .fini = teardown);

static void write_config(const char *bench) {
    FILE *out = fopen(file, "w");
    cr_assert_not_null(out);
    fprintf(out,
            "problem: {kind: step_2d}\nnetwork: {widths: [2, 3, 1]}\n"
            "phases: [{steps: 1, optimizer: {kind: sgd}}]\n"
            "observe: [{kind: fourier}]\nplot: {kind: fourier}\nsweep: [{key: seed, values: [7, 8]}]\n%s",
            bench);
    fclose(out);
}

static gn_config_source *read_source(const char *const *settings, size_t count) {
    gn_message message = {0};
    gn_config_source *source;
    cr_assert_eq(gn_config_source_read(file, settings, count, &source, &message), GN_OK, "%s", message.text);
    return source;
}

#define TARGETS "  targets: [{metric: loss_train, below: 0.5}, {metric: accuracy_test, above: 0.75}]\n"
#define SGD     "    - {label: A, phases: [{steps: 3, optimizer: {label: sgd, kind: sgd}}], every: 2,\n"
#define LM      "    - {label: B, phases: [{steps: 2, optimizer: {label: lm, kind: levenberg_marquardt}}],\n"
#define RATE    "phases.0.optimizer.learning_rate"
#define DAMPING "phases.0.optimizer.damping.value"

static const char two[] =
    "bench:\n  seeds: [3, 4]\n  tuning_seed: 9\n" TARGETS "  optimizers:\n" SGD "       grid: {" RATE
    ": [0.1, 0.2, 0.3, 0.4]}}\n" LM "       grid: {" RATE ": [0.5, 1], " DAMPING ": [0.1, 0.2]}}\n"
    "quick: {leaves_out: a seed, bench.seeds: [3]}\n";

Test(bench, a_plan) {
    gn_message message = {0};
    gn_bench_plan plan;
    write_config(two);
    gn_config_source *source = read_source(NULL, 0);
    cr_assert(gn_config_source_has_bench(source));
    cr_assert_eq(gn_bench_plan_read(source, &plan, &message), GN_OK, "%s", message.text);
    cr_expect(plan.tuning_seed == 9 && plan.seed_count == 2 && plan.seeds[0] == 3 && plan.seeds[1] == 4);
    cr_assert(plan.target_count == 2 && plan.optimizer_count == 2 && plan.budget == 4);
    cr_expect(plan.targets[0].metric == GN_PHASE_LOSS_TRAIN && plan.targets[0].bound == GN_BOUND_BELOW);
    cr_expect_eq(plan.targets[0].value, 0.5);
    cr_expect_eq(plan.targets[1].bound, GN_BOUND_ABOVE);
    cr_expect_str_eq(plan.targets[1].text, "accuracy_test above 0.75");
    cr_expect_str_eq(plan.labels[1], "B");
    gn_bench_plan_free(&plan);
    gn_config_source_destroy(source);
}

static gn_config *resolve(const gn_config_source *grid, size_t i, gn_config_source **point) {
    gn_message message = {0};
    gn_config *c;
    char *label;
    cr_assert_eq(gn_config_sweep_point(grid, i, point, &label, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_resolve(*point, &c, &message), GN_OK, "%s", message.text);
    free(label);
    return c;
}

/* The optimiser's phases, its grid, the seed; what the experiment watches, draws and sweeps is left aside. */
Test(bench, grids) {
    static const char *const quick[] = {"--quick"};
    gn_message message = {0};
    gn_config_source *tuning, *chosen, *point;
    write_config(two);
    gn_config_source *source = read_source(quick, 1);
    cr_assert_eq(gn_bench_tuning(source, 1, &tuning, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_sweep_count(tuning), 4);
    for (size_t i = 0; i < 4; i++) {
        gn_config *c = resolve(tuning, i, &point);
        const gn_optimizer_options *o = &c->phases[0].optimizer.options;
        cr_expect(c->seed == 9 && c->phases[0].steps == 2 && o->kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT);
        cr_expect_eq(o->learning_rate, i < 2 ? 0.5 : 1);
        cr_expect_eq(o->damping.value, i % 2 == 0 ? 0.1 : 0.2);
        cr_expect(c->observe_count == 1 && c->observe[0].kind == GN_OBSERVE_METRICS &&
                  c->observe[0].every == 1);
        cr_expect_eq(c->plot.kind, GN_PLOT_NONE);
        cr_expect_str_eq(gn_config_quick(point), "a seed");
        gn_config_destroy(c);
        gn_config_source_destroy(point);
    }
    cr_assert_eq(gn_bench_chosen(source, 1, 2, &chosen, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_sweep_count(chosen), 1); /* one seed in the quick size */
    gn_config *c = resolve(chosen, 0, &point);
    cr_expect_eq(c->seed, 3);
    cr_expect(c->phases[0].optimizer.options.learning_rate == 1 &&
              c->phases[0].optimizer.options.damping.value == 0.1);
    gn_config_destroy(c);
    gn_config_source_destroy(point);
    gn_config_source_destroy(chosen);
    gn_config_source_destroy(tuning);
    gn_config_source_destroy(source);
}

Test(bench, sections_that_are_none) {
#define ONE SGD "       grid: {" RATE ": [0.1, 0.2]}}\n"
    static const char *const wrong[][2] = {
        {"bench: {seeds: [1], targets: [], optimizers: []}\n", ":7: bench.targets is empty"},
        {"bench:\n  seeds: []\n" TARGETS "  optimizers:\n" ONE, ":8: bench.seeds is empty"},
        {"bench:\n  seeds: [1, 1000]\n" TARGETS "  optimizers:\n" ONE, "bench.tuning_seed, 1000, is one of"},
        {"bench:\n  seeds: [1, 2, 1]\n" TARGETS "  optimizers:\n" ONE, "bench.seeds has 1 twice"},
        {"bench:\n" TARGETS "  optimizers: []\n", "bench.optimizers is empty"},
        {"bench:\n" TARGETS "  optimizers:\n" ONE LM "       grid: {" RATE ": [0.1]}}\n",
         "bench.optimizers.1 (B) is tuned over 1 points and the first over 2"},
        {"bench:\n" TARGETS "  optimizers:\n" ONE ONE, "has the label `A` twice"},
        {"bench:\n" TARGETS "  optimizers:\n" SGD "       grid: {" RATE ": 0.1}}\n",
         "bench.optimizers.0.grid must map keys to lists"},
        {"bench:\n  targets: [{metric: loss_train}]\n  optimizers:\n" ONE,
         "bench.targets.0 needs `below` or"},
        {"bench:\n  targets: [{metric: loss_trai, below: 1}]\n  optimizers:\n" ONE,
         "did you mean `loss_train`"},
        {"bench: {seed: [1]}\n", "unknown key `seed` in bench; did you mean `seeds`"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gn_message message = {0};
        gn_config *c;
        write_config(wrong[i][0]);
        cr_expect_eq(gn_config_read(file, &c, &message), GN_ERROR_CONFIG, "%s", wrong[i][0]);
        cr_expect_not_null(strstr(message.text, wrong[i][1]), "%s", message.text);
    }
}
