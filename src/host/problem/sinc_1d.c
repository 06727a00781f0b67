/* sinc_1d: sin(k x) / (k x), a smooth bump with side lobes, for fits to rounding. */
#include <math.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "sinc_1d";

typedef struct sinc {
    size_t points;
    double k;
    uint64_t seed;
} sinc;

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const sinc *s = part->options;
    if (part->test)
        gn_random_uniform(s->seed, GN_STREAM_DATA, first, rows, -1, 1, values);
    else
        for (size_t i = 0; i < rows; i++)
            values[i] = -1 + 2 * (double)(first + i) / (double)(s->points - 1);
    if (part->target)
        for (size_t i = 0; i < rows; i++)
            values[i] = values[i] == 0 ? 1 : sin(s->k * values[i]) / (s->k * values[i]);
    return GN_OK;
}

gn_status gn_dataset_sinc_1d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points, double k,
                             uint64_t seed, gn_dataset *dataset) {
    *dataset = (gn_dataset){0};
    const sinc s = {points, k, seed};
    const gn_dataset_shape shape = {
        .samples = points, .test_samples = test_points, .features = 1, .outputs = 1};
    if (points < 2 || !(k > 0) || isinf(k))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "%s: %zu points and k = %g; it needs 2 points or more and a finite k > 0", kind,
                       points, k);
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    gn_status status = gn_dataset_fill_parts(dataset, make_rows, &s);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}
