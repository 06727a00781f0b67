// cuBLAS: handles, modes, statuses, and how work is queued.
#include <cstdarg>
#include <cstdio>

#include "cublas_internal.h"

using namespace hc;

namespace hc {

cublasStatus_t cublas_fail(cublasStatus_t status, const char *format, ...) {
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    set_reason("%s", text);
    if (settings().verbose) {
        fprintf(stderr, "host_cuda: %s: %s\n", cublasGetStatusName(status), text);
    }
    return status;
}

cublasStatus_t cublas_begin(cublasHandle_t handle, const char *call) {
    int code = 0;
    if (begin_library(call, &code)) {
        return code ? static_cast<cublasStatus_t>(code) : CUBLAS_STATUS_INTERNAL_ERROR;
    }
    if (!handle || !object_alive(handle, Kind::cublas)) {
        violation("%s: the handle is not alive", call);
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    return sticky_error() ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublas_submit(cublasHandle_t handle, const char *call, const std::vector<Operand> &operands,
                             std::shared_ptr<Op> op, bool waits) {
    std::shared_ptr<Stream> stream = stream_of(handle->stream);
    if (!stream) {
        return cublas_fail(CUBLAS_STATUS_EXECUTION_FAILED, "%s: the handle's stream is gone", call);
    }
    if (handle->device != current_device()) {
        return cublas_fail(CUBLAS_STATUS_EXECUTION_FAILED,
                           "%s: the handle is of device %d, the current one is %d", call, handle->device,
                           current_device());
    }
    if (!operands_good(call, operands)) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (!handle->workspace) {
        op->not_in_body = std::string(call) + " without cublasSetWorkspace, which allocates";
    }
    if (waits) {
        op->not_in_capture = std::string(call) + " with its result in host memory, which waits";
    }
    bool capturing = stream->capture != nullptr;
    if (submit(handle->stream, std::move(op))) {
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (waits && !capturing) {
        counter(HOST_CUDA_HOST_SYNCS)++;
        wait_for(stream);
    }
    return sticky_error() ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

} // namespace hc

extern "C" {

cublasStatus_t cublasCreate(cublasHandle_t *handle) {
    Lock lock;
    int code = 0;
    if (begin_library("cublasCreate", &code)) {
        return code ? static_cast<cublasStatus_t>(code) : CUBLAS_STATUS_ALLOC_FAILED;
    }
    if (!handle) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (settings().devices == 0 || settings().driver < CUDART_VERSION || sticky_error()) {
        return cublas_fail(CUBLAS_STATUS_NOT_INITIALIZED, "cublasCreate: no usable device");
    }
    if (refuse_in_capture("cublasCreate")) {
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
    *handle = new cublasContext;
    (*handle)->device = current_device();
    object_created(*handle, Kind::cublas);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    Lock lock;
    int code = 0;
    bool injected = begin_library("cublasDestroy", &code);
    if (!handle || !object_alive(handle, Kind::cublas)) {
        violation("cublasDestroy: the handle is not alive");
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    wait_for_everything();
    object_destroyed(handle);
    delete handle;
    return injected ? (code ? static_cast<cublasStatus_t>(code) : CUBLAS_STATUS_INTERNAL_ERROR)
                    : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion(cublasHandle_t handle, int *version) {
    HC_CUBLAS("cublasGetVersion");
    *version = 130000;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    HC_CUBLAS("cublasSetStream");
    if (!stream_of(stream)) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    handle->stream = stream;
    handle->workspace = nullptr; // as cuBLAS does, unconditionally
    handle->workspace_size = 0;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t *stream) {
    HC_CUBLAS("cublasGetStream");
    *stream = handle->stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t workspaceSizeInBytes) {
    HC_CUBLAS("cublasSetWorkspace");
    std::string why;
    if (reinterpret_cast<uintptr_t>(workspace) % 256 != 0) {
        return cublas_fail(CUBLAS_STATUS_INVALID_VALUE, "cublasSetWorkspace: not aligned to 256 bytes");
    }
    if (workspaceSizeInBytes > 0 && !device_range(workspace, workspaceSizeInBytes, &why)) {
        violation("cublasSetWorkspace of %zu bytes: %s", workspaceSizeInBytes, why.c_str());
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    handle->workspace = workspaceSizeInBytes ? workspace : nullptr;
    handle->workspace_size = workspaceSizeInBytes;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode) {
    HC_CUBLAS("cublasSetPointerMode");
    handle->pointer_mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetPointerMode(cublasHandle_t handle, cublasPointerMode_t *mode) {
    HC_CUBLAS("cublasGetPointerMode");
    *mode = handle->pointer_mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    HC_CUBLAS("cublasSetMathMode");
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode) {
    HC_CUBLAS("cublasGetMathMode");
    *mode = handle->math;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode) {
    HC_CUBLAS("cublasSetAtomicsMode");
    (void)mode;
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusName(cublasStatus_t status) {
    switch (status) {
#define HOST_CUDA_CASE(name, value, text)                                                                    \
    case name:                                                                                               \
        return #name;
        HOST_CUDA_CUBLAS_STATUSES(HOST_CUDA_CASE)
#undef HOST_CUDA_CASE
    }
    return "unknown cuBLAS status";
}

const char *cublasGetStatusString(cublasStatus_t status) {
    switch (status) {
#define HOST_CUDA_CASE(name, value, text)                                                                    \
    case name:                                                                                               \
        return text;
        HOST_CUDA_CUBLAS_STATUSES(HOST_CUDA_CASE)
#undef HOST_CUDA_CASE
    }
    return "unknown cuBLAS status";
}
}
