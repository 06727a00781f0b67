/* Scalars of a solver's loop, in device memory: a CG iteration computes alpha and beta, applies them and
 * tests for convergence without the host. One thread each; the launch is the whole cost, so what can be
 * folded into a vector kernel is (axpby_slots takes its coefficients from slots). */
#include "launch.cuh"

/* 24 bytes each: two slots read, one written. */
__global__ static void slot_ratio_kernel(double scale, const double *a, const double *b, double *out) {
    *out = scale * *a / *b;
}

__global__ static void slot_axpby_kernel(double alpha, const double *a, double beta, const double *b,
                                         double *out) {
    *out = alpha * *a + (b ? beta * *b : beta);
}

__global__ static void slot_negate_kernel(const double *a, double *out) {
    *out = -*a;
}

__global__ static void slot_greater_kernel(const double *a, double scale, const double *b, double *out) {
    *out = *a > scale * *b;
}

gn_status gn_cuda_slot_ratio(cudaStream_t stream, double scale, const double *a, const double *b,
                             double *out) {
    LAUNCH(slot_ratio_kernel, 1, 1, 0, stream, scale, a, b, out);
    return launched();
}

gn_status gn_cuda_slot_axpby(cudaStream_t stream, double alpha, const double *a, double beta, const double *b,
                             double *out) {
    LAUNCH(slot_axpby_kernel, 1, 1, 0, stream, alpha, a, beta, b, out);
    return launched();
}

gn_status gn_cuda_slot_negate(cudaStream_t stream, const double *a, double *out) {
    LAUNCH(slot_negate_kernel, 1, 1, 0, stream, a, out);
    return launched();
}

gn_status gn_cuda_slot_greater(cudaStream_t stream, const double *a, double scale, const double *b,
                               double *out) {
    LAUNCH(slot_greater_kernel, 1, 1, 0, stream, a, scale, b, out);
    return launched();
}

/* ---- axpby_slots: reads 2 s, writes s bytes an element (s = 4 or 8); with beta = 0 reads s. The slots are
 * the same address for all threads: one transaction, then the cache. ---- */

template <class T, int V>
__global__ void axpby_slots_kernel(size_t n, double alpha, const double *a, const T *x, double beta,
                                   const double *b, T *y) {
    const T p = (T)(a ? alpha * *a : alpha), q = (T)(b ? beta * *b : beta);
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> value = load<W>(x + i);
        if (beta != 0) {
            const pack<T, W> old = load<W>(y + i);
            for (int k = 0; k < W; k++)
                value.at[k] = p * value.at[k] + q * old.at[k];
        } else {
            for (int k = 0; k < W; k++)
                value.at[k] *= p;
        }
        store<W>(y + i, value);
    });
}

template <class T>
static gn_status axpby_slots(cudaStream_t stream, size_t n, double alpha, const double *a, const void *x,
                             double beta, const double *b, void *y) {
    const bool packed = aligned(x, y);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, axpby_slots_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS), THREADS,
                  stream, n, alpha, a, as<T>(x), beta, b, as<T>(y));
    return launched();
}

gn_status gn_cuda_axpby_slots(cudaStream_t stream, int type, size_t n, double alpha, const double *a,
                              const void *x, double beta, const double *b, void *y) {
    return BY_TYPE(type, axpby_slots, stream, n, alpha, a, x, beta, b, y);
}
