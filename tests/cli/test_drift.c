/* The observer drift in runs: its figure, and the switch by its signals. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "scratch.h"

static char folder[256];

/* Steps large enough for the kernel to leave its start, at both seeds. */
static const char config[] = "name: left\n"
                             "problem: {kind: multi_sine_1d, points: 20, test_points: 10}\n"
                             "network: {kind: mlp, widths: [1, 8, 1]}\n"
                             "phases:\n"
                             "  - steps: 60\n"
                             "    optimizer: {label: LM, kind: levenberg_marquardt, damping: {value: 0.1}}\n"
                             "  - {steps: 20, optimizer: {kind: adam}}\n"
                             "observe: [{kind: drift, companion: true}]\n"
                             "plot: {kind: drift}\n"
                             "sweep: [{key: seed, values: [0, 1]}]\n";

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(drift, .init = setup, .fini = teardown, .timeout = 120);

static void expect_words(const char *svg, const char *const *words, size_t count, bool there) {
    char *text = read_file(folder, svg);
    for (size_t i = 0; i < count; i++)
        cr_expect((strstr(text, words[i]) != NULL) == there, "%s: %s", svg, words[i]);
    free(text);
}

Test(drift, is_drawn_over_the_steps) {
    static const char *const words[] = {"kernel drift", "uniformity of progress", "residency of the movement",
                                        "drift above 0.1", "median over seeds 0"};
    static const char *const gap[] = {"linearisation gap"};
    expect_command(folder, "sweep c.yaml --out s", 0);
    expect_words("s/figures/left.svg", words, 5, true);
    expect_words("s/figures/left.svg", gap, 1, true);
    /* without companions there is no gap; where nothing moves far, no mark */
    expect_command(folder,
                   "run c.yaml --quiet --set sweep=[] --set observe.0.companion=false --set phases.0.steps=1 "
                   "--set phases.0.optimizer.learning_rate=1.0e-3 --set phases.1.steps=5 --out r",
                   0);
    expect_words("r/figures/left.svg", words, 3, true);
    expect_words("r/figures/left.svg", words + 3, 1, false);
    expect_words("r/figures/left.svg", gap, 1, false);
    command_result wrong =
        expect_command(folder, "check c.yaml --set sweep=[] --set 'observe=[{kind: ntk}]'", 2);
    cr_expect_not_null(strstr(wrong.err, "needs `- {kind: drift}`"), "%s", wrong.err);
}

Test(drift, of_the_companion_ends_a_phase) {
    command_result done = expect_command(
        folder,
        "run c.yaml --set sweep=[] --set 'phases.0.switch={signal: linearisation_gap, above: 0.2}' --out r",
        0);
    cr_expect_not_null(strstr(done.err, "linearisation_gap 0."), "%s", done.err);
    cr_expect_not_null(strstr(done.err, "above 0.2"), "%s", done.err);
}
