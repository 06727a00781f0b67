/* Runs whose steps follow those of an earlier one. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

#define PROBLEM                                                                                              \
    "problem: {kind: multi_sine_1d, points: 20, test_points: 10}\n"                                          \
    "network: {kind: mlp, widths: [1, 8, 1]}\n"

static const char lm[] =
    "name: lm\n" PROBLEM "phases:\n"
    "  - steps: 12\n"
    "    optimizer: {kind: levenberg_marquardt, learning_rate: 0.3, damping: {value: 0.1}}\n"
    "observe:\n"
    "  - {kind: metrics, every: 1}\n";
static const char gd[] =
    "name: gd\n" PROBLEM "phases:\n"
    "  - steps: 9\n"
    "    optimizer: {kind: sgd, learning_rate: 1, step_size: {kind: recorded_norm, reference: lm}}\n"
    "observe:\n"
    "  - {kind: metrics, every: 1}\n";

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "lm.yaml", lm);
    write_file(folder, "gd.yaml", gd);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(reference, .init = setup, .fini = teardown, .timeout = 120);

static gn_series metric(const char *name, const char *of) {
    char path[512];
    gn_message message = {0};
    gn_run run;
    gn_series series;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_run_metric(&run, of, &series, &message), GN_OK, "%s", message.text);
    gn_run_close(&run);
    return series;
}

/* Row k of a run is row k of its reference. */
static void expect_followed(const char *run, const char *reference, const char *of, double tolerance) {
    gn_series a = metric(run, of), b = metric(reference, of);
    cr_assert(a.rows == 10 && b.rows == 13, "%zu and %zu rows", a.rows, b.rows);
    for (size_t k = 1; k < a.rows; k++)
        cr_expect_float_eq(a.values[k] / b.values[k], 1, tolerance, "%s, row %zu: %.15g, not %.15g", of, k,
                           a.values[k], b.values[k]);
    gn_series_free(&a);
    gn_series_free(&b);
}

static void expect_mistake(const char *arguments, const char *message) {
    const command_result result = expect_command(folder, arguments, 2);
    cr_expect(strstr(result.err, message) != NULL, "%s: %s", message, result.err);
}

Test(reference, steps_have_the_recorded_norms) {
    expect_command(folder, "run lm.yaml --out lm --quiet", 0);
    expect_command(folder, "run gd.yaml --out gd --quiet", 0);
    expect_followed("gd", "lm", "step_norm", 1e-12);
}

/* Gradient descent reaches these losses, of a few cautious steps. */
Test(reference, steps_reach_the_recorded_losses) {
    expect_command(folder, "run lm.yaml --out lm --quiet --set phases.0.optimizer.learning_rate=1e-3", 0);
    expect_command(folder,
                   "run gd.yaml --out gd --quiet --set phases.0.optimizer.step_size.kind=recorded_loss", 0);
    expect_followed("gd", "lm", "loss_train", 1e-7);
    expect_mistake(
        "run gd.yaml --out part --set phases.0.optimizer.step_size.kind=recorded_loss --set batch.size=5",
        "batch.size full");
}

Test(reference, among_runs_that_of_the_seed_is_taken) {
    expect_command(folder, "run lm.yaml --out runs/a --quiet --seed 3", 0);
    expect_command(folder, "run lm.yaml --out runs/b --quiet --seed 4", 0);
    expect_command(
        folder, "run gd.yaml --out gd --quiet --seed 4 --set phases.0.optimizer.step_size.reference=runs", 0);
    expect_followed("gd", "runs/b", "step_norm", 1e-12);
    expect_mistake("run gd.yaml --out g5 --seed 5 --set phases.0.optimizer.step_size.reference=runs",
                   "nor does it hold one of seed 5");
    expect_command(folder, "run lm.yaml --out runs/c --quiet --seed 4", 0);
    expect_mistake("run gd.yaml --out g4 --seed 4 --set phases.0.optimizer.step_size.reference=runs",
                   "several runs of seed 4");
}

/* A sweep's folder may have several runs of a seed: that with the same problem and network is followed. */
Test(reference, among_runs_that_of_the_problem_and_network_is_taken) {
    expect_command(folder, "run lm.yaml --out runs/a --quiet", 0);
    expect_command(folder, "run lm.yaml --out runs/b --quiet --set network.init_scale=0.5", 0);
    expect_command(folder, "run lm.yaml --out runs/c --quiet --set network.widths=[1,9,1]", 0);
    expect_command(folder, "run lm.yaml --out runs/d --quiet --set problem.points=21", 0);
    expect_command(folder, "run lm.yaml --out runs/e --quiet --set network.activation=sin", 0);
    static const char *const settings[][2] = {{"a", "network.init_scale=1.0"},
                                              {"b", "network.init_scale=5.0e-1"},
                                              {"c", "network.widths=[1,9,1]"},
                                              {"d", "problem.points=21"},
                                              {"e", "network.activation=sin"}};
    char line[256], run[16];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        snprintf(line, sizeof line,
                 "run gd.yaml --out gd%zu --quiet --set phases.0.optimizer.step_size.reference=runs --set %s",
                 i, settings[i][1]);
        expect_command(folder, line, 0);
        snprintf(line, sizeof line, "gd%zu", i);
        snprintf(run, sizeof run, "runs/%s", settings[i][0]);
        expect_followed(line, run, "step_norm", 1e-12);
    }
    expect_mistake("run gd.yaml --out no --set phases.0.optimizer.step_size.reference=runs "
                   "--set network.widths=[1,7,1]",
                   "nor does it hold one of seed 0 that has this problem and network");
}

/* The data are the same whichever way their path takes. */
Test(reference, data_are_known_by_their_place) {
    static const char *const data[] = {"data", "../experiments/data"};
    static const char line[] = "%s --quiet --set network.widths=[64,4,10] --set 'problem={kind: idx, "
                               "folder: " GNEWT_SOURCE_DIR "/experiments/%s/digits, train_count: 20, "
                               "test_count: 10}'";
    char text[1024];
    snprintf(text, sizeof text, line, "run lm.yaml --out runs/a", data[0]);
    expect_command(folder, text, 0);
    snprintf(text, sizeof text, line,
             "run gd.yaml --out gd --set phases.0.optimizer.step_size.reference=runs", data[1]);
    expect_command(folder, text, 0);
    expect_followed("gd", "runs/a", "step_norm", 1e-12);
}

Test(reference, what_was_not_recorded_is_not_made_up) {
    expect_mistake("run gd.yaml --out gd", "gd.yaml:6: phases.0.optimizer.step_size.reference: ");
    expect_command(folder, "run lm.yaml --out lm --quiet --set observe.0.every=5", 0);
    expect_mistake("run gd.yaml --out gd", "has no row of step 1: run it with `- {kind: metrics, every: 1}`");
    expect_mistake("check gd.yaml", "has no row of step 1");
    expect_command(folder, "run lm.yaml --out short --quiet --set phases.0.steps=4", 0);
    expect_mistake("run gd.yaml --out gd --set phases.0.optimizer.step_size.reference=short",
                   "has recorded 4 steps, the phase may take 9");
}
