/* arrays: training and test data from an HDF5 file. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "problem/dataset.h"
#include "problem/hdf5_array.h"

enum { INPUTS, TARGETS, TEST_INPUTS, TEST_TARGETS, ARRAY_COUNT };

typedef struct sources {
    gn_hdf5_file file;
    gn_hdf5_array arrays[ARRAY_COUNT]; /* id < 0: not asked for */
} sources;

/* What is learned of an array while it is read. */
typedef struct reading {
    const gn_hdf5_array *array;
    gn_dtype dtype;
    bool one_hot;             /* every row so far is a single 1 among zeros */
    bool even;                /* one column, evenly spaced and ascending so far */
    double previous, spacing; /* of that column */
} reading;

/* "" says the same as NULL: not asked for. */
static bool given(const char *name) {
    return name && name[0];
}

/* ---- shapes ---- */

static gn_status expect_same(const sources *s, int a, int b, bool rows) {
    const gn_hdf5_array *x = &s->arrays[a], *y = &s->arrays[b];
    if (rows ? x->rows == y->rows : x->columns == y->columns)
        return GN_OK;
    return gn_fail(s->file.context, GN_ERROR_FORMAT,
                   "%s: array %s is %zu x %zu and array %s is %zu x %zu; they must have as many %s",
                   s->file.path, x->name, x->rows, x->columns, y->name, y->rows, y->columns,
                   rows ? "rows (samples)" : "columns");
}

static gn_status expect_shapes(const sources *s, bool test) {
    GN_TRY(expect_same(s, INPUTS, TARGETS, true));
    if (!test)
        return GN_OK;
    GN_TRY(expect_same(s, TEST_INPUTS, TEST_TARGETS, true));
    GN_TRY(expect_same(s, INPUTS, TEST_INPUTS, false));
    return expect_same(s, TARGETS, TEST_TARGETS, false);
}

/* ---- values ---- */

static gn_status fail_value(const reading *r, size_t row, size_t column, double value, const char *why) {
    const gn_hdf5_file *file = r->array->file;
    if (r->array->rank == 1)
        return gn_fail(file->context, GN_ERROR_FORMAT, "%s: array %s holds %g at index [%zu]; %s", file->path,
                       r->array->name, value, row, why);
    return gn_fail(file->context, GN_ERROR_FORMAT, "%s: array %s holds %g at index [%zu, %zu]; %s",
                   file->path, r->array->name, value, row, column, why);
}

static gn_status expect_row(const reading *r, size_t row, const double *values) {
    for (size_t j = 0; j < r->array->columns; j++) {
        if (!isfinite(values[j]))
            return fail_value(r, row, j, values[j], "data must be finite");
        if (r->dtype == GN_FLOAT32 && fabs(values[j]) > (double)FLT_MAX)
            return fail_value(r, row, j, values[j], "that does not fit float32: scale it or take float64");
    }
    return GN_OK;
}

static bool is_one_hot(const double *values, size_t columns) {
    size_t ones = 0;
    for (size_t j = 0; j < columns; j++) {
        if (values[j] != 0 && values[j] != 1)
            return false;
        ones += values[j] == 1;
    }
    return columns > 1 && ones == 1;
}

/* Whether `value` of row `row` goes on with an even spacing; a thousandth of it forgives float32 files. */
static bool is_even(reading *r, size_t row, double value) {
    const double gap = value - r->previous;
    if (row == 1)
        r->spacing = gap;
    r->previous = value;
    return row == 0 || (r->spacing > 0 && fabs(gap - r->spacing) <= 1e-3 * r->spacing);
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    reading *r = user;
    const size_t columns = r->array->columns;
    GN_TRY(gn_hdf5_array_read(r->array, first, rows, values));
    for (size_t i = 0; i < rows; i++) {
        const double *row = values + i * columns;
        GN_TRY(expect_row(r, first + i, row));
        r->one_hot = r->one_hot && is_one_hot(row, columns);
        r->even = r->even && columns == 1 && is_even(r, first + i, row[0]);
    }
    return GN_OK;
}

static gn_status fill(const sources *s, gn_dtype dtype, gn_dataset *dataset) {
    gn_array *const to[ARRAY_COUNT] = {dataset->inputs, dataset->targets, dataset->test_inputs,
                                       dataset->test_targets};
    reading readings[ARRAY_COUNT];
    for (int i = 0; i < ARRAY_COUNT; i++) {
        readings[i] = (reading){.array = &s->arrays[i], .dtype = dtype, .one_hot = true, .even = true};
        if (to[i])
            GN_TRY(gn_dataset_fill(to[i], make_rows, &readings[i]));
    }
    dataset->labels = readings[TARGETS].one_hot && readings[TEST_TARGETS].one_hot;
    if (readings[INPUTS].even && s->arrays[INPUTS].rows > 1) {
        dataset->grid_rank = 1;
        dataset->grid[0] = s->arrays[INPUTS].rows;
    }
    return GN_OK;
}

/* ---- the whole ---- */

static gn_status open_sources(gn_context *context, const gn_arrays_options *options, sources *s) {
    const char *const names[ARRAY_COUNT] = {options->inputs, options->targets, options->test_inputs,
                                            options->test_targets};
    GN_TRY(gn_hdf5_file_open(context, options->file, &s->file));
    for (int i = 0; i < ARRAY_COUNT; i++)
        if (given(names[i]))
            GN_TRY(gn_hdf5_array_open(&s->file, names[i], &s->arrays[i]));
    return expect_shapes(s, given(options->test_inputs));
}

static gn_status load(gn_context *context, gn_dtype dtype, const gn_arrays_options *options, sources *s,
                      gn_dataset *dataset) {
    GN_TRY(open_sources(context, options, s));
    const gn_dataset_shape shape = {.samples = s->arrays[INPUTS].rows,
                                    .test_samples = s->arrays[TEST_INPUTS].rows,
                                    .features = s->arrays[INPUTS].columns,
                                    .outputs = s->arrays[TARGETS].columns};
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, options->file, dataset));
    gn_status status = fill(s, dtype, dataset);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}

static gn_status check(gn_context *context, const gn_arrays_options *options) {
    const char *absent = !given(options->file)      ? "file"
                         : !given(options->inputs)  ? "inputs"
                         : !given(options->targets) ? "targets"
                                                    : NULL;
    const bool test_inputs = given(options->test_inputs);
    if (absent)
        return gn_fail(context, GN_ERROR_ARGUMENT, "arrays: %s is not given", absent);
    if (test_inputs != given(options->test_targets))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "arrays: %s is given without %s; give both for a test set, or neither",
                       test_inputs ? "test_inputs" : "test_targets",
                       test_inputs ? "test_targets" : "test_inputs");
    return GN_OK;
}

gn_status gn_dataset_arrays(gn_context *context, gn_dtype dtype, const gn_arrays_options *options,
                            gn_dataset *dataset) {
    memset(dataset, 0, sizeof(*dataset));
    GN_HDF5;
    GN_TRY(check(context, options));
    sources s = {.file.id = -1, .arrays = {{.id = -1}, {.id = -1}, {.id = -1}, {.id = -1}}};
    gn_status status = load(context, dtype, options, &s, dataset);
    for (int i = 0; i < ARRAY_COUNT; i++)
        gn_hdf5_array_close(&s.arrays[i]);
    gn_hdf5_file_close(&s.file);
    return status;
}
