/* polynomial: the square of one direction of a normal input. */
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "polynomial";

typedef struct polynomial {
    gn_polynomial_options options;
    const double *direction; /* b, D */
    double *row;             /* D: inputs of one sample */
} polynomial;

/* Numbers of the stream: b first, then the rows one after the other, each from an even number on, so that the
 * pairs of Box and Muller stay whole; the test's rows after those for training. */
static uint64_t stride(const polynomial *p) {
    return (p->options.features + 1) / 2 * 2;
}

static void draw_row(const polynomial *p, bool test, size_t row, double *values) {
    const size_t d = p->options.features;
    const uint64_t number = 1 + (test ? p->options.points : 0) + row;
    gn_random_normal(p->options.seed, GN_STREAM_DATA, number * stride(p), d, 0, 1 / sqrt((double)d), values);
}

static double target(const polynomial *p, const double *x) {
    double product = 0;
    for (size_t k = 0; k < p->options.features; k++)
        product += p->direction[k] * x[k];
    return p->options.factor * product * product;
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const polynomial *p = part->options;
    for (size_t i = 0; i < rows; i++) {
        draw_row(p, part->test, first + i, part->target ? p->row : values + i * p->options.features);
        if (part->target)
            values[i] = target(p, p->row);
    }
    return GN_OK;
}

static gn_status check(gn_context *context, const gn_polynomial_options *options) {
    GN_TRY(gn_dataset_expect_points(context, kind, options->points));
    if (options->features == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: features is 0; it must be 1 or more", kind);
    if (!isfinite(options->factor))
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: factor is not finite; give a number", kind);
    return GN_OK;
}

/* What the target is made of, for who asks for it elsewhere. */
static gn_status keep_target(gn_context *context, gn_dtype dtype, const polynomial *p, gn_dataset *dataset) {
    const size_t d = p->options.features;
    dataset->factor = p->options.factor;
    GN_TRY(gn_array_create(context, dtype, 1, &d, &dataset->direction));
    return gn_array_write(dataset->direction, p->direction, d);
}

gn_status gn_dataset_polynomial(gn_context *context, gn_dtype dtype, const gn_polynomial_options *options,
                                gn_dataset *dataset) {
    *dataset = (gn_dataset){0};
    GN_TRY(check(context, options));
    const gn_dataset_shape shape = {.samples = options->points,
                                    .test_samples = options->test_points,
                                    .features = options->features,
                                    .outputs = 1};
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    const size_t d = options->features;
    double *numbers = malloc(2 * d * sizeof *numbers);
    gn_status status = GN_OK;
    if (numbers) {
        gn_random_normal(options->seed, GN_STREAM_DATA, 0, d, 0, 1, numbers);
        const polynomial p = {.options = *options, .direction = numbers, .row = numbers + d};
        status = gn_dataset_fill_parts(dataset, make_rows, &p);
        if (status == GN_OK)
            status = keep_target(context, dtype, &p, dataset);
    } else {
        status = gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %zu features", kind, d);
    }
    free(numbers);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}
