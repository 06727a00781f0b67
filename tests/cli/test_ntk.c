/* `gnewt ntk`: the file, the table, the figure, and its mistakes; and the observer of that name in a run. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/h5.h"
#include "scratch.h"

enum { M = 20 };

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(ntk, .init = setup, .fini = teardown, .timeout = 60);

/* An array of a file, for the caller to free. */
static double *read_array(const char *file, const char *name, size_t expected) {
    char path[512];
    gn_message message = {0};
    gn_h5 *h5;
    int rank;
    size_t shape[GN_H5_MAX_RANK] = {0}, count = 1;
    double *values;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    cr_assert_eq(gn_h5_open(path, false, &h5, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_h5_read(h5, name, &rank, shape, &values, &message), GN_OK, "%s", message.text);
    gn_h5_close(h5, NULL);
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    cr_assert_eq(count, expected, "%s has %zu elements", name, count);
    return values;
}

Test(ntk, agrees_with_linearize) {
    command_result done = expect_command(folder, "ntk c.yaml --out K.h5", 0);
    cr_expect_not_null(strstr(done.out, "20, 1 outputs each"));
    cr_expect_not_null(strstr(done.out, "effective rank"));
    cr_expect(file_exists(folder, "K.png") && file_exists(folder, "K.svg"));
    expect_command(folder, "linearize c.yaml --out L.h5", 0);
    double *k = read_array("K.h5", "/ntk", M * M), *l = read_array("L.h5", "/ntk", M * M);
    double *eigenvalues = read_array("K.h5", "/ntk_eigenvalues", M);
    double trace = 0, sum = 0;
    cr_expect_eq(memcmp(k, l, M * M * sizeof *k), 0);
    for (int i = 0; i < M; i++) {
        trace += k[i * M + i];
        sum += eigenvalues[i];
    }
    cr_expect_float_eq(sum, trace, 1e-12 * trace);
    free(k), free(l), free(eigenvalues);
}

/* By products the largest are the same, and the file says how sure that is; of as many as there are, all are
 * found from the matrix. In float32 the spectrum is float64's of those parameters. */
Test(ntk, has_the_largest_values_by_products) {
    enum { LARGEST = 4 };
    expect_command(folder, "ntk c.yaml --out K.h5", 0);
    command_result few = expect_command(folder, "ntk c.yaml --values 4 --out F.h5", 0);
    cr_expect_not_null(strstr(few.out, "the 4 largest of 20"), "%s", few.out);
    cr_expect_null(strstr(few.out, "condition number"));
    expect_command(folder, "ntk c.yaml --values 20 --out A.h5", 0);
    double *whole = read_array("K.h5", "/ntk_eigenvalues", M),
           *all = read_array("A.h5", "/ntk_eigenvalues", M);
    double *largest = read_array("F.h5", "/ntk_eigenvalues", LARGEST);
    double *bounds = read_array("F.h5", "/ntk_eigenvalue_bounds", LARGEST);
    for (int i = 0; i < LARGEST; i++) {
        const double bound = bounds[i] + 1e-12 * whole[M - 1];
        cr_expect_float_eq(largest[i], whole[M - LARGEST + i], bound, "%g, not %g", largest[i],
                           whole[M - LARGEST + i]);
    }
    cr_expect_eq(memcmp(whole, all, M * sizeof *all), 0);
    free(whole), free(all), free(largest), free(bounds);
    expect_command(folder, "ntk c.yaml --set precision=float32 --out S.h5", 0);
    double *ntk = read_array("S.h5", "/ntk", M * M), sum = 0;
    for (int i = 0; i < M * M; i++)
        sum += fabs(ntk[i] - (double)(float)ntk[i]);
    cr_expect_gt(sum, 0, "more than float32 holds");
    free(ntk);
}

/* A run's last parameters give what its observer saw last. */
Test(ntk, takes_the_parameters_of_a_run) {
    enum { ROWS = 6 };
    expect_command(folder, "run c.yaml --quiet --set 'observe=[{kind: ntk, every: 8}]' --out r", 0);
    expect_command(folder, "ntk c.yaml --params r/run.h5 --out K.h5", 0);
    double *step = read_array("r/run.h5", "/observe/ntk/step", ROWS);
    double *seen = read_array("r/run.h5", "/observe/ntk/eigenvalues", ROWS * M);
    double *now = read_array("K.h5", "/ntk_eigenvalues", M);
    cr_expect(step[0] == 0 && step[2] == 12 && step[ROWS - 1] == 32, "phases end with an observation");
    for (int i = 0; i < M; i++)
        cr_expect_float_eq(seen[(ROWS - 1) * M + i], now[M - 1 - i], 1e-12 * now[M - 1]);
    free(step), free(seen), free(now);
}

Test(ntk, mistakes) {
    command_result wrong = expect_command(folder, "ntk c.yaml --params no.h5", 2);
    cr_expect_not_null(strstr(wrong.err, "no.h5"));
    cr_expect_not(file_exists(folder, "ntk.h5"));
    expect_command(folder, "ntk c.yaml --out ''", 2);
    wrong = expect_command(folder, "ntk c.yaml --dampings 1", 2);
    cr_expect_not_null(strstr(wrong.err, "unknown option --dampings"), "%s", wrong.err);
    wrong = expect_command(folder, "ntk c.yaml --out no/K.h5", 1);
    cr_expect_not_null(strstr(wrong.err, "no/K.h5: No such file or directory"), "%s", wrong.err);
    wrong = expect_command(folder, "ntk c.yaml --values 0", 2);
    cr_expect_not_null(strstr(wrong.err, "`0` is no number of eigenvalues"), "%s", wrong.err);
    wrong = expect_command(folder, "ntk c.yaml --set 'sweep=[{key: seed, values: [0, 1]}]'", 2);
    cr_expect_not_null(strstr(wrong.err, "ntk takes one point"));
    wrong = expect_command(folder,
                           "ntk c.yaml --values 3000000 --set problem.points=3000000 --set observe=[]", 1);
    cr_expect_not_null(strstr(wrong.err, "the NTK (3000000 x 3000000"));
    wrong = expect_command(folder, "run c.yaml --set 'observe=[{kind: ntk, points: 21}]' --out r", 2);
    cr_expect_not_null(strstr(wrong.err, "20 training samples"));
}

/* A line has two modes that move, and they move as predicted. */
static const char rates_config[] = "name: rates\n"
                                   "problem: {kind: multi_sine_1d, points: 12}\n"
                                   "network: {kind: mlp, widths: [1, 1]}\n"
                                   "phases:\n"
                                   "  - {steps: 12, optimizer: {label: A, kind: sgd, learning_rate: 0.1}}\n"
                                   "observe: [{kind: ntk, every: 2}]\n"
                                   "plot: {kind: rates}\n";

Test(ntk, rates_are_drawn_where_there_are_some) {
    write_file(folder, "rates.yaml", rates_config);
    command_result done = expect_command(folder, "run rates.yaml --quiet --out r", 0);
    cr_expect_not_null(strstr(done.out, "r/figures/rates.png"), "%s", done.out);
    char *svg = read_file(folder, "r/figures/rates.svg");
    cr_expect_not_null(strstr(svg, "R² = 1.0000, slope 1.000"));
    free(svg);
    expect_command(folder,
                   "run rates.yaml --quiet --out adamw --set phases.0.optimizer.kind=adamw "
                   "--set phases.0.optimizer.learning_rate=0.001",
                   0);
    command_result wrong = expect_command(folder, "plot adamw", 1);
    cr_expect_not_null(strstr(wrong.err, "predictions are of sgd, adam"), "%s", wrong.err);
    expect_command(folder, "run rates.yaml --quiet --out batches --set batch.size=4", 0);
    wrong = expect_command(folder, "plot batches", 1);
    cr_expect_not_null(strstr(wrong.err, "by full batches"), "%s", wrong.err);
    expect_command(folder, "run rates.yaml --quiet --out whole --set batch.size=12", 0);
    expect_command(folder, "plot whole", 0);
    wrong = expect_command(folder, "check rates.yaml --set 'observe=[{kind: norms}]'", 2);
    cr_expect_not_null(strstr(wrong.err, "needs `- {kind: ntk}`"), "%s", wrong.err);
}
