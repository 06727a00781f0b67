#include "problem.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        const gn_status try_status = (call);                                                                 \
        if (try_status != GN_OK)                                                                             \
            return try_status;                                                                               \
    } while (0)

const bench_problem_kind bench_regression = {.name = "regression",
                                             .what = "1-80-80-1 tanh, N = 100",
                                             .samples = 100,
                                             .depth = 3,
                                             .widths = {1, 80, 80, 1},
                                             .activation = "tanh",
                                             .init = GN_INIT_KAIMING_UNIFORM,
                                             .mu = 0.1,
                                             .rate = 0.02,
                                             .gradient_rate = 0.01};
const bench_problem_kind bench_kernel_tanh = {.name = "kernel-tanh",
                                              .what = "64-256-256-10 tanh, N = 256, M = 2560",
                                              .samples = 256,
                                              .depth = 3,
                                              .widths = {64, 256, 256, 10},
                                              .activation = "tanh",
                                              .init = GN_INIT_GLOROT_UNIFORM,
                                              .mu = 0.1,
                                              .rate = 0.1,
                                              .gradient_rate = 0.01};
const bench_problem_kind bench_kernel_relu = {.name = "kernel-relu",
                                              .what = "64-256-256-10 relu, N = 256, M = 2560",
                                              .samples = 256,
                                              .depth = 3,
                                              .widths = {64, 256, 256, 10},
                                              .activation = "relu",
                                              .init = GN_INIT_GLOROT_UNIFORM,
                                              .mu = 0.1,
                                              .rate = 0.1,
                                              .gradient_rate = 0.01};
const bench_problem_kind bench_digits = {.name = "digits",
                                         .what = "784-250-10 relu, N = 200, M = 2000",
                                         .samples = 200,
                                         .depth = 2,
                                         .widths = {784, 250, 10},
                                         .activation = "relu",
                                         .init = GN_INIT_GLOROT_UNIFORM,
                                         .mu = 0.1,
                                         .rate = 0.1,
                                         .gradient_rate = 0.01};

double bench_largest_difference(size_t count, const double *a, const double *b) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs(a[i] - b[i]);
        if (!(difference <= largest)) /* so that a NaN stays */
            largest = difference;
    }
    return largest;
}

/* Images like written digits: a fifth of the pixels lit; else normal numbers. Targets: one-hot in turn, else
 * 0. */
static void draw(const bench_problem_kind *kind, size_t count, bench_problem *problem) {
    if (kind == &bench_digits) {
        gn_random_uniform(0, GN_STREAM_DATA, 0, count, -4, 1, problem->x);
        for (size_t i = 0; i < count; i++)
            problem->x[i] = problem->x[i] > 0 ? problem->x[i] : 0;
        for (size_t i = 0; i < problem->samples; i++)
            problem->y[i * problem->outputs + i % problem->outputs] = 1;
    } else {
        gn_random_normal(0, GN_STREAM_DATA, 0, count, 0, 1, problem->x);
    }
}

static gn_status fill(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype, bench_problem *p) {
    gn_context *context = run->context;
    gn_mlp_options options = gn_mlp_options_default();
    options.widths = kind->widths;
    options.depth = kind->depth;
    options.activation = kind->activation;
    TRY(gn_network_create_mlp(context, &options, &p->network));
    p->features = gn_network_inputs(p->network);
    p->outputs = gn_network_outputs(p->network);
    p->parameters = gn_network_parameters(p->network);
    p->samples = kind->samples;
    p->rows = p->samples * p->outputs;

    const size_t count = p->samples * p->features;
    p->x = calloc(count, sizeof(double));
    p->y = calloc(p->rows, sizeof(double));
    p->theta0 = calloc(p->parameters, sizeof(double));
    if (!p->x || !p->y || !p->theta0)
        return GN_ERROR_MEMORY;
    const size_t input_shape[] = {p->samples, p->features}, target_shape[] = {p->samples, p->outputs};
    TRY(gn_array_create(context, dtype, 2, input_shape, &p->inputs));
    TRY(gn_array_create(context, dtype, 2, target_shape, &p->targets));
    TRY(gn_array_create(context, dtype, 1, &p->parameters, &p->theta));
    if (kind == &bench_regression) {
        gn_dataset dataset = {0};
        TRY(gn_dataset_multi_sine_1d(context, GN_FLOAT64, p->samples, 1, 0, &dataset));
        gn_status status = gn_array_read(dataset.inputs, p->x, count);
        if (status == GN_OK)
            status = gn_array_read(dataset.targets, p->y, p->rows);
        gn_dataset_destroy(&dataset);
        TRY(status);
    } else {
        draw(kind, count, p);
    }
    TRY(gn_array_write(p->inputs, p->x, count));
    TRY(gn_array_write(p->targets, p->y, p->rows));
    TRY(gn_network_initialize(p->network, kind->init, 1, 0, p->theta));
    TRY(gn_array_read(p->theta, p->theta0, p->parameters));
    TRY(gn_linearization_create(p->network, GN_LOSS_SQUARED, dtype, p->samples, &p->linearization));
    return gn_linearization_set_batch(p->linearization, p->inputs, p->targets);
}

gn_status bench_problem_open(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype,
                             bench_problem *problem) {
    *problem = (bench_problem){.kind = kind, .dtype = dtype};
    const gn_status status = fill(run, kind, dtype, problem);
    if (status != GN_OK)
        bench_problem_close(problem);
    return status;
}

void bench_problem_close(bench_problem *problem) {
    gn_linearization_destroy(problem->linearization);
    gn_array_destroy(problem->inputs);
    gn_array_destroy(problem->targets);
    gn_array_destroy(problem->theta);
    gn_network_destroy(problem->network);
    free(problem->x);
    free(problem->y);
    free(problem->theta0);
    *problem = (bench_problem){0};
}

gn_status bench_problem_reset(bench_problem *problem) {
    return gn_array_write(problem->theta, problem->theta0, problem->parameters);
}

gn_status bench_problem_optimizer(bench_run *run, const bench_problem *problem, const char *name,
                                  gn_optimizer **optimizer) {
    const bench_problem_kind *kind = problem->kind;
    gn_optimizer_options options;
    if (!strcmp(name, "lm-step")) {
        options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
        options.learning_rate = kind->rate;
        options.damping.value = kind->mu;
        options.solver = GN_SOLVER_DUAL;
    } else if (!strcmp(name, "gn-step")) {
        options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
        options.learning_rate = kind->rate;
        options.solver = GN_SOLVER_SPECTRAL;
    } else if (!strcmp(name, "sgd-step")) {
        options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
        options.learning_rate = kind->gradient_rate;
    } else {
        options = gn_optimizer_options_default(GN_OPTIMIZER_ADAMW);
        options.learning_rate = 1e-3;
    }
    return gn_optimizer_create(run->context, &options, problem->dtype, problem->parameters, problem->rows,
                               optimizer);
}

gn_status bench_problem_step(bench_run *run, bench_problem *problem, const char *name, double *theta) {
    gn_optimizer *optimizer = NULL;
    gn_status status = bench_problem_reset(problem);
    if (status == GN_OK)
        status = bench_problem_optimizer(run, problem, name, &optimizer);
    if (status == GN_OK)
        status = gn_optimizer_step(optimizer, problem->linearization, problem->theta, NULL);
    if (status == GN_OK)
        status = gn_array_read(problem->theta, theta, problem->parameters);
    gn_optimizer_destroy(optimizer);
    return status;
}

/* ---- HDF5 ---- */

static bool write_array(hid_t file, const char *name, int rank, const size_t *shape, const double *values) {
    hsize_t lengths[2] = {shape[0], rank > 1 ? shape[1] : 1};
    const hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, lengths, NULL);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t set = H5Dcreate2(file, name, H5T_NATIVE_DOUBLE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    const bool written =
        set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    return written;
}

static bool write_number(hid_t file, const char *name, double value) {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool written = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return written;
}

static bool write_text(hid_t file, const char *name, const char *value) {
    const hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(value));
    const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool written = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    return written;
}

static gn_status write_problem(bench_run *run, bench_problem *p, hid_t file) {
    bool written = write_text(file, "activation", p->kind->activation) &&
                   write_number(file, "mu", p->kind->mu) && write_number(file, "rate", p->kind->rate) &&
                   write_number(file, "gradient_rate", p->kind->gradient_rate);
    for (size_t i = 0; i < gn_network_parameter_count(p->network); i++) {
        const gn_parameter parameter = gn_network_parameter(p->network, i);
        char name[96];
        snprintf(name, sizeof name, "params/%s", parameter.name);
        written =
            write_array(file, name, parameter.rank, parameter.shape, p->theta0 + parameter.offset) && written;
    }
    const size_t inputs[] = {p->samples, p->features}, targets[] = {p->samples, p->outputs},
                 square[] = {p->rows, p->rows};
    written = write_array(file, "inputs", 2, inputs, p->x) &&
              write_array(file, "targets", 2, targets, p->y) && written;

    double *values = malloc(p->rows * p->rows * sizeof *values);
    double *theta = malloc(p->parameters * sizeof *theta);
    gn_array *k = NULL;
    gn_status status = values && theta ? GN_OK : GN_ERROR_MEMORY;
    static const char *const steps[] = {"lm-step", "sgd-step", "adamw-step"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == GN_OK; i++) {
        char name[64];
        snprintf(name, sizeof name, "steps/%s", steps[i]);
        status = bench_problem_step(run, p, steps[i], theta);
        if (status == GN_OK)
            written = write_array(file, name, 1, &p->parameters, theta) && written;
    }
    if (status == GN_OK)
        status = bench_problem_reset(p);
    if (status == GN_OK)
        status = gn_linearization_set_point(p->linearization, p->theta);
    if (status == GN_OK)
        status = gn_array_create(run->context, GN_FLOAT64, 2, square, &k);
    if (status == GN_OK)
        status = gn_linearization_gram(p->linearization, k);
    if (status == GN_OK)
        status = gn_array_read(k, values, p->rows * p->rows);
    if (status == GN_OK)
        written = write_array(file, "ntk", 2, square, values) && written;
    gn_array_destroy(k);
    free(values);
    free(theta);
    return status != GN_OK ? status : written ? GN_OK : GN_ERROR_IO;
}

gn_status bench_dump(bench_run *run, const char *folder) {
    static const bench_problem_kind *const kinds[] = {&bench_regression, &bench_kernel_tanh,
                                                      &bench_kernel_relu, &bench_digits};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[4096];
        bench_problem problem;
        snprintf(path, sizeof path, "%s/%s.h5", folder, kinds[i]->name);
        const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        if (file < 0)
            return GN_ERROR_IO;
        gn_status status = bench_problem_open(run, kinds[i], GN_FLOAT64, &problem);
        if (status == GN_OK) {
            status = write_problem(run, &problem, file);
            bench_problem_close(&problem);
        }
        if (H5Fclose(file) < 0 && status == GN_OK)
            status = GN_ERROR_IO;
        TRY(status);
    }
    return GN_OK;
}
