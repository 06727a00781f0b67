/* arrays: what is read from an HDF5 file, and what each defect of a file is answered with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "problem_test.h"

typedef struct arrays_fixture {
    gn_context *context;
    char folder[256];
    char *path;
    hid_t file;
    gn_arrays_options options;
    gn_dataset dataset;
} arrays_fixture;

static const double six[6] = {1, 2, 3, 4, 5, 6.5};

/* An open file; load() closes it. */
static arrays_fixture start(void) {
    arrays_fixture f = {.context = device_open("check")};
    scratch_create(f.folder, sizeof(f.folder));
    f.path = path_in(f.folder, "data.h5");
    f.file = H5Fcreate(f.path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(f.file, 0);
    f.options = (gn_arrays_options){.file = f.path, .inputs = "/x", .targets = "/y"};
    return f;
}

static void put(arrays_fixture *f, const char *name, hsize_t rows, hsize_t columns, const double *values) {
    write_array(f->file, name, columns > 0 ? 2 : 1, (hsize_t[]){rows, columns}, H5T_NATIVE_DOUBLE, values);
}

static gn_status load_as(arrays_fixture *f, gn_dtype dtype) {
    if (f->file >= 0)
        H5Fclose(f->file);
    f->file = -1;
    return gn_dataset_arrays(f->context, dtype, &f->options, &f->dataset);
}

static gn_status load(arrays_fixture *f) {
    return load_as(f, GN_FLOAT64);
}

static void finish(arrays_fixture *f) {
    gn_dataset_destroy(&f->dataset);
    expect_empty(f->context, &f->dataset);
    gn_context_destroy(f->context);
    free(f->path);
    scratch_remove(f->folder);
}

/* The whole of a case: the file is ready, loading fails so. */
static void refuse(arrays_fixture *f, gn_status status, const char *part) {
    FAILS(f->context, status, part, load(f));
    expect_empty(f->context, &f->dataset);
    finish(f);
}

static void expect_values(const gn_array *array, size_t rows, size_t columns, const double *wanted) {
    cr_assert_not_null(array);
    cr_assert_eq(gn_array_rank(array), 2);
    cr_assert_eq(gn_array_length(array, 0), rows);
    cr_assert_eq(gn_array_length(array, 1), columns);
    double *values = host_values(array);
    for (size_t i = 0; i < rows * columns; i++)
        cr_assert_eq(values[i], wanted[i]);
    free(values);
}

/* ---- what is read ---- */

Test(arrays, values_come_back_as_they_were_stored) {
    arrays_fixture f = start();
    put(&f, "/x", 3, 2, six);
    put(&f, "/y", 3, 0, six);
    put(&f, "/test/x", 1, 2, six);
    put(&f, "/test/y", 1, 1, six);
    f.options.test_inputs = "/test/x";
    f.options.test_targets = "/test/y";
    OK(f.context, load(&f));
    expect_values(f.dataset.inputs, 3, 2, six);
    expect_values(f.dataset.targets, 3, 1, six);
    expect_values(f.dataset.test_inputs, 1, 2, six);
    expect_values(f.dataset.test_targets, 1, 1, six);
    cr_assert_eq(f.dataset.grid_rank, 0);
    cr_assert_not(f.dataset.labels);
    finish(&f);
}

Test(arrays, any_numeric_type_will_do) {
    arrays_fixture f = start();
    write_array(f.file, "/x", 2, (hsize_t[]){2, 2}, H5T_NATIVE_UCHAR, (unsigned char[]){0, 255, 3, 4});
    write_array(f.file, "/y", 1, (hsize_t[]){2}, H5T_NATIVE_FLOAT, (float[]){-1.5f, 0.25f});
    f.options.test_inputs = f.options.test_targets = ""; /* the same as none */
    OK(f.context, load_as(&f, GN_FLOAT32));
    expect_values(f.dataset.inputs, 2, 2, (double[]){0, 255, 3, 4});
    expect_values(f.dataset.targets, 2, 1, (double[]){-1.5, 0.25});
    cr_assert_null(f.dataset.test_inputs);
    cr_assert_eq(gn_array_dtype(f.dataset.inputs), GN_FLOAT32);
    finish(&f);
}

Test(arrays, a_file_of_many_pieces_is_read_whole) {
    enum { ROWS = 150001, COLUMNS = 3 };
    arrays_fixture f = start();
    double *x = random_values(1, (size_t)ROWS * COLUMNS), *y = random_values(2, ROWS);
    put(&f, "/x", ROWS, COLUMNS, x);
    put(&f, "/y", ROWS, 0, y);
    OK(f.context, load(&f));
    expect_values(f.dataset.inputs, ROWS, COLUMNS, x);
    expect_values(f.dataset.targets, ROWS, 1, y);
    free(x);
    free(y);
    finish(&f);
}

Test(arrays, one_hot_targets_are_labels) {
    static const double rows[3][6] = {{0, 1, 1, 0, 0, 1}, {0, 1, 1, 1, 0, 1}, {0, 1, 0, 0, 0, 1}};
    for (int i = 0; i < 3; i++) {
        arrays_fixture f = start();
        put(&f, "/x", 3, 0, six);
        put(&f, "/y", 3, 2, rows[i]);
        OK(f.context, load(&f));
        cr_assert_eq(f.dataset.labels, i == 0, "case %d", i);
        finish(&f);
    }
}

Test(arrays, evenly_spaced_inputs_are_a_grid) {
    static const struct {
        double x[4];
        int rank;
    } cases[] = {{{-1, -0.5, 0, 0.5}, 1}, {{0, 1, 2, 4}, 0}, {{3, 2, 1, 0}, 0}, {{1, 1, 1, 1}, 0}};
    for (int i = 0; i < 4; i++) {
        arrays_fixture f = start();
        put(&f, "/x", 4, 1, cases[i].x);
        put(&f, "/y", 4, 0, six);
        OK(f.context, load(&f));
        cr_assert_eq(f.dataset.grid_rank, cases[i].rank, "case %d", i);
        cr_assert_eq(f.dataset.grid[0], cases[i].rank ? 4u : 0u);
        finish(&f);
    }
}

Test(arrays, a_grid_stored_in_float32_is_still_one) {
    arrays_fixture f = start();
    float x[1000], y[1000] = {0};
    for (int i = 0; i < 1000; i++)
        x[i] = (float)(-1 + 2 * i / 1000.0);
    write_array(f.file, "/x", 1, (hsize_t[]){1000}, H5T_NATIVE_FLOAT, x);
    write_array(f.file, "/y", 1, (hsize_t[]){1000}, H5T_NATIVE_FLOAT, y);
    OK(f.context, load(&f));
    cr_assert_eq(f.dataset.grid_rank, 1);
    finish(&f);
}

/* ---- defects ---- */

Test(arrays, a_missing_file_is_named) {
    arrays_fixture f = start();
    f.options.file = "/no/such/folder/data.h5";
    refuse(&f, GN_ERROR_IO, "/no/such/folder/data.h5: No such file");
}

Test(arrays, a_folder_is_no_file) {
    arrays_fixture f = start();
    f.options.file = f.folder;
    refuse(&f, GN_ERROR_IO, "is a folder");
}

Test(arrays, other_formats_are_told_apart) {
    arrays_fixture f = start();
    H5Fclose(f.file);
    f.file = -1;
    write_bytes(f.path, "x,y\n1,2\n", 8, false);
    refuse(&f, GN_ERROR_FORMAT, "is not an HDF5 file");
}

Test(arrays, a_truncated_file_is_told) {
    arrays_fixture f = start();
    double *x = random_values(1, 10000);
    put(&f, "/x", 10000, 1, x);
    put(&f, "/y", 10000, 1, x);
    free(x);
    H5Fclose(f.file);
    f.file = -1;
    cr_assert_eq(truncate(f.path, 4000), 0);
    refuse(&f, GN_ERROR_FORMAT, "truncated");
}

Test(arrays, an_absent_array_is_answered_with_those_there_are) {
    arrays_fixture f = start();
    put(&f, "/x", 3, 2, six);
    put(&f, "/deep/er/targets", 3, 0, six);
    refuse(&f, GN_ERROR_FORMAT, "holds no array /y; it holds /deep/er/targets, /x");
}

Test(arrays, a_file_of_very_many_arrays_is_listed_in_part) {
    arrays_fixture f = start();
    for (int i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof(name), "/array-number-%03d", i);
        put(&f, name, 3, 0, six);
    }
    refuse(&f, GN_ERROR_FORMAT, ", ...");
}

Test(arrays, an_empty_file_is_told) {
    arrays_fixture f = start();
    refuse(&f, GN_ERROR_FORMAT, "holds no array at all");
}

Test(arrays, ranks_other_than_1_and_2_are_refused) {
    arrays_fixture f = start();
    write_array(f.file, "/x", 3, (hsize_t[]){1, 2, 3}, H5T_NATIVE_DOUBLE, six);
    put(&f, "/y", 1, 0, six);
    refuse(&f, GN_ERROR_FORMAT, "array /x has rank 3");
    f = start();
    write_array(f.file, "/x", 0, NULL, H5T_NATIVE_DOUBLE, six);
    refuse(&f, GN_ERROR_FORMAT, "array /x has rank 0");
}

Test(arrays, text_is_refused) {
    arrays_fixture f = start();
    hid_t text = H5Tcopy(H5T_C_S1);
    write_array(f.file, "/x", 1, (hsize_t[]){3}, text, "abc");
    H5Tclose(text);
    refuse(&f, GN_ERROR_FORMAT, "does not hold numbers");
}

Test(arrays, an_empty_array_is_refused) {
    arrays_fixture f = start();
    put(&f, "/x", 0, 2, NULL);
    put(&f, "/y", 0, 1, NULL);
    refuse(&f, GN_ERROR_FORMAT, "array /x is empty (0 x 2)");
}

Test(arrays, counts_that_differ_are_refused) {
    arrays_fixture f = start();
    put(&f, "/x", 3, 2, six);
    put(&f, "/y", 2, 1, six);
    refuse(&f, GN_ERROR_FORMAT, "array /x is 3 x 2 and array /y is 2 x 1; they must have as many rows");
}

Test(arrays, test_arrays_must_fit_the_training_arrays) {
    static const struct {
        hsize_t x[2], y[2];
        const char *part;
    } cases[] = {{{2, 2}, {3, 1}, "array /tx is 2 x 2 and array /ty is 3 x 1"},
                 {{2, 3}, {2, 1}, "array /x is 3 x 2 and array /tx is 2 x 3; they must have as many columns"},
                 {{2, 2}, {2, 2}, "array /y is 3 x 1 and array /ty is 2 x 2"}};
    for (int i = 0; i < 3; i++) {
        arrays_fixture f = start();
        put(&f, "/x", 3, 2, six);
        put(&f, "/y", 3, 1, six);
        put(&f, "/tx", cases[i].x[0], cases[i].x[1], six);
        put(&f, "/ty", cases[i].y[0], cases[i].y[1], six);
        f.options.test_inputs = "/tx";
        f.options.test_targets = "/ty";
        refuse(&f, GN_ERROR_FORMAT, cases[i].part);
    }
}

Test(arrays, names_must_be_given_in_full) {
    arrays_fixture f = start();
    f.options.test_inputs = "/tx";
    refuse(&f, GN_ERROR_ARGUMENT, "test_inputs is given without test_targets");
    f = start();
    f.options.test_targets = "/ty";
    refuse(&f, GN_ERROR_ARGUMENT, "test_targets is given without test_inputs");
    f = start();
    f.options.targets = NULL;
    refuse(&f, GN_ERROR_ARGUMENT, "targets is not given");
    f = start();
    f.options.file = "";
    refuse(&f, GN_ERROR_ARGUMENT, "file is not given");
}

Test(arrays, values_that_are_not_finite_are_found) {
    static const struct {
        double value;
        size_t place;
        const char *part;
    } cases[] = {{NAN, 3, "array /x holds nan at index [1, 1]"},
                 {INFINITY, 4, "array /x holds inf at index [2, 0]"},
                 {-INFINITY, 0, "array /x holds -inf at index [0, 0]"}};
    for (int i = 0; i < 3; i++) {
        double values[6];
        memcpy(values, six, sizeof(values));
        values[cases[i].place] = cases[i].value;
        values[5] = NAN; /* a later one is not the first */
        arrays_fixture f = start();
        put(&f, "/x", 3, 2, values);
        put(&f, "/y", 3, 0, six);
        refuse(&f, GN_ERROR_FORMAT, cases[i].part);
    }
    arrays_fixture f = start();
    put(&f, "/x", 3, 2, six);
    put(&f, "/y", 3, 0, (double[]){1, 2, NAN});
    refuse(&f, GN_ERROR_FORMAT, "array /y holds nan at index [2]");
}

Test(arrays, values_too_large_for_float32_are_found) {
    arrays_fixture f = start();
    put(&f, "/x", 2, 0, (double[]){1, 1e300});
    put(&f, "/y", 2, 0, six);
    FAILS(f.context, GN_ERROR_FORMAT, "does not fit float32", load_as(&f, GN_FLOAT32));
    expect_empty(f.context, &f.dataset);
    OK(f.context, load(&f));
    finish(&f);
}

Test(arrays, an_array_beyond_memory_is_refused) {
    arrays_fixture f = start();
    const hsize_t rows = (hsize_t)1 << 40;
    /* chunked: nothing of it is on the disk */
    hid_t space = H5Screate_simple(1, &rows, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, (hsize_t[]){1024});
    for (int i = 0; i < 2; i++)
        H5Dclose(
            H5Dcreate2(f.file, i ? "/x" : "/y", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    H5Sclose(space);
    refuse(&f, GN_ERROR_MEMORY, "16.0 TiB");
}

static herr_t count_errors(hid_t stack, void *user) {
    (void)stack;
    ++*(int *)user;
    return 0;
}

Test(arrays, the_caller_keeps_its_hdf5_error_handler_and_it_is_not_called) {
    arrays_fixture f = start();
    int calls = 0;
    H5E_auto2_t function;
    void *data;
    H5Eset_auto2(H5E_DEFAULT, count_errors, &calls);
    FAILS(f.context, GN_ERROR_FORMAT, "holds no array", load(&f));
    cr_assert_eq(calls, 0);
    H5Eget_auto2(H5E_DEFAULT, &function, &data);
    cr_assert(function == count_errors && data == &calls);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    finish(&f);
}
