/* The loops of first-order rules and solvers, for one REAL; included by kernels_types.h only, after
 * kernels_vectors.h. */

/* ---- first-order updates ---- */

static void NAME(sgd)(size_t begin, size_t end, gn_sgd_rule rule, double rate, const void *vg, void *vv,
                      void *vtheta) {
    const REAL *g = vg;
    REAL *v = vv, *theta = vtheta;
    const REAL momentum = (REAL)rule.momentum, decay = (REAL)rule.weight_decay, step = (REAL)rate;
    if (!v) {
#pragma omp simd
        for (size_t i = begin; i < end; i++)
            theta[i] -= step * (g[i] + decay * theta[i]);
        return;
    }
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
        const REAL velocity = momentum * v[i] + (g[i] + decay * theta[i]);
        v[i] = velocity;
        theta[i] -= step * velocity;
    }
}

static void NAME(adam)(size_t begin, size_t end, const gn_cpu_adam *adam, const void *vg, void *vm, void *vv,
                       void *vtheta) {
    const REAL *g = vg;
    REAL *m = vm, *v = vv, *theta = vtheta;
    const REAL beta1 = (REAL)adam->beta1, rest1 = (REAL)(1 - adam->beta1);
    const REAL beta2 = (REAL)adam->beta2, rest2 = (REAL)(1 - adam->beta2);
    const REAL coupled = (REAL)adam->coupled, shrink = (REAL)adam->shrink;
    const REAL step = (REAL)adam->step, scale = (REAL)adam->scale, epsilon = (REAL)adam->epsilon;
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
        const REAL gradient = g[i] + coupled * theta[i];
        const REAL first = beta1 * m[i] + rest1 * gradient;
        const REAL second = beta2 * v[i] + rest2 * gradient * gradient;
        m[i] = first;
        v[i] = second;
        theta[i] = shrink * theta[i] - step * first / (SQRT(second) * scale + epsilon);
    }
}

/* ---- solvers ---- */

static void NAME(cg_begin)(size_t begin, size_t end, double mu, const void *vax, void *vx, void *vr,
                           double sums[2], double *largest) {
    const REAL *ax = vax;
    REAL *x = vx, *r = vr;
    double squares = 0, products = 0, most = 0;
    if (!ax)
        NAME(fill)(begin, end, 0, x);
#pragma omp simd reduction(+ : squares, products) reduction(max : most)
    for (size_t i = begin; i < end; i++) {
        const REAL b = r[i], residual = ax ? b - (ax[i] + (REAL)mu * x[i]) : b;
        const double size = residual < 0 ? -(double)residual : (double)residual;
        r[i] = residual;
        squares += (double)residual * residual;
        products += (double)x[i] * ((double)b + residual);
        most = size > most ? size : most;
    }
    sums[0] = squares;
    sums[1] = products;
    *largest = most;
}

static double NAME(cg_curvature)(size_t begin, size_t end, double mu, const void *vp, const void *vq) {
    const REAL *p = vp, *q = vq;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = begin; i < end; i++)
        sum += (double)p[i] * (q[i] + (REAL)mu * p[i]);
    return sum;
}

static double NAME(cg_step)(size_t begin, size_t end, double alpha, double mu, const void *vp, const void *vq,
                            void *vx, void *vr, double *largest) {
    const REAL *p = vp, *q = vq;
    REAL *x = vx, *r = vr;
    const REAL step = (REAL)alpha;
    double squares = 0, most = 0;
#pragma omp simd reduction(+ : squares) reduction(max : most)
    for (size_t i = begin; i < end; i++) {
        const REAL residual = r[i] - step * (q[i] + (REAL)mu * p[i]);
        const double size = residual < 0 ? -(double)residual : (double)residual;
        x[i] += step * p[i];
        r[i] = residual;
        squares += (double)residual * residual;
        most = size > most ? size : most;
    }
    *largest = most;
    return squares;
}

static void NAME(lsmr_update)(size_t begin, size_t end, double v_scale, const gn_lsmr_row *row,
                              const void *vv, void *vh, void *vhbar, void *vx) {
    const REAL *v = vv;
    REAL *h = vh, *hbar = vhbar, *x = vx;
    const REAL scale = (REAL)v_scale, hbar_scale = (REAL)row->hbar_scale, x_scale = (REAL)row->x_scale,
               h_scale = (REAL)row->h_scale;
#pragma omp simd
    for (size_t i = begin; i < end; i++) {
        const REAL next = h[i] + hbar_scale * hbar[i];
        hbar[i] = next;
        x[i] += x_scale * next;
        h[i] = scale * v[i] + h_scale * h[i];
    }
}
