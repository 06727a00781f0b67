/* Training on cuda against the same training on the CPU, and against itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/trainer_case.h"

typedef struct kind_case {
    gn_optimizer_kind kind;
    double learning_rate;
    gn_dtype dtype;
    double allowed; /* relative difference of the parameters: rounding, carried through the steps */
} kind_case;

static const kind_case kinds[] = {
    {GN_OPTIMIZER_SGD, 1e-2, GN_FLOAT64, 1e-12},
    {GN_OPTIMIZER_SGD, 1e-2, GN_FLOAT32, 1e-4},
    {GN_OPTIMIZER_ADAMW, 1e-3, GN_FLOAT64, 1e-10},
    {GN_OPTIMIZER_ADAMW, 1e-3, GN_FLOAT32, 1e-3},
    {GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5, GN_FLOAT64, 1e-9},
    {GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.5, GN_FLOAT32, 1e-2},
    {GN_OPTIMIZER_GAUSS_NEWTON, 0.1, GN_FLOAT64, 1e-6},
};

enum { STEPS = 12 };

static trainer_run *train(const char *device, const kind_case *kind) {
    gn_optimizer_options options = optimizer_of(kind->kind, kind->learning_rate);
    options.damping.value = 10; /* and a cut-off: without them these steps magnify rounding a millionfold */
    options.cutoff = 1e-2;
    const trainer_case from = {.device = device,
                               .dtype = kind->dtype,
                               .width = 10,
                               .test_points = 7,
                               .record = 1,
                               .phases = {{STEPS, options}}};
    trainer_run *run = trainer_setup(&from);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    return run;
}

ParameterizedTestParameters(cuda_training, agrees_with_the_cpu) {
    return cr_make_param_array(const kind_case, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

ParameterizedTest(const kind_case *kind, cuda_training, agrees_with_the_cpu, .timeout = 120) {
    trainer_run *cuda = train("cuda", kind), *again = train("cuda", kind), *cpu = train("cpu", kind);
    const size_t count = gn_array_count(cpu->theta);
    double *found = host_values(cuda->theta), *expected = host_values(cpu->theta);
    const double difference = relative_difference(count, found, expected);
    cr_expect_leq(difference, kind->allowed, "kind %d: %.3e", (int)kind->kind, difference);
    cr_expect_eq(cuda->row_count, cpu->row_count);
    for (size_t i = 0; i < cpu->row_count; i++)
        cr_expect_leq(fabs(cuda->rows[i].loss_train - cpu->rows[i].loss_train),
                      kind->allowed * (1 + fabs(cpu->rows[i].loss_train)), "row %zu: %.17g and %.17g", i,
                      cuda->rows[i].loss_train, cpu->rows[i].loss_train);
    expect_same_theta(cuda, again);
    expect_last_rows(cuda, again);
    free(found);
    free(expected);
    trainer_teardown(cuda);
    trainer_teardown(again);
    trainer_teardown(cpu);
}
