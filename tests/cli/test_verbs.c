/* What each verb prints, and that configurations come back as they went. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "scratch.h"

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(verbs, .init = setup, .fini = teardown, .timeout = 60);

static void expect_text(const char *text, const char *part) {
    cr_expect(strstr(text, part) != NULL, "no `%s` in:\n%s", part, text);
}

Test(verbs, help) {
    static const char *const verbs[] = {"run", "sweep", "linearize", "plot", "check", "schema", "info"};
    char arguments[64];
    command_result all = expect_command(folder, "--help", 0);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        expect_text(all.out, verbs[i]);
        snprintf(arguments, sizeof arguments, "%s --help", verbs[i]);
        command_result result = expect_command(folder, arguments, 0);
        expect_text(result.out, "usage: gnewt ");
        cr_expect_eq(result.err[0], '\0');
    }
}

Test(verbs, info) {
    command_result result = expect_command(folder, "info", 0);
    expect_text(result.out, "gnewt      0.");
#if !defined(__clang__)
    expect_text(result.out, "built by   gcc ");
#endif
    expect_text(result.out, "cpu        cpu: ");
    expect_text(result.out, "HDF5 1.");
}

Test(verbs, schema_is_a_configuration) {
    command_result schema = expect_command(folder, "schema", 0);
    expect_text(schema.out, "levenberg_marquardt");
    write_file(folder, "schema.yaml", schema.out);
    command_result check = expect_command(folder, "check schema.yaml", 0);
    expect_text(check.out, "name: \"example\"");
}

/* The resolved configuration, less what `check` says of sizes, which change with free memory. */
static void keep_configuration(char *text) {
    char *comment = strstr(text, "\n# ");
    if (comment != NULL)
        comment[1] = '\0';
}

Test(verbs, resolved_configuration_loads_to_itself) {
    command_result first = expect_command(folder, "check c.yaml", 0);
    expect_text(first.out, "# memory: ");
    expect_text(first.out, "learning_rate: 1.0e-3"); /* a default */
    expect_text(first.out, "value: 0.1");
    keep_configuration(first.out);
    write_file(folder, "again.yaml", first.out);
    command_result second = expect_command(folder, "check again.yaml", 0);
    keep_configuration(second.out);
    cr_expect_str_eq(first.out, second.out);
}

Test(verbs, relative_paths_start_at_the_configuration) {
    char path[700];
    snprintf(path, sizeof path, "mkdir '%s/sub' '%s/sub/data'", folder, folder);
    cr_assert_eq(system(path), 0);
    write_file(folder, "sub/d.yaml",
               "problem: {kind: idx, folder: data}\nnetwork: {widths: [64, 10]}\n"
               "phases: [{steps: 1, optimizer: {kind: sgd}}]\n");
    command_result result = expect_command(folder, "check sub/d.yaml", 2);
    snprintf(path, sizeof path, "%s/sub/data", strrchr(folder, '/') + 1);
    expect_text(result.err, path); /* the folder is there, the files in it are not */
    expect_text(result.err, "images-idx3-ubyte");
}

Test(verbs, check_sees_every_point_of_a_grid) {
    write_file(folder, "g.yaml", grid_config);
    expect_text(expect_command(folder, "check g.yaml", 0).out, "# a grid of 6 points, all of them checked");
    command_result result = expect_command(folder, "check g.yaml --set sweep.1.values='[0.1, 0.2, -1]'", 2);
    expect_text(result.err,
                "sweep of phases.0.optimizer.learning_rate: phases.0.optimizer.learning_rate is -1");
}

/* What only the making of a point shows: a network that does not fit the data, a file that is not there. */
Test(verbs, check_makes_every_point_of_a_grid) {
    write_file(folder, "g.yaml", grid_config);
    command_result result = expect_command(
        folder, "check g.yaml --set 'sweep.0={key: network.widths, values: [[1, 8, 1], [1, 8, 2]]}'", 2);
    expect_text(result.err, "network.widths goes from 1 to 2");
    expect_text(result.err, "(point 5 of the grid, network.widths=1,_8,_2,");
    result = expect_command(folder, "check g.yaml --set problem.kind=nothing", 2);
    expect_text(result.err, "problem.kind cannot be `nothing`");
    cr_expect_null(strstr(result.err, "of the grid"), "no point's own fault: %s", result.err);
    cr_expect_eq(result.out[0], '\0', "%s", result.out);
    result = expect_command(folder,
                            "check g.yaml --set 'sweep.1={key: problem, values: [{kind: multi_sine_1d}, "
                            "{kind: arrays, file: no.h5}]}'",
                            2);
    expect_text(result.err, "no.h5");
    result = expect_command(folder, "check g.yaml --set 'sweep.1.values=[]'", 2);
    expect_text(result.err, "sweep.1.values must be a list of one value or more");
}

/* The largest is neither the first nor the last, and is what a check of that point alone says. */
Test(verbs, check_predicts_the_largest_memory_of_a_grid) {
    write_file(folder, "g.yaml", grid_config);
    command_result grid = expect_command(folder,
                                         "check g.yaml --set 'sweep=[{key: network.widths, values: [[1, 8, "
                                         "1], [1, 900, 900, 1], [1, 9, 1]]}]'",
                                         0);
    const char *largest = strstr(grid.out, "# the grid's largest, network.widths=");
    cr_assert_not_null(largest, "%s", grid.out);
    expect_text(largest, "900");
    write_file(folder, "one.yaml", grid_config);
    command_result one =
        expect_command(folder, "check one.yaml --set sweep=[] --set 'network.widths=[1, 900, 900, 1]'", 0);
    char size[32], *most = strstr(one.out, "now, ");
    cr_assert_not_null(most);
    cr_assert_eq(sscanf(most, "now, %31[^a]at most", size), 1); /* "13.1 MiB " */
    expect_text(largest, size);
}

Test(verbs, a_run_prints_its_results) {
    command_result result = expect_command(folder, "run c.yaml --out r --quiet", 0);
    expect_text(result.out, "state      finished, step 32 of 32");
    expect_text(result.out, "loss       train ");
    expect_text(result.out, "directory  r\n");
    cr_expect_eq(result.err[0], '\0', "%s", result.err);
    char *csv = read_file(folder, "r/metrics.csv");
    cr_expect_eq(strncmp(csv,
                         "step,phase,seconds,loss_train,loss_test,accuracy_train,accuracy_test,passes,"
                         "gradient_norm,step_norm,step_size,damping,kept,backtracks,rejected,cg_iterations,"
                         "acceleration,processor_seconds\n0,0,0,",
                         160),
                 0, "%s", csv);
    expect_text(csv, "\n32,1,");
    expect_text(csv, ",,"); /* no classes: no accuracy */
    free(csv);
    cr_expect(file_exists(folder, "r/run.h5") && file_exists(folder, "r/checkpoint.h5") &&
              file_exists(folder, "r/log.txt") && file_exists(folder, "r/figures"));
}

Test(verbs, a_run_never_overwrites_another) {
    expect_command(folder, "run c.yaml", 0);
    expect_text(expect_command(folder, "run c.yaml", 0).out, "directory  runs/quick-2");
    cr_expect(file_exists(folder, "runs/quick/run.h5") && file_exists(folder, "runs/quick-2/run.h5"));
    expect_text(expect_command(folder, "run c.yaml --out runs/quick", 2).err, "is there and not empty");
}

Test(verbs, settings_change_the_run) {
    expect_command(folder,
                   "run c.yaml --out r --seed 7 --device cpu --set phases.0.steps=3 --set phases.1.steps=2 "
                   "--set 'phases.0.optimizer.damping={kind: scheduled, value: 1, final: 0.1, steps: 5}' "
                   "--set plot.kind=none --set network.widths='[1, 4, 1]'",
                   0);
    char *config = read_file(folder, "r/config.yaml");
    expect_text(config, "seed: 7");
    expect_text(config, "device: \"cpu\"");
    expect_text(config, "kind: scheduled");
    expect_text(config, "widths: [1, 4, 1]");
    free(config);
    char *csv = read_file(folder, "r/metrics.csv");
    expect_text(csv, "\n5,1,");
    free(csv);
}

Test(verbs, divergence_is_said_and_kept) {
    command_result result = expect_command(
        folder, "run c.yaml --out r --set 'phases.0.optimizer={kind: sgd, learning_rate: 1.0e+200}'", 1);
    expect_text(result.err, "diverged at step");
    char *log = read_file(folder, "r/log.txt");
    expect_text(log, "diverged at step");
    free(log);
    char *csv = read_file(folder, "r/metrics.csv");
    expect_text(csv, "\n0,0,");
    free(csv);
}
