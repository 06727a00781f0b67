/* `--device cuda` where it cannot work: one message, exit status 1, and what was recorded before stays. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

static void start(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
}

static void end(void) {
    scratch_remove(folder);
}

TestSuite(cuda, .init = start, .fini = end, .timeout = 120);

static void expect_one_message(const char *err, const char *part) {
    const char *line = strchr(err, '\n');
    cr_expect(strncmp(err, "gnewt: ", 7) == 0 && line != NULL && line[1] == '\0', "one line, not: %s", err);
    cr_expect_not_null(strstr(err, part), "no `%s` in: %s", part, err);
}

/* A new run fails before it makes a directory; the finished one r stays as it is. */
static void expect_refusal(const char *arguments, const char *part) {
    char line[512];
    char *before = read_file(folder, "r/metrics.csv");
    snprintf(line, sizeof line, "run c.yaml --device cuda --quiet --out new %s", arguments);
    expect_one_message(expect_command(folder, line, 1).err, part);
    cr_expect_not(file_exists(folder, "new"));
    snprintf(line, sizeof line,
             "run c.yaml --device cuda --quiet --resume --out r --set phases.0.steps=13 %s", arguments);
    cr_expect_neq(command(folder, line).status, 0);
    char *after = read_file(folder, "r/metrics.csv");
    cr_expect_str_eq(before, after);
    free(before), free(after);
}

#ifdef GN_HOST_CUDA

static void finish_on_cuda(const char *directory) {
    char line[256];
    snprintf(line, sizeof line, "run c.yaml --device cuda --quiet --out %s", directory);
    expect_command(folder, line, 0);
}

static gn_series losses(const char *directory) {
    char path[512];
    gn_run run;
    gn_series loss;
    gn_message message = {0};
    snprintf(path, sizeof path, "%s/%s", folder, directory);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_run_metric(&run, "loss_train", &loss, &message), GN_OK, "%s", message.text);
    gn_run_close(&run);
    return loss;
}

Test(cuda, an_old_driver) {
    finish_on_cuda("r");
    setenv("HOST_CUDA_DRIVER", "12020", 1);
    expect_refusal("", "driver is too old: it serves CUDA 12.2");
}

Test(cuda, memory_that_is_predicted_not_to_do) {
    finish_on_cuda("r");
    setenv("HOST_CUDA_MEMORY", "12000000", 1);
    expect_refusal("--set problem.points=2000 --set phases.0.optimizer.solver=dual",
                   "a dual step with M = 2000 residuals");
}

Test(cuda, memory_that_runs_out) {
    finish_on_cuda("r");
    setenv("HOST_CUDA_INJECT", "cudaMalloc:10:2", 1);
    expect_refusal("", "asked for");
}

/* The rows before the fault can be read, and the run can be taken up again: to the end that it would have
 * had. */
/* The fault shows when the graph of a later step is launched. */
Test(cuda, a_kernel_that_faults_in_the_middle) {
    finish_on_cuda("whole");
    setenv("HOST_CUDA_INJECT", "cudaGraphLaunch:30:700", 1);
    command_result result = expect_command(folder, "run c.yaml --device cuda --quiet --out r", 1);
    expect_one_message(result.err, "illegal memory access");
    unsetenv("HOST_CUDA_INJECT");
    gn_series before = losses("r"), whole = losses("whole");
    cr_assert(before.rows > 2 && before.rows < whole.rows, "%zu rows of %zu", before.rows, whole.rows);
    cr_expect_eq(memcmp(before.values, whole.values, before.rows * sizeof *before.values), 0);
    expect_command(folder, "run c.yaml --device cuda --quiet --resume --out r", 0);
    gn_series after = losses("r");
    cr_assert_eq(after.rows, whole.rows);
    cr_expect_eq(memcmp(after.values, whole.values, whole.rows * sizeof *whole.values), 0);
    gn_series_free(&before), gn_series_free(&whole), gn_series_free(&after);
}

/* A stream each: their launches, graphs and CG loops do not meet. */
Test(cuda, runs_at_once_give_the_same_bits) {
    static const char sweep[] =
        "sweep c.yaml --device cuda --quiet --set phases.0.steps=6 --set phases.1.steps=10 "
        "--set 'sweep=[{key: phases.0.optimizer.solver, values: [dual, cg, spectral]}]'";
    static const char *const solvers[] = {"dual", "cg", "spectral"};
    char line[512], path[2][128];
    snprintf(line, sizeof line, "%s --out alone", sweep);
    expect_command(folder, line, 0);
    snprintf(line, sizeof line, "%s --out together --jobs 3", sweep);
    expect_command(folder, line, 0);
    for (size_t i = 0; i < 3; i++) {
        snprintf(path[0], sizeof path[0], "alone/%03zu-phases.0.optimizer.solver=%s", i, solvers[i]);
        snprintf(path[1], sizeof path[1], "together/%03zu-phases.0.optimizer.solver=%s", i, solvers[i]);
        gn_series alone = losses(path[0]), together = losses(path[1]);
        cr_assert_eq(alone.rows, together.rows);
        cr_expect_eq(memcmp(alone.values, together.values, alone.rows * sizeof *alone.values), 0, "%s",
                     solvers[i]);
        gn_series_free(&alone), gn_series_free(&together);
    }
}

#elif defined(GN_CUDA_PLUGIN)

/* Against drivers and plugins of tests/plugin; the folders are beside the build's. */
static void expect_refusal_of(const char *driver, const char *plugin, const char *part) {
    if (dlopen("libcuda.so.1", RTLD_NOW))
        cr_skip_test("an NVIDIA driver is here");
    expect_command(folder, "run c.yaml --device cpu --quiet --out r", 0);
    if (driver != NULL)
        setenv("LD_LIBRARY_PATH", driver, 1);
    if (plugin != NULL)
        setenv("GNEWT_PLUGIN_DIR", plugin, 1);
    expect_refusal("", part);
    expect_command(folder, "run c.yaml --device auto --quiet --out fallback", 0);
}

Test(cuda, no_driver) {
    expect_refusal_of(NULL, NULL, "no NVIDIA driver here (libcuda.so.1 not found)");
}

Test(cuda, no_plugin) {
    expect_refusal_of(GNEWT_FAKES "/driver", GNEWT_FAKES "/empty", "there is no libgnewt-cuda.so in");
}

Test(cuda, a_plugin_of_another_version) {
    expect_refusal_of(GNEWT_FAKES "/driver", GNEWT_FAKES "/other_version", "of another version of gnewt");
}

Test(cuda, a_library_that_is_missing) {
    expect_refusal_of(GNEWT_FAKES "/driver", GNEWT_FAKES "/no_library", "install CUDA's libraries");
}

#else

Test(cuda, a_build_without_it) {
    expect_command(folder, "run c.yaml --device cpu --quiet --out r", 0);
    expect_refusal("", "this build has no CUDA backend");
}

#endif
