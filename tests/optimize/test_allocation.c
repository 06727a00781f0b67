/* A step allocates nothing: neither on the host nor on the device, once the first has been taken. (OpenBLAS's
 * threaded products make a job table of their own on the heap at every call, so this runs on one thread.) */
#include <stdatomic.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <omp.h>

#include "mlp_case.h"

static atomic_bool counting;
static atomic_size_t calls;

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define COUNTS_HOST_CALLS 0 /* the sanitizer has its own malloc */
#else
#define COUNTS_HOST_CALLS 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* These stand before libc's in every library of the process. */
void *malloc(size_t size) {
    calls += counting;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    calls += counting;
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    calls += counting;
    return __libc_realloc(pointer, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    calls += counting;
    *pointer = __libc_memalign(alignment, size);
    return *pointer ? 0 : 12;
}

void *aligned_alloc(size_t alignment, size_t size) {
    calls += counting;
    return __libc_memalign(alignment, size);
}
#endif

/* Steps over the whole batch and over a smaller one, with and without a report. */
static void steps(mlp_fixture *f, gn_optimizer *optimizer, const gn_array *few_inputs,
                  const gn_array *few_targets) {
    gn_step_report report;
    for (int t = 0; t < 3; t++) {
        OK(f->context, gn_linearization_set_batch(f->lin, f->inputs, f->targets));
        OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, &report));
        OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, NULL));
        OK(f->context, gn_linearization_set_batch(f->lin, few_inputs, few_targets));
        OK(f->context, gn_optimizer_step(optimizer, f->lin, f->theta, NULL));
    }
}

static void check(gn_optimizer_options options, const char *name) {
    mlp_case shape = {.widths = {3, 12, 10, 2}, .activation = "tanh", .samples = 60};
    omp_set_num_threads(1);
    mlp_fixture f = mlp_setup("cpu", GN_FLOAT64, &shape);
    gn_optimizer *optimizer;
    double *x = host_values(f.inputs), *y = host_values(f.targets);
    gn_array *few_inputs = device_array(f.context, GN_FLOAT64, 17, 3, x);
    gn_array *few_targets = device_array(f.context, GN_FLOAT64, 17, 2, y);
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    steps(&f, optimizer, few_inputs, few_targets);
    size_t device_before = gn_context_allocated(f.context), peak_before = gn_context_peak(f.context);
    calls = 0;
    counting = true;
    steps(&f, optimizer, few_inputs, few_targets);
    counting = false;
    cr_expect_eq(calls, 0, "%s: %zu host allocations in 9 steps", name, (size_t)calls);
    cr_expect_eq(gn_context_allocated(f.context), device_before, "%s", name);
    cr_expect_eq(gn_context_peak(f.context), peak_before, "%s", name);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(few_inputs), gn_array_destroy(few_targets);
    free(x), free(y);
    mlp_teardown(&f);
}

Test(allocation, the_counter_counts) {
    counting = true;
    char *volatile p = malloc(10);
    counting = false;
    free(p);
    cr_expect_eq(calls, COUNTS_HOST_CALLS);
}

Test(allocation, a_step_of_any_optimiser_allocates_nothing) {
    gn_optimizer_options sgd = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    sgd.momentum = 0.9;
    check(sgd, "sgd");
    check(gn_optimizer_options_default(GN_OPTIMIZER_ADAM), "adam");
    check(gn_optimizer_options_default(GN_OPTIMIZER_ADAMW), "adamw");
    sgd.grokfast.gain = 2;
    check(sgd, "sgd, grokfast");
    sgd.grokfast.gain = 0;
    sgd.gradient = GN_GRADIENT_ORTHOGONAL;
    check(sgd, "sgd, orthogonal");
    sgd.gradient = GN_GRADIENT_COLUMN_NORMALIZED;
    check(sgd, "sgd, column_normalized");
    gn_optimizer_options newton = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    newton.learning_rate = 0.1;
    check(newton, "gauss_newton");
    gn_optimizer_options power = gn_optimizer_options_default(GN_OPTIMIZER_FRACTIONAL);
    check(power, "fractional");
    power.fractional.shuffled = true;
    check(power, "fractional, shuffled");
    gn_optimizer_options lbfgs = gn_optimizer_options_default(GN_OPTIMIZER_LBFGS);
    lbfgs.memory = 3;
    check(lbfgs, "lbfgs");
    gn_optimizer_options lm = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL};
    for (int k = 0; k < 3; k++) {
        lm.solver = solvers[k];
        lm.damping.kind = GN_DAMPING_CONSTANT;
        check(lm, "levenberg_marquardt");
        lm.damping.kind = GN_DAMPING_GAIN_RATIO;
        check(lm, "levenberg_marquardt, gain ratio");
    }
    lm.acceleration.kind = GN_ACCELERATION_GEODESIC;
    check(lm, "levenberg_marquardt, accelerated");
    lm.acceleration.kind = GN_ACCELERATION_NONE;
    lm.damping.kind = GN_DAMPING_CONSTANT;
    lm.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    check(lm, "levenberg_marquardt, armijo");
}
