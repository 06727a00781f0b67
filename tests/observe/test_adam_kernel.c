/* The kernel J diag(d) J' of Adam: against JAX's after some steps, made from blocks of any size, and by
 * products; and what decays by it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linearization/linearization.h"
#include "observe/adam_kernel.h"
#include "observe_test.h"
#include "optimize/optimizer.h"
#include "reference.h"

/* Adam after the reference's steps. */
typedef struct adam_case {
    mlp_fixture f;
    gn_dataset dataset;
    gn_optimizer *optimizer;
} adam_case;

static adam_case setup(const char *device) {
    adam_case a = {.f = reference_setup(device, "small_tanh")};
    gn_optimizer_options o = gn_optimizer_options_default(GN_OPTIMIZER_ADAM);
    o.learning_rate = reference_attribute("ntk", "/", "rate");
    o.beta1 = reference_attribute("ntk", "/", "beta1");
    o.beta2 = reference_attribute("ntk", "/", "beta2");
    o.epsilon = reference_attribute("ntk", "/", "epsilon");
    a.dataset = (gn_dataset){.inputs = a.f.inputs, .targets = a.f.targets};
    OK(a.f.context, gn_optimizer_create(a.f.context, &o, GN_FLOAT64, a.f.p, a.f.m, &a.optimizer));
    cr_expect_eq(gn_optimizer_diagonal(a.optimizer, a.f.theta0), GN_ERROR_UNSUPPORTED, "before a step");
    for (double i = 0; i < reference_attribute("ntk", "/", "steps"); i++)
        OK(a.f.context, gn_optimizer_step(a.optimizer, a.f.lin, a.f.theta, NULL));
    OK(a.f.context, gn_linearization_set_point(a.f.lin, a.f.theta));
    return a;
}

static void teardown(adam_case *a) {
    gn_optimizer_destroy(a->optimizer);
    mlp_teardown(&a->f);
}

static void expect_array(const char *path, const gn_array *array, double tolerance) {
    double *values = host_values(array);
    expect_reference("ntk", path, values, gn_array_count(array), tolerance);
    free(values);
}

ON_EACH_DEVICE(adam_kernel, has_the_diagonal_of_the_state) {
    adam_case a = setup(device);
    gn_array *d = device_array(a.f.context, GN_FLOAT64, a.f.p, 1, NULL);
    gn_array *rough = device_array(a.f.context, GN_FLOAT32, a.f.p, 1, NULL);
    OK(a.f.context, gn_optimizer_diagonal(a.optimizer, d));
    OK(a.f.context, gn_optimizer_diagonal(a.optimizer, rough));
    expect_array("/theta", a.f.theta, 1e-12);
    expect_array("/diagonal", d, 1e-9); /* the roots of tiny moments magnify rounding */
    expect_array("/diagonal", rough, 1e-6);
    gn_array_destroy(d);
    gn_array_destroy(rough);
    teardown(&a);
}

/* Blocks of 1 sample to all: six samples of two outputs. */
ON_EACH_DEVICE(adam_kernel, is_the_same_from_blocks_of_any_size) {
    adam_case a = setup(device);
    const size_t sample = a.f.c * a.f.p;
    gn_array *root = device_array(a.f.context, GN_FLOAT64, a.f.p, 1, NULL);
    gn_array *k = device_array(a.f.context, GN_FLOAT64, a.f.m, a.f.m, NULL);
    OK(a.f.context, gn_optimizer_diagonal(a.optimizer, root));
    double *values = host_values(root);
    for (size_t i = 0; i < a.f.p; i++)
        values[i] = sqrt(values[i]);
    OK(a.f.context, gn_array_write(root, values, a.f.p));
    cr_expect_eq(gn_linearization_weighted_block(a.f.lin, 1), sample, "a sample is the least");
    cr_expect_eq(gn_linearization_weighted_block(a.f.lin, 2.5 * 8 * (double)sample), 2 * sample);
    cr_expect_eq(gn_linearization_weighted_block(a.f.lin, 1e15), a.f.n * sample);
    for (size_t samples = 1; samples <= a.f.n; samples++) {
        gn_array *first = device_array(a.f.context, GN_FLOAT64, samples, sample, NULL);
        gn_array *second = device_array(a.f.context, GN_FLOAT64, samples, sample, NULL);
        OK(a.f.context, gn_linearization_weighted_gram(a.f.lin, root, first, second, k));
        expect_array("/kernel", k, 1e-9);
        gn_array_destroy(first);
        gn_array_destroy(second);
    }
    free(values);
    gn_array_destroy(root);
    gn_array_destroy(k);
    teardown(&a);
}

static const kept_row *find(const kept_rows *kept, const char *name) {
    for (size_t i = 0; i < kept->count; i++)
        if (strcmp(kept->rows[i].name, name) == 0)
            return &kept->rows[i];
    return NULL;
}

/* dense_rows 0: by Lanczos, which has as many steps as there are rows and is exact. */
static void observe(adam_case *a, size_t dense_rows, size_t values, double tolerance) {
    gn_ntk_options options = gn_ntk_options_default();
    const gn_phase_start start = {.rule = {GN_STEP_RULE_DIAGONAL, .rate = 0.01, .weight = 1},
                                  .optimizer = a->optimizer};
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    options.dense_rows = dense_rows;
    options.values = values;
    OK(a->f.context, gn_observer_create_ntk(a->f.context, a->f.network, GN_LOSS_SQUARED, &a->dataset,
                                            a->f.theta0, &options, &observer));
    OK(a->f.context, gn_observer_begin_phase(observer, &start));
    OK(a->f.context, gn_observer_observe(observer, 7, a->f.theta, NULL, &sink));
    const size_t count = dense_rows == 0 ? values : a->f.m;
    size_t all;
    double *kernel = reference_array("ntk", "/eigenvalues", &all);
    double *ntk = reference_array("ntk", "/ntk_eigenvalues", &all);
    const kept_row *found = find(&kept, "preconditioned_eigenvalues"), *plain = find(&kept, "eigenvalues");
    cr_assert(found->shape[0] == count && plain->shape[0] == count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_float_eq(found->values[i], kernel[i], tolerance * kernel[0], "%zu: %g, not %g", i,
                           found->values[i], kernel[i]);
        cr_expect_float_eq(plain->values[i], ntk[i], tolerance * ntk[0], "%zu: %g, not %g", i,
                           plain->values[i], ntk[i]);
    }
    cr_expect_eq(find(&kept, "numerical_rank") != NULL, dense_rows > 0);
    cr_expect_eq(find(&kept, "eigenvalue_bounds") != NULL, dense_rows == 0);
    free(kernel), free(ntk);
    gn_observer_destroy(observer);
}

ON_EACH_DEVICE(adam_kernel, has_the_eigenvalues_of_an_independent_one) {
    adam_case a = setup(device);
    observe(&a, 100, 3, 1e-9);
    observe(&a, 0, 5, 1e-9);
    teardown(&a);
}

/* What is kept of the last look are the error's lengths along leading eigenvectors. */
ON_EACH_DEVICE(adam_kernel, keeps_the_leading_modes) {
    enum { LEADING = 4 };
    adam_case a = setup(device);
    for (int dense = 0; dense < 2; dense++) {
        const gn_probe_options options = {
            .observer = "test", .dtype = GN_FLOAT64, .dense_rows = dense ? 100 : 0, .values = LEADING};
        gn_probe probe;
        gn_adam_kernel kernel = {0};
        double eigenvalues[12], rate[LEADING];
        bool known;
        size_t all;
        OK(a.f.context, gn_probe_open(a.f.context, &options, a.f.network, GN_LOSS_SQUARED, &a.dataset,
                                      a.f.theta0, &probe));
        OK(a.f.context, gn_adam_kernel_create(&kernel, &probe, LEADING));
        OK(a.f.context, gn_probe_look(&probe, a.f.theta));
        OK(a.f.context, gn_adam_kernel_find(&kernel, &probe, a.optimizer, 7, eigenvalues, &known));
        cr_assert(known);
        double *modes = reference_array("ntk", "/modes", &all);
        for (size_t i = 0; i < LEADING; i++)
            cr_expect_float_eq(fabs(kernel.c[i]), modes[i], 1e-7, "%g, not %g", kernel.c[i], modes[i]);
        /* the error as it was: no decay, whatever the clock says */
        OK(a.f.context, gn_probe_look(&probe, a.f.theta));
        OK(a.f.context, gn_adam_kernel_rates(&kernel, &probe, 7, rate));
        cr_expect(isnan(rate[0]), "no step");
        OK(a.f.context, gn_adam_kernel_rates(&kernel, &probe, 9, rate));
        cr_expect_eq(rate[0], 0);
        OK(a.f.context, gn_adam_kernel_find(&kernel, &probe, NULL, 9, eigenvalues, &known));
        cr_expect_not(known);
        free(modes);
        gn_adam_kernel_destroy(&kernel);
        gn_probe_destroy(&probe);
    }
    teardown(&a);
}
