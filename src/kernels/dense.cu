/* Symmetric matrices around the library's factorisations: triangles, damping, spectral filters, checks.
 *
 * Only symmetrize and lower_faults touch whole matrices and are bound by memory. The others work on a
 * diagonal or a spectrum of n numbers: one block each, a few microseconds, most of it the launch. */
#include "launch.cuh"

constexpr unsigned ONE_BLOCK = 1024;

/* ---- symmetrize: s bytes an element of the matrix (half of it read, half written). Through tiles in shared
 * memory, so that reads and writes are both along rows; one more column keeps the transposed reads off each
 * other's banks.
 * ---- */

constexpr unsigned TILE = 32, TILE_ROWS = 8;

template <class T>
__global__ void __launch_bounds__(TILE *TILE_ROWS) symmetrize_kernel(size_t n, T *a, size_t lda) {
    SHARED(T, tile, [TILE][TILE + 1]);
    const size_t i0 = (size_t)blockIdx.x * TILE, x = threadIdx.x;
    for (size_t j0 = (size_t)blockIdx.y * TILE; j0 <= i0; j0 += (size_t)gridDim.y * TILE) {
        for (size_t y = threadIdx.y; y < TILE; y += TILE_ROWS) /* a[i0 + y, j0 + x], below the diagonal */
            if (i0 + y < n && j0 + x < i0 + y)
                tile[y][x] = a[(i0 + y) * lda + j0 + x];
        __syncthreads();
        for (size_t y = threadIdx.y; y < TILE; y += TILE_ROWS) /* a[j0 + y, i0 + x], above it */
            if (i0 + x < n && j0 + y < i0 + x)
                a[(j0 + y) * lda + i0 + x] = tile[x][y];
        __syncthreads();
    }
}

template <class T> static gn_status symmetrize(cudaStream_t stream, size_t n, void *a, size_t lda) {
    const size_t tiles = n / TILE + (n % TILE != 0);
    if (n == 0)
        return GN_OK;
    if (tiles > INT32_MAX)
        return GN_ERROR_UNSUPPORTED;
    const dim3 grid((unsigned)tiles, (unsigned)(tiles < 65535 ? tiles : 65535));
    LAUNCH(symmetrize_kernel<T>, grid, dim3(TILE, TILE_ROWS), 0, stream, n, as<T>(a), lda);
    return launched();
}

gn_status gn_cuda_symmetrize(cudaStream_t stream, int type, size_t n, void *a, size_t lda) {
    return BY_TYPE(type, symmetrize, stream, n, a, lda);
}

/* ---- add_damping: reads and writes a sector of 32 bytes a row, the reads twice ---- */

template <class T>
__global__ void __launch_bounds__(ONE_BLOCK)
    add_damping_kernel(size_t n, T *a, size_t lda, double damping, double floor, double *slot) {
    double trace = 0;
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK)
        trace += (double)a[i * lda + i];
    trace = block_sum<ONE_BLOCK>(trace);
    const double mu = fmax(damping, floor * trace);
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK)
        a[i * lda + i] = (T)((double)a[i * lda + i] + mu);
    if (threadIdx.x == 0)
        *slot = mu;
}

template <class T>
static gn_status add_damping(cudaStream_t stream, size_t n, void *a, size_t lda, double damping, double floor,
                             double *slot) {
    LAUNCH(add_damping_kernel<T>, 1, ONE_BLOCK, 0, stream, n, as<T>(a), lda, damping, floor, slot);
    return launched();
}

gn_status gn_cuda_add_damping(cudaStream_t stream, int type, size_t n, void *a, size_t lda, double damping,
                              double floor, double *slot) {
    return BY_TYPE(type, add_damping, stream, n, a, lda, damping, floor, slot);
}

/* ---- spectral_filter: reads 3 s (the values twice), writes s bytes an eigenvalue ---- */

template <class T>
__global__ void __launch_bounds__(ONE_BLOCK)
    spectral_filter_kernel(size_t n, const T *values, double damping, double floor, double cutoff,
                           const T *in, T *out, double *slots) {
    double largest = 0; /* fmax passes NaN over */
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK)
        largest = fmax(largest, (double)values[i]);
    largest = block_max<ONE_BLOCK>(largest);
    const double mu = fmax(damping, floor * largest);
    double kept = 0;
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK) {
        const double lambda = values[i] < 0 ? 0 : (double)values[i];
        const bool keep =
            !(cutoff < 0 ? lambda + mu <= 0 : lambda <= cutoff * largest); /* NaN is kept, to be seen */
        out[i] = keep ? (T)((double)in[i] / (lambda + mu)) : (T)0;
        kept += keep;
    }
    kept = block_sum<ONE_BLOCK>(kept);
    if (threadIdx.x == 0) {
        slots[0] = mu;
        slots[1] = kept;
    }
}

template <class T>
static gn_status spectral_filter(cudaStream_t stream, size_t n, const void *values, double damping,
                                 double floor, double cutoff, const void *in, void *out, double *slots) {
    LAUNCH(spectral_filter_kernel<T>, 1, ONE_BLOCK, 0, stream, n, as<T>(values), damping, floor, cutoff,
           as<T>(in), as<T>(out), slots);
    return launched();
}

gn_status gn_cuda_spectral_filter(cudaStream_t stream, int type, size_t n, const void *values, double damping,
                                  double floor, double cutoff, const void *in, void *out, double *slots) {
    return BY_TYPE(type, spectral_filter, stream, n, values, damping, floor, cutoff, in, out, slots);
}

/* ---- spectral_power: reads 4 s, writes s bytes an eigenvalue, and the order twice ---- */

__device__ static double gain_of(double lambda, double mu, double exponent) {
    const double gain = pow(lambda + mu, -exponent);
    return isinf(gain) ? 0 : gain;
}

template <class T>
__global__ void __launch_bounds__(ONE_BLOCK)
    spectral_power_kernel(size_t n, const T *values, double exponent, double floor, bool normalized,
                          const uint32_t *order, double *mu, const T *in, T *out) {
    const double asked = *mu;
    double largest = floor, most = 0; /* fmax passes NaN over */
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK)
        largest = fmax(largest, (double)values[i]);
    largest = block_max<ONE_BLOCK>(largest); /* and all have read *mu */
    const double damping = asked < 0 ? -asked * largest : asked;
    for (size_t i = threadIdx.x; i < n && normalized; i += ONE_BLOCK) {
        const double source = (double)values[order ? order[i] : i];
        most = fmax(most, fmax(floor, (double)values[i]) * gain_of(fmax(floor, source), damping, exponent));
    }
    most = block_max<ONE_BLOCK>(most);
    const double scale = !normalized ? 1 : most > 0 ? 1 / most : 0;
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK) {
        const double source = (double)values[order ? order[i] : i];
        const double gain = scale * gain_of(source < floor ? floor : source, damping, exponent);
        out[i] = (T)(in ? (double)in[i] * gain : gain);
    }
    if (threadIdx.x == 0)
        *mu = damping;
}

template <class T>
static gn_status spectral_power(cudaStream_t stream, size_t n, const void *values, double exponent,
                                double floor, bool normalized, const uint32_t *order, double *mu,
                                const void *in, void *out) {
    LAUNCH(spectral_power_kernel<T>, 1, ONE_BLOCK, 0, stream, n, as<T>(values), exponent, floor, normalized,
           order, mu, as<T>(in), as<T>(out));
    return launched();
}

gn_status gn_cuda_spectral_power(cudaStream_t stream, int type, size_t n, const void *values, double exponent,
                                 double floor, bool normalized, const uint32_t *order, double *mu,
                                 const void *in, void *out) {
    return BY_TYPE(type, spectral_power, stream, n, values, exponent, floor, normalized, order, mu, in, out);
}

/* ---- first_pivot: reads a sector of 32 bytes a row. The smallest index is the largest of -index, which
 * float64 holds exactly. ---- */

template <class T>
__global__ void __launch_bounds__(ONE_BLOCK)
    first_pivot_kernel(size_t n, const T *a, size_t lda, double *slot) {
    double first = -INFINITY;
    for (size_t i = threadIdx.x; i < n; i += ONE_BLOCK)
        if (!(a[i * lda + i] > 0))
            first = fmax(first, -(double)(i + 1));
    first = block_max<ONE_BLOCK>(first);
    if (threadIdx.x == 0)
        *slot = first == -INFINITY ? 0 : -first;
}

template <class T>
static gn_status first_pivot(cudaStream_t stream, size_t n, const void *a, size_t lda, double *slot) {
    LAUNCH(first_pivot_kernel<T>, 1, ONE_BLOCK, 0, stream, n, as<T>(a), lda, slot);
    return launched();
}

gn_status gn_cuda_first_pivot(cudaStream_t stream, int type, size_t n, const void *a, size_t lda,
                              double *slot) {
    return BY_TYPE(type, first_pivot, stream, n, a, lda, slot);
}

/* ---- lower_faults: reads s/2 bytes an element of the matrix, a warp a row. 0 x is NaN where x is not
 * finite. ---- */

constexpr unsigned FAULT_THREADS = 512;

template <class T>
__global__ void __launch_bounds__(FAULT_THREADS)
    lower_faults_kernel(size_t n, const T *__restrict__ a, size_t lda, scratch_area *scratch, double *slot) {
    const unsigned lane = threadIdx.x % 32, warp = blockIdx.x * (FAULT_THREADS / 32) + threadIdx.x / 32;
    T zero = 0;
    for (size_t i = warp; i < n; i += gridDim.x * (FAULT_THREADS / 32)) {
        UNROLL(4)
        for (size_t j = lane; j <= i; j += 32)
            zero += 0 * a[i * lda + j];
    }
    grid_sum<FAULT_THREADS>(zero == 0 ? 0 : 1, scratch, slot);
}

template <class T>
static gn_status lower_faults(cudaStream_t stream, size_t n, const void *a, size_t lda, double *slot,
                              void *scratch) {
    const unsigned grid = clamp_blocks(n / (FAULT_THREADS / 32), MOST_PARTIALS);
    LAUNCH(lower_faults_kernel<T>, grid, FAULT_THREADS, 0, stream, n, as<T>(a), lda, scratch_of(scratch),
           slot);
    return launched();
}

gn_status gn_cuda_lower_faults(cudaStream_t stream, int type, size_t n, const void *a, size_t lda,
                               double *slot, void *scratch) {
    return BY_TYPE(type, lower_faults, stream, n, a, lda, slot, scratch);
}
