/* step_2d: a function with a jump along both axes, on a cell-centred periodic grid. */
#include "core/size.h"
#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "step_2d";

typedef struct step {
    size_t points; /* an axis */
    uint64_t seed;
} step;

static double sign(double x) {
    return (double)((x > 0) - (x < 0));
}

/* Centre `i` of `points` equal cells of [-1, 1); 0 exactly at the middle one of an odd number. */
static double centre(size_t i, size_t points) {
    return (2 * (double)i + 1 - (double)points) / (double)points;
}

static void point(const gn_dataset_part *part, size_t index, double xy[2]) {
    const step *s = part->options;
    if (part->test) {
        gn_random_uniform(s->seed, GN_STREAM_DATA, 2 * (uint64_t)index, 2, -1, 1, xy);
        return;
    }
    xy[0] = centre(index / s->points, s->points);
    xy[1] = centre(index % s->points, s->points);
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    for (size_t i = 0; i < rows; i++) {
        double xy[2];
        point(part, first + i, xy);
        if (part->target) {
            values[i] = sign(xy[0]) * sign(xy[1]);
        } else {
            values[2 * i] = xy[0];
            values[2 * i + 1] = xy[1];
        }
    }
    return GN_OK;
}

gn_status gn_dataset_step_2d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points,
                             uint64_t seed, gn_dataset *dataset) {
    *dataset = (gn_dataset){0};
    const step s = {points, seed};
    gn_dataset_shape shape = {.test_samples = test_points, .features = 2, .outputs = 1};
    GN_TRY(gn_dataset_expect_points(context, kind, points));
    if (!gn_size_multiply(points, points, &shape.samples))
        shape.samples = SIZE_MAX; /* refused below, with a size that says enough */
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    dataset->grid_rank = 2;
    dataset->grid[0] = dataset->grid[1] = points;
    gn_status status = gn_dataset_fill_parts(dataset, make_rows, &s);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}
