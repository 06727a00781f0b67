/* The HTML report: its structure by Python's parser, its numbers against metrics.csv. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "report/number.h"
#include "report/report.h"
#include "report_case.h"

TestSuite(report_html, .timeout = 120);

static const char GN[] = "{label: GN, kind: gauss_newton, learning_rate: 0.02}";

static void add(report_case *test, report_run run) {
    char path[REPORT_PATH];
    report_write(test, &run, path);
}

/* Writes the report of the case's folder and returns its text, for the caller to free. */
static char *report_of(report_case *test, gn_report *report) {
    char out[2 * REPORT_PATH];
    const char *path = test->folder;
    size_t size;
    snprintf(out, sizeof out, "%s/r.html", test->folder);
    cr_assert_eq(gn_report_write(&path, 1, out, report), GN_OK, "%s", report->message.text);
    cr_expect_not(report_exists(test, "r.html.new"));
    return report_read(out, &size);
}

/* Every element is closed in its turn, no name comes twice, every name that is used is there, nothing is
 * loaded from elsewhere. */
static void expect_well_formed(const report_case *test) {
    char line[3 * REPORT_PATH];
    snprintf(line, sizeof line, "python3 '%s/tests/report/check_html.py' '%s/r.html' >'%s/.said' 2>&1",
             GNEWT_SOURCE_DIR, test->folder, test->folder);
    const int state = system(line);
    char said[2 * REPORT_PATH];
    size_t size;
    snprintf(said, sizeof said, "%s/.said", test->folder);
    char *text = report_read(said, &size);
    cr_expect(WIFEXITED(state) && WEXITSTATUS(state) == 0, "%s", text);
    free(text);
}

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        found++;
    return found;
}

/* Three seeds of two optimisers, which end at 500 steps with exp(-5) times 1 + seed. */
static void add_two_groups(report_case *test) {
    for (uint64_t seed = 0; seed < 3; seed++) {
        char name[2][16];
        snprintf(name[0], sizeof name[0], "a%d", (int)seed);
        snprintf(name[1], sizeof name[1], "b%d", (int)seed);
        report_run run = {.name = name[0],
                          .seed = seed,
                          .plot = "{kind: metrics, title: The title, caption: My caption, expected: Much}",
                          .steps = 500,
                          .every = 10,
                          .value = report_decay};
        add(test, run);
        run.name = name[1];
        run.optimizer = GN;
        add(test, run);
    }
}

/* The last value of a column of metrics.csv. */
static double last_of_csv(const report_case *test, const char *run, const char *column) {
    char path[2 * REPORT_PATH];
    size_t size, index = 0;
    snprintf(path, sizeof path, "%s/%s/metrics.csv", test->folder, run);
    char *text = report_read(path, &size), *save = NULL, *cells = NULL;
    char *line = strtok_r(text, "\n", &save), *last = line;
    for (char *name = strtok_r(line, ",", &cells); strcmp(name, column) != 0;
         name = strtok_r(NULL, ",", &cells))
        index++;
    while ((line = strtok_r(NULL, "\n", &save)))
        last = line;
    for (; index > 0; index--)
        last = strchr(last, ',') + 1;
    const double value = strtod(last, NULL);
    free(text);
    return value;
}

Test(report_html, a_section_with_figure_caption_and_tables) {
    report_case test = report_start();
    gn_report report;
    add_two_groups(&test);
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_eq(report.drawn, 1);
    cr_expect_str_eq(report.trouble, "");
    cr_expect(report_exists(&test, "r-figures/case.png") && report_exists(&test, "r-figures/case.svg"));
    cr_expect_eq(report_entries(&test, "r-figures"), 2, "temporary files are left");
    static const char *const words[] = {"<h2>The title</h2>",
                                        "My caption",
                                        ">Much</p>",
                                        "lines: median over seeds 0–2",
                                        "<svg role=\"img\"",
                                        "href=\"r-figures/case.png\"",
                                        "3 of 3",
                                        "learning_rate: 0.02"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_not_null(strstr(html, words[i]), "no `%s`", words[i]);
    cr_expect_null(strstr(html, "Not all runs"));
    cr_expect_null(strstr(html, "class=\"tall\""));
    cr_expect_null(strstr(html, "Gnuplot"), "no tooltip of the program's name");
    free(html);
    report_end(&test);
}

Test(report_html, numbers_are_those_of_the_runs) {
    report_case test = report_start();
    gn_report report;
    add_two_groups(&test);
    char *html = report_of(&test, &report);
    double last[3];
    char number[GN_NUMBER], text[200];
    for (int seed = 0; seed < 3; seed++) { /* the table of every run */
        char run[16];
        snprintf(run, sizeof run, "b%d", seed);
        last[seed] = last_of_csv(&test, run, "loss_train");
        cr_assert_float_eq(last[seed], (1 + seed) * exp(-5), 1e-12);
        gn_number_text(last[seed], 6, number);
        snprintf(text, sizeof text, "<td>%d</td><td>finished</td><td>500</td><td>%s</td>", seed, number);
        cr_expect_eq(count(html, text), 2, "%s", text); /* seconds are the same number in this case */
    }
    char range[2][GN_NUMBER]; /* median and extremes at the end */
    gn_number_text(last[1], 3, number);
    snprintf(text, sizeof text, "<td>%s<small>[%s, %s]</small><small>95 %%: [%s, %s]</small></td>", number,
             gn_number_text(last[0], 3, range[0]), gn_number_text(last[2], 3, range[1]), range[0], range[1]);
    cr_expect_geq(count(html, text), 2, "%s", text);
    /* exp(-step / 100) <= 0.1 from step 230.26 on, 0.01 from 460.5 on; rows are 10 steps apart */
    cr_expect_eq(count(html, "<td>3 of 3</td><td>240</td>"), 4, "a tenth: two groups, two losses");
    cr_expect_eq(count(html, "<td>3 of 3</td><td>470</td>"), 4);
    cr_expect_null(strstr(html, "≤ 0.001<"), "that no run reached");
    free(html);
    report_end(&test);
}

/* A loss that stands still. */
static double stands(const report_run *run, size_t mode, double step) {
    (void)run, (void)mode, (void)step;
    return 0.5;
}

Test(report_html, settings_that_never_came_there_share_a_row) {
    report_case test = report_start();
    gn_report report;
    static const char *const optimizers[] = {"{label: A, kind: sgd}", "{label: B, kind: sgd, momentum: 0.5}",
                                             "{label: C, kind: adam}"};
    for (int i = 0; i < 3; i++)
        add(&test, (report_run){.name = i == 0   ? "a"
                                        : i == 1 ? "b"
                                                 : "c",
                                .optimizer = optimizers[i],
                                .plot = "{kind: metrics, columns: 1, metrics: [loss_test, passes, seconds]}",
                                .steps = 300,
                                .every = 10,
                                .value = i == 1 ? report_decay : stands});
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_eq(count(html, "rowspan=\"2\">≤ 0.1</th><th scope=\"row\">B</th><td>1 of 1</td><td>240</td>"),
                 2);
    cr_expect_eq(count(html, "<th scope=\"row\">A; C</th><td>none</td><td>never</td>"), 8,
                 "a tenth of two losses, three levels of two accuracies");
    cr_expect_not_null(strstr(html, "<svg role=\"img\" aria-label=\"case\" class=\"tall\""), "three panels");
    cr_expect_null(strstr(html, ">train<"), "no curve is of the training set");
    cr_expect_not_null(strstr(html, "test loss 0.5, "), "an empty range leaves nothing behind");
    free(html);
    report_end(&test);
}

/* Seven settings are told in tables of five and two; what only one of the five has is not said of the two. */
Test(report_html, tables_of_settings_leave_out_what_none_of_theirs_has) {
    report_case test = report_start();
    gn_report report;
    for (int i = 0; i < 7; i++) {
        char name[16], optimizer[96];
        snprintf(name, sizeof name, "%d", i);
        snprintf(optimizer, sizeof optimizer, "{label: %s%d, kind: %s, learning_rate: 0.%d%s}",
                 i ? "S" : "GN", i, i ? "sgd" : "gauss_newton", i + 1, i ? "" : ", cutoff: 1.0e-5");
        add(&test, (report_run){.name = name,
                                .optimizer = optimizer,
                                .plot = "{kind: metrics}",
                                .steps = 100,
                                .every = 10,
                                .value = report_decay});
    }
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_eq(count(html, "<tr><th scope=\"row\">phases.0.optimizer.learning_rate</th>"), 2);
    cr_expect_eq(count(html, "<tr><th scope=\"row\">phases.0.optimizer.cutoff</th>"), 1);
    free(html);
    report_end(&test);
}

/* As of a gnewt that did not record it yet. */
static void forget_processor_seconds(const report_case *test, const char *run) {
    char path[2 * REPORT_PATH];
    snprintf(path, sizeof path, "%s/%s/run.h5", test->folder, run);
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    cr_assert(file >= 0 && H5Ldelete(file, "/metrics/processor_seconds", H5P_DEFAULT) >= 0);
    cr_assert(H5Fclose(file) >= 0);
}

/* 0.0907 = exp(-2.4), recorded in all columns alike. */
Test(report_html, processor_seconds_are_shown_of_groups_whose_runs_all_have_them) {
    report_case test = report_start();
    gn_report report;
    add_two_groups(&test);
    forget_processor_seconds(&test, "a1");
    char *html = report_of(&test, &report);
    const char *spent = "<td>240</td><td>0.181<small>[0.0907, 0.272]</small></td>";
    char text[200];
    snprintf(text, sizeof text, "%s<td>–</td>", spent);
    cr_expect_eq(count(html, text), 2, "two losses of the group that does not tell");
    snprintf(text, sizeof text, "%s%s", spent, spent + strlen("<td>240</td>"));
    cr_expect_eq(count(html, text), 2, "two losses of the other");
    free(html);
    report_end(&test);
}

Test(report_html, names_are_text_whatever_is_in_them) {
    report_case test = report_start();
    gn_report report;
    add(&test,
        (report_run){.name = "a",
                     .optimizer = "{label: 'SGD & <b>\"x\"', kind: sgd}",
                     .plot =
                         "{kind: metrics, title: \"<script>alert('1')</script>\", caption: 'id=\"x\" & </p>',"
                         " expected: '</div> <i>'}",
                     .steps = 100,
                     .every = 5,
                     .value = report_decay});
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_null(strstr(html, "<script"));
    cr_expect_null(strstr(html, "<b>"));
    cr_expect_null(strstr(html, "<i>"));
    cr_expect_not_null(strstr(html, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
    cr_expect_not_null(strstr(html, "SGD &amp; &lt;b&gt;&quot;x&quot;"));
    cr_expect_not_null(strstr(html, "&lt;/div&gt; &lt;i&gt;"));
    free(html);
    report_end(&test);
}

Test(report_html, runs_that_did_not_end_are_told_and_not_counted) {
    report_case test = report_start();
    gn_report report;
    static const char *const states[] = {"finished", "diverged", "running"};
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        add(&test, (report_run){.name = name,
                                .seed = (uint64_t)i,
                                .state = states[i],
                                .plot = "{kind: metrics}",
                                .steps = 100,
                                .every = 5,
                                .value = report_decay});
    }
    char path[2 * REPORT_PATH];
    snprintf(path, sizeof path, "%s/sweep.yaml", test.folder);
    FILE *summary = fopen(path, "w");
    fputs("- directory: '1'\n  state: diverged\n  message: 'diverged at step 100: <inf>'\n"
          "- directory: '3'\n  state: failed\n  message: 'no memory'\n",
          summary);
    fclose(summary);
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_not_null(strstr(html, "Not all runs"));
    cr_expect_not_null(strstr(html, "seed 1: <strong>diverged</strong>, last row at step 100"));
    cr_expect_not_null(strstr(html, "seed 2: <strong>running, or killed</strong>"));
    cr_expect_not_null(strstr(html, "diverged at step 100: &lt;inf&gt;"));
    cr_expect_not_null(
        strstr(html, "<strong>no run that can be read</strong>; the sweep calls it failed: no memory"));
    cr_expect_not_null(strstr(html, "<td>1 of 3</td>"));
    free(html);
    report_end(&test);
}

Test(report_html, a_run_without_rows_is_told) {
    report_case test = report_start();
    gn_report report;
    add(&test, (report_run){.name = "a", .state = "failed", .plot = "{kind: metrics}", .steps = 10});
    char *html = report_of(&test, &report);
    expect_well_formed(&test);
    cr_expect_eq(report.drawn, 0);
    cr_expect_neq(report.trouble[0], '\0');
    cr_expect_not_null(strstr(html, "There is no figure"));
    cr_expect_not_null(strstr(html, "<strong>failed</strong>, without a recorded row"));
    cr_expect_not_null(strstr(html, "no run came to its end"));
    free(html);
    report_end(&test);
}

Test(report_html, several_experiments_are_sections_with_figures_of_their_own) {
    report_case test = report_start();
    gn_report report;
    char paths[2][REPORT_PATH], out[2 * REPORT_PATH];
    for (int i = 0; i < 2; i++) {
        report_run run = {.name = i == 0 ? "a" : "b",
                          .plot = "{kind: metrics}",
                          .steps = 100,
                          .every = 5,
                          .value = report_decay};
        report_write(&test, &run, paths[i]);
    }
    snprintf(out, sizeof out, "%s/r.html", test.folder);
    cr_assert_eq(gn_report_write((const char *const[]){paths[0], paths[1]}, 2, out, &report), GN_OK, "%s",
                 report.message.text);
    expect_well_formed(&test);
    cr_expect(report_exists(&test, "r-figures/case.png") && report_exists(&test, "r-figures/case-2.png"));
    size_t size;
    char *html = report_read(out, &size);
    cr_expect_eq(count(html, "<section"), 2);
    cr_expect_not_null(strstr(html, "href=\"#experiment-2\""));
    cr_expect_not_null(strstr(html, "Figure 2."));
    free(html);
    report_end(&test);
}
