/* A Gauss-Newton product and an Adam step on the transformer, float32, beside the GEMMs that they need. */
#include "calls.h"
#include "cases.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct product_work {
    gn_context *context;
    bench_problem problem;
    gn_array *v, *out;
} product_work;

static gn_status product(void *user) {
    product_work *w = user;
    const gn_status status = bench_problem_product(&w->problem, w->v, w->out);
    return status != GN_OK ? status : gn_context_synchronize(w->context);
}

static void close_product(product_work *w) {
    gn_array_destroy(w->v);
    gn_array_destroy(w->out);
    bench_problem_close(&w->problem);
}

/* At theta_0, with the vector. */
static gn_status open_product(bench_run *run, gn_dtype dtype, product_work *w) {
    *w = (product_work){.context = run->context};
    gn_status status = bench_problem_open(run, &bench_transformer, dtype, &w->problem);
    if (status != GN_OK)
        return status;
    const size_t p = w->problem.parameters;
    double *values = malloc(p * sizeof *values);
    status = values ? gn_array_create(run->context, dtype, 1, &p, &w->v) : GN_ERROR_MEMORY;
    if (status == GN_OK)
        status = gn_array_create(run->context, dtype, 1, &p, &w->out);
    if (status == GN_OK) {
        bench_problem_vector(&w->problem, values);
        status = gn_array_write(w->v, values, p);
    }
    if (status == GN_OK)
        status = gn_linearization_set_point(w->problem.linearization, w->problem.theta);
    free(values);
    return status;
}

/* The product in float64 (P, host). */
static gn_status reference_product(bench_run *run, double *values) {
    product_work w;
    gn_status status = open_product(run, GN_FLOAT64, &w);
    if (status == GN_OK)
        status = product(&w);
    if (status == GN_OK)
        status = gn_array_read(w.out, values, w.problem.parameters);
    close_product(&w);
    return status;
}

/* theta after an Adam step in float64 (P, host), and where it began. */
static gn_status reference_step(bench_run *run, double *theta, double *theta0) {
    bench_problem problem;
    gn_status status = bench_problem_open(run, &bench_transformer, GN_FLOAT64, &problem);
    if (status != GN_OK)
        return status;
    status = bench_problem_step(run, &problem, "adam-step", theta);
    memcpy(theta0, problem.theta0, problem.parameters * sizeof *theta0);
    bench_problem_close(&problem);
    return status;
}

/* The GEMMs of a linear layer: z = x W', and W from d and x or from d. A product has two of each pair. */
typedef struct layer {
    int rows, in, out;
} layer;

enum { PASSES = 4, LAYERS = 9 };

/* The layers of the network: behind the second attention only the last of four positions goes on. */
static const layer layers[LAYERS] = {
    {2048, 128, 384}, {2048, 128, 128}, {2048, 128, 512}, {2048, 512, 128}, {2048, 128, 384},
    {512, 128, 128},  {512, 128, 512},  {512, 512, 128},  {512, 128, 99},
};

/* forward: how many products in the way of z = x W'. */
static gn_status measure_calls(bench_run *run, const char *name, int forward) {
    bench_call calls[PASSES * LAYERS];
    size_t count = 0;
    for (size_t i = 0; i < LAYERS; i++) {
        const layer l = layers[i];
        for (int k = 0; k < forward; k++)
            calls[count++] = (bench_call){BENCH_GEMM_NT, l.rows, l.out, l.in};
        calls[count++] = (bench_call){BENCH_GEMM_NN, l.rows, l.in, l.out};
        calls[count++] = (bench_call){BENCH_GEMM_TN, l.out, l.in, l.rows};
    }
    bench_result result = bench_result_new(name, "calls", "float32");
    snprintf(result.note, sizeof result.note, "%zu GEMMs", count);
    return bench_calls_measure(run, count, calls, &result);
}

static gn_status measure_product(bench_run *run, product_work *w, double *reference, double *values) {
    bench_result result = bench_result_new("ggn-product", "gnewt", "float32");
    snprintf(result.note, sizeof result.note, "%s", bench_transformer.what);
    gn_status status = reference_product(run, reference);
    if (status == GN_OK)
        status = bench_measure(&run->effort, product, w, &result.stats);
    if (status == GN_OK)
        status = gn_array_read(w->out, values, w->problem.parameters);
    if (status != GN_OK)
        return status;
    result.error = bench_relative_difference(w->problem.parameters, values, reference, NULL);
    result.tolerance = 1e-5;
    bench_add(run, &result);
    return measure_calls(run, "ggn-product", 2);
}

gn_status bench_case_ggn_product(bench_run *run) {
    product_work w;
    gn_status status = open_product(run, GN_FLOAT32, &w);
    double *values = malloc(2 * w.problem.parameters * sizeof *values);
    if (status == GN_OK)
        status = values ? measure_product(run, &w, values, values + w.problem.parameters) : GN_ERROR_MEMORY;
    free(values);
    close_product(&w);
    return status;
}

static gn_status measure_step(bench_run *run, bench_problem *p, double *theta, double *reference,
                              double *theta0) {
    bench_result result = bench_result_new("adam-step", "gnewt", "float32");
    snprintf(result.note, sizeof result.note, "%s", bench_transformer.what);
    gn_status status = reference_step(run, reference, theta0);
    if (status == GN_OK)
        status = bench_problem_step(run, p, "adam-step", theta);
    if (status == GN_OK)
        status = bench_measure_step(run, p, "adam-step", &result);
    if (status != GN_OK)
        return status;
    result.error = bench_relative_difference(p->parameters, theta, reference, theta0);
    result.tolerance = 1e-3;
    bench_add(run, &result);
    return measure_calls(run, "adam-step", 1);
}

gn_status bench_case_adam_step(bench_run *run) {
    bench_problem problem;
    gn_status status = bench_problem_open(run, &bench_transformer, GN_FLOAT32, &problem);
    if (status != GN_OK)
        return status;
    const size_t p = problem.parameters;
    double *values = malloc(3 * p * sizeof *values);
    status = values ? measure_step(run, &problem, values, values + p, values + 2 * p) : GN_ERROR_MEMORY;
    free(values);
    bench_problem_close(&problem);
    return status;
}
