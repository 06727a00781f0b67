/* Experiments, cut short: what their README claims, measured from the run directories. */
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "report/runs.h"
#include "report/statistics.h"
#include "report_case.h"

TestSuite(report_experiment);

extern char **environ;

enum { MODES = 10, SEEDS = 6 };

static void run_sweep(const char *experiment, const char *setting, const char *out) {
    char file[REPORT_PATH];
    snprintf(file, sizeof file, GNEWT_SOURCE_DIR "/experiments/%s.yaml", experiment);
    char *arguments[] = {GNEWT_CLI,       "sweep", file,        "--device", "cpu", "--set",
                         (char *)setting, "--out", (char *)out, "--quiet",  NULL};
    pid_t child;
    int state;
    setenv("OMP_NUM_THREADS", "1", 1); /* small matrices; other tests run beside this one */
    cr_assert_eq(posix_spawn(&child, GNEWT_CLI, NULL, NULL, arguments, environ), 0);
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == 0, "gnewt sweep fails");
}

/* The modes of the group called `title`, one series a seed. */
static gn_series *modes_of(const gn_run_set *set, const char *title) {
    gn_message message = {0};
    gn_series *series = NULL;
    for (size_t i = 0; i < set->group_count; i++)
        if (!strcmp(set->groups[i].title, title)) {
            cr_assert_eq(set->groups[i].count, SEEDS);
            cr_assert_eq(gn_group_series(set, &set->groups[i], "fourier/mode", &series, &message), GN_OK,
                         "%s", message.text);
        }
    cr_assert_not_null(series, "no group '%s'", title);
    cr_assert_eq(series[0].width, MODES + 1);
    return series;
}

/* Medians over seeds: of a mode's rate of decay in steps 120 to 260, and of its last error over its first. */
static double rate_of(const gn_series *series, size_t mode) {
    double values[SEEDS];
    for (size_t i = 0; i < SEEDS; i++)
        values[i] = gn_series_rate(&series[i], mode, 120, 260);
    return gn_median(values, SEEDS);
}

static double rest_of(const gn_series *series, size_t mode) {
    double values[SEEDS];
    for (size_t i = 0; i < SEEDS; i++)
        values[i] = series[i].values[(series[i].rows - 1) * series[i].width + mode] / series[i].values[mode];
    return gn_median(values, SEEDS);
}

Test(report_experiment, spectral_bias_and_its_removal, .timeout = 600) {
    report_case test = report_start();
    char out[2 * REPORT_PATH];
    snprintf(out, sizeof out, "%s/sweep", test.folder);
    run_sweep("fig3-spectral-bias", "phases.0.steps=260", out);
    gn_run_set set = {0};
    const char *path = out;
    cr_assert_eq(gn_run_set_open(&path, 1, &set, &test.message), GN_OK, "%s", test.message.text);
    cr_assert_eq(set.group_count, 4);
    gn_series *sgd = modes_of(&set, "SGD"), *gn = modes_of(&set, "GN");
    gn_series *lm[] = {modes_of(&set, "LM µ = 0.5"), modes_of(&set, "LM µ = 0.1")};

    for (size_t mode = 1; mode <= MODES; mode++) { /* one rate for all modes, and which */
        double rate = rate_of(gn, mode) / -log1p(-0.02);
        cr_expect(fabs(rate - 1) < 0.05, "GN, mode %zu: rate %.4f of -ln(1 - eta)", mode, rate);
    }
    for (size_t mode = 5; mode <= 7; mode += 2) { /* gradient descent does not get to these */
        cr_expect(fabs(rate_of(sgd, mode)) < 0.02 * -log1p(-0.02), "SGD, mode %zu moves", mode);
        for (size_t i = 0; i < 2; i++) /* Levenberg-Marquardt does, later than Gauss-Newton */
            cr_expect(rest_of(lm[i], mode) < 0.75 * rest_of(sgd, mode) &&
                          rest_of(lm[i], mode) > 1.5 * rest_of(gn, mode),
                      "mode %zu: LM keeps %.3g, SGD %.3g, GN %.3g", mode, rest_of(lm[i], mode),
                      rest_of(sgd, mode), rest_of(gn, mode));
    }
    cr_expect(rest_of(lm[1], 7) < rest_of(lm[0], 7), "less damping, less bias");

    for (size_t i = 0; i < set.group_count; i++) {
        gn_series *const all[] = {sgd, lm[0], lm[1], gn};
        gn_group_series_free(&set.groups[i], all[i]);
    }
    gn_run_set_destroy(&set);
    cr_expect(report_exists(&test, "sweep/figures/fig3-spectral-bias.png"));
    report_end(&test);
}

/* The last recorded losses of the group called `title`: least and largest. */
static void last_losses(const gn_run_set *set, const char *title, double *least, double *largest) {
    gn_message message = {0};
    *least = INFINITY;
    *largest = 0;
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_run_group *group = &set->groups[i];
        gn_series *series;
        if (strcmp(group->title, title) != 0)
            continue;
        cr_assert_eq(gn_group_series(set, group, "loss_train", &series, &message), GN_OK);
        for (size_t j = 0; j < group->count; j++) {
            cr_expect_eq(series[j].at[series[j].rows - 1], 100);
            *least = fmin(*least, series[j].values[series[j].rows - 1]);
            *largest = fmax(*largest, series[j].values[series[j].rows - 1]);
        }
        gn_group_series_free(group, series);
    }
    cr_assert(isfinite(*least), "no group '%s'", title);
}

Test(report_experiment, geodesic_acceleration_gets_to_the_bottom, .timeout = 600) {
    report_case test = report_start();
    char out[2 * REPORT_PATH];
    double least, largest;
    snprintf(out, sizeof out, "%s/sweep", test.folder);
    run_sweep("sinc", "sweep.0.values=[0, 1]", out);
    gn_run_set set = {0};
    const char *path = out;
    cr_assert_eq(gn_run_set_open(&path, 1, &set, &test.message), GN_OK, "%s", test.message.text);
    last_losses(&set, "LM accelerated", &least, &largest);
    cr_expect(largest <= 1e-7, "accelerated: %g", largest);
    last_losses(&set, "LM", &least, &largest);
    cr_expect(least >= 1e-7 && largest <= 1e-4, "plain: %g to %g", least, largest);
    gn_run_set_destroy(&set);
    report_end(&test);
}
