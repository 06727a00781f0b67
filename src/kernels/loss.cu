/* Softmax with cross-entropy: the loss and its gradient, products with its Hessian, a root of that.
 *
 * All are bound by memory. A row of logits is a thread's, or a warp's from 32 classes on: then a warp reads
 * contiguous elements, three times, of which two come from the cache. Sums are in float64 and in an order
 * that the sizes fix. */
#include "launch.cuh"

constexpr unsigned ROW_THREADS = 512;

/* Sum and largest over the LANES that share a row, in each of them. */
template <int LANES> __device__ __forceinline__ double lanes_sum(double value) {
    return LANES == 1 ? value : warp_sum(value);
}

template <int LANES> __device__ __forceinline__ double lanes_max(double value) {
    return LANES == 1 ? value : warp_max(value);
}

/* body(row, lane) over the n rows, LANES threads each. All lanes of a warp come along. */
template <int LANES, class Body> __device__ __forceinline__ void for_rows(size_t n, Body body) {
    const int lane = threadIdx.x % LANES;
    const size_t step = (size_t)gridDim.x * (ROW_THREADS / LANES);
    for (size_t i = (size_t)blockIdx.x * (ROW_THREADS / LANES) + threadIdx.x / LANES; i < n; i += step)
        body(i, lane);
}

/* Blocks for n rows. */
static unsigned row_grid(size_t n, size_t lanes, size_t most) {
    return clamp_blocks((n * lanes + ROW_THREADS - 1) / ROW_THREADS, most);
}

/* Launches kernel<T, 32> or kernel<T, 1> over n rows of c. */
#define LAUNCH_ROWS(kernel, T, n, c, most, stream, ...)                                                      \
    do {                                                                                                     \
        if ((c) >= 32)                                                                                       \
            LAUNCH((kernel<T, 32>), row_grid(n, 32, most), ROW_THREADS, 0, stream, n, c, __VA_ARGS__);       \
        else                                                                                                 \
            LAUNCH((kernel<T, 1>), row_grid(n, 1, most), ROW_THREADS, 0, stream, n, c, __VA_ARGS__);         \
    } while (0)

/* ---- cross_entropy_loss: reads 2 s, writes 2 s bytes an element (s = 4 or 8) ---- */

/* One row; this lane's part of -sum y log p. NaN in f reaches every element through the sum. g may be f: each
 * lane reads an element before it writes it. */
template <class T, int LANES>
__device__ double cross_entropy_row(size_t c, const T *f, const T *y, T *p, T *g, int lane) {
    double most = -INFINITY, sum = 0, loss = 0;
    for (size_t i = lane; i < c; i += LANES)
        most = fmax(most, (double)f[i]);
    const T top = (T)lanes_max<LANES>(most);
    for (size_t i = lane; i < c; i += LANES) {
        const T e = exp(f[i] - top);
        p[i] = e;
        sum += (double)e;
    }
    sum = lanes_sum<LANES>(sum);
    const double inverse = 1 / sum, log_sum = log(sum);
    for (size_t i = lane; i < c; i += LANES) {
        const double probability = (double)p[i] * inverse;
        const T target = y[i];
        loss += (double)target * (log_sum - ((double)f[i] - (double)top));
        p[i] = (T)probability;
        g[i] = (T)(probability - (double)target);
    }
    return loss;
}

template <class T, int LANES>
__global__ void __launch_bounds__(ROW_THREADS)
    cross_entropy_loss_kernel(size_t n, size_t c, const T *f, const T *__restrict__ y, T *__restrict__ p,
                              T *g, scratch_area *scratch, double *slot) {
    double loss = 0;
    for_rows<LANES>(n, [&](size_t i, int lane) {
        loss += cross_entropy_row<T, LANES>(c, f + i * c, y + i * c, p + i * c, g + i * c, lane);
    });
    grid_sum<ROW_THREADS>(loss, scratch, slot);
}

template <class T>
static gn_status cross_entropy_loss(cudaStream_t stream, size_t n, size_t c, const void *f, const void *y,
                                    void *p, void *g, double *slot, void *scratch) {
    LAUNCH_ROWS(cross_entropy_loss_kernel, T, n, c, MOST_PARTIALS, stream, as<T>(f), as<T>(y), as<T>(p),
                as<T>(g), scratch_of(scratch), slot);
    return launched();
}

gn_status gn_cuda_cross_entropy_loss(cudaStream_t stream, int type, size_t n, size_t c, const void *f,
                                     const void *y, void *p, void *g, double *slot, void *scratch) {
    return BY_TYPE(type, cross_entropy_loss, stream, n, c, f, y, p, g, slot, scratch);
}

/* ---- softmax_hessian: reads 2 s, writes s bytes an element ---- */

template <class T, int LANES>
__global__ void __launch_bounds__(ROW_THREADS)
    softmax_hessian_kernel(size_t n, size_t c, double alpha, const T *__restrict__ p, const T *u, T *out) {
    for_rows<LANES>(n, [&](size_t row, int lane) {
        const size_t first = row * c;
        double mean = 0;
        for (size_t i = lane; i < c; i += LANES)
            mean += (double)p[first + i] * (double)u[first + i];
        mean = lanes_sum<LANES>(mean);
        for (size_t i = lane; i < c; i += LANES)
            out[first + i] = (T)(alpha * (double)p[first + i] * ((double)u[first + i] - mean));
    });
}

template <class T>
static gn_status softmax_hessian(cudaStream_t stream, size_t n, size_t c, double alpha, const void *p,
                                 const void *u, void *out) {
    if (n == 0 || c == 0)
        return GN_OK;
    LAUNCH_ROWS(softmax_hessian_kernel, T, n, c, MOST_BLOCKS, stream, alpha, as<T>(p), as<T>(u), as<T>(out));
    return launched();
}

gn_status gn_cuda_softmax_hessian(cudaStream_t stream, int type, size_t n, size_t c, double alpha,
                                  const void *p, const void *u, void *out) {
    return BY_TYPE(type, softmax_hessian, stream, n, c, alpha, p, u, out);
}

/* ---- softmax_root: writes s bytes an element of N x TC x TC, reads less ---- */

/* The probability that a root is taken of; NaN stays. */
template <class T> __device__ __forceinline__ T kept(T p) {
    constexpr T epsilon = sizeof(T) == sizeof(float) ? (T)1.1920928955078125e-7 : (T)2.220446049250313e-16;
    return p < epsilon * epsilon ? epsilon * epsilon : p;
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    softmax_root_kernel(size_t rows, size_t t, size_t c, const T *__restrict__ p, T *__restrict__ d) {
    const size_t columns = t * c;
    for_columns<1>(columns, [&](size_t i, auto) {
        const size_t block = divide(i, c) * c; /* of the rows that are not 0 here, the first */
        for (row_walk row(columns); row.m < rows; row.next()) {
            T value = 0;
            if (row.r >= block && row.r < block + c) {
                const T root = sqrt(kept(p[row.m]));
                value = -root * kept(p[row.n * columns + i]) + (row.r == i ? root : (T)0);
            }
            d[row.m * columns + i] = value;
        }
    });
}

template <class T>
static gn_status softmax_root(cudaStream_t stream, size_t n, size_t t, size_t c, const void *p, void *d) {
    const plane plan = plane_of(n * t * c, t * c);
    if (n == 0 || t == 0 || c == 0)
        return GN_OK;
    LAUNCH(softmax_root_kernel<T>, plan.grid, plan.block, 0, stream, n * t * c, t, c, as<T>(p), as<T>(d));
    return launched();
}

gn_status gn_cuda_softmax_root(cudaStream_t stream, int type, size_t n, size_t t, size_t c, const void *p,
                               void *d) {
    return BY_TYPE(type, softmax_root, stream, n, t, c, p, d);
}

/* ---- softmax_root_multiply: reads 2 s, writes s bytes an element ---- */

/* S u = sqrt(q) u - q (sqrt(q)'u), S'u = sqrt(q) (u - q'u) */
template <class T, int LANES>
__global__ void __launch_bounds__(ROW_THREADS)
    softmax_root_multiply_kernel(size_t n, size_t c, bool transpose, const T *__restrict__ p, const T *u,
                                 T *out) {
    for_rows<LANES>(n, [&](size_t row, int lane) {
        const size_t first = row * c;
        double sum = 0;
        for (size_t i = lane; i < c; i += LANES) {
            const T q = kept(p[first + i]);
            sum += (double)(transpose ? q : sqrt(q)) * (double)u[first + i];
        }
        sum = lanes_sum<LANES>(sum);
        for (size_t i = lane; i < c; i += LANES) {
            const T q = kept(p[first + i]);
            const double root = sqrt(q), value = u[first + i];
            out[first + i] = (T)(transpose ? root * (value - sum) : root * value - (double)q * sum);
        }
    });
}

template <class T>
static gn_status softmax_root_multiply(cudaStream_t stream, bool transpose, size_t n, size_t c, const void *p,
                                       const void *u, void *out) {
    if (n == 0 || c == 0)
        return GN_OK;
    LAUNCH_ROWS(softmax_root_multiply_kernel, T, n, c, MOST_BLOCKS, stream, transpose, as<T>(p), as<T>(u),
                as<T>(out));
    return launched();
}

gn_status gn_cuda_softmax_root_multiply(cudaStream_t stream, int type, bool transpose, size_t n, size_t c,
                                        const void *p, const void *u, void *out) {
    return BY_TYPE(type, softmax_root_multiply, stream, transpose, n, c, p, u, out);
}

/* ---- softmax_root_solve: reads 2 s, writes s bytes an element ---- */

template <class T, int V>
__global__ void __launch_bounds__(THREADS)
    softmax_root_solve_kernel(size_t n, const T *__restrict__ p, const T *g, T *t) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> probability = load<W>(p + i);
        pack<T, W> value = load<W>(g + i);
        for (int k = 0; k < W; k++)
            value.at[k] /= sqrt(kept(probability.at[k]));
        store<W>(t + i, value);
    });
}

template <class T>
static gn_status softmax_root_solve(cudaStream_t stream, size_t n, const void *p, const void *g, void *t) {
    const bool packed = aligned(p, g, t);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, softmax_root_solve_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS),
                  THREADS, stream, n, as<T>(p), as<T>(g), as<T>(t));
    return launched();
}

gn_status gn_cuda_softmax_root_solve(cudaStream_t stream, int type, size_t n, const void *p, const void *g,
                                     void *t) {
    return BY_TYPE(type, softmax_root_solve, stream, n, p, g, t);
}
