/* Matrix products by cuBLAS. It counts by columns: a row-major matrix is its transpose there, so the operands
 * of a product change places. Scalars are read when a call is made, also when it is recorded. */
#include "backend/cuda/cuda.h"

#ifdef GN_HOST_CUDA /* the tests' cuBLAS has no 64-bit names; nothing there is that large */
#define cublasSgemm_64 cublasSgemm
#define cublasDgemm_64 cublasDgemm
#define cublasSsyrk_64 cublasSsyrk
#define cublasDsyrk_64 cublasDsyrk
#define cublasSgemv_64 cublasSgemv
#define cublasDgemv_64 cublasDgemv
#define cublasSgeam_64 cublasSgeam
#define cublasDgeam_64 cublasDgeam
#define LENGTH(size)   ((int)(size))
#else
#define LENGTH(size) ((int64_t)(size))
#endif

static cublasOperation_t transposed(bool transpose) {
    return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
}

/* c = beta c, for products with nothing to sum; cuBLAS reads no matrix whose factor is 0 */
static gn_status scale(gn_cuda_state *s, gn_dtype type, size_t m, size_t n, double beta, void *c,
                       size_t ldc) {
    const double zero = 0;
    const float beta_float = (float)beta, zero_float = 0;
    const cublasOperation_t as_is = CUBLAS_OP_N;
    return gn_cuda_blas(s,
                        type == GN_FLOAT64
                            ? cublasDgeam_64(s->blas, as_is, as_is, LENGTH(n), LENGTH(m), &beta, c,
                                             LENGTH(ldc), &zero, c, LENGTH(ldc), c, LENGTH(ldc))
                            : cublasSgeam_64(s->blas, as_is, as_is, LENGTH(n), LENGTH(m), &beta_float, c,
                                             LENGTH(ldc), &zero_float, c, LENGTH(ldc), c, LENGTH(ldc)),
                        "scaling a matrix");
}

static gn_status cuda_gemm(void *state, gn_dtype type, bool transpose_a, bool transpose_b, size_t m, size_t n,
                           size_t k, double alpha, const void *a, size_t lda, const void *b, size_t ldb,
                           double beta, void *c, size_t ldc) {
    gn_cuda_state *s = state;
    GN_TRY(gn_cuda_begin(s));
    if (!m || !n)
        return GN_OK;
    if (!k)
        return scale(s, type, m, n, beta, c, ldc);
    const cublasOperation_t ta = transposed(transpose_a), tb = transposed(transpose_b);
    const float alpha_float = (float)alpha, beta_float = (float)beta;
    return gn_cuda_blas(s,
                        type == GN_FLOAT64
                            ? cublasDgemm_64(s->blas, tb, ta, LENGTH(n), LENGTH(m), LENGTH(k), &alpha, b,
                                             LENGTH(ldb), a, LENGTH(lda), &beta, c, LENGTH(ldc))
                            : cublasSgemm_64(s->blas, tb, ta, LENGTH(n), LENGTH(m), LENGTH(k), &alpha_float,
                                             b, LENGTH(ldb), a, LENGTH(lda), &beta_float, c, LENGTH(ldc)),
                        "a matrix product");
}

/* Our lower triangle is cuBLAS's upper one. */
static gn_status cuda_syrk(void *state, gn_dtype type, bool transpose, size_t n, size_t k, double alpha,
                           const void *a, size_t lda, double beta, void *c, size_t ldc) {
    gn_cuda_state *s = state;
    GN_TRY(gn_cuda_begin(s));
    if (!n)
        return GN_OK;
    if (!k)
        return scale(s, type, n, n, beta, c, ldc);
    const cublasOperation_t t = transposed(!transpose);
    const cublasFillMode_t upper = CUBLAS_FILL_MODE_UPPER;
    const float alpha_float = (float)alpha, beta_float = (float)beta;
    return gn_cuda_blas(s,
                        type == GN_FLOAT64
                            ? cublasDsyrk_64(s->blas, upper, t, LENGTH(n), LENGTH(k), &alpha, a, LENGTH(lda),
                                             &beta, c, LENGTH(ldc))
                            : cublasSsyrk_64(s->blas, upper, t, LENGTH(n), LENGTH(k), &alpha_float, a,
                                             LENGTH(lda), &beta_float, c, LENGTH(ldc)),
                        "a symmetric product");
}

static gn_status cuda_gemv(void *state, gn_dtype type, bool transpose, size_t m, size_t n, double alpha,
                           const void *a, size_t lda, const void *x, double beta, void *y) {
    gn_cuda_state *s = state;
    const size_t length = transpose ? n : m, inner = transpose ? m : n;
    GN_TRY(gn_cuda_begin(s));
    if (!length)
        return GN_OK;
    if (!inner)
        return scale(s, type, 1, length, beta, y, length);
    const cublasOperation_t t = transposed(!transpose);
    const float alpha_float = (float)alpha, beta_float = (float)beta;
    return gn_cuda_blas(s,
                        type == GN_FLOAT64 ? cublasDgemv_64(s->blas, t, LENGTH(n), LENGTH(m), &alpha, a,
                                                            LENGTH(lda), x, 1, &beta, y, 1)
                                           : cublasSgemv_64(s->blas, t, LENGTH(n), LENGTH(m), &alpha_float, a,
                                                            LENGTH(lda), x, 1, &beta_float, y, 1),
                        "a matrix-vector product");
}

void gn_cuda_product_entries(gn_backend *table) {
    table->gemm = cuda_gemm;
    table->syrk = cuda_syrk;
    table->gemv = cuda_gemv;
}
