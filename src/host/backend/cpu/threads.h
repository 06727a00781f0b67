/* How many threads one call takes: decided by its work, each time. A small call never enters OpenMP. */
#ifndef GN_BACKEND_CPU_THREADS_H
#define GN_BACKEND_CPU_THREADS_H

#include <omp.h>
#include <stddef.h>

/* Work that pays for one more thread in our own loops, in nanoseconds of one thread. */
#define GN_CPU_GRAIN 50000.0

/* Threads for `nanoseconds` of work. The thread's own OpenMP setting is the upper limit. */
static inline int gn_cpu_threads(double nanoseconds) {
    if (nanoseconds < 2 * GN_CPU_GRAIN || omp_in_parallel())
        return 1;
    const int most = omp_get_max_threads();
    const double wanted = nanoseconds / GN_CPU_GRAIN;
    return wanted < most ? (int)wanted : most;
}

/* Length of a piece when `count` is cut into `pieces`, a multiple of `granule` so that the cuts do not move
 * an element from a vector loop's body to its tail. */
static inline size_t gn_cpu_piece(size_t count, size_t pieces, size_t granule) {
    const size_t length = (count + pieces - 1) / pieces;
    return length ? (length + granule - 1) / granule * granule : granule;
}

/* Runs the statement with `begin` and `end` set to ranges that cover 0..count; `per_thread` ranges a thread,
 * dealt in turn. */
#define GN_CPU_SPLIT(count, granule, per_thread, nanoseconds, begin, end, ...)                               \
    do {                                                                                                     \
        const size_t split_count = (count);                                                                  \
        const int split_threads = gn_cpu_threads(nanoseconds);                                               \
        if (split_threads == 1) {                                                                            \
            const size_t begin = 0, end = split_count;                                                       \
            __VA_ARGS__;                                                                                     \
        } else {                                                                                             \
            const size_t piece = gn_cpu_piece(split_count, (size_t)split_threads * (per_thread), (granule)); \
            _Pragma("omp parallel for num_threads(split_threads) schedule(static, 1)") /* */                 \
                for (size_t begin = 0; begin < split_count; begin += piece) {                                \
                const size_t end = begin + piece < split_count ? begin + piece : split_count;                \
                __VA_ARGS__;                                                                                 \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

/* Reductions cut 0..count into blocks that depend on `count` alone, so that the bits of the sum do not depend
 * on the threads. */
enum { GN_CPU_BLOCKS = 512, GN_CPU_BLOCK_LENGTH = 4096 };

static inline size_t gn_cpu_block(size_t count) {
    const size_t length = gn_cpu_piece(count, GN_CPU_BLOCKS, 64);
    return length < GN_CPU_BLOCK_LENGTH ? GN_CPU_BLOCK_LENGTH : length;
}

/* total = the sum, in order, of the expression over the blocks begin..end. */
#define GN_CPU_REDUCE(count, nanoseconds, total, begin, end, ...)                                            \
    do {                                                                                                     \
        const size_t reduce_count = (count), block = gn_cpu_block(reduce_count);                             \
        const size_t blocks = (reduce_count + block - 1) / block;                                            \
        double partial[GN_CPU_BLOCKS];                                                                       \
        GN_CPU_SPLIT(                                                                                        \
            blocks, 1, 1, nanoseconds, first, last, for (size_t b = first; b < last; b++) {                  \
                const size_t begin = b * block;                                                              \
                const size_t end = begin + block < reduce_count ? begin + block : reduce_count;              \
                partial[b] = (__VA_ARGS__);                                                                  \
            });                                                                                              \
        total = 0;                                                                                           \
        for (size_t b = 0; b < blocks; b++)                                                                  \
            total += partial[b];                                                                             \
    } while (0)

/* OpenBLAS follows the calling thread's OpenMP setting; `flops` below `least` runs on one thread. Returns
 * what gn_cpu_blas_end() puts back. The setting belongs to the thread, so other contexts never see it. */
static inline int gn_cpu_blas_begin(double flops, double least) {
    const int most = omp_get_max_threads();
    if (most > 1 && flops < least)
        omp_set_num_threads(1);
    return most;
}

static inline void gn_cpu_blas_end(int before) {
    if (before > 1)
        omp_set_num_threads(before);
}

#endif
