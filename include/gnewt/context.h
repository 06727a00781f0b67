/* The context: one device, its memory and its last error. Everything else hangs off one.
 * A context and its objects are used by one thread at a time; many contexts may share a process. */
#ifndef GNEWT_CONTEXT_H
#define GNEWT_CONTEXT_H

#include <stddef.h>

#include "gnewt/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gn_context gn_context;

typedef enum gn_dtype { GN_FLOAT32, GN_FLOAT64 } gn_dtype;

/* Bytes of one element: 4 or 8. */
size_t gn_dtype_size(gn_dtype dtype);
/* "float32" or "float64". */
const char *gn_dtype_name(gn_dtype dtype);

typedef enum gn_log_level { GN_LOG_INFO, GN_LOG_WARNING } gn_log_level;
typedef void (*gn_log_function)(void *user, gn_log_level level, const char *text);

/* Opens `device`: "auto" (a GPU where one works, else the CPU), "cpu", "cuda", "cuda:K", or "check"
 * (the CPU with new and dead memory poisoned and bounds watched). On failure *context is still set when
 * memory allowed it, so that gn_error_message() can say why; destroy it all the same. Errors: ARGUMENT (no
 * such device name; the message lists those built in), DEVICE, MEMORY. */
gn_status gn_context_create(gn_context **context, const char *device);
/* Destroys the context; NULL is allowed. Objects made from it must be gone before. */
void gn_context_destroy(gn_context *context);

/* What failed last, with values and advice; "" if nothing did. Owned by the context, valid until the next
 * call. */
const char *gn_error_message(const gn_context *context);
/* The device in words ("cpu: 2 threads, OpenBLAS 0.3.21 SkylakeX"). Owned by the context. */
const char *gn_context_device(const gn_context *context);
/* The backend's name: "cpu", "check" or "cuda". */
const char *gn_context_backend(const gn_context *context);
/* Free and total memory of the device, bytes. */
gn_status gn_context_memory(gn_context *context, size_t *free_bytes, size_t *total_bytes);
/* Bytes now held by this context's objects, and the most they ever were. */
size_t gn_context_allocated(const gn_context *context);
size_t gn_context_peak(const gn_context *context);
/* Where notices go (a fallback taken, a retry); the library itself never prints. NULL: nowhere. */
void gn_context_set_log(gn_context *context, gn_log_function log, void *user);
/* Waits until all work given to the device is done. */
gn_status gn_context_synchronize(gn_context *context);

#ifdef __cplusplus
}
#endif
#endif
