/* multi_sine_1d: three sines whose amplitude grows with their frequency, on a periodic grid. */
#include <math.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "multi_sine_1d";
static const double pi = 3.14159265358979323846;

typedef struct multi_sine {
    size_t points;
    uint64_t seed;
} multi_sine;

static double target(double x) {
    double u = 0;
    for (int k = 1; k <= 3; k++)
        u += k / 3.0 * sin((2 * k + 1) * pi * x - k);
    return u;
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const multi_sine *sine = part->options;
    if (part->test)
        gn_random_uniform(sine->seed, GN_STREAM_DATA, first, rows, -1, 1, values);
    else
        for (size_t i = 0; i < rows; i++)
            values[i] = -1 + 2 * (double)(first + i) / (double)sine->points;
    if (part->target)
        for (size_t i = 0; i < rows; i++)
            values[i] = target(values[i]);
    return GN_OK;
}

gn_status gn_dataset_multi_sine_1d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points,
                                   uint64_t seed, gn_dataset *dataset) {
    *dataset = (gn_dataset){0};
    const multi_sine sine = {points, seed};
    const gn_dataset_shape shape = {
        .samples = points, .test_samples = test_points, .features = 1, .outputs = 1};
    GN_TRY(gn_dataset_expect_points(context, kind, points));
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    dataset->grid_rank = 1;
    dataset->grid[0] = points;
    gn_status status = gn_dataset_fill_parts(dataset, make_rows, &sine);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}
