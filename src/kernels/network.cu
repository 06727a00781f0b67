/* Networks: bias rows, activations, and the rows of cotangents that the Jacobian and the Gram are made of.
 *
 * All are bound by memory; the comment of each says how many bytes an element costs. Matrices are covered by
 * a plane: a thread keeps its columns and walks down rows, so that what belongs to a column (a bias, r') is
 * read or computed once and nothing is divided within a loop. */
#include "activations.cuh"

/* ---- bias_rows: writes s bytes an element (s = 4 or 8) ---- */

template <class T, int V>
__global__ void bias_rows_kernel(size_t rows, size_t columns, const T *__restrict__ bias, T *__restrict__ y) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> row;
        for (int k = 0; k < W; k++) /* elements: a bias may begin anywhere in the flat parameters */
            row.at[k] = bias ? bias[c + k] : (T)0;
        for (size_t i = first_row(); i < rows; i += row_step())
            store<W>(y + i * columns + c, row);
    });
}

template <class T>
static gn_status bias_rows(cudaStream_t stream, size_t rows, size_t columns, const void *bias, void *y) {
    const bool packed = columns % PACK<T> == 0 && aligned(y);
    const plane p = plane_of(rows, units_of(columns, packed, PACK<T>));
    if (rows == 0 || columns == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, bias_rows_kernel, T, p.grid, p.block, stream, rows, columns, as<T>(bias), as<T>(y));
    return launched();
}

gn_status gn_cuda_bias_rows(cudaStream_t stream, int type, size_t rows, size_t columns, const void *bias,
                            void *y) {
    return BY_TYPE(type, bias_rows, stream, rows, columns, bias, y);
}

/* ---- activations ---- */

/* Reads s, writes 2 s bytes an element (1 s without the slope). At the bandwidth of an H100 that leaves some
 * 100 instructions an element: float32 stays bound by memory, float64's gelu and sin come close to the
 * arithmetic. */
template <class T, int V, class Function>
__global__ void activation_kernel(size_t n, const T *z, T *a, T *slope) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> x = load<W>(z + i);
        pack<T, W> value, derivative;
        for (int k = 0; k < W; k++)
            Function::at(x.at[k], &value.at[k], &derivative.at[k]);
        store<W>(a + i, value);
        if (slope)
            store<W>(slope + i, derivative);
    });
}

template <class T, class Function>
static gn_status activate(cudaStream_t stream, size_t n, const void *z, void *a, void *slope) {
    const bool packed = aligned(z, a, slope);
    const unsigned grid = line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS);
    if (n == 0)
        return GN_OK;
    if (packed)
        LAUNCH((activation_kernel<T, PACK<T>, Function>), grid, THREADS, 0, stream, n, as<T>(z), as<T>(a),
               as<T>(slope));
    else
        LAUNCH((activation_kernel<T, 1, Function>), grid, THREADS, 0, stream, n, as<T>(z), as<T>(a),
               as<T>(slope));
    return launched();
}

template <class T>
static gn_status activation(cudaStream_t stream, int kind, size_t n, const void *z, void *a, void *slope) {
    return BY_ACTIVATION(kind, T, activate, stream, n, z, a, slope);
}

gn_status gn_cuda_activation(cudaStream_t stream, int type, int kind, size_t n, const void *z, void *a,
                             void *slope) {
    return BY_TYPE(type, activation, stream, kind, n, z, a, slope);
}

/* ---- activation_vjp_jvp: reads 4 s, writes s bytes an element ---- */

template <class T, int V, class Function>
__global__ void activation_vjp_jvp_kernel(size_t n, const T *__restrict__ z, const T *__restrict__ dz,
                                          const T *__restrict__ d, const T *d_dot, T *out) {
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> x = load<W>(z + i), dx = load<W>(dz + i), u = load<W>(d + i);
        pack<T, W> to = load<W>(d_dot + i);
        for (int k = 0; k < W; k++) {
            T value, slope, second, third;
            Function::at(x.at[k], &value, &slope);
            Function::curve(x.at[k], value, slope, &second, &third);
            to.at[k] = slope * to.at[k] + second * dx.at[k] * u.at[k];
        }
        store<W>(out + i, to);
    });
}

template <class T, class Function>
static gn_status bend(cudaStream_t stream, size_t n, const void *z, const void *dz, const void *d,
                      const void *d_dot, void *out) {
    const bool packed = aligned(z, dz, d, d_dot, out);
    const unsigned grid = line_grid(packed ? n / PACK<T> : n, MOST_BLOCKS);
    if (n == 0)
        return GN_OK;
    if (packed)
        LAUNCH((activation_vjp_jvp_kernel<T, PACK<T>, Function>), grid, THREADS, 0, stream, n, as<T>(z),
               as<T>(dz), as<T>(d), as<T>(d_dot), as<T>(out));
    else
        LAUNCH((activation_vjp_jvp_kernel<T, 1, Function>), grid, THREADS, 0, stream, n, as<T>(z), as<T>(dz),
               as<T>(d), as<T>(d_dot), as<T>(out));
    return launched();
}

template <class T>
static gn_status activation_vjp_jvp(cudaStream_t stream, int kind, size_t n, const void *z, const void *dz,
                                    const void *d, const void *d_dot, void *out) {
    return BY_ACTIVATION(kind, T, bend, stream, n, z, dz, d, d_dot, out);
}

gn_status gn_cuda_activation_vjp_jvp(cudaStream_t stream, int type, int kind, size_t n, const void *z,
                                     const void *dz, const void *d, const void *d_dot, void *out) {
    return BY_TYPE(type, activation_vjp_jvp, stream, kind, n, z, dz, d, d_dot, out);
}

/* ---- multiply_rows: reads s (1 + 1/R), writes s bytes an element of N x R x W ---- */

template <class T, int V>
__global__ void multiply_rows_kernel(size_t rows, size_t r, size_t columns, const T *in,
                                     const T *__restrict__ s, T *out) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (row_walk row(r); row.m < rows; row.next()) {
            pack<T, W> value = load<W>(in + row.m * columns + c);
            const pack<T, W> factor = load<W>(s + row.n * columns + c);
            for (int k = 0; k < W; k++)
                value.at[k] *= factor.at[k];
            store<W>(out + row.m * columns + c, value);
        }
    });
}

template <class T>
static gn_status multiply_rows(cudaStream_t stream, size_t n, size_t r, size_t w, const void *in,
                               const void *s, void *out) {
    const bool packed = w % PACK<T> == 0 && aligned(in, s, out);
    const plane p = plane_of(n * r, units_of(w, packed, PACK<T>));
    if (n == 0 || r == 0 || w == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, multiply_rows_kernel, T, p.grid, p.block, stream, n * r, r, w, as<T>(in), as<T>(s),
                  as<T>(out));
    return launched();
}

gn_status gn_cuda_multiply_rows(cudaStream_t stream, int type, size_t n, size_t r, size_t w, const void *in,
                                const void *s, void *out) {
    return BY_TYPE(type, multiply_rows, stream, n, r, w, in, s, out);
}

/* ---- contract_rows: reads s (1 + 1/W), writes s/R bytes an element of N x R x W. A thread adds its columns
 * over r in float64, in order. ---- */

template <class T, int V>
__global__ void contract_rows_kernel(size_t n, size_t r, size_t columns, const T *__restrict__ u,
                                     const T *__restrict__ d, T *__restrict__ out) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (size_t i = first_row(); i < n; i += row_step()) {
            double sums[W] = {};
            UNROLL(4)
            for (size_t q = 0; q < r; q++) {
                const pack<T, W> value = load<W>(d + (i * r + q) * columns + c);
                const double factor = (double)u[i * r + q];
                for (int k = 0; k < W; k++)
                    sums[k] += factor * (double)value.at[k];
            }
            pack<T, W> result;
            for (int k = 0; k < W; k++)
                result.at[k] = (T)sums[k];
            store<W>(out + i * columns + c, result);
        }
    });
}

template <class T>
static gn_status contract_rows(cudaStream_t stream, size_t n, size_t r, size_t w, const void *u,
                               const void *d, void *out) {
    const bool packed = w % PACK<T> == 0 && aligned(d, out);
    const plane p = plane_of(n, units_of(w, packed, PACK<T>));
    if (n == 0 || w == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, contract_rows_kernel, T, p.grid, p.block, stream, n, r, w, as<T>(u), as<T>(d),
                  as<T>(out));
    return launched();
}

gn_status gn_cuda_contract_rows(cudaStream_t stream, int type, size_t n, size_t r, size_t w, const void *u,
                                const void *d, void *out) {
    return BY_TYPE(type, contract_rows, stream, n, r, w, u, d, out);
}

/* ---- unit_rows: writes s bytes an element of N x R x R ---- */

template <class T, int V> __global__ void unit_rows_kernel(size_t rows, size_t r, T *d) {
    for_columns<V>(r, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (row_walk row(r); row.m < rows; row.next()) {
            pack<T, W> unit;
            for (int k = 0; k < W; k++)
                unit.at[k] = row.r == c + k ? 1 : 0;
            store<W>(d + row.m * r + c, unit);
        }
    });
}

template <class T> static gn_status unit_rows(cudaStream_t stream, size_t n, size_t r, void *d) {
    const bool packed = r % PACK<T> == 0 && aligned(d);
    const plane p = plane_of(n * r, units_of(r, packed, PACK<T>));
    if (n == 0 || r == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, unit_rows_kernel, T, p.grid, p.block, stream, n * r, r, as<T>(d));
    return launched();
}

gn_status gn_cuda_unit_rows(cudaStream_t stream, int type, size_t n, size_t r, void *d) {
    return BY_TYPE(type, unit_rows, stream, n, r, d);
}
