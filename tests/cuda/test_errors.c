/* What the CUDA backend answers when something fails. The host shim makes it fail; a GPU would not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/program.h"
#include "devices.h"
#include "host_cuda_control.h"
#include "mlp_case.h"

static void expect_nothing_left(void) {
    cr_expect_eq(host_cuda_list_live_objects(), 0);
    cr_expect_eq(host_cuda_violations(), 0, "%s", host_cuda_last_violation());
}

/* ---- opening ---- */

static void expect_refusal(const char *device, gn_status expected, const char *part) {
    gn_context *context;
    cr_expect_eq(gn_context_create(&context, device), expected, "%s: %s", device, gn_error_message(context));
    cr_expect_not_null(strstr(gn_error_message(context), part), "%s: \"%s\" lacks \"%s\"", device,
                       gn_error_message(context), part);
    gn_context_destroy(context);
    expect_nothing_left();
}

/* "auto" takes the CPU, and still says why. */
static void expect_way_out(const char *part) {
    gn_context *context;
    OK(NULL, gn_context_create(&context, "auto"));
    cr_expect_str_eq(gn_context_backend(context), "cpu");
    cr_expect_not_null(strstr(gn_error_message(context), part), "%s", gn_error_message(context));
    gn_context_destroy(context);
}

Test(cuda_errors, no_device) {
    host_cuda_set_devices(0);
    expect_refusal("cuda", GN_ERROR_DEVICE, "no CUDA-capable device");
    expect_refusal("cuda", GN_ERROR_DEVICE, "CUDA_VISIBLE_DEVICES");
    expect_way_out("no CUDA-capable device");
}

Test(cuda_errors, a_driver_that_is_too_old) {
    host_cuda_set_driver_version(12020);
    expect_refusal("cuda", GN_ERROR_DEVICE,
                   "too old: it serves CUDA 12.2, gnewt was built with 13.0 (code 35)");
    expect_way_out("code 35");
}

Test(cuda_errors, a_device_that_is_too_old) {
    host_cuda_set_compute_capability(7, 5);
    expect_refusal("cuda", GN_ERROR_DEVICE, "compute capability 7.5");
    host_cuda_set_compute_capability(8, 0);
    gn_context_destroy(device_open("cuda"));
    expect_nothing_left();
}

Test(cuda_errors, numbers_of_devices) {
    host_cuda_set_devices(2);
    expect_refusal("cuda:2", GN_ERROR_DEVICE, "this host shows 2");
    expect_refusal("cuda:99999999999", GN_ERROR_DEVICE, "no such device");
    expect_refusal("cuda:x", GN_ERROR_ARGUMENT, "\"x\" is not a device's number");
    expect_refusal("cuda:", GN_ERROR_ARGUMENT, "is not a device's number");
    expect_refusal("cuda:-1", GN_ERROR_ARGUMENT, "is not a device's number");
    expect_refusal("cuda:1 ", GN_ERROR_ARGUMENT, "is not a device's number");
    gn_context *context = device_open("cuda:1");
    cr_expect_eq(strncmp(gn_context_device(context), "cuda:1: ", 8), 0, "%s", gn_context_device(context));
    gn_context_destroy(context);
    expect_nothing_left();
}

/* Each call that opening makes fails once, in each of these ways. */
Test(cuda_errors, opening_fails_anywhere_and_leaves_nothing, .timeout = 120) {
    static const int codes[] = {2, 46, 999, 719};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        for (unsigned long nth = 1;; nth++) {
            gn_context *context;
            host_cuda_reset();
            host_cuda_inject(NULL, nth, codes[i]);
            const gn_status status = gn_context_create(&context, "cuda");
            const bool delivered = host_cuda_injected() != 0;
            if (status != GN_OK)
                cr_expect_gt(strlen(gn_error_message(context)), 10, "code %d, call %lu", codes[i], nth);
            gn_context_destroy(context);
            cr_expect_eq(host_cuda_list_live_objects(), 0, "code %d, call %lu", codes[i], nth);
            if (!delivered || nth > 200) {
                cr_expect(nth > 20 && nth <= 200, "opening made %lu calls", nth);
                break;
            }
        }
    host_cuda_reset();
}

/* ---- working ---- */

enum { N = 12 };

typedef struct work {
    gn_array a, b, values, space, slots;
    size_t bytes;
} work;

static gn_status work_make(gn_context *context, work *w) {
    size_t other;
    *w = (work){.bytes = 0};
    GN_TRY(gn_buffer_create(context, &w->a, GN_FLOAT64, N, N, "a"));
    GN_TRY(gn_buffer_create(context, &w->b, GN_FLOAT64, N, N, "b"));
    GN_TRY(gn_buffer_create(context, &w->values, GN_FLOAT64, N, 1, "values"));
    GN_TRY(GN_OP(context, eigh_workspace, GN_FLOAT64, N, &w->bytes));
    GN_TRY(GN_OP(context, cholesky_workspace, GN_FLOAT64, N, &other));
    w->bytes = w->bytes > other ? w->bytes : other;
    GN_TRY(gn_buffer_create(context, &w->space, GN_FLOAT64, w->bytes / 8 + 1, 1, "space"));
    return gn_buffer_create(context, &w->slots, GN_FLOAT64, 4, 1, "slots");
}

static void work_destroy(work *w) {
    gn_array *buffers[] = {&w->a, &w->b, &w->values, &w->space, &w->slots};
    for (size_t i = 0; i < 5; i++)
        gn_buffer_destroy(buffers[i]);
}

/* 2 + i on the diagonal, 1 / (1 + i + j) elsewhere */
static gn_status write_matrix(work *w) {
    double host[N * N];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            host[i * N + j] = i == j ? 2.0 + (double)i : 1.0 / (double)(1 + i + j);
    return gn_array_write(&w->a, host, N * N);
}

typedef struct program_work {
    gn_context *context;
    work *w;
} program_work;

static gn_status small_body(void *user) {
    const program_work *p = user;
    GN_TRY(GN_OP(p->context, dot, GN_FLOAT64, N, p->w->b.data, p->w->b.data, p->w->slots.data));
    return GN_OP(p->context, axpby, GN_FLOAT64, N * N, 1, p->w->a.data, 0.5, p->w->b.data);
}

static gn_status run_program(gn_context *context, work *w) {
    program_work p = {context, w};
    const gn_program_loop loop = {.flag = w->slots.data, .most = (double *)w->slots.data + 1};
    gn_program *program;
    gn_status status = GN_OK;
    GN_TRY(gn_program_create(context, small_body, &p, &loop, &program));
    for (int i = 0; i < 3 && status == GN_OK; i++)
        status = gn_program_run(program);
    gn_program_destroy(program);
    return status;
}

/* A little of everything. */
static gn_status work_do(gn_context *context, work *w, double *result) {
    const double slots[4] = {1, 3, 0, 0};
    GN_TRY(write_matrix(w));
    GN_TRY(gn_array_write(&w->slots, slots, 4));
    GN_TRY(GN_OP(context, gemm, GN_FLOAT64, false, true, N, N, N, 1, w->a.data, N, w->a.data, N, 0, w->b.data,
                 N));
    GN_TRY(run_program(context, w));
    GN_TRY(GN_OP(context, cholesky, GN_FLOAT64, N, w->b.data, N, w->space.data, w->bytes));
    GN_TRY(GN_OP(context, cholesky_solve, GN_FLOAT64, N, w->b.data, N, 1, w->a.data));
    GN_TRY(write_matrix(w));
    GN_TRY(gn_eigh(context, GN_FLOAT64, N, w->a.data, N, w->values.data, w->space.data, w->bytes));
    GN_TRY(gn_array_read(&w->values, result, N));
    return gn_context_synchronize(context);
}

static gn_status work_once(const char *device, double *result, gn_context **context) {
    work w = {.bytes = 0};
    gn_status status = gn_context_create(context, device);
    if (status != GN_OK)
        return status;
    status = work_make(*context, &w);
    if (status == GN_OK)
        status = work_do(*context, &w, result);
    work_destroy(&w);
    cr_expect_eq(gn_context_allocated(*context), 0);
    return status;
}

/* Each call fails once. Where the work is done all the same (by another way), its result is right. */
Test(cuda_errors, work_fails_anywhere_and_leaves_nothing, .timeout = 300) {
    static const int codes[] = {2, 719};
    double expected[N], found[N];
    gn_context *context;
    OK(context, work_once("cuda", expected, &context));
    gn_context_destroy(context);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        for (unsigned long nth = 1;; nth++) {
            host_cuda_reset();
            host_cuda_inject(NULL, nth, codes[i]);
            const gn_status status = work_once("cuda", found, &context);
            const bool delivered = host_cuda_injected() != 0;
            if (status != GN_OK)
                cr_expect_gt(strlen(gn_error_message(context)), 10, "code %d, call %lu: %s", codes[i], nth,
                             gn_status_text(status));
            else
                for (size_t j = 0; j < N; j++)
                    cr_expect_float_eq(found[j], expected[j], 1e-12, "code %d, call %lu", codes[i], nth);
            gn_context_destroy(context);
            cr_expect_eq(host_cuda_list_live_objects(), 0, "code %d, call %lu", codes[i], nth);
            cr_expect_eq(host_cuda_violations(), 0, "code %d, call %lu: %s", codes[i], nth,
                         host_cuda_last_violation());
            if (!delivered || nth > 2000) {
                cr_expect(nth > 80 && nth <= 2000, "the work made %lu calls", nth);
                break;
            }
        }
    host_cuda_reset();
}

Test(cuda_errors, out_of_memory_names_sizes) {
    gn_array buffer;
    host_cuda_set_memory((size_t)256 << 20);
    gn_context *context = device_open("cuda");
    cr_expect_eq(gn_buffer_create(context, &buffer, GN_FLOAT64, 1 << 10, 1 << 20, "the Jacobian"),
                 GN_ERROR_MEMORY);
    cr_expect_not_null(strstr(gn_error_message(context), "the Jacobian: 8.0 GiB asked for"), "%s",
                       gn_error_message(context));
    cr_expect_not_null(strstr(gn_error_message(context), "of 256.0 MiB free"), "%s",
                       gn_error_message(context));
    void *pointer;
    cr_expect_eq(GN_OP(context, allocate, (size_t)1 << 30, &pointer), GN_ERROR_MEMORY);
    cr_expect_not_null(strstr(gn_error_message(context), "1.0 GiB asked for"), "%s",
                       gn_error_message(context));
    OK(context, gn_buffer_create(context, &buffer, GN_FLOAT64, 1, 1, "it goes on"));
    gn_buffer_destroy(&buffer);
    gn_context_destroy(context);
    expect_nothing_left();
}

/* A fault of a kernel shows when somebody waits; then everything says so, and all can be freed. */
Test(cuda_errors, a_fault_stays) {
    gn_context *context = device_open("cuda");
    gn_array x;
    double value;
    OK(context, gn_buffer_create(context, &x, GN_FLOAT64, 1, 1, "x"));
    OK(context, gn_array_fill(&x, 1));
    host_cuda_inject("cudaStreamSynchronize", 1, 700);
    cr_expect_eq(gn_array_read(&x, &value, 1), GN_ERROR_DEVICE);
    cr_expect_not_null(strstr(gn_error_message(context), "an illegal memory access"), "%s",
                       gn_error_message(context));
    cr_expect_not_null(strstr(gn_error_message(context), "start it again"), "%s", gn_error_message(context));
    cr_expect_eq(gn_array_fill(&x, 1), GN_ERROR_DEVICE);
    cr_expect_not_null(strstr(gn_error_message(context), "failed before"), "%s", gn_error_message(context));
    cr_expect_not_null(strstr(gn_error_message(context), "an illegal memory access"), "%s",
                       gn_error_message(context));
    cr_expect_eq(gn_context_synchronize(context), GN_ERROR_DEVICE);
    gn_buffer_destroy(&x);
    gn_context_destroy(context);
    expect_nothing_left();
}

Test(cuda_errors, a_launch_that_is_refused_does_not_stay) {
    gn_context *context = device_open("cuda");
    gn_array x;
    double value = 0;
    OK(context, gn_buffer_create(context, &x, GN_FLOAT64, 1, 1, "x"));
    host_cuda_inject("LAUNCH", 1, 9);
    cr_expect_eq(gn_array_fill(&x, 1), GN_ERROR_DEVICE);
    cr_expect_not_null(strstr(gn_error_message(context), "fill: invalid configuration argument"), "%s",
                       gn_error_message(context));
    OK(context, gn_array_fill(&x, 2));
    OK(context, gn_array_read(&x, &value, 1));
    cr_expect_eq(value, 2);
    gn_buffer_destroy(&x);
    gn_context_destroy(context);
    expect_nothing_left();
}

/* ---- ways out ---- */

static void keep_notice(void *user, gn_log_level level, const char *text) {
    snprintf(user, 512, "%d %s", (int)level, text);
}

/* cuSOLVER fails: the CPU does it, from the matrix as it was. */
static void expect_cpu_eigh(int code, size_t lda) {
    char notice[512] = "";
    gn_context *context = device_open("cuda");
    work w;
    double found[N], host[N * N];
    OK(context, work_make(context, &w));
    gn_context_set_log(context, keep_notice, notice);
    OK(context, write_matrix(&w));
    host_cuda_inject("cusolverDnXsyevd", 1, code);
    OK(context, gn_eigh(context, GN_FLOAT64, lda, w.a.data, N, w.values.data, w.space.data, w.bytes));
    cr_expect(host_cuda_injected());
    cr_expect_not_null(strstr(notice, "cuSOLVER says"), "%s", notice);
    cr_expect_not_null(strstr(notice, "the CPU did this one"), "%s", notice);
    cr_expect_str_eq(gn_error_message(context), "");
    OK(context, gn_array_read(&w.values, found, N));
    OK(context, gn_array_read(&w.a, host, N * N));
    OK(context, write_matrix(&w));
    notice[0] = '\0';
    OK(context, gn_eigh(context, GN_FLOAT64, lda, w.a.data, N, w.values.data, w.space.data, w.bytes));
    cr_expect_str_eq(notice, "");
    double again[N];
    OK(context, gn_array_read(&w.values, again, N));
    for (size_t i = 0; i < lda; i++)
        cr_expect_float_eq(found[i], again[i], 1e-12);
    work_destroy(&w);
    gn_context_destroy(context);
    expect_nothing_left();
}

Test(cuda_errors, eigh_goes_to_the_cpu) {
    expect_cpu_eigh(0, N);
    expect_cpu_eigh(6, N - 3); /* rows further apart than long */
}

/* A Gauss-Newton step whose eigendecomposition fails on the device is the same step. */
Test(cuda_errors, a_step_survives_a_failing_eigh) {
    const mlp_case shape = {.widths = {2, 5, 1}, .activation = "tanh", .samples = 9};
    const gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON);
    double *theta[2];
    for (int failing = 0; failing < 2; failing++) {
        char notice[512] = "";
        gn_optimizer *optimizer;
        mlp_fixture f = mlp_setup("cuda", GN_FLOAT64, &shape);
        gn_context_set_log(f.context, keep_notice, notice);
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        if (failing)
            host_cuda_inject("cusolverDnXsyevd", 1, 6);
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
        cr_expect_eq(strstr(notice, "the CPU did this one") != NULL, failing, "%s", notice);
        theta[failing] = host_values(f.theta);
        if (failing)
            cr_expect_lt(relative_difference(f.p, theta[1], theta[0]), 1e-9);
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
    free(theta[0]);
    free(theta[1]);
    expect_nothing_left();
}

Test(cuda_errors, eigh_of_nan_fails_on_both) {
    char notice[512] = "";
    gn_context *context = device_open("cuda");
    work w;
    OK(context, work_make(context, &w));
    gn_context_set_log(context, keep_notice, notice);
    OK(context, gn_array_fill(&w.a, NAN));
    cr_expect_eq(gn_eigh(context, GN_FLOAT64, N, w.a.data, N, w.values.data, w.space.data, w.bytes),
                 GN_ERROR_NO_CONVERGENCE);
    cr_expect_not_null(strstr(gn_error_message(context), "not finite"), "%s", gn_error_message(context));
    cr_expect_str_eq(notice, "");
    work_destroy(&w);
    gn_context_destroy(context);
    expect_nothing_left();
}

/* Recording fails at any of its calls: the program runs by calls, and says why. */
Test(cuda_errors, recording_fails_and_calls_go_on) {
    static const char *const calls[] = {"cudaGraphCreate",      "cudaGraphConditionalHandleCreate",
                                        "cudaGraphGetNodes",    "cudaStreamBeginCaptureToGraph",
                                        "cudaStreamEndCapture", "cudaGraphAddNode",
                                        "cudaGraphInstantiate"};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        char notice[512] = "";
        gn_context *context = device_open("cuda");
        work w;
        const double slots[4] = {1, 3, 0, 0};
        double first, second;
        gn_context_set_log(context, keep_notice, notice);
        OK(context, work_make(context, &w));
        for (int round = 0; round < 2; round++) {
            OK(context, write_matrix(&w));
            OK(context, gn_array_fill(&w.b, 1));
            OK(context, gn_array_write(&w.slots, slots, 4));
            if (round == 1)
                host_cuda_inject(calls[i], 1, 801);
            OK(context, run_program(context, &w));
            OK(context, gn_slots_read(context, w.b.data, 1, round ? &second : &first));
        }
        cr_expect(host_cuda_injected(), "%s", calls[i]);
        cr_expect_eq(first, second, "%s", calls[i]);
        cr_expect_not_null(strstr(notice, "operation not supported"), "%s: %s", calls[i], notice);
        work_destroy(&w);
        gn_context_destroy(context);
        expect_nothing_left();
    }
}

/* ---- staging ---- */

/* More small uploads than the ring holds, each from memory that is overwritten at once. */
Test(cuda_staging, uploads_may_reuse_their_memory) {
    enum { COUNT = 40, LENGTH = 9000 };
    gn_context *context = device_open("cuda");
    gn_array x;
    double *host = malloc(LENGTH * sizeof(*host)), *all = malloc(COUNT * LENGTH * sizeof(*all));
    OK(context, gn_buffer_create(context, &x, GN_FLOAT64, COUNT, LENGTH, "x"));
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < LENGTH; j++)
            host[j] = (double)(i * LENGTH + j);
        OK(context, GN_OP(context, upload, (double *)x.data + i * LENGTH, host, LENGTH * sizeof(*host)));
    }
    OK(context, gn_array_read(&x, all, COUNT * LENGTH)); /* larger than what is staged */
    for (size_t i = 0; i < COUNT * LENGTH; i++)
        cr_assert_eq(all[i], (double)i);
    gn_buffer_destroy(&x);
    gn_context_destroy(context);
    free(host);
    free(all);
    expect_nothing_left();
}
