/* Peak memory of a Levenberg-Marquardt step by CG, and by a dense solve, against N, as the context counts it.
 * By CG it must grow along a line in N: the activations; what is left at N = 0 are vectors of P. */
#include "cases.h"
#include "problem.h"

#include <stdio.h>

enum { LEAST = 256, SIZES = 6 }; /* N = 256 ... 8192 */

/* 16-64-64-1 tanh on N normal samples; a network's data, whose values do not matter here. */
static bench_problem_kind kind_of(size_t samples) {
    return (bench_problem_kind){.name = "memory",
                                .what = "16-64-64-1 tanh, P = 5313",
                                .samples = samples,
                                .depth = 3,
                                .widths = {16, 64, 64, 1},
                                .activation = "tanh",
                                .init = GN_INIT_GLOROT_UNIFORM};
}

typedef struct memory_work {
    bench_problem problem;
    gn_optimizer *optimizer;
} memory_work;

static gn_status step(void *user) {
    memory_work *w = user;
    return gn_optimizer_step(w->optimizer, w->problem.linearization, w->problem.theta, NULL);
}

/* One step in a context of its own; its time and its peak. */
static gn_status measure(bench_run *own, gn_solver solver, const bench_problem_kind *kind,
                         bench_result *result) {
    memory_work w = {0};
    gn_status status = bench_problem_open(own, kind, GN_FLOAT64, &w.problem);
    if (status != GN_OK)
        return status;
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    options.solver = solver;
    options.damping.value = 1;
    options.cg.max_iterations = 20;
    status = gn_optimizer_create(own->context, &options, GN_FLOAT64, w.problem.parameters, w.problem.rows,
                                 &w.optimizer);
    const bench_effort once = {.repetitions = 1, .most = 1};
    if (status == GN_OK)
        status = bench_measure(&once, step, &w, &result->stats);
    result->samples = (double)kind->samples;
    result->peak = (double)gn_context_peak(own->context);
    gn_optimizer_destroy(w.optimizer);
    bench_problem_close(&w.problem);
    return status;
}

static gn_status measure_apart(bench_run *run, gn_solver solver, size_t samples, bench_result *result) {
    bench_run own = {.device = run->device};
    const bench_problem_kind kind = kind_of(samples);
    snprintf(result->note, sizeof result->note, "%s", kind.what);
    gn_status status = gn_context_create(&own.context, own.device);
    if (status == GN_OK)
        status = measure(&own, solver, &kind, result);
    if (status != GN_OK)
        bench_fail(&own, result->name, status);
    gn_context_destroy(own.context);
    return status;
}

gn_status bench_case_cg_memory(bench_run *run) {
    double peaks[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        const size_t n = (size_t)LEAST << i;
        bench_result cg = bench_result_new("cg-memory", "cg", "float64"),
                     dense = bench_result_new("cg-memory", "dual", "float64");
        gn_status status = measure_apart(run, GN_SOLVER_CG, n, &cg);
        if (status == GN_OK)
            status = measure_apart(run, GN_SOLVER_DUAL, n, &dense);
        if (status != GN_OK)
            return status;
        peaks[i] = cg.peak;
        if (i > 1) { /* off the line through the first two sizes */
            const double line = peaks[0] + (peaks[1] - peaks[0]) * (double)(n - LEAST) / LEAST;
            cg.error = fabs(cg.peak - line) / line;
            cg.tolerance = 1e-3;
        }
        bench_add(run, &cg);
        bench_add(run, &dense);
    }
    return GN_OK;
}
