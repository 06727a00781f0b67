/* The loops of losses, for one REAL; included by kernels_types.h only, after kernels_vectors.h. */

/* ---- losses ---- */

static size_t NAME(first_largest)(size_t c, const REAL *x) {
    size_t best = 0;
    for (size_t i = 1; i < c; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static double NAME(count_correct)(size_t begin, size_t end, size_t t, size_t c, const void *vf,
                                  const void *vy) {
    const REAL *f = vf, *y = vy;
    double count = 0;
    for (size_t n = begin; n < end; n++) {
        size_t right = 0;
        for (size_t m = n * t; m < (n + 1) * t; m++)
            right += NAME(first_largest)(c, f + m * c) == NAME(first_largest)(c, y + m * c);
        count += right == t;
    }
    return count;
}

/* ---- classes ---- */

/* One row; -sum y log p. */
static double NAME(cross_entropy_row)(size_t c, const REAL *f, const REAL *y, REAL *p, REAL *g) {
    REAL most = f[0];
    double sum = 0, loss = 0;
    for (size_t i = 1; i < c; i++)
        most = f[i] > most ? f[i] : most;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < c; i++) {
        const REAL e = MATH(exp)(f[i] - most);
        p[i] = e;
        sum += e;
    }
    const double inverse = 1 / sum, log_sum = log(sum);
#pragma omp simd reduction(+ : loss)
    for (size_t i = 0; i < c; i++) {
        const double probability = p[i] * inverse;
        loss += y[i] * (log_sum - ((double)f[i] - most));
        p[i] = (REAL)probability;
        g[i] = (REAL)(probability - y[i]);
    }
    return loss;
}

static double NAME(cross_entropy)(size_t begin, size_t end, size_t c, const void *vf, const void *vy,
                                  void *vp, void *vg) {
    double loss = 0;
    for (size_t n = begin; n < end; n++)
        loss += NAME(cross_entropy_row)(c, (const REAL *)vf + n * c, (const REAL *)vy + n * c,
                                        (REAL *)vp + n * c, (REAL *)vg + n * c);
    return loss;
}

static void NAME(softmax_hessian)(size_t begin, size_t end, size_t c, double alpha, const void *vp,
                                  const void *vu, void *vout) {
    for (size_t n = begin; n < end; n++) {
        const REAL *p = (const REAL *)vp + n * c, *u = (const REAL *)vu + n * c;
        REAL *out = (REAL *)vout + n * c;
        double mean = 0;
#pragma omp simd reduction(+ : mean)
        for (size_t i = 0; i < c; i++)
            mean += (double)p[i] * u[i];
#pragma omp simd
        for (size_t i = 0; i < c; i++)
            out[i] = (REAL)(alpha * p[i] * (u[i] - mean));
    }
}

/* The probability that a root is taken of. */
static inline REAL NAME(kept)(REAL p) {
    const REAL least = (REAL)EPSILON * (REAL)EPSILON;
    return p < least ? least : p; /* NaN stays */
}

static void NAME(softmax_root)(size_t begin, size_t end, size_t t, size_t c, const void *vp, void *vd) {
    NAME(fill)(begin * t * c * t * c, t > 1 ? end * t * c * t * c : 0, 0, vd);
    for (size_t n = begin * t; n < end * t; n++) {
        const REAL *p = (const REAL *)vp + n * c;
        for (size_t r = 0; r < c; r++) {
            REAL *d = (REAL *)vd + (n * c + r) * t * c + n % t * c;
            const REAL root = SQRT(NAME(kept)(p[r]));
#pragma omp simd
            for (size_t i = 0; i < c; i++)
                d[i] = -root * NAME(kept)(p[i]);
            d[r] += root;
        }
    }
}

/* S u = sqrt(q) u - q (sqrt(q)'u), S'u = sqrt(q) (u - q'u) */
static void NAME(softmax_root_multiply)(size_t begin, size_t end, bool transpose, size_t c, const void *vp,
                                        const void *vu, void *vout) {
    for (size_t n = begin; n < end; n++) {
        const REAL *p = (const REAL *)vp + n * c, *u = (const REAL *)vu + n * c;
        REAL *out = (REAL *)vout + n * c;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t i = 0; i < c; i++) {
            const REAL q = NAME(kept)(p[i]);
            sum += (double)(transpose ? q : SQRT(q)) * u[i];
        }
#pragma omp simd
        for (size_t i = 0; i < c; i++) {
            const REAL q = NAME(kept)(p[i]), root = SQRT(q);
            out[i] = (REAL)(transpose ? root * (u[i] - sum) : (double)root * u[i] - q * sum);
        }
    }
}

static void NAME(softmax_root_solve)(size_t begin, size_t end, const void *vp, const void *vg, void *vt) {
    const REAL *p = vp, *g = vg;
    REAL *t = vt;
#pragma omp simd
    for (size_t i = begin; i < end; i++)
        t[i] = g[i] / SQRT(NAME(kept)(p[i]));
}
