/* Groups as lines in panels. */
#include <stdio.h>
#include <string.h>

#include "report/split.h"
#include "report_case.h"

TestSuite(report_split);

static const char LM[] = "{label: LM, kind: levenberg_marquardt, damping: {value: 0.5}}";
static const char LESS[] = "{label: LM, kind: levenberg_marquardt, damping: {value: 0.1}}";

/* Two optimisers, each on two problems, the second one of LM with two seeds: four groups. */
static gn_run_set make(report_case *test, const char *one, const char *other) {
    static const size_t points[] = {20, 30};
    gn_run_set set = {0};
    const char *folder = test->folder;
    char path[REPORT_PATH];
    int number = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++)
            for (uint64_t seed = 0; seed <= (k == 1 && i == 1); seed++) {
                char name[16];
                snprintf(name, sizeof name, "%d", number++);
                report_run run = {.name = name,
                                  .seed = seed,
                                  .optimizer = k ? other : one,
                                  .points = points[i],
                                  .steps = 10};
                report_write(test, &run, path);
            }
    cr_assert_eq(gn_run_set_open(&folder, 1, &set, &test->message), GN_OK, "%s", test->message.text);
    cr_assert_eq(set.group_count, 4);
    return set;
}

static void expect_places(const gn_split *split, const size_t panels[4], const size_t lines[4]) {
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(split->panel[i], panels[i], "group %zu in panel %zu", i, split->panel[i]);
        cr_expect_eq(split->line[i], lines[i], "group %zu is line %zu", i, split->line[i]);
    }
}

Test(report_split, without_a_key_all_are_lines) {
    report_case test = report_start();
    gn_run_set set = make(&test, NULL, LM);
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "", "", &split, &test.message), GN_OK);
    cr_expect(split.panels == 1 && split.lines == 4);
    expect_places(&split, (size_t[]){0, 0, 0, 0}, (size_t[]){0, 1, 2, 3});
    cr_expect_str_eq(split.panel_title[0].text, "");
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(split.line_title[i].text, set.groups[i].title);
    cr_expect_str_eq(set.groups[1].title, "SGD, points = 30");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_split, a_panel_an_optimiser) {
    report_case test = report_start();
    gn_run_set set = make(&test, NULL, LM);
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "phases.0", "", &split, &test.message), GN_OK);
    cr_expect(split.panels == 2 && split.lines == 2);
    expect_places(&split, (size_t[]){0, 0, 1, 1}, (size_t[]){0, 1, 0, 1});
    cr_expect_str_eq(split.panel_title[0].text, "SGD");
    cr_expect_str_eq(split.panel_title[1].text, "LM");
    cr_expect_str_eq(split.line_title[0].text, "points = 20");
    cr_expect_str_eq(split.line_title[1].text, "points = 30");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* The labels are the panels', and the lines differ in what only one of them has. */
Test(report_split, no_line_is_without_a_name) {
    report_case test = report_start();
    const char *const phases[] = {
        "[{steps: 10, optimizer: {label: A, kind: adam}}]",
        "[{steps: 10, optimizer: {label: B, kind: adam}}, {steps: 5, optimizer: {label: C, kind: sgd}}]"};
    const char *folder = test.folder;
    char path[REPORT_PATH];
    gn_run_set set = {0};
    gn_split split = {0};
    for (size_t i = 0; i < 2; i++) {
        const report_run run = {.name = i ? "1" : "0", .phases = phases[i], .points = 20, .steps = 10};
        report_write(&test, &run, path);
    }
    cr_assert_eq(gn_run_set_open(&folder, 1, &set, &test.message), GN_OK, "%s", test.message.text);
    cr_assert_eq(gn_split_create(&set, "phases.0.optimizer", "", &split, &test.message), GN_OK);
    cr_expect(split.panels == 2 && split.lines == 2);
    cr_expect_str_eq(split.line_title[0].text, "A");
    cr_expect_str_eq(split.line_title[1].text, "B, then C");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* A key of an optimiser is not its label: that stays with the line. */
Test(report_split, a_panel_a_learning_rate) {
    report_case test = report_start();
    gn_run_set set = make(&test, "{label: SGD, kind: sgd, learning_rate: 0.01}",
                          "{label: SGD, kind: sgd, learning_rate: 0.02}");
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "phases.0.optimizer.learning_rate", "", &split, &test.message), GN_OK);
    cr_expect(split.panels == 2 && split.lines == 2);
    cr_expect_str_eq(split.panel_title[0].text, "learning_rate = 0.01");
    cr_expect_str_eq(split.panel_title[1].text, "learning_rate = 0.02");
    cr_expect_str_eq(split.line_title[0].text, "SGD, points = 20");
    cr_expect_str_eq(split.line_title[1].text, "SGD, points = 30");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_split, a_panel_a_problem) {
    report_case test = report_start();
    gn_run_set set = make(&test, NULL, LM);
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "problem", "", &split, &test.message), GN_OK);
    expect_places(&split, (size_t[]){0, 1, 0, 1}, (size_t[]){0, 0, 1, 1});
    cr_expect_str_eq(split.panel_title[1].text, "points = 30");
    cr_expect_str_eq(split.line_title[0].text, "SGD");
    cr_expect_str_eq(split.line_title[1].text, "LM");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

Test(report_split, equal_labels_are_told_apart) {
    report_case test = report_start();
    gn_run_set set = make(&test, LM, LESS);
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "phases.0.optimizer.damping", "", &split, &test.message), GN_OK);
    cr_expect(split.panels == 2 && split.lines == 2);
    cr_expect_str_eq(split.panel_title[1].text, "damping.value = 0.1");
    cr_expect_str_eq(split.line_title[1].text, "LM, points = 30");
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* A line for each value of a key of its own, though the optimisers differ otherwise too. */
Test(report_split, lines_of_a_key_of_their_own) {
    report_case test = report_start();
    gn_run_set set = make(&test, LM, LESS);
    gn_split split = {0};
    cr_assert_eq(gn_split_create(&set, "phases.0.optimizer.kind", "problem.points", &split, &test.message),
                 GN_OK);
    cr_expect(split.panels == 1 && split.lines == 2);
    expect_places(&split, (size_t[]){0, 0, 0, 0}, (size_t[]){0, 1, 0, 1});
    gn_split_destroy(&split);
    split = (gn_split){0};
    cr_assert_eq(gn_split_create(&set, "problem.points", "phases.0.optimizer.damping", &split, &test.message),
                 GN_OK);
    cr_expect(split.panels == 2 && split.lines == 2);
    expect_places(&split, (size_t[]){0, 1, 0, 1}, (size_t[]){0, 0, 1, 1});
    cr_expect_str_eq(split.line_title[1].text, "LM, damping.value = 0.1");
    gn_split_destroy(&split);
    split = (gn_split){0};
    cr_expect_eq(gn_split_create(&set, "problem.points", "nothing", &split, &test.message), GN_ERROR_CONFIG);
    cr_expect_not_null(strstr(test.message.text, "plot.lines: no run has a setting `nothing`"), "%s",
                       test.message.text);
    gn_split_destroy(&split);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* A beginning of a key's word is none, and seeds are lines of one group. */
Test(report_split, a_key_that_no_run_has) {
    static const char *const keys[] = {"phases.0.optimizer.damp", "seed", "plot.kind", "nothing"};
    report_case test = report_start();
    gn_run_set set = make(&test, NULL, LM);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        gn_split split = {0};
        cr_expect_eq(gn_split_create(&set, keys[i], "", &split, &test.message), GN_ERROR_CONFIG, "%s",
                     keys[i]);
        cr_expect_not_null(strstr(test.message.text, keys[i]), "%s", test.message.text);
        gn_split_destroy(&split);
    }
    gn_run_set_destroy(&set);
    report_end(&test);
}
