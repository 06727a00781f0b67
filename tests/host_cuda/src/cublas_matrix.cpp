// cuBLAS level 3 over CBLAS.
#include "cublas_internal.h"

using namespace hc;

namespace {

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc) {
    cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, double alpha, const double *a, int lda,
          const double *b, int ldb, double beta, double *c, int ldc) {
    cblas_dgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void syrk(CBLAS_UPLO u, CBLAS_TRANSPOSE t, int n, int k, float alpha, const float *a, int lda, float beta,
          float *c, int ldc) {
    cblas_ssyrk(CblasColMajor, u, t, n, k, alpha, a, lda, beta, c, ldc);
}

void syrk(CBLAS_UPLO u, CBLAS_TRANSPOSE t, int n, int k, double alpha, const double *a, int lda, double beta,
          double *c, int ldc) {
    cblas_dsyrk(CblasColMajor, u, t, n, k, alpha, a, lda, beta, c, ldc);
}

void symm(CBLAS_SIDE s, CBLAS_UPLO u, int m, int n, float alpha, const float *a, int lda, const float *b,
          int ldb, float beta, float *c, int ldc) {
    cblas_ssymm(CblasColMajor, s, u, m, n, alpha, a, lda, b, ldb, beta, c, ldc);
}

void symm(CBLAS_SIDE s, CBLAS_UPLO u, int m, int n, double alpha, const double *a, int lda, const double *b,
          int ldb, double beta, double *c, int ldc) {
    cblas_dsymm(CblasColMajor, s, u, m, n, alpha, a, lda, b, ldb, beta, c, ldc);
}

void trsm(CBLAS_SIDE s, CBLAS_UPLO u, CBLAS_TRANSPOSE t, CBLAS_DIAG d, int m, int n, float alpha,
          const float *a, int lda, float *b, int ldb) {
    cblas_strsm(CblasColMajor, s, u, t, d, m, n, alpha, a, lda, b, ldb);
}

void trsm(CBLAS_SIDE s, CBLAS_UPLO u, CBLAS_TRANSPOSE t, CBLAS_DIAG d, int m, int n, double alpha,
          const double *a, int lda, double *b, int ldb) {
    cblas_dtrsm(CblasColMajor, s, u, t, d, m, n, alpha, a, lda, b, ldb);
}

template <class T> struct Gemm {
    cublasOperation_t ta, tb;
    int m, n, k;
    const T *alpha, *A;
    int lda;
    const T *B;
    int ldb;
    const T *beta;
    T *C;
    int ldc;

    int a_rows() const {
        return ta == CUBLAS_OP_N ? m : k;
    }
    int a_columns() const {
        return ta == CUBLAS_OP_N ? k : m;
    }
    int b_rows() const {
        return tb == CUBLAS_OP_N ? k : n;
    }
    int b_columns() const {
        return tb == CUBLAS_OP_N ? n : k;
    }
    bool valid_sizes() const {
        return valid(ta) && valid(tb) && m >= 0 && n >= 0 && k >= 0 && lda >= at_least_one(a_rows()) &&
               ldb >= at_least_one(b_rows()) && ldc >= at_least_one(m);
    }
};

// One product, or `batch` of them at strides counted in elements.
template <class T>
cublasStatus_t do_gemm(cublasHandle_t handle, const char *call, const Gemm<T> &g, long long stride_a,
                       long long stride_b, long long stride_c, int batch) {
    HC_CUBLAS(call);
    if (!g.valid_sizes() || batch < 0) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE,
                           "%s: m %d, n %d, k %d, lda %d, ldb %d, ldc %d, batch %d", call, g.m, g.n, g.k,
                           g.lda, g.ldb, g.ldc, batch);
    }
    if (g.m == 0 || g.n == 0 || batch == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    if (batch > 1 && stride_c == 0) {
        violation("%s: all %d products would be written to one place", call, batch);
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    auto count = static_cast<size_t>(batch);
    auto bytes = [](long long stride) { return static_cast<size_t>(stride) * sizeof(T); };
    std::vector<Operand> operands = {
        batched(matrix("A", g.A, g.a_rows(), g.a_columns(), g.lda), bytes(stride_a), count),
        batched(matrix("B", g.B, g.b_rows(), g.b_columns(), g.ldb), bytes(stride_b), count),
        batched(matrix("C", g.C, g.m, g.n, g.ldc, true), bytes(stride_c), count)};
    Scalar<T> alpha, beta;
    if (!take_scalar(handle, call, "alpha", g.alpha, &alpha, &operands) ||
        !take_scalar(handle, call, "beta", g.beta, &beta, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] {
        for (int i = 0; i < batch; i++) {
            T *c = g.C + i * stride_c;
            if (beta.get() == T(0)) {
                fill_zero(c, g.m, g.n, g.ldc); // cuBLAS does not read C then
            }
            gemm(cblas(g.ta), cblas(g.tb), g.m, g.n, g.k, alpha.get(), g.A + i * stride_a, g.lda,
                 g.B + i * stride_b, g.ldb, beta.get(), c, g.ldc);
        }
    });
}

template <class T>
cublasStatus_t do_syrk(cublasHandle_t handle, const char *call, cublasFillMode_t uplo,
                       cublasOperation_t trans, int n, int k, const T *alpha, const T *A, int lda,
                       const T *beta, T *C, int ldc) {
    HC_CUBLAS(call);
    int rows = trans == CUBLAS_OP_N ? n : k, columns = trans == CUBLAS_OP_N ? k : n;
    if (n < 0 || k < 0 || lda < at_least_one(rows) || ldc < at_least_one(n) || !valid(trans) ||
        uplo == CUBLAS_FILL_MODE_FULL) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: n %d, k %d, lda %d, ldc %d", call, n, k, lda,
                           ldc);
    }
    std::vector<Operand> operands = {matrix("A", A, rows, columns, lda), matrix("C", C, n, n, ldc, true)};
    Scalar<T> a, b;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands) ||
        !take_scalar(handle, call, "beta", beta, &b, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] {
        for (int j = 0; b.get() == T(0) && j < n; j++) {
            int first = uplo == CUBLAS_FILL_MODE_LOWER ? j : 0,
                end = uplo == CUBLAS_FILL_MODE_LOWER ? n : j + 1;
            fill_zero(C + first + static_cast<ptrdiff_t>(j) * ldc, end - first, 1, ldc);
        }
        syrk(cblas(uplo), cblas(trans), n, k, a.get(), A, lda, b.get(), C, ldc);
    });
}

template <class T>
cublasStatus_t do_symm(cublasHandle_t handle, const char *call, cublasSideMode_t side, cublasFillMode_t uplo,
                       int m, int n, const T *alpha, const T *A, int lda, const T *B, int ldb, const T *beta,
                       T *C, int ldc) {
    HC_CUBLAS(call);
    int order = side == CUBLAS_SIDE_LEFT ? m : n;
    if (m < 0 || n < 0 || lda < at_least_one(order) || ldb < at_least_one(m) || ldc < at_least_one(m) ||
        uplo == CUBLAS_FILL_MODE_FULL) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: m %d, n %d, lda %d, ldb %d, ldc %d", call, m, n,
                           lda, ldb, ldc);
    }
    std::vector<Operand> operands = {matrix("A", A, order, order, lda), matrix("B", B, m, n, ldb),
                                     matrix("C", C, m, n, ldc, true)};
    Scalar<T> a, b;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands) ||
        !take_scalar(handle, call, "beta", beta, &b, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] {
        if (b.get() == T(0)) {
            fill_zero(C, m, n, ldc);
        }
        symm(cblas(side), cblas(uplo), m, n, a.get(), A, lda, B, ldb, b.get(), C, ldc);
    });
}

template <class T>
cublasStatus_t do_trsm(cublasHandle_t handle, const char *call, cublasSideMode_t side, cublasFillMode_t uplo,
                       cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T *alpha,
                       const T *A, int lda, T *B, int ldb) {
    HC_CUBLAS(call);
    int order = side == CUBLAS_SIDE_LEFT ? m : n;
    if (m < 0 || n < 0 || lda < at_least_one(order) || ldb < at_least_one(m) || !valid(trans) ||
        uplo == CUBLAS_FILL_MODE_FULL) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: m %d, n %d, lda %d, ldb %d", call, m, n, lda,
                           ldb);
    }
    std::vector<Operand> operands = {matrix("A", A, order, order, lda), matrix("B", B, m, n, ldb, true)};
    Scalar<T> a;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] {
        trsm(cblas(side), cblas(uplo), cblas(trans), cblas(diag), m, n, a.get(), A, lda, B, ldb);
    });
}

// C = alpha op(A) + beta op(B). A factor of zero means that the matrix is not looked at and may be null.
template <class T> cublasStatus_t do_geam(cublasHandle_t handle, const char *call, const Gemm<T> &g) {
    HC_CUBLAS(call);
    int a_rows = g.ta == CUBLAS_OP_N ? g.m : g.n, b_rows = g.tb == CUBLAS_OP_N ? g.m : g.n;
    bool in_place_bad = (g.C == g.A && g.ta != CUBLAS_OP_N) || (g.C == g.B && g.tb != CUBLAS_OP_N) ||
                        (g.C == g.A && g.ldc != g.lda) || (g.C == g.B && g.ldc != g.ldb);
    if (g.m < 0 || g.n < 0 || g.lda < at_least_one(a_rows) || g.ldb < at_least_one(b_rows) ||
        g.ldc < at_least_one(g.m) || !valid(g.ta) || !valid(g.tb) || in_place_bad) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: m %d, n %d, lda %d, ldb %d, ldc %d", call, g.m,
                           g.n, g.lda, g.ldb, g.ldc);
    }
    std::vector<Operand> operands = {matrix("C", g.C, g.m, g.n, g.ldc, true)};
    Scalar<T> alpha, beta;
    if (!take_scalar(handle, call, "alpha", g.alpha, &alpha, &operands) ||
        !take_scalar(handle, call, "beta", g.beta, &beta, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (alpha.device || alpha.value != T(0)) {
        operands.push_back(matrix("A", g.A, a_rows, g.m + g.n - a_rows, g.lda));
    }
    if (beta.device || beta.value != T(0)) {
        operands.push_back(matrix("B", g.B, b_rows, g.m + g.n - b_rows, g.ldb));
    }
    return cublas_queue(handle, call, operands, [=] {
        T a = alpha.get(), b = beta.get();
        for (ptrdiff_t j = 0; j < g.n; j++) {
            for (ptrdiff_t i = 0; i < g.m; i++) {
                T left = a == T(0) ? T(0) : a * g.A[g.ta == CUBLAS_OP_N ? i + j * g.lda : j + i * g.lda];
                T right = b == T(0) ? T(0) : b * g.B[g.tb == CUBLAS_OP_N ? i + j * g.ldb : j + i * g.ldb];
                g.C[i + j * g.ldc] = left + right;
            }
        }
    });
}

} // namespace

#define HOST_CUDA_DEFINE(P, T)                                                                               \
    cublasStatus_t cublas##P##gemm(cublasHandle_t handle, cublasOperation_t transa,                          \
                                   cublasOperation_t transb, int m, int n, int k, const T *alpha,            \
                                   const T *A, int lda, const T *B, int ldb, const T *beta, T *C, int ldc) { \
        Gemm<T> g = {transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc};                          \
        return do_gemm(handle, "cublas" #P "gemm", g, 0, 0, 0, 1);                                           \
    }                                                                                                        \
    cublasStatus_t cublas##P##gemmStridedBatched(                                                            \
        cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,      \
        const T *alpha, const T *A, int lda, long long int strideA, const T *B, int ldb,                     \
        long long int strideB, const T *beta, T *C, int ldc, long long int strideC, int batchCount) {        \
        Gemm<T> g = {transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc};                          \
        return do_gemm(handle, "cublas" #P "gemmStridedBatched", g, strideA, strideB, strideC, batchCount);  \
    }                                                                                                        \
    cublasStatus_t cublas##P##syrk(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans,    \
                                   int n, int k, const T *alpha, const T *A, int lda, const T *beta, T *C,   \
                                   int ldc) {                                                                \
        return do_syrk(handle, "cublas" #P "syrk", uplo, trans, n, k, alpha, A, lda, beta, C, ldc);          \
    }                                                                                                        \
    cublasStatus_t cublas##P##symm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,      \
                                   int m, int n, const T *alpha, const T *A, int lda, const T *B, int ldb,   \
                                   const T *beta, T *C, int ldc) {                                           \
        return do_symm(handle, "cublas" #P "symm", side, uplo, m, n, alpha, A, lda, B, ldb, beta, C, ldc);   \
    }                                                                                                        \
    cublasStatus_t cublas##P##trsm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,      \
                                   cublasOperation_t trans, cublasDiagType_t diag, int m, int n,             \
                                   const T *alpha, const T *A, int lda, T *B, int ldb) {                     \
        return do_trsm(handle, "cublas" #P "trsm", side, uplo, trans, diag, m, n, alpha, A, lda, B, ldb);    \
    }                                                                                                        \
    cublasStatus_t cublas##P##geam(cublasHandle_t handle, cublasOperation_t transa,                          \
                                   cublasOperation_t transb, int m, int n, const T *alpha, const T *A,       \
                                   int lda, const T *beta, const T *B, int ldb, T *C, int ldc) {             \
        Gemm<T> g = {transa, transb, m, n, 0, alpha, A, lda, B, ldb, beta, C, ldc};                          \
        return do_geam(handle, "cublas" #P "geam", g);                                                       \
    }

extern "C" {
HOST_CUDA_DEFINE(S, float)
HOST_CUDA_DEFINE(D, double)
}
