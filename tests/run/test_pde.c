/* Training on a PDE: the loss that is recorded, batches of both kinds, and a run that goes on where it was.
 */
#include <math.h>
#include <stdlib.h>

#include "trainer_case.h"

static trainer_run *setup(const char *device, size_t batch, size_t steps) {
    trainer_case from = {.device = device,
                         .dtype = GN_FLOAT64,
                         .width = 12,
                         .points = 40,
                         .test_points = 4,
                         .batch = batch,
                         .pde = true,
                         .record = 5};
    from.phases[0] =
        (gn_phase){.steps = steps, .optimizer = optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.3)};
    from.phases[0].optimizer.damping.value = 0.1;
    return trainer_setup(&from);
}

/* mean square inside + mean square on the boundary, at theta */
static double two_means(trainer_run *run) {
    gn_linearization *l;
    gn_array *r = device_array(run->context, GN_FLOAT64, 48, 1, NULL);
    double inner = 0, outer = 0;
    OK(run->context, gn_linearization_create(run->network, GN_LOSS_SQUARED, GN_FLOAT64, 48, &l));
    OK(run->context, gn_linearization_set_batch(l, run->dataset.inputs, run->dataset.targets));
    OK(run->context, gn_linearization_set_point(l, run->theta));
    OK(run->context, gn_linearization_residual(l, r));
    double *values = host_values(r);
    for (size_t i = 0; i < 48; i++)
        *(i < 40 ? &inner : &outer) += values[i] * values[i];
    gn_array_destroy(r);
    gn_linearization_destroy(l);
    free(values);
    return inner / 40 + outer / 8;
}

static void check(const char *device, size_t batch) {
    trainer_run *run = setup(device, batch, 40);
    double expected = two_means(run);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    cr_expect_float_eq(run->rows[0].loss_train, expected, 1e-12 * expected);
    expected = two_means(run);
    const gn_metrics *last = &run->rows[run->row_count - 1];
    cr_expect_float_eq(last->loss_train, expected, 1e-12 * expected);
    cr_expect_lt(last->loss_train, 1e-2 * run->rows[0].loss_train);
    cr_expect_lt(last->loss_test, 0.1 * run->rows[0].loss_test);
    trainer_teardown(run);
}

ON_EACH_DEVICE(pde, training_records_the_sum_of_two_means) {
    check(device, 0);
    check(device, 24);
}

Test(pde, a_resumed_run_sees_the_same_batches) {
    trainer_run *whole = setup("check", 24, 12), *part = setup("check", 24, 12);
    part->stop_at = 5;
    OK(whole->context, gn_trainer_run(whole->trainer, &whole->hooks));
    cr_assert_eq(gn_trainer_run(part->trainer, &part->hooks), GN_ERROR_INTERRUPTED);
    trainer_run *rest = setup("check", 24, 12);
    trainer_carry_over(part, rest);
    OK(rest->context, gn_trainer_run(rest->trainer, &rest->hooks));
    expect_same_theta(whole, rest);
    trainer_teardown(whole);
    trainer_teardown(part);
    trainer_teardown(rest);
}
