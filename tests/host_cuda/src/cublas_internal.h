// What the parts of the cuBLAS stand-in share.
#pragma once

#include <cblas.h>

#include "cublas_v2.h"
#include "library_call.h"
#include "objects.h"

struct cublasContext {
    cudaStream_t stream = nullptr;
    void *workspace = nullptr;
    size_t workspace_size = 0;
    int device = 0;
    cublasPointerMode_t pointer_mode = CUBLAS_POINTER_MODE_HOST;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

namespace hc {

// A factor such as alpha: read at the call in host pointer mode, when the work runs in device pointer mode.
template <class T> struct Scalar {
    const T *device = nullptr;
    T value = 0;
    T get() const {
        return device ? *device : value;
    }
};

cublasStatus_t cublas_fail(cublasStatus_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Handle, injected fault, device, sticky error.
cublasStatus_t cublas_begin(cublasHandle_t handle, const char *call);
// Queues the work. With `waits`, the host then waits, as for a result in host pointer mode.
cublasStatus_t cublas_submit(cublasHandle_t handle, const char *call, const std::vector<Operand> &operands,
                             std::shared_ptr<Op> op, bool waits);

// Adds a device scalar to the operands, or reads a host one. False when the pointer is of the wrong kind.
template <class T>
bool take_scalar(cublasHandle_t handle, const char *call, const char *name, const T *pointer,
                 Scalar<T> *scalar, std::vector<Operand> *operands) {
    if (handle->pointer_mode == CUBLAS_POINTER_MODE_DEVICE) {
        scalar->device = pointer;
        operands->push_back(vector(name, pointer, 1, 1));
        return true;
    }
    const Allocation *a = find_allocation(pointer);
    if (!pointer || (a && !a->pinned)) {
        violation("%s: %s is not a host pointer, but the pointer mode is host", call, name);
        return false;
    }
    scalar->value = *pointer;
    return true;
}

template <class F>
cublasStatus_t cublas_queue(cublasHandle_t handle, const char *call, std::vector<Operand> operands, F work) {
    auto op = library_op(call, operands, std::move(work));
    return cublas_submit(handle, call, operands, std::move(op), false);
}

// A routine that returns a number to host or device memory, by the pointer mode.
template <class T, class F>
cublasStatus_t cublas_result(cublasHandle_t handle, const char *call, std::vector<Operand> operands,
                             T *result, F value) {
    bool on_host = handle->pointer_mode == CUBLAS_POINTER_MODE_HOST;
    const Allocation *a = find_allocation(result);
    if (on_host && (!result || (a && !a->pinned))) {
        violation("%s: the result is not a host pointer, but the pointer mode is host", call);
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (!on_host) {
        operands.push_back(vector("result", result, 1, 1, true));
    }
    auto op = library_op(call, operands, [result, value = std::move(value)] { *result = value(); });
    return cublas_submit(handle, call, operands, std::move(op), on_host);
}

template <class T> void fill_zero(T *c, long long rows, long long columns, long long ld) {
    for (long long j = 0; j < columns; j++) {
        for (long long i = 0; i < rows; i++) {
            c[i + j * ld] = 0;
        }
    }
}

inline CBLAS_TRANSPOSE cblas(cublasOperation_t op) {
    return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

inline CBLAS_UPLO cblas(cublasFillMode_t uplo) {
    return uplo == CUBLAS_FILL_MODE_LOWER ? CblasLower : CblasUpper;
}

inline CBLAS_SIDE cblas(cublasSideMode_t side) {
    return side == CUBLAS_SIDE_LEFT ? CblasLeft : CblasRight;
}

inline CBLAS_DIAG cblas(cublasDiagType_t diag) {
    return diag == CUBLAS_DIAG_UNIT ? CblasUnit : CblasNonUnit;
}

inline bool valid(cublasOperation_t op) {
    return op == CUBLAS_OP_N || op == CUBLAS_OP_T || op == CUBLAS_OP_C;
}

inline int at_least_one(int n) {
    return n > 1 ? n : 1;
}

} // namespace hc

// The first lines of a routine: lock and checks.
#define HC_CUBLAS(call)                                                                                      \
    hc::Lock hc_lock;                                                                                        \
    if (cublasStatus_t hc_status = hc::cublas_begin(handle, call)) {                                         \
        return hc_status;                                                                                    \
    }
