/* Samplers: every sample once an epoch, inputs with their targets, and any step at any time. */
#include <stdlib.h>
#include <string.h>

#include "problem_test.h"

/* A data set whose values tell which sample they are: inputs (i, i + 0.5), target -i. */
static gn_dataset numbered(gn_context *context, gn_dtype dtype, size_t samples) {
    double *x = malloc((2 * samples + 1) * sizeof(*x)), *y = malloc((samples + 1) * sizeof(*y));
    for (size_t i = 0; i < samples; i++) {
        x[2 * i] = (double)i;
        x[2 * i + 1] = (double)i + 0.5;
        y[i] = -(double)i;
    }
    gn_dataset d = {.inputs = device_array(context, dtype, samples, 2, x),
                    .targets = device_array(context, dtype, samples, 1, y)};
    free(x);
    free(y);
    return d;
}

/* The samples of a step's batch into `order`, which has room; their number. */
static size_t batch_of(gn_context *context, gn_sampler *sampler, uint64_t step, size_t *order) {
    gn_array *inputs, *targets;
    OK(context, gn_sampler_batch(sampler, step, &inputs, &targets));
    const size_t rows = gn_array_length(inputs, 0);
    cr_assert_eq(gn_array_length(inputs, 1), 2u);
    cr_assert_eq(gn_array_length(targets, 0), rows);
    cr_assert_eq(gn_array_length(targets, 1), 1u);
    double *x = host_values(inputs), *y = host_values(targets);
    for (size_t i = 0; i < rows; i++) {
        order[i] = (size_t)x[2 * i];
        cr_assert_eq(x[2 * i + 1], (double)order[i] + 0.5);
        cr_assert_eq(y[i], -(double)order[i]);
    }
    free(x);
    free(y);
    return rows;
}

/* The order of a whole epoch; checks the sizes of its batches. */
static void epoch_of(gn_context *context, gn_sampler *sampler, uint64_t epoch, size_t samples, size_t size,
                     size_t *order) {
    const size_t batches = (samples + size - 1) / size;
    size_t done = 0;
    for (size_t b = 0; b < batches; b++) {
        const size_t rows = batch_of(context, sampler, epoch * batches + b, order + done);
        cr_assert_eq(rows, b + 1 < batches ? size : samples - done);
        done += rows;
    }
    cr_assert_eq(done, samples);
}

static void check_epochs(const char *device, gn_dtype dtype, size_t samples, size_t size) {
    gn_context *context = device_open(device);
    gn_dataset d = numbered(context, dtype, samples);
    gn_sampler *sampler;
    OK(context, gn_sampler_create(context, &d, size, 11, &sampler));
    cr_assert_eq(gn_sampler_capacity(sampler), size);
    size_t *first = malloc(samples * sizeof(*first)), *second = malloc(samples * sizeof(*second));
    epoch_of(context, sampler, 0, samples, size, first);
    epoch_of(context, sampler, 1, samples, size, second);
    int *seen = calloc(samples, sizeof(*seen));
    for (size_t i = 0; i < samples; i++) {
        seen[first[i]] += 1;
        seen[second[i]] += 16;
    }
    for (size_t i = 0; i < samples; i++)
        cr_assert_eq(seen[i], 17, "sample %zu is not once in each epoch", i);
    if (samples > 20)
        cr_assert_neq(memcmp(first, second, samples * sizeof(*first)), 0, "epochs come in the same order");
    free(first);
    free(second);
    free(seen);
    gn_sampler_destroy(sampler);
    gn_dataset_destroy(&d);
    expect_empty(context, &d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(sampler, each_sample_comes_once_an_epoch) {
    check_epochs(device, GN_FLOAT64, 100, 10);
    check_epochs(device, GN_FLOAT32, 1000, 33);
    check_epochs(device, GN_FLOAT64, 101, 10);
    check_epochs(device, GN_FLOAT32, 31, 1);
    check_epochs(device, GN_FLOAT64, 3, 2);
    check_epochs(device, GN_FLOAT64, 33, 32);
}

ON_EACH_DEVICE(sampler, any_step_gives_the_same_batch_at_any_time) {
    gn_context *context = device_open(device);
    gn_dataset d = numbered(context, GN_FLOAT64, 50);
    gn_sampler *forward, *other;
    size_t recorded[40][8], sizes[40], batch[8];
    OK(context, gn_sampler_create(context, &d, 8, 5, &forward));
    OK(context, gn_sampler_create(context, &d, 8, 5, &other));
    for (uint64_t step = 0; step < 40; step++)
        sizes[step] = batch_of(context, forward, step, recorded[step]);
    for (int i = 0; i < 200; i++) {
        const uint64_t step = (uint64_t)(i * 17 % 40); /* back and forth through six epochs */
        cr_assert_eq(batch_of(context, other, step, batch), sizes[step]);
        cr_assert_eq(memcmp(batch, recorded[step], sizes[step] * sizeof(*batch)), 0);
    }
    gn_sampler_destroy(forward);
    gn_sampler_destroy(other);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(sampler, the_order_is_the_seeds_permutation) {
    gn_context *context = device_open("cpu");
    gn_dataset d = numbered(context, GN_FLOAT64, 20);
    size_t order[20], other[20];
    uint32_t wanted[20];
    for (uint64_t seed = 0; seed < 3; seed++) {
        gn_sampler *sampler;
        OK(context, gn_sampler_create(context, &d, 6, seed, &sampler));
        epoch_of(context, sampler, 4, 20, 6, order);
        gn_random_permutation(seed, GN_STREAM_BATCH, 4, 20, wanted);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(order[i], wanted[i]);
        if (seed > 0)
            cr_assert_neq(memcmp(order, other, sizeof(order)), 0, "two seeds give one order");
        memcpy(other, order, sizeof(order));
        gn_sampler_destroy(sampler);
    }
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(sampler, a_full_batch_is_the_data_set_itself) {
    gn_context *context = device_open(device);
    gn_dataset d = numbered(context, GN_FLOAT64, 7);
    const size_t before = gn_context_allocated(context), sizes[] = {0, 7};
    for (int i = 0; i < 2; i++) {
        gn_sampler *sampler;
        gn_array *inputs, *targets;
        OK(context, gn_sampler_create(context, &d, sizes[i], 0, &sampler));
        for (uint64_t step = 0; step < 3; step++) {
            OK(context, gn_sampler_batch(sampler, step, &inputs, &targets));
            cr_assert(inputs == d.inputs && targets == d.targets);
        }
        cr_assert_eq(gn_sampler_capacity(sampler), 7u);
        cr_assert_eq(gn_context_allocated(context), before);
        gn_sampler_destroy(sampler);
    }
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(sampler, a_step_allocates_nothing) {
    gn_context *context = device_open(device);
    gn_dataset d = numbered(context, GN_FLOAT64, 30);
    gn_sampler *sampler;
    gn_array *inputs, *targets;
    OK(context, gn_sampler_create(context, &d, 7, 0, &sampler));
    const size_t before = gn_context_allocated(context), peak = gn_context_peak(context);
    for (uint64_t step = 0; step < 50; step++)
        OK(context, gn_sampler_batch(sampler, step, &inputs, &targets));
    cr_assert_eq(gn_context_allocated(context), before);
    cr_assert_eq(gn_context_peak(context), peak);
    gn_sampler_destroy(sampler);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(sampler, steps_far_ahead_are_fine) {
    gn_context *context = device_open("cpu");
    gn_dataset d = numbered(context, GN_FLOAT64, 10);
    gn_sampler *sampler;
    size_t order[3];
    OK(context, gn_sampler_create(context, &d, 3, 0, &sampler));
    cr_assert_eq(batch_of(context, sampler, 4000000003u, order), 1u); /* the fourth of its epoch */
    gn_sampler_destroy(sampler);
    gn_dataset_destroy(&d);
    gn_context_destroy(context);
}

Test(sampler, impossible_batches_are_refused) {
    gn_context *context = device_open("cpu");
    gn_dataset d = numbered(context, GN_FLOAT64, 10), none = numbered(context, GN_FLOAT64, 0);
    gn_sampler *sampler;
    FAILS(context, GN_ERROR_ARGUMENT, "a batch of 11 is more than the 10 training samples",
          gn_sampler_create(context, &d, 11, 0, &sampler));
    cr_assert_null(sampler);
    FAILS(context, GN_ERROR_ARGUMENT, "no samples", gn_sampler_create(context, &none, 0, 0, &sampler));
    gn_dataset_destroy(&d);
    gn_dataset_destroy(&none);
    gn_context_destroy(context);
}
