/* What the kernel files share: launches, grids, packs of 16 bytes, walks over rows, reductions.
 *
 * The files compile with nvcc, and with g++ over an implementation of CUDA on the CPU (GN_HOST_CUDA), which
 * has its own LAUNCH, SHARED and DYN_SHARED. That is why kernels use these and no inline PTX, CUB or
 * cooperative groups.
 *
 * Nearly every kernel here is bound by memory. Two habits serve all of them:
 * - A thread moves 16 bytes an access (a pack) where pointers and row distances allow it, else one element.
 * Each kernel is a template on the width V of a pack; its body is a generic lambda that gets the width as a
 * type, so that the elements left over at the end take the same code with width 1.
 * - Loops over rows divide by nothing: a thread keeps its column and walks down the rows (row_walk). */
#ifndef GN_KERNELS_LAUNCH_CUH
#define GN_KERNELS_LAUNCH_CUH

#include <cuda_runtime.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

#ifndef GN_HOST_CUDA
/* A kernel with a comma in its name goes in parentheses. */
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                               \
    kernel<<<(grid), (block), (shared_bytes), (stream)>>>(__VA_ARGS__)
/* SHARED(float, tile, [32][33]); */
#define SHARED(type, name, extents) __shared__ type name extents
#define DYN_SHARED(type, name)                                                                               \
    extern __shared__ __align__(16) unsigned char name##_bytes[];                                            \
    type *const name = reinterpret_cast<type *>(name##_bytes)
#define UNROLL(times) PRAGMA(unroll times)
#define PRAGMA(text)  _Pragma(#text)
#else
#define UNROLL(times)
#endif

/* ---- on the host: types and launches ---- */

/* The values of gn_dtype. */
enum element_type { FLOAT32 = 0, FLOAT64 = 1 };

/* Calls function<float> or function<double>. */
#define BY_TYPE(type, function, ...)                                                                         \
    ((type) == FLOAT32   ? function<float>(__VA_ARGS__)                                                      \
     : (type) == FLOAT64 ? function<double>(__VA_ARGS__)                                                     \
                         : GN_ERROR_ARGUMENT)

template <class T> static inline const T *as(const void *pointer) {
    return static_cast<const T *>(pointer);
}

template <class T> static inline T *as(void *pointer) {
    return static_cast<T *>(pointer);
}

/* Whether the last launch was accepted. The error stays where it is, for the caller to read. */
static inline gn_status launched(void) {
    return cudaPeekAtLastError() == cudaSuccess ? GN_OK : GN_ERROR_DEVICE;
}

/* Elements of T in 16 bytes. */
template <class T> constexpr int PACK = 16 / (int)sizeof(T);

/* NULL counts as aligned. */
static inline bool aligned(const void *pointer) {
    return (uintptr_t)pointer % 16 == 0;
}

template <class... Rest> static inline bool aligned(const void *pointer, Rest... rest) {
    return aligned(pointer) && aligned(rest...);
}

/* Launches kernel<T, PACK<T>> or kernel<T, 1>. */
#define LAUNCH_PACKED(packed, kernel, T, grid, block, stream, ...)                                           \
    do {                                                                                                     \
        if (packed)                                                                                          \
            LAUNCH((kernel<T, PACK<T>>), grid, block, 0, stream, __VA_ARGS__);                               \
        else                                                                                                 \
            LAUNCH((kernel<T, 1>), grid, block, 0, stream, __VA_ARGS__);                                     \
    } while (0)

/* ---- on the host: grids. They depend on sizes alone, not on the device. ---- */

/* Threads of a block, and blocks from which on threads loop: some 8 waves on the largest devices. */
constexpr unsigned THREADS = 256, MOST_BLOCKS = 8192;

/* 1 <= blocks <= most */
static inline unsigned clamp_blocks(size_t blocks, size_t most) {
    return (unsigned)(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

/* Blocks of THREADS for n items, 1 at least. */
static inline unsigned line_grid(size_t n, size_t most) {
    return clamp_blocks(n / THREADS + (n % THREADS != 0), most);
}

/* A grid over rows x units, where a unit is what one thread takes of a row. A warp stays in one row, unless
 * rows are shorter than a warp: then it covers several, which lie next to each other in memory. */
struct plane {
    dim3 grid, block;
};

static inline plane plane_of(size_t rows, size_t units) {
    unsigned x = 1;
    while (x < 32 && x < units)
        x *= 2;
    const unsigned y = THREADS / x;
    const unsigned across = clamp_blocks(units / x + (units % x != 0), MOST_BLOCKS);
    const unsigned down = clamp_blocks(rows / y + (rows % y != 0), MOST_BLOCKS / across);
    return {dim3(across, down), dim3(x, y)};
}

/* Units of a row of `columns` elements in packs of V: full packs, then the elements left over. */
static inline size_t units_of(size_t columns, bool packed, size_t pack) {
    return packed ? columns / pack + columns % pack : columns;
}

/* ---- on the device: packs ---- */

template <class T, int V> struct alignas(sizeof(T) * V) pack { T at[V]; };

template <int V, class T> __device__ __forceinline__ pack<T, V> load(const T *from) {
    return *reinterpret_cast<const pack<T, V> *>(from);
}

template <int V, class T> __device__ __forceinline__ void store(T *to, const pack<T, V> &values) {
    *reinterpret_cast<pack<T, V> *>(to) = values;
}

/* A width as a type. */
template <int V> struct width { static constexpr int value = V; };

/* body(i, width) over 0..n-1: packs by grid-stride, then the n % V elements left over. TIMES unrolls: worth
 * it where nothing is stored, so that the loads of several passes are in flight together. */
template <int V, int TIMES = 1, class Body>
__device__ __forceinline__ void for_elements(size_t n, Body body) {
    const size_t first = (size_t)blockIdx.x * blockDim.x + threadIdx.x, step = (size_t)gridDim.x * blockDim.x;
    const size_t packs = n / V;
    UNROLL(TIMES)
    for (size_t i = first; i < packs; i += step)
        body(i * V, width<V>());
    if constexpr (V > 1)
        if (first < n % V)
            body(packs * V + first, width<1>());
}

/* body(column, width) over the columns of this thread in a plane. */
template <int V, class Body> __device__ __forceinline__ void for_columns(size_t columns, Body body) {
    const size_t packs = columns / V, units = packs + columns % V;
    const size_t first = (size_t)blockIdx.x * blockDim.x + threadIdx.x, step = (size_t)gridDim.x * blockDim.x;
    for (size_t u = first; u < units; u += step) {
        if (u < packs)
            body(u * V, width<V>());
        else if constexpr (V > 1)
            body(packs * V + (u - packs), width<1>());
    }
}

/* ---- on the device: rows of a plane ---- */

__device__ __forceinline__ size_t first_row() {
    return (size_t)blockIdx.y * blockDim.y + threadIdx.y;
}

__device__ __forceinline__ size_t row_step() {
    return (size_t)gridDim.y * blockDim.y;
}

/* The quotient, in 32 bits where they do: several times faster. */
__device__ __forceinline__ size_t divide(size_t a, size_t b) {
    return ((a | b) >> 32) == 0 ? (uint32_t)a / (uint32_t)b : a / b;
}

/* The rows m = n R + r of this thread, with n and r kept by carrying. */
struct row_walk {
    size_t m, n, r, period, step, step_n, step_r;

    __device__ __forceinline__ explicit row_walk(size_t rows_a_sample)
        : m(first_row()), period(rows_a_sample), step(row_step()) {
        n = divide(m, period);
        r = m - n * period;
        step_n = divide(step, period);
        step_r = step - step_n * period;
    }

    __device__ __forceinline__ void next() {
        m += step;
        n += step_n;
        r += step_r;
        if (r >= period) {
            r -= period;
            n++;
        }
    }
};

/* ---- on the device: reductions, in a fixed order ---- */

/* The sum over a warp, in every lane. */
__device__ __forceinline__ double warp_sum(double value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

/* As fmax, which takes the other where one is NaN. */
__device__ __forceinline__ double warp_max(double value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value = fmax(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
}

/* Both over a block of COUNT threads in a line (a multiple of 32), in every thread. */
template <int COUNT> __device__ double block_sum(double value) {
    SHARED(double, sums, [COUNT / 32]);
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    value = warp_sum(value);
    __syncthreads(); /* whoever reduced before has read */
    if (lane == 0)
        sums[warp] = value;
    __syncthreads();
    return warp_sum(lane < COUNT / 32 ? sums[lane] : 0);
}

template <int COUNT> __device__ double block_max(double value) {
    SHARED(double, largest, [COUNT / 32]);
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    value = warp_max(value);
    __syncthreads();
    if (lane == 0)
        largest[warp] = value;
    __syncthreads();
    return warp_max(largest[lane < COUNT / 32 ? lane : 0]);
}

/* ---- on the device: scratch ---- */

/* At most this many partial sums a result. */
constexpr unsigned MOST_PARTIALS = 64, TICKETS = 256;

/* A ticket counts the blocks that have come by; the last one resets it. */
struct scratch_area {
    double partial[16384];
    unsigned ticket[TICKETS];
};
static_assert(sizeof(scratch_area) == GN_CUDA_SCRATCH_BYTES, "kernels.h states the size");

static inline scratch_area *scratch_of(void *scratch) {
    return static_cast<scratch_area *>(scratch);
}

/* True in all threads of the last of `blocks` blocks to come here, which then sees what the others wrote
 * before they came. For all threads of a block, in one or two dimensions. */
__device__ __forceinline__ bool last_block(unsigned *ticket, unsigned blocks) {
    SHARED(int, last, );
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0)
        last = atomicInc(ticket, blocks - 1) == blocks - 1;
    __syncthreads();
    if (last)
        __threadfence();
    return last != 0;
}

/* slot = the sum of `value` over a grid in a line of at most MOST_PARTIALS blocks of COUNT threads. One block
 * writes it at once; of several, each leaves a partial sum, and the last one adds them, in order of blocks.
 */
template <int COUNT> __device__ void grid_sum(double value, scratch_area *scratch, double *slot) {
    value = block_sum<COUNT>(value);
    if (gridDim.x == 1) {
        if (threadIdx.x == 0)
            *slot = value;
        return;
    }
    if (threadIdx.x == 0)
        scratch->partial[blockIdx.x] = value;
    if (!last_block(&scratch->ticket[0], gridDim.x) || threadIdx.x >= 32)
        return;
    const volatile double *partial = scratch->partial; /* not from a cache that other blocks do not write */
    double sum = 0;
    for (unsigned b = threadIdx.x; b < gridDim.x; b += 32)
        sum += partial[b];
    sum = warp_sum(sum);
    if (threadIdx.x == 0)
        *slot = sum;
}

#endif
