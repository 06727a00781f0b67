/* Cases of the device and memory entries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "op_case.h"

static void prepare_nothing(op_run *run) {
    (void)run;
}

static void expect_nothing(op_run *run) {
    (void)run;
}

/* A second state of the same backend lives beside the first. */
static gn_status call_open_close(op_run *run) {
    char message[256] = "";
    const gn_backend_services services = {.message = message, .message_size = sizeof(message)};
    const gn_backend *table = &run->context->backend;
    void *state;
    GN_TRY(gn_backend_open(table, NULL, &services, &state));
    cr_assert_neq(state, run->context->state);
    cr_assert_eq(((gn_backend_state *)state)->table, table);
    table->close(state);
    return GN_OK;
}

static gn_status call_describe(op_run *run) {
    const char *text = run->context->backend.describe(run->context->state);
    cr_assert_gt(strlen(text), 5);
    cr_assert_str_eq(gn_context_device(run->context), text);
    return GN_OK;
}

static gn_status call_memory(op_run *run) {
    size_t free_bytes = 0, total_bytes = 0;
    GN_TRY(GN_OP(run->context, memory, &free_bytes, &total_bytes));
    cr_assert_gt(free_bytes, (size_t)1 << 20);
    cr_assert_leq(free_bytes, total_bytes);
    return GN_OK;
}

static gn_status call_synchronize(op_run *run) {
    return run->context->backend.synchronize(run->context->state);
}

static gn_status call_allocate_release(op_run *run) {
    void *pointer = NULL;
    GN_TRY(GN_OP(run->context, allocate, run->c->n, &pointer));
    cr_assert_not_null(pointer);
    cr_assert_eq((uintptr_t)pointer % 64, 0);
    GN_TRY(GN_OP(run->context, zero, pointer, run->c->n));
    return GN_OP(run->context, release, pointer);
}

/* ---- copies: operand 0 to operand 1 by way of the host, on the device, or nothing but zeros ---- */

static void prepare_copy(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_output(run, 1, run->c->n, 0);
}

static size_t copied_bytes(const op_run *run) {
    return run->c->n * gn_dtype_size(run->dtype);
}

static gn_status call_transfer(op_run *run) {
    const size_t bytes = copied_bytes(run);
    void *host = malloc(bytes + 1);
    gn_status status = GN_OP(run->context, download, host, device_pointer(run, 0), bytes);
    if (status == GN_OK)
        status = GN_OP(run->context, upload, device_pointer(run, 1), host, bytes);
    memset(host, 0xFF, bytes); /* it may be reused at once */
    free(host);
    return status;
}

static gn_status call_copy(op_run *run) {
    return GN_OP(run->context, copy, device_pointer(run, 1), device_pointer(run, 0), copied_bytes(run));
}

static void expect_copy(op_run *run) {
    memcpy(run->x[1].host, run->x[0].host, run->c->n * sizeof(double));
}

static gn_status call_zero(op_run *run) {
    return GN_OP(run->context, zero, device_pointer(run, 1), copied_bytes(run));
}

static void expect_zero(op_run *run) {
    memset(run->x[1].host, 0, run->c->n * sizeof(double));
}

static const op_family families[] = {
    {"open", prepare_nothing, call_open_close, expect_nothing, false},
    {"close", prepare_nothing, call_open_close, expect_nothing, false},
    {"describe", prepare_nothing, call_describe, expect_nothing, false},
    {"memory", prepare_nothing, call_memory, expect_nothing, false},
    {"synchronize", prepare_nothing, call_synchronize, expect_nothing, false},
    {"allocate", prepare_nothing, call_allocate_release, expect_nothing, false},
    {"release", prepare_nothing, call_allocate_release, expect_nothing, false},
    {"upload", prepare_copy, call_transfer, expect_copy, false},
    {"download", prepare_copy, call_transfer, expect_copy, false},
    {"copy", prepare_copy, call_copy, expect_copy, false},
    {"zero", prepare_copy, call_zero, expect_zero, false},
};

void add_device_cases(case_list *list) {
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (size_t i = 0; i < AWKWARD; i++)
            add_case(list, (op_case){.family = &families[f], .n = awkward[i]});
}
