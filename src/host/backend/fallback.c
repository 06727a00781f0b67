/* What a device failed to do, done by the CPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend_list.h"
#include "backend/context.h"
#include "core/size.h"

/* A decomposition on the host: matrix, values and workspace in one block. */
typedef struct host_eigh {
    gn_backend table; /* the CPU's */
    void *state;
    char message[512];
    char *memory; /* n x n elements, n values, then the workspace */
    size_t matrix_bytes, values_bytes, work_bytes;
} host_eigh;

static gn_status open_host(host_eigh *h) {
    const gn_backend_services services = {.message = h->message, .message_size = sizeof(h->message)};
    const char *missing;
    GN_TRY(gn_backend_cpu(&h->table, &services));
    GN_TRY(gn_backend_complete(&h->table, &missing));
    return gn_backend_open(&h->table, NULL, &services, &h->state);
}

static void close_host(host_eigh *h) {
    if (h->state)
        h->table.close(h->state);
    free(h->memory);
}

static gn_status reserve(host_eigh *h, gn_dtype type, size_t n) {
    const size_t size = gn_dtype_size(type);
    size_t total = SIZE_MAX;
    GN_TRY(h->table.eigh_workspace(h->state, type, n, &h->work_bytes));
    h->matrix_bytes = (n * n * size + 63) / 64 * 64;
    h->values_bytes = (n * size + 63) / 64 * 64;
    if (gn_size_add(h->matrix_bytes + h->values_bytes, h->work_bytes, &total))
        h->memory = aligned_alloc(64, (total + 63) / 64 * 64);
    if (h->memory)
        return GN_OK;
    char text[32];
    snprintf(h->message, sizeof(h->message), "the CPU lacks %s for it", gn_size_text((double)total, text));
    return GN_ERROR_MEMORY;
}

/* Rows, lda apart on the device, n apart here. */
static gn_status fetch(gn_context *context, host_eigh *h, size_t size, size_t n, char *a, size_t lda) {
    if (lda == n)
        return GN_OP(context, download, h->memory, a, n * n * size);
    for (size_t i = 0; i < n; i++)
        GN_TRY(GN_OP(context, download, h->memory + i * n * size, a + i * lda * size, n * size));
    return GN_OK;
}

static gn_status put_back(gn_context *context, const host_eigh *h, size_t size, size_t n, char *a, size_t lda,
                          void *values) {
    GN_TRY(GN_OP(context, upload, values, h->memory + h->matrix_bytes, n * size));
    if (lda == n)
        return GN_OP(context, upload, a, h->memory, n * n * size);
    for (size_t i = 0; i < n; i++)
        GN_TRY(GN_OP(context, upload, a + i * lda * size, h->memory + i * n * size, n * size));
    return GN_OK;
}

static gn_status eigh_on_host(gn_context *context, host_eigh *h, gn_dtype type, size_t n, void *a, size_t lda,
                              void *values) {
    const size_t size = gn_dtype_size(type);
    GN_TRY(open_host(h));
    GN_TRY(reserve(h, type, n));
    GN_TRY(fetch(context, h, size, n, a, lda));
    char *found = h->memory + h->matrix_bytes;
    GN_TRY(h->table.eigh(h->state, type, n, h->memory, n, found, found + h->values_bytes, h->work_bytes));
    return put_back(context, h, size, n, a, lda, values);
}

/* After a device failed: the CPU does it, and the log says why. */
static gn_status recover(gn_context *context, gn_status status, gn_dtype type, size_t n, void *a, size_t lda,
                         void *values) {
    const char *name = context->backend.name;
    if (status != GN_ERROR_NO_CONVERGENCE || strcmp(name, "cpu") == 0 || strcmp(name, "check") == 0)
        return status;
    char reason[sizeof(context->message)];
    memcpy(reason, context->message, sizeof(reason));
    host_eigh host = {.state = NULL};
    const gn_status again = eigh_on_host(context, &host, type, n, a, lda, values);
    if (again == GN_OK) {
        gn_log(context, GN_LOG_WARNING, "%s; the CPU did this one", reason);
        context->message[0] = '\0';
    } else if (host.message[0]) {
        gn_fail(context, again, "%.500s; on the CPU: %s", reason, host.message);
    }
    close_host(&host);
    return again;
}

gn_status gn_eigh(gn_context *context, gn_dtype type, size_t n, void *a, size_t lda, void *values, void *work,
                  size_t bytes) {
    const gn_status status = GN_OP(context, eigh, type, n, a, lda, values, work, bytes);
    return recover(context, status, type, n, a, lda, values);
}

gn_status gn_eigenvalues(gn_context *context, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                         void *work, size_t bytes) {
    const gn_status status = GN_OP(context, eigenvalues, type, n, a, lda, values, work, bytes);
    return recover(context, status, type, n, a, lda, values);
}
