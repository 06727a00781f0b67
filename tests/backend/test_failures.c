/* What the entries answer to what cannot be done. */
#include <math.h>
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

enum { N = 40 };

/* The identity with `value` as its last diagonal element. */
static gn_array spoiled_identity(gn_context *context, gn_dtype dtype, double value) {
    gn_array a;
    double host[N * N] = {0};
    for (size_t i = 0; i < N; i++)
        host[i * N + i] = i + 1 == N ? value : 1;
    cr_assert_eq(gn_buffer_create(context, &a, dtype, N, N, "a"), GN_OK);
    cr_assert_eq(gn_array_write(&a, host, N * N), GN_OK);
    return a;
}

static gn_array workspace(gn_context *context, size_t bytes) {
    gn_array work;
    cr_assert_eq(gn_buffer_create(context, &work, GN_FLOAT64, 1, bytes / 8 + 1, "work"), GN_OK);
    return work;
}

ParameterizedTestParameters(failures, cholesky_of_an_indefinite_matrix) {
    return parameters();
}

ParameterizedTest(device_type *on, failures, cholesky_of_an_indefinite_matrix) {
    gn_context *context = device_open(on->device);
    static const double pivots[] = {0, -1, NAN};
    for (int i = 0; i < 3; i++) {
        size_t bytes;
        gn_array a = spoiled_identity(context, on->dtype, pivots[i]);
        cr_assert_eq(GN_OP(context, cholesky_workspace, on->dtype, N, &bytes), GN_OK);
        gn_array work = workspace(context, bytes);
        const gn_status status = GN_OP(context, cholesky, on->dtype, N, a.data, N, work.data, bytes);
        cr_expect_eq(status, GN_ERROR_NOT_POSITIVE_DEFINITE, "pivot %g: %s", pivots[i],
                     gn_status_text(status));
        cr_expect_gt(strlen(gn_error_message(context)), 0);
        gn_buffer_destroy(&a);
        gn_buffer_destroy(&work);
    }
    gn_context_destroy(context);
}

ParameterizedTestParameters(failures, eigh_of_what_is_not_finite) {
    return parameters();
}

ParameterizedTest(device_type *on, failures, eigh_of_what_is_not_finite) {
    gn_context *context = device_open(on->device);
    static const double bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        size_t bytes;
        gn_array a = spoiled_identity(context, on->dtype, bad[i]), values;
        cr_assert_eq(GN_OP(context, eigh_workspace, on->dtype, N, &bytes), GN_OK);
        cr_assert_eq(gn_buffer_create(context, &values, on->dtype, 1, N, "values"), GN_OK);
        gn_array work = workspace(context, bytes);
        const gn_status status = GN_OP(context, eigh, on->dtype, N, a.data, N, values.data, work.data, bytes);
        cr_expect_eq(status, GN_ERROR_NO_CONVERGENCE, "%g: %s", bad[i], gn_status_text(status));
        cr_expect_gt(strlen(gn_error_message(context)), 0);
        gn_buffer_destroy(&a);
        gn_buffer_destroy(&values);
        gn_buffer_destroy(&work);
    }
    gn_context_destroy(context);
}

ParameterizedTestParameters(failures, allocation_larger_than_memory) {
    return parameters();
}

ParameterizedTest(device_type *on, failures, allocation_larger_than_memory) {
    gn_context *context = device_open(on->device);
    gn_array buffer;
    cr_expect_eq(gn_buffer_create(context, &buffer, on->dtype, (size_t)1 << 30, 1 << 20, "the Gram matrix"),
                 GN_ERROR_MEMORY);
    cr_expect_not_null(strstr(gn_error_message(context), "the Gram matrix"), "%s", gn_error_message(context));
    cr_expect_not_null(strstr(gn_error_message(context), "PiB"), "%s", gn_error_message(context));
    cr_expect_null(buffer.data);
    cr_expect_eq(gn_buffer_create(context, &buffer, on->dtype, (size_t)1 << 40, (size_t)1 << 40, "b"),
                 GN_ERROR_MEMORY, "a size that does not fit a size_t");
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

ParameterizedTestParameters(failures, unknown_activation) {
    return parameters();
}

ParameterizedTest(device_type *on, failures, unknown_activation) {
    gn_context *context = device_open(on->device);
    gn_array x;
    cr_assert_eq(gn_buffer_create(context, &x, on->dtype, 1, 4, "x"), GN_OK);
    cr_expect_eq(GN_OP(context, activation, on->dtype, GN_ACTIVATION_COUNT, 4, x.data, x.data, NULL),
                 GN_ERROR_ARGUMENT);
    gn_buffer_destroy(&x);
    gn_context_destroy(context);
}
