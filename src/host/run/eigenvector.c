/* The eigenvector of a probe set that is training and test set together. */
#include "run/eigenvector.h"

#include <math.h>
#include <stdlib.h>

#include "backend/context.h"
#include "core/status.h"
#include "observe/probe.h"

/* The rows of a, then those of b, which may be NULL. */
static gn_status join(gn_context *context, const gn_array *a, const gn_array *b, gn_array **joined) {
    const size_t first = gn_array_length(a, 0), second = b ? gn_array_length(b, 0) : 0;
    const size_t shape[2] = {first + second, gn_array_length(a, 1)};
    GN_TRY(gn_array_create(context, a->dtype, 2, shape, joined));
    gn_array part = gn_array_view_rows(*joined, 0, first);
    GN_TRY(gn_array_copy(&part, a));
    if (!b)
        return GN_OK;
    part = gn_array_view_rows(*joined, first, second);
    return gn_array_copy(&part, b);
}

static gn_status join_sets(gn_context *context, const gn_dataset *from, gn_dataset *both) {
    GN_TRY(join(context, from->inputs, from->test_inputs, &both->inputs));
    return join(context, from->targets, from->test_targets, &both->targets);
}

static gn_status expect_number(gn_context *context, size_t number, size_t rows) {
    if (number >= 1 && number <= rows)
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT,
                   "eigenvector is %zu, but the NTK of training and test set has %zu of them", number, rows);
}

/* Mean square 1, and a sign that no eigensolver chooses. */
static void normalize(size_t n, double *values) {
    double square = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        square += values[i] * values[i];
        if (fabs(values[i]) > fabs(largest))
            largest = values[i];
    }
    const double scale = copysign(sqrt((double)n / square), largest);
    for (size_t i = 0; i < n; i++)
        values[i] *= scale;
}

/* values: training rows, then those of the test set. What told the former targets of other points is
 * forgotten. */
static gn_status write_targets(const double *values, gn_dataset *dataset) {
    const size_t count = gn_array_count(dataset->targets);
    dataset->labels = 0;
    gn_array_destroy(dataset->direction);
    dataset->direction = NULL;
    dataset->factor = 0;
    GN_TRY(gn_array_write(dataset->targets, values, count));
    if (!dataset->test_targets)
        return GN_OK;
    return gn_array_write(dataset->test_targets, values + count, gn_array_count(dataset->test_targets));
}

static gn_status take(const gn_probe *probe, size_t number, gn_dataset *dataset) {
    const size_t n = probe->rows;
    const gn_array row = gn_array_view_rows(&probe->frame, n - number, 1);
    double *values = malloc(n * sizeof *values);
    if (!values)
        return gn_fail(probe->context, GN_ERROR_MEMORY, "no host memory for %zu targets", n);
    gn_status status = gn_array_read(&row, values, n);
    if (status == GN_OK) {
        normalize(n, values);
        status = write_targets(values, dataset);
    }
    free(values);
    return status;
}

gn_status gn_eigenvector_targets(gn_network *network, const gn_array *theta0, size_t number,
                                 gn_dataset *dataset) {
    gn_context *context = theta0->context;
    gn_dataset both = {0};
    gn_probe probe = {0};
    gn_status status;
    GN_TRY_DONE(join_sets(context, dataset, &both));
    GN_TRY_DONE(expect_number(context, number, gn_array_count(both.targets)));
    GN_TRY_DONE(gn_probe_create(context, "eigenvector", network, GN_LOSS_SQUARED, &both, theta0,
                                gn_array_length(both.inputs, 0), &probe));
    GN_TRY_DONE(take(&probe, number, dataset));
done:
    gn_probe_destroy(&probe);
    gn_dataset_destroy(&both);
    return status;
}
