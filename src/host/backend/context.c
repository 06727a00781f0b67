/* The context: choosing a device by name, errors, notices and the account of memory. */
#include "backend/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend_list.h"
#include "core/size.h"

typedef gn_status (*table_function)(gn_backend *table, const gn_backend_services *services);

typedef struct device_kind {
    const char *name;
    table_function table; /* NULL: not built in */
} device_kind;

static const device_kind device_kinds[] = {
#define DEVICE_KIND(name, function) {name, function},
    GN_BACKEND_LIST(DEVICE_KIND)
#undef DEVICE_KIND
};

enum { DEVICE_KIND_COUNT = sizeof(device_kinds) / sizeof(device_kinds[0]) };

/* What "auto" tries, best first. */
static const char *const automatic_order[] = {"cuda", "cpu"};

/* ---- messages ---- */

gn_status gn_fail(gn_context *context, gn_status status, const char *format, ...) {
    if (context) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(context->message, sizeof(context->message), format, arguments);
        va_end(arguments);
    }
    return status;
}

void gn_log(gn_context *context, gn_log_level level, const char *format, ...) {
    if (!context || !context->log)
        return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    context->log(context->log_user, level, text);
}

void gn_context_set_log(gn_context *context, gn_log_function log, void *user) {
    context->log = log;
    context->log_user = user;
}

const char *gn_error_message(const gn_context *context) {
    return context ? context->message : "";
}

/* ---- opening ---- */

/* The built-in kind whose name is the `length` characters at `name`; NULL where there is none. */
static const device_kind *find_kind(const char *name, size_t length) {
    for (size_t i = 0; i < DEVICE_KIND_COUNT; i++)
        if (device_kinds[i].table && strlen(device_kinds[i].name) == length &&
            memcmp(device_kinds[i].name, name, length) == 0)
            return &device_kinds[i];
    return NULL;
}

/* "auto, cpu, check" into text. */
static const char *known_devices(char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "auto");
    for (size_t i = 0; i < DEVICE_KIND_COUNT && used < size; i++)
        if (device_kinds[i].table)
            used += (size_t)snprintf(text + used, size - used, ", %s", device_kinds[i].name);
    return text;
}

/* Why `device` names nothing that is built in. */
static gn_status fail_unknown(gn_context *context, const char *device, size_t length) {
    char known[256];
    known_devices(known, sizeof(known));
    if (length == 4 && memcmp(device, "cuda", 4) == 0)
        return gn_fail(context, GN_ERROR_DEVICE, "device \"%s\": this build has no CUDA backend; it has %s",
                       device, known);
    return gn_fail(context, GN_ERROR_ARGUMENT, "there is no device \"%s\"; this build has %s%s", device,
                   known, find_kind("cuda", 4) ? "" : " (no \"cuda\": this build has no CUDA backend)");
}

/* A backend's notice, on its way to the context's log. */
static void log_of_backend(void *context, gn_log_level level, const char *text) {
    gn_log(context, level, "%s", text);
}

/* Opens the table, and looks how much room there is. */
static gn_status open_state(gn_context *context, const char *device, const gn_backend_services *services) {
    size_t total;
    GN_TRY(gn_backend_open(&context->backend, device, services, &context->state));
    const gn_status status = GN_OP(context, memory, &context->room, &total);
    if (status != GN_OK)
        context->backend.close(context->state);
    return status;
}

static gn_status open_kind(gn_context *context, const device_kind *kind, const char *device) {
    const gn_backend_services services = {.message = context->message,
                                          .message_size = sizeof(context->message),
                                          .log = log_of_backend,
                                          .log_user = context};
    gn_backend *table = &context->backend;
    const char *missing;
    context->message[0] = '\0';
    memset(table, 0, sizeof(*table));
    gn_status status = kind->table(table, &services);
    if (status == GN_OK && gn_backend_complete(table, &missing) != GN_OK)
        return gn_fail(context, GN_ERROR_UNSUPPORTED, "the backend \"%s\" does not fit this build: \"%s\" %s",
                       kind->name, missing, "is missing or differs");
    if (status == GN_OK)
        status = open_state(context, device, &services);
    if (status != GN_OK && !context->message[0])
        gn_fail(context, status, "device \"%s\": %s", kind->name, gn_status_text(status));
    return status;
}

/* Where a GPU was tried in vain and the CPU taken, the message still says why. */
static gn_status open_automatic(gn_context *context) {
    gn_status status = GN_ERROR_DEVICE;
    char reason[sizeof(context->message)] = "";
    for (size_t i = 0; i < sizeof(automatic_order) / sizeof(automatic_order[0]); i++) {
        const device_kind *kind = find_kind(automatic_order[i], strlen(automatic_order[i]));
        if (!kind)
            continue;
        status = open_kind(context, kind, NULL);
        if (status == GN_OK) {
            memcpy(context->message, reason, sizeof(reason));
            return GN_OK;
        }
        memcpy(reason, context->message, sizeof(reason));
    }
    return status;
}

static gn_status open_named(gn_context *context, const char *device) {
    const char *colon = strchr(device, ':');
    size_t length = colon ? (size_t)(colon - device) : strlen(device);
    const device_kind *kind = find_kind(device, length);
    if (!kind)
        return fail_unknown(context, device, length);
    return open_kind(context, kind, colon ? colon + 1 : NULL);
}

gn_status gn_context_create(gn_context **context, const char *device) {
    if (!context)
        return GN_ERROR_ARGUMENT;
    gn_context *created = calloc(1, sizeof(*created));
    *context = created;
    if (!created)
        return GN_ERROR_MEMORY;
    gn_status status;
    if (!device)
        status =
            gn_fail(created, GN_ERROR_ARGUMENT, "the device name is NULL; \"auto\" takes the best there is");
    else if (strcmp(device, "auto") == 0)
        status = open_automatic(created);
    else
        status = open_named(created, device);
    if (status != GN_OK) { /* the context stays, for its message alone */
        memset(&created->backend, 0, sizeof(created->backend));
        created->state = NULL;
    }
    return status;
}

void gn_context_destroy(gn_context *context) {
    if (!context)
        return;
    if (context->state)
        context->backend.close(context->state);
    free(context);
}

/* ---- the device ---- */

static gn_status expect_open(gn_context *context) {
    return context->state ? GN_OK : gn_fail(context, GN_ERROR_DEVICE, "the context has no device");
}

const char *gn_context_device(const gn_context *context) {
    return context->state ? context->backend.describe(context->state) : "";
}

const char *gn_context_backend(const gn_context *context) {
    return context->state ? context->backend.name : "";
}

gn_status gn_context_synchronize(gn_context *context) {
    GN_TRY(expect_open(context));
    return context->backend.synchronize(context->state);
}

/* ---- memory ---- */

/* What is allocated but not yet written still counts as free with the host's kernel, so what the context
 * holds is taken from what was free at first. */
gn_status gn_context_memory(gn_context *context, size_t *free_bytes, size_t *total_bytes) {
    *free_bytes = *total_bytes = 0;
    GN_TRY(expect_open(context));
    GN_TRY(GN_OP(context, memory, free_bytes, total_bytes));
    const size_t left = context->room > context->allocated ? context->room - context->allocated : 0;
    if (left < *free_bytes)
        *free_bytes = left;
    return GN_OK;
}

size_t gn_context_allocated(const gn_context *context) {
    return context->allocated;
}

size_t gn_context_peak(const gn_context *context) {
    return context->peak;
}

/* MEMORY: `what` needs `bytes`; `advice` may be NULL. */
static gn_status fail_memory(gn_context *context, double bytes, const char *what, const char *advice) {
    char asked[32], available[32], total[32];
    size_t free_bytes = 0, total_bytes = 0;
    (void)gn_context_memory(context, &free_bytes, &total_bytes); /* 0 where even that fails */
    return gn_fail(context, GN_ERROR_MEMORY, "%s: %s asked for, %s of %s free on \"%s\"%s%s", what,
                   gn_size_text(bytes, asked), gn_size_text((double)free_bytes, available),
                   gn_size_text((double)total_bytes, total), context->backend.name, advice ? "; " : "",
                   advice ? advice : "");
}

gn_status gn_memory_predict(gn_context *context, double bytes, const char *what, const char *advice) {
    size_t free_bytes, total_bytes;
    GN_TRY(gn_context_memory(context, &free_bytes, &total_bytes));
    return bytes > (double)free_bytes ? fail_memory(context, bytes, what, advice) : GN_OK;
}

/* From here on free memory is looked at first: the host's kernel promises more than it has, and would later
 * kill the process that touches it. Below, asking would cost more than it tells. */
static const double promise_limit = 64.0 * 1024 * 1024;

gn_status gn_buffer_create(gn_context *context, gn_array *buffer, gn_dtype dtype, size_t rows, size_t columns,
                           const char *what) {
    const double wanted = (double)rows * (double)columns * (double)gn_dtype_size(dtype);
    size_t bytes;
    memset(buffer, 0, sizeof(*buffer));
    GN_TRY(expect_open(context));
    if (!gn_size_multiply(rows, columns, &bytes) || !gn_size_multiply(bytes, gn_dtype_size(dtype), &bytes))
        return fail_memory(context, wanted, what, NULL);
    if (wanted > promise_limit)
        GN_TRY(gn_memory_predict(context, wanted, what, NULL));
    void *data;
    gn_status status = GN_OP(context, allocate, bytes, &data);
    if (status == GN_ERROR_MEMORY)
        return fail_memory(context, wanted, what, NULL);
    GN_TRY(status);
    *buffer = gn_array_view(context, dtype, rows, columns, data);
    context->allocated += bytes;
    if (context->allocated > context->peak)
        context->peak = context->allocated;
    return GN_OK;
}

void gn_buffer_destroy(gn_array *buffer) {
    if (buffer->data) {
        gn_context *context = buffer->context;
        context->allocated -= gn_array_count(buffer) * gn_dtype_size(buffer->dtype);
        (void)GN_OP(context, release, buffer->data); /* a failure stays in the message */
    }
    memset(buffer, 0, sizeof(*buffer));
}

gn_status gn_slots_read(gn_context *context, const double *slots, size_t count, double *values) {
    return GN_OP(context, download, values, slots, count * sizeof(double));
}
