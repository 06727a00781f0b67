/* The arrays of `gnewt linearize`: names, shapes, and that they fit each other. Their values against an
 * independent computation are tests/reference/check_linearize.py's. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "run/h5.h"
#include "scratch.h"

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(linearize, .init = setup, .fini = teardown, .timeout = 60);

static gn_h5 *open_file(const char *name) {
    char path[512];
    gn_message message = {0};
    gn_h5 *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(gn_h5_open(path, false, &file, &message), GN_OK, "%s", message.text);
    return file;
}

/* The values, for the caller to free; the shape must be this (0: an axis that is not there). */
static double *expect_array(gn_h5 *file, const char *name, size_t rows, size_t columns) {
    gn_message message = {0};
    size_t shape[GN_H5_MAX_RANK] = {0};
    int rank;
    double *values;
    cr_assert_eq(gn_h5_read(file, name, &rank, shape, &values, &message), GN_OK, "%s", message.text);
    cr_assert_eq(rank, (rows > 0) + (columns > 0), "%s has %d axes", name, rank);
    cr_assert(shape[0] == rows && shape[1] == columns, "%s is %zu x %zu", name, shape[0], shape[1]);
    return values;
}

/* Cross-entropy: residuals p - y that sum to 0 over the classes, the mean loss -log p and its gradient J'r /
 * N. */
Test(linearize, cross_entropy) {
    enum { N = 20, C = 5, M = N * C, P = 2 * 5 * 4 + 4 * 5 };
    write_file(folder, "m.yaml",
               "problem: {kind: modular_addition, modulus: 5, train_fraction: 0.8}\n"
               "network: {kind: quadratic, hidden: 4}\n"
               "loss: {kind: cross_entropy}\n"
               "phases: [{steps: 1, optimizer: {kind: ggn}}]\n");
    expect_command(folder, "linearize m.yaml --out m.h5", 0);
    gn_h5 *file = open_file("m.h5");
    double *residual = expect_array(file, "/residual", M, 0), *loss = expect_array(file, "/loss", 0, 0);
    double *gradient = expect_array(file, "/gradient", P, 0), *J = expect_array(file, "/jacobian", M, P);
    double *y = expect_array(file, "/targets", N, C), *f = expect_array(file, "/outputs", N, C), mean = 0;
    for (int n = 0; n < N; n++) {
        double sum = 0;
        for (int c = 0; c < C; c++)
            sum += exp(f[n * C + c]);
        for (int c = 0; c < C; c++) {
            const double p = exp(f[n * C + c]) / sum;
            mean -= y[n * C + c] * log(p) / N;
            cr_expect_float_eq(residual[n * C + c], p - y[n * C + c], 1e-14);
        }
    }
    cr_expect_float_eq(loss[0], mean, 1e-13 * mean);
    for (int i = 0; i < P; i++) {
        double g = 0;
        for (int m = 0; m < M; m++)
            g += J[m * P + i] * residual[m] / N;
        cr_expect_float_eq(gradient[i], g, 1e-14);
    }
    free(residual), free(loss), free(gradient), free(J), free(y), free(f);
    free(expect_array(file, "/directions/ggn", P, 0));
    gn_h5_close(file, NULL);
}

Test(linearize, cross_entropy_without_classes_is_refused) {
    command_result result =
        expect_command(folder, "linearize c.yaml --set loss.kind=cross_entropy --out L.h5", 2);
    cr_expect(strstr(result.err, "cross_entropy needs classes"), "%s", result.err);
    cr_expect_not(file_exists(folder, "L.h5"));
}

/* N = 20, C = 1, M = 20, P = 25. */
Test(linearize, shapes_and_sums) {
    enum { M = 20, P = 25 };
    expect_command(folder, "linearize c.yaml --out L.h5", 0);
    gn_h5 *file = open_file("L.h5");
    double *residual = expect_array(file, "/residual", M, 0), *loss = expect_array(file, "/loss", 0, 0);
    double *gradient = expect_array(file, "/gradient", P, 0), *J = expect_array(file, "/jacobian", M, P);
    double *K = expect_array(file, "/ntk", M, M), *eigenvalues = expect_array(file, "/ntk_eigenvalues", M, 0);
    double sum = 0, trace = 0, total = 0;
    for (int i = 0; i < M; i++) {
        sum += residual[i] * residual[i] / M;
        trace += K[i * M + i];
        total += eigenvalues[i];
        cr_expect(i == 0 || eigenvalues[i] >= eigenvalues[i - 1]);
    }
    cr_expect_float_eq(loss[0], sum, 1e-13 * sum);
    cr_expect_float_eq(total, trace, 1e-12 * trace);
    for (int p = 0; p < P; p++) {
        double g = 0;
        for (int i = 0; i < M; i++)
            g += 2.0 / M * J[i * P + p] * residual[i];
        cr_expect_float_eq(gradient[p], g, 1e-12);
    }
    free(residual), free(loss), free(gradient), free(J), free(K), free(eigenvalues);
    free(expect_array(file, "/inputs", M, 1));
    free(expect_array(file, "/outputs", M, 1));
    free(expect_array(file, "/params/layers.0.weight", 8, 1));
    free(expect_array(file, "/params/layers.0.bias", 8, 0));
    free(expect_array(file, "/params/layers.1.weight", 1, 8));
    free(expect_array(file, "/directions/levenberg_marquardt", P, 0));
    free(expect_array(file, "/directions/adam", P, 0));
    gn_h5_close(file, NULL);
}

static void write_params(const char *name, size_t hidden) {
    char path[512];
    gn_message message = {0};
    gn_h5 *file;
    double values[64];
    for (size_t i = 0; i < 64; i++)
        values[i] = 0.01 * (double)i;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(gn_h5_create(path, &file, &message), GN_OK, "%s", message.text);
    const size_t first[2] = {hidden, 1}, last[2] = {1, hidden}, one = 1;
    cr_assert_eq(gn_h5_write(file, "/params/layers.0.weight", 2, first, values, &message), GN_OK);
    cr_assert_eq(gn_h5_write(file, "/params/layers.0.bias", 1, &hidden, values, &message), GN_OK);
    cr_assert_eq(gn_h5_write(file, "/params/layers.1.weight", 2, last, values, &message), GN_OK);
    if (hidden == 8)
        cr_assert_eq(gn_h5_write(file, "/params/layers.1.bias", 1, &one, values, &message), GN_OK);
    gn_h5_close(file, NULL);
}

Test(linearize, takes_given_parameters) {
    write_params("P.h5", 8);
    expect_command(folder, "linearize c.yaml --params P.h5 --out L.h5", 0);
    gn_h5 *file = open_file("L.h5");
    double *weight = expect_array(file, "/params/layers.0.weight", 8, 1);
    cr_expect_eq(weight[7], 0.07);
    free(weight);
    gn_h5_close(file, NULL);
}

/* What a run leaves is a file of parameters too. */
Test(linearize, takes_the_parameters_of_a_run) {
    expect_command(folder, "run c.yaml --out r", 0);
    expect_command(folder, "linearize c.yaml --params r/run.h5 --out L.h5", 0);
    gn_h5 *file = open_file("L.h5"), *run = open_file("r/run.h5");
    double *loss = expect_array(file, "/loss", 0, 0), *rows = NULL;
    gn_message message = {0};
    size_t shape[GN_H5_MAX_RANK];
    int rank;
    cr_assert_eq(gn_h5_read(run, "/metrics/loss_train", &rank, shape, &rows, &message), GN_OK);
    cr_expect_float_eq(loss[0], rows[shape[0] - 1], 1e-12);
    free(loss), free(rows);
    gn_h5_close(file, NULL);
    gn_h5_close(run, NULL);
}

Test(linearize, a_centred_network_starts_at_0) {
    expect_command(folder, "linearize c.yaml --set network.centred=true --out L.h5", 0);
    gn_h5 *file = open_file("L.h5");
    double *outputs = expect_array(file, "/outputs", 20, 1);
    for (int i = 0; i < 20; i++)
        cr_expect_float_eq(outputs[i], 0, 1e-14);
    free(outputs);
    free(expect_array(file, "/params0/layers.0.weight", 8, 1));
    gn_h5_close(file, NULL);
}

Test(linearize, mistakes) {
    write_params("P.h5", 9);
    command_result wrong = expect_command(folder, "linearize c.yaml --params P.h5 --out L.h5", 2);
    cr_expect(strstr(wrong.err, "/params/layers.0.weight is of shape (9 x 1)") != NULL, "%s", wrong.err);
    cr_expect(strstr(wrong.err, "layers.0.bias (8), layers.1.weight (1 x 8)") != NULL, "%s", wrong.err);
    command_result missing = expect_command(
        folder, "linearize c.yaml --set network.widths='[1, 9, 1]' --params P.h5 --out L.h5", 2);
    cr_expect(strstr(missing.err, "holds no /params/layers.1.bias") != NULL, "%s", missing.err);
    expect_command(folder, "linearize c.yaml --params no.h5 --out L.h5", 2);
    expect_command(folder, "linearize c.yaml", 2);
    wrong = expect_command(
        folder, "linearize c.yaml --set 'phases.0.optimizer={kind: gauss_newton, solver: dual}' --out L.h5",
        2);
    cr_expect(strstr(wrong.err, "not dual or primal") != NULL, "%s", wrong.err);
    expect_command(folder, "linearize c.yaml --out no/L.h5", 1);
    command_result large = expect_command(
        folder, "linearize c.yaml --set problem.points=3000000 --set observe=[] --out L.h5", 1);
    cr_expect(strstr(large.err, "the NTK (3000000 x 3000000, ") != NULL, "%s", large.err);
    cr_expect_not(file_exists(folder, "L.h5"));
}
