/* The loops of sequences, for one REAL; included by kernels_types.h only, after kernels_vectors.h. */

/* ---- embeddings ---- */

/* The token as an index, or v where it is none (NaN is none). */
static inline size_t NAME(token)(REAL token, size_t v) {
    if (!(token >= 0 && token < (REAL)v))
        return v;
    const size_t index = (size_t)token;
    return (REAL)index == token ? index : v;
}

static void NAME(embed)(size_t begin, size_t end, size_t w, size_t v, const void *vtokens, const void *vtable,
                        void *vout) {
    const REAL *tokens = vtokens, *table = vtable;
    REAL *out = vout;
    for (size_t i = begin; i < end; i++) {
        const size_t token = NAME(token)(tokens[i], v);
        if (token == v)
            NAME(fill)(i * w, (i + 1) * w, __builtin_nan(""), out);
        else
            memcpy(out + i * w, table + token * w, w * sizeof(REAL));
    }
}

/* columns first..last of to (V x W), rows of d in order */
static void NAME(embed_adjoint)(size_t first, size_t last, size_t n, size_t t, bool pairs, size_t w, size_t v,
                                const void *vtokens, const void *vd, void *vto) {
    const REAL *tokens = vtokens, *d = vd;
    REAL *to = vto;
    for (size_t i = 0; i < v; i++)
        NAME(fill)(i * w + first, i * w + last, 0, to);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < t; p++)
            for (size_t q = pairs ? 0 : p; q <= p; q++, d += w) {
                const size_t token = NAME(token)(tokens[i * t + p], v);
                if (token == v || (pairs && tokens[i * t + q] != tokens[i * t + p]))
                    continue;
#pragma omp simd
                for (size_t k = first; k < last; k++)
                    to[token * w + k] += d[k];
            }
}

static void NAME(embed_matches)(size_t begin, size_t end, size_t columns, const void *va, const void *vb,
                                void *vg, size_t ldg) {
    const REAL *a = va, *b = vb;
    for (size_t i = begin; i < end; i++) {
        REAL *g = (REAL *)vg + i * ldg;
#pragma omp simd
        for (size_t j = 0; j < columns; j++)
            g[j] = a[i] == b[j] ? 1 : 0;
    }
}

static void NAME(jacobian_embed)(size_t begin, size_t end, size_t r, size_t t, size_t w, size_t v,
                                 const void *vtokens, const void *vd, void *vj, size_t ldj) {
    const REAL *tokens = vtokens;
    for (size_t m = begin * r; m < end * r; m++) {
        REAL *j = (REAL *)vj + m * ldj;
        NAME(fill)(0, v * w, 0, j);
        for (size_t p = 0; p < t; p++) {
            const size_t token = NAME(token)(tokens[m / r * t + p], v);
            const REAL *d = (const REAL *)vd + (m * t + p) * w;
            if (token == v)
                continue;
#pragma omp simd
            for (size_t k = 0; k < w; k++)
                j[token * w + k] += d[k];
        }
    }
}

/* ---- layer norm ---- */

static void NAME(layer_norm)(size_t begin, size_t end, size_t w, double epsilon, const void *vx,
                             const void *vweight, const void *vbias, void *vy, void *vxhat, void *vrstd) {
    const REAL *weight = vweight, *bias = vbias;
    REAL *rstd = vrstd;
    for (size_t i = begin; i < end; i++) {
        const REAL *x = (const REAL *)vx + i * w;
        REAL *y = (REAL *)vy + i * w, *xhat = (REAL *)vxhat + i * w;
        double sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t k = 0; k < w; k++)
            sum += (double)x[k];
        const double mean = sum / (double)w;
#pragma omp simd reduction(+ : squares)
        for (size_t k = 0; k < w; k++)
            squares += ((double)x[k] - mean) * ((double)x[k] - mean);
        const double scale = 1 / __builtin_sqrt(squares / (double)w + epsilon);
        rstd[i] = (REAL)scale;
#pragma omp simd
        for (size_t k = 0; k < w; k++) {
            xhat[k] = (REAL)(((double)x[k] - mean) * scale);
            y[k] = xhat[k] * weight[k] + bias[k];
        }
    }
}

static void NAME(layer_norm_jvp)(size_t begin, size_t end, size_t w, const void *vxhat, const void *vrstd,
                                 const void *vweight, const void *vdweight, const void *vdbias,
                                 const void *vdx, void *vdy) {
    const REAL *rstd = vrstd, *weight = vweight, *dweight = vdweight, *dbias = vdbias;
    for (size_t i = begin; i < end; i++) {
        const REAL *xhat = (const REAL *)vxhat + i * w, *dx = (const REAL *)vdx + i * w;
        REAL *dy = (REAL *)vdy + i * w;
        double sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
        for (size_t k = 0; k < w; k++) {
            sum += (double)dx[k];
            along += (double)dx[k] * (double)xhat[k];
        }
        const REAL mean = (REAL)(sum / (double)w), slope = (REAL)(along / (double)w);
#pragma omp simd
        for (size_t k = 0; k < w; k++)
            dy[k] =
                weight[k] * (rstd[i] * (dx[k] - mean - xhat[k] * slope)) + dweight[k] * xhat[k] + dbias[k];
    }
}

/* samples begin..end; the loops of beta = 0 do not read to */
static void NAME(layer_norm_vjp)(size_t begin, size_t end, size_t r, size_t t, size_t w, const void *vxhat,
                                 const void *vrstd, const void *vweight, const void *vd, double beta,
                                 void *vto) {
    const REAL *rstd = vrstd, *weight = vweight;
    const REAL old = (REAL)beta;
    for (size_t m = begin * r * t; m < end * r * t; m++) {
        const size_t i = m / (r * t) * t + m % t;
        const REAL *xhat = (const REAL *)vxhat + i * w, *d = (const REAL *)vd + m * w;
        REAL *to = (REAL *)vto + m * w;
        double sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
        for (size_t k = 0; k < w; k++) {
            const double g = (double)d[k] * (double)weight[k];
            sum += g;
            along += g * (double)xhat[k];
        }
        const REAL mean = (REAL)(sum / (double)w), slope = (REAL)(along / (double)w), scale = rstd[i];
        if (beta == 0) {
#pragma omp simd
            for (size_t k = 0; k < w; k++)
                to[k] = scale * (d[k] * weight[k] - mean - xhat[k] * slope);
        } else {
#pragma omp simd
            for (size_t k = 0; k < w; k++)
                to[k] = scale * (d[k] * weight[k] - mean - xhat[k] * slope) + old * to[k];
        }
    }
}

/* The means of a row that layer_norm_vjp_jvp takes. */
typedef struct NAME(norm_means) {
    REAL dx, along;  /* of dx, xhat dx */
    REAL g, slope;   /* of g, xhat g */
    REAL h, h_slope; /* of h, xhat h */
    REAL turn;       /* of dxhat g */
} NAME(norm_means);

static inline NAME(norm_means)
    NAME(means_of)(size_t w, const REAL *xhat, REAL rstd, const REAL *weight, const REAL *dweight,
                   const REAL *dx, const REAL *d, const REAL *d_dot) {
    double x = 0, along = 0, g = 0, slope = 0, h = 0, h_slope = 0, both = 0;
#pragma omp simd reduction(+ : x, along, g, slope, h, h_slope, both)
    for (size_t k = 0; k < w; k++) {
        const double normed = xhat[k], pulled = (double)d[k] * weight[k];
        const double turned = (double)d_dot[k] * weight[k] + (double)d[k] * dweight[k];
        x += (double)dx[k];
        along += normed * dx[k];
        g += pulled;
        slope += normed * pulled;
        h += turned;
        h_slope += normed * turned;
        both += pulled * dx[k];
    }
    const double n = (double)w, turn = rstd * (both - x * g / n - along * slope / n);
    return (NAME(norm_means)){.dx = (REAL)(x / n),
                              .along = (REAL)(along / n),
                              .g = (REAL)(g / n),
                              .slope = (REAL)(slope / n),
                              .h = (REAL)(h / n),
                              .h_slope = (REAL)(h_slope / n),
                              .turn = (REAL)(turn / n)};
}

static void NAME(layer_norm_vjp_jvp)(size_t begin, size_t end, size_t w, const void *vxhat, const void *vrstd,
                                     const void *vweight, const void *vdweight, const void *vdx,
                                     const void *vd, const void *vd_dot, double beta, void *vto,
                                     void *vproducts) {
    const REAL *weight = vweight, *dweight = vdweight, old = (REAL)beta;
    for (size_t i = begin; i < end; i++) {
        const REAL *xhat = (const REAL *)vxhat + i * w, *dx = (const REAL *)vdx + i * w;
        const REAL *d = (const REAL *)vd + i * w, *d_dot = (const REAL *)vd_dot + i * w;
        REAL *to = (REAL *)vto + i * w, *products = (REAL *)vproducts + i * w;
        const REAL rstd = ((const REAL *)vrstd)[i];
        const NAME(norm_means) m = NAME(means_of)(w, xhat, rstd, weight, dweight, dx, d, d_dot);
        if (beta == 0) /* to may hold anything */
            NAME(fill)(0, w, 0, to);
#pragma omp simd
        for (size_t k = 0; k < w; k++) {
            const REAL dxhat = rstd * (dx[k] - m.dx - xhat[k] * m.along);
            const REAL q = rstd * (d[k] * weight[k] - m.g - xhat[k] * m.slope);
            const REAL h = d_dot[k] * weight[k] + d[k] * dweight[k];
            const REAL turned = h - m.h - xhat[k] * (m.h_slope + m.turn) - dxhat * m.slope - m.along * q;
            products[k] = d_dot[k] * xhat[k] + d[k] * dxhat;
            to[k] = rstd * turned + old * to[k];
        }
    }
}

/* rows begin..end, columns first..last: sums of d x, and of d */
static void NAME(scale_sums)(size_t begin, size_t end, size_t w, size_t first, size_t last, const void *vd,
                             const void *vx, double *products, double *sums) {
    const size_t width = last - first;
    for (size_t k = 0; k < width; k++)
        products[k] = sums[k] = 0;
    for (size_t i = begin; i < end; i++) {
        const REAL *d = (const REAL *)vd + i * w + first, *x = (const REAL *)vx + i * w + first;
#pragma omp simd
        for (size_t k = 0; k < width; k++) {
            products[k] += (double)d[k] * (double)x[k];
            sums[k] += (double)d[k];
        }
    }
}

static void NAME(jacobian_scale)(size_t begin, size_t end, size_t r, size_t t, size_t w, const void *vd,
                                 const void *vx, void *vj, size_t ldj) {
    for (size_t m = begin * r; m < end * r; m++) {
        const REAL *d = (const REAL *)vd + m * t * w, *x = (const REAL *)vx + m / r * t * w;
        REAL *j = (REAL *)vj + m * ldj;
        NAME(fill)(0, 2 * w, 0, j);
        for (size_t p = 0; p < t; p++)
#pragma omp simd
            for (size_t k = 0; k < w; k++) {
                j[k] += d[p * w + k] * x[p * w + k];
                j[w + k] += d[p * w + k];
            }
    }
}

/* ---- attention: one sample and head at a time; rows of qkv are 3D apart ---- */

static inline REAL NAME(short_dot)(size_t n, const REAL *x, const REAL *y) {
    REAL sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static inline void NAME(add_scaled)(size_t n, REAL factor, const REAL *x, REAL *y) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] += factor * x[i];
}

static inline REAL NAME(attention_scale)(const gn_attention *a) {
    return (REAL)(1 / __builtin_sqrt((double)a->width));
}

/* p (count) = softmax of itself */
static inline void NAME(softmax_in_place)(size_t count, REAL *p) {
    REAL most = p[0], sum = 0;
    for (size_t s = 1; s < count; s++)
        most = p[s] > most ? p[s] : most;
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < count; s++) {
        p[s] = MATH(exp)(p[s] - most);
        sum += p[s];
    }
    const REAL inverse = 1 / sum;
#pragma omp simd
    for (size_t s = 0; s < count; s++)
        p[s] *= inverse;
}

static void NAME(attention)(size_t begin, size_t end, const gn_attention *a, const void *vqkv, void *vp,
                            void *vout) {
    const size_t h = a->width, width = a->heads * h, t = a->positions, row = 3 * width;
    const REAL scale = NAME(attention_scale)(a);
    for (size_t n = begin; n < end; n++)
        for (size_t head = 0; head < a->heads; head++) {
            const REAL *q = (const REAL *)vqkv + n * t * row + head * h, *k = q + width, *v = k + width;
            REAL *p = (REAL *)vp + (n * a->heads + head) * a->queries * t;
            REAL *out = (REAL *)vout + n * a->queries * width + head * h;
            for (size_t at = t - a->queries; at < t; at++, p += t, out += width) {
                for (size_t s = 0; s <= at; s++)
                    p[s] = scale * NAME(short_dot)(h, q + at * row, k + s * row);
                NAME(softmax_in_place)(at + 1, p);
                NAME(fill)(at + 1, t, 0, p);
                NAME(fill)(0, h, 0, out);
                for (size_t s = 0; s <= at; s++)
                    NAME(add_scaled)(h, p[s], v + s * row, out);
            }
        }
}

/* ds (count) = p .* (ds - p'ds): the derivative of a softmax, its own adjoint */
static inline void NAME(softmax_slope)(size_t count, const REAL *p, REAL *ds) {
    const REAL mean = NAME(short_dot)(count, p, ds);
#pragma omp simd
    for (size_t s = 0; s < count; s++)
        ds[s] = p[s] * (ds[s] - mean);
}

static void NAME(attention_jvp)(size_t begin, size_t end, const gn_attention *a, const void *vqkv,
                                const void *vp, const void *vdqkv, void *vdout) {
    const size_t h = a->width, width = a->heads * h, t = a->positions, row = 3 * width;
    const REAL scale = NAME(attention_scale)(a);
    REAL ds[GN_ATTENTION_POSITIONS];
    for (size_t n = begin; n < end; n++)
        for (size_t head = 0; head < a->heads; head++) {
            const size_t offset = n * t * row + head * h;
            const REAL *q = (const REAL *)vqkv + offset, *k = q + width, *v = k + width;
            const REAL *dq = (const REAL *)vdqkv + offset, *dk = dq + width, *dv = dk + width;
            const REAL *p = (const REAL *)vp + (n * a->heads + head) * a->queries * t;
            REAL *out = (REAL *)vdout + n * a->queries * width + head * h;
            for (size_t at = t - a->queries; at < t; at++, p += t, out += width) {
                for (size_t s = 0; s <= at; s++)
                    ds[s] = scale * (NAME(short_dot)(h, dq + at * row, k + s * row) +
                                     NAME(short_dot)(h, q + at * row, dk + s * row));
                NAME(softmax_slope)(at + 1, p, ds);
                NAME(fill)(0, h, 0, out);
                for (size_t s = 0; s <= at; s++) {
                    NAME(add_scaled)(h, ds[s], v + s * row, out);
                    NAME(add_scaled)(h, p[s], dv + s * row, out);
                }
            }
        }
}

static void NAME(attention_vjp)(size_t begin, size_t end, const gn_attention *a, size_t r, const void *vqkv,
                                const void *vp, const void *vd, void *vto) {
    const size_t h = a->width, width = a->heads * h, t = a->positions, row = 3 * width;
    const REAL scale = NAME(attention_scale)(a);
    REAL ds[GN_ATTENTION_POSITIONS];
    NAME(fill)(begin * r * t * row, end * r * t * row, 0, vto);
    for (size_t m = begin * r; m < end * r; m++)
        for (size_t head = 0; head < a->heads; head++) {
            const REAL *q = (const REAL *)vqkv + m / r * t * row + head * h, *k = q + width, *v = k + width;
            REAL *dq = (REAL *)vto + m * t * row + head * h, *dk = dq + width, *dv = dk + width;
            const REAL *p = (const REAL *)vp + (m / r * a->heads + head) * a->queries * t;
            const REAL *d = (const REAL *)vd + m * a->queries * width + head * h;
            for (size_t at = t - a->queries; at < t; at++, p += t, d += width) {
                for (size_t s = 0; s <= at; s++)
                    ds[s] = NAME(short_dot)(h, d, v + s * row);
                NAME(softmax_slope)(at + 1, p, ds);
                for (size_t s = 0; s <= at; s++) {
                    NAME(add_scaled)(h, scale * ds[s], k + s * row, dq + at * row);
                    NAME(add_scaled)(h, scale * ds[s], q + at * row, dk + s * row);
                    NAME(add_scaled)(h, p[s], d, dv + s * row);
                }
            }
        }
}

/* Its tangent, a query: scores' tangents give those of p; with a = v'd, ds = p .* (a - p'a) and its tangent.
 */
static inline void NAME(attention_query_vjp_jvp)(const gn_attention *a, size_t at, const REAL *q,
                                                 const REAL *dq, const REAL *p, const REAL *d,
                                                 const REAL *d_dot, REAL *to) {
    const size_t h = a->width, width = a->heads * h, row = 3 * width, count = at + 1;
    const REAL *k = q + width, *v = k + width, *dk = dq + width, *dv = dk + width;
    const REAL scale = NAME(attention_scale)(a);
    REAL p_dot[GN_ATTENTION_POSITIONS], ds[GN_ATTENTION_POSITIONS], ds_dot[GN_ATTENTION_POSITIONS];
    for (size_t s = 0; s < count; s++) {
        p_dot[s] = scale * (NAME(short_dot)(h, dq + at * row, k + s * row) +
                            NAME(short_dot)(h, q + at * row, dk + s * row));
        ds[s] = NAME(short_dot)(h, d, v + s * row);
        ds_dot[s] = NAME(short_dot)(h, d_dot, v + s * row) + NAME(short_dot)(h, d, dv + s * row);
    }
    NAME(softmax_slope)(count, p, p_dot);
    const REAL mean = NAME(short_dot)(count, p, ds);
    const REAL mean_dot = NAME(short_dot)(count, p_dot, ds) + NAME(short_dot)(count, p, ds_dot);
#pragma omp simd
    for (size_t s = 0; s < count; s++) {
        const REAL above = ds[s] - mean;
        ds_dot[s] = scale * (p_dot[s] * above + p[s] * (ds_dot[s] - mean_dot));
        ds[s] = scale * p[s] * above;
    }
    for (size_t s = 0; s < count; s++) {
        REAL *to_q = to + at * row, *to_k = to + s * row + width, *to_v = to_k + width;
        NAME(add_scaled)(h, ds_dot[s], k + s * row, to_q);
        NAME(add_scaled)(h, ds[s], dk + s * row, to_q);
        NAME(add_scaled)(h, ds_dot[s], q + at * row, to_k);
        NAME(add_scaled)(h, ds[s], dq + at * row, to_k);
        NAME(add_scaled)(h, p_dot[s], d, to_v);
        NAME(add_scaled)(h, p[s], d_dot, to_v);
    }
}

static void NAME(attention_vjp_jvp)(size_t begin, size_t end, const gn_attention *a, const void *vqkv,
                                    const void *vp, const void *vdqkv, const void *vd, const void *vd_dot,
                                    void *vto) {
    const size_t h = a->width, width = a->heads * h, t = a->positions, row = 3 * width;
    NAME(fill)(begin * t * row, end * t * row, 0, vto);
    for (size_t n = begin; n < end; n++)
        for (size_t head = 0; head < a->heads; head++) {
            const size_t at = n * t * row + head * h, from = n * a->queries * width + head * h;
            const REAL *p = (const REAL *)vp + (n * a->heads + head) * a->queries * t;
            for (size_t i = 0; i < a->queries; i++)
                NAME(attention_query_vjp_jvp)
            (a, t - a->queries + i, (const REAL *)vqkv + at, (const REAL *)vdqkv + at, p + i * t,
             (const REAL *)vd + from + i * width, (const REAL *)vd_dot + from + i * width, (REAL *)vto + at);
        }
}
