/* Steps of optimisers on cuda: what is recorded and replayed gives the bits of single calls, and costs the
 * host no more than it must. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "mlp_case.h"

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

typedef struct step_case {
    gn_optimizer_kind kind;
    gn_solver solver;
    gn_dtype dtype;
    /* of a step that nobody asks about */
    unsigned long graphs, waits;
} step_case;

/* A first-order step is one graph. The others evaluate, assemble and multiply by graphs; a factorisation,
 * which cannot be recorded, says at its end whether it succeeded, and an eigendecomposition also looks first
 * whether its matrix is finite. */
static const step_case cases[] = {
    {GN_OPTIMIZER_SGD, GN_SOLVER_AUTO, GN_FLOAT64, 1, 0},
    {GN_OPTIMIZER_SGD, GN_SOLVER_AUTO, GN_FLOAT32, 1, 0},
    {GN_OPTIMIZER_LEVENBERG_MARQUARDT, GN_SOLVER_DUAL, GN_FLOAT64, 3, 1},
    {GN_OPTIMIZER_LEVENBERG_MARQUARDT, GN_SOLVER_SPECTRAL, GN_FLOAT32, 3, 2},
    {GN_OPTIMIZER_GAUSS_NEWTON, GN_SOLVER_AUTO, GN_FLOAT64, 3, 2},
};

enum { FEATURES = 3, OUTPUTS = 2, SAMPLES = 20, FEW = 7, STEPS = 10 };

static mlp_fixture setup(const step_case *c) {
    const mlp_case shape = {
        .widths = {FEATURES, 6, 5, OUTPUTS}, .activation = "tanh", .samples = SAMPLES, .centred = true};
    return mlp_setup("cuda", c->dtype, &shape);
}

static gn_optimizer *optimizer_for(const mlp_fixture *f, const step_case *c) {
    gn_optimizer *optimizer;
    gn_optimizer_options options = gn_optimizer_options_default(c->kind);
    options.learning_rate = 0.05;
    options.solver = c->solver;
    if (c->kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT)
        options.damping.value = 0.5;
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer));
    return optimizer;
}

/* Every third batch is a small one, as at the end of an epoch. */
typedef struct batches {
    gn_array *inputs, *targets;
} batches;

static batches few_of(const mlp_fixture *f) {
    double *x = host_values(f->inputs), *y = host_values(f->targets);
    const batches few = {device_array(f->context, f->dtype, FEW, FEATURES, x),
                         device_array(f->context, f->dtype, FEW, OUTPUTS, y)};
    free(x);
    free(y);
    return few;
}

static void set_batch(const mlp_fixture *f, const batches *few, int step) {
    const bool small = step % 3 == 2;
    OK(f->context, gn_linearization_set_batch(f->lin, small ? few->inputs : f->inputs,
                                              small ? few->targets : f->targets));
}

ParameterizedTestParameters(cuda_steps, replayed_steps_equal_calls_bit_for_bit) {
    return cr_make_param_array(const step_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* One linearization and optimiser for all steps records; one for each step only calls. */
ParameterizedTest(const step_case *c, cuda_steps, replayed_steps_equal_calls_bit_for_bit, .timeout = 120) {
    mlp_fixture kept = setup(c);
    gn_optimizer *optimizer = optimizer_for(&kept, c);
    const batches few = few_of(&kept);
    double *theta = host_values(kept.theta);
    for (int step = 0; step < STEPS; step++) {
        gn_step_report report;
        mlp_fixture fresh = setup(c);
        gn_optimizer *once = optimizer_for(&fresh, c);
        const batches fresh_few = few_of(&fresh);
        OK(fresh.context, gn_array_write(fresh.theta, theta, fresh.p));
        set_batch(&kept, &few, step);
        set_batch(&fresh, &fresh_few, step);
        OK(kept.context, gn_optimizer_step(optimizer, kept.lin, kept.theta, step % 4 == 3 ? &report : NULL));
        OK(fresh.context, gn_optimizer_step(once, fresh.lin, fresh.theta, NULL));
        free(theta);
        theta = host_values(kept.theta);
        double *expected = host_values(fresh.theta);
        cr_expect_eq(memcmp(theta, expected, kept.p * sizeof(double)), 0, "step %d", step);
        free(expected);
        gn_optimizer_destroy(once);
        gn_array_destroy(fresh_few.inputs), gn_array_destroy(fresh_few.targets);
        mlp_teardown(&fresh);
    }
    free(theta);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(few.inputs), gn_array_destroy(few.targets);
    mlp_teardown(&kept);
}

#ifdef GN_HOST_CUDA
ParameterizedTestParameters(cuda_steps, cost_the_host_little) {
    return cr_make_param_array(const step_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(const step_case *c, cuda_steps, cost_the_host_little, .timeout = 120) {
    mlp_fixture f = setup(c);
    gn_optimizer *optimizer = optimizer_for(&f, c);
    for (int step = 0; step < 3; step++) /* calls, records, replays */
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    OK(f.context, gn_context_synchronize(f.context));
    const unsigned long graphs = host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES),
                        waits = host_cuda_count(HOST_CUDA_HOST_SYNCS),
                        allocations = host_cuda_count(HOST_CUDA_MALLOCS),
                        recordings = host_cuda_count(HOST_CUDA_INSTANTIATIONS);
    for (int step = 0; step < STEPS; step++)
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES) - graphs, STEPS * c->graphs);
    cr_expect_eq(host_cuda_count(HOST_CUDA_HOST_SYNCS) - waits, STEPS * c->waits);
    cr_expect_eq(host_cuda_count(HOST_CUDA_MALLOCS), allocations);
    cr_expect_eq(host_cuda_count(HOST_CUDA_INSTANTIATIONS), recordings);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}
#endif
