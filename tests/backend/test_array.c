/* Arrays: shapes, conversion, expectations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "backend/context.h"
#include "devices.h"

static struct criterion_test_params parameters(void) {
    size_t count;
    device_type *list = device_types(&count);
    return cr_make_param_array(device_type, list, count);
}

ParameterizedTestParameters(array, knows_its_shape) {
    return parameters();
}

ParameterizedTest(device_type *on, array, knows_its_shape) {
    gn_context *context = device_open(on->device);
    const size_t shape[4] = {2, 3, 5, 7};
    size_t expected = 1;
    for (int rank = 0; rank <= 4; rank++) {
        gn_array *array;
        cr_assert_eq(gn_array_create(context, on->dtype, rank, shape, &array), GN_OK);
        cr_expect_eq(gn_array_rank(array), rank);
        cr_expect_eq(gn_array_count(array), expected);
        cr_expect_eq(gn_array_dtype(array), on->dtype);
        for (int axis = 0; axis < 4; axis++)
            cr_expect_eq(gn_array_length(array, axis), axis < rank ? shape[axis] : 1);
        cr_expect_eq(gn_context_allocated(context), expected * gn_dtype_size(on->dtype));
        gn_array_destroy(array);
        expected *= rank < 4 ? shape[rank] : 1;
    }
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_array_destroy(NULL);
    gn_context_destroy(context);
}

ParameterizedTestParameters(array, refuses_impossible_shapes) {
    return parameters();
}

ParameterizedTest(device_type *on, array, refuses_impossible_shapes) {
    gn_context *context = device_open(on->device);
    const size_t shape[4] = {SIZE_MAX, 2, 1, 1};
    gn_array *array;
    cr_expect_eq(gn_array_create(context, on->dtype, -1, shape, &array), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_array_create(context, on->dtype, 5, shape, &array), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_array_create(context, (gn_dtype)7, 1, shape, &array), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_array_create(context, on->dtype, 2, shape, &array), GN_ERROR_MEMORY);
    cr_expect_null(array);
    gn_context_destroy(context);
}

ParameterizedTestParameters(array, converts_in_and_out) {
    return parameters();
}

/* More elements than are converted at a time. */
ParameterizedTest(device_type *on, array, converts_in_and_out) {
    gn_context *context = device_open(on->device);
    static const size_t counts[] = {0, 1, 1000, 100001};
    for (int c = 0; c < 4; c++) {
        const size_t count = counts[c];
        double *values = malloc((count + 1) * sizeof(double)), *back = malloc((count + 1) * sizeof(double));
        gn_array *array, *copy;
        for (size_t i = 0; i < count; i++)
            values[i] = 1.0 / (double)(i + 3);
        cr_assert_eq(gn_array_create(context, on->dtype, 1, &count, &array), GN_OK);
        cr_assert_eq(gn_array_create(context, on->dtype, 1, &count, &copy), GN_OK);
        cr_assert_eq(gn_array_write(array, values, count), GN_OK);
        cr_assert_eq(gn_array_copy(copy, array), GN_OK);
        cr_assert_eq(gn_array_read(copy, back, count), GN_OK);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(back[i], on->dtype == GN_FLOAT32 ? (double)(float)values[i] : values[i]);
        cr_assert_eq(gn_array_fill(array, 0.25), GN_OK);
        cr_assert_eq(gn_array_read(array, back, count), GN_OK);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(back[i], 0.25);
        cr_expect_eq(gn_array_write(array, values, count + 1), GN_ERROR_SHAPE);
        cr_expect_eq(gn_array_read(array, values, count + 1), GN_ERROR_SHAPE);
        gn_array_destroy(array);
        gn_array_destroy(copy);
        free(values);
        free(back);
    }
    gn_context_destroy(context);
}

static void expect_shape_error(gn_context *context, gn_status status, const char *part) {
    cr_expect_eq(status, GN_ERROR_SHAPE);
    cr_expect_not_null(strstr(gn_error_message(context), part), "\"%s\" lacks \"%s\"",
                       gn_error_message(context), part);
}

Test(array, says_what_it_expected) {
    gn_context *context = device_open("cpu"), *other = device_open("cpu");
    double memory[6] = {0};
    const gn_array view = gn_array_view(context, GN_FLOAT64, 2, 3, memory);
    cr_expect_eq(gn_array_expect(context, &view, GN_FLOAT64, 6, "theta"), GN_OK);
    expect_shape_error(context, gn_array_expect(context, &view, GN_FLOAT64, 5, "theta"),
                       "theta has 6 elements");
    expect_shape_error(context, gn_array_expect(context, &view, GN_FLOAT32, 6, "theta"), "float32");
    expect_shape_error(context, gn_array_expect(context, NULL, GN_FLOAT64, 6, "theta"), "theta is NULL");
    expect_shape_error(other, gn_array_expect(other, &view, GN_FLOAT64, 6, "theta"), "another context");
    gn_context_destroy(context);
    gn_context_destroy(other);
}

Test(array, copies_only_between_equals) {
    gn_context *context = device_open("cpu");
    const size_t four = 4, five = 5;
    gn_array *a, *b, *c;
    cr_assert_eq(gn_array_create(context, GN_FLOAT64, 1, &four, &a), GN_OK);
    cr_assert_eq(gn_array_create(context, GN_FLOAT64, 1, &five, &b), GN_OK);
    cr_assert_eq(gn_array_create(context, GN_FLOAT32, 1, &four, &c), GN_OK);
    cr_expect_eq(gn_array_copy(a, b), GN_ERROR_SHAPE);
    cr_expect_eq(gn_array_copy(a, c), GN_ERROR_SHAPE);
    gn_array_destroy(a);
    gn_array_destroy(b);
    gn_array_destroy(c);
    gn_context_destroy(context);
}

Test(array, knows_its_types) {
    cr_expect_eq(gn_dtype_size(GN_FLOAT32), 4);
    cr_expect_eq(gn_dtype_size(GN_FLOAT64), 8);
    cr_expect_str_eq(gn_dtype_name(GN_FLOAT32), "float32");
    cr_expect_str_eq(gn_dtype_name(GN_FLOAT64), "float64");
}
