#include "problem.h"

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

const bench_problem_kind bench_transformer = {.name = "transformer",
                                              .what = "transformer, 2 x 128, N = 512, P = 420,096",
                                              .model = BENCH_TRANSFORMER,
                                              .samples = 512,
                                              .activation = "relu",
                                              .init = GN_INIT_MODEL};
const bench_problem_kind bench_poisson = {.name = "poisson",
                                          .what = "Poisson, 2-256-1 tanh, N = 200, P = 1025",
                                          .model = BENCH_POISSON,
                                          .samples = 200,
                                          .depth = 2,
                                          .widths = {2, 256, 1},
                                          .activation = "tanh",
                                          .init = GN_INIT_KAIMING_UNIFORM,
                                          .mu = 0.1,
                                          .rate = 0.1};

double bench_largest_difference(size_t count, const double *a, const double *b) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs(a[i] - b[i]);
        if (!(difference <= largest)) /* so that a NaN stays */
            largest = difference;
    }
    return largest;
}

double bench_relative_difference(size_t count, const double *a, const double *b, const double *from) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        const double one = b[i] - (from ? from[i] : 0);
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += one * one;
    }
    return sqrt(difference / size);
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

/* The data sets that gnewt has; the others are drawn. */
static gn_status create_dataset(bench_run *run, const bench_problem_kind *kind, gn_dataset *dataset) {
    const gn_pde_points points = {.interior = kind->samples - BENCH_BOUNDARY, .boundary = BENCH_BOUNDARY};
    switch (kind->model) {
    case BENCH_TRANSFORMER:
        return gn_dataset_modular_addition_tokens(run->context, GN_FLOAT64, BENCH_MODULUS, 0.5, 0, dataset);
    case BENCH_POISSON:
        return gn_dataset_poisson_2d(run->context, GN_FLOAT64, 1, 1, &points, dataset);
    case BENCH_MLP:
        break;
    }
    return kind == &bench_regression
               ? gn_dataset_multi_sine_1d(run->context, GN_FLOAT64, kind->samples, 1, 0, dataset)
               : GN_OK;
}

static gn_status create_network(bench_run *run, const bench_problem_kind *kind, const gn_dataset *dataset,
                                gn_network **network) {
    if (kind->model == BENCH_TRANSFORMER) {
        gn_transformer_options options = gn_transformer_options_default();
        options.vocabulary = BENCH_MODULUS + 2;
        options.context = 4;
        return gn_network_create_transformer(run->context, &options, network);
    }
    gn_mlp_options options = gn_mlp_options_default();
    options.widths = kind->widths;
    options.depth = kind->depth;
    options.activation = kind->activation;
    options.residual = dataset->residual;
    return gn_network_create_mlp(run->context, &options, network);
}

/* The first `count` elements of an array. */
static gn_status read_first(const gn_array *array, size_t count, double *values) {
    const size_t all = gn_array_count(array);
    double *whole = malloc(all * sizeof *whole);
    if (!whole)
        return GN_ERROR_MEMORY;
    const gn_status status = gn_array_read(array, whole, all);
    memcpy(values, whole, count * sizeof *values);
    free(whole);
    return status;
}

static gn_status fill_data(const bench_problem_kind *kind, const gn_dataset *dataset, bench_problem *p) {
    const size_t count = p->samples * p->features;
    p->x = calloc(count, sizeof(double));
    p->y = calloc(p->rows, sizeof(double));
    if (!p->x || !p->y)
        return GN_ERROR_MEMORY;
    if (dataset->inputs) {
        TRY(read_first(dataset->inputs, count, p->x));
        TRY(read_first(dataset->targets, p->rows, p->y));
    } else {
        draw(kind, count, p);
    }
    TRY(gn_array_write(p->inputs, p->x, count));
    return gn_array_write(p->targets, p->y, p->rows);
}

static gn_status fill(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype,
                      const gn_dataset *dataset, bench_problem *p) {
    gn_context *context = run->context;
    TRY(create_network(run, kind, dataset, &p->network));
    p->features = gn_network_inputs(p->network);
    p->outputs = gn_network_outputs(p->network);
    p->parameters = gn_network_parameters(p->network);
    p->samples = kind->samples;
    p->rows = p->samples * p->outputs;

    const size_t input_shape[] = {p->samples, p->features}, target_shape[] = {p->samples, p->outputs};
    TRY(gn_array_create(context, dtype, 2, input_shape, &p->inputs));
    TRY(gn_array_create(context, dtype, 2, target_shape, &p->targets));
    TRY(gn_array_create(context, dtype, 1, &p->parameters, &p->theta));
    TRY(fill_data(kind, dataset, p));
    p->theta0 = calloc(p->parameters, sizeof(double));
    if (!p->theta0)
        return GN_ERROR_MEMORY;
    TRY(gn_network_initialize(p->network, kind->init, 1, 0, p->theta));
    TRY(gn_array_read(p->theta, p->theta0, p->parameters));
    const gn_loss loss = kind->model == BENCH_TRANSFORMER ? GN_LOSS_CROSS_ENTROPY : GN_LOSS_SQUARED;
    TRY(gn_linearization_create(p->network, loss, dtype, p->samples, &p->linearization));
    return gn_linearization_set_batch(p->linearization, p->inputs, p->targets);
}

gn_status bench_problem_open(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype,
                             bench_problem *problem) {
    *problem = (bench_problem){.kind = kind, .dtype = dtype};
    gn_dataset dataset = {0};
    gn_status status = create_dataset(run, kind, &dataset);
    if (status == GN_OK)
        status = fill(run, kind, dtype, &dataset, problem);
    gn_dataset_destroy(&dataset);
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
    } else if (!strcmp(name, "adam-step")) {
        options = gn_optimizer_options_default(GN_OPTIMIZER_ADAM);
        options.beta2 = 0.98;
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

void bench_problem_vector(const bench_problem *problem, double *v) {
    gn_random_normal(0, GN_STREAM_AUXILIARY, 0, problem->parameters, 0, 1, v);
}

gn_status bench_problem_product(bench_problem *problem, gn_array *v, gn_array *out) {
    return gn_linearization_ggn_product(problem->linearization, 1 / (double)problem->samples, v, out);
}
