/* frequency_mismatch_1d: sin 6x on [-pi, pi], sampled where it can be mistaken for slower waves: at the
 * points of an even pool where sin x agrees with it best, at those where sin 3x does, and at some that are
 * even or random. */
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "frequency_mismatch_1d";
static const double pi = 3.14159265358979323846;

enum { POOL = 10000 };

/* Of `count` even points from -pi to pi, both included. */
static double even_point(size_t i, size_t count) {
    return count > 1 ? -pi + 2 * pi * (double)i / (double)(count - 1) : 0;
}

/* A point of the pool, and how far sin kx is from the target there. */
typedef struct candidate {
    double distance;
    size_t index;
} candidate;

static int nearest_first(const void *left, const void *right) {
    const candidate *a = left, *b = right;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* The `count` points of the pool where sin kx is nearest to sin 6x. */
static void pick(double k, size_t count, candidate *pool, double *x) {
    for (size_t i = 0; i < POOL; i++) {
        const double at = even_point(i, POOL);
        pool[i] = (candidate){fabs(sin(k * at) - sin(6 * at)), i};
    }
    qsort(pool, POOL, sizeof *pool, nearest_first);
    for (size_t i = 0; i < count; i++)
        x[i] = even_point(pool[i].index, POOL);
}

/* All training points: those of sin x, of sin 3x, and the others. */
static gn_status choose(gn_context *context, const gn_frequency_mismatch_options *options, double *x) {
    const size_t picked = options->near_sin_x + options->near_sin_3x, others = options->points - picked;
    candidate *pool = calloc(POOL, sizeof *pool);
    if (!pool)
        return gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %d points", kind, POOL);
    pick(1, options->near_sin_x, pool, x);
    pick(3, options->near_sin_3x, pool, x + options->near_sin_x);
    free(pool);
    for (size_t i = 0; options->grid && i < others; i++)
        x[picked + i] = even_point(i, others);
    if (!options->grid)
        gn_random_uniform(options->seed, GN_STREAM_DATA, 0, others, -pi, pi, x + picked);
    return GN_OK;
}

typedef struct points {
    const double *x; /* training */
    size_t test_points;
} points;

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const points *p = part->options;
    for (size_t i = 0; i < rows; i++) {
        const double x = part->test ? even_point(first + i, p->test_points) : p->x[first + i];
        values[i] = part->target ? sin(6 * x) : x;
    }
    return GN_OK;
}

static gn_status check(gn_context *context, const gn_frequency_mismatch_options *options) {
    const size_t low = options->near_sin_x, middle = options->near_sin_3x;
    GN_TRY(gn_dataset_expect_points(context, kind, options->points));
    if (low <= POOL && middle <= POOL && low + middle <= options->points)
        return GN_OK;
    return gn_fail(
        context, GN_ERROR_ARGUMENT,
        "%s: near_sin_x is %zu and near_sin_3x %zu; together they are at most points (%zu), and each "
        "at most %d",
        kind, low, middle, options->points, POOL);
}

gn_frequency_mismatch_options gn_frequency_mismatch_options_default(void) {
    return (gn_frequency_mismatch_options){
        .points = 65, .test_points = 1000, .near_sin_x = 20, .near_sin_3x = 10};
}

gn_status gn_dataset_frequency_mismatch_1d(gn_context *context, gn_dtype dtype,
                                           const gn_frequency_mismatch_options *options,
                                           gn_dataset *dataset) {
    *dataset = (gn_dataset){0};
    const gn_dataset_shape shape = {
        .samples = options->points, .test_samples = options->test_points, .features = 1, .outputs = 1};
    GN_TRY(check(context, options));
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    double *x = calloc(options->points, sizeof *x);
    gn_status status = GN_OK;
    if (!x)
        status =
            gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %zu points", kind, options->points);
    if (status == GN_OK)
        status = choose(context, options, x);
    const points made = {x, options->test_points};
    if (status == GN_OK)
        status = gn_dataset_fill_parts(dataset, make_rows, &made);
    free(x);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}
