/* The part of cuBLAS that the host shim offers, over CBLAS. Column-major; names without cuBLAS's _v2 suffix.
 */
#ifndef HOST_CUDA_CUBLAS_V2_H
#define HOST_CUDA_CUBLAS_V2_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Name, value, text: one list serves the enum, cublasGetStatusName and cublasGetStatusString. */
#define HOST_CUDA_CUBLAS_STATUSES(X)                                                                         \
    X(CUBLAS_STATUS_SUCCESS, 0, "success")                                                                   \
    X(CUBLAS_STATUS_NOT_INITIALIZED, 1, "the library was not initialized")                                   \
    X(CUBLAS_STATUS_ALLOC_FAILED, 3, "the resource allocation failed")                                       \
    X(CUBLAS_STATUS_INVALID_VALUE, 7, "an unsupported value or parameter was passed to the function")        \
    X(CUBLAS_STATUS_ARCH_MISMATCH, 8, "the requested feature is not supported by the device's architecture") \
    X(CUBLAS_STATUS_MAPPING_ERROR, 11, "an access to GPU memory space failed")                               \
    X(CUBLAS_STATUS_EXECUTION_FAILED, 13, "the GPU program failed to execute")                               \
    X(CUBLAS_STATUS_INTERNAL_ERROR, 14, "an internal operation failed")                                      \
    X(CUBLAS_STATUS_NOT_SUPPORTED, 15, "the functionality requested is not supported")                       \
    X(CUBLAS_STATUS_LICENSE_ERROR, 16, "the functionality requested requires some license")

#define HOST_CUDA_ENUMERATOR(name, value, text) name = value,
typedef enum { HOST_CUDA_CUBLAS_STATUSES(HOST_CUDA_ENUMERATOR) } cublasStatus_t;
#undef HOST_CUDA_ENUMERATOR

typedef enum {
    CUBLAS_FILL_MODE_LOWER = 0,
    CUBLAS_FILL_MODE_UPPER = 1,
    CUBLAS_FILL_MODE_FULL = 2
} cublasFillMode_t;
typedef enum { CUBLAS_DIAG_NON_UNIT = 0, CUBLAS_DIAG_UNIT = 1 } cublasDiagType_t;
typedef enum { CUBLAS_SIDE_LEFT = 0, CUBLAS_SIDE_RIGHT = 1 } cublasSideMode_t;
typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1, CUBLAS_OP_C = 2 } cublasOperation_t;
typedef enum { CUBLAS_POINTER_MODE_HOST = 0, CUBLAS_POINTER_MODE_DEVICE = 1 } cublasPointerMode_t;
typedef enum { CUBLAS_ATOMICS_NOT_ALLOWED = 0, CUBLAS_ATOMICS_ALLOWED = 1 } cublasAtomicsMode_t;
typedef enum {
    CUBLAS_DEFAULT_MATH = 0,
    CUBLAS_PEDANTIC_MATH = 2,
    CUBLAS_TF32_TENSOR_OP_MATH = 3,
    CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16,
} cublasMath_t;

typedef struct cublasContext *cublasHandle_t;

cublasStatus_t cublasCreate(cublasHandle_t *handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasGetVersion(cublasHandle_t handle, int *version);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream); /* resets the workspace */
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t *stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t workspaceSizeInBytes);
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode);
cublasStatus_t cublasGetPointerMode(cublasHandle_t handle, cublasPointerMode_t *mode);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode);
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode);
const char *cublasGetStatusName(cublasStatus_t status);
const char *cublasGetStatusString(cublasStatus_t status);

#define HOST_CUDA_CUBLAS_DECLARE(P, T)                                                                       \
    cublasStatus_t cublas##P##dot(cublasHandle_t handle, int n, const T *x, int incx, const T *y, int incy,  \
                                  T *result);                                                                \
    cublasStatus_t cublas##P##nrm2(cublasHandle_t handle, int n, const T *x, int incx, T *result);           \
    cublasStatus_t cublas##P##asum(cublasHandle_t handle, int n, const T *x, int incx, T *result);           \
    cublasStatus_t cublas##P##axpy(cublasHandle_t handle, int n, const T *alpha, const T *x, int incx, T *y, \
                                   int incy);                                                                \
    cublasStatus_t cublas##P##scal(cublasHandle_t handle, int n, const T *alpha, T *x, int incx);            \
    cublasStatus_t cublas##P##copy(cublasHandle_t handle, int n, const T *x, int incx, T *y, int incy);      \
    cublasStatus_t cublas##P##gemv(cublasHandle_t handle, cublasOperation_t trans, int m, int n,             \
                                   const T *alpha, const T *A, int lda, const T *x, int incx, const T *beta, \
                                   T *y, int incy);                                                          \
    cublasStatus_t cublas##P##ger(cublasHandle_t handle, int m, int n, const T *alpha, const T *x, int incx, \
                                  const T *y, int incy, T *A, int lda);                                      \
    cublasStatus_t cublas##P##gemm(cublasHandle_t handle, cublasOperation_t transa,                          \
                                   cublasOperation_t transb, int m, int n, int k, const T *alpha,            \
                                   const T *A, int lda, const T *B, int ldb, const T *beta, T *C, int ldc);  \
    cublasStatus_t cublas##P##gemmStridedBatched(                                                            \
        cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,      \
        const T *alpha, const T *A, int lda, long long int strideA, const T *B, int ldb,                     \
        long long int strideB, const T *beta, T *C, int ldc, long long int strideC, int batchCount);         \
    cublasStatus_t cublas##P##syrk(cublasHandle_t handle, cublasFillMode_t uplo, cublasOperation_t trans,    \
                                   int n, int k, const T *alpha, const T *A, int lda, const T *beta, T *C,   \
                                   int ldc);                                                                 \
    cublasStatus_t cublas##P##symm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,      \
                                   int m, int n, const T *alpha, const T *A, int lda, const T *B, int ldb,   \
                                   const T *beta, T *C, int ldc);                                            \
    cublasStatus_t cublas##P##trsm(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,      \
                                   cublasOperation_t trans, cublasDiagType_t diag, int m, int n,             \
                                   const T *alpha, const T *A, int lda, T *B, int ldb);                      \
    cublasStatus_t cublas##P##geam(cublasHandle_t handle, cublasOperation_t transa,                          \
                                   cublasOperation_t transb, int m, int n, const T *alpha, const T *A,       \
                                   int lda, const T *beta, const T *B, int ldb, T *C, int ldc);

HOST_CUDA_CUBLAS_DECLARE(S, float)
HOST_CUDA_CUBLAS_DECLARE(D, double)
#undef HOST_CUDA_CUBLAS_DECLARE

#ifdef __cplusplus
}
#endif

#endif
