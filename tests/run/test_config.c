/* Configurations: defaults, settings, the struct that comes of them. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/config.h"
#include "scratch.h"

static char folder[256], file[512];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    snprintf(file, sizeof file, "%s/my.run.yaml", folder);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(config, .init = setup, .fini = teardown);

static void write_config(const char *optimizers) {
    FILE *out = fopen(file, "w");
    cr_assert_not_null(out);
    fprintf(out, "problem: {kind: step_2d}\nnetwork: {widths: [2, 3, 1]}\nphases:\n%s", optimizers);
    fclose(out);
}

static gn_config *load(void) {
    gn_message message = {0};
    gn_config *config;
    cr_assert_eq(gn_config_read(file, &config, &message), GN_OK, "%s", message.text);
    return config;
}

Test(config, defaults) {
    write_config("  - {steps: 1, optimizer: {kind: sgd}}\n");
    gn_config *c = load();
    cr_expect_str_eq(c->name, "my.run");
    cr_expect_eq(c->precision, GN_FLOAT64);
    cr_expect_str_eq(c->device, "auto");
    cr_expect_eq(c->seed, 0);
    cr_expect_eq(c->problem.points, 20);
    cr_expect_eq(c->problem.test_points, 1000);
    cr_expect_eq(c->network.widths_count, 3);
    cr_expect_eq(c->network.widths[1], 3);
    cr_expect_str_eq(c->network.activation, "tanh");
    cr_expect(c->network.bias && !c->network.centred);
    cr_expect_eq(c->network.init_scale, 1.0);
    cr_expect_eq(c->batch.size, 0);
    cr_expect_eq(c->observe_count, 0);
    cr_expect_eq(c->plot.kind, GN_PLOT_NONE);
    gn_config_destroy(c);
}

static void expect_same_options(gn_optimizer_options a, gn_optimizer_options b) {
    cr_expect_eq(a.kind, b.kind);
#define SAME(member) cr_expect_eq(a.member, b.member, "kind %d: " #member, (int)a.kind);
#define MEMBERS(X)                                                                                           \
    X(learning_rate)                                                                                         \
    X(momentum)                                                                                              \
    X(beta1)                                                                                                 \
    X(beta2)                                                                                                 \
    X(epsilon)                                                                                               \
    X(weight_decay)                                                                                          \
    X(solver)                                                                                                \
    X(curvature)                                                                                             \
    X(cutoff)                                                                                                \
    X(damping.kind)                                                                                          \
    X(damping.value)                                                                                         \
    X(damping.final)                                                                                         \
    X(damping.steps)                                                                                         \
    X(damping.minimum)                                                                                       \
    X(damping.maximum)                                                                                       \
    X(damping.retries)                                                                                       \
    X(line_search.kind)                                                                                      \
    X(line_search.c)                                                                                         \
    X(line_search.tau)                                                                                       \
    X(line_search.max_iterations)                                                                            \
    X(fractional.exponent)                                                                                   \
    X(grokfast.decay)                                                                                        \
    X(grokfast.gain)                                                                                         \
    X(gradient)                                                                                              \
    X(memory)                                                                                                \
    X(fractional.shuffled)                                                                                   \
    X(seed)
    MEMBERS(SAME)
#undef MEMBERS
#undef SAME
}

/* The tables repeat the library's defaults, as text; here the two are held together. */
Test(config, defaults_are_the_library_s) {
    write_config("  - {steps: 1, optimizer: {kind: sgd}}\n"
                 "  - {steps: 1, optimizer: {kind: adam}}\n"
                 "  - {steps: 1, optimizer: {kind: adamw}}\n"
                 "  - {steps: 1, optimizer: {kind: gauss_newton}}\n"
                 "  - {steps: 1, optimizer: {kind: levenberg_marquardt}}\n"
                 "  - {steps: 1, optimizer: {kind: levenberg_marquardt, damping: {kind: scheduled}}}\n"
                 "  - {steps: 1, optimizer: {kind: levenberg_marquardt, damping: {kind: gain_ratio}}}\n"
                 "  - {steps: 1, optimizer: {kind: gauss_newton, line_search: {kind: armijo}}}\n"
                 "  - {steps: 1, optimizer: {kind: fractional}}\n"
                 "  - {steps: 1, optimizer: {kind: lbfgs}}\n");
    gn_config *c = load();
    static const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_SGD,
                                              GN_OPTIMIZER_ADAM,
                                              GN_OPTIMIZER_ADAMW,
                                              GN_OPTIMIZER_GAUSS_NEWTON,
                                              GN_OPTIMIZER_LEVENBERG_MARQUARDT,
                                              GN_OPTIMIZER_LEVENBERG_MARQUARDT,
                                              GN_OPTIMIZER_LEVENBERG_MARQUARDT,
                                              GN_OPTIMIZER_GAUSS_NEWTON,
                                              GN_OPTIMIZER_FRACTIONAL,
                                              GN_OPTIMIZER_LBFGS};
    for (unsigned i = 0; i < c->phases_count; i++) {
        gn_optimizer_options expected = gn_optimizer_options_default(kinds[i]);
        if (i == 5)
            expected.damping.kind = GN_DAMPING_SCHEDULED;
        if (i == 6)
            expected.damping.kind = GN_DAMPING_GAIN_RATIO;
        if (i == 7)
            expected.line_search.kind = GN_LINE_SEARCH_ARMIJO;
        expect_same_options(c->phases[i].optimizer.options, expected);
    }
    cr_expect_str_eq(c->phases[4].optimizer.label, "levenberg_marquardt");
    cr_expect_str_eq(c->phases[5].optimizer.label, "levenberg_marquardt-2");
    cr_expect_str_eq(c->phases[6].optimizer.label, "levenberg_marquardt-3");
    gn_config_destroy(c);
}

/* Also through the text of config.yaml, where what is not given stays away. */
Test(config, phases_end_as_they_are_told) {
    write_config("  - steps: 9\n"
                 "    optimizer: {kind: sgd}\n"
                 "    until: {metric: accuracy_test, above: 0.9}\n"
                 "    stagnation: {for: 7}\n"
                 "  - {steps: 8, optimizer: {kind: sgd}, switch: {signal: drift, below: -0.5, for: 3}}\n"
                 "  - {steps: 7, optimizer: {kind: sgd}}\n"
                 "observe: [{kind: ntk}]\n");
    for (int again = 0; again < 2; again++) {
        gn_message message = {0};
        gn_config *c = load();
        const gn_config_phase *p = c->phases;
        cr_assert(p[0].until && p[0].stagnation && !p[0].change);
        cr_expect(p[0].until->metric == GN_PHASE_ACCURACY_TEST && p[0].until->times == 1);
        cr_expect(!p[0].until->below && *p[0].until->above == 0.9);
        cr_expect(p[0].stagnation->metric == GN_PHASE_LOSS_TRAIN && p[0].stagnation->times == 7);
        cr_expect_eq(p[0].stagnation->relative, 1e-3);
        cr_assert(!p[1].until && !p[1].stagnation && p[1].change);
        cr_expect(p[1].change->signal == GN_SIGNAL_DRIFT && p[1].change->times == 3);
        cr_expect(!p[1].change->above && *p[1].change->below == -0.5);
        cr_expect(!p[2].until && !p[2].stagnation && !p[2].change);
        gn_config_destroy(c);
        gn_config_source *source;
        char *text;
        cr_assert_eq(gn_config_source_read(file, NULL, 0, &source, &message), GN_OK, "%s", message.text);
        cr_assert_eq(gn_config_text(source, &text, &message), GN_OK, "%s", message.text);
        gn_config_source_destroy(source);
        FILE *out = fopen(file, "w");
        fputs(text, out);
        fclose(out);
        free(text);
    }
}

Test(config, settings_apply_in_order) {
    static const char *const settings[] = {"seed=1",
                                           "--seed=18446744073709551615",
                                           "phases.0.optimizer={kind: adam, label: \"a: b\"}",
                                           "phases.0.optimizer.learning_rate=0.5",
                                           "plot.kind=metrics",
                                           "plot.metrics=[accuracy_test]",
                                           "observe=[{kind: metrics, every: 3}]",
                                           "batch.size=7"};
    gn_message message = {0};
    gn_config_source *source;
    gn_config *c;
    write_config("  - {steps: 1, optimizer: {kind: sgd}}\n");
    cr_assert_eq(gn_config_source_read(file, settings, 8, &source, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_resolve(source, &c, &message), GN_OK, "%s", message.text);
    cr_expect_eq(c->seed, UINT64_MAX);
    cr_expect_str_eq(c->phases[0].optimizer.label, "a: b");
    cr_expect_eq(c->phases[0].optimizer.options.learning_rate, 0.5);
    cr_expect_eq(c->plot.metrics_count, 1);
    cr_expect_str_eq(c->plot.metrics[0], "accuracy_test");
    cr_expect_eq(c->observe[0].every, 3);
    cr_expect_eq(c->batch.size, 7);
    char where[600], expected[600];
    cr_expect_str_eq(gn_config_where(source, "plot.kind", where, sizeof where), "--set plot.kind=metrics");
    cr_expect_str_eq(gn_config_where(source, "seed", where, sizeof where), "--seed=18446744073709551615");
    snprintf(expected, sizeof expected, "%s:2", file);
    cr_expect_str_eq(gn_config_where(source, "network.bias", where, sizeof where), expected);
    gn_config_destroy(c);
    gn_config_source_destroy(source);
}

/* Names that YAML could take for something else survive the way through config.yaml. */
Test(config, text_stays_text) {
    static const char *const names[] = {"0123",       "true", "null", "1e3", "a b",
                                        "\"quotes\"", "é",    "a: b", "#x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gn_message message = {0};
        gn_config_source *source;
        char setting[64], *text;
        write_config("  - {steps: 1, optimizer: {kind: sgd}}\n");
        snprintf(setting, sizeof setting, "name='%s'", names[i]);
        const char *settings[] = {setting};
        cr_assert_eq(gn_config_source_read(file, settings, 1, &source, &message), GN_OK, "%s", message.text);
        cr_assert_eq(gn_config_text(source, &text, &message), GN_OK, "%s", message.text);
        gn_config_source_destroy(source);
        FILE *out = fopen(file, "w");
        fputs(text, out);
        fclose(out);
        free(text);
        gn_config *c = load();
        cr_expect_str_eq(c->name, names[i]);
        gn_config_destroy(c);
    }
}

Test(config, a_grid_without_a_place_is_an_error) {
    gn_message message = {0};
    gn_config_source *source, *point;
    char *label;
    write_config(
        "  - {steps: 1, optimizer: {kind: sgd}}\nsweep:\n  - {key: phases.4.steps, values: [1, 2]}\n");
    cr_assert_eq(gn_config_source_read(file, NULL, 0, &source, &message), GN_OK);
    cr_expect(gn_config_source_has_sweep(source));
    cr_expect_eq(gn_config_sweep_count(source), 2);
    cr_expect_eq(gn_config_sweep_point(source, 0, &point, &label, &message), GN_ERROR_CONFIG);
    cr_expect(strstr(message.text, ":6: sweep of phases.4.steps: index 4 is out of range") != NULL, "%s",
              message.text);
    gn_config_source_destroy(source);
}

/* Directories of a grid over optimisers have the optimisers' labels. */
Test(config, a_grid_s_labels) {
    gn_message message = {0};
    gn_config_source *source, *point;
    char *label;
    write_config("  - {steps: 1, optimizer: {kind: sgd}}\nsweep:\n"
                 "  - {key: phases.0.optimizer, values: [{kind: adam, label: A b}, {kind: sgd}]}\n"
                 "  - {key: network.widths, values: [[2, 3, 1]]}\n");
    static const char *const expected[] = {"phases.0.optimizer=A_b,network.widths=2,_3,_1",
                                           "phases.0.optimizer=kind:_sgd,network.widths=2,_3,_1"};
    cr_assert_eq(gn_config_source_read(file, NULL, 0, &source, &message), GN_OK, "%s", message.text);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(gn_config_sweep_point(source, i, &point, &label, &message), GN_OK, "%s", message.text);
        cr_expect_str_eq(label, expected[i]);
        free(label);
        gn_config_source_destroy(point);
    }
    gn_config_source_destroy(source);
}

/* What goes together: every value of the axis sets all its keys, and a later axis comes on top. */
Test(config, a_grid_of_keys_that_go_together) {
    static const char *const labels[] = {"batch.size=4,phases=A,seed=5", "batch.size=4,phases=A,seed=6",
                                         "batch.size=2,network.init=torch_uniform,seed=5",
                                         "batch.size=2,network.init=torch_uniform,seed=6"};
    gn_message message = {0};
    gn_config_source *source, *point;
    gn_config *c;
    char *label;
    write_config("  - {steps: 1, optimizer: {kind: sgd}}\nsweep:\n  - key: settings\n    values:\n"
                 "      - {batch.size: 4, phases: [{steps: 9, optimizer: {kind: adam, label: A}}]}\n"
                 "      - {batch.size: 2, network.init: torch_uniform}\n  - {key: seed, values: [5, 6]}\n");
    cr_assert_eq(gn_config_source_read(file, NULL, 0, &source, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_sweep_count(source), 4);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(gn_config_sweep_point(source, i, &point, &label, &message), GN_OK, "%s", message.text);
        cr_assert_eq(gn_config_resolve(point, &c, &message), GN_OK, "%s", message.text);
        cr_expect_str_eq(label, labels[i]);
        cr_expect(c->batch.size == (i < 2 ? 4 : 2) && c->phases[0].steps == (i < 2 ? 9 : 1) &&
                  c->network.init == (i < 2 ? GN_INIT_KAIMING_UNIFORM : GN_INIT_TORCH_UNIFORM) &&
                  c->seed == 5 + i % 2);
        gn_config_destroy(c);
        free(label);
        gn_config_source_destroy(point);
    }
    gn_config_source_destroy(source);
}

Test(config, keys_together_that_are_none) {
    static const char *const values[][2] = {
        {"[3]", "sweep.0.values.0 must be a mapping {KEY: VALUE, ...}"},
        {"[{seed: 1}, {}]", "sweep.0.values.1 must be a mapping"},
        {"[{sweep: []}]", "cannot set the sweep itself"},
        {"[{phases.4.steps: 1}]", ":6: sweep of phases.4.steps: index 4"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        gn_message message = {0};
        gn_config_source *source, *point;
        char *label, phases[256];
        snprintf(phases, sizeof phases,
                 "  - {steps: 1, optimizer: {kind: sgd}}\nsweep:\n  - {key: settings, values: %s}\n",
                 values[i][0]);
        write_config(phases);
        cr_assert_eq(gn_config_source_read(file, NULL, 0, &source, &message), GN_OK, "%s", message.text);
        cr_expect_eq(gn_config_sweep_point(source, 0, &point, &label, &message), GN_ERROR_CONFIG);
        cr_expect_not_null(strstr(message.text, values[i][1]), "%s", message.text);
        gn_config_source_destroy(source);
    }
}

static const char quick_section[] = "quick:\n  leaves_out: most of it\n  phases.0.steps: 2\n  batch.size: 3\n"
                                    "  sweep.0.values: [5]\nsweep:\n  - {key: seed, values: [1, 2, 4]}\n";

/* The quick size comes before all settings, wherever it stands among them, and its grid is the smaller one.
 */
Test(config, quick_size) {
    static const char *const settings[] = {"batch.size=7", "--quick"};
    gn_message message = {0};
    gn_config_source *source, *point;
    gn_config *c;
    char phases[512], *label, *text, where[600];
    snprintf(phases, sizeof phases, "  - {steps: 10, optimizer: {kind: sgd}}\n%s", quick_section);
    write_config(phases);
    cr_assert_eq(gn_config_source_read(file, settings, 2, &source, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_sweep_count(source), 1);
    cr_assert_eq(gn_config_sweep_point(source, 0, &point, &label, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_resolve(point, &c, &message), GN_OK, "%s", message.text);
    cr_expect(c->phases[0].steps == 2 && c->batch.size == 7 && c->seed == 5);
    cr_expect_str_eq(gn_config_quick(point), "most of it");
    cr_expect_not_null(strstr(gn_config_where(point, "phases.0.steps", where, sizeof where),
                              ":7: quick size's phases.0.steps"),
                       "%s", where);
    cr_assert_eq(gn_config_text(point, &text, &message), GN_OK, "%s", message.text);
    cr_expect_null(strstr(text, "quick"), "%s", text);
    free(text);
    free(label);
    gn_config_destroy(c);
    gn_config_source_destroy(point);
    gn_config_source_destroy(source);
    c = load(); /* without --quick */
    cr_expect(c->phases[0].steps == 10 && c->batch.size == 0);
    gn_config_destroy(c);
}

/* The form of the section is checked in the full size too. */
Test(config, quick_sections_that_are_none) {
    static const char *const sections[][2] = {
        {"quick: 3\n", ":5: quick must be a mapping"},
        {"quick: {seed: 1}\n", ":5: quick.leaves_out must say"},
        {"quick:\n  leaves_out: ''\n", ":6: quick.leaves_out must say"},
        {"quick: {leaves_out: a, quick.seed: 1}\n", ":5: quick cannot set `quick.seed`"}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        gn_message message = {0};
        gn_config *c;
        char phases[512];
        snprintf(phases, sizeof phases, "  - {steps: 10, optimizer: {kind: sgd}}\n%s", sections[i][0]);
        write_config(phases);
        cr_expect_eq(gn_config_read(file, &c, &message), GN_ERROR_CONFIG);
        cr_expect_not_null(strstr(message.text, sections[i][1]), "%s", message.text);
    }
}

/* Every experiment comes in a quick size, whose settings have a place at each point of its grid. */
Test(config, experiments_have_a_quick_size) {
    static const char *const quick[] = {"--quick"};
    glob_t files;
    cr_assert_eq(glob(GNEWT_SOURCE_DIR "/experiments/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        gn_message message = {0};
        gn_config_source *source, *point;
        gn_config *c;
        char *label;
        cr_assert_eq(gn_config_source_read(files.gl_pathv[i], quick, 1, &source, &message), GN_OK, "%s",
                     message.text);
        const size_t points = gn_config_sweep_count(source);
        for (size_t p = 0; p < points; p++) {
            cr_assert_eq(gn_config_sweep_point(source, p, &point, &label, &message), GN_OK, "%s",
                         message.text);
            cr_expect_eq(gn_config_resolve(point, &c, &message), GN_OK, "%s", message.text);
            gn_config_destroy(c);
            gn_config_source_destroy(point);
            free(label);
        }
        if (points == 0) {
            cr_expect_eq(gn_config_resolve(source, &c, &message), GN_OK, "%s", message.text);
            gn_config_destroy(c);
        }
        gn_config_source_destroy(source);
    }
    cr_expect_geq(files.gl_pathc, 16);
    globfree(&files);
}
