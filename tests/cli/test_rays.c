/* The observer rays in runs, and its figure. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

static const char config[] =
    "name: along\n"
    "problem: {kind: polynomial, features: 4, points: 30, test_points: 20}\n"
    "network: {kind: committee, hidden: 20, centred: true}\n"
    "phases: [{steps: 12, optimizer: {label: LM, kind: levenberg_marquardt,\n"
    "          learning_rate: 0.5, damping: {value: 1.0e-6}}}]\n"
    "observe: [{kind: rays, points: 16, every: 4}]\n"
    "plot: {kind: metrics, metrics: [loss_train, loss_test, rays/nyquist_error_train,\n"
    "       rays/nyquist_error_test], panels: phases.0.optimizer.label, lines: network.alpha}\n"
    "sweep:\n"
    "  - key: settings\n"
    "    values:\n"
    "      - {network.alpha: 0.5, phases.0.optimizer: {label: GD, kind: sgd}}\n"
    "      - {network.alpha: 0.5}\n"
    "      - {network.alpha: 2}\n";

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(rays, .init = setup, .fini = teardown, .timeout = 120);

/* Two panels a row, a colour for each alpha, both rays as solid and dashed lines. */
Test(rays, are_drawn_under_the_losses) {
    static const char *const words[] = {"error on rays at the largest frequency",
                                        "mean loss",
                                        "GD",
                                        "LM",
                                        "alpha = 0.5",
                                        "alpha = 2",
                                        "train",
                                        "test"};
    expect_command(folder, "sweep c.yaml --out s", 0);
    char *svg = read_file(folder, "s/figures/along.svg");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_not_null(strstr(svg, words[i]), "%s", words[i]);
    cr_expect_null(strstr(svg, "learning_rate"));
    free(svg);
}

/* A centred network begins with all of the target; LM on 30 samples learns it on both rays. */
Test(rays, are_recorded) {
    gn_message message = {0};
    gn_run run;
    gn_series series;
    char path[512];
    expect_command(folder, "run c.yaml --quiet --set sweep=[] --out r", 0);
    snprintf(path, sizeof path, "%s/r", folder);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    static const char *const names[] = {"nyquist_error_train", "nyquist_error_test", "first_error_train",
                                        "first_error_test"};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(gn_run_observation(&run, "rays", names[i], &series, &message), GN_OK, "%s",
                     message.text);
        cr_assert_eq(series.rows, 4);
        cr_expect_float_eq(series.values[0], 1, 1e-12, "%s", names[i]);
        cr_expect_lt(series.values[3], 0.2, "%s: %g", names[i], series.values[3]);
        gn_series_free(&series);
    }
    gn_run_close(&run);
}

Test(rays, what_is_refused) {
    command_result wrong =
        expect_command(folder, "check c.yaml --set sweep=[] --set plot.lines=network.beta", 2);
    cr_expect_not_null(strstr(wrong.err, "plot.lines is `network.beta`, which is no key"), "%s", wrong.err);
    wrong = expect_command(folder, "run c.yaml --set sweep=[] --set observe.0.points=7 --out w", 2);
    cr_expect_not_null(strstr(wrong.err, "it must be even"), "%s", wrong.err);
}
