/* Matrix products by CBLAS. */
#include <cblas.h>
#include <limits.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* Floating-point operations from which all threads pay. */
static const double gemm_least = 1e7, syrk_least = 1e7, gemv_least = 2e6;

/* BLAS counts in int. */
static bool fits(size_t a, size_t b, size_t c, size_t d) {
    return (a | b | c | d) <= INT_MAX;
}

static gn_status too_large(void *state, const char *operation) {
    return gn_cpu_fail(state, GN_ERROR_UNSUPPORTED, "%s: a size is larger than %d, the BLAS library's limit",
                       operation, INT_MAX);
}

/* c = beta c, for products with nothing to sum */
static void scale(void *state, gn_dtype type, size_t m, size_t n, double beta, void *c, size_t ldc) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < m; i++) {
        char *row = (char *)c + i * ldc * gn_cpu_element(type);
        if (beta == 0)
            k->fill(0, n, 0, row);
        else
            k->axpby(0, n, 0, row, beta, row);
    }
}

static CBLAS_TRANSPOSE transposed(bool transpose) {
    return transpose ? CblasTrans : CblasNoTrans;
}

/* y (m, step_y apart) = alpha op(A) x + beta y; op(A) is m x k */
static void gemv(gn_dtype type, bool transpose, size_t m, size_t k, double alpha, const void *a, size_t lda,
                 const void *x, size_t step_x, double beta, void *y, size_t step_y) {
    const CBLAS_TRANSPOSE t = transposed(transpose);
    const int rows = (int)(transpose ? k : m), columns = (int)(transpose ? m : k);
    const int before = gn_cpu_blas_begin(2.0 * (double)m * (double)k, gemv_least);
    if (type == GN_FLOAT64)
        cblas_dgemv(CblasRowMajor, t, rows, columns, alpha, a, (int)lda, x, (int)step_x, beta, y,
                    (int)step_y);
    else
        cblas_sgemv(CblasRowMajor, t, rows, columns, (float)alpha, a, (int)lda, x, (int)step_x, (float)beta,
                    y, (int)step_y);
    gn_cpu_blas_end(before);
}

static gn_status cpu_gemm(void *state, gn_dtype type, bool transpose_a, bool transpose_b, size_t m, size_t n,
                          size_t k, double alpha, const void *a, size_t lda, const void *b, size_t ldb,
                          double beta, void *c, size_t ldc) {
    if (!m || !n)
        return GN_OK;
    if (!k) {
        scale(state, type, m, n, beta, c, ldc);
        return GN_OK;
    }
    if (!fits(m, n, k, lda) || !fits(ldb, ldc, 0, 0))
        return too_large(state, "a matrix product");
    if (n == 1) {
        gemv(type, transpose_a, m, k, alpha, a, lda, b, transpose_b ? 1 : ldb, beta, c, ldc);
        return GN_OK;
    }
    if (m == 1) { /* c' = op(B)' op(A)' */
        gemv(type, !transpose_b, n, k, alpha, b, ldb, a, transpose_a ? lda : 1, beta, c, 1);
        return GN_OK;
    }
    if (k <= GN_CPU_THIN) { /* bound by memory, which BLAS goes through twice */
        const gn_cpu_kernels *kernels = gn_cpu_kernels_of(state, type);
        GN_CPU_SPLIT(m, 4, 1, (double)m * (double)n * 0.1 * (double)(k + 3), begin, end,
                     kernels->thin_gemm(begin, end, n, k, alpha, a, transpose_a ? 1 : lda,
                                        transpose_a ? lda : 1, b, transpose_b ? 1 : ldb,
                                        transpose_b ? ldb : 1, beta, c, ldc));
        return GN_OK;
    }
    const CBLAS_TRANSPOSE ta = transposed(transpose_a), tb = transposed(transpose_b);
    const int before = gn_cpu_blas_begin(2.0 * (double)m * (double)n * (double)k, gemm_least);
    if (type == GN_FLOAT64)
        cblas_dgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c,
                    (int)ldc);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, (float)alpha, a, (int)lda, b, (int)ldb,
                    (float)beta, c, (int)ldc);
    gn_cpu_blas_end(before);
    return GN_OK;
}

static gn_status cpu_syrk(void *state, gn_dtype type, bool transpose, size_t n, size_t k, double alpha,
                          const void *a, size_t lda, double beta, void *c, size_t ldc) {
    if (!n)
        return GN_OK;
    if (!k) {
        scale(state, type, n, n, beta, c, ldc);
        return GN_OK;
    }
    if (!fits(n, k, lda, ldc))
        return too_large(state, "a symmetric product");
    const CBLAS_TRANSPOSE t = transposed(transpose);
    const int before = gn_cpu_blas_begin((double)n * (double)n * (double)k, syrk_least);
    if (type == GN_FLOAT64)
        cblas_dsyrk(CblasRowMajor, CblasLower, t, (int)n, (int)k, alpha, a, (int)lda, beta, c, (int)ldc);
    else
        cblas_ssyrk(CblasRowMajor, CblasLower, t, (int)n, (int)k, (float)alpha, a, (int)lda, (float)beta, c,
                    (int)ldc);
    gn_cpu_blas_end(before);
    return GN_OK;
}

static gn_status cpu_gemv(void *state, gn_dtype type, bool transpose, size_t m, size_t n, double alpha,
                          const void *a, size_t lda, const void *x, double beta, void *y) {
    const size_t length = transpose ? n : m, inner = transpose ? m : n;
    if (!length)
        return GN_OK;
    if (!inner) {
        scale(state, type, 1, length, beta, y, length);
        return GN_OK;
    }
    if (!fits(m, n, lda, 0))
        return too_large(state, "a matrix-vector product");
    gemv(type, transpose, length, inner, alpha, a, lda, x, 1, beta, y, 1);
    return GN_OK;
}

void gn_cpu_product_entries(gn_backend *table) {
    table->gemm = cpu_gemm;
    table->syrk = cpu_syrk;
    table->gemv = cpu_gemv;
}
