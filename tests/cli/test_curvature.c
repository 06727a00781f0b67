/* The figure of the observer curvature, and what a run with it says. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "scratch.h"

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml",
               "name: c\n"
               "problem: {kind: multi_sine_1d, points: 12, test_points: 6}\n"
               "network: {kind: mlp, widths: [1, 6, 1]}\n"
               "phases:\n"
               "  - {steps: 8, optimizer: {label: A, kind: sgd, learning_rate: 0.02}}\n"
               "  - {steps: 4, optimizer: {kind: levenberg_marquardt, damping: {value: 0.1}}}\n"
               "observe: [{kind: curvature, every: 4, values: 2, steps: 9}]\n"
               "plot: {kind: curvature}\n");
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(curvature, .init = setup, .fini = teardown, .timeout = 60);

static void expect_words(const char *file, const char *const *words, const char *const *others) {
    char *svg = read_file(folder, file);
    for (; *words; words++)
        cr_expect_not_null(strstr(svg, *words), "%s: no `%s`", file, *words);
    for (; *others; others++)
        cr_expect_null(strstr(svg, *others), "%s: `%s`", file, *others);
    free(svg);
}

Test(curvature, is_drawn) {
    command_result done = expect_command(folder, "run c.yaml --quiet --out r", 0);
    cr_expect_not_null(strstr(done.out, "r/figures/c.png"), "%s", done.out);
    expect_words("r/figures/c.svg",
                 (const char *[]){"largest of H", "minus the least of H", "largest of G", "2 / η of SGD",
                                  "H, step 0", "H, step 12", "share of eigenvalues beyond", NULL},
                 (const char *[]){"G, step", NULL});
}

/* Of the Gauss-Newton matrix alone; no phase has a limit. */
Test(curvature, is_drawn_without_a_hessian) {
    expect_command(folder,
                   "run c.yaml --quiet --out r --set observe.0.hessian=false "
                   "--set phases.0.optimizer.kind=adam",
                   0);
    expect_words("r/figures/c.svg", (const char *[]){"largest of G", "G, step 0", NULL},
                 (const char *[]){"of H", "H, step", "SGD", "negative", NULL});
}
