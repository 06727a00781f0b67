/* Vectors and rows: fill, y = alpha x + beta y, element products, gathers.
 *
 * Nothing is read twice, so the floor is the bytes of the operands over the bandwidth. A thread moves one
 * pack of 16 bytes an operand and pass; 2048 resident threads keep 32 KiB an operand in flight on each
 * multiprocessor, more than the 18 KiB that latency times bandwidth asks of an H100. Vectors that do not
 * begin at a multiple of 16 bytes (a bias within the flat parameters) take single elements: the same bytes by
 * more instructions. */
#include "launch.cuh"

/* ---- fill: writes s bytes an element (s = 4 or 8) ---- */

template <class T, int V> __global__ void fill_kernel(size_t n, T value, T *x) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> values;
        for (int k = 0; k < W; k++)
            values.at[k] = value;
        store<W>(x + i, values);
    });
}

template <class T> static gn_status fill(cudaStream_t stream, size_t n, double value, void *x) {
    const bool packed = aligned(x);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, fill_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS), THREADS, stream,
                  n, (T)value, as<T>(x));
    return launched();
}

gn_status gn_cuda_fill(cudaStream_t stream, int type, size_t n, double value, void *x) {
    return BY_TYPE(type, fill, stream, n, value, x);
}

/* ---- axpby, axpby_ratio: reads 2 s, writes s bytes an element; with beta = 0 reads s ---- */

template <class T, int V>
__device__ static void axpby_elements(size_t n, T alpha, const T *x, T beta, bool read, T *y) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> value = load<W>(x + i);
        if (read) {
            const pack<T, W> old = load<W>(y + i);
            for (int k = 0; k < W; k++)
                value.at[k] = alpha * value.at[k] + beta * old.at[k];
        } else {
            for (int k = 0; k < W; k++)
                value.at[k] *= alpha;
        }
        store<W>(y + i, value);
    });
}

template <class T, int V>
__global__ void axpby_kernel(size_t n, T alpha, const T *x, T beta, bool read, T *y) {
    axpby_elements<T, V>(n, alpha, x, beta, read, y);
}

template <class T, int V>
__global__ void axpby_ratio_kernel(size_t n, const double *a, const double *b, const double *c, const T *x,
                                   T beta, bool read, T *y) {
    const double alpha = ((a ? *a : 0) - (b ? *b : 0)) / *c;
    axpby_elements<T, V>(n, (T)alpha, x, beta, read, y);
}

template <class T>
static gn_status axpby(cudaStream_t stream, size_t n, double alpha, const void *x, double beta, void *y) {
    const bool packed = aligned(x, y);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, axpby_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS), THREADS, stream,
                  n, (T)alpha, as<T>(x), (T)beta, beta != 0, as<T>(y));
    return launched();
}

gn_status gn_cuda_axpby(cudaStream_t stream, int type, size_t n, double alpha, const void *x, double beta,
                        void *y) {
    return BY_TYPE(type, axpby, stream, n, alpha, x, beta, y);
}

template <class T>
static gn_status axpby_ratio(cudaStream_t stream, size_t n, const double *a, const double *b, const double *c,
                             const void *x, double beta, void *y) {
    const bool packed = aligned(x, y);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, axpby_ratio_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS), THREADS,
                  stream, n, a, b, c, as<T>(x), (T)beta, beta != 0, as<T>(y));
    return launched();
}

gn_status gn_cuda_axpby_ratio(cudaStream_t stream, int type, size_t n, const double *a, const double *b,
                              const double *c, const void *x, double beta, void *y) {
    return BY_TYPE(type, axpby_ratio, stream, n, a, b, c, x, beta, y);
}

/* ---- multiply: reads 2 s, writes s bytes an element ---- */

template <class T, int V> __global__ void multiply_kernel(size_t n, const T *x, const T *y, T *z) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> product = load<W>(x + i);
        const pack<T, W> factor = load<W>(y + i);
        for (int k = 0; k < W; k++)
            product.at[k] *= factor.at[k];
        store<W>(z + i, product);
    });
}

template <class T>
static gn_status multiply(cudaStream_t stream, size_t n, const void *x, const void *y, void *z) {
    const bool packed = aligned(x, y, z);
    if (n == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, multiply_kernel, T, line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS), THREADS,
                  stream, n, as<T>(x), as<T>(y), as<T>(z));
    return launched();
}

gn_status gn_cuda_multiply(cudaStream_t stream, int type, size_t n, const void *x, const void *y, void *z) {
    return BY_TYPE(type, multiply, stream, n, x, y, z);
}

/* ---- gather_rows: reads s, writes s bytes an element, and 4 bytes of index a row. Rows that are shorter
 * than the 32 bytes of a memory sector still cost a sector each. ---- */

template <class T, int V>
__global__ void gather_rows_kernel(size_t rows, size_t columns, const uint32_t *__restrict__ index,
                                   const T *__restrict__ from, T *__restrict__ to) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        UNROLL(4)
        for (size_t i = first_row(); i < rows; i += row_step())
            store<W>(to + i * columns + c, load<W>(from + index[i] * columns + c));
    });
}

template <class T>
static gn_status gather_rows(cudaStream_t stream, size_t rows, size_t columns, const uint32_t *index,
                             const void *from, void *to) {
    const bool packed = columns % PACK<T> == 0 && aligned(from, to);
    const plane p = plane_of(rows, units_of(columns, packed, PACK<T>));
    if (rows == 0 || columns == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, gather_rows_kernel, T, p.grid, p.block, stream, rows, columns, index, as<T>(from),
                  as<T>(to));
    return launched();
}

gn_status gn_cuda_gather_rows(cudaStream_t stream, int type, size_t rows, size_t columns,
                              const uint32_t *index, const void *from, void *to) {
    return BY_TYPE(type, gather_rows, stream, rows, columns, index, from, to);
}
