/* A linear layer's block of the Jacobian, and its part of a Gram tile. Both are bound by memory.
 *
 * The large matrix (J, K) is covered by a plane: a thread keeps its columns of it and walks down the rows, so
 * what a column means (output and input of the layer, sample of the tile) is divided out once a thread, and a
 * warp writes 512 contiguous bytes of a row at a time. */
#include "launch.cuh"

/* ---- jacobian_linear: writes s bytes an element of J (s = 4 or 8). d and a are small beside J and come from
 * the caches: in a row, lanes share a few elements of d and read a in order. ---- */

template <class T, int V>
__global__ void __launch_bounds__(THREADS)
    jacobian_linear_kernel(size_t rows, size_t r, size_t out, size_t in, const T *__restrict__ d,
                           const T *__restrict__ a, size_t units, T *__restrict__ j, size_t ldj) {
    const size_t step = (size_t)gridDim.x * blockDim.x, packs = out * in / V;
    for (size_t u = (size_t)blockIdx.x * blockDim.x + threadIdx.x; u < units; u += step) {
        if (u < packs) { /* V columns of one output: V divides `in` */
            const size_t c = u * V, o = divide(c, in), i = c - o * in;
            UNROLL(4)
            for (row_walk row(r); row.m < rows; row.next()) {
                const T factor = d[row.m * out + o]; /* d: rows x out */
                pack<T, V> value = load<V>(a + row.n * in + i);
                for (int k = 0; k < V; k++)
                    value.at[k] *= factor;
                store<V>(j + row.m * ldj + c, value);
            }
        } else { /* one column of the bias */
            const size_t o = u - packs;
            for (size_t m = first_row(); m < rows; m += row_step())
                j[m * ldj + out * in + o] = d[m * out + o];
        }
    }
}

/* The widest pack that a, J and the rows of both allow: P is often even and no multiple of 4. */
template <class T> static size_t jacobian_pack(size_t in, const void *a, const void *j, size_t ldj) {
    size_t width = PACK<T>;
    while (width > 1 && ((in | ldj) % width != 0 || ((uintptr_t)a | (uintptr_t)j) % (width * sizeof(T)) != 0))
        width /= 2;
    return width;
}

template <class T, int V>
static gn_status jacobian_linear_by(cudaStream_t stream, size_t rows, size_t r, size_t out, size_t in,
                                    const void *d, const void *a, bool bias, void *j, size_t ldj) {
    const size_t units = out * in / V + (bias ? out : 0);
    const plane p = plane_of(rows, units);
    if (rows == 0 || units == 0)
        return GN_OK;
    LAUNCH((jacobian_linear_kernel<T, V>), p.grid, p.block, 0, stream, rows, r, out, in, as<T>(d), as<T>(a),
           units, as<T>(j), ldj);
    return launched();
}

template <class T>
static gn_status jacobian_linear(cudaStream_t stream, size_t n, size_t r, size_t out, size_t in,
                                 const void *d, const void *a, bool bias, void *j, size_t ldj) {
    const size_t width = jacobian_pack<T>(in, a, j, ldj), rows = n * r;
    if (width == PACK<T>)
        return jacobian_linear_by<T, PACK<T>>(stream, rows, r, out, in, d, a, bias, j, ldj);
    if (width == 2)
        return jacobian_linear_by<T, 2>(stream, rows, r, out, in, d, a, bias, j, ldj);
    return jacobian_linear_by<T, 1>(stream, rows, r, out, in, d, a, bias, j, ldj);
}

gn_status gn_cuda_jacobian_linear(cudaStream_t stream, int type, size_t n, size_t r, size_t out, size_t in,
                                  const void *d, const void *a, bool bias, void *j, size_t ldj) {
    return BY_TYPE(type, jacobian_linear, stream, n, r, out, in, d, a, bias, j, ldj);
}

/* ---- gram_hadamard: reads s (1 + 1/R^2), writes s bytes an element of K; reads s more where beta is not 0.
 * With lower, half of it. Rows above a column are skipped before anything of them is read. ---- */

/* g[n, (c + k) / R] for the columns of a pack; R = 1: g's own pack. */
template <class T, int W, bool ONE>
__device__ __forceinline__ pack<T, W> gram_factor(const T *g, size_t c, const size_t *sample) {
    pack<T, W> factor;
    if constexpr (ONE)
        factor = load<W>(g + c);
    else
        for (int k = 0; k < W; k++)
            factor.at[k] = g[sample[k]];
    return factor;
}

template <class T, int V, bool ONE>
__global__ void __launch_bounds__(THREADS)
    gram_hadamard_kernel(size_t rows, size_t columns, size_t r, const T *__restrict__ s, size_t lds,
                         const T *__restrict__ g, size_t ldg, T shift, T beta, bool read, bool lower,
                         T *__restrict__ k, size_t ldk) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        size_t sample[W];
        for (int v = 0; v < W; v++)
            sample[v] = ONE ? c + v : divide(c + v, r);
        for (row_walk row(r); row.m < rows; row.next()) {
            if (lower && row.m < c)
                continue;
            pack<T, W> value = load<W>(s + row.m * lds + c);
            const pack<T, W> factor = gram_factor<T, W, ONE>(g + row.n * ldg, c, sample);
            for (int v = 0; v < W; v++)
                value.at[v] *= factor.at[v] + shift;
            if (read) {
                const pack<T, W> old = load<W>(k + row.m * ldk + c);
                for (int v = 0; v < W; v++)
                    value.at[v] += beta * old.at[v];
            }
            store<W>(k + row.m * ldk + c, value);
        }
    });
}

template <class T, bool ONE>
static gn_status gram_hadamard_of(cudaStream_t stream, bool packed, size_t ni, size_t nj, size_t r,
                                  const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                  double beta, bool lower, void *k, size_t ldk) {
    const size_t rows = ni * r, columns = nj * r;
    const plane p = plane_of(rows, units_of(columns, packed, PACK<T>));
    if (packed)
        LAUNCH((gram_hadamard_kernel<T, PACK<T>, ONE>), p.grid, p.block, 0, stream, rows, columns, r,
               as<T>(s), lds, as<T>(g), ldg, (T)shift, (T)beta, beta != 0, lower, as<T>(k), ldk);
    else
        LAUNCH((gram_hadamard_kernel<T, 1, ONE>), p.grid, p.block, 0, stream, rows, columns, r, as<T>(s), lds,
               as<T>(g), ldg, (T)shift, (T)beta, beta != 0, lower, as<T>(k), ldk);
    return launched();
}

template <class T>
static gn_status gram_hadamard(cudaStream_t stream, size_t ni, size_t nj, size_t r, const void *s, size_t lds,
                               const void *g, size_t ldg, double shift, double beta, bool lower, void *k,
                               size_t ldk) {
    const bool large = lds % PACK<T> == 0 && ldk % PACK<T> == 0 && aligned(s, k);
    if (ni == 0 || nj == 0 || r == 0)
        return GN_OK;
    if (r > 1)
        return gram_hadamard_of<T, false>(stream, large, ni, nj, r, s, lds, g, ldg, shift, beta, lower, k,
                                          ldk);
    return gram_hadamard_of<T, true>(stream, large && ldg % PACK<T> == 0 && aligned(g), ni, nj, r, s, lds, g,
                                     ldg, shift, beta, lower, k, ldk);
}

gn_status gn_cuda_gram_hadamard(cudaStream_t stream, int type, size_t ni, size_t nj, size_t r, const void *s,
                                size_t lds, const void *g, size_t ldg, double shift, double beta, bool lower,
                                void *k, size_t ldk) {
    return BY_TYPE(type, gram_hadamard, stream, ni, nj, r, s, lds, g, ldg, shift, beta, lower, k, ldk);
}
