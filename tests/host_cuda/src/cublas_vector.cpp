// cuBLAS levels 1 and 2 over CBLAS.
#include "cublas_internal.h"

using namespace hc;

namespace {

float dot(int n, const float *x, int incx, const float *y, int incy) {
    return cblas_sdot(n, x, incx, y, incy);
}
double dot(int n, const double *x, int incx, const double *y, int incy) {
    return cblas_ddot(n, x, incx, y, incy);
}
float nrm2(int n, const float *x, int incx) {
    return cblas_snrm2(n, x, incx);
}
double nrm2(int n, const double *x, int incx) {
    return cblas_dnrm2(n, x, incx);
}
float asum(int n, const float *x, int incx) {
    return cblas_sasum(n, x, incx);
}
double asum(int n, const double *x, int incx) {
    return cblas_dasum(n, x, incx);
}
void axpy(int n, float a, const float *x, int incx, float *y, int incy) {
    cblas_saxpy(n, a, x, incx, y, incy);
}
void axpy(int n, double a, const double *x, int incx, double *y, int incy) {
    cblas_daxpy(n, a, x, incx, y, incy);
}
void copy(int n, const float *x, int incx, float *y, int incy) {
    cblas_scopy(n, x, incx, y, incy);
}
void copy(int n, const double *x, int incx, double *y, int incy) {
    cblas_dcopy(n, x, incx, y, incy);
}

void gemv(CBLAS_TRANSPOSE t, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
          float beta, float *y, int incy) {
    cblas_sgemv(CblasColMajor, t, m, n, alpha, a, lda, x, incx, beta, y, incy);
}

void gemv(CBLAS_TRANSPOSE t, int m, int n, double alpha, const double *a, int lda, const double *x, int incx,
          double beta, double *y, int incy) {
    cblas_dgemv(CblasColMajor, t, m, n, alpha, a, lda, x, incx, beta, y, incy);
}

void ger(int m, int n, float alpha, const float *x, int incx, const float *y, int incy, float *a, int lda) {
    cblas_sger(CblasColMajor, m, n, alpha, x, incx, y, incy, a, lda);
}

void ger(int m, int n, double alpha, const double *x, int incx, const double *y, int incy, double *a,
         int lda) {
    cblas_dger(CblasColMajor, m, n, alpha, x, incx, y, incy, a, lda);
}

// By hand: OpenBLAS writes zeros for a factor of zero, cuBLAS multiplies, which keeps a NaN.
template <class T> void scal(int n, T alpha, T *x, int incx) {
    for (int i = 0; i < n && incx > 0; i++) {
        x[static_cast<ptrdiff_t>(i) * incx] *= alpha;
    }
}

// cuBLAS does not read y when beta is zero; CBLAS may, and y may be NaN.
template <class T> void clear(int n, T *y, int incy) {
    for (int i = 0; i < n; i++) {
        y[static_cast<ptrdiff_t>(i) * abs(incy)] = 0;
    }
}

template <class T>
cublasStatus_t do_axpy(cublasHandle_t handle, const char *call, int n, const T *alpha, const T *x, int incx,
                       T *y, int incy) {
    HC_CUBLAS(call);
    std::vector<Operand> operands = {vector("x", x, n, incx), vector("y", y, n, incy, true)};
    Scalar<T> a;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] { axpy(n, a.get(), x, incx, y, incy); });
}

template <class T>
cublasStatus_t do_scal(cublasHandle_t handle, const char *call, int n, const T *alpha, T *x, int incx) {
    HC_CUBLAS(call);
    std::vector<Operand> operands = {vector("x", x, n, incx, true)};
    Scalar<T> a;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] { scal(n, a.get(), x, incx); });
}

template <class T>
cublasStatus_t do_copy(cublasHandle_t handle, const char *call, int n, const T *x, int incx, T *y, int incy) {
    HC_CUBLAS(call);
    return cublas_queue(handle, call, {vector("x", x, n, incx), vector("y", y, n, incy, true)},
                        [=] { copy(n, x, incx, y, incy); });
}

template <class T>
cublasStatus_t do_dot(cublasHandle_t handle, const char *call, int n, const T *x, int incx, const T *y,
                      int incy, T *result) {
    HC_CUBLAS(call);
    return cublas_result(handle, call, {vector("x", x, n, incx), vector("y", y, n, incy)}, result,
                         [=] { return n > 0 ? dot(n, x, incx, y, incy) : T(0); });
}

template <class T>
cublasStatus_t do_nrm2(cublasHandle_t handle, const char *call, int n, const T *x, int incx, T *result) {
    HC_CUBLAS(call);
    return cublas_result(handle, call, {vector("x", x, n, incx)}, result,
                         [=] { return n > 0 && incx > 0 ? nrm2(n, x, incx) : T(0); });
}

template <class T>
cublasStatus_t do_asum(cublasHandle_t handle, const char *call, int n, const T *x, int incx, T *result) {
    HC_CUBLAS(call);
    return cublas_result(handle, call, {vector("x", x, n, incx)}, result,
                         [=] { return n > 0 && incx > 0 ? asum(n, x, incx) : T(0); });
}

template <class T>
cublasStatus_t do_gemv(cublasHandle_t handle, const char *call, cublasOperation_t trans, int m, int n,
                       const T *alpha, const T *A, int lda, const T *x, int incx, const T *beta, T *y,
                       int incy) {
    HC_CUBLAS(call);
    if (m < 0 || n < 0 || lda < at_least_one(m) || incx == 0 || incy == 0 || !valid(trans)) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: m %d, n %d, lda %d, incx %d, incy %d", call, m,
                           n, lda, incx, incy);
    }
    int in = trans == CUBLAS_OP_N ? n : m, out = trans == CUBLAS_OP_N ? m : n;
    std::vector<Operand> operands = {matrix("A", A, m, n, lda), vector("x", x, in, incx),
                                     vector("y", y, out, incy, true)};
    Scalar<T> a, b;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands) ||
        !take_scalar(handle, call, "beta", beta, &b, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] {
        if (b.get() == T(0)) {
            clear(out, y, incy);
        }
        gemv(cblas(trans), m, n, a.get(), A, lda, x, incx, b.get(), y, incy);
    });
}

template <class T>
cublasStatus_t do_ger(cublasHandle_t handle, const char *call, int m, int n, const T *alpha, const T *x,
                      int incx, const T *y, int incy, T *A, int lda) {
    HC_CUBLAS(call);
    if (m < 0 || n < 0 || lda < at_least_one(m) || incx == 0 || incy == 0) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "%s: m %d, n %d, lda %d", call, m, n, lda);
    }
    std::vector<Operand> operands = {vector("x", x, m, incx), vector("y", y, n, incy),
                                     matrix("A", A, m, n, lda, true)};
    Scalar<T> a;
    if (!take_scalar(handle, call, "alpha", alpha, &a, &operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    return cublas_queue(handle, call, operands, [=] { ger(m, n, a.get(), x, incx, y, incy, A, lda); });
}

} // namespace

#define HOST_CUDA_DEFINE(P, T)                                                                               \
    cublasStatus_t cublas##P##dot(cublasHandle_t handle, int n, const T *x, int incx, const T *y, int incy,  \
                                  T *r) {                                                                    \
        return do_dot(handle, "cublas" #P "dot", n, x, incx, y, incy, r);                                    \
    }                                                                                                        \
    cublasStatus_t cublas##P##nrm2(cublasHandle_t handle, int n, const T *x, int incx, T *r) {               \
        return do_nrm2(handle, "cublas" #P "nrm2", n, x, incx, r);                                           \
    }                                                                                                        \
    cublasStatus_t cublas##P##asum(cublasHandle_t handle, int n, const T *x, int incx, T *r) {               \
        return do_asum(handle, "cublas" #P "asum", n, x, incx, r);                                           \
    }                                                                                                        \
    cublasStatus_t cublas##P##axpy(cublasHandle_t handle, int n, const T *alpha, const T *x, int incx, T *y, \
                                   int incy) {                                                               \
        return do_axpy(handle, "cublas" #P "axpy", n, alpha, x, incx, y, incy);                              \
    }                                                                                                        \
    cublasStatus_t cublas##P##scal(cublasHandle_t handle, int n, const T *alpha, T *x, int incx) {           \
        return do_scal(handle, "cublas" #P "scal", n, alpha, x, incx);                                       \
    }                                                                                                        \
    cublasStatus_t cublas##P##copy(cublasHandle_t handle, int n, const T *x, int incx, T *y, int incy) {     \
        return do_copy(handle, "cublas" #P "copy", n, x, incx, y, incy);                                     \
    }                                                                                                        \
    cublasStatus_t cublas##P##gemv(cublasHandle_t handle, cublasOperation_t trans, int m, int n,             \
                                   const T *alpha, const T *A, int lda, const T *x, int incx, const T *beta, \
                                   T *y, int incy) {                                                         \
        return do_gemv(handle, "cublas" #P "gemv", trans, m, n, alpha, A, lda, x, incx, beta, y, incy);      \
    }                                                                                                        \
    cublasStatus_t cublas##P##ger(cublasHandle_t handle, int m, int n, const T *alpha, const T *x, int incx, \
                                  const T *y, int incy, T *A, int lda) {                                     \
        return do_ger(handle, "cublas" #P "ger", m, n, alpha, x, incx, y, incy, A, lda);                     \
    }

extern "C" {
HOST_CUDA_DEFINE(S, float)
HOST_CUDA_DEFINE(D, double)
}
