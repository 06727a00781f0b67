/* Second-order rules and their solvers as a user names them: every one trains, each says what it took, and
 * bad options are refused where they stand. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/h5.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

/* Line 6 is the optimiser's. */
static const char config[] = "problem: {kind: modular_addition, modulus: 5, train_fraction: 0.8}\n"
                             "network: {kind: mlp, widths: [10, 12, 5], activation: tanh}\n"
                             "loss: {kind: cross_entropy}\n"
                             "phases:\n"
                             "- steps: 12\n"
                             "  optimizer: {kind: ggn, damping: {kind: gain_ratio, value: 0.01}%s}\n";

static void write_config(const char *options) {
    char text[1024];
    snprintf(text, sizeof text, config, options);
    write_file(folder, "c.yaml", text);
}

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_config("");
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(solvers, .init = setup, .fini = teardown, .timeout = 120);

/* A metric of a run: its last value where `last`, else its first. NAN where it is not there. */
static double metric(const char *directory, const char *name, bool last) {
    char path[512];
    gn_run run;
    gn_series series;
    gn_message message = {0};
    snprintf(path, sizeof path, "%s/%s", folder, directory);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_run_metric(&run, name, &series, &message), GN_OK, "%s", message.text);
    const double value = series.rows > 0 ? series.values[last ? series.rows - 1 : 0] : NAN;
    gn_series_free(&series);
    gn_run_close(&run);
    return value;
}

static void expect_part(const char *text, const char *part, const char *of) {
    cr_expect(strstr(text, part) != NULL, "%s: no `%s` in: %s", of, part, text);
}

/* Options of the optimiser, and what the log says of them. */
static const struct {
    const char *options, *log;
} trained[] = {
    {"", "solver "},
    {", solver: dual", "solver dual (M = 100, P = 197)"},
    {", solver: cg", "solver cg (M = 100, P = 197)"},
    {", solver: cg, cg: {preconditioner: jacobi}", "solver cg"},
    {", solver: cg, cg: {preconditioner: nystrom, rank: 5}", "solver cg"},
    {", solver: cg, cg: {preconditioner: kfac}", "solver cg"},
    {", solver: cg, cg: {warm_start: true, progress: 1.0e-4}", "solver cg"},
    {", solver: lsmr", "solver lsmr (M = 100, P = 197)"},
    {", solver: lsmr, cg: {max_iterations: 3, tolerance: 0}", "LSMR stopped after 3 iterations"},
    {", solver: cg, cg: {max_iterations: 3, tolerance: 0}", "CG stopped after 3 iterations"},
};

Test(solvers, each_lowers_the_loss_and_says_what_it_is) {
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++) {
        char line[64];
        snprintf(line, sizeof line, "run c.yaml --quiet --out r%zu", i);
        write_config(trained[i].options);
        expect_command(folder, line, 0);
        snprintf(line, sizeof line, "r%zu/log.txt", i);
        char *log = read_file(folder, line);
        expect_part(log, trained[i].log, trained[i].options);
        free(log);
        line[strcspn(line, "/")] = '\0';
        const double first = metric(line, "loss_train", false), last = metric(line, "loss_train", true);
        cr_expect(last < 0.8 * first, "%s: %g from %g", trained[i].options, last, first);
        const bool products = strstr(trained[i].options, "cg") || strstr(trained[i].options, "lsmr");
        const double iterations = metric(line, "cg_iterations", true);
        cr_expect(products ? iterations > 0 : !(iterations > 0), "%s: %g iterations", trained[i].options,
                  iterations);
    }
}

/* Without a report CG and the dense solve take the same steps. */
Test(solvers, steps_by_products_are_the_dense_ones) {
    static const char *const options[] = {
        ", solver: primal", ", solver: cg, cg: {tolerance: 1.0e-12, max_iterations: 1000}",
        ", solver: cg, cg: {tolerance: 1.0e-12, max_iterations: 1000, preconditioner: kfac}",
        ", solver: lsmr, cg: {tolerance: 1.0e-12, max_iterations: 1000}"};
    double dense = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "run c.yaml --quiet --out r%zu --set phases.0.optimizer.damping='{value: 0.1}'", i);
        write_config(options[i]);
        expect_command(folder, line, 0);
        snprintf(line, sizeof line, "r%zu", i);
        const double loss = metric(line, "loss_train", true);
        dense = i == 0 ? loss : dense;
        cr_expect(fabs(loss - dense) < 1e-7 * dense, "%s: %.12g, not %.12g", options[i], loss, dense);
    }
}

static const struct {
    const char *options;
    const char *message[2];
} refused[] = {
    {", solver: gmres", {"c.yaml:6: phases.0.optimizer.solver cannot be `gmres`", "cg, lsmr"}},
    {", solver: cgs", {"c.yaml:6: phases.0.optimizer.solver", "did you mean `cg`"}},
    {", solver: cg, cg: {preconditioner: ilu}", {"c.yaml:6: ", "none, jacobi, nystrom, kfac"}},
    {", solver: cg, cg: {tolerance: 1.0}", {"c.yaml:6: phases.0.optimizer.cg.tolerance is 1.0", "[0, 1)"}},
    {", solver: cg, cg: {max_iterations: 0}", {"c.yaml:6: phases.0.optimizer.cg.max_iterations is 0", ""}},
    {", solver: cg, cg: {rank: 0}", {"c.yaml:6: phases.0.optimizer.cg.rank is 0", ""}},
    {", solver: cg, cg: {progress: -1}", {"c.yaml:6: phases.0.optimizer.cg.progress is -1", ""}},
    {", solver: cg, cg: {preconditoner: jacobi}",
     {"c.yaml:6: unknown key `preconditoner`", "`preconditioner`"}},
    {", solver: lsmr, cg: {preconditioner: kfac}",
     {"c.yaml:", "cg.preconditioner does not go with solver: lsmr"}},
    {", solver: lsmr, cg: {warm_start: true}", {"c.yaml:", "cg.warm_start does not go with solver: lsmr"}},
    {", solver: lsmr, cg: {progress: 0.1}", {"c.yaml:", "cg.progress does not go with solver: lsmr"}},
    {", solver: cg, weight_decay: 0.1", {"c.yaml:", "weight_decay"}},
    {", momentum: 0.5", {"c.yaml:6: key `momentum`", "does not belong to kind ggn"}},
    {", curvature: total", {"c.yaml:6: phases.0.optimizer.curvature cannot be `total`", "sum, mean"}},
};

Test(solvers, mistakes_are_refused_where_they_stand) {
    static const char *const verbs[] = {"check c.yaml", "run c.yaml --quiet --out out"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        for (int verb = 0; verb < 2; verb++) {
            write_config(refused[i].options);
            command_result result = expect_command(folder, verbs[verb], 2);
            for (int k = 0; k < 2; k++)
                expect_part(result.err, refused[i].message[k], refused[i].options);
            cr_expect_not(file_exists(folder, "out"), "a run directory was made");
        }
}

static double *read_array(gn_h5 *file, const char *name, size_t rows, size_t columns) {
    gn_message message = {0};
    size_t shape[GN_H5_MAX_RANK] = {0};
    int rank;
    double *values;
    cr_assert_eq(gn_h5_read(file, name, &rank, shape, &values, &message), GN_OK, "%s", message.text);
    cr_assert(shape[0] == rows && shape[1] == columns, "%s is %zu x %zu", name, shape[0], shape[1]);
    return values;
}

/* A direction for each damping, by dense solves and by products alike; one of them is the optimiser's own. */
Test(solvers, linearize_takes_several_dampings) {
    enum { P = 197, K = 3 };
    static const char *const solvers[] = {"primal", "cg", "lsmr"};
    double *dense = NULL;
    for (int i = 0; i < 3; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "linearize c.yaml --dampings 1,0.01,0.1 --out L.h5 --set phases.0.optimizer.solver=%s "
                 "--set phases.0.optimizer.cg='{tolerance: 1.0e-12, max_iterations: 2000}'",
                 solvers[i]);
        expect_command(folder, line, 0);
        char path[512];
        gn_message message = {0};
        gn_h5 *file;
        snprintf(path, sizeof path, "%s/L.h5", folder);
        cr_assert_eq(gn_h5_open(path, false, &file, &message), GN_OK, "%s", message.text);
        double *dampings = read_array(file, "/dampings", K, 0), *d = read_array(file, "/damped/ggn", K, P),
               *own = read_array(file, "/directions/ggn", P, 0);
        cr_expect(dampings[0] == 1 && dampings[1] == 0.01 && dampings[2] == 0.1);
        dense = dense ? dense : d;
        for (int p = 0; p < P; p++)
            cr_expect_float_eq(d[P + p], own[p], 1e-8, "%s: %g, not %g", solvers[i], d[P + p], own[p]);
        for (int p = 0; p < K * P; p++)
            cr_expect_float_eq(d[p], dense[p], 1e-8, "%s: %g, not %g", solvers[i], d[p], dense[p]);
        free(dampings), free(own);
        if (d != dense)
            free(d);
        gn_h5_close(file, NULL);
    }
    free(dense);
}

Test(solvers, linearize_refuses_dampings_that_cannot_be) {
    static const char *const bad[] = {"1,,2", "-1", "1,", "a", "nan", "1e999", "''"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[128];
        snprintf(line, sizeof line, "linearize c.yaml --dampings %s --out L.h5", bad[i]);
        expect_part(expect_command(folder, line, 2).err, "--dampings", bad[i]);
    }
    expect_part(expect_command(folder,
                               "linearize c.yaml --dampings 1 --out L.h5 --set "
                               "phases.0.optimizer='{kind: gauss_newton}'",
                               2)
                    .err,
                "needs a phase of levenberg_marquardt or ggn", "no damping");
    cr_expect_not(file_exists(folder, "L.h5"));
}
