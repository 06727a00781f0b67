/* One step of each optimiser, on 1-80-80-1 and, for Levenberg-Marquardt, on the digits and on Poisson's
 * equation; the floors beside. */
#include "calls.h"
#include "cases.h"
#include "floors.h"
#include "problem.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct stepper {
    gn_context *context;
    gn_optimizer *optimizer;
    gn_linearization *linearization;
    gn_array *theta;
} stepper;

static gn_status step(void *user) {
    stepper *s = user;
    const gn_status status = gn_optimizer_step(s->optimizer, s->linearization, s->theta, NULL);
    return status != GN_OK ? status : gn_context_synchronize(s->context);
}

gn_status bench_measure_step(bench_run *run, bench_problem *problem, const char *name, bench_result *result) {
    stepper s = {.context = run->context, .linearization = problem->linearization, .theta = problem->theta};
    gn_status status = bench_problem_optimizer(run, problem, name, &s.optimizer);
    if (status == GN_OK)
        status = bench_problem_reset(problem);
    if (status == GN_OK)
        status = bench_measure(&run->effort, step, &s, &result->stats);
    gn_optimizer_destroy(s.optimizer);
    return status;
}

/* ---- floors of a Levenberg-Marquardt step: one of the three ---- */

typedef struct floor_work {
    floor_lm_step *lm;
    floor_mnist *mnist;
    floor_poisson *poisson;
    double *theta;
} floor_work;

static gn_status floor_step(void *user) {
    floor_work *f = user;
    const double loss = f->lm      ? floor_lm_step_run(f->lm, f->theta)
                        : f->mnist ? floor_mnist_run(f->mnist, f->theta)
                                   : floor_poisson_run(f->poisson, f->theta);
    return loss >= 0 ? GN_OK : GN_ERROR_NOT_POSITIVE_DEFINITE;
}

static gn_status open_floor(const bench_problem *p, floor_work *f, floor_cost *cost) {
    const bench_problem_kind *kind = p->kind;
    *f = (floor_work){.theta = malloc(p->parameters * sizeof(double))};
    if (kind == &bench_regression) {
        f->lm = floor_lm_step_create(p->samples, kind->widths[1], p->x, p->y, kind->mu, kind->rate);
        *cost = f->lm ? floor_lm_step_cost(f->lm) : *cost;
    } else if (kind == &bench_digits) {
        f->mnist = floor_mnist_create(p->samples, kind->widths[0], kind->widths[1], kind->widths[2], p->x,
                                      p->y, kind->mu, kind->rate);
        *cost = f->mnist ? floor_mnist_cost(f->mnist) : *cost;
    } else {
        f->poisson = floor_poisson_create(p->samples, kind->widths[1], p->x, p->y, kind->mu, kind->rate);
        *cost = f->poisson ? floor_poisson_cost(f->poisson) : *cost;
    }
    return (f->lm || f->mnist || f->poisson) && f->theta ? GN_OK : GN_ERROR_MEMORY;
}

static void close_floor(floor_work *f) {
    floor_lm_step_destroy(f->lm);
    floor_mnist_destroy(f->mnist);
    floor_poisson_destroy(f->poisson);
    free(f->theta);
}

/* Its first step against gnewt's, then its time. */
static gn_status measure_floor(bench_run *run, bench_problem *p, const char *name, double tolerance) {
    bench_result result = bench_result_new(name, "floor", "float64");
    floor_work f;
    floor_cost cost = {0};
    const int threads = omp_get_max_threads();
    const size_t bytes = p->parameters * sizeof(double);
    double *ours = malloc(bytes);
    gn_status status = open_floor(p, &f, &cost);
    if (status == GN_OK)
        status = ours ? bench_problem_step(run, p, "lm-step", ours) : GN_ERROR_MEMORY;
    if (status == GN_OK) {
        memcpy(f.theta, p->theta0, bytes);
        status = floor_step(&f);
    }
    if (status == GN_OK) {
        result.error = bench_largest_difference(p->parameters, ours, f.theta);
        result.tolerance = tolerance;
        result.flops = cost.flops;
        result.bytes = cost.bytes;
        memcpy(f.theta, p->theta0, bytes);
        if (f.lm)
            omp_set_num_threads(1); /* a second thread costs more than it brings */
        status = bench_measure(&run->effort, floor_step, &f, &result.stats);
        omp_set_num_threads(threads);
    }
    if (status == GN_OK)
        bench_add(run, &result);
    close_floor(&f);
    free(ours);
    return status;
}

static gn_status run_step(bench_run *run, const bench_problem_kind *kind, const char *name,
                          const char *optimizer, double floor_tolerance) {
    bench_problem problem;
    gn_status status = bench_problem_open(run, kind, GN_FLOAT64, &problem);
    if (status != GN_OK)
        return status;
    bench_result result = bench_result_new(name, "gnewt", "float64");
    snprintf(result.note, sizeof result.note, "%s", kind->what);
    status = bench_measure_step(run, &problem, optimizer, &result);
    if (status == GN_OK)
        bench_add(run, &result);
    if (status == GN_OK && floor_tolerance > 0)
        status = measure_floor(run, &problem, name, floor_tolerance);
    bench_problem_close(&problem);
    return status;
}

gn_status bench_case_lm_step(bench_run *run) {
    return run_step(run, &bench_regression, "lm-step", "lm-step", 1e-10);
}

gn_status bench_case_gn_step(bench_run *run) {
    return run_step(run, &bench_regression, "gn-step", "gn-step", 0);
}

gn_status bench_case_sgd_step(bench_run *run) {
    return run_step(run, &bench_regression, "sgd-step", "sgd-step", 0);
}

gn_status bench_case_adamw_step(bench_run *run) {
    return run_step(run, &bench_regression, "adamw-step", "adamw-step", 0);
}

static gn_status measure_calls(bench_run *run, const char *name, size_t count, const bench_call *calls) {
    bench_result result = bench_result_new(name, "calls", "float64");
    snprintf(result.note, sizeof result.note, "GEMM, SYRK, Cholesky");
    return bench_calls_measure(run, count, calls, &result);
}

gn_status bench_case_mnist_lm_step(bench_run *run) {
    static const bench_call calls[] = {
        {BENCH_GEMM_NT, 200, 250, 784}, {BENCH_GEMM_NT, 200, 10, 250}, /* forward */
        {BENCH_SYRK, 0, 2000, 250},     {BENCH_SYRK, 0, 200, 784},     {BENCH_SYRK, 0, 200, 250}, /* Gram */
        {BENCH_POTRF_U, 0, 2000, 0},    {BENCH_TRSV, 0, 2000, 0},      {BENCH_TRSV, 0, 2000, 0},
        {BENCH_GEMM_TN, 250, 784, 200}, {BENCH_GEMM_TN, 10, 250, 200}, /* J'u */
    };
    const gn_status status = run_step(run, &bench_digits, "mnist-lm-step", "lm-step", 1e-10);
    return status != GN_OK ? status
                           : measure_calls(run, "mnist-lm-step", sizeof calls / sizeof *calls, calls);
}

gn_status bench_case_poisson_lm_step(bench_run *run) {
    static const bench_call calls[] = {
        {BENCH_GEMM_NT, 200, 256, 2}, /* forward */
        {BENCH_SYRK, 0, 200, 1025},   /* J J' */
        {BENCH_POTRF_U, 0, 200, 0},   {BENCH_TRSV, 0, 200, 0},
        {BENCH_TRSV, 0, 200, 0},      {BENCH_GEMM_TN, 1025, 1, 200}, /* J'u */
    };
    const gn_status status = run_step(run, &bench_poisson, "poisson-lm-step", "lm-step", 1e-10);
    return status != GN_OK ? status
                           : measure_calls(run, "poisson-lm-step", sizeof calls / sizeof *calls, calls);
}

gn_status bench_case_allocations(bench_run *run) {
    static const char *const steps[] = {"lm-step", "gn-step", "sgd-step", "adamw-step"};
    enum { WARMUP = 5, STEPS = 200 };
    bench_problem problem;
    gn_status status = bench_problem_open(run, &bench_regression, GN_FLOAT64, &problem);
    if (status != GN_OK)
        return status;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == GN_OK; i++) {
        bench_result result = bench_result_new("allocations", steps[i], "float64");
        stepper s = {.context = run->context, .linearization = problem.linearization, .theta = problem.theta};
        status = bench_problem_optimizer(run, &problem, steps[i], &s.optimizer);
        if (status == GN_OK)
            status = bench_problem_reset(&problem);
        for (size_t k = 0; k < WARMUP && status == GN_OK; k++)
            status = step(&s);
        bench_count_begin();
        for (size_t k = 0; k < STEPS && status == GN_OK; k++)
            status = step(&s);
        result.allocations = bench_count_end();
        result.steps = STEPS;
        gn_optimizer_destroy(s.optimizer);
        if (status == GN_OK)
            bench_add(run, &result);
    }
    bench_problem_close(&problem);
    return status;
}
