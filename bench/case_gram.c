/* The Gram JJ' (the NTK) of 64-256-256-10 on 256 samples, M = 2560, and of Poisson's residual. */
#include "cases.h"
#include "floors.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct gram_work {
    bench_problem problem;
    gn_context *context;
    gn_array *k;
    floor_gram *floor;
    double *floor_k;
} gram_work;

/* The whole of it: forward, cotangents, K. */
static gn_status gram(void *user) {
    gram_work *g = user;
    gn_status status = gn_linearization_set_point(g->problem.linearization, g->problem.theta);
    if (status == GN_OK)
        status = gn_linearization_gram(g->problem.linearization, g->k);
    return status != GN_OK ? status : gn_context_synchronize(g->context);
}

static gn_status floor_body(void *user) {
    gram_work *g = user;
    floor_gram_run(g->floor, g->problem.theta0, g->floor_k);
    return GN_OK;
}

static gn_status open_work(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype, gram_work *g) {
    *g = (gram_work){.context = run->context};
    gn_status status = bench_problem_open(run, kind, dtype, &g->problem);
    if (status != GN_OK)
        return status;
    const size_t shape[] = {g->problem.rows, g->problem.rows};
    return gn_array_create(run->context, dtype, 2, shape, &g->k);
}

static void close_work(gram_work *g) {
    gn_array_destroy(g->k);
    if (g->problem.network)
        bench_problem_close(&g->problem);
    floor_gram_destroy(g->floor);
    free(g->floor_k);
}

static gn_status run_floor(bench_run *run, gram_work *g, double *values) {
    const bench_problem *p = &g->problem;
    const size_t count = p->rows * p->rows, *widths = p->kind->widths;
    bench_result result = bench_result_new("gram", "floor", "float64");
    snprintf(result.note, sizeof result.note, "%s", p->kind->activation);
    g->floor = floor_gram_create(p->samples, widths[0], widths[1], widths[3],
                                 !strcmp(p->kind->activation, "relu"), p->x);
    g->floor_k = malloc(count * sizeof(double));
    if (!g->floor || !g->floor_k)
        return GN_ERROR_MEMORY;
    const floor_cost cost = floor_gram_cost(g->floor);
    result.flops = cost.flops;
    result.bytes = cost.bytes;
    const gn_status status = bench_measure(&run->effort, floor_body, g, &result.stats);
    if (status != GN_OK)
        return status;
    result.error = bench_largest_difference(count, values, g->floor_k);
    result.tolerance = 1e-10;
    bench_add(run, &result);
    return GN_OK;
}

static gn_status run_gram(bench_run *run, const char *name, const bench_problem_kind *kind, gn_dtype dtype) {
    gram_work g;
    bench_result result = bench_result_new(name, "gnewt", gn_dtype_name(dtype));
    snprintf(result.note, sizeof result.note, "%s", kind->what);
    double *values = NULL;
    gn_status status = open_work(run, kind, dtype, &g);
    if (status == GN_OK)
        status = bench_measure(&run->effort, gram, &g, &result.stats);
    if (status == GN_OK)
        bench_add(run, &result);
    if (status == GN_OK && dtype == GN_FLOAT64 && kind->model == BENCH_MLP) {
        const size_t count = g.problem.rows * g.problem.rows;
        values = malloc(count * sizeof *values);
        status = values ? gn_array_read(g.k, values, count) : GN_ERROR_MEMORY;
        if (status == GN_OK)
            status = run_floor(run, &g, values);
    }
    free(values);
    close_work(&g);
    return status;
}

gn_status bench_case_gram(bench_run *run) {
    gn_status status = run_gram(run, "gram", &bench_kernel_tanh, GN_FLOAT64);
    if (status == GN_OK)
        status = run_gram(run, "gram", &bench_kernel_relu, GN_FLOAT64);
    if (status == GN_OK)
        status = run_gram(run, "gram", &bench_kernel_tanh, GN_FLOAT32);
    return status;
}

gn_status bench_case_poisson_gram(bench_run *run) {
    return run_gram(run, "poisson-gram", &bench_poisson, GN_FLOAT64);
}
