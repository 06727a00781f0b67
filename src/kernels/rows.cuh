/* Vectors of several systems, a row of n elements each: the grids of solvers' kernels, and sums a row.
 *
 * blockIdx.y and its stride choose rows, blockIdx.x a part of each. Where a row is one block's, sums are that
 * block's and a kernel can use them at once: a whole step of a small system is one launch. Else each block
 * leaves a partial sum, and the last block of the grid joins them, in order; what needs a sum takes another
 * launch. */
#ifndef GN_KERNELS_ROWS_CUH
#define GN_KERNELS_ROWS_CUH

#include "launch.cuh"

constexpr unsigned ROW_THREADS = 512;
/* Partial sums of all rows: a kernel has three values a block at most. */
constexpr size_t ROW_PARTIALS = sizeof(scratch_area::partial) / sizeof(double) / 3;

/* ---- on the host ---- */

/* Whether every row of these matrices begins at a multiple of 16 bytes. */
template <class T, class... Pointers>
static inline bool rows_packed(size_t rows, size_t n, Pointers... pointers) {
    return (rows <= 1 || n % PACK<T> == 0) && aligned(pointers...);
}

/* Blocks for rows of `units` packs or elements: one a row until each thread has 8 of them. */
static inline dim3 sum_rows_grid(size_t rows, size_t units) {
    const size_t most = rows == 0 || rows > ROW_PARTIALS ? 1 : ROW_PARTIALS / rows;
    return dim3(clamp_blocks(units / (8 * ROW_THREADS), most < MOST_PARTIALS ? most : MOST_PARTIALS),
                clamp_blocks(rows, 65535));
}

/* Blocks where nothing is summed. */
static inline dim3 move_rows_grid(size_t rows, size_t units) {
    const unsigned down = clamp_blocks(rows, 65535);
    return dim3(clamp_blocks(units / ROW_THREADS + 1, MOST_BLOCKS / down + 1), down);
}

/* Launches kernel<T, PACK<T>> or kernel<T, 1>; `units` is set to what a row has of them. */
#define LAUNCH_ROWS(packed, kernel, T, grid_of, rows, n, stream, ...)                                        \
    LAUNCH_PACKED(packed, kernel, T, grid_of(rows, (packed) ? (n) / PACK<T> : (n)), ROW_THREADS, stream,     \
                  rows, n, __VA_ARGS__)

/* ---- on the device ---- */

/* The rows of this block. */
#define FOR_ROWS(row, rows) for (size_t row = blockIdx.y; row < (rows); row += gridDim.y)

__device__ __forceinline__ bool row_is_whole() {
    return gridDim.x == 1;
}

/* Where the blocks of a row leave their partial sums of value number `value`. */
__device__ __forceinline__ double *partials_of(scratch_area *scratch, unsigned value, size_t rows,
                                               size_t row) {
    return scratch->partial + (value * rows + row) * gridDim.x;
}

/* True in all threads of the block that comes last, which then sees what the others wrote. */
__device__ __forceinline__ bool grid_is_done(scratch_area *scratch) {
    const unsigned blocks = gridDim.x * gridDim.y;
    if (blocks == 1) {
        __syncthreads();
        return true;
    }
    return last_block(&scratch->ticket[0], blocks);
}

/* The partial sums of a row, joined by a warp, in every lane. */
__device__ __forceinline__ double join_sum(const volatile double *partial) {
    double sum = 0;
    for (unsigned b = threadIdx.x % 32; b < gridDim.x; b += 32)
        sum += partial[b];
    return warp_sum(sum);
}

__device__ __forceinline__ double join_max(const volatile double *partial) {
    double largest = 0;
    for (unsigned b = threadIdx.x % 32; b < gridDim.x; b += 32)
        largest = fmax(largest, partial[b]);
    return warp_max(largest);
}

/* In the last block: body(row) by one warp a row. */
template <class Body> __device__ __forceinline__ void for_rows_by_warps(size_t rows, Body body) {
    for (size_t row = threadIdx.x / 32; row < rows; row += ROW_THREADS / 32)
        body(row);
    __syncthreads();
}

__device__ __forceinline__ bool first_lane() {
    return threadIdx.x % 32 == 0;
}

/* In the last block: *flag = how many rows have the reason 0. */
template <class Row> __device__ void count_running(size_t rows, const volatile Row *row, double *flag) {
    double running = 0;
    for (size_t i = threadIdx.x; i < rows; i += ROW_THREADS)
        running += row[i].reason == GN_STOP_NONE;
    running = block_sum<ROW_THREADS>(running);
    if (threadIdx.x == 0)
        *flag = running;
}

/* This block's part of x'(y + mu x). */
template <int V, class T> __device__ double dot_part(size_t n, double mu, const T *x, const T *y) {
    const T shift = (T)mu;
    double sum = 0;
    for_elements<V, 4>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> a = load<W>(x + i), b = load<W>(y + i);
        for (int k = 0; k < W; k++)
            sum += (double)a.at[k] * (double)(b.at[k] + shift * a.at[k]);
    });
    return block_sum<ROW_THREADS>(sum);
}

#endif
