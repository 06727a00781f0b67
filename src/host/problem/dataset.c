/* Data sets: allocation, filling and the end of them. */
#include "problem/dataset.h"

#include <stdlib.h>
#include <string.h>

/* Host bytes of a piece: large enough for a device's transfer, small beside any data set that matters. */
static const size_t piece_bytes = (size_t)1 << 20;

static gn_status predict(gn_context *context, gn_dtype dtype, const gn_dataset_shape *shape,
                         const char *what) {
    const double rows = (double)shape->samples + (double)shape->test_samples;
    const double columns = (double)shape->features + (double)shape->outputs;
    return gn_memory_predict(context, rows * columns * (double)gn_dtype_size(dtype), what,
                             "ask for fewer samples or for float32");
}

gn_status gn_dataset_allocate(gn_context *context, gn_dtype dtype, const gn_dataset_shape *shape,
                              const char *what, gn_dataset *dataset) {
    memset(dataset, 0, sizeof(*dataset));
    GN_TRY(predict(context, dtype, shape, what));
    gn_status status;
    const size_t inputs[] = {shape->samples, shape->features};
    const size_t targets[] = {shape->samples, shape->outputs};
    const size_t test_inputs[] = {shape->test_samples, shape->features};
    const size_t test_targets[] = {shape->test_samples, shape->outputs};
    GN_TRY_DONE(gn_array_create(context, dtype, 2, inputs, &dataset->inputs));
    GN_TRY_DONE(gn_array_create(context, dtype, 2, targets, &dataset->targets));
    if (shape->test_samples > 0) {
        GN_TRY_DONE(gn_array_create(context, dtype, 2, test_inputs, &dataset->test_inputs));
        GN_TRY_DONE(gn_array_create(context, dtype, 2, test_targets, &dataset->test_targets));
    }
done:
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}

gn_status gn_dataset_fill(gn_array *array, gn_rows_function make, void *user) {
    gn_context *context = array->context;
    const size_t rows = array->shape[0], columns = array->shape[1];
    if (rows == 0 || columns == 0)
        return GN_OK;
    size_t piece = piece_bytes / sizeof(double) / columns;
    piece = piece == 0 ? 1 : piece > rows ? rows : piece;
    double *values = calloc(piece * columns, sizeof(*values)); /* piece x columns */
    if (!values)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for %zu rows of %zu values", piece, columns);
    gn_status status = GN_OK;
    for (size_t first = 0; first < rows && status == GN_OK; first += piece) {
        const size_t length = rows - first < piece ? rows - first : piece;
        char *data = (char *)array->data + first * columns * gn_dtype_size(array->dtype);
        gn_array part = gn_array_view(context, array->dtype, length, columns, data);
        status = make(user, first, length, values);
        if (status == GN_OK)
            status = gn_array_write(&part, values, length * columns);
    }
    free(values);
    return status;
}

gn_status gn_dataset_fill_parts(gn_dataset *dataset, gn_rows_function make, const void *options) {
    gn_array *const arrays[] = {dataset->inputs, dataset->targets, dataset->test_inputs,
                                dataset->test_targets};
    for (int i = 0; i < 4; i++) {
        gn_dataset_part part = {.options = options, .test = i >= 2, .target = i % 2 == 1};
        if (arrays[i])
            GN_TRY(gn_dataset_fill(arrays[i], make, &part));
    }
    return GN_OK;
}

gn_status gn_dataset_expect_points(gn_context *context, const char *kind, size_t points) {
    if (points > 0)
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT,
                   "%s: points is 0, which leaves nothing to train on; give at least 1", kind);
}

void gn_dataset_destroy(gn_dataset *dataset) {
    gn_array_destroy(dataset->inputs);
    gn_array_destroy(dataset->targets);
    gn_array_destroy(dataset->test_inputs);
    gn_array_destroy(dataset->test_targets);
    gn_array_destroy(dataset->weights);
    gn_array_destroy(dataset->test_slopes);
    gn_array_destroy(dataset->direction);
    free(dataset->residual);
    memset(dataset, 0, sizeof(*dataset));
}
