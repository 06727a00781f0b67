/* Arrays: creation, conversion to and from host float64, views and expectations. */
#include <stdlib.h>
#include <string.h>

#include "backend/context.h"
#include "core/size.h"

size_t gn_dtype_size(gn_dtype dtype) {
    return dtype == GN_FLOAT64 ? sizeof(double) : sizeof(float);
}

const char *gn_dtype_name(gn_dtype dtype) {
    return dtype == GN_FLOAT64 ? "float64" : "float32";
}

/* ---- creation ---- */

gn_status gn_array_create(gn_context *context, gn_dtype dtype, int rank, const size_t *shape,
                          gn_array **array) {
    *array = NULL;
    if (dtype != GN_FLOAT32 && dtype != GN_FLOAT64)
        return gn_fail(context, GN_ERROR_ARGUMENT, "an array's type is float32 or float64, not %d",
                       (int)dtype);
    if (rank < 0 || rank > GN_MAX_RANK)
        return gn_fail(context, GN_ERROR_ARGUMENT, "an array's rank is 0 to %d, not %d", GN_MAX_RANK, rank);
    size_t count = 1;
    for (int axis = 0; axis < rank; axis++)
        if (!gn_size_multiply(count, shape[axis], &count))
            return gn_fail(context, GN_ERROR_MEMORY, "an array's size does not fit the address space");
    gn_array *created = malloc(sizeof(*created));
    if (!created)
        return gn_fail(context, GN_ERROR_MEMORY, "an array: out of host memory");
    gn_status status = gn_buffer_create(context, created, dtype, count, 1, "an array");
    if (status != GN_OK) {
        free(created);
        return status;
    }
    created->rank = rank;
    for (int axis = 0; axis < GN_MAX_RANK; axis++)
        created->shape[axis] = axis < rank ? shape[axis] : 1;
    *array = created;
    return GN_OK;
}

void gn_array_destroy(gn_array *array) {
    if (!array)
        return;
    gn_buffer_destroy(array);
    free(array);
}

gn_array gn_array_view(gn_context *context, gn_dtype dtype, size_t rows, size_t columns, void *data) {
    return (gn_array){
        .context = context, .dtype = dtype, .rank = 2, .shape = {rows, columns, 1, 1}, .data = data};
}

gn_array gn_array_view_rows(const gn_array *array, size_t first, size_t rows) {
    const size_t columns = gn_array_length(array, 1);
    char *data = (char *)array->data + first * columns * gn_dtype_size(array->dtype);
    return gn_array_view(array->context, array->dtype, rows, columns, data);
}

/* ---- questions ---- */

gn_dtype gn_array_dtype(const gn_array *array) {
    return array->dtype;
}

int gn_array_rank(const gn_array *array) {
    return array->rank;
}

size_t gn_array_length(const gn_array *array, int axis) {
    return axis >= 0 && axis < array->rank ? array->shape[axis] : 1;
}

size_t gn_array_count(const gn_array *array) {
    size_t count = 1;
    for (int axis = 0; axis < array->rank; axis++)
        count *= array->shape[axis];
    return count;
}

gn_status gn_array_expect(gn_context *context, const gn_array *array, gn_dtype dtype, size_t count,
                          const char *what) {
    if (!array)
        return gn_fail(context, GN_ERROR_SHAPE, "%s is NULL; %zu elements of %s are expected", what, count,
                       gn_dtype_name(dtype));
    if (array->context != context)
        return gn_fail(context, GN_ERROR_SHAPE, "%s belongs to another context", what);
    if (array->dtype != dtype || gn_array_count(array) != count)
        return gn_fail(context, GN_ERROR_SHAPE, "%s has %zu elements of %s; %zu of %s are expected", what,
                       gn_array_count(array), gn_dtype_name(array->dtype), count, gn_dtype_name(dtype));
    return GN_OK;
}

/* ---- content ---- */

/* Elements converted at a time: large enough for a device's transfer, small enough for a cache. */
enum { STAGE = 32768 };

static size_t stage_length(size_t done, size_t count) {
    return count - done < STAGE ? count - done : STAGE;
}

static gn_status stage_create(gn_context *context, float **stage) {
    *stage = malloc(STAGE * sizeof(float));
    return *stage ? GN_OK : gn_fail(context, GN_ERROR_MEMORY, "converting an array: out of host memory");
}

static gn_status write_float32(gn_array *array, const double *values, size_t count) {
    gn_context *context = array->context;
    gn_status status = GN_OK;
    float *stage;
    GN_TRY(stage_create(context, &stage));
    for (size_t done = 0; done < count && status == GN_OK; done += STAGE) {
        const size_t length = stage_length(done, count);
        for (size_t i = 0; i < length; i++)
            stage[i] = (float)values[done + i];
        status = GN_OP(context, upload, (float *)array->data + done, stage, length * sizeof(float));
    }
    free(stage);
    return status;
}

static gn_status read_float32(const gn_array *array, double *values, size_t count) {
    gn_context *context = array->context;
    gn_status status = GN_OK;
    float *stage;
    GN_TRY(stage_create(context, &stage));
    for (size_t done = 0; done < count && status == GN_OK; done += STAGE) {
        const size_t length = stage_length(done, count);
        status = GN_OP(context, download, stage, (float *)array->data + done, length * sizeof(float));
        for (size_t i = 0; i < length && status == GN_OK; i++)
            values[done + i] = stage[i];
    }
    free(stage);
    return status;
}

static gn_status expect_count(const gn_array *array, size_t count) {
    if (gn_array_count(array) != count)
        return gn_fail(array->context, GN_ERROR_SHAPE, "the array has %zu elements, the host buffer %zu",
                       gn_array_count(array), count);
    return GN_OK;
}

gn_status gn_array_write(gn_array *array, const double *values, size_t count) {
    GN_TRY(expect_count(array, count));
    if (array->dtype == GN_FLOAT32)
        return write_float32(array, values, count);
    return GN_OP(array->context, upload, array->data, values, count * sizeof(double));
}

gn_status gn_array_read(const gn_array *array, double *values, size_t count) {
    GN_TRY(expect_count(array, count));
    if (array->dtype == GN_FLOAT32)
        return read_float32(array, values, count);
    return GN_OP(array->context, download, values, array->data, count * sizeof(double));
}

gn_status gn_array_copy(gn_array *destination, const gn_array *source) {
    gn_context *context = destination->context;
    GN_TRY(gn_array_expect(context, source, destination->dtype, gn_array_count(destination),
                           "the array to copy from"));
    return GN_OP(context, copy, destination->data, source->data,
                 gn_array_count(source) * gn_dtype_size(source->dtype));
}

gn_status gn_array_convert(gn_array *to, const gn_array *from) {
    const size_t count = gn_array_count(from);
    double *values = malloc(count * sizeof *values + 1);
    if (!values)
        return gn_fail(to->context, GN_ERROR_MEMORY, "converting an array: out of host memory");
    gn_status status = gn_array_read(from, values, count);
    if (status == GN_OK)
        status = gn_array_write(to, values, count);
    free(values);
    return status;
}

gn_status gn_array_fill(gn_array *array, double value) {
    return GN_OP(array->context, fill, array->dtype, gn_array_count(array), value, array->data);
}
