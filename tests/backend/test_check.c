/* The check backend finds what is planted. */
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/context.h"
#include "devices.h"

static gn_array planted(gn_context *context, size_t count) {
    gn_array buffer;
    cr_assert_eq(gn_buffer_create(context, &buffer, GN_FLOAT64, 1, count, "a buffer"), GN_OK);
    return buffer;
}

static void expect_overrun(gn_context *context, gn_status status, const char *part) {
    cr_expect_eq(status, GN_ERROR_DEVICE);
    cr_expect_not_null(strstr(gn_error_message(context), part), "\"%s\" lacks \"%s\"",
                       gn_error_message(context), part);
}

Test(check, new_memory_is_nan) {
    gn_context *context = device_open("check");
    gn_array buffer = planted(context, 3);
    double values[3];
    cr_assert_eq(gn_array_read(&buffer, values, 3), GN_OK);
    for (int i = 0; i < 3; i++)
        cr_expect(isnan(values[i]));
    gn_buffer_destroy(&buffer);
    gn_context_destroy(context);
}

Test(check, finds_a_write_after_the_end) {
    gn_context *context = device_open("check");
    gn_array first = planted(context, 2), second = planted(context, 5);
    cr_expect_eq(gn_context_synchronize(context), GN_OK);
    ((double *)second.data)[6] = 1;
    expect_overrun(context, gn_context_synchronize(context), "allocation 2 (40 bytes)");
    expect_overrun(context, gn_context_synchronize(context), "8 bytes after its end");
    double value;
    expect_overrun(context, gn_slots_read(context, first.data, 1, &value), "allocation 2");
    gn_buffer_destroy(&second);
    expect_overrun(context, gn_context_synchronize(context), "freed since"); /* not forgotten */
    gn_buffer_destroy(&first);
    gn_context_destroy(context);
}

Test(check, finds_a_write_before_the_start) {
    gn_context *context = device_open("check");
    gn_array buffer = planted(context, 5);
    ((double *)buffer.data)[-1] = NAN; /* NaN over NaN is seen as well */
    expect_overrun(context, GN_OP(context, release, buffer.data), "1 bytes before its start");
    gn_context_destroy(context);
}

Test(check, finds_an_overrun_by_an_entry) {
    gn_context *context = device_open("check");
    gn_array buffer = planted(context, 5);
    cr_assert_eq(GN_OP(context, fill, GN_FLOAT64, 7, 1.0, buffer.data), GN_OK); /* 7 into 5 */
    expect_overrun(context, gn_context_synchronize(context), "0 bytes after its end");
    gn_buffer_destroy(&buffer);
    gn_context_destroy(context);
}

Test(check, finds_what_was_released_twice) {
    gn_context *context = device_open("check");
    gn_array buffer = planted(context, 5);
    void *pointer = buffer.data;
    gn_buffer_destroy(&buffer);
    expect_overrun(context, GN_OP(context, release, pointer), "released twice");
    cr_expect_eq(GN_OP(context, release, NULL), GN_OK);
    gn_context_destroy(context);
}

/* A context that goes with memory still held frees it: the leak is the owner's, not the backend's. */
Test(check, frees_what_is_left) {
    gn_context *context = device_open("check");
    (void)planted(context, 100);
    gn_context_destroy(context);
}

/* The lower part of a Gram tile is written; the rest, which callers must not read, is NaN. */
Test(check, poisons_what_an_entry_leaves_undefined) {
    gn_context *context = device_open("check");
    gn_array s = planted(context, 9), g = planted(context, 9), k = planted(context, 9);
    double values[9];
    cr_assert_eq(gn_array_fill(&s, 2), GN_OK);
    cr_assert_eq(gn_array_fill(&g, 3), GN_OK);
    cr_assert_eq(gn_array_fill(&k, 7), GN_OK);
    cr_assert_eq(
        GN_OP(context, gram_hadamard, GN_FLOAT64, 3, 3, 1, 1, s.data, 3, g.data, 3, 1, 0, true, k.data, 3),
        GN_OK);
    cr_assert_eq(gn_array_read(&k, values, 9), GN_OK);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            cr_expect(j > i ? isnan(values[3 * i + j]) : values[3 * i + j] == 8);
    gn_buffer_destroy(&s);
    gn_buffer_destroy(&g);
    gn_buffer_destroy(&k);
    gn_context_destroy(context);
}
