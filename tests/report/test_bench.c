/* What a bench makes of its runs' rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/bench.h"
#include "report_case.h"

static gn_bench_target targets[] = {{GN_PHASE_LOSS_TRAIN, GN_BOUND_BELOW, 0.5, "loss_train below 0.5"},
                                    {GN_PHASE_ACCURACY_TEST, GN_BOUND_ABOVE, 1.5, "accuracy_test above 1.5"},
                                    {GN_PHASE_LOSS_TEST, GN_BOUND_BELOW, 1e-9, "loss_test below 1e-09"}};

static double fall(const report_run *run, size_t mode, double step) {
    return run->seed == 3 && step >= 40 ? NAN : report_decay(run, mode, step);
}

/* exp(-step / 100) (1 + seed), one value for all columns, each 10 steps. */
static gn_bench_run read_run(report_case *test, const char *name, size_t seed, const char *state) {
    static const gn_bench_plan plan = {.targets = targets, .target_count = 3, .budget = 4};
    char path[REPORT_PATH];
    gn_bench_run run;
    report_write(test, &(report_run){.name = name, .seed = seed, .steps = 200, .every = 10, .value = fall},
                 path);
    cr_assert_eq(gn_bench_run_read(&plan, path, name, state, &run, &test->message), GN_OK, "%s",
                 test->message.text);
    return run;
}

static void run_free(gn_bench_run *run) {
    free(run->directory);
    free(run->label);
    free(run->spent);
}

Test(bench, first_row_at_a_target) {
    report_case test = report_start();
    gn_bench_run run = read_run(&test, "a", 1, "finished"); /* 2 exp(-step / 100) */
    cr_expect_eq(run.spent[GN_BENCH_STEPS], 140);           /* ln 4 = 1.386 */
    cr_expect_float_eq(run.spent[GN_BENCH_SECONDS], 2 * exp(-1.4), 1e-12);
    cr_expect_float_eq(run.spent[GN_BENCH_PASSES], 2 * exp(-1.4), 1e-12);
    cr_expect_float_eq(run.spent[GN_BENCH_PROCESSOR_SECONDS], 2 * exp(-1.4), 1e-12);
    cr_expect_eq(run.spent[GN_BENCH_COSTS + GN_BENCH_STEPS], 0); /* 2 > 1.5 at once */
    cr_expect(isinf(run.spent[2 * GN_BENCH_COSTS + GN_BENCH_STEPS]));
    cr_expect_float_eq(run.best, 2 * exp(-2.0), 1e-12);
    run_free(&run);
    run = read_run(&test, "b", 3, "diverged"); /* 4 exp(-step / 100), NaN from 40 on */
    cr_expect(isinf(run.spent[GN_BENCH_STEPS]));
    cr_expect_float_eq(run.best, 4 * exp(-0.3), 1e-12);
    run_free(&run);
    report_end(&test);
}

Test(bench, choice) {
    double spent[4][GN_BENCH_COSTS] = {{120}, {80}, {80}, {10}};
    const gn_bench_plan plan = {.targets = targets, .target_count = 1, .budget = 4};
    gn_bench_run tuning[4] = {{.state = "finished", .best = 0.1, .spent = spent[0]},
                              {.state = "finished", .best = 0.3, .spent = spent[1]},
                              {.state = "finished", .best = 0.2, .spent = spent[2]},
                              {.state = "diverged", .best = 0.01, .spent = spent[3]}};
    cr_expect_eq(gn_bench_choose(&plan, tuning), 2, "fewest steps, then the best value; none that diverged");
    for (size_t i = 0; i < 3; i++)
        spent[i][GN_BENCH_STEPS] = INFINITY;
    cr_expect_eq(gn_bench_choose(&plan, tuning), 0, "none got there: the best value");
    tuning[0].best = NAN;
    cr_expect_eq(gn_bench_choose(&plan, tuning), 2);
    for (size_t i = 0; i < 3; i++)
        strcpy(tuning[i].state, "failed");
    cr_expect_eq(gn_bench_choose(&plan, tuning), 4, "none came to its end");
}

/* Two optimisers, three seeds; one of the first never gets there, and the second has no choice. */
Test(bench, spreads_json_and_figure) {
    report_case test = report_start();
    double spent[3][GN_BENCH_COSTS] = {
        {20, 40, 1.5, 3.25}, {INFINITY, INFINITY, INFINITY, INFINITY}, {10, 20, 0.5, 1}};
    uint64_t seeds[] = {0, 1, 2};
    char *labels[] = {"A", "B \"quoted\""};
    gn_bench_run tuning = {
        .directory = "t", .label = "x=1", .state = "diverged", .best = NAN, .spent = spent[1]};
    gn_bench_run runs[3] = {
        {.directory = "r0", .label = "0", .state = "finished", .best = 1, .spent = spent[0]},
        {.directory = "r1", .label = "1", .state = "diverged", .best = 1, .spent = spent[1]},
        {.directory = "r2", .label = "2", .state = "finished", .best = 1, .spent = spent[2]}};
    gn_bench_optimizer optimizers[2] = {{.tuning = &tuning, .runs = runs}, {.tuning = &tuning, .chosen = 1}};
    const gn_bench_case bench = {.name = "case",
                                 .file = "c.yaml",
                                 .quick = "most",
                                 .plan = {.tuning_seed = 9,
                                          .seeds = seeds,
                                          .targets = targets,
                                          .labels = labels,
                                          .seed_count = 3,
                                          .target_count = 1,
                                          .optimizer_count = 2,
                                          .budget = 1},
                                 .optimizers = optimizers};
    size_t reached;
    const gn_spread steps = gn_bench_spread(&bench, 0, 0, GN_BENCH_STEPS, &reached);
    cr_expect(reached == 2 && steps.count == 3);
    cr_expect(steps.median == 20 && steps.low == 10 && isinf(steps.high));
    cr_expect(gn_bench_spread(&bench, 1, 0, GN_BENCH_SECONDS, &reached).count == 0 && reached == 0);

    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    gn_bench_print(out, &bench);
    fclose(out);
    cr_expect_not_null(strstr(text, "2 of 3    20 (10 to never)"), "%s", text);
    cr_expect_not_null(strstr(text, "3.25 (1 to never)"), "%s", text);
    cr_expect_not_null(strstr(text, "diverged: r1"), "%s", text);
    cr_expect_not_null(strstr(text, "no point came to its end"), "%s", text);
    cr_expect_not_null(strstr(text, "quick: leaves out most"), "%s", text);
    out = fmemopen(text, sizeof text, "w");
    gn_bench_write_json(out, &bench, 1);
    fclose(out);
    cr_expect_not_null(strstr(text, "\"label\": \"B \\\"quoted\\\"\", \"chosen\": null"), "%s", text);
    cr_expect_not_null(
        strstr(text, "\"reached\": 2, \"of\": 3, \"steps\": {\"median\": 20, \"low\": 10, \"high\": null"),
        "%s", text);
    cr_expect_not_null(strstr(text, "\"processor_seconds\": {\"median\": 3.25, \"low\": 1, "), "%s", text);

    gn_figure_report *figure = calloc(1, sizeof *figure);
    char stem[REPORT_PATH];
    snprintf(stem, sizeof stem, "%.200s/bench", test.folder);
    cr_expect_eq(gn_bench_figure_write(&bench, stem, figure), GN_OK, "%s", figure->message.text);
    cr_expect(report_exists(&test, "bench.png") && report_exists(&test, "bench.svg"));
    free(figure);
    report_end(&test);
}
