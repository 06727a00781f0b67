/* Layer norm: value, derivative, adjoint, and the sums and blocks of its parameters.
 *
 * A warp takes a row: its lanes walk over the features side by side, and join their sums by shuffles, in
 * float64. A row of a small model stays in the caches between the passes over it, so each operand costs its
 * bytes once: forward reads s and writes 2 s, the derivative and the adjoint read 2 s and write s bytes an
 * element. */
#include "launch.cuh"

constexpr unsigned WARPS = THREADS / 32;

/* body(row, lane) over all rows, a warp each */
template <class Body> __device__ __forceinline__ void for_warp_rows(size_t rows, Body body) {
    const size_t step = (size_t)gridDim.x * WARPS;
    for (size_t i = (size_t)blockIdx.x * WARPS + threadIdx.x / 32; i < rows; i += step)
        body(i, (size_t)(threadIdx.x % 32));
}

static unsigned warp_grid(size_t rows) {
    return clamp_blocks(rows / WARPS + (rows % WARPS != 0), MOST_BLOCKS);
}

/* ---- layer_norm ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    layer_norm_kernel(size_t rows, size_t w, double epsilon, const T *__restrict__ x,
                      const T *__restrict__ weight, const T *__restrict__ bias, T *__restrict__ y,
                      T *__restrict__ xhat, T *__restrict__ rstd) {
    for_warp_rows(rows, [&](size_t i, size_t lane) {
        const T *row = x + i * w;
        double sum = 0, squares = 0;
        for (size_t k = lane; k < w; k += 32)
            sum += (double)row[k];
        const double mean = warp_sum(sum) / (double)w;
        for (size_t k = lane; k < w; k += 32)
            squares += ((double)row[k] - mean) * ((double)row[k] - mean);
        const double scale = 1 / sqrt(warp_sum(squares) / (double)w + epsilon);
        if (lane == 0)
            rstd[i] = (T)scale;
        for (size_t k = lane; k < w; k += 32) {
            const T normed = (T)(((double)row[k] - mean) * scale);
            xhat[i * w + k] = normed;
            y[i * w + k] = normed * weight[k] + bias[k];
        }
    });
}

template <class T>
static gn_status layer_norm(cudaStream_t stream, size_t rows, size_t w, double epsilon, const void *x,
                            const void *weight, const void *bias, void *y, void *xhat, void *rstd) {
    if (rows == 0 || w == 0)
        return GN_OK;
    LAUNCH(layer_norm_kernel<T>, warp_grid(rows), THREADS, 0, stream, rows, w, epsilon, as<T>(x),
           as<T>(weight), as<T>(bias), as<T>(y), as<T>(xhat), as<T>(rstd));
    return launched();
}

gn_status gn_cuda_layer_norm(cudaStream_t stream, int type, size_t rows, size_t w, double epsilon,
                             const void *x, const void *weight, const void *bias, void *y, void *xhat,
                             void *rstd) {
    return BY_TYPE(type, layer_norm, stream, rows, w, epsilon, x, weight, bias, y, xhat, rstd);
}

/* ---- layer_norm_jvp ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    layer_norm_jvp_kernel(size_t rows, size_t w, const T *__restrict__ xhat, const T *__restrict__ rstd,
                          const T *__restrict__ weight, const T *__restrict__ dweight,
                          const T *__restrict__ dbias, const T *__restrict__ dx, T *__restrict__ dy) {
    for_warp_rows(rows, [&](size_t i, size_t lane) {
        const T *normed = xhat + i * w, *row = dx + i * w;
        double sum = 0, along = 0;
        for (size_t k = lane; k < w; k += 32) {
            sum += (double)row[k];
            along += (double)row[k] * (double)normed[k];
        }
        const T mean = (T)(warp_sum(sum) / (double)w), slope = (T)(warp_sum(along) / (double)w);
        for (size_t k = lane; k < w; k += 32)
            dy[i * w + k] = weight[k] * (rstd[i] * (row[k] - mean - normed[k] * slope)) +
                            dweight[k] * normed[k] + dbias[k];
    });
}

template <class T>
static gn_status layer_norm_jvp(cudaStream_t stream, size_t rows, size_t w, const void *xhat,
                                const void *rstd, const void *weight, const void *dweight, const void *dbias,
                                const void *dx, void *dy) {
    if (rows == 0 || w == 0)
        return GN_OK;
    LAUNCH(layer_norm_jvp_kernel<T>, warp_grid(rows), THREADS, 0, stream, rows, w, as<T>(xhat), as<T>(rstd),
           as<T>(weight), as<T>(dweight), as<T>(dbias), as<T>(dx), as<T>(dy));
    return launched();
}

gn_status gn_cuda_layer_norm_jvp(cudaStream_t stream, int type, size_t rows, size_t w, const void *xhat,
                                 const void *rstd, const void *weight, const void *dweight, const void *dbias,
                                 const void *dx, void *dy) {
    return BY_TYPE(type, layer_norm_jvp, stream, rows, w, xhat, rstd, weight, dweight, dbias, dx, dy);
}

/* ---- layer_norm_vjp ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    layer_norm_vjp_kernel(size_t rows, size_t r, size_t t, size_t w, const T *__restrict__ xhat,
                          const T *__restrict__ rstd, const T *__restrict__ weight, const T *__restrict__ d,
                          T beta, bool read, T *__restrict__ to) {
    for_warp_rows(rows, [&](size_t m, size_t lane) {
        const size_t at = divide(m, r * t) * t + m % t; /* m = (n R + r) T + t */
        const T *normed = xhat + at * w, *row = d + m * w;
        double sum = 0, along = 0;
        for (size_t k = lane; k < w; k += 32) {
            const double g = (double)row[k] * (double)weight[k];
            sum += g;
            along += g * (double)normed[k];
        }
        const T mean = (T)(warp_sum(sum) / (double)w), slope = (T)(warp_sum(along) / (double)w);
        for (size_t k = lane; k < w; k += 32) {
            const T pulled = rstd[at] * (row[k] * weight[k] - mean - normed[k] * slope);
            to[m * w + k] = read ? pulled + beta * to[m * w + k] : pulled;
        }
    });
}

template <class T>
static gn_status layer_norm_vjp(cudaStream_t stream, size_t n, size_t r, size_t t, size_t w, const void *xhat,
                                const void *rstd, const void *weight, const void *d, double beta, void *to) {
    const size_t rows = n * r * t;
    if (rows == 0 || w == 0)
        return GN_OK;
    LAUNCH(layer_norm_vjp_kernel<T>, warp_grid(rows), THREADS, 0, stream, rows, r, t, w, as<T>(xhat),
           as<T>(rstd), as<T>(weight), as<T>(d), (T)beta, beta != 0, as<T>(to));
    return launched();
}

gn_status gn_cuda_layer_norm_vjp(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 const void *xhat, const void *rstd, const void *weight, const void *d,
                                 double beta, void *to) {
    return BY_TYPE(type, layer_norm_vjp, stream, n, r, t, w, xhat, rstd, weight, d, beta, to);
}

/* ---- layer_norm_vjp_jvp: reads 4 s, writes 2 s bytes an element ---- */

/* Means of a row, in every lane: of dx, g, h and of their products with xhat; of dxhat g. */
template <class T> struct norm_means { T dx, along, g, slope, h, h_slope, turn; };

template <class T>
__device__ static norm_means<T> means_of(size_t w, const T *xhat, T rstd, const T *weight, const T *dweight,
                                         const T *dx, const T *d, const T *d_dot, size_t lane) {
    double x = 0, along = 0, g = 0, slope = 0, h = 0, h_slope = 0, both = 0;
    for (size_t k = lane; k < w; k += 32) {
        const double normed = (double)xhat[k], pulled = (double)d[k] * (double)weight[k];
        const double turned = (double)d_dot[k] * (double)weight[k] + (double)d[k] * (double)dweight[k];
        x += (double)dx[k];
        along += normed * (double)dx[k];
        g += pulled;
        slope += normed * pulled;
        h += turned;
        h_slope += normed * turned;
        both += pulled * (double)dx[k];
    }
    const double n = (double)w;
    x = warp_sum(x) / n, along = warp_sum(along) / n, g = warp_sum(g) / n, slope = warp_sum(slope) / n;
    const double turn = (double)rstd * (warp_sum(both) / n - x * g - along * slope);
    return {(T)x, (T)along, (T)g, (T)slope, (T)(warp_sum(h) / n), (T)(warp_sum(h_slope) / n), (T)turn};
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    layer_norm_vjp_jvp_kernel(size_t rows, size_t w, const T *__restrict__ xhat, const T *__restrict__ rstd,
                              const T *__restrict__ weight, const T *__restrict__ dweight,
                              const T *__restrict__ dx, const T *__restrict__ d, const T *__restrict__ d_dot,
                              T beta, bool read, T *__restrict__ to, T *__restrict__ products) {
    for_warp_rows(rows, [&](size_t i, size_t lane) {
        const size_t at = i * w;
        const T scale = rstd[i];
        const norm_means<T> m =
            means_of(w, xhat + at, scale, weight, dweight, dx + at, d + at, d_dot + at, lane);
        for (size_t k = lane; k < w; k += 32) {
            const T normed = xhat[at + k], u = d[at + k], u_dot = d_dot[at + k];
            const T dxhat = scale * (dx[at + k] - m.dx - normed * m.along);
            const T q = scale * (u * weight[k] - m.g - normed * m.slope);
            const T h = u_dot * weight[k] + u * dweight[k];
            const T turned =
                scale * (h - m.h - normed * (m.h_slope + m.turn) - dxhat * m.slope - m.along * q);
            products[at + k] = u_dot * normed + u * dxhat;
            to[at + k] = read ? turned + beta * to[at + k] : turned;
        }
    });
}

template <class T>
static gn_status layer_norm_vjp_jvp(cudaStream_t stream, size_t rows, size_t w, const void *xhat,
                                    const void *rstd, const void *weight, const void *dweight, const void *dx,
                                    const void *d, const void *d_dot, double beta, void *to, void *products) {
    if (rows == 0 || w == 0)
        return GN_OK;
    LAUNCH(layer_norm_vjp_jvp_kernel<T>, warp_grid(rows), THREADS, 0, stream, rows, w, as<T>(xhat),
           as<T>(rstd), as<T>(weight), as<T>(dweight), as<T>(dx), as<T>(d), as<T>(d_dot), (T)beta, beta != 0,
           as<T>(to), as<T>(products));
    return launched();
}

gn_status gn_cuda_layer_norm_vjp_jvp(cudaStream_t stream, int type, size_t rows, size_t w, const void *xhat,
                                     const void *rstd, const void *weight, const void *dweight,
                                     const void *dx, const void *d, const void *d_dot, double beta, void *to,
                                     void *products) {
    return BY_TYPE(type, layer_norm_vjp_jvp, stream, rows, w, xhat, rstd, weight, dweight, dx, d, d_dot, beta,
                   to, products);
}

/* ---- scale_gradient: reads 2 s bytes an element. As column_sums (reduce.cu), two sums at a time: a block
 * takes 32 columns and every gridDim.y-th group of rows, the last block of a strip joins the partial sums.
 * ----
 */

/* At least this many rows a thread before rows are cut among blocks, and strips from which on they are not.
 */
constexpr unsigned ROWS_A_THREAD = 8, STRIP_BLOCKS = 256;
static_assert(2 * STRIP_BLOCKS * 32 * sizeof(double) <= sizeof(scratch_area::partial), "partial sums fit");
static_assert(STRIP_BLOCKS / 2 <= TICKETS, "one ticket a strip that is cut");

/* Both sums over threadIdx.y, in threads with y = 0. */
__device__ static void sums_over_y(double *product, double *sum) {
    SHARED(double, products, [WARPS][32]);
    SHARED(double, sums, [WARPS][32]);
    const unsigned x = threadIdx.x, y = threadIdx.y;
    __syncthreads(); /* what was there has been read */
    products[y][x] = *product;
    sums[y][x] = *sum;
    __syncthreads();
    if (y > 0)
        return;
    for (unsigned i = 1; i < WARPS; i++) {
        *product += products[i][x];
        *sum += sums[i][x];
    }
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    scale_gradient_kernel(size_t rows, size_t w, const T *__restrict__ d, const T *__restrict__ x,
                          T *__restrict__ weight, T *__restrict__ bias, scratch_area *scratch) {
    const size_t k = (size_t)blockIdx.x * 32 + threadIdx.x;
    const bool mine = k < w;
    double product = 0, sum = 0;
    for (size_t i = first_row(); mine && i < rows; i += row_step()) {
        product += (double)d[i * w + k] * (double)x[i * w + k];
        sum += (double)d[i * w + k];
    }
    sums_over_y(&product, &sum);
    if (gridDim.y > 1) {
        if (threadIdx.y == 0 && mine) {
            scratch->partial[(2 * blockIdx.y) * w + k] = product;
            scratch->partial[(2 * blockIdx.y + 1) * w + k] = sum;
        }
        if (!last_block(&scratch->ticket[blockIdx.x], gridDim.y))
            return;
        const volatile double *partial = scratch->partial;
        product = sum = 0;
        for (unsigned b = threadIdx.y; mine && b < gridDim.y; b += WARPS) {
            product += partial[(2 * b) * w + k];
            sum += partial[(2 * b + 1) * w + k];
        }
        sums_over_y(&product, &sum);
    }
    if (threadIdx.y == 0 && mine) {
        weight[k] = (T)product;
        bias[k] = (T)sum;
    }
}

template <class T>
static gn_status scale_gradient(cudaStream_t stream, size_t rows, size_t w, const void *d, const void *x,
                                void *weight, void *bias, void *scratch) {
    const size_t strips = w / 32 + (w % 32 != 0);
    if (w == 0)
        return GN_OK;
    if (strips > INT32_MAX)
        return GN_ERROR_UNSUPPORTED;
    const size_t most = STRIP_BLOCKS / strips < MOST_PARTIALS ? STRIP_BLOCKS / strips : MOST_PARTIALS;
    const unsigned cuts = clamp_blocks(rows / (WARPS * ROWS_A_THREAD), most > 1 ? most : 1);
    LAUNCH(scale_gradient_kernel<T>, dim3((unsigned)strips, cuts), dim3(32, WARPS), 0, stream, rows, w,
           as<T>(d), as<T>(x), as<T>(weight), as<T>(bias), scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_scale_gradient(cudaStream_t stream, int type, size_t rows, size_t w, const void *d,
                                 const void *x, void *weight, void *bias, void *scratch) {
    return BY_TYPE(type, scale_gradient, stream, rows, w, d, x, weight, bias, scratch);
}

/* ---- jacobian_scale: reads s T bytes, writes 2 s bytes for each of the W columns ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    jacobian_scale_kernel(size_t rows, size_t r, size_t t, size_t w, const T *__restrict__ d,
                          const T *__restrict__ x, T *__restrict__ j, size_t ldj) {
    for_columns<1>(w, [&](size_t k, auto) {
        for (row_walk row(r); row.m < rows; row.next()) {
            T product = 0, sum = 0;
            for (size_t p = 0; p < t; p++) {
                const T value = d[(row.m * t + p) * w + k];
                product += value * x[(row.n * t + p) * w + k];
                sum += value;
            }
            j[row.m * ldj + k] = product;
            j[row.m * ldj + w + k] = sum;
        }
    });
}

template <class T>
static gn_status jacobian_scale(cudaStream_t stream, size_t n, size_t r, size_t t, size_t w, const void *d,
                                const void *x, void *j, size_t ldj) {
    const plane p = plane_of(n * r, w);
    if (n == 0 || r == 0 || w == 0)
        return GN_OK;
    LAUNCH(jacobian_scale_kernel<T>, p.grid, p.block, 0, stream, n * r, r, t, w, as<T>(d), as<T>(x), as<T>(j),
           ldj);
    return launched();
}

gn_status gn_cuda_jacobian_scale(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 const void *d, const void *x, void *j, size_t ldj) {
    return BY_TYPE(type, jacobian_scale, stream, n, r, t, w, d, x, j, ldj);
}
