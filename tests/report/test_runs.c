/* Finding runs and putting them into groups. */
#include <stdio.h>
#include <string.h>

#include "report/runs.h"
#include "report_case.h"

TestSuite(report_runs);

static const char LM[] = "{label: LM, kind: levenberg_marquardt, learning_rate: 0.02, damping: {value: %s}}";

static void add(report_case *test, const char *name, uint64_t seed, const char *optimizer) {
    char path[REPORT_PATH];
    report_run run = {.name = name, .seed = seed, .optimizer = optimizer, .steps = 10};
    report_write(test, &run, path);
}

static gn_run_set open_folder(report_case *test) {
    gn_run_set set = {0};
    const char *path = test->folder;
    cr_assert_eq(gn_run_set_open(&path, 1, &set, &test->message), GN_OK, "%s", test->message.text);
    return set;
}

Test(report_runs, seeds_are_one_group_in_their_order) {
    report_case test = report_start();
    add(&test, "c", 2, NULL);
    add(&test, "a", 10, NULL);
    add(&test, "b", 0, NULL);
    gn_run_set set = open_folder(&test);
    cr_assert_eq(set.group_count, 1);
    cr_expect_eq(set.groups[0].count, 3);
    cr_expect_str_eq(set.groups[0].title, "SGD");
    cr_expect_eq(set.runs[0].run.config->seed, 0);
    cr_expect_eq(set.runs[2].run.config->seed, 10);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_runs, groups_come_in_the_order_of_their_first_runs) {
    report_case test = report_start();
    char optimizer[160];
    snprintf(optimizer, sizeof optimizer, LM, "0.5");
    add(&test, "run-2", 0, optimizer);
    add(&test, "run-10", 1, optimizer);
    add(&test, "run-9", 0, NULL);
    gn_run_set set = open_folder(&test); /* run-2, run-9, run-10 */
    cr_assert_eq(set.group_count, 2);
    cr_expect_str_eq(set.groups[0].title, "LM");
    cr_expect_eq(set.groups[0].count, 2);
    cr_expect_str_eq(set.groups[1].title, "SGD");
    cr_expect_eq(set.groups[1].first, 2);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_runs, equal_labels_are_told_apart_by_what_differs) {
    report_case test = report_start();
    char a[160], b[160];
    snprintf(a, sizeof a, LM, "0.5");
    snprintf(b, sizeof b, LM, "0.1");
    add(&test, "a", 0, a);
    add(&test, "b", 0, b);
    add(&test, "c", 0, NULL);
    gn_run_set set = open_folder(&test);
    cr_assert_eq(set.group_count, 3);
    cr_expect_str_eq(set.groups[0].title, "LM, damping.value = 0.5");
    cr_expect_str_eq(set.groups[1].title, "LM, damping.value = 0.1");
    cr_expect_str_eq(set.groups[2].title, "SGD");
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_runs, phases_are_named_one_after_the_other) {
    report_case test = report_start();
    char path[REPORT_PATH];
    report_run run = {.name = "a",
                      .steps = 10,
                      .phases = "[{steps: 4, optimizer: {label: one, kind: sgd}},"
                                " {steps: 6, optimizer: {label: two, kind: adamw}}]"};
    report_write(&test, &run, path);
    gn_run_set set = open_folder(&test);
    cr_expect_str_eq(set.groups[0].title, "one, then two");
    cr_expect_eq(gn_config_steps(gn_group_config(&set, &set.groups[0])), 10);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* A run that went on to its end, one that ended early, one that is still in its second phase. */
Test(report_runs, phases_change_where_they_did) {
    static const double ends[3][3] = {{0}, {3, 8, 9}, {2, 0, 0}}, changes[3][2] = {{4, 10}, {3, 8}, {2, 8}};
    static const double steps[3] = {20, 9, 20};
    report_case test = report_start();
    for (size_t i = 0; i < 3; i++) {
        char path[REPORT_PATH], name[8];
        double found[3];
        snprintf(name, sizeof name, "%zu", i);
        report_run run = {.name = name,
                          .seed = i,
                          .steps = 20,
                          .phases = "[{steps: 4, optimizer: {label: one, kind: sgd}},"
                                    " {steps: 6, optimizer: {label: two, kind: adamw}},"
                                    " {steps: 10, optimizer: {label: three, kind: sgd}}]"};
        memcpy(run.ends, ends[i], sizeof run.ends);
        report_write(&test, &run, path);
        gn_run_set set = open_folder(&test);
        cr_assert_eq(gn_figure_run_changes(&set.runs[i], found), 2u);
        cr_expect(found[0] == changes[i][0] && found[1] == changes[i][1], "%zu: %g, %g", i, found[0],
                  found[1]);
        cr_expect_eq(gn_figure_run_steps(&set.runs[i]), steps[i]);
        gn_run_set_destroy(&set);
    }
    report_end(&test);
}

Test(report_runs, state_of_a_group) {
    report_case test = report_start();
    char path[REPORT_PATH], text[96];
    static const char *const states[] = {"finished", "diverged", "diverged", "interrupted"};
    for (uint64_t seed = 0; seed < 4; seed++) {
        char name[8];
        snprintf(name, sizeof name, "%d", (int)seed);
        report_run run = {.name = name, .seed = seed, .state = states[seed], .steps = 10};
        report_write(&test, &run, path);
    }
    gn_run_set set = open_folder(&test);
    cr_expect_eq(gn_group_state(&set, &set.groups[0], text, sizeof text), 3);
    cr_expect_str_eq(text, "2 of 4 seeds diverged, 1 of 4 seeds unfinished");
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_runs, a_folder_without_runs_is_named) {
    report_case test = report_start();
    gn_run_set set = {0};
    const char *path = test.folder;
    cr_expect_eq(gn_run_set_open(&path, 1, &set, &test.message), GN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(test.message.text, test.folder), "%s", test.message.text);
    gn_run_set_destroy(&set);
    path = "/nowhere/at/all";
    cr_expect_eq(gn_run_set_open(&path, 1, &set, &test.message), GN_ERROR_IO);
    cr_expect_not_null(strstr(test.message.text, path), "%s", test.message.text);
    gn_run_set_destroy(&set);
    cr_expect_eq(gn_run_set_open(NULL, 0, &set, &test.message), GN_ERROR_ARGUMENT);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_runs, a_quantity_that_was_not_recorded_is_named) {
    report_case test = report_start();
    add(&test, "a", 0, NULL);
    gn_run_set set = open_folder(&test);
    gn_series *series;
    cr_expect_eq(gn_group_series(&set, &set.groups[0], "fourier/mode", &series, &test.message),
                 GN_ERROR_FORMAT);
    cr_expect_not_null(strstr(test.message.text, "fourier/mode"), "%s", test.message.text);
    cr_expect_null(series);
    gn_run_set_destroy(&set);
    report_end(&test);
}
