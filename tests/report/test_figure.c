/* Whole figures, from run directories to PNG and SVG. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "report_case.h"

TestSuite(report_figure);

static const char GN[] = "{label: GN, kind: gauss_newton, learning_rate: 0.02}";

/* Draws what lies in the case's folder; the text of the SVG is the caller's. */
static char *draw(report_case *test, const char *out) {
    static gn_figure_report report;
    const char *path = test->folder;
    cr_assert_eq(gn_figure_write(&path, 1, out, &report), GN_OK, "%s", report.message.text);
    size_t size;
    char *png = report_read(report.png, &size);
    cr_expect(size > 10000 && !memcmp(png, "\x89PNG\r\n", 6), "%s is no picture", report.png);
    free(png);
    return report_read(report.svg, &size);
}

static gn_status draw_failing(report_case *test) {
    static gn_figure_report report;
    const char *path = test->folder;
    gn_status status = gn_figure_write(&path, 1, NULL, &report);
    test->message = report.message;
    cr_expect_eq(report.png[0], 0);
    cr_expect_eq(report.svg[0], 0);
    return status;
}

static void add(report_case *test, report_run run) {
    char path[REPORT_PATH];
    report_write(test, &run, path);
}

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        found++;
    return found;
}

Test(report_figure, fourier_has_a_panel_a_group_and_a_colour_a_mode) {
    report_case test = report_start();
    for (uint64_t seed = 0; seed < 3; seed++) {
        char name[2][16];
        snprintf(name[0], sizeof name[0], "a%d", (int)seed);
        snprintf(name[1], sizeof name[1], "b%d", (int)seed);
        report_run run = {.name = name[0],
                          .seed = seed,
                          .plot = "{kind: fourier, title: The title, rate: true}",
                          .steps = 500,
                          .every = 10,
                          .modes = 4,
                          .value = report_decay};
        add(&test, run);
        run.name = name[1];
        run.optimizer = GN;
        add(&test, run);
    }
    char *svg = draw(&test, NULL);
    cr_expect(report_exists(&test, "figures/case.png") && report_exists(&test, "figures/case.svg"));
    cr_expect_eq(report_entries(&test, "figures"), 2, "temporary files are left");
    cr_expect_not_null(strstr(svg, "The title"));
    cr_expect_not_null(strstr(svg, ">SGD<"));
    cr_expect_not_null(strstr(svg, ">GN<"));
    cr_expect_not_null(strstr(svg, ">mode 4<"));
    cr_expect_null(strstr(svg, "mode 5"));
    cr_expect_not_null(strstr(svg, "(1 − η)"), "the guide of the GN panel has a legend");
    cr_expect_not_null(strstr(svg, "0–2, bands"));
    cr_expect_not_null(strstr(svg, "1-8-1"));
    free(svg);
    report_end(&test);
}

Test(report_figure, shells_where_the_grid_has_two_axes) {
    report_case test = report_start();
    add(&test, (report_run){.name = "a",
                            .steps = 100,
                            .every = 10,
                            .modes = 3,
                            .shells = true,
                            .value = report_decay}); /* no plot: modes are drawn where they were observed */
    char *svg = draw(&test, NULL);
    cr_expect_not_null(strstr(svg, ">shell 3<"));
    free(svg);
    report_end(&test);
}

/* What the data of a failed experiment look like. */
static double broken(const report_run *run, size_t mode, double step) {
    (void)run;
    return mode == 1 ? 0 : step > 60 ? NAN : mode == 2 ? exp(step) : step == 30 ? INFINITY : 1 / (1 + step);
}

Test(report_figure, zeros_nan_and_divergence_are_drawn_as_far_as_they_go) {
    report_case test = report_start();
    add(&test, (report_run){.name = "a",
                            .state = "diverged",
                            .plot = "{kind: fourier, x_scale: log}",
                            .steps = 100,
                            .every = 10,
                            .modes = 3,
                            .value = broken});
    char *svg = draw(&test, NULL);
    cr_expect_not_null(strstr(svg, "diverged"));
    free(svg);
    report_end(&test);
}

static double not_a_number(const report_run *run, size_t mode, double step) {
    (void)run;
    (void)mode;
    (void)step;
    return NAN;
}

Test(report_figure, nothing_to_draw_is_an_error) {
    report_case test = report_start();
    add(&test, (report_run){.name = "a",
                            .plot = "{kind: fourier}",
                            .steps = 10,
                            .every = 5,
                            .modes = 2,
                            .value = not_a_number});
    cr_expect_eq(draw_failing(&test), GN_ERROR_FORMAT);
    cr_expect_not_null(strstr(test.message.text, "finite"), "%s", test.message.text);
    report_end(&test);
}

Test(report_figure, runs_without_rows_are_an_error) {
    report_case test = report_start();
    add(&test, (report_run){.name = "a", .plot = "{kind: metrics}", .steps = 10});
    cr_expect_neq(draw_failing(&test), GN_OK);
    cr_expect_neq(test.message.text[0], 0);
    report_end(&test);
}

Test(report_figure, modes_that_no_run_recorded_are_named) {
    report_case test = report_start();
    add(&test, (report_run){.name = "a", .plot = "{kind: fourier}", .steps = 10, .modes = 2});
    cr_expect_eq(draw_failing(&test), GN_ERROR_FORMAT);
    cr_expect_not_null(strstr(test.message.text, "fourier"), "%s", test.message.text);
    report_end(&test);
}

Test(report_figure, metrics_has_a_panel_a_family_and_a_bar_a_phase) {
    report_case test = report_start();
    add(&test,
        (report_run){.name = "a",
                     .phases = "[{steps: 40, optimizer: {label: LM, kind: levenberg_marquardt}},"
                               " {steps: 60, optimizer: {label: AdamW, kind: adamw}}]",
                     .plot = "{kind: metrics, metrics: [loss_train, loss_test, accuracy_train, damping]}",
                     .steps = 100,
                     .every = 5,
                     .value = report_decay});
    char *svg = draw(&test, NULL);
    cr_expect_not_null(strstr(svg, ">LM, then AdamW<"));
    cr_expect_not_null(strstr(svg, "mean loss"));
    cr_expect_not_null(strstr(svg, ">accuracy<"));
    cr_expect_not_null(strstr(svg, ">test<"));
    cr_expect_not_null(strstr(svg, "phase change"));
    cr_expect_eq(count(svg, "training step"), 3, "a step axis a panel");
    free(svg);
    report_end(&test);
}

/* 1 + seed, so that the median of three seeds is 2, whatever the step. */
static double steady(const report_run *run, size_t mode, double step) {
    (void)mode, (void)step;
    return 1 + (double)run->seed;
}

Test(report_figure, what_an_observer_saw_is_a_panel) {
    report_case test = report_start();
    for (uint64_t seed = 0; seed < 3; seed++) {
        char name[16];
        snprintf(name, sizeof name, "%d", (int)seed);
        add(&test, (report_run){.name = name,
                                .seed = seed,
                                .plot = "{kind: metrics, metrics: [accuracy_train, norms/weight_norm]}",
                                .steps = 100,
                                .every = 5,
                                .norms = true,
                                .value = steady});
    }
    char *svg = draw(&test, NULL);
    cr_expect_not_null(strstr(svg, "weight norm"));
    cr_expect_not_null(strstr(svg, ">accuracy<"));
    cr_expect_eq(count(svg, "training step"), 2, "a step axis a panel");
    cr_expect_not_null(strstr(svg, ">3<"), "a linear axis up to the largest norm, 3");
    free(svg);
    report_end(&test);
}

/* A bar for each seed's own end of a phase, and the axis ends with the longest run. */
Test(report_figure, metrics_has_a_bar_where_a_phase_ended) {
    report_case test = report_start();
    static const double ends[2][3] = {{10, 30}, {20, 40}};
    size_t bars[2];
    for (size_t i = 0; i < 2; i++) {
        report_run run = {.name = i == 0 ? "a" : "b",
                          .seed = i > 0,
                          .phases = "[{steps: 60, optimizer: {label: LM, kind: levenberg_marquardt}},"
                                    " {steps: 60, optimizer: {label: AdamW, kind: adamw}}]",
                          .plot = "{kind: metrics, metrics: [loss_train]}",
                          .steps = 30,
                          .every = 5,
                          .value = report_decay};
        memcpy(run.ends, ends[i], sizeof run.ends);
        add(&test, run);
        char *svg = draw(&test, NULL);
        bars[i] = count(svg, "stroke-dasharray=");
        cr_expect_null(strstr(svg, ">60<"), "the axis goes beyond the runs");
        free(svg);
    }
    cr_expect_eq(bars[1], bars[0] + 1);
    report_end(&test);
}

Test(report_figure, metrics_has_a_panel_a_value_of_a_key) {
    report_case test = report_start();
    static const char *const optimizers[] = {NULL, GN, "{label: LM, kind: levenberg_marquardt}"};
    for (int i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        add(&test,
            (report_run){.name = name,
                         .optimizer = optimizers[i / 3],
                         .points = (size_t)(100 + i % 3),
                         .plot = "{kind: metrics, metrics: [loss_train, accuracy_train], panels: phases.0}",
                         .steps = 100,
                         .every = 5,
                         .value = report_decay});
    }
    char *svg = draw(&test, NULL);
    cr_expect_eq(count(svg, ">SGD<"), 2, "a row for the loss and one for the accuracy");
    cr_expect_eq(count(svg, ">LM<"), 2);
    cr_expect_eq(count(svg, ">points = 101<"), 1, "one legend for all");
    cr_expect_eq(count(svg, ">mean loss<"), 1, "at the first of a row");
    cr_expect_eq(count(svg, ">training step<"), 3, "below the last panel of each column");
    cr_expect_eq(count(svg, "CC79A7") + count(svg, "cc79a7"), 0, "three colours are enough");
    free(svg);
    report_end(&test);
}

/* The dashes of the curves of so many groups in one panel. */
static size_t dashes_of(int groups) {
    report_case test = report_start();
    for (int i = 0; i < groups; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        add(&test, (report_run){.name = name,
                                .points = (size_t)(10 + i),
                                .plot = "{kind: metrics, metrics: [loss_train]}",
                                .steps = 20,
                                .every = 10,
                                .value = report_decay});
    }
    char *svg = draw(&test, NULL);
    size_t found = count(svg, "stroke-dasharray");
    free(svg);
    report_end(&test);
    return found;
}

Test(report_figure, more_lines_than_colours_are_dashed) {
    size_t none = dashes_of(7);
    cr_expect_eq(dashes_of(9), none + 4, "two curves and their samples");
}

Test(report_figure, a_list_too_long_for_the_caption_ends_in_dots) {
    report_case test = report_start();
    for (int i = 0; i < 30; i++) {
        char name[16], optimizer[128];
        snprintf(name, sizeof name, "%d", i);
        snprintf(optimizer, sizeof optimizer,
                 "{label: LM, kind: levenberg_marquardt, damping: {value: 1.23%02de-5}}", i + 10);
        add(&test, (report_run){.name = name,
                                .optimizer = optimizer,
                                .plot = "{kind: metrics, metrics: [loss_train]}",
                                .steps = 20,
                                .every = 10,
                                .value = report_decay});
    }
    char *svg = draw(&test, NULL);
    cr_expect_eq(count(svg, ", …"), 1);
    cr_expect_not_null(strstr(svg, "1.231e-5, 1.2311e-5, "));
    free(svg);
    report_end(&test);
}

Test(report_figure, the_caption_names_what_a_rule_has) {
    report_case test = report_start();
    add(&test, (report_run){.name = "0",
                            .optimizer = "{label: L, kind: lbfgs}",
                            .plot = "{kind: metrics, metrics: [loss_train]}",
                            .steps = 20,
                            .every = 10,
                            .value = report_decay});
    char *svg = draw(&test, NULL);
    cr_expect_not_null(strstr(svg, "learning rate η = 1; first-order rules: mean loss; steps: 20;"));
    cr_expect_null(strstr(svg, "damping"));
    cr_expect_null(strstr(svg, "decay"));
    free(svg);
    report_end(&test);
}

/* All that a reader needs to repeat it, of every phase, each value once. */
Test(report_figure, the_caption_has_decay_scales_and_steps) {
    report_case test = report_start();
    add(&test, (report_run){.name = "0",
                            .phases = "[{steps: 15, optimizer: {label: A, kind: adamw, weight_decay: 0.25}},"
                                      " {steps: 5, optimizer: {label: L, kind: levenberg_marquardt}}]",
                            .network = "{kind: mlp, widths: [1, 8, 1], init_scale: 8, output_scale: 100, "
                                       "centred: true}",
                            .plot = "{kind: metrics, metrics: [loss_train]}",
                            .steps = 20,
                            .every = 10,
                            .value = report_decay});
    static gn_figure_report report;
    const char *path = test.folder;
    cr_assert_eq(gn_figure_write(&path, 1, NULL, &report), GN_OK, "%s", report.message.text);
    cr_expect_not_null(strstr(report.caption, "(parameters × 8, outputs × 100, centred); full batch; "));
    cr_expect_not_null(strstr(report.caption, "η = 0.001, 1; weight decay 0.25; damping µ = 0.001; "));
    cr_expect_not_null(strstr(report.caption, "mean loss; steps: 15, 5; float64; seed 0."));
    report_end(&test);
}

Test(report_figure, many_groups_make_rows) {
    report_case test = report_start();
    for (int i = 0; i < 7; i++) {
        char name[16], optimizer[96];
        snprintf(name, sizeof name, "%d", i);
        snprintf(optimizer, sizeof optimizer, "{label: GN, kind: gauss_newton, cutoff: 1.0e-%d}", i + 3);
        add(&test, (report_run){.name = name,
                                .optimizer = optimizer,
                                .plot = "{kind: fourier}",
                                .steps = 3000,
                                .every = 1,
                                .modes = 2,
                                .value = report_decay});
    }
    char *svg = draw(&test, NULL);
    cr_expect_eq(count(svg, ">GN, cutoff = 1.0e-"), 7);
    cr_expect_eq(count(svg, ">training step<"), 4, "below the last panel of each column");
    free(svg);
    report_end(&test);
}

Test(report_figure, names_do_no_harm) {
    report_case test = report_start();
    add(&test, (report_run){.name = "it's `touch x` $(touch y)",
                            .optimizer = "{label: \"a_b'c `touch z` {d} <e> & f\", kind: sgd}",
                            .plot = "{kind: metrics, title: \"' ; system('touch w') ; '\"}",
                            .steps = 20,
                            .every = 10,
                            .value = report_decay});
    char out[2 * REPORT_PATH];
    snprintf(out, sizeof out, "%s/new folder/it's ^{a}.v1.png", test.folder);
    char *svg = draw(&test, out);
    cr_expect(report_exists(&test, "new folder/it's ^{a}.v1.png"));
    cr_expect(report_exists(&test, "new folder/it's ^{a}.v1.svg"));
    cr_expect_eq(report_entries(&test, "new folder"), 2);
    cr_expect_not_null(strstr(svg, "a_b'c `touch z` {d} &lt;e> &amp; f"), "the label as it stands");
    cr_expect_not_null(strstr(svg, "' ; system('touch w') ; '"));
    free(svg);
    report_end(&test);
}

Test(report_figure, several_paths_are_drawn_beside_the_first) {
    report_case test = report_start();
    char a[REPORT_PATH], b[REPORT_PATH];
    report_run run = {.name = "a", .steps = 20, .every = 10, .value = report_decay};
    report_write(&test, &run, a);
    run.name = "b";
    run.seed = 1;
    report_write(&test, &run, b);
    static gn_figure_report report;
    const char *const paths[] = {a, b};
    cr_assert_eq(gn_figure_write(paths, 2, NULL, &report), GN_OK, "%s", report.message.text);
    cr_expect(report_exists(&test, "figures/case.png"));
    cr_assert_eq(gn_figure_write(paths, 1, NULL, &report), GN_OK, "%s", report.message.text);
    cr_expect(report_exists(&test, "a/figures/case.svg"));
    report_end(&test);
}
