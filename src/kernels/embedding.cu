/* Embeddings: rows of a table by token, the adjoint of that, and their parts of the Jacobian and the Gram.
 *
 * All are bound by memory. The adjoint is a sum over rows that share a token; float atomics would make its
 * bits depend on the schedule, so the rows are first sorted by token, in order within each (a counting sort
 * by one block), and a thread owns one element of the result: work in proportion to rows + V. */
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

/* ---- embed_adjoint: reads s bytes an element of d, 4 bytes of the order ---- */

/* ends[k + 1] = how many rows have a token below k, for one block; ends[0] = 0. */
template <class T> __device__ void count_tokens(size_t rows, size_t v, const T *tokens, uint32_t *ends) {
    SHARED(uint32_t, sums, [THREADS]);
    for (size_t k = threadIdx.x; k <= v; k += THREADS)
        ends[k] = 0;
    __syncthreads();
    for (size_t i = threadIdx.x; i < rows; i += THREADS) {
        const size_t token = token_index(tokens[i], v);
        if (token < v)
            atomicAdd(&ends[token + 1], 1u); /* whole numbers: in any order the same */
    }
    __syncthreads();
    uint32_t before = 0;
    for (size_t first = 0; first < v; first += THREADS) {
        const size_t k = first + threadIdx.x;
        const uint32_t mine = k < v ? ends[k + 1] : 0;
        uint32_t sum = mine;
        for (unsigned distance = 1; distance < THREADS; distance *= 2) {
            sums[threadIdx.x] = sum;
            __syncthreads();
            sum += threadIdx.x >= distance ? sums[threadIdx.x - distance] : 0;
            __syncthreads();
        }
        if (k < v)
            ends[k + 1] = before + sum - mine;
        sums[threadIdx.x] = sum;
        __syncthreads();
        before += sums[THREADS - 1];
        __syncthreads();
    }
}

/* order: the rows by token, ascending within each; those of token k end before ends[k + 1] and begin at
 * ends[k]. */
template <class T>
__global__ void __launch_bounds__(THREADS)
    embed_order_kernel(size_t rows, size_t v, const T *__restrict__ tokens, uint32_t *ends, uint32_t *order) {
    SHARED(size_t, group, [THREADS]);
    count_tokens(rows, v, tokens, ends);
    for (size_t first = 0; first < rows; first += THREADS) {
        const size_t i = first + threadIdx.x, token = i < rows ? token_index(tokens[i], v) : v;
        uint32_t place = 0;
        bool last = true;
        group[threadIdx.x] = token;
        __syncthreads();
        for (unsigned j = 0; j < THREADS; j++) {
            const bool same = group[j] == token;
            place += same && j < threadIdx.x;
            last = last && !(same && j > threadIdx.x);
        }
        if (token < v)
            place += ends[token + 1];
        __syncthreads(); /* all have read where their tokens' rows go on */
        if (token < v)
            order[place] = (uint32_t)i;
        if (token < v && last)
            ends[token + 1] = place + 1;
        __syncthreads();
    }
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    embed_adjoint_kernel(size_t t, bool pairs, size_t columns, size_t v, const T *__restrict__ tokens,
                         const uint32_t *__restrict__ ends, const uint32_t *__restrict__ order,
                         const T *__restrict__ d, T *__restrict__ to) {
    for_columns<1>(columns, [&](size_t c, auto) {
        for (size_t token = first_row(); token < v; token += row_step()) {
            double sum = 0;
            for (uint32_t at = ends[token]; at < ends[token + 1]; at++) {
                const size_t i = order[at], n = divide(i, t), p = i - n * t;
                const size_t first = pairs ? n * (t * (t + 1) / 2) + p * (p + 1) / 2 : i;
                if (!pairs)
                    sum += (double)d[first * columns + c];
                for (size_t q = 0; pairs && q <= p; q++)
                    if (tokens[n * t + q] == (T)token)
                        sum += (double)d[(first + q) * columns + c];
            }
            to[token * columns + c] = (T)sum;
        }
    });
}

template <class T>
static gn_status embed_adjoint(cudaStream_t stream, size_t n, size_t t, bool pairs, size_t w, size_t v,
                               const void *tokens, const void *d, uint32_t *work, void *to) {
    const plane p = plane_of(v, w);
    uint32_t *order = work + v + 1;
    if (v == 0 || w == 0)
        return GN_OK;
    if (n * t > UINT32_MAX)
        return GN_ERROR_UNSUPPORTED;
    LAUNCH(embed_order_kernel<T>, 1, THREADS, 0, stream, n * t, v, as<T>(tokens), work, order);
    gn_status status = launched();
    if (status != GN_OK)
        return status;
    LAUNCH(embed_adjoint_kernel<T>, p.grid, p.block, 0, stream, t, pairs, w, v, as<T>(tokens), work, order,
           as<T>(d), as<T>(to));
    return launched();
}

gn_status gn_cuda_embed_adjoint(cudaStream_t stream, int type, size_t n, size_t t, bool pairs, size_t w,
                                size_t v, const void *tokens, const void *d, uint32_t *work, void *to) {
    return BY_TYPE(type, embed_adjoint, stream, n, t, pairs, w, v, tokens, d, work, to);
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
