/* What the figure of the observer curvature is made of. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/gnuplot.h"
#include "report/runs.h"
#include "report_case.h"
#include "run/directory.h"

/* Eigenvalues 2 and 1 at every look. */
static void observe(report_case *test, const char *path) {
    static const char *const names[] = {"ggn_top", "ggn_nodes", "ggn_weights"};
    const size_t shapes[3][2] = {{1, 1}, {1, 2}, {1, 2}};
    const double values[3][2] = {{2}, {1, 2}, {0.5, 0.5}};
    gn_directory *directory;
    cr_assert_eq(gn_directory_continue(path, 20, &directory, &test->message), GN_OK, "%s",
                 test->message.text);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(gn_directory_observe(directory, "curvature", 0, names[i], i > 0 ? 2 : 1,
                                          i > 0 ? shapes[i] : shapes[0], values[i], &test->message),
                     GN_OK, "%s", test->message.text);
    cr_assert_eq(gn_directory_close(directory, "finished", &test->message), GN_OK);
}

/* SGD for 4 steps at most, which ended after 3, then Adam up to 9, then SGD to the end. */
Test(curvature_figure, limits_are_of_the_steps_that_were_taken) {
    report_case test = report_start();
    const report_run run = {.name = "a",
                            .steps = 20,
                            .phases =
                                "[{steps: 4, optimizer: {label: one, kind: sgd, learning_rate: 0.5}},"
                                " {steps: 6, optimizer: {label: two, kind: adamw}},"
                                " {steps: 10, optimizer: {label: three, kind: sgd, learning_rate: 0.25}}]\n"
                                "observe: [{kind: curvature, hessian: false}]",
                            .ends = {3, 9}};
    char path[REPORT_PATH], text[16384];
    const char *paths[] = {test.folder};
    gn_run_set set;
    gn_script script;
    report_write(&test, &run, path);
    observe(&test, path);
    cr_assert_eq(gn_run_set_open(paths, 1, &set, &test.message), GN_OK, "%s", test.message.text);
    cr_assert_eq(gn_script_open(&script, test.folder, &test.message), GN_OK);
    cr_assert_eq(gn_curvature_figure(&set, &script, &test.message), GN_OK, "%s", test.message.text);
    rewind(script.file);
    text[fread(text, 1, sizeof text - 1, script.file)] = 0;
    cr_expect_not_null(strstr(text, "\n0 4\n3 4\n\n9 8\n20 8\n\nNaN NaN\n"), "%s", text);
    gn_script_close(&script);
    gn_run_set_destroy(&set);
    report_end(&test);
}
