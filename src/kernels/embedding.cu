/* Embeddings: rows of a table by token, the adjoint of that, and their parts of the Jacobian and the Gram.
 *
 * All are bound by memory. The adjoint is a sum over rows that share a token; float atomics would make its
 * bits depend on the schedule, so a thread owns one element of the result and walks over all rows in order.
 * The tokens it looks at come from the caches: rows x V comparisons, cheap for the vocabularies of small
 * models. */
#include "launch.cuh"

/* The token as an index, or v where it is none (NaN is none). */
template <class T> __device__ __forceinline__ size_t token_index(T token, size_t v) {
    if (!(token >= 0 && token < (T)v))
        return v;
    const size_t index = (size_t)token;
    return (T)index == token ? index : v;
}

/* ---- copy_rows: reads s, writes s bytes an element ---- */

template <class T, int V>
__global__ void copy_rows_kernel(size_t rows, size_t columns, const T *__restrict__ from, size_t ldf,
                                 T *__restrict__ to, size_t ldt) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (size_t i = first_row(); i < rows; i += row_step())
            store<W>(to + i * ldt + c, load<W>(from + i * ldf + c));
    });
}

template <class T>
static gn_status copy_rows(cudaStream_t stream, size_t rows, size_t columns, const void *from, size_t ldf,
                           void *to, size_t ldt) {
    const bool packed = ldf % PACK<T> == 0 && ldt % PACK<T> == 0 && aligned(from, to);
    const plane p = plane_of(rows, units_of(columns, packed, PACK<T>));
    if (rows == 0 || columns == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, copy_rows_kernel, T, p.grid, p.block, stream, rows, columns, as<T>(from), ldf,
                  as<T>(to), ldt);
    return launched();
}

gn_status gn_cuda_copy_rows(cudaStream_t stream, int type, size_t rows, size_t columns, const void *from,
                            size_t ldf, void *to, size_t ldt) {
    return BY_TYPE(type, copy_rows, stream, rows, columns, from, ldf, to, ldt);
}

/* ---- embed: reads s, writes s bytes an element ---- */

template <class T, int V>
__global__ void embed_kernel(size_t rows, size_t columns, size_t v, const T *__restrict__ tokens,
                             const T *__restrict__ table, T *__restrict__ out) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (size_t i = first_row(); i < rows; i += row_step()) {
            const size_t token = token_index(tokens[i], v);
            pack<T, W> row;
            for (int k = 0; k < W; k++) /* elements: a table may begin anywhere in the flat parameters */
                row.at[k] = token < v ? table[token * columns + c + k] : (T)NAN;
            store<W>(out + i * columns + c, row);
        }
    });
}

template <class T>
static gn_status embed(cudaStream_t stream, size_t rows, size_t w, size_t v, const void *tokens,
                       const void *table, void *out) {
    const bool packed = w % PACK<T> == 0 && aligned(out);
    const plane p = plane_of(rows, units_of(w, packed, PACK<T>));
    if (rows == 0 || w == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, embed_kernel, T, p.grid, p.block, stream, rows, w, v, as<T>(tokens), as<T>(table),
                  as<T>(out));
    return launched();
}

gn_status gn_cuda_embed(cudaStream_t stream, int type, size_t rows, size_t w, size_t v, const void *tokens,
                        const void *table, void *out) {
    return BY_TYPE(type, embed, stream, rows, w, v, tokens, table, out);
}

/* ---- embed_adjoint: reads s bytes an element of d, and the tokens once a row of the result ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    embed_adjoint_kernel(size_t n, size_t t, bool pairs, size_t columns, size_t v,
                         const T *__restrict__ tokens, const T *__restrict__ d, T *__restrict__ to) {
    for_columns<1>(columns, [&](size_t c, auto) {
        for (size_t token = first_row(); token < v; token += row_step()) {
            const T mine = (T)token, *from = d + c;
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                for (size_t p = 0; p < t; p++) {
                    const size_t first = pairs ? 0 : p;
                    if (tokens[i * t + p] != mine) {
                        from += (p + 1 - first) * columns;
                        continue;
                    }
                    for (size_t q = first; q <= p; q++, from += columns)
                        if (tokens[i * t + q] == mine)
                            sum += (double)*from;
                }
            to[token * columns + c] = (T)sum;
        }
    });
}

template <class T>
static gn_status embed_adjoint(cudaStream_t stream, size_t n, size_t t, bool pairs, size_t w, size_t v,
                               const void *tokens, const void *d, void *to) {
    const plane p = plane_of(v, w);
    if (v == 0 || w == 0)
        return GN_OK;
    LAUNCH(embed_adjoint_kernel<T>, p.grid, p.block, 0, stream, n, t, pairs, w, v, as<T>(tokens), as<T>(d),
           as<T>(to));
    return launched();
}

gn_status gn_cuda_embed_adjoint(cudaStream_t stream, int type, size_t n, size_t t, bool pairs, size_t w,
                                size_t v, const void *tokens, const void *d, void *to) {
    return BY_TYPE(type, embed_adjoint, stream, n, t, pairs, w, v, tokens, d, to);
}

/* ---- embed_matches: writes s bytes an element ---- */

template <class T>
__global__ void embed_matches_kernel(size_t rows, size_t columns, const T *__restrict__ a,
                                     const T *__restrict__ b, T *__restrict__ g, size_t ldg) {
    for_columns<1>(columns, [&](size_t c, auto) {
        const T token = b[c];
        for (size_t i = first_row(); i < rows; i += row_step())
            g[i * ldg + c] = a[i] == token ? 1 : 0;
    });
}

template <class T>
static gn_status embed_matches(cudaStream_t stream, size_t rows, size_t columns, const void *a, const void *b,
                               void *g, size_t ldg) {
    const plane p = plane_of(rows, columns);
    if (rows == 0 || columns == 0)
        return GN_OK;
    LAUNCH(embed_matches_kernel<T>, p.grid, p.block, 0, stream, rows, columns, as<T>(a), as<T>(b), as<T>(g),
           ldg);
    return launched();
}

gn_status gn_cuda_embed_matches(cudaStream_t stream, int type, size_t rows, size_t columns, const void *a,
                                const void *b, void *g, size_t ldg) {
    return BY_TYPE(type, embed_matches, stream, rows, columns, a, b, g, ldg);
}

/* ---- jacobian_embed: writes s bytes an element of J; a thread owns a column ---- */

template <class T>
__global__ void __launch_bounds__(THREADS)
    jacobian_embed_kernel(size_t rows, size_t r, size_t t, size_t w, size_t columns,
                          const T *__restrict__ tokens, const T *__restrict__ d, T *__restrict__ j,
                          size_t ldj) {
    for_columns<1>(columns, [&](size_t c, auto) {
        const size_t token = divide(c, w), k = c - token * w;
        const T mine = (T)token;
        for (row_walk row(r); row.m < rows; row.next()) {
            T sum = 0;
            for (size_t p = 0; p < t; p++)
                if (tokens[row.n * t + p] == mine)
                    sum += d[(row.m * t + p) * w + k];
            j[row.m * ldj + c] = sum;
        }
    });
}

template <class T>
static gn_status jacobian_embed(cudaStream_t stream, size_t n, size_t r, size_t t, size_t w, size_t v,
                                const void *tokens, const void *d, void *j, size_t ldj) {
    const plane p = plane_of(n * r, v * w);
    if (n == 0 || r == 0 || v == 0 || w == 0)
        return GN_OK;
    LAUNCH(jacobian_embed_kernel<T>, p.grid, p.block, 0, stream, n * r, r, t, w, v * w, as<T>(tokens),
           as<T>(d), as<T>(j), ldj);
    return launched();
}

gn_status gn_cuda_jacobian_embed(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 size_t v, const void *tokens, const void *d, void *j, size_t ldj) {
    return BY_TYPE(type, jacobian_embed, stream, n, r, t, w, v, tokens, d, j, ldj);
}
