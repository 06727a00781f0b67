/* Arrays: dense, row-major, on the context's device. */
#ifndef GNEWT_ARRAY_H
#define GNEWT_ARRAY_H

#include "gnewt/context.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GN_MAX_RANK 4

typedef struct gn_array gn_array;

/* A new array, its content undefined. rank 0..GN_MAX_RANK; sizes may be 0. The caller destroys it.
 * Errors: ARGUMENT, MEMORY (the message gives the size asked for and what is free). */
gn_status gn_array_create(gn_context *context, gn_dtype dtype, int rank, const size_t *shape,
                          gn_array **array);
void gn_array_destroy(gn_array *array);

gn_dtype gn_array_dtype(const gn_array *array);
int gn_array_rank(const gn_array *array);
/* Length of axis 0..rank-1; 1 beyond the rank. */
size_t gn_array_length(const gn_array *array, int axis);
/* Number of elements. */
size_t gn_array_count(const gn_array *array);

/* Copies `count` host float64 values (all elements, row-major) in or out, converting to the array's type.
 * Errors: SHAPE if count is not the array's. */
gn_status gn_array_write(gn_array *array, const double *values, size_t count);
gn_status gn_array_read(const gn_array *array, double *values, size_t count);
/* destination = source (same dtype and count). */
gn_status gn_array_copy(gn_array *destination, const gn_array *source);
gn_status gn_array_fill(gn_array *array, double value);

#ifdef __cplusplus
}
#endif
#endif
