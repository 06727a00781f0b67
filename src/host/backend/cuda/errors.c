/* What CUDA and its libraries answer, as a status and a sentence. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/cuda/cuda.h"

gn_status gn_cuda_fail(gn_cuda_state *state, gn_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state->services.message, state->services.message_size, format, arguments);
    va_end(arguments);
    return status;
}

/* Faults of a kernel or of the device: the process's CUDA context is lost. */
static bool is_fault(cudaError_t error) {
    const int code = (int)error;
    return code == 214 /* ECC */ ||
           (code >= 700 && code < 800 && code != 701 /* too many resources asked for */);
}

static const char *advice(cudaError_t error) {
    if (is_fault(error))
        return "; nothing more can run on this device in this process: start it again (compute-sanitizer "
               "names the "
               "kernel)";
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "; smaller batches or float32 need less";
    case cudaErrorInsufficientDriver:
        return "; update the NVIDIA driver, or use the CPU";
    case cudaErrorNoDevice:
        return "; is CUDA_VISIBLE_DEVICES empty, or the container without --gpus?";
    case cudaErrorDevicesUnavailable:
        return "; another process may hold the device for itself";
    case cudaErrorNoKernelImageForDevice:
        return "; gnewt's kernels need compute capability 8.0 or later";
    default:
        return "";
    }
}

static gn_status fail_broken(gn_cuda_state *state) {
    return gn_cuda_fail(state, GN_ERROR_DEVICE, "cuda:%d failed before and is lost to this process: %s",
                        state->device, state->broken_text);
}

gn_status gn_cuda_begin(gn_cuda_state *state) {
    if (state->broken)
        return fail_broken(state);
    return gn_cuda_check(state, cudaSetDevice(state->device), "choosing the device");
}

gn_status gn_cuda_begin_alone(gn_cuda_state *state, const char *what) {
    if (state->recording)
        return gn_cuda_fail(state, GN_ERROR_UNSUPPORTED, "%s cannot be part of a program that is recorded",
                            what);
    return gn_cuda_begin(state);
}

gn_status gn_cuda_check(gn_cuda_state *state, cudaError_t error, const char *what) {
    if (error == cudaSuccess)
        return GN_OK;
    (void)cudaGetLastError(); /* told here, so that the next call does not tell it again */
    gn_cuda_fail(state, GN_ERROR_DEVICE, "cuda:%d: %s: %s (%s, code %d)%s", state->device, what,
                 cudaGetErrorString(error), cudaGetErrorName(error), (int)error, advice(error));
    if (is_fault(error) && !state->broken) {
        state->broken = error;
        snprintf(state->broken_text, sizeof(state->broken_text), "%s: %s (%s, code %d)", what,
                 cudaGetErrorString(error), cudaGetErrorName(error), (int)error);
    }
    return error == cudaErrorMemoryAllocation ? GN_ERROR_MEMORY : GN_ERROR_DEVICE;
}

gn_status gn_cuda_launched(gn_cuda_state *state, gn_status launcher, const char *what) {
    if (launcher == GN_OK)
        return GN_OK;
    if (launcher == GN_ERROR_DEVICE) {
        const cudaError_t error = cudaGetLastError();
        return gn_cuda_check(state, error ? error : cudaErrorUnknown, what);
    }
    return gn_cuda_fail(state, launcher, "%s: the type or the kind is not known", what);
}

/* A library that fails may only pass on what the device did. */
static gn_status fail_library(gn_cuda_state *state, const char *library, const char *text, int code,
                              bool memory, const char *what) {
    const cudaError_t cause = cudaGetLastError();
    if (is_fault(cause))
        return gn_cuda_check(state, cause, what);
    return gn_cuda_fail(state, memory ? GN_ERROR_MEMORY : GN_ERROR_DEVICE,
                        "cuda:%d: %s: %s says: %s (status %d)%s%s", state->device, what, library, text, code,
                        cause ? "; CUDA says: " : "", cause ? cudaGetErrorString(cause) : "");
}

gn_status gn_cuda_blas(gn_cuda_state *state, cublasStatus_t answer, const char *what) {
    if (answer == CUBLAS_STATUS_SUCCESS)
        return GN_OK;
    return fail_library(state, "cuBLAS", cublasGetStatusString(answer), (int)answer,
                        answer == CUBLAS_STATUS_ALLOC_FAILED, what);
}

/* cuSOLVER has no such function. */
static const char *solver_text(cusolverStatus_t answer) {
    switch (answer) {
    case CUSOLVER_STATUS_NOT_INITIALIZED:
        return "it is not initialised";
    case CUSOLVER_STATUS_ALLOC_FAILED:
        return "out of memory";
    case CUSOLVER_STATUS_INVALID_VALUE:
        return "an argument is not valid";
    case CUSOLVER_STATUS_ARCH_MISMATCH:
        return "it has no code for this device";
    case CUSOLVER_STATUS_EXECUTION_FAILED:
        return "a kernel failed";
    case CUSOLVER_STATUS_INTERNAL_ERROR:
        return "an internal operation failed";
    case CUSOLVER_STATUS_NOT_SUPPORTED:
        return "not supported";
    default:
        return "an error";
    }
}

gn_status gn_cuda_solver(gn_cuda_state *state, cusolverStatus_t answer, const char *what) {
    if (answer == CUSOLVER_STATUS_SUCCESS)
        return GN_OK;
    return fail_library(state, "cuSOLVER", solver_text(answer), (int)answer,
                        answer == CUSOLVER_STATUS_ALLOC_FAILED, what);
}
