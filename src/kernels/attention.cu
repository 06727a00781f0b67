/* Causal attention with several heads over short sequences: value, derivative and adjoint, each one launch.
 *
 * A block takes the T positions of one sample and head (of one cotangent as well, in the adjoint). A warp
 * takes a query: its lanes share the features of a dot product and join it by shuffles, so query, key and
 * value rows are read in order, and from the caches after the first time. Scores lie in shared memory, T a
 * warp. The adjoint sends sums both ways: over keys for a query, then over queries for a key, with a barrier
 * between, so that no two threads add to one element. */
#include "launch.cuh"

constexpr unsigned WARPS = 4;
constexpr size_t MOST_POSITIONS = 1024;

/* Where a block works: rows of qkv are 3D apart, key and value D and 2D behind the query. */
struct attention_shape {
    size_t samples, r, t, queries, heads, h;
    double scale;

    __device__ size_t width() const {
        return heads * h;
    }
    __device__ size_t row() const {
        return 3 * heads * h;
    }
};

__device__ inline float exponential_of(float x) {
    return expf(x);
}
__device__ inline double exponential_of(double x) {
    return exp(x);
}

/* The dot product of two vectors of h, in every lane of the warp. */
template <class T> __device__ __forceinline__ double warp_dot(size_t h, const T *x, const T *y, size_t lane) {
    T sum = 0;
    for (size_t k = lane; k < h; k += 32)
        sum += x[k] * y[k];
    return warp_sum((double)sum);
}

/* ds = p .* (ds - p'ds) over `count`, ds in shared memory */
template <class T>
__device__ __forceinline__ void softmax_slope(size_t count, const T *p, T *ds, size_t lane) {
    double sum = 0;
    for (size_t s = lane; s < count; s += 32)
        sum += (double)p[s] * (double)ds[s];
    const T mean = (T)warp_sum(sum);
    for (size_t s = lane; s < count; s += 32)
        ds[s] = p[s] * (ds[s] - mean);
    __syncwarp();
}

/* ---- attention ---- */

/* p = softmax of `count` scores in shared memory, p in device memory, 0 from `count` to t */
template <class T>
__device__ __forceinline__ void softmax_row(size_t count, size_t t, T *scores, T *p, size_t lane) {
    double most = -INFINITY, sum = 0;
    for (size_t s = lane; s < count; s += 32)
        most = fmax(most, (double)scores[s]);
    const T shift = (T)warp_max(most);
    for (size_t s = lane; s < count; s += 32) {
        scores[s] = exponential_of(scores[s] - shift);
        sum += (double)scores[s];
    }
    const T inverse = (T)(1 / warp_sum(sum));
    for (size_t s = lane; s < t; s += 32) {
        const T value = s < count ? scores[s] * inverse : (T)0;
        if (s < count)
            scores[s] = value;
        p[s] = value;
    }
    __syncwarp();
}

template <class T>
__global__ void __launch_bounds__(WARPS * 32)
    attention_kernel(attention_shape a, const T *__restrict__ qkv, T *__restrict__ p, T *__restrict__ out) {
    DYN_SHARED(T, shared);
    const size_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = a.row(), width = a.width();
    const size_t n = blockIdx.x / a.heads, head = blockIdx.x % a.heads;
    T *const scores = shared + warp * a.t;
    const T *q = qkv + n * a.t * row + head * a.h, *k = q + width, *v = k + width;
    for (size_t i = warp; i < a.queries; i += WARPS) {
        const size_t at = a.t - a.queries + i;
        for (size_t s = 0; s <= at; s++) {
            const double dot = warp_dot(a.h, q + at * row, k + s * row, lane);
            if (lane == 0)
                scores[s] = (T)(a.scale * dot);
        }
        __syncwarp();
        softmax_row(at + 1, a.t, scores, p + ((n * a.heads + head) * a.queries + i) * a.t, lane);
        for (size_t c = lane; c < a.h; c += 32) {
            T sum = 0;
            for (size_t s = 0; s <= at; s++)
                sum += scores[s] * v[s * row + c];
            out[(n * a.queries + i) * width + head * a.h + c] = sum;
        }
        __syncwarp();
    }
}

/* ---- attention_jvp ---- */

template <class T>
__global__ void __launch_bounds__(WARPS * 32)
    attention_jvp_kernel(attention_shape a, const T *__restrict__ qkv, const T *__restrict__ p,
                         const T *__restrict__ dqkv, T *__restrict__ dout) {
    DYN_SHARED(T, shared);
    const size_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = a.row(), width = a.width();
    const size_t n = blockIdx.x / a.heads, head = blockIdx.x % a.heads, offset = n * a.t * row + head * a.h;
    T *const ds = shared + warp * a.t;
    const T *q = qkv + offset, *k = q + width, *v = k + width;
    const T *dq = dqkv + offset, *dk = dq + width, *dv = dk + width;
    for (size_t i = warp; i < a.queries; i += WARPS) {
        const size_t at = a.t - a.queries + i;
        const T *mine = p + ((n * a.heads + head) * a.queries + i) * a.t;
        for (size_t s = 0; s <= at; s++) {
            const double dot = warp_dot(a.h, dq + at * row, k + s * row, lane) +
                               warp_dot(a.h, q + at * row, dk + s * row, lane);
            if (lane == 0)
                ds[s] = (T)(a.scale * dot);
        }
        __syncwarp();
        softmax_slope(at + 1, mine, ds, lane);
        for (size_t c = lane; c < a.h; c += 32) {
            T sum = 0;
            for (size_t s = 0; s <= at; s++)
                sum += ds[s] * v[s * row + c] + mine[s] * dv[s * row + c];
            dout[(n * a.queries + i) * width + head * a.h + c] = sum;
        }
        __syncwarp();
    }
}

/* ---- attention_vjp ---- */

/* The query's part: ds over its keys, and from it the cotangent of the query; means[i] = p'dp, which the
 * keys' part needs. */
template <class T>
__device__ static void pull_query(const attention_shape &a, size_t i, const T *q, const T *p, const T *d,
                                  T *to, T *ds, T *means, size_t lane) {
    const size_t row = a.row(), width = a.width(), at = a.t - a.queries + i;
    const T *k = q + width, *v = k + width;
    double sum = 0;
    for (size_t s = 0; s <= at; s++) {
        const double dot = warp_dot(a.h, d + i * width, v + s * row, lane);
        sum += (double)p[i * a.t + s] * dot;
        if (lane == 0)
            ds[s] = (T)dot;
    }
    if (lane == 0)
        means[i] = (T)sum;
    __syncwarp();
    for (size_t c = lane; c < a.h; c += 32) {
        T pulled = 0;
        for (size_t s = 0; s <= at; s++)
            pulled += p[i * a.t + s] * (ds[s] - (T)sum) * k[s * row + c];
        to[at * row + c] = (T)a.scale * pulled;
    }
    __syncwarp();
}

/* The key's part, over the queries that see it: dots are made again, which is cheaper than keeping T x T. */
template <class T>
__device__ static void pull_key(const attention_shape &a, size_t s, const T *q, const T *p, const T *d, T *to,
                                T *ds, const T *means, size_t lane) {
    const size_t row = a.row(), width = a.width(), skipped = a.t - a.queries;
    const T *v = q + 2 * width;
    const size_t first = s > skipped ? s - skipped : 0; /* queries before do not see s */
    for (size_t i = first; i < a.queries; i++) {
        const double dot = warp_dot(a.h, d + i * width, v + s * row, lane);
        if (lane == 0)
            ds[i] = p[i * a.t + s] * ((T)dot - means[i]);
    }
    __syncwarp();
    for (size_t c = lane; c < a.h; c += 32) {
        T key = 0, value = 0;
        for (size_t i = first; i < a.queries; i++) {
            key += ds[i] * q[(skipped + i) * row + c];
            value += p[i * a.t + s] * d[i * width + c];
        }
        to[s * row + width + c] = (T)a.scale * key;
        to[s * row + 2 * width + c] = value;
    }
    __syncwarp();
}

template <class T>
__global__ void __launch_bounds__(WARPS * 32)
    attention_vjp_kernel(attention_shape a, const T *__restrict__ qkv, const T *__restrict__ p,
                         const T *__restrict__ d, T *__restrict__ to) {
    DYN_SHARED(T, shared);
    const size_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = a.row(), width = a.width();
    const size_t m = blockIdx.x / a.heads, head = blockIdx.x % a.heads, n = m / a.r;
    T *const means = shared, *const ds = shared + (1 + warp) * a.t;
    const T *q = qkv + n * a.t * row + head * a.h;
    const T *probabilities = p + (n * a.heads + head) * a.queries * a.t;
    const T *from = d + m * a.queries * width + head * a.h;
    T *const pulled = to + m * a.t * row + head * a.h;
    for (size_t t = warp; t < a.t - a.queries; t += WARPS) /* who does not ask */
        for (size_t c = lane; c < a.h; c += 32)
            pulled[t * row + c] = 0;
    for (size_t i = warp; i < a.queries; i += WARPS)
        pull_query(a, i, q, probabilities, from, pulled, ds, means, lane);
    __syncthreads();
    for (size_t s = warp; s < a.t; s += WARPS)
        pull_key(a, s, q, probabilities, from, pulled, ds, means, lane);
}

/* ---- attention_vjp_jvp ---- */

/* What one sample and head has, at its first element. */
template <class T> struct moving { const T *q, *dq, *p, *d, *d_dot; };

/* Of a query and a key it sees: the score's tangent, a = v'd and its tangent. */
struct pair_dots {
    double score, a, a_dot;
};

template <class T>
__device__ static pair_dots dots_of(const attention_shape &a, const moving<T> &m, size_t i, size_t s,
                                    size_t lane) {
    const size_t row = a.row(), width = a.width(), at = a.t - a.queries + i;
    const T *q = m.q + at * row, *k = m.q + s * row + width, *v = k + width;
    const T *dq = m.dq + at * row, *dk = m.dq + s * row + width, *dv = dk + width;
    const T *d = m.d + i * width, *d_dot = m.d_dot + i * width;
    return {a.scale * (warp_dot(a.h, dq, k, lane) + warp_dot(a.h, q, dk, lane)), warp_dot(a.h, d, v, lane),
            warp_dot(a.h, d_dot, v, lane) + warp_dot(a.h, d, dv, lane)};
}

/* A query's p'score, p'a and the tangent of the latter. */
template <class T> struct query_means { T score, a, a_dot; };

template <class T>
__device__ static query_means<T> means_of(const attention_shape &a, const moving<T> &m, size_t i,
                                          size_t lane) {
    double score = 0, mean = 0, along = 0;
    for (size_t s = 0; s <= a.t - a.queries + i; s++) {
        const pair_dots dots = dots_of(a, m, i, s, lane);
        const double p = (double)m.p[i * a.t + s];
        score += p * dots.score;
        mean += p * dots.a;
        along += p * (dots.score * dots.a + dots.a_dot);
    }
    return {(T)score, (T)mean, (T)(along - score * mean)};
}

/* The tangent of p, ds and its tangent. */
template <class T> struct pair_slopes { T p_dot, ds, ds_dot; };

template <class T>
__device__ static pair_slopes<T> slopes_of(const attention_shape &a, const moving<T> &m,
                                           const query_means<T> &mean, size_t i, size_t s, size_t lane) {
    const pair_dots dots = dots_of(a, m, i, s, lane);
    const T p = m.p[i * a.t + s], above = (T)dots.a - mean.a;
    const T p_dot = p * ((T)dots.score - mean.score);
    return {p_dot, (T)a.scale * p * above, (T)a.scale * (p_dot * above + p * ((T)dots.a_dot - mean.a_dot))};
}

/* The query's part: what its cotangent's tangent gathers from the keys. */
template <class T>
__device__ static void turn_query(const attention_shape &a, const moving<T> &m, size_t i, T *to,
                                  query_means<T> *means, size_t lane) {
    const size_t row = a.row(), width = a.width(), at = a.t - a.queries + i;
    const query_means<T> mean = means_of(a, m, i, lane);
    if (lane == 0)
        means[i] = mean;
    for (size_t c = lane; c < a.h; c += 32)
        to[at * row + c] = 0;
    for (size_t s = 0; s <= at; s++) {
        const pair_slopes<T> slopes = slopes_of(a, m, mean, i, s, lane);
        for (size_t c = lane; c < a.h; c += 32)
            to[at * row + c] +=
                slopes.ds_dot * m.q[s * row + width + c] + slopes.ds * m.dq[s * row + width + c];
    }
}

/* The key's part, over the queries that see it. */
template <class T>
__device__ static void turn_key(const attention_shape &a, const moving<T> &m, size_t s, T *to,
                                const query_means<T> *means, size_t lane) {
    const size_t row = a.row(), width = a.width(), skipped = a.t - a.queries;
    T *const key = to + s * row + width, *const value = key + width;
    for (size_t c = lane; c < a.h; c += 32)
        key[c] = value[c] = 0;
    for (size_t i = s > skipped ? s - skipped : 0; i < a.queries; i++) {
        const pair_slopes<T> slopes = slopes_of(a, m, means[i], i, s, lane);
        const T *q = m.q + (skipped + i) * row, *dq = m.dq + (skipped + i) * row;
        for (size_t c = lane; c < a.h; c += 32) {
            key[c] += slopes.ds_dot * q[c] + slopes.ds * dq[c];
            value[c] += slopes.p_dot * m.d[i * width + c] + m.p[i * a.t + s] * m.d_dot[i * width + c];
        }
    }
}

/* Sums lie in device memory, an element one lane's alone; shared memory holds the queries' means. */
template <class T>
__global__ void __launch_bounds__(WARPS * 32)
    attention_vjp_jvp_kernel(attention_shape a, const T *__restrict__ qkv, const T *__restrict__ p,
                             const T *__restrict__ dqkv, const T *__restrict__ d, const T *__restrict__ d_dot,
                             T *__restrict__ to) {
    DYN_SHARED(query_means<T>, means);
    const size_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = a.row(), width = a.width();
    const size_t n = blockIdx.x / a.heads, head = blockIdx.x % a.heads, at = n * a.t * row + head * a.h;
    const size_t from = n * a.queries * width + head * a.h;
    const moving<T> m = {qkv + at, dqkv + at, p + (n * a.heads + head) * a.queries * a.t, d + from,
                         d_dot + from};
    for (size_t t = warp; t < a.t - a.queries; t += WARPS) /* who does not ask */
        for (size_t c = lane; c < a.h; c += 32)
            to[at + t * row + c] = 0;
    for (size_t i = warp; i < a.queries; i += WARPS)
        turn_query(a, m, i, to + at, means, lane);
    __syncthreads();
    for (size_t s = warp; s < a.t; s += WARPS)
        turn_key(a, m, s, to + at, means, lane);
}

/* ---- launchers ---- */

static attention_shape shape_of(size_t n, size_t r, size_t t, size_t queries, size_t heads, size_t h) {
    return {n, r, t, queries, heads, h, 1 / sqrt((double)h)};
}

/* Blocks, or 0 where there is nothing to do. */
static gn_status blocks_of(const attention_shape &a, unsigned *blocks) {
    const size_t count = a.samples * a.r * a.heads;
    *blocks = a.queries == 0 || a.h == 0 ? 0 : (unsigned)count;
    return a.t > MOST_POSITIONS || count > INT32_MAX ? GN_ERROR_UNSUPPORTED : GN_OK;
}

template <class T>
static gn_status attention(cudaStream_t stream, attention_shape a, const void *qkv, void *p, void *out) {
    unsigned blocks;
    const gn_status status = blocks_of(a, &blocks);
    if (status != GN_OK || blocks == 0)
        return status;
    LAUNCH(attention_kernel<T>, blocks, WARPS * 32, WARPS * a.t * sizeof(T), stream, a, as<T>(qkv), as<T>(p),
           as<T>(out));
    return launched();
}

gn_status gn_cuda_attention(cudaStream_t stream, int type, size_t n, size_t t, size_t queries, size_t heads,
                            size_t h, const void *qkv, void *p, void *out) {
    return BY_TYPE(type, attention, stream, shape_of(n, 1, t, queries, heads, h), qkv, p, out);
}

template <class T>
static gn_status attention_jvp(cudaStream_t stream, attention_shape a, const void *qkv, const void *p,
                               const void *dqkv, void *dout) {
    unsigned blocks;
    const gn_status status = blocks_of(a, &blocks);
    if (status != GN_OK || blocks == 0)
        return status;
    LAUNCH(attention_jvp_kernel<T>, blocks, WARPS * 32, WARPS * a.t * sizeof(T), stream, a, as<T>(qkv),
           as<T>(p), as<T>(dqkv), as<T>(dout));
    return launched();
}

gn_status gn_cuda_attention_jvp(cudaStream_t stream, int type, size_t n, size_t t, size_t queries,
                                size_t heads, size_t h, const void *qkv, const void *p, const void *dqkv,
                                void *dout) {
    return BY_TYPE(type, attention_jvp, stream, shape_of(n, 1, t, queries, heads, h), qkv, p, dqkv, dout);
}

template <class T>
static gn_status attention_vjp(cudaStream_t stream, attention_shape a, const void *qkv, const void *p,
                               const void *d, void *to) {
    unsigned blocks;
    const gn_status status = blocks_of(a, &blocks);
    if (status != GN_OK || blocks == 0)
        return status;
    LAUNCH(attention_vjp_kernel<T>, blocks, WARPS * 32, (1 + WARPS) * a.t * sizeof(T), stream, a, as<T>(qkv),
           as<T>(p), as<T>(d), as<T>(to));
    return launched();
}

gn_status gn_cuda_attention_vjp(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t queries,
                                size_t heads, size_t h, const void *qkv, const void *p, const void *d,
                                void *to) {
    return BY_TYPE(type, attention_vjp, stream, shape_of(n, r, t, queries, heads, h), qkv, p, d, to);
}

template <class T>
static gn_status attention_vjp_jvp(cudaStream_t stream, attention_shape a, const void *qkv, const void *p,
                                   const void *dqkv, const void *d, const void *d_dot, void *to) {
    unsigned blocks;
    const gn_status status = blocks_of(a, &blocks);
    if (status != GN_OK || blocks == 0)
        return status;
    LAUNCH(attention_vjp_jvp_kernel<T>, blocks, WARPS * 32, a.t * sizeof(query_means<T>), stream, a,
           as<T>(qkv), as<T>(p), as<T>(dqkv), as<T>(d), as<T>(d_dot), as<T>(to));
    return launched();
}

gn_status gn_cuda_attention_vjp_jvp(cudaStream_t stream, int type, size_t n, size_t t, size_t queries,
                                    size_t heads, size_t h, const void *qkv, const void *p, const void *dqkv,
                                    const void *d, const void *d_dot, void *to) {
    return BY_TYPE(type, attention_vjp_jvp, stream, shape_of(n, 1, t, queries, heads, h), qkv, p, dqkv, d,
                   d_dot, to);
}
