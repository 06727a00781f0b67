/* What the figure of the observer nudft is made of. */
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"
#include "report/gnuplot.h"
#include "report/runs.h"
#include "report_case.h"
#include "run/directory.h"

/* Frequencies 0 and 7; the error falls from 4 and 2 by the step, times 1 + seed. */
static void observe(report_case *test, const char *path, double seed, bool tests) {
    const size_t shape = 2;
    gn_directory *directory;
    cr_assert_eq(gn_directory_continue(path, 20, &directory, &test->message), GN_OK, "%s",
                 test->message.text);
    for (size_t step = 0; step <= 20; step += 10) {
        const double factor = (1 + seed) / (1 + (double)step);
        const double frequency[] = {0, 7}, target[] = {0.25, 0.125}, error[] = {4 * factor, 2 * factor};
        const struct {
            const char *name;
            const double *values;
        } arrays[] = {{"frequency", frequency},
                      {"target_train", target},
                      {tests ? "error_test" : "error_train", error},
                      {tests ? "target_test" : NULL, target}};
        for (size_t i = 0; i < 4 && arrays[i].name; i++)
            cr_assert_eq(gn_directory_observe(directory, "nudft", step, arrays[i].name, 1, &shape,
                                              arrays[i].values, &test->message),
                         GN_OK, "%s", test->message.text);
    }
    cr_assert_eq(gn_directory_close(directory, "finished", &test->message), GN_OK);
}

/* The script of the figure of three seeds. */
static void draw(bool tests, char *text, size_t size) {
    report_case test = report_start();
    char path[REPORT_PATH];
    const char *paths[] = {test.folder};
    gn_run_set set = {0};
    gn_script script;
    for (uint64_t seed = 0; seed < 3; seed++) {
        const char *const names[] = {"a", "b", "c"};
        const report_run run = {.name = names[seed],
                                .seed = seed,
                                .phases = "[{steps: 20, optimizer: {label: SGD, kind: sgd}}]\n"
                                          "observe: [{kind: nudft}]",
                                .plot = "{kind: nudft, x_scale: log}",
                                .steps = 20,
                                .every = 10,
                                .value = report_decay};
        report_write(&test, &run, path);
        observe(&test, path, (double)seed, tests);
    }
    cr_assert_eq(gn_run_set_open(paths, 1, &set, &test.message), GN_OK, "%s", test.message.text);
    cr_assert_eq(gn_script_open(&script, test.folder, &test.message), GN_OK);
    cr_assert_eq(gn_nudft_figure(&set, &script, &test.message), GN_OK, "%s", test.message.text);
    rewind(script.file);
    text[fread(text, 1, size - 1, script.file)] = 0;
    gn_script_close(&script);
    gn_run_set_destroy(&set);
    report_end(&test);
}

/* Five looks of three rows: the first, the first again, the second twice, the last; the middle seed's. */
Test(nudft_figure, has_medians_at_steps_of_the_runs) {
    static char text[65536];
    draw(true, text, sizeof text);
    cr_expect_not_null(strstr(text, "\n0 8\n7 4\nNaN NaN\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\n0 0.727272727\n7 0.363636364\nNaN NaN\n"), "%s", text);
    cr_expect_not_null(strstr(text, "\n0 0.380952381\n7 0.19047619\nNaN NaN\n"), "%s", text);
    cr_expect_not_null(strstr(text, "at steps 0, 0, 10, 10, 20"), "%s", text);
    cr_expect_not_null(strstr(text, "test loss"));
    cr_expect_not_null(strstr(text, "set xtics 1\nunset mxtics\n"), "a linear axis below a logarithmic one");
    cr_expect_not_null(strstr(text, "\n0 0.25\n7 0.125\nNaN NaN\n"), "the targets are there");
}

Test(nudft_figure, takes_the_training_error_without_a_test_set) {
    static char text[65536];
    draw(false, text, sizeof text);
    cr_expect_not_null(strstr(text, "\n0 8\n7 4\nNaN NaN\n"), "%s", text);
    cr_expect_null(strstr(text, "test loss"));
}
