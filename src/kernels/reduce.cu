/* Reductions: dot, column sums, squared loss, number of correct rows.
 *
 * Deterministic: which elements a thread adds, and in which order sums are joined, follows from the sizes
 * alone. Threads add in float64 registers, a block joins them by shuffles (block_sum), and of several blocks
 * the last one to finish adds the partial sums, at most 64, in order (last_block). That is two passes in one
 * launch: the ticket costs less than a second launch, which is most of the time of a short reduction. Up to
 * one block's worth of elements there is no second pass at all. Every element is read once, so the floor is
 * the bytes of the operands over the bandwidth. 64 blocks of 512 threads that unroll four packs of two
 * operands keep 4 MiB in flight; an H100 asks for 2.3 MiB. */
#include "launch.cuh"

constexpr unsigned SUM_THREADS = 512;

/* Blocks of a reduction of n packs: one until each thread has 8 passes, then more, up to 64. */
static unsigned sum_grid(size_t n) {
    return clamp_blocks(n / (8 * SUM_THREADS), MOST_PARTIALS);
}

/* ---- dot: reads 2 s bytes an element (s = 4 or 8) ---- */

template <class T, int V>
__global__ void __launch_bounds__(SUM_THREADS)
    dot_kernel(size_t n, const T *__restrict__ x, const T *__restrict__ y, scratch_area *scratch,
               double *slot) {
    double sum = 0;
    for_elements<V, 4>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> a = load<W>(x + i), b = load<W>(y + i);
        for (int k = 0; k < W; k++)
            sum += (double)a.at[k] * (double)b.at[k];
    });
    grid_sum<SUM_THREADS>(sum, scratch, slot);
}

template <class T>
static gn_status dot(cudaStream_t stream, size_t n, const void *x, const void *y, double *slot,
                     void *scratch) {
    const bool packed = aligned(x, y);
    LAUNCH_PACKED(packed, dot_kernel, T, sum_grid(packed ? n / PACK<T> : n), SUM_THREADS, stream, n, as<T>(x),
                  as<T>(y), scratch_of(scratch), slot);
    return launched();
}

gn_status gn_cuda_dot(cudaStream_t stream, int type, size_t n, const void *x, const void *y, double *slot,
                      void *scratch) {
    return BY_TYPE(type, dot, stream, n, x, y, slot, scratch);
}

/* ---- squared_loss: reads 2 s, writes s bytes an element ---- */

template <class T, int V>
__global__ void __launch_bounds__(SUM_THREADS)
    squared_loss_kernel(size_t n, const T *__restrict__ f, const T *__restrict__ y, T *__restrict__ r,
                        scratch_area *scratch, double *slot) {
    double sum = 0;
    for_elements<V, 4>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> a = load<W>(f + i);
        const pack<T, W> b = load<W>(y + i);
        for (int k = 0; k < W; k++) {
            a.at[k] -= b.at[k];
            sum += (double)a.at[k] * (double)a.at[k];
        }
        store<W>(r + i, a);
    });
    grid_sum<SUM_THREADS>(sum, scratch, slot);
}

template <class T>
static gn_status squared_loss(cudaStream_t stream, size_t n, const void *f, const void *y, void *r,
                              double *slot, void *scratch) {
    const bool packed = aligned(f, y, r);
    LAUNCH_PACKED(packed, squared_loss_kernel, T, sum_grid(packed ? n / PACK<T> : n), SUM_THREADS, stream, n,
                  as<T>(f), as<T>(y), as<T>(r), scratch_of(scratch), slot);
    return launched();
}

gn_status gn_cuda_squared_loss(cudaStream_t stream, int type, size_t n, const void *f, const void *y, void *r,
                               double *slot, void *scratch) {
    return BY_TYPE(type, squared_loss, stream, n, f, y, r, slot, scratch);
}

/* ---- count_correct: reads 2 s bytes an element. A thread takes a sample, or a warp where rows are longer
 * than it. ----
 */

/* The index of the largest of x[0..c-1], the first where several are; c = 0 gives 0. Every lane starts from
 * x[0], so that NaN is treated as a loop `if (x[i] > x[best]) best = i` would. */
template <int LANES, class T> __device__ size_t first_largest(size_t c, const T *x, int lane) {
    T value = c ? x[0] : (T)0;
    size_t best = 0;
    for (size_t i = lane; i < c; i += LANES)
        if (x[i] > value) {
            value = x[i];
            best = i;
        }
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        const T other = __shfl_xor_sync(0xffffffffu, value, distance);
        const size_t index = __shfl_xor_sync(0xffffffffu, (unsigned long long)best, distance);
        if (other > value || (other == value && index < best)) {
            value = other;
            best = index;
        }
    }
    return best;
}

template <class T, int LANES>
__global__ void __launch_bounds__(SUM_THREADS)
    count_correct_kernel(size_t n, size_t t, size_t c, const T *__restrict__ f, const T *__restrict__ y,
                         scratch_area *scratch, double *slot) {
    const int lane = threadIdx.x % LANES;
    const size_t step = (size_t)gridDim.x * (SUM_THREADS / LANES);
    double count = 0;
    for (size_t i = (size_t)blockIdx.x * (SUM_THREADS / LANES) + threadIdx.x / LANES; i < n; i += step) {
        size_t right = 0;
        for (size_t m = i * t; m < (i + 1) * t; m++)
            right += first_largest<LANES>(c, f + m * c, lane) == first_largest<LANES>(c, y + m * c, lane);
        count += lane == 0 && right == t;
    }
    grid_sum<SUM_THREADS>(count, scratch, slot);
}

template <class T>
static gn_status count_correct(cudaStream_t stream, size_t n, size_t t, size_t c, const void *f,
                               const void *y, double *slot, void *scratch) {
    if (c >= 32)
        LAUNCH((count_correct_kernel<T, 32>), sum_grid(n * 32), SUM_THREADS, 0, stream, n, t, c, as<T>(f),
               as<T>(y), scratch_of(scratch), slot);
    else
        LAUNCH((count_correct_kernel<T, 1>), sum_grid(n * 8), SUM_THREADS, 0, stream, n, t, c, as<T>(f),
               as<T>(y), scratch_of(scratch), slot);
    return launched();
}

gn_status gn_cuda_count_correct(cudaStream_t stream, int type, size_t n, size_t t, size_t c, const void *f,
                                const void *y, double *slot, void *scratch) {
    return BY_TYPE(type, count_correct, stream, n, t, c, f, y, slot, scratch);
}

/* ---- column_sums: reads s bytes an element. A block is x columns wide, at most 32, and takes every
 * gridDim.y-th group of rows; the last block of a strip of columns joins the strip's partial sums. ---- */

/* At least this many rows a thread before rows are cut among blocks, and blocks from which on they are not.
 */
constexpr unsigned ROWS_A_THREAD = 8, STRIP_BLOCKS = 512;
static_assert(STRIP_BLOCKS * 32 * sizeof(double) <= sizeof(scratch_area::partial), "partial sums fit");
static_assert(STRIP_BLOCKS / 2 <= TICKETS, "one ticket a strip that is cut");

/* The sum over threadIdx.y, in threads with y = 0. */
__device__ static double sum_over_y(double value) {
    SHARED(double, sums, [THREADS]);
    const unsigned x = blockDim.x, at = threadIdx.y * x + threadIdx.x;
    __syncthreads(); /* the sum before has been read */
    sums[at] = value;
    __syncthreads();
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half)
            sums[at] += sums[at + half * x];
        __syncthreads();
    }
    return sums[threadIdx.x];
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    column_sums_kernel(size_t rows, size_t columns, const T *__restrict__ x, T *__restrict__ y,
                       scratch_area *scratch) {
    const size_t j = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    const bool mine = j < columns;
    double sum = 0;
    UNROLL(8)
    for (size_t i = first_row(); i < rows; i += row_step())
        sum += mine ? (double)x[i * columns + j] : 0;
    sum = sum_over_y(sum);
    if (gridDim.y > 1) {
        if (threadIdx.y == 0 && mine)
            scratch->partial[blockIdx.y * columns + j] = sum;
        if (!last_block(&scratch->ticket[blockIdx.x], gridDim.y))
            return;
        const volatile double *partial = scratch->partial;
        sum = 0;
        for (unsigned b = threadIdx.y; b < gridDim.y; b += blockDim.y)
            sum += mine ? partial[b * columns + j] : 0;
        sum = sum_over_y(sum);
    }
    if (threadIdx.y == 0 && mine)
        y[j] = (T)sum;
}

template <class T>
static gn_status column_sums(cudaStream_t stream, size_t rows, size_t columns, const void *x, void *y,
                             void *scratch) {
    const plane p = plane_of(rows, columns);
    const size_t strips = (columns + p.block.x - 1) / p.block.x;
    if (columns == 0)
        return GN_OK;
    if (strips > INT32_MAX)
        return GN_ERROR_UNSUPPORTED;
    const size_t most = STRIP_BLOCKS / strips < MOST_PARTIALS ? STRIP_BLOCKS / strips : MOST_PARTIALS;
    const unsigned cuts = clamp_blocks(rows / (p.block.y * ROWS_A_THREAD), most > 1 ? most : 1);
    LAUNCH(column_sums_kernel<T>, dim3((unsigned)strips, cuts), p.block, 0, stream, rows, columns, as<T>(x),
           as<T>(y), scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_column_sums(cudaStream_t stream, int type, size_t rows, size_t columns, const void *x,
                              void *y, void *scratch) {
    return BY_TYPE(type, column_sums, stream, rows, columns, x, y, scratch);
}
