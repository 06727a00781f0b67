/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011). A number depends on (seed, stream,
 * index) alone, so every device gives the same bits. */
#ifndef GNEWT_RANDOM_H
#define GNEWT_RANDOM_H

#include <stdint.h>

#include "gnewt/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a stream is for; one stream never serves two purposes. */
typedef enum gn_stream { GN_STREAM_DATA, GN_STREAM_INIT, GN_STREAM_BATCH, GN_STREAM_AUXILIARY } gn_stream;

/* Four 32-bit words of block `block`: key (seed low, seed high), counter (block low, block high, stream, 0).
 */
void gn_philox(uint64_t seed, uint32_t stream, uint64_t block, uint32_t words[4]);
/* values[i], i < count: uniform in [low, high), from the 53 high bits of words 2i and 2i+1 counted from
 * `offset`. */
void gn_random_uniform(uint64_t seed, gn_stream stream, uint64_t offset, size_t count, double low,
                       double high, double *values);
/* values[i]: normal with the given mean and deviation, by Box-Muller on uniforms (offset even: pairs stay
 * whole). */
void gn_random_normal(uint64_t seed, gn_stream stream, uint64_t offset, size_t count, double mean,
                      double deviation, double *values);
/* A permutation of 0..count-1 by Fisher-Yates, number `epoch` of the stream. */
void gn_random_permutation(uint64_t seed, gn_stream stream, uint64_t epoch, size_t count, uint32_t *order);

#ifdef __cplusplus
}
#endif
#endif
