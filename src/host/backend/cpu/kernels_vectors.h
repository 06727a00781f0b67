/* The loops of vectors, sums and activations, for one REAL; included by kernels_types.h only, once a type,
 * hence no guard. `omp simd` says that iterations are independent, which holds also where an output is an
 * input: then it is the same element. No branch depends on a value, so NaN and infinities go where arithmetic
 * takes them. */

#define SQRT(x) (sizeof(REAL) == sizeof(float) ? (REAL)__builtin_sqrtf((float)(x)) : (REAL)__builtin_sqrt(x))

enum { NAME(STRIP) = 256 }; /* columns summed at a time */

/* ---- vectors ---- */

static void NAME(fill)(size_t begin, size_t end, double value, void *vx) {
    REAL *x = vx;
    const REAL v = (REAL)value;
#pragma omp simd
    for (size_t i = begin; i < end; i++)
        x[i] = v;
}

static void NAME(axpby)(size_t begin, size_t end, double alpha, const void *vx, double beta, void *vy) {
    const REAL *x = vx;
    REAL *y = vy;
    const REAL p = (REAL)alpha, q = (REAL)beta;
    if (beta == 0) { /* y may hold anything */
#pragma omp simd
        for (size_t i = begin; i < end; i++)
            y[i] = p * x[i];
        return;
    }
#pragma omp simd
    for (size_t i = begin; i < end; i++)
        y[i] = p * x[i] + q * y[i];
}

static void NAME(multiply)(size_t begin, size_t end, const void *vx, const void *vy, void *vz) {
    const REAL *x = vx, *y = vy;
    REAL *z = vz;
#pragma omp simd
    for (size_t i = begin; i < end; i++)
        z[i] = x[i] * y[i];
}

static void NAME(store)(size_t count, const double *from, void *vto) {
    REAL *to = vto;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        to[i] = (REAL)from[i];
}

/* ---- sums, in double ---- */

/* Four streams a quarter of the range apart: one chain of additions alone would wait for itself. */
#define QUARTER(n) ((n) / 64 * 16)

static double NAME(dot)(size_t begin, size_t end, const void *vx, const void *vy) {
    const REAL *x = (const REAL *)vx + begin, *y = (const REAL *)vy + begin;
    const size_t n = end - begin, q = QUARTER(n);
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0, tail = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (size_t i = 0; i < q; i++) {
        s0 += (double)x[i] * y[i];
        s1 += (double)x[i + q] * y[i + q];
        s2 += (double)x[i + 2 * q] * y[i + 2 * q];
        s3 += (double)x[i + 3 * q] * y[i + 3 * q];
    }
#pragma omp simd reduction(+ : tail)
    for (size_t i = 4 * q; i < n; i++)
        tail += (double)x[i] * y[i];
    return (s0 + s1) + (s2 + s3) + tail;
}

static double NAME(sum)(size_t begin, size_t end, const void *vx) {
    const REAL *x = (const REAL *)vx + begin;
    const size_t n = end - begin, q = QUARTER(n);
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0, tail = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (size_t i = 0; i < q; i++) {
        s0 += (double)x[i];
        s1 += (double)x[i + q];
        s2 += (double)x[i + 2 * q];
        s3 += (double)x[i + 3 * q];
    }
#pragma omp simd reduction(+ : tail)
    for (size_t i = 4 * q; i < n; i++)
        tail += (double)x[i];
    return (s0 + s1) + (s2 + s3) + tail;
}

static double NAME(squared_loss)(size_t begin, size_t end, const void *vf, const void *vy, void *vr) {
    const REAL *f = (const REAL *)vf + begin, *y = (const REAL *)vy + begin;
    REAL *r = (REAL *)vr + begin;
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (size_t i = 0; i < end - begin; i++) {
        const REAL d = f[i] - y[i];
        r[i] = d;
        s += (double)d * d;
    }
    return s;
}

static void NAME(column_sums)(size_t begin, size_t end, size_t columns, size_t first, size_t last,
                              const void *vx, double *sums) {
    const size_t width = last - first;
    for (size_t j = 0; j < width; j++)
        sums[j] = 0;
    for (size_t i = begin; i < end; i++) {
        const REAL *x = (const REAL *)vx + i * columns + first;
#pragma omp simd
        for (size_t j = 0; j < width; j++)
            sums[j] += (double)x[j];
    }
}

/* ---- activations: value and slope at x ---- */

static inline void NAME(identity_at)(REAL x, REAL *value, REAL *slope) {
    *value = x;
    *slope = 1;
}

static inline void NAME(tanh_at)(REAL x, REAL *value, REAL *slope) {
    const REAL t = NAME(tanh_value)(x);
    *value = t;
    *slope = 1 - t * t;
}

static inline void NAME(relu_at)(REAL x, REAL *value, REAL *slope) {
    *value = x < 0 ? 0 : x; /* NaN stays */
    *slope = x > 0 ? 1 : 0;
}

/* Beyond 40 Phi is 0 or 1 and the density 0; the clamps keep inf * 0 away. */
static inline void NAME(gelu_at)(REAL x, REAL *value, REAL *slope) {
    const REAL above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above;
    const REAL cumulative = (REAL)0.5 + (REAL)0.5 * MATH(erf)(x * (REAL)0.70710678118654752440);
    const REAL density = (REAL)0.39894228040143267794 * MATH(exp)((REAL)-0.5 * inside * inside);
    *value = above * cumulative;
    *slope = cumulative + inside * density;
}

static inline void NAME(sin_at)(REAL x, REAL *value, REAL *slope) {
    *value = MATH(sin)(x);
    *slope = MATH(cosine)(x);
}

/* exp of -|x| alone, so that nothing overflows. */
static inline void NAME(sigmoid_at)(REAL x, REAL *value, REAL *slope) {
    const REAL e = MATH(exp)(x < 0 ? x : -x), inverse = 1 / (1 + e);
    *value = x < 0 ? e * inverse : inverse;
    *slope = e * inverse * inverse;
}

static inline void NAME(softplus_at)(REAL x, REAL *value, REAL *slope) {
    const REAL e = MATH(exp)(x < 0 ? x : -x), inverse = 1 / (1 + e);
    *value = (x < 0 ? 0 : x) + MATH(log1p)(e);
    *slope = x < 0 ? e * inverse : inverse;
}

static inline void NAME(quadratic_at)(REAL x, REAL *value, REAL *slope) {
    *value = x * x;
    *slope = 2 * x;
}

#define ACTIVATION(kind)                                                                                     \
    static void NAME(kind)(size_t begin, size_t end, const void *vz, void *va, void *vslope) {               \
        const REAL *z = vz;                                                                                  \
        REAL *a = va, *slope = vslope;                                                                       \
        if (slope) {                                                                                         \
            _Pragma("omp simd") for (size_t i = begin; i < end; i++) {                                       \
                REAL v, s;                                                                                   \
                NAME(kind##_at)(z[i], &v, &s);                                                               \
                a[i] = v;                                                                                    \
                slope[i] = s;                                                                                \
            }                                                                                                \
            return;                                                                                          \
        }                                                                                                    \
        _Pragma("omp simd") for (size_t i = begin; i < end; i++) {                                           \
            REAL v, s;                                                                                       \
            NAME(kind##_at)(z[i], &v, &s);                                                                   \
            a[i] = v;                                                                                        \
        }                                                                                                    \
    }

ACTIVATION(identity)
ACTIVATION(tanh)
ACTIVATION(relu)
ACTIVATION(gelu)
ACTIVATION(sin)
ACTIVATION(sigmoid)
ACTIVATION(softplus)
ACTIVATION(quadratic)
#undef ACTIVATION
