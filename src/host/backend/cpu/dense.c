/* Symmetric matrices: Cholesky and eigendecomposition by LAPACK, damping and filters.
 * LAPACK counts by columns, so our lower triangle is its upper one, and its eigenvector columns are our rows.
 */
#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* Floating-point operations from which all threads pay. */
static const double potrf_least = 1e7, trsv_least = 1e7, eigh_least = 2e8;

static gn_status expect_size(void *state, size_t n, size_t ld) {
    if ((n | ld) <= INT_MAX)
        return GN_OK;
    return gn_cpu_fail(state, GN_ERROR_UNSUPPORTED, "a matrix of %zu rows: LAPACK's limit is %d", n, INT_MAX);
}

static gn_status expect_work(void *state, size_t needed, size_t given) {
    if (needed <= given)
        return GN_OK;
    return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "the workspace has %zu bytes, %zu are needed", given,
                       needed);
}

/* ---- Cholesky ---- */

static gn_status cpu_cholesky_workspace(void *state, gn_dtype type, size_t n, size_t *bytes) {
    (void)type;
    *bytes = 0; /* in place */
    return expect_size(state, n, n);
}

static gn_status fail_pivot(void *state, size_t row, size_t n) {
    return gn_cpu_fail(state, GN_ERROR_NOT_POSITIVE_DEFINITE,
                       "Cholesky: the pivot of row %zu of %zu is not positive; a larger damping would help",
                       row, n);
}

static gn_status cpu_cholesky(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *work,
                              size_t bytes) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    (void)work;
    (void)bytes;
    if (!n)
        return GN_OK;
    GN_TRY(expect_size(state, n, lda));
    const int before = gn_cpu_blas_begin((double)n * (double)n * (double)n / 3, potrf_least);
    const int info = type == GN_FLOAT64 ? LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, a, (int)lda)
                                        : LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, a, (int)lda);
    gn_cpu_blas_end(before);
    if (info > 0)
        return fail_pivot(state, (size_t)info, n);
    if (info < 0)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "Cholesky: LAPACK refused its argument %d", -info);
    for (size_t i = 0; i < n; i++) /* LAPACK tests for <= 0, which NaN passes */
        if (!(k->at(a, i * lda + i) > 0))
            return fail_pivot(state, i + 1, n);
    return GN_OK;
}

/* Rows x: x L L' = b, from the right. */
static gn_status solve_rows(void *state, gn_dtype type, size_t n, const void *l, size_t ldl, size_t rows,
                            void *b) {
    GN_TRY(expect_size(state, rows, ldl));
    const int before = gn_cpu_blas_begin(2.0 * (double)n * (double)n * (double)rows, potrf_least);
    for (int side = 0; side < 2; side++) {
        const CBLAS_TRANSPOSE transpose = side == 0 ? CblasTrans : CblasNoTrans;
        if (type == GN_FLOAT64)
            cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, transpose, CblasNonUnit, (int)rows, (int)n, 1,
                        l, (int)ldl, b, (int)n);
        else
            cblas_strsm(CblasRowMajor, CblasRight, CblasLower, transpose, CblasNonUnit, (int)rows, (int)n, 1,
                        l, (int)ldl, b, (int)n);
    }
    gn_cpu_blas_end(before);
    return GN_OK;
}

static gn_status cpu_cholesky_solve(void *state, gn_dtype type, size_t n, const void *l, size_t ldl,
                                    size_t rows, void *b) {
    if (!n || !rows)
        return GN_OK;
    GN_TRY(expect_size(state, n, ldl));
    if (rows > 1)
        return solve_rows(state, type, n, l, ldl, rows, b);
    const int before = gn_cpu_blas_begin(2.0 * (double)n * (double)n, trsv_least);
    if (type == GN_FLOAT64) {
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, l, (int)ldl, b, 1);
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)n, l, (int)ldl, b, 1);
    } else {
        cblas_strsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, l, (int)ldl, b, 1);
        cblas_strsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, (int)n, l, (int)ldl, b, 1);
    }
    gn_cpu_blas_end(before);
    return GN_OK;
}

static gn_status cpu_symmetrize(void *state, gn_dtype type, size_t n, void *a, size_t lda) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const size_t tiles = (n + GN_CPU_TILE - 1) / GN_CPU_TILE;
    GN_CPU_SPLIT(tiles, 1, 8, (double)n * (double)n * 0.5, begin, end, k->symmetrize(begin, end, n, a, lda));
    return GN_OK;
}

/* ---- eigendecomposition by divide and conquer (?syevd) ---- */

/* The lengths that ?syevd's documentation states for jobz = 'V'; asking it would allow more for blocking, so
 * the larger of both is taken. */
static gn_status eigh_lengths(void *state, gn_dtype type, size_t n, size_t *reals, size_t *integers) {
    double asked = 0;
    float asked_float = 0;
    lapack_int asked_integers = 0, info;
    GN_TRY(expect_size(state, n, n));
    const lapack_int order = (lapack_int)n;
    if (type == GN_FLOAT64)
        info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', order, NULL, order ? order : 1, NULL, &asked,
                                   -1, &asked_integers, -1);
    else
        info = LAPACKE_ssyevd_work(LAPACK_COL_MAJOR, 'V', 'L', order, NULL, order ? order : 1, NULL,
                                   &asked_float, -1, &asked_integers, -1);
    *reals = 1 + 6 * n + 2 * n * n;
    *integers = 3 + 5 * n;
    const double length = type == GN_FLOAT64 ? asked : asked_float;
    if (info == 0 && length > (double)*reals)
        *reals = (size_t)length;
    if (*reals > INT_MAX)
        return gn_cpu_fail(state, GN_ERROR_UNSUPPORTED,
                           "an eigendecomposition of %zu rows: LAPACK's workspace is limited to %d elements",
                           n, INT_MAX);
    return GN_OK;
}

static gn_status cpu_eigh_workspace(void *state, gn_dtype type, size_t n, size_t *bytes) {
    size_t reals, integers;
    GN_TRY(eigh_lengths(state, type, n, &reals, &integers));
    *bytes = reals * gn_cpu_element(type) + integers * sizeof(lapack_int);
    return GN_OK;
}

/* job: 'V', eigenvectors over a, or 'N', none, in a third of the time. */
static gn_status decompose(void *state, gn_dtype type, char job, size_t n, void *a, size_t lda, void *values,
                           void *work, size_t bytes) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    size_t reals, integers;
    if (!n)
        return GN_OK;
    GN_TRY(expect_size(state, n, lda));
    GN_TRY(eigh_lengths(state, type, n, &reals, &integers));
    GN_TRY(expect_work(state, reals * gn_cpu_element(type) + integers * sizeof(lapack_int), bytes));
    if (!k->lower_finite(n, a, lda)) /* LAPACK would print */
        return gn_cpu_fail(state, GN_ERROR_NO_CONVERGENCE,
                           "the eigendecomposition's matrix (%zu rows) has values that are not finite", n);
    GN_TRY(cpu_symmetrize(state, type, n, a, lda)); /* ?syevd is faster on the triangle that is not ours */
    lapack_int *index = (lapack_int *)((char *)work + reals * gn_cpu_element(type));
    const int before = gn_cpu_blas_begin((double)n * (double)n * (double)n, eigh_least);
    const int info = type == GN_FLOAT64 ? LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, job, 'L', (int)n, a, (int)lda,
                                                              values, work, (int)reals, index, (int)integers)
                                        : LAPACKE_ssyevd_work(LAPACK_COL_MAJOR, job, 'L', (int)n, a, (int)lda,
                                                              values, work, (int)reals, index, (int)integers);
    gn_cpu_blas_end(before);
    if (info)
        return gn_cpu_fail(state, GN_ERROR_NO_CONVERGENCE,
                           "the eigendecomposition of %zu rows failed (LAPACK's info %d)", n, info);
    return GN_OK;
}

static gn_status cpu_eigh(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values, void *work,
                          size_t bytes) {
    return decompose(state, type, 'V', n, a, lda, values, work, bytes);
}

static gn_status cpu_eigenvalues(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                                 void *work, size_t bytes) {
    return decompose(state, type, 'N', n, a, lda, values, work, bytes);
}

/* ---- damping and filters ---- */

static gn_status cpu_add_damping(void *state, gn_dtype type, size_t n, void *a, size_t lda, double damping,
                                 double floor, double *slot) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double trace = 0;
    for (size_t i = 0; i < n; i++)
        trace += k->at(a, i * lda + i);
    const double mu = fmax(damping, floor * trace);
    for (size_t i = 0; i < n; i++)
        k->put(a, i * lda + i, k->at(a, i * lda + i) + mu);
    *slot = mu;
    return GN_OK;
}

/* An eigenvalue of a Gram: negative only by rounding; NaN stays. */
static double clamped(double value) {
    return value < 0 ? 0 : value;
}

static gn_status cpu_spectral_filter(void *state, gn_dtype type, size_t n, const void *values, double damping,
                                     double floor, double cutoff, const void *in, void *out, double *slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, k->at(values, i));
    const double mu = fmax(damping, floor * largest);
    double kept = 0;
    for (size_t i = 0; i < n; i++) {
        const double lambda = clamped(k->at(values, i));
        const bool keep =
            !(cutoff < 0 ? lambda + mu <= 0 : lambda <= cutoff * largest); /* NaN is kept, to be seen */
        k->put(out, i, keep ? k->at(in, i) / (lambda + mu) : 0);
        kept += keep;
    }
    slots[0] = mu;
    slots[1] = kept;
    return GN_OK;
}

static double gain_of(double lambda, double mu, double exponent) {
    const double gain = pow(lambda + mu, -exponent);
    return isinf(gain) ? 0 : gain;
}

static gn_status cpu_spectral_power(void *state, gn_dtype type, size_t n, const void *values, double exponent,
                                    double floor, bool normalized, const uint32_t *order, double *mu,
                                    const void *in, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double largest = floor, most = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, k->at(values, i));
    const double damping = *mu = *mu < 0 ? -*mu * largest : *mu;
    for (size_t i = 0; i < n && normalized; i++) {
        const double source = k->at(values, order ? order[i] : i);
        most = fmax(most, fmax(floor, k->at(values, i)) * gain_of(fmax(floor, source), damping, exponent));
    }
    const double scale = !normalized ? 1 : most > 0 ? 1 / most : 0;
    for (size_t i = 0; i < n; i++) {
        const double source = k->at(values, order ? order[i] : i);
        const double gain = scale * gain_of(source < floor ? floor : source, damping, exponent);
        k->put(out, i, in ? k->at(in, i) * gain : gain);
    }
    return GN_OK;
}

void gn_cpu_dense_entries(gn_backend *table) {
    table->cholesky_workspace = cpu_cholesky_workspace;
    table->cholesky = cpu_cholesky;
    table->cholesky_solve = cpu_cholesky_solve;
    table->eigh_workspace = cpu_eigh_workspace;
    table->eigh = cpu_eigh;
    table->eigenvalues = cpu_eigenvalues;
    table->symmetrize = cpu_symmetrize;
    table->add_damping = cpu_add_damping;
    table->spectral_filter = cpu_spectral_filter;
    table->spectral_power = cpu_spectral_power;
}
