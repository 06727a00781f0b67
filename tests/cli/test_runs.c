/* Runs that stop and go on, and grids of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
    write_file(folder, "g.yaml", grid_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(runs, .init = setup, .fini = teardown, .timeout = 120);

static gn_run open_run(const char *name) {
    char path[512];
    gn_message message = {0};
    gn_run run;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    return run;
}

static void expect_same_series(gn_series *a, gn_series *b, const char *name) {
    cr_assert(a->rows == b->rows && a->width == b->width, "%s: %zu and %zu rows", name, a->rows, b->rows);
    cr_expect_eq(memcmp(a->at, b->at, a->rows * sizeof *a->at), 0, "%s: other steps", name);
    cr_expect_eq(memcmp(a->values, b->values, a->rows * a->width * sizeof *a->values), 0, "%s: other bits",
                 name);
    gn_series_free(a);
    gn_series_free(b);
}

static void expect_same_metric(const gn_run *a, const gn_run *b, const char *name) {
    gn_series x, y;
    cr_assert_eq(gn_run_metric(a, name, &x, NULL), GN_OK);
    cr_assert_eq(gn_run_metric(b, name, &y, NULL), GN_OK);
    expect_same_series(&x, &y, name);
}

static void expect_same_observation(const gn_run *a, const gn_run *b, const char *observer,
                                    const char *array) {
    gn_series x, y;
    cr_assert_eq(gn_run_observation(a, observer, array, &x, NULL), GN_OK);
    cr_assert_eq(gn_run_observation(b, observer, array, &y, NULL), GN_OK);
    expect_same_series(&x, &y, array);
}

static void expect_state(const char *name, const char *expected) {
    gn_run run = open_run(name);
    char state[32];
    cr_assert_eq(gn_run_state(&run, state, NULL), GN_OK);
    cr_expect_str_eq(state, expected);
    gn_run_close(&run);
}

/* The loss that a run ends with, as a part of its first. */
static double loss_left(const char *yaml) {
    gn_series loss;
    write_file(folder, "t.yaml", yaml);
    expect_command(folder, "run t.yaml --out t --quiet", 0);
    gn_run run = open_run("t");
    cr_assert_eq(gn_run_metric(&run, "loss_train", &loss, NULL), GN_OK);
    const double left = loss.values[loss.rows - 1] / loss.values[0];
    gn_series_free(&loss);
    gn_run_close(&run);
    return left;
}

/* A transformer from the file to a lower loss, its sums read from tokens. */
Test(runs, a_transformer_learns_sums) {
    const double left =
        loss_left("problem: {kind: modular_addition, modulus: 5, train_fraction: 0.8, encoding: tokens}\n"
                  "network: {kind: transformer, layers: 1, width: 16, heads: 2, ffn_width: 24, vocabulary: "
                  "7, context: 4,\n"
                  "          norm: pre, positions: sinusoidal, attention_init: torch_uniform}\n"
                  "loss: {kind: cross_entropy}\n"
                  "batch: {size: 8}\n"
                  "phases: [{steps: 200, optimizer: {kind: adam, learning_rate: 1.0e-2}}]\n");
    cr_expect_lt(left, 0.1, "the loss went to %g of its start", left);
}

/* Whole equations, of which two tokens are told: GGN by CG with a line search. How far it comes depends on
 * rounding. */
Test(runs, a_transformer_learns_equations) {
    const double left = loss_left(
        "problem: {kind: modular_addition, modulus: 5, train_fraction: 0.8, encoding: equations}\n"
        "network: {kind: transformer, layers: 1, width: 16, heads: 2, ffn_width: 24, vocabulary: 8,\n"
        "          context: 6, read: 2}\n"
        "loss: {kind: cross_entropy}\n"
        "phases: [{steps: 50, optimizer: {kind: ggn, solver: cg, line_search: {kind: armijo}}}]\n");
    cr_expect_lt(left, 0.5, "the loss went to %g of its start", left);
}

Test(runs, a_quadratic_network_learns_sums) {
    const double left =
        loss_left("problem: {kind: modular_addition, modulus: 5}\n"
                  "network: {kind: quadratic, hidden: 12}\n"
                  "phases: [{steps: 30, optimizer: {kind: levenberg_marquardt, learning_rate: 0.5,\n"
                  "                                 damping: {kind: constant, value: 1.0e-4}}}]\n");
    cr_expect_lt(left, 1e-2, "the loss went to %g of its start", left);
}

Test(runs, a_committee_learns_a_polynomial) {
    const double left =
        loss_left("problem: {kind: polynomial, features: 4, points: 30, test_points: 20}\n"
                  "network: {kind: committee, hidden: 20}\n"
                  "phases: [{steps: 30, optimizer: {kind: levenberg_marquardt, learning_rate: 0.5,\n"
                  "                                 damping: {kind: constant, value: 1.0e-6}}}]\n");
    cr_expect_lt(left, 1e-3, "the loss went to %g of its start", left);
}

/* Long enough that a signal finds it at work: a second or more, in steps of microseconds. */
static const char slow[] = "--set phases.0.steps=1000 --set phases.1.steps=100000 --set batch.size=16 "
                           "--set problem.points=64 --set 'observe=[{kind: norms}, {kind: drift, points: 20, "
                           "companion: true}, {kind: fourier, modes: 4, every: 5}, {kind: generalisation}, "
                           "{kind: curvature, every: 10000, values: 2, steps: 6, starts: 1, probes: 2}]'";

/* Starts, sends the signal once DIRECTORY/metrics.csv has so many rows, and waits: the shell's $? of the run.
 */
static int run_and_signal(const char *signal_name, const char *directory, int rows, const char *arguments) {
    char line[2048];
    snprintf(line, sizeof line,
             "cd '%s' && { OMP_NUM_THREADS=1 '%s' run c.yaml %s >.out 2>.err & run=$!; "
             "until [ \"$(wc -l 2>/dev/null <%s/metrics.csv)\" -gt %d ] 2>/dev/null; do sleep 0.02; done; "
             "kill -%s $run 2>/dev/null; wait $run; exit $?; } 2>/dev/null",
             folder, GNEWT_CLI, arguments, directory, rows, signal_name);
    int status = system(line);
    return status == -1 ? -1 : status >> 8 & 255;
}

Test(runs, resumed_equals_uninterrupted) {
    char arguments[1024];
    snprintf(arguments, sizeof arguments, "run c.yaml --quiet --out whole %s", slow);
    expect_command(folder, arguments, 0);
    snprintf(arguments, sizeof arguments, "--quiet --out parts %s", slow);
    cr_expect_eq(run_and_signal("INT", "parts", 100, arguments), 130);
    expect_state("parts", "interrupted");
    snprintf(arguments, sizeof arguments, "--quiet --resume --out parts %s", slow);
    cr_expect_eq(run_and_signal("KILL", "parts", 300, arguments), 137); /* this one has no say */
    expect_state("parts", "running");
    snprintf(arguments, sizeof arguments, "run c.yaml --quiet --resume --out parts %s", slow);
    expect_command(folder, arguments, 0);
    gn_run whole = open_run("whole"), parts = open_run("parts");
    expect_same_metric(&whole, &parts, "loss_train");
    expect_same_metric(&whole, &parts, "loss_test");
    expect_same_metric(&whole, &parts, "gradient_norm");
    expect_same_metric(&whole, &parts, "step_norm");
    expect_same_metric(&whole, &parts, "passes");
    expect_same_metric(&whole, &parts, "phase");
    expect_same_observation(&whole, &parts, "norms", "weight_norm");
    expect_same_observation(&whole, &parts, "fourier", "mode");
    expect_same_observation(&whole, &parts, "drift", "linearisation_gap");
    expect_same_observation(&whole, &parts, "drift", "displacement");
    expect_same_observation(&whole, &parts, "drift", "kernel_regression_loss_test");
    expect_same_observation(&whole, &parts, "generalisation", "train_step");
    expect_same_observation(&whole, &parts, "generalisation", "delay_progress");
    expect_same_observation(&whole, &parts, "curvature", "hessian_top");
    expect_same_observation(&whole, &parts, "curvature", "direction_angle");
    gn_run_close(&whole);
    gn_run_close(&parts);
    expect_state("parts", "finished");
    char *csv = read_file(folder, "parts/metrics.csv"), *other = read_file(folder, "whole/metrics.csv");
    size_t rows = 0, others = 0;
    for (const char *c = csv; *c != '\0'; c++)
        rows += *c == '\n';
    for (const char *c = other; *c != '\0'; c++)
        others += *c == '\n';
    cr_expect_eq(rows, others);
    free(csv), free(other);
}

/* ---- phases that end early ---- */

/* LM until its kernel has drifted, Adam until it stagnates, SGD to the end. */
static const char ends[] = "name: ends\n"
                           "problem: {kind: multi_sine_1d, points: 64, test_points: 10}\n"
                           "network: {kind: mlp, widths: [1, 8, 1]}\n"
                           "batch: {size: 16}\n"
                           "phases:\n"
                           "  - steps: 4000\n"
                           "    optimizer: {label: LM, kind: levenberg_marquardt, learning_rate: 3.0e-3,\n"
                           "                damping: {value: 0.3}}\n"
                           "    switch: {signal: drift, above: 0.1, for: 3}\n"
                           "  - steps: 100000\n"
                           "    optimizer: {kind: adam, learning_rate: 1.0e-5}\n"
                           "    stagnation: {metric: loss_test, relative: 0.5, for: 60}\n"
                           "  - {steps: 20000, optimizer: {kind: sgd}}\n"
                           "observe:\n"
                           "  - {kind: ntk, every: 10}\n"
                           "  - {kind: norms}\n"
                           "  - {kind: metrics, every: 50}\n";

static void expect_same_phases(const gn_run *a, const gn_run *b) {
    gn_series x, y;
    cr_assert_eq(gn_run_phases(a, &x, NULL), GN_OK);
    cr_assert_eq(gn_run_phases(b, &y, NULL), GN_OK);
    cr_expect_eq(x.rows, 3u);
    for (size_t i = 0; i < x.rows; i++)
        cr_expect_eq(x.values[i], (double)i);
    cr_expect(x.rows == 3 && x.at[0] < 4000 && x.at[1] < x.at[0] + 100000 && x.at[2] == x.at[1] + 20000);
    expect_same_series(&x, &y, "phases");
}

static void expect_log(const char *name, const char *part) {
    char *log = read_file(folder, name);
    cr_expect_not_null(strstr(log, part), "%s is not in: %s", part, log);
    free(log);
}

Test(runs, phases_end_early_and_say_why) {
    write_file(folder, "c.yaml", ends);
    command_result result = expect_command(folder, "run c.yaml --out whole", 0);
    static const char *const said[] = {"phase 0 (LM) ended after step ",
                                       ": drift 0.1",
                                       " above 0.1 for 3 observations\n",
                                       "phase 1 (adam) ended after step ",
                                       ": loss_test not better than its best, ",
                                       "phase 2 (sgd) ended after step ",
                                       ": its 20000 steps are done\n"};
    enum { LINES = sizeof said / sizeof *said, BY_CONDITIONS = 5 };
    for (size_t i = 0; i < LINES; i++) {
        cr_expect_eq(strstr(result.err, said[i]) != NULL, i < BY_CONDITIONS, "%s", result.err);
        expect_log("whole/log.txt", said[i]);
    }
    cr_expect_not_null(strstr(result.out, "time       training "), "%s", result.out);
    cr_expect_not_null(strstr(result.out, " %), ntk "), "%s", result.out);
    expect_log("whole/log.txt", "time: training ");
    gn_run whole = open_run("whole");
    gn_series phases, phase, last;
    cr_assert_eq(gn_run_phases(&whole, &phases, NULL), GN_OK);
    cr_assert_eq(gn_run_metric(&whole, "phase", &phase, NULL), GN_OK);
    cr_assert_eq(gn_run_observation(&whole, "norms", "weight_norm", &last, NULL), GN_OK);
    for (size_t i = 0; i < phases.rows; i++) { /* the last step of each is recorded and observed */
        size_t row = 0, seen = 0;
        while (row < phase.rows && phase.at[row] < phases.at[i])
            row++;
        while (seen < last.rows && last.at[seen] < phases.at[i])
            seen++;
        cr_assert(row < phase.rows && phase.at[row] == phases.at[i] && phase.values[row] == (double)i);
        cr_expect(i + 1 == phases.rows || phase.values[row + 1] == (double)i + 1);
        cr_expect(seen < last.rows && last.at[seen] == phases.at[i]);
    }
    gn_series_free(&phases);
    gn_series_free(&phase);
    gn_series_free(&last);
    /* stopped in the first phase, killed in the second */
    cr_expect_eq(run_and_signal("INT", "parts", 3, "--quiet --out parts"), 130);
    cr_expect_eq(run_and_signal("KILL", "parts", 40, "--quiet --resume --out parts"), 137);
    expect_command(folder, "run c.yaml --quiet --resume --out parts", 0);
    gn_run parts = open_run("parts");
    expect_same_phases(&whole, &parts);
    expect_same_metric(&whole, &parts, "loss_train");
    expect_same_metric(&whole, &parts, "step_norm");
    expect_same_metric(&whole, &parts, "phase");
    expect_same_observation(&whole, &parts, "ntk", "kernel_drift");
    expect_same_observation(&whole, &parts, "ntk", "measured_rate");
    expect_same_observation(&whole, &parts, "norms", "weight_norm");
    gn_run_close(&whole);
    gn_run_close(&parts);
}

Test(runs, termination_leaves_a_checkpoint) {
    char arguments[1024];
    snprintf(arguments, sizeof arguments, "--out r %s", slow);
    cr_expect_eq(run_and_signal("TERM", "r", 50, arguments), 130);
    char *err = read_file(folder, ".err");
    cr_expect(strstr(err, "interrupted after step") != NULL && strstr(err, "--resume") != NULL, "%s", err);
    free(err);
    cr_expect(file_exists(folder, "r/checkpoint.h5"));
    cr_expect_not(file_exists(folder, "r/checkpoint.h5.new"));
}

/* A file that may not grow stands for a disk that is full. */
Test(runs, a_full_disk_is_one_message_and_nothing_is_lost) {
    char line[1024];
    static const char observe[] = "--set 'observe=[{kind: metrics, every: 1}, {kind: norms, every: 1}]' "
                                  "--set phases.1.steps=20000 --quiet";
    snprintf(line, sizeof line,
             "cd '%s' && ulimit -f 3000 && OMP_NUM_THREADS=1 '%s' run c.yaml --out r %s >.out 2>.err", folder,
             GNEWT_CLI, observe);
    int status = system(line);
    cr_expect_eq(status >> 8 & 255, 1);
    char *err = read_file(folder, ".err");
    cr_expect(strstr(err, "File too large") != NULL && strstr(err, "--resume") != NULL, "%s", err);
    cr_expect_eq(strchr(err, '\n'), err + strlen(err) - 1, "%s", err);
    free(err);
    expect_state("r", "failed");
    gn_run run = open_run("r");
    gn_series loss;
    cr_assert_eq(gn_run_metric(&run, "loss_train", &loss, NULL), GN_OK);
    cr_expect_gt(loss.rows, 1000);
    cr_expect_eq(loss.at[loss.rows - 1], (double)(loss.rows - 1));
    gn_series_free(&loss);
    gn_run_close(&run);
    snprintf(line, sizeof line, "run c.yaml --out r --resume %s", observe);
    expect_command(folder, line, 0);
    expect_state("r", "finished");
}

/* A disk that is full from the start leaves nothing in the way of the next try, be it --resume or not. */
Test(runs, a_disk_without_room_for_a_first_byte) {
    for (int resume = 0; resume < 2; resume++) {
        char line[1024];
        snprintf(line, sizeof line,
                 "cd '%s' && (ulimit -f 0; '%s' run c.yaml --out r --quiet 2>&1 >/dev/null) | "
                 "grep -q 'config.yaml: File too large'",
                 folder, GNEWT_CLI);
        cr_assert_eq(system(line), 0);
        cr_expect_not(file_exists(folder, "r"));
        expect_command(folder, resume ? "run c.yaml --out r --resume" : "run c.yaml --out r", 0);
        expect_state("r", "finished");
        snprintf(line, sizeof line, "rm -r '%s/r'", folder);
        cr_assert_eq(system(line), 0);
    }
}

Test(runs, resuming_a_finished_run_changes_nothing) {
    expect_command(folder, "run c.yaml", 0);
    char *before = read_file(folder, "runs/quick/metrics.csv");
    command_result again = expect_command(folder, "run c.yaml --resume", 0);
    char *after = read_file(folder, "runs/quick/metrics.csv");
    cr_expect_str_eq(before, after);
    cr_expect(strstr(again.out, "(before)") != NULL, "%s", again.out);
    cr_expect_not(file_exists(folder, "runs/quick-2"));
    free(before), free(after);
}

Test(runs, resuming_needs_the_same_configuration) {
    expect_command(folder, "run c.yaml --out r", 0);
    command_result other = expect_command(folder, "run c.yaml --out r --resume --seed 3", 2);
    cr_expect(strstr(other.err, "`seed` is 3 now and was 0") != NULL, "%s", other.err);
    other = expect_command(folder,
                           "run c.yaml --out r --resume "
                           "--set phases.0.optimizer.line_search.kind=armijo",
                           2);
    cr_expect(strstr(other.err, "`phases.0.optimizer.line_search.kind` is armijo now and was none") != NULL,
              "%s", other.err);
    other = expect_command(folder, "run c.yaml --out r --resume --set observe=[]", 2);
    cr_expect(strstr(other.err, "`observe` is an empty list now and was another list") != NULL, "%s",
              other.err);
    expect_command(folder, "run c.yaml --out r --resume --set plot.kind=none --device cpu", 0);
}

Test(runs, a_grid_is_all_combinations) {
    command_result result = expect_command(folder, "sweep g.yaml --out s --quiet", 0);
    cr_expect(strstr(result.out, "nan") == NULL, "no accuracy is `-`: %s", result.out);
    static const char *const points[] = {"000-seed=0,phases.0.optimizer.learning_rate=0.01",
                                         "001-seed=0,phases.0.optimizer.learning_rate=0.02",
                                         "002-seed=0,phases.0.optimizer.learning_rate=0.05",
                                         "003-seed=1,phases.0.optimizer.learning_rate=0.01",
                                         "004-seed=1,phases.0.optimizer.learning_rate=0.02",
                                         "005-seed=1,phases.0.optimizer.learning_rate=0.05"};
    const double rates[] = {0.01, 0.02, 0.05};
    for (size_t i = 0; i < 6; i++) {
        char path[256];
        snprintf(path, sizeof path, "s/%s", points[i]);
        cr_expect(strstr(result.out, points[i]) != NULL, "%s", result.out);
        expect_state(path, "finished");
        gn_run run = open_run(path);
        cr_expect_eq(run.config->seed, i / 3);
        cr_expect_eq(run.config->phases[0].optimizer.options.learning_rate, rates[i % 3]);
        gn_run_close(&run);
    }
    char *log = read_file(folder, "s/000-seed=0,phases.0.optimizer.learning_rate=0.01/log.txt");
    expect_command(folder, "sweep g.yaml --out s --resume", 0);
    char *same = read_file(folder, "s/000-seed=0,phases.0.optimizer.learning_rate=0.01/log.txt");
    cr_expect_str_eq(log, same, "a finished run was run again");
    free(log), free(same);
    expect_command(folder, "sweep g.yaml --out s", 2);
}

/* What the runs of two sweeps recorded, but for the seconds. */
static void expect_same_runs(const char *one, const char *other, const char *point) {
    char path[2][256];
    snprintf(path[0], sizeof path[0], "%s/%s", one, point);
    snprintf(path[1], sizeof path[1], "%s/%s", other, point);
    gn_run a = open_run(path[0]), b = open_run(path[1]);
    expect_same_metric(&a, &b, "loss_train");
    expect_same_metric(&a, &b, "loss_test");
    expect_same_metric(&a, &b, "gradient_norm");
    expect_same_metric(&a, &b, "step_norm");
    expect_same_observation(&a, &b, "norms", "weight_norm");
    expect_same_observation(&a, &b, "fourier", "mode");
    gn_run_close(&a);
    gn_run_close(&b);
}

/* More jobs than cores, with solvers, observers and a figure. */
Test(runs, several_at_once_give_the_same_bits) {
    static const char settings[] = "--quiet --set 'sweep=[{key: seed, values: [0, 1, 2, 3]}, {key: "
                                   "phases.0.optimizer.solver, values: [dual, cg, spectral]}]'";
    static const char *const solvers[] = {"dual", "cg", "spectral"};
    char arguments[512], point[128];
    snprintf(arguments, sizeof arguments, "sweep c.yaml --out alone %s", settings);
    expect_command(folder, arguments, 0);
    snprintf(arguments, sizeof arguments, "sweep c.yaml --out together --jobs 5 %s", settings);
    command_result result = expect_command(folder, arguments, 0);
    cr_expect(strstr(result.out, "waiting") == NULL, "%s", result.out);
    for (size_t i = 0; i < 12; i++) {
        snprintf(point, sizeof point, "%03zu-seed=%zu,phases.0.optimizer.solver=%s", i, i / 3,
                 solvers[i % 3]);
        expect_same_runs("alone", "together", point);
    }
    snprintf(arguments, sizeof arguments, "sweep c.yaml --out together --jobs 12 --resume %s", settings);
    result = expect_command(folder, arguments, 0);
    expect_command(folder, "sweep g.yaml --out more --jobs 1000 --quiet",
                   0); /* as many as there are points */
}

Test(runs, jobs_is_a_number) {
    static const char *const wrong[] = {"0", "-1", "two", "1.5", "1025", "''", "' 2'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments, "sweep g.yaml --out s --jobs %s", wrong[i]);
        command_result result = expect_command(folder, arguments, 2);
        cr_expect(strstr(result.err, "--jobs") != NULL, "%s", result.err);
    }
    expect_command(folder, "run c.yaml --jobs 2", 2);
    cr_expect_not(file_exists(folder, "s"));
}

/* All that work stop with a checkpoint, those that wait stay waiting, and the sweep goes on as if it had not.
 */
Test(runs, an_interrupted_sweep_goes_on) {
    char line[2048], arguments[1024];
    static const char grid[] = "--set 'sweep=[{key: seed, values: [0, 1, 2, 3, 4]}]'";
    snprintf(arguments, sizeof arguments, "sweep c.yaml --out whole --quiet --jobs 2 %s %s", slow, grid);
    expect_command(folder, arguments, 0);
    snprintf(
        line, sizeof line,
        "cd '%s' && { OMP_NUM_THREADS=1 '%s' sweep c.yaml --out parts --quiet --jobs 2 %s %s >.out 2>.err & "
        "run=$!; until [ \"$(wc -l 2>/dev/null <parts/001-seed=1/metrics.csv)\" -gt 100 ] 2>/dev/null; do "
        "sleep 0.02; done; kill -INT $run; wait $run; exit $?; } 2>/dev/null",
        folder, GNEWT_CLI, slow, grid);
    const int status = system(line);
    cr_expect_eq(status >> 8 & 255, 130);
    expect_state("parts/000-seed=0", "interrupted");
    expect_state("parts/001-seed=1", "interrupted");
    cr_expect_not(file_exists(folder, "parts/004-seed=4"));
    char *err = read_file(folder, ".err");
    cr_expect(strstr(err, "--resume") != NULL, "%s", err);
    free(err);
    snprintf(arguments, sizeof arguments, "sweep c.yaml --out parts --resume --quiet --jobs 2 %s %s", slow,
             grid);
    expect_command(folder, arguments, 0);
    for (int i = 0; i < 5; i++) {
        char point[64];
        snprintf(point, sizeof point, "00%d-seed=%d", i, i);
        expect_same_runs("whole", "parts", point);
    }
}

/* Without a terminal: a line a run and one of all, each whole. */
Test(runs, lines_of_several_at_once_are_whole) {
    char arguments[512];
    snprintf(arguments, sizeof arguments,
             "sweep g.yaml --out s --jobs 3 --set sweep.1.values='[0.01, 1.0e+200]'");
    command_result result = expect_command(folder, arguments, 1);
    size_t failed = 0;
    for (char *line = strtok(result.err, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const bool fault = strncmp(line, "gnewt: seed=", 12) == 0;
        failed += fault && strstr(line, "learning_rate=1.0e+200: diverged");
        /* on a machine so slow that progress is due */
        const bool all = strstr(line, " of 4 runs done") != NULL && strstr(line, " left") != NULL;
        cr_expect(fault || all || strncmp(line, "[", 1) == 0, "%s", line);
    }
    cr_expect_eq(failed, 2u, "%zu lines of failed runs", failed);
}

Test(runs, a_failed_point_is_marked_and_the_others_go_on) {
    command_result result =
        expect_command(folder, "sweep g.yaml --out s --set sweep.1.values='[0.01, 1.0e+200]'", 1);
    cr_expect(strstr(result.err, "diverged") != NULL, "%s", result.err);
    expect_state("s/000-seed=0,phases.0.optimizer.learning_rate=0.01", "finished");
    expect_state("s/001-seed=0,phases.0.optimizer.learning_rate=1.0e+200", "diverged");
    expect_state("s/002-seed=1,phases.0.optimizer.learning_rate=0.01", "finished");
    char *summary = read_file(folder, "s/sweep.yaml");
    cr_expect(strstr(summary, "state: diverged\n  message: 'diverged at step") != NULL, "%s", summary);
    free(summary);
}

Test(runs, mistakes_in_a_grid) {
    command_result result = expect_command(folder, "sweep c.yaml", 2);
    cr_expect(strstr(result.err, "no grid under `sweep:`") != NULL, "%s", result.err);
    result = expect_command(folder, "sweep g.yaml --set sweep.0.key=sed", 2);
    cr_expect(strstr(result.err, "unknown key `sed`; did you mean `seed`?") != NULL, "%s", result.err);
    result = expect_command(folder, "sweep g.yaml --set sweep.0.values=3", 2);
    cr_expect(strstr(result.err, "sweep.0.values must be a list") != NULL, "%s", result.err);
    result = expect_command(folder, "sweep g.yaml --set sweep=3", 2);
    cr_expect(strstr(result.err, "sweep must be a list") != NULL, "%s", result.err);
    result = expect_command(folder, "sweep g.yaml --set 'sweep.0={key: seed, value: [1]}'", 2);
    cr_expect(strstr(result.err, "unknown key `value` in sweep.0; did you mean `values`?") != NULL, "%s",
              result.err);
    cr_expect_not(file_exists(folder, "runs"));
}

/* The quick size: said in the log, in run.h5, below the figure and in the report; it goes on as it began, and
 * not as the full size. */
Test(runs, in_the_quick_size) {
    char yaml[4096], text[64];
    snprintf(yaml, sizeof yaml, "%squick: {leaves_out: nearly all, phases.0.steps: 3}\n", quick_config);
    write_file(folder, "q.yaml", yaml);
    expect_command(folder, "check q.yaml --quick", 0);
    expect_command(folder, "linearize q.yaml --quick --out l.h5", 0);
    expect_command(folder, "ntk q.yaml --quick --out n.h5", 0);
    expect_command(folder, "run q.yaml --quick --out q --quiet", 0);
    gn_run run = open_run("q");
    cr_expect_eq(run.config->phases[0].steps, 3);
    gn_run_attribute(&run, "quick", text, sizeof text);
    cr_expect_str_eq(text, "nearly all");
    gn_run_close(&run);
    char *log = read_file(folder, "q/log.txt");
    cr_expect_not_null(strstr(log, "quick: leaves out nearly all\n"), "%s", log);
    free(log);
    expect_command(folder, "run q.yaml --quick --out q --quiet --resume", 0);
    command_result result = expect_command(folder, "run q.yaml --out q --quiet --resume", 2);
    cr_expect_not_null(strstr(result.err, "`phases.0.steps` is"), "%s", result.err);
    expect_command(folder, "report q --out q.html", 0);
    char *html = read_file(folder, "q.html");
    const char *first = strstr(html, "Quick: leaves out nearly all.");
    cr_expect(first != NULL && strstr(first + 1, "Quick: leaves out nearly all.") != NULL);
    free(html);
    expect_command(folder, "run q.yaml --quick --set phases.0.steps=4 --out s --quiet", 0);
    run = open_run("s");
    cr_expect_eq(run.config->phases[0].steps, 4);
    gn_run_close(&run);
    expect_command(folder, "run q.yaml --out f --quiet", 0);
    run = open_run("f");
    gn_run_attribute(&run, "quick", text, sizeof text);
    cr_expect_str_eq(text, "");
    gn_run_close(&run);
    result = expect_command(folder, "run c.yaml --quick --out c --quiet", 2);
    cr_expect_not_null(strstr(result.err, "c.yaml has no section `quick:`"), "%s", result.err);
    cr_expect(!file_exists(folder, "c"));
}

/* A grid's quick size has fewer points. */
Test(runs, a_grid_in_the_quick_size) {
    char yaml[4096];
    snprintf(yaml, sizeof yaml, "%squick: {leaves_out: a seed, sweep.0.values: [0]}\n", grid_config);
    write_file(folder, "q.yaml", yaml);
    command_result result = expect_command(folder, "check q.yaml --quick", 0);
    cr_expect_not_null(strstr(result.out, "a grid of 3 points"), "%s", result.out);
    expect_command(folder, "sweep q.yaml --quick --out q --quiet", 0);
    gn_run run = open_run("q/000-seed=0,phases.0.optimizer.learning_rate=0.01");
    char text[64];
    gn_run_attribute(&run, "quick", text, sizeof text);
    cr_expect_str_eq(text, "a seed");
    gn_run_close(&run);
    cr_expect(!file_exists(folder, "q/003-seed=1,phases.0.optimizer.learning_rate=0.01"));
}
