/* Curves over seconds, passes and progress in place of steps. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/clock.h"
#include "report/figure.h"
#include "report_case.h"

TestSuite(report_clock);

/* exp(-rate t) with a rate of the seed's own; from step 60 to 80 no better than at 60. */
static double losing(const report_run *run, size_t mode, double step) {
    const double rate = run->seed == 0 ? 0.01 : 0.037;
    (void)mode;
    return 2 * exp(-rate * (step > 80 ? step - 20 : step > 60 ? 60 : step));
}

static double passing(const report_run *run, size_t mode, double step) {
    (void)mode;
    return step * (run->seed == 0 ? 1 : 4);
}

static void open_set(report_case *test, gn_run_set *set) {
    const char *path = test->folder;
    *set = (gn_run_set){0};
    cr_assert_eq(gn_run_set_open(&path, 1, set, &test->message), GN_OK, "%s", test->message.text);
}

static void add(report_case *test, uint64_t seeds, report_run run) {
    for (uint64_t seed = 0; seed < seeds; seed++) {
        char name[16], path[REPORT_PATH];
        snprintf(name, sizeof name, "%c%d", run.name[0], (int)seed);
        report_run one = run;
        one.name = name;
        one.seed = seed;
        report_write(test, &one, path);
    }
}

/* Rows that bring nothing go; what is left is the loss of that progress, whatever the seed's speed. */
Test(report_clock, progress_is_of_the_loss_and_only_forward) {
    report_case test = report_start();
    gn_run_set set;
    gn_series *series;
    add(&test, 2, (report_run){.name = "a", .steps = 100, .every = 5, .value = losing});
    open_set(&test, &set);
    cr_assert_eq(set.group_count, 1u);
    cr_assert_eq(gn_group_series(&set, &set.groups[0], "loss_test", &series, &test.message), GN_OK);
    cr_assert_eq(gn_clock_apply(&set, &set.groups[0], GN_PLOT_OVER_PROGRESS, series, &test.message), GN_OK);
    /* 17 rows move; a seed's places are those of the other as far as it comes */
    for (size_t i = 0; i < 2; i++) {
        cr_expect_float_eq(series[i].at[series[i].rows - 1], i == 0 ? 0.8 : 2.96, 1e-12);
        cr_expect_gt(series[i].rows, 17u);
        for (size_t k = 0; k < series[i].rows; k++) {
            cr_expect(k == 0 || series[i].at[k] > series[i].at[k - 1]);
            cr_expect_float_eq(series[i].values[k] / (2 * exp(-series[i].at[k])), 1, 5e-3, "row %zu", k);
        }
    }
    cr_expect_float_eq(gn_clock_at(&set.runs[1].run, GN_PLOT_OVER_PROGRESS, 50), 1.85, 1e-12);
    cr_expect_float_eq(gn_clock_at(&set.runs[1].run, GN_PLOT_OVER_PROGRESS, 52.5), 1.9425, 1e-12);
    cr_expect(isnan(gn_clock_at(&set.runs[1].run, GN_PLOT_OVER_PROGRESS, 101)));
    gn_group_series_free(&set.groups[0], series);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* A seed alone keeps its own rows; two are seen at the rows of both. */
Test(report_clock, passes_take_the_place_of_steps) {
    report_case test = report_start();
    gn_run_set set;
    gn_series *series;
    gn_axis axis;
    add(&test, 2, (report_run){.name = "a", .steps = 20, .every = 10, .value = passing});
    open_set(&test, &set);
    cr_assert_eq(gn_group_series(&set, &set.groups[0], "loss_train", &series, &test.message), GN_OK);
    cr_assert_eq(gn_clock_apply(&set, &set.groups[0], GN_PLOT_OVER_PASSES, series, &test.message), GN_OK);
    const double first[] = {0, 10, 20}, second[] = {0, 10, 20, 40, 80};
    cr_assert_eq(series[0].rows, 3u);
    cr_assert_eq(series[1].rows, 5u);
    cr_expect_arr_eq(series[0].at, first, sizeof first);
    cr_expect_arr_eq(series[1].at, second, sizeof second);
    cr_expect_arr_eq(series[1].values, second, sizeof second);
    cr_assert_eq(gn_clock_axis(&set, GN_PLOT_OVER_PASSES, &axis, &test.message), GN_OK);
    cr_expect_eq(axis.high, 80);
    cr_expect_eq(axis.low, 0);
    gn_group_series_free(&set.groups[0], series);
    gn_run_set_destroy(&set);
    report_end(&test);
}

static void draw_over(const char *plot, const char *label) {
    report_case test = report_start();
    static gn_figure_report report;
    const char *path = test.folder;
    size_t size;
    const report_run run = {
        .name = "a",
        .plot = plot,
        .steps = 100,
        .every = 5,
        .ends = {40, 100},
        .phases = "[{steps: 40, optimizer: {kind: sgd}}, {steps: 60, optimizer: {label: late, kind: adam}}]",
        .value = losing};
    add(&test, 3, run);
    cr_assert_eq(gn_figure_write(&path, 1, NULL, &report), GN_OK, "%s", report.message.text);
    char *svg = report_read(report.svg, &size);
    cr_expect_not_null(strstr(svg, label), "%s: no %s", plot, label);
    cr_expect_null(strstr(svg, "training step"));
    free(svg);
    report_end(&test);
}

Test(report_clock, figures_name_their_axis) {
    draw_over("{kind: metrics, x: progress}", "progress");
    draw_over("{kind: metrics, x: passes, x_scale: log, x_max: 2}", "forward and backward");
    draw_over("{kind: metrics, x: seconds}", "training time");
}
