/* Contexts: devices by name, messages, notices, memory. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/context.h"
#include "core/size.h"
#include "devices.h"
#include "gnewt/random.h"

Test(context, opens_each_listed_device) {
    size_t count;
    const char *const *names = device_names(&count);
    for (size_t i = 0; i < count; i++) {
        gn_context *context;
        if (gn_context_create(&context, names[i]) == GN_OK) {
            cr_expect_str_eq(gn_context_backend(context), names[i]);
            cr_expect_str_eq(gn_error_message(context), "");
        } else {
            cr_expect(!device_required(names[i]), "%s", gn_error_message(context));
            cr_expect_gt(strlen(gn_error_message(context)), 0);
        }
        gn_context_destroy(context);
    }
}

/* GNEWT_REQUIRE_DEVICES turns a skipped device into a failure, also one that this build does not list. */
Test(context, opens_each_required_device) {
    const char *required = getenv("GNEWT_REQUIRE_DEVICES");
    char *list = strdup(required ? required : ""), *rest = list;
    for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
        gn_context *context;
        if (!*name)
            continue;
        cr_expect_eq(gn_context_create(&context, name), GN_OK, "the required device \"%s\": %s", name,
                     gn_error_message(context));
        gn_context_destroy(context);
    }
    free(list);
}

Test(context, reads_the_list_of_required_devices) {
    setenv("GNEWT_REQUIRE_DEVICES", "cuda,check", 1);
    cr_expect(device_required("cuda"));
    cr_expect(device_required("check"));
    cr_expect(!device_required("cpu"));
    cr_expect(!device_required("cud"));
    unsetenv("GNEWT_REQUIRE_DEVICES");
    cr_expect(!device_required("cuda"));
}

Test(context, auto_takes_what_works) {
    gn_context *context;
    cr_assert_eq(gn_context_create(&context, "auto"), GN_OK);
    const char *backend = gn_context_backend(context);
    cr_expect(strcmp(backend, "cpu") == 0 || strcmp(backend, "cuda") == 0, "auto took \"%s\"", backend);
    gn_context_destroy(context);
}

static void expect_refusal(const char *device, gn_status expected, const char *part) {
    gn_context *context;
    cr_expect_eq(gn_context_create(&context, device), expected);
    cr_assert_not_null(context);
    cr_expect_not_null(strstr(gn_error_message(context), part), "\"%s\" lacks \"%s\"",
                       gn_error_message(context), part);
    cr_expect_str_eq(gn_context_device(context), "");
    cr_expect_str_eq(gn_context_backend(context), "");
    size_t free_bytes, total_bytes;
    cr_expect_eq(gn_context_memory(context, &free_bytes, &total_bytes), GN_ERROR_DEVICE);
    cr_expect_eq(gn_context_synchronize(context), GN_ERROR_DEVICE);
    gn_context_destroy(context);
}

Test(context, refuses_unknown_devices_with_a_reason) {
    expect_refusal("gpu", GN_ERROR_ARGUMENT, "auto, cpu, check");
    expect_refusal("", GN_ERROR_ARGUMENT, "auto, cpu, check");
    expect_refusal("cpu ", GN_ERROR_ARGUMENT, "\"cpu \"");
    expect_refusal("cpu:1", GN_ERROR_ARGUMENT, "takes no number");
    expect_refusal(NULL, GN_ERROR_ARGUMENT, "NULL");
    size_t count;
    const char *const *names = device_names(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], "cuda") == 0)
            return;
    expect_refusal("cuda", GN_ERROR_DEVICE, "this build has no CUDA backend");
    expect_refusal("cuda:1", GN_ERROR_DEVICE, "this build has no CUDA backend");
    expect_refusal("gpu", GN_ERROR_ARGUMENT, "this build has no CUDA backend");
}

Test(context, null_is_harmless) {
    gn_context_destroy(NULL);
    cr_expect_str_eq(gn_error_message(NULL), "");
    cr_expect_eq(gn_context_create(NULL, "cpu"), GN_ERROR_ARGUMENT);
    cr_expect_eq(gn_fail(NULL, GN_ERROR_IO, "nobody reads this"), GN_ERROR_IO);
}

static void keep_notice(void *user, gn_log_level level, const char *text) {
    snprintf(user, 64, "%d %s", (int)level, text);
}

Test(context, hands_notices_to_the_log) {
    char notice[64] = "";
    gn_context *context = device_open("cpu");
    gn_log(context, GN_LOG_INFO, "to nobody");
    gn_context_set_log(context, keep_notice, notice);
    gn_log(context, GN_LOG_WARNING, "took %s", "the other way");
    cr_expect_str_eq(notice, "1 took the other way");
    gn_context_destroy(context);
}

Test(context, counts_memory_and_its_peak) {
    gn_context *context = device_open("cpu");
    gn_array a, b;
    cr_assert_eq(gn_buffer_create(context, &a, GN_FLOAT64, 10, 10, "a"), GN_OK);
    cr_assert_eq(gn_buffer_create(context, &b, GN_FLOAT32, 10, 10, "b"), GN_OK);
    cr_expect_eq(gn_context_allocated(context), 1200);
    gn_buffer_destroy(&a);
    gn_buffer_destroy(&a); /* twice is allowed: it is zeroed */
    cr_expect_eq(gn_context_allocated(context), 400);
    gn_buffer_destroy(&b);
    cr_expect_eq(gn_context_allocated(context), 0);
    cr_expect_eq(gn_context_peak(context), 1200);
    gn_context_destroy(context);
}

Test(context, predicts_what_will_not_fit) {
    gn_context *context = device_open("cpu");
    cr_expect_eq(gn_memory_predict(context, 1024, "a little", NULL), GN_OK);
    cr_expect_eq(gn_memory_predict(context, 1e30, "the Jacobian", "set solver: cg"), GN_ERROR_MEMORY);
    cr_expect_not_null(strstr(gn_error_message(context), "the Jacobian"));
    cr_expect_not_null(strstr(gn_error_message(context), "set solver: cg"), "%s", gn_error_message(context));
    gn_context_destroy(context);
}

Test(status, has_a_text_for_every_code) {
    for (int i = 0; i < GN_STATUS_COUNT; i++)
        cr_expect_gt(strlen(gn_status_text((gn_status)i)), 3);
    cr_expect_str_eq(gn_status_text(GN_STATUS_COUNT), "unknown status");
    cr_expect_str_eq(gn_status_text((gn_status)-1), "unknown status");
}

Test(size, does_not_wrap_around) {
    size_t out = 7;
    cr_expect(gn_size_multiply(3, 5, &out) && out == 15);
    cr_expect(!gn_size_multiply(SIZE_MAX, 2, &out) && out == 15);
    cr_expect(gn_size_add(3, 5, &out) && out == 8);
    cr_expect(!gn_size_add(SIZE_MAX, 1, &out) && out == 8);
}

Test(size, has_units) {
    char text[32];
    cr_expect_str_eq(gn_size_text(0, text), "0 B");
    cr_expect_str_eq(gn_size_text(1023, text), "1023 B");
    cr_expect_str_eq(gn_size_text(1.6 * 1024 * 1024 * 1024, text), "1.6 GiB");
    cr_expect_str_eq(gn_size_text(1e30, text), "867361737988.4 EiB");
}

/* ---- many contexts in many threads ---- */

enum { THREADS = 6, ROUNDS = 20, SIDE = 180 };

/* A product large enough for several threads, and sums, over and over. */
static void *work_alone(void *result) {
    gn_context *context;
    gn_array a, c, slot;
    double total = 0;
    if (gn_context_create(&context, "cpu") != GN_OK)
        return NULL;
    double *host = malloc(SIDE * SIDE * sizeof(double));
    gn_random_uniform(1, GN_STREAM_AUXILIARY, 0, SIDE * SIDE, -1, 1, host);
    gn_buffer_create(context, &a, GN_FLOAT64, SIDE, SIDE, "a");
    gn_buffer_create(context, &c, GN_FLOAT64, SIDE, SIDE, "c");
    gn_buffer_create(context, &slot, GN_FLOAT64, 1, 1, "slot");
    gn_array_write(&a, host, SIDE * SIDE);
    for (int round = 0; round < ROUNDS; round++) {
        double value;
        GN_OP(context, gemm, GN_FLOAT64, false, true, SIDE, SIDE, SIDE, 1, a.data, SIDE, a.data, SIDE, 0,
              c.data, SIDE);
        GN_OP(context, dot, GN_FLOAT64, SIDE * SIDE, c.data, c.data, slot.data);
        gn_slots_read(context, slot.data, 1, &value);
        total += value;
    }
    *(double *)result = total;
    gn_buffer_destroy(&a);
    gn_buffer_destroy(&c);
    gn_buffer_destroy(&slot);
    free(host);
    gn_context_destroy(context);
    return result;
}

Test(context, many_work_side_by_side, .timeout = 120) {
    pthread_t threads[THREADS];
    double results[THREADS], alone;
    cr_assert_not_null(work_alone(&alone));
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work_alone, &results[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *done;
        pthread_join(threads[i], &done);
        cr_assert_not_null(done);
        cr_expect_float_eq(results[i] / alone, 1, 1e-13);
    }
}

/* ---- the cores, shared by several callers ---- */

Test(context, callers_share_the_threads) {
    const int all = gn_cpu_thread_share(1);
    cr_expect_geq(all, 1);
    cr_expect_eq(gn_cpu_thread_share(100000), 1);
    gn_cpu_limit_threads(2);
    cr_expect_eq(gn_cpu_thread_share(1), 2, "what one caller may take is what was set");
    cr_expect_leq(gn_cpu_thread_share(2), 2);
    gn_cpu_limit_threads(1);
    cr_expect_eq(gn_cpu_thread_share(1), 1);
    gn_context *context;
    cr_assert_eq(gn_context_create(&context, "cpu"), GN_OK);
    cr_expect_not_null(strstr(gn_context_device(context), "cpu: 1 thread,"), "%s",
                       gn_context_device(context));
    gn_context_destroy(context);
}
