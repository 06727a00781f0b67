/* The inside of a context and of an array; how errors, notices and memory pass through the context. */
#ifndef GN_BACKEND_CONTEXT_H
#define GN_BACKEND_CONTEXT_H

#include "backend/backend.h"
#include "core/status.h"
#include "gnewt/array.h"

struct gn_context {
    gn_backend backend; /* complete: no entry is NULL */
    void *state;
    char message[1024];
    gn_log_function log;
    void *log_user;
    size_t allocated, peak; /* bytes */
    size_t room;            /* free when the context was opened, bytes */
};

struct gn_array {
    gn_context *context;
    gn_dtype dtype;
    int rank;
    size_t shape[GN_MAX_RANK];
    void *data;
};

/* Calls a table entry of context `c`: GN_OP(c, fill, dtype, n, 0.0, x). */
#define GN_OP(c, entry, ...) ((c)->backend.entry((c)->state, __VA_ARGS__))

/* Writes the message and returns status. `context` may be NULL. */
gn_status gn_fail(gn_context *context, gn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Hands a notice to the log function. */
void gn_log(gn_context *context, gn_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes *buffer (a struct its owner holds; zeroed before) a rows x columns matrix (rank 2) in device memory,
 * counted by the context. MEMORY names `what`, the size asked for and what is free.
 * uint32_t data (indices) live in a GN_FLOAT32 buffer: same size, never read as floats. */
gn_status gn_buffer_create(gn_context *context, gn_array *buffer, gn_dtype dtype, size_t rows, size_t columns,
                           const char *what);
/* Frees its memory and zeroes the struct; a zeroed struct is allowed. */
void gn_buffer_destroy(gn_array *buffer);
/* MEMORY, naming `what`, the size and `advice`, where `bytes` (given as double: it may exceed size_t) is more
 * than what is free. */
gn_status gn_memory_predict(gn_context *context, double bytes, const char *what, const char *advice);

/* Reads `count` device doubles. */
gn_status gn_slots_read(gn_context *context, const double *slots, size_t count, double *values);

/* The table's eigh; where a device fails at it (NO_CONVERGENCE), the CPU does it, and the log says why. */
gn_status gn_eigh(gn_context *context, gn_dtype type, size_t n, void *a, size_t lda, void *values, void *work,
                  size_t bytes);
/* The table's eigenvalues, the same. */
gn_status gn_eigenvalues(gn_context *context, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                         void *work, size_t bytes);

/* An array over memory that somebody else owns; for passing parts of a buffer on. */
gn_array gn_array_view(gn_context *context, gn_dtype dtype, size_t rows, size_t columns, void *data);
/* Rows first ... first + rows of an array of rank 2. */
gn_array gn_array_view_rows(const gn_array *array, size_t first, size_t rows);
/* to = from (same count), in to's type, by way of the host. */
gn_status gn_array_convert(gn_array *to, const gn_array *from);
/* SHAPE, naming `what`, unless the array has this context, type and element count. */
gn_status gn_array_expect(gn_context *context, const gn_array *array, gn_dtype dtype, size_t count,
                          const char *what);

/* What OPENBLAS_CORETYPE should be for the next process where OpenBLAS did not know this processor and took
 * kernels without AVX, six times slower; NULL where all is well or the variable is set. */
const char *gn_cpu_core_type(void);

#endif
