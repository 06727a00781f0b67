/* A linear layer's block of the Jacobian, its part of a Gram tile, and the products of pairs of positions
 * that the diagonal is made of. All are bound by memory. With one position a sample (t = 1: an mlp) the first
 * two have kernels of their own, which move packs; with several, T^2 elements become one.
 *
 * The large matrix (J, K) is covered by a plane: a thread keeps its columns of it and walks down the rows, so
 * what a column means (output and input of the layer, sample of the tile) is divided out once a thread, and a
 * warp writes 512 contiguous bytes of a row at a time. */
#include "launch.cuh"

/* ---- jacobian_linear: writes s bytes an element of J (s = 4 or 8). d and a are small beside J and come from
 * the caches: in a row, lanes share a few elements of d and read a in order. ---- */

template <class T, int V>
__global__ void __launch_bounds__(THREADS)
    jacobian_linear_kernel(size_t rows, size_t r, size_t out, size_t in, const T *__restrict__ d, size_t ldd,
                           const T *__restrict__ a, size_t units, T *__restrict__ j, size_t ldj) {
    const size_t step = (size_t)gridDim.x * blockDim.x, packs = out * in / V;
    for (size_t u = (size_t)blockIdx.x * blockDim.x + threadIdx.x; u < units; u += step) {
        if (u < packs) { /* V columns of one output: V divides `in` */
            const size_t c = u * V, o = divide(c, in), i = c - o * in;
            UNROLL(4)
            for (row_walk row(r); row.m < rows; row.next()) {
                const T factor = d[row.m * ldd + o]; /* d: rows x out */
                pack<T, V> value = load<V>(a + row.n * in + i);
                for (int k = 0; k < V; k++)
                    value.at[k] *= factor;
                store<V>(j + row.m * ldj + c, value);
            }
        } else { /* one column of the bias */
            const size_t o = u - packs;
            for (size_t m = first_row(); m < rows; m += row_step())
                j[m * ldj + out * in + o] = d[m * ldd + o];
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
                                    const void *d, size_t ldd, const void *a, bool bias, void *j,
                                    size_t ldj) {
    const size_t units = out * in / V + (bias ? out : 0);
    const plane p = plane_of(rows, units);
    if (rows == 0 || units == 0)
        return GN_OK;
    LAUNCH((jacobian_linear_kernel<T, V>), p.grid, p.block, 0, stream, rows, r, out, in, as<T>(d), ldd,
           as<T>(a), units, as<T>(j), ldj);
    return launched();
}

/* Several positions: a thread adds up a column of J over them. */
template <class T>
__global__ void __launch_bounds__(THREADS)
    jacobian_positions_kernel(size_t rows, size_t r, size_t t, size_t out, size_t in, const T *__restrict__ d,
                              size_t ldd, const T *__restrict__ a, size_t columns, T *__restrict__ j,
                              size_t ldj) {
    for_columns<1>(columns, [&](size_t c, auto) {
        const bool weight = c < out * in;
        const size_t o = weight ? divide(c, in) : c - out * in, i = c - o * in;
        for (row_walk row(r); row.m < rows; row.next()) {
            T sum = 0;
            for (size_t p = 0; p < t; p++) {
                const T factor = d[(row.m * t + p) * ldd + o];
                sum += weight ? factor * a[(row.n * t + p) * in + i] : factor;
            }
            j[row.m * ldj + c] = sum;
        }
    });
}

template <class T>
static gn_status jacobian_positions(cudaStream_t stream, size_t rows, size_t r, size_t t, size_t out,
                                    size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                    size_t ldj) {
    const size_t columns = out * (in + (bias ? 1 : 0));
    const plane p = plane_of(rows, columns);
    if (rows == 0 || columns == 0)
        return GN_OK;
    LAUNCH(jacobian_positions_kernel<T>, p.grid, p.block, 0, stream, rows, r, t, out, in, as<T>(d), ldd,
           as<T>(a), columns, as<T>(j), ldj);
    return launched();
}

template <class T>
static gn_status jacobian_linear(cudaStream_t stream, size_t n, size_t r, size_t t, size_t out, size_t in,
                                 const void *d, size_t ldd, const void *a, bool bias, void *j, size_t ldj) {
    const size_t width = jacobian_pack<T>(in, a, j, ldj), rows = n * r;
    if (t != 1)
        return jacobian_positions<T>(stream, rows, r, t, out, in, d, ldd, a, bias, j, ldj);
    if (width == PACK<T>)
        return jacobian_linear_by<T, PACK<T>>(stream, rows, r, out, in, d, ldd, a, bias, j, ldj);
    if (width == 2)
        return jacobian_linear_by<T, 2>(stream, rows, r, out, in, d, ldd, a, bias, j, ldj);
    return jacobian_linear_by<T, 1>(stream, rows, r, out, in, d, ldd, a, bias, j, ldj);
}

gn_status gn_cuda_jacobian_linear(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t out,
                                  size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                  size_t ldj) {
    return BY_TYPE(type, jacobian_linear, stream, n, r, t, out, in, d, ldd, a, bias, j, ldj);
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

/* Several positions: reads s T^2 bytes, writes s bytes an element of K. Lanes take neighbouring columns, so
 * that their T elements of a row of s lie next to each other. */

/* Element (i, j) of a symmetric matrix of which the lower triangle is there. */
template <class T> __device__ __forceinline__ T of_lower(const T *x, size_t ld, size_t i, size_t j) {
    return i >= j ? x[i * ld + j] : x[j * ld + i];
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    gram_positions_kernel(size_t rows, size_t columns, size_t r, size_t t, const T *__restrict__ s,
                          size_t lds, const T *__restrict__ g, size_t ldg, T shift, T beta, bool read,
                          bool lower, T *__restrict__ k, size_t ldk) {
    for_columns<1>(columns, [&](size_t c, auto) {
        const size_t sample = divide(c, r);
        for (row_walk row(r); row.m < rows; row.next()) {
            if (lower && row.m < c)
                continue;
            const bool own = lower && row.n == sample; /* some of what is needed lies above the diagonal */
            T sum = 0;
            for (size_t p = 0; p < t; p++)
                for (size_t q = 0; q < t; q++) {
                    const size_t si = row.m * t + p, sj = c * t + q, gi = row.n * t + p, gj = sample * t + q;
                    const T product = own ? of_lower(s, lds, si, sj) : s[si * lds + sj];
                    sum += product * ((own ? of_lower(g, ldg, gi, gj) : g[gi * ldg + gj]) + shift);
                }
            k[row.m * ldk + c] = read ? beta * k[row.m * ldk + c] + sum : sum;
        }
    });
}

template <class T>
static gn_status gram_positions(cudaStream_t stream, size_t rows, size_t columns, size_t r, size_t t,
                                const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                double beta, bool lower, void *k, size_t ldk) {
    const plane p = plane_of(rows, columns);
    LAUNCH(gram_positions_kernel<T>, p.grid, p.block, 0, stream, rows, columns, r, t, as<T>(s), lds, as<T>(g),
           ldg, (T)shift, (T)beta, beta != 0, lower, as<T>(k), ldk);
    return launched();
}

template <class T>
static gn_status gram_hadamard(cudaStream_t stream, size_t ni, size_t nj, size_t r, size_t t, const void *s,
                               size_t lds, const void *g, size_t ldg, double shift, double beta, bool lower,
                               void *k, size_t ldk) {
    const bool large = lds % PACK<T> == 0 && ldk % PACK<T> == 0 && aligned(s, k);
    if (ni == 0 || nj == 0 || r == 0)
        return GN_OK;
    if (t != 1)
        return gram_positions<T>(stream, ni * r, nj * r, r, t, s, lds, g, ldg, shift, beta, lower, k, ldk);
    if (r > 1)
        return gram_hadamard_of<T, false>(stream, large, ni, nj, r, s, lds, g, ldg, shift, beta, lower, k,
                                          ldk);
    return gram_hadamard_of<T, true>(stream, large && ldg % PACK<T> == 0 && aligned(g), ni, nj, r, s, lds, g,
                                     ldg, shift, beta, lower, k, ldk);
}

gn_status gn_cuda_gram_hadamard(cudaStream_t stream, int type, size_t ni, size_t nj, size_t r, size_t t,
                                const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                double beta, bool lower, void *k, size_t ldk) {
    return BY_TYPE(type, gram_hadamard, stream, ni, nj, r, t, s, lds, g, ldg, shift, beta, lower, k, ldk);
}

/* ---- pair_products: reads 2 s, writes s/R bytes a product of N x R x pairs x W. A thread adds over r in
 * float64, in order. ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    pair_products_kernel(size_t rows, size_t pairs, size_t r, size_t t, size_t columns, double twice,
                         const T *__restrict__ d, T *__restrict__ out) {
    for_columns<1>(columns, [&](size_t c, auto) {
        for (row_walk row(pairs); row.m < rows; row.next()) {
            size_t p = 0; /* row.r = p (p + 1) / 2 + q */
            while ((p + 1) * (p + 2) / 2 <= row.r)
                p++;
            const size_t q = row.r - p * (p + 1) / 2, step = t * columns;
            const T *at = d + row.n * r * step + c;
            double sum = 0;
            UNROLL(4)
            for (size_t l = 0; l < r; l++)
                sum += (double)at[l * step + p * columns] * (double)at[l * step + q * columns];
            out[row.m * columns + c] = (T)((p == q ? 1 : twice) * sum);
        }
    });
}

template <class T>
static gn_status pair_products(cudaStream_t stream, size_t n, size_t r, size_t t, size_t w, double twice,
                               const void *d, void *out) {
    const size_t pairs = t * (t + 1) / 2;
    const plane p = plane_of(n * pairs, w);
    if (n == 0 || t == 0 || w == 0)
        return GN_OK;
    LAUNCH(pair_products_kernel<T>, p.grid, p.block, 0, stream, n * pairs, pairs, r, t, w, twice, as<T>(d),
           as<T>(out));
    return launched();
}

gn_status gn_cuda_pair_products(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                double twice, const void *d, void *out) {
    return BY_TYPE(type, pair_products, stream, n, r, t, w, twice, d, out);
}
