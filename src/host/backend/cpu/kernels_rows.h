/* The loops of rows of cotangents and of matrices, for one REAL; included by kernels_types.h only, after
 * kernels_vectors.h. */

/* ---- rows of cotangents ---- */

static void NAME(multiply_rows)(size_t begin, size_t end, size_t r, size_t w, const void *vin, const void *vs,
                                void *vout) {
    for (size_t n = begin; n < end; n++) {
        const REAL *in = (const REAL *)vin + n * r * w, *s = (const REAL *)vs + n * w;
        REAL *out = (REAL *)vout + n * r * w;
        if (w == 1) { /* the cotangents are the long axis */
            const REAL factor = s[0];
#pragma omp simd
            for (size_t q = 0; q < r; q++)
                out[q] = in[q] * factor;
            continue;
        }
        for (size_t q = 0; q < r; q++)
#pragma omp simd
            for (size_t i = 0; i < w; i++)
                out[q * w + i] = in[q * w + i] * s[i];
    }
}

/* out[i] = sum_q u[q] d[q,i] for one sample, `width` columns of rows of length w */
static void NAME(contract_strip)(size_t r, size_t w, size_t width, const REAL *u, const REAL *d, REAL *out) {
    double sums[NAME(STRIP)];
    for (size_t i = 0; i < width; i++)
        sums[i] = 0;
    for (size_t q = 0; q < r; q++) {
        const double factor = u[q];
#pragma omp simd
        for (size_t i = 0; i < width; i++)
            sums[i] += factor * d[q * w + i];
    }
    NAME(store)(width, sums, out);
}

/* c = beta c + f b, one row: f has k numbers, b k strips; k is a constant where this is inlined. */
static inline void NAME(thin_row)(const size_t k, size_t width, const REAL *f, REAL (*b)[NAME(STRIP)],
                                  REAL beta, REAL *c) {
    if (beta == 0) { /* c may hold anything */
#pragma omp simd
        for (size_t j = 0; j < width; j++) {
            REAL sum = f[0] * b[0][j];
            for (size_t p = 1; p < k; p++)
                sum += f[p] * b[p][j];
            c[j] = sum;
        }
        return;
    }
#pragma omp simd
    for (size_t j = 0; j < width; j++) {
        REAL sum = beta * c[j];
        for (size_t p = 0; p < k; p++)
            sum += f[p] * b[p][j];
        c[j] = sum;
    }
}

static void NAME(thin_gemm)(size_t begin, size_t end, size_t n, size_t k, double alpha, const void *va,
                            size_t row_a, size_t step_a, const void *vb, size_t step_b, size_t column_b,
                            double beta, void *vc, size_t ldc) {
    const REAL *a = va, *b = vb;
    REAL strips[GN_CPU_THIN][NAME(STRIP)], f[GN_CPU_THIN];
    for (size_t first = 0; first < n; first += NAME(STRIP)) {
        const size_t width = n - first < NAME(STRIP) ? n - first : NAME(STRIP);
        for (size_t p = 0; p < k; p++)
            for (size_t j = 0; j < width; j++)
                strips[p][j] = b[p * step_b + (first + j) * column_b];
        for (size_t i = begin; i < end; i++) {
            REAL *c = (REAL *)vc + i * ldc + first;
            for (size_t p = 0; p < k; p++)
                f[p] = (REAL)alpha * a[i * row_a + p * step_a];
            if (k == 1)
                NAME(thin_row)(1, width, f, strips, (REAL)beta, c);
            else if (k == 2)
                NAME(thin_row)(2, width, f, strips, (REAL)beta, c);
            else
                NAME(thin_row)(k, width, f, strips, (REAL)beta, c);
        }
    }
}

static void NAME(contract_rows)(size_t begin, size_t end, size_t r, size_t w, const void *vu, const void *vd,
                                void *vout) {
    for (size_t n = begin; n < end; n++) {
        const REAL *u = (const REAL *)vu + n * r, *d = (const REAL *)vd + n * r * w;
        REAL *out = (REAL *)vout + n * w;
        if (r == 1) {
#pragma omp simd
            for (size_t i = 0; i < w; i++)
                out[i] = u[0] * d[i];
            continue;
        }
        for (size_t first = 0; first < w; first += NAME(STRIP)) {
            const size_t width = w - first < NAME(STRIP) ? w - first : NAME(STRIP);
            NAME(contract_strip)(r, w, width, u, d + first, out + first);
        }
    }
}

static void NAME(unit_rows)(size_t begin, size_t end, size_t r, void *vd) {
    REAL *d = vd;
    if (r == 1) {
        NAME(fill)(begin, end, 1, d);
        return;
    }
    NAME(fill)(begin * r * r, end * r * r, 0, d);
    for (size_t n = begin; n < end; n++)
        for (size_t q = 0; q < r; q++)
            d[(n * r + q) * r + q] = 1;
}

static void NAME(jacobian_linear)(size_t begin, size_t end, size_t r, size_t out, size_t in, const void *vd,
                                  size_t ldd, const void *va, bool bias, void *vj, size_t ldj) {
    for (size_t m = begin * r; m < end * r; m++) {
        const REAL *d = (const REAL *)vd + m * ldd, *a = (const REAL *)va + m / r * in;
        REAL *j = (REAL *)vj + m * ldj;
        if (in == 1) {
            const REAL factor = a[0];
#pragma omp simd
            for (size_t o = 0; o < out; o++)
                j[o] = d[o] * factor;
        } else {
            for (size_t o = 0; o < out; o++) {
                const REAL factor = d[o];
#pragma omp simd
                for (size_t i = 0; i < in; i++)
                    j[o * in + i] = factor * a[i];
            }
        }
        if (bias)
            memcpy(j + out * in, d, out * sizeof(REAL));
    }
}

/* to (n) = x' y, x is t x rows of distance ldx, one column of it; y is t x n: sums of scaled rows */
static void NAME(sum_of_rows)(size_t t, size_t n, const REAL *x, size_t ldx, const REAL *y, REAL *to) {
    const REAL first = x[0];
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        to[i] = first * y[i];
    for (size_t p = 1; p < t; p++) {
        const REAL factor = x[p * ldx];
#pragma omp simd
        for (size_t i = 0; i < n; i++)
            to[i] += factor * y[p * n + i];
    }
}

/* The same of `out` columns, to[o,:] for column o of x, where n is too small for a vector: first by columns
 * of y, which is long loops over o, then across. */
enum { NAME(NARROW) = 8 };

static void NAME(narrow_sums)(size_t t, size_t n, size_t out, const REAL *x, size_t ldx, const REAL *y,
                              REAL *to) {
    REAL sums[NAME(NARROW)][NAME(STRIP)];
    for (size_t first = 0; first < out; first += NAME(STRIP)) {
        const size_t width = out - first < NAME(STRIP) ? out - first : NAME(STRIP);
        for (size_t i = 0; i < n; i++) {
            for (size_t o = 0; o < width; o++)
                sums[i][o] = x[first + o] * y[i];
            for (size_t p = 1; p < t; p++) {
                const REAL factor = y[p * n + i], *row = x + p * ldx + first;
#pragma omp simd
                for (size_t o = 0; o < width; o++)
                    sums[i][o] += factor * row[o];
            }
        }
        for (size_t o = 0; o < width; o++)
            for (size_t i = 0; i < n; i++)
                to[(first + o) * n + i] = sums[i][o];
    }
}

static void NAME(jacobian_positions)(size_t begin, size_t end, size_t r, size_t t, size_t out, size_t in,
                                     const void *vd, size_t ldd, const void *va, bool bias, void *vj,
                                     size_t ldj) {
    if (t == 0) {
        for (size_t m = begin * r; m < end * r; m++)
            NAME(fill)(0, out * (in + bias), 0, (REAL *)vj + m * ldj);
        return;
    }
    for (size_t m = begin * r; m < end * r; m++) {
        const REAL *d = (const REAL *)vd + m * t * ldd, *a = (const REAL *)va + m / r * t * in;
        REAL *j = (REAL *)vj + m * ldj, *sums = j + out * in;
        if (in < NAME(NARROW))
            NAME(narrow_sums)(t, in, out, d, ldd, a, j);
        else
            for (size_t o = 0; o < out; o++)
                NAME(sum_of_rows)(t, in, d + o, ldd, a, j + o * in);
        if (!bias)
            continue;
        memcpy(sums, d, out * sizeof(REAL));
        for (size_t p = 1; p < t; p++)
#pragma omp simd
            for (size_t o = 0; o < out; o++)
                sums[o] += d[p * ldd + o];
    }
}

/* out (w) = factor * sum_q x[q,:] y[q,:], rows ld apart */
static void NAME(row_products)(size_t r, size_t w, size_t ld, double factor, const REAL *x, const REAL *y,
                               REAL *out) {
    double sums[NAME(STRIP)];
    for (size_t first = 0; first < w; first += NAME(STRIP)) {
        const size_t width = w - first < NAME(STRIP) ? w - first : NAME(STRIP);
        for (size_t i = 0; i < width; i++)
            sums[i] = 0;
        for (size_t q = 0; q < r; q++)
#pragma omp simd
            for (size_t i = 0; i < width; i++)
                sums[i] += (double)x[q * ld + first + i] * y[q * ld + first + i];
        for (size_t i = 0; i < width; i++)
            out[first + i] = (REAL)(factor * sums[i]);
    }
}

static void NAME(pair_products)(size_t begin, size_t end, size_t r, size_t t, size_t w, double twice,
                                const void *vd, void *vout) {
    const size_t pairs = t * (t + 1) / 2;
    for (size_t n = begin; n < end; n++) {
        const REAL *d = (const REAL *)vd + n * r * t * w;
        REAL *out = (REAL *)vout + n * pairs * w;
        for (size_t p = 0; p < t; p++)
            for (size_t q = 0; q <= p; q++, out += w)
                NAME(row_products)(r, w, t * w, p == q ? 1 : twice, d + p * w, d + q * w, out);
    }
}

/* k = beta k + s (g + shift) over one run of columns */
static void NAME(hadamard_run)(size_t count, const REAL *s, const REAL *g, REAL shift, REAL beta, REAL *k) {
    if (beta == 0) { /* k may hold anything */
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            k[i] = s[i] * (g[i] + shift);
    } else {
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            k[i] = beta * k[i] + s[i] * (g[i] + shift);
    }
}

/* Repeats each of g[first / r ...] r times, into the `width` columns from `first` on. */
static void NAME(repeat)(size_t first, size_t width, size_t r, const REAL *g, REAL *repeated) {
    size_t from = first / r, left = r - first % r;
    for (size_t i = 0; i < width; from++, left = r) {
        const size_t stop = width - i < left ? width : i + left;
        const REAL value = g[from];
        for (; i < stop; i++)
            repeated[i] = value;
    }
}

static void NAME(gram_hadamard)(size_t begin, size_t end, size_t nj, size_t r, const void *vs, size_t lds,
                                const void *vg, size_t ldg, double shift, double beta, bool lower, void *vk,
                                size_t ldk) {
    const REAL *s = vs, *g = vg;
    REAL *k = vk;
    const size_t columns = nj * r;
    REAL repeated[NAME(STRIP)]; /* a strip of a row of g, shared by the r rows of a sample */
    for (size_t n = begin; n < end; n++) {
        if (r == 1) {
            const size_t width = lower && n < columns ? n + 1 : columns;
            NAME(hadamard_run)(width, s + n * lds, g + n * ldg, (REAL)shift, (REAL)beta, k + n * ldk);
            continue;
        }
        const size_t needed = lower && (n + 1) * r < columns ? (n + 1) * r : columns;
        for (size_t first = 0; first < needed; first += NAME(STRIP)) {
            const size_t width = needed - first < NAME(STRIP) ? needed - first : NAME(STRIP);
            NAME(repeat)(first, width, r, g + n * ldg, repeated);
            for (size_t m = n * r; m < (n + 1) * r; m++)
                NAME(hadamard_run)
            (width, s + m * lds + first, repeated, (REAL)shift, (REAL)beta, k + m * ldk + first);
        }
    }
}

/* The factor of each column of s from `first` on, for one row of g: its sample's positions, r times over. */
static void NAME(repeat_positions)(size_t first, size_t width, size_t r, size_t t, const REAL *g, REAL shift,
                                   REAL *factors) {
    size_t sample = first / (r * t), cotangent = first / t % r, position = first % t;
    for (size_t i = 0; i < width; i++) {
        factors[i] = g[sample * t + position] + shift;
        if (++position < t)
            continue;
        position = 0;
        if (++cotangent == r) {
            cotangent = 0;
            sample++;
        }
    }
}

/* k[c] += sum_t' s[c,t'] f[c,t'] over `width` columns of s from `first` on; they may begin within a c */
static void NAME(add_positions)(size_t first, size_t width, size_t t, const REAL *s, const REAL *factors,
                                REAL *k) {
    REAL products[NAME(STRIP)];
#pragma omp simd
    for (size_t i = 0; i < width; i++)
        products[i] = s[i] * factors[i];
    size_t column = first / t, left = t - first % t;
    for (size_t i = 0; i < width; column++, left = t) {
        const size_t stop = width - i < left ? width : i + left;
        REAL sum = 0;
        for (; i < stop; i++)
            sum += products[i];
        k[column] += sum;
    }
}

/* Element (i, j) of a symmetric matrix of which the lower triangle is there. */
#define SYMMETRIC(x, ld, i, j) ((i) >= (j) ? (x)[(i) * (ld) + (j)] : (x)[(j) * (ld) + (i)])

/* The block of sample n with itself, on and below the diagonal. */
static void NAME(gram_own)(size_t n, size_t r, size_t t, const REAL *s, size_t lds, const REAL *g, size_t ldg,
                           REAL shift, REAL *k, size_t ldk) {
    for (size_t m = n * r; m < (n + 1) * r; m++)
        for (size_t l = n * r; l <= m; l++) {
            REAL sum = 0;
            for (size_t p = 0; p < t; p++)
                for (size_t q = 0; q < t; q++)
                    sum += SYMMETRIC(s, lds, m * t + p, l * t + q) *
                           (SYMMETRIC(g, ldg, n * t + p, n * t + q) + shift);
            k[m * ldk + l] += sum;
        }
}
#undef SYMMETRIC

static void NAME(gram_positions)(size_t begin, size_t end, size_t nj, size_t r, size_t t, const void *vs,
                                 size_t lds, const void *vg, size_t ldg, double shift, double beta,
                                 bool lower, void *vk, size_t ldk) {
    const REAL *s = vs, *g = vg;
    REAL *k = vk, factors[NAME(STRIP)]; /* of a strip of columns, shared by the r rows of a sample */
    for (size_t n = begin; n < end; n++) {
        const bool own = lower && n < nj;
        const size_t columns = own ? n * r : nj * r, needed = own ? (n + 1) * r : columns;
        for (size_t m = n * r; m < (n + 1) * r; m++) {
            if (beta == 0)
                NAME(fill)(0, needed, 0, k + m * ldk);
            else
                NAME(axpby)(0, needed, 0, k + m * ldk, beta, k + m * ldk);
        }
        for (size_t p = 0; p < t; p++)
            for (size_t first = 0; first < columns * t; first += NAME(STRIP)) {
                const size_t left = columns * t - first, width = left < NAME(STRIP) ? left : NAME(STRIP);
                NAME(repeat_positions)(first, width, r, t, g + (n * t + p) * ldg, (REAL)shift, factors);
                for (size_t m = n * r; m < (n + 1) * r; m++)
                    NAME(add_positions)(first, width, t, s + (m * t + p) * lds + first, factors, k + m * ldk);
            }
        if (own)
            NAME(gram_own)(n, r, t, s, lds, g, ldg, (REAL)shift, k, ldk);
    }
}

/* ---- matrices ---- */

/* By tiles: both triangles' lines stay in the cache. */
static void NAME(symmetrize)(size_t begin, size_t end, size_t n, void *va, size_t lda) {
    REAL *a = va;
    for (size_t i0 = begin * GN_CPU_TILE; i0 < end * GN_CPU_TILE && i0 < n; i0 += GN_CPU_TILE)
        for (size_t j0 = 0; j0 <= i0; j0 += GN_CPU_TILE)
            for (size_t j = j0; j < j0 + GN_CPU_TILE && j < n; j++)
                for (size_t i = i0 > j ? i0 : j + 1; i < i0 + GN_CPU_TILE && i < n; i++)
                    a[j * lda + i] = a[i * lda + j];
}

static bool NAME(lower_finite)(size_t n, const void *va, size_t lda) {
    REAL zero = 0; /* becomes NaN by the first that is not finite */
    for (size_t i = 0; i < n; i++) {
        const REAL *a = (const REAL *)va + i * lda;
#pragma omp simd reduction(+ : zero)
        for (size_t j = 0; j <= i; j++)
            zero += 0 * a[j];
    }
    return zero == 0;
}

static double NAME(at)(const void *x, size_t i) {
    return ((const REAL *)x)[i];
}

static void NAME(put)(void *x, size_t i, double value) {
    ((REAL *)x)[i] = (REAL)value;
}
