/* gnewt bench, as a user calls it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "scratch.h"

static char folder[256];

static const char bench_config[] =
    "name: tiny\n"
    "problem: {kind: multi_sine_1d, points: 20, test_points: 10}\n"
    "network: {kind: mlp, widths: [1, 8, 1]}\n"
    "phases: [{steps: 5, optimizer: {kind: sgd}}]\n"
    "bench:\n"
    "  seeds: [0, 1, 2]\n"
    "  targets: [{metric: loss_train, below: 1}, {metric: loss_test, below: 1.0e-12}]\n"
    "  optimizers:\n"
    "    - label: SGD\n"
    "      phases: [{steps: 30, optimizer: {kind: sgd}}]\n"
    "      every: 5\n"
    "      grid: {phases.0.optimizer.learning_rate: [0.01, 1.0e+9]}\n"
    "    - label: LM\n"
    "      phases: [{steps: 20, optimizer: {kind: levenberg_marquardt, learning_rate: 0.5}}]\n"
    "      grid: {phases.0.optimizer.damping.value: [0.01, 0.1]}\n"
    "    - label: wild\n"
    "      phases: [{steps: 30, optimizer: {kind: sgd}}]\n"
    "      grid: {phases.0.optimizer.learning_rate: [1.0e+9, 1.0e+10]}\n"
    "quick: {leaves_out: two seeds, bench.seeds: [0]}\n";

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", bench_config);
    write_file(folder, "plain.yaml", quick_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(bench, .init = setup, .fini = teardown, .timeout = 120);

static void expect_words(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        cr_expect_not_null(strstr(text, words[i]), "no `%s` in\n%s", words[i], text);
}

/* Points that diverge are shown, targets that nobody reached too; a bench that was finished is read again. */
Test(bench, compares_optimisers) {
    static const char *const words[] = {
        "tuning: 2 points each, seed 1000; taken: fewest steps to loss_train below 1",
        "<- taken",
        "diverged",
        "wild                 no point came to its end",
        "over 3 seeds: median (least to largest) [95 % interval of the median]\n",
        "LM                   3 of 3  ",
        "loss_test below 1e-12",
        "LM                   0 of 3    never",
        "figure     b/tiny/figures/bench.png",
        "json       b/bench.json"};
    command_result first = expect_command(folder, "bench c.yaml --out b --quiet --jobs 2", 0);
    expect_words(first.out, words, sizeof words / sizeof *words);
    cr_expect(file_exists(folder, "b/tiny/figures/bench.svg") &&
              file_exists(folder, "b/tiny/tuning/sweep.yaml"));
    char *json = read_file(folder, "b/bench.json");
    static const char *const members[] = {"\"name\": \"tiny\"", "\"quick_leaves_out\": null",
                                          "\"chosen\": null", "\"reached\": 3, \"of\": 3",
                                          "\"state\": \"diverged\""};
    expect_words(json, members, sizeof members / sizeof *members);
    free(json);
    command_result again = expect_command(folder, "bench c.yaml --out b --quiet --resume --json j.json", 0);
    const char *table = strstr(first.out, "device: cpu"), *other = strstr(again.out, "device: cpu");
    cr_assert(table != NULL && other != NULL);
    const size_t length = (size_t)(strstr(table, "figure ") - table);
    cr_expect_eq(strncmp(table, other, length), 0, "%s\nand again\n%s", first.out, again.out);
    cr_expect(file_exists(folder, "j.json"));
}

/* A name means a file of experiments/; no name, all there that have a bench. */
Test(bench, names_and_the_quick_size) {
    expect_command(folder, "check c.yaml", 0);
    char line[1200];
    snprintf(line, sizeof line, "mkdir '%s/experiments' && cp '%s/c.yaml' '%s/plain.yaml' '%s/experiments/'",
             folder, folder, folder, folder);
    cr_assert_eq(system(line), 0);
    static const char *const words[] = {"== tiny (experiments/c.yaml)", "quick: leaves out two seeds",
                                        "over 1 seed: median (least to largest)\n", "of 1  "};
    command_result result = expect_command(folder, "bench --quick --out a --quiet", 0);
    expect_words(result.out, words, sizeof words / sizeof *words);
    result =
        expect_command(folder, "bench c --set bench.seeds=[4] --set bench.optimizers.2.grid={} --out n", 2);
    cr_expect_not_null(strstr(result.err, "bench.optimizers.2 (wild) is tuned over 1 points"), "%s",
                       result.err);
}

Test(bench, mistakes) {
    static const char *const calls[][2] = {
        {"bench", "no file in experiments/ has a section `bench:`"},
        {"bench nothing", "there is no nothing, and no experiments/nothing.yaml"},
        {"bench plain.yaml", "plain.yaml: there is no section `bench:`"},
        {"bench plain.yaml --quick", "plain.yaml has no section `quick:`"},
        {"bench c.yaml c.yaml", "have the same name, tiny"},
        {"bench c.yaml --seed 3", "unknown option --seed"},
        {"bench c.yaml --set bench.optimizers.0.phases.0.optimizer.kind=sg",
         "phases.0.optimizer.kind cannot be `sg`"}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        command_result result = expect_command(folder, calls[i][0], 2);
        cr_expect_not_null(strstr(result.err, calls[i][1]), "%s: %s", calls[i][0], result.err);
    }
}
