// cuSOLVER's 64-bit dense routines over LAPACKE. Work is queued in the handle's stream; info lies in device
// memory.
#include <algorithm>
#include <cstring>
#include <lapacke.h>

#include "cusolverDn.h"
#include "library_call.h"
#include "objects.h"

using namespace hc;

struct cusolverDnContext {
    cudaStream_t stream = nullptr;
    int device = 0;
};

struct cusolverDnParams {
    int unused = 0;
};

namespace {

size_t element_size(cudaDataType type) {
    return type == CUDA_R_32F ? 4 : type == CUDA_R_64F ? 8 : 0;
}

char letter(cublasFillMode_t uplo) {
    return uplo == CUBLAS_FILL_MODE_LOWER ? 'L' : 'U';
}

// A matrix of a type known at run time.
Operand typed(const char *name, const void *base, cudaDataType type, int64_t rows, int64_t columns,
              int64_t ld, bool written) {
    auto size = static_cast<long long>(element_size(type));
    return matrix(name, static_cast<const char *>(base), rows * size, columns, ld * size, written);
}

struct Call {
    const char *name;
    cusolverDnHandle_t handle;
    cusolverDnParams_t params;
    int64_t n;
    int64_t lda;
    std::vector<cudaDataType> types; // all must be the same
};

cusolverStatus_t refuse(cusolverStatus_t status, const char *call, const char *why) {
    set_reason("%s: %s", call, why);
    return status;
}

cusolverStatus_t check(const Call &c) {
    int code = 0;
    if (begin_library(c.name, &code)) {
        return code ? static_cast<cusolverStatus_t>(code) : CUSOLVER_STATUS_INTERNAL_ERROR;
    }
    if (!object_alive(c.handle, Kind::cusolver) ||
        (c.params && !object_alive(c.params, Kind::cusolver_params))) {
        violation("%s: a handle is not alive", c.name);
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    }
    if (c.n < 0 || c.lda < std::max<int64_t>(1, c.n)) {
        return refuse(CUSOLVER_STATUS_INVALID_VALUE, c.name, "n or lda");
    }
    for (cudaDataType type : c.types) {
        if (element_size(type) == 0 || type != c.types[0]) {
            return refuse(CUSOLVER_STATUS_NOT_SUPPORTED, c.name, "the data types differ or are not real");
        }
    }
    return sticky_error() ? CUSOLVER_STATUS_EXECUTION_FAILED : CUSOLVER_STATUS_SUCCESS;
}

// What the size queries promise: something, so that a caller who ignores it is found out.
size_t device_need(int64_t n, cudaDataType type, int64_t batch) {
    return static_cast<size_t>(std::max<int64_t>(n, 1) * batch) * 8 * element_size(type);
}

size_t host_need(int64_t n) {
    return static_cast<size_t>(std::max<int64_t>(n, 1)) * 16;
}

struct Workspace {
    void *device;
    size_t device_size;
    void *host;
    size_t host_size;
};

// The work area is scribbled over, so that an operand that overlaps it comes out wrong.
void scribble(const Workspace &w, size_t device, size_t host) {
    memset(w.device, 0xff, device);
    memset(w.host, 0xff, host);
}

template <class F>
cusolverStatus_t queue(const Call &c, std::vector<Operand> operands, const Workspace &w, int64_t batch,
                       F work) {
    size_t device = w.device ? device_need(c.n, c.types[0], batch) : 0, host = w.host ? host_need(c.n) : 0;
    if (w.device_size < device || w.host_size < host) {
        return refuse(CUSOLVER_STATUS_INVALID_VALUE, c.name, "the workspace is smaller than was asked for");
    }
    operands.push_back(matrix("bufferOnDevice", static_cast<const char *>(w.device),
                              static_cast<long long>(device), 1, static_cast<long long>(device), true));
    if (!operands_good(c.name, operands)) {
        return CUSOLVER_STATUS_EXECUTION_FAILED;
    }
    if (c.handle->device != current_device()) {
        return refuse(CUSOLVER_STATUS_EXECUTION_FAILED, c.name, "the handle is of another device");
    }
    auto op = library_op(c.name, operands, [w, device, host, work] {
        if (device) {
            scribble(w, device, host);
        }
        work();
    });
    op->not_in_capture = std::string(c.name) + " (cuSOLVER)";
    return submit(c.handle->stream, std::move(op)) ? CUSOLVER_STATUS_INTERNAL_ERROR : CUSOLVER_STATUS_SUCCESS;
}

int syevd(char jobz, char uplo, int64_t n, cudaDataType type, void *a, int64_t lda, void *w) {
    auto order = static_cast<lapack_int>(n), ld = static_cast<lapack_int>(lda);
    if (n == 0) {
        return 0;
    }
    return type == CUDA_R_32F ? LAPACKE_ssyevd(LAPACK_COL_MAJOR, jobz, uplo, order, static_cast<float *>(a),
                                               ld, static_cast<float *>(w))
                              : LAPACKE_dsyevd(LAPACK_COL_MAJOR, jobz, uplo, order, static_cast<double *>(a),
                                               ld, static_cast<double *>(w));
}

int potrf(char uplo, int64_t n, cudaDataType type, void *a, int64_t lda) {
    auto order = static_cast<lapack_int>(n), ld = static_cast<lapack_int>(lda);
    return type == CUDA_R_32F
               ? LAPACKE_spotrf_work(LAPACK_COL_MAJOR, uplo, order, static_cast<float *>(a), ld)
               : LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, uplo, order, static_cast<double *>(a), ld);
}

int potrs(char uplo, int64_t n, int64_t nrhs, cudaDataType type, const void *a, int64_t lda, void *b,
          int64_t ldb) {
    auto order = static_cast<lapack_int>(n), columns = static_cast<lapack_int>(nrhs);
    auto la = static_cast<lapack_int>(lda), lb = static_cast<lapack_int>(ldb);
    return type == CUDA_R_32F
               ? LAPACKE_spotrs_work(LAPACK_COL_MAJOR, uplo, order, columns, static_cast<const float *>(a),
                                     la, static_cast<float *>(b), lb)
               : LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, uplo, order, columns, static_cast<const double *>(a),
                                     la, static_cast<double *>(b), lb);
}

cusolverStatus_t sizes(const Call &c, int64_t batch, size_t *device, size_t *host) {
    if (cusolverStatus_t status = check(c)) {
        return status;
    }
    *device = device_need(c.n, c.types[0], batch);
    *host = host_need(c.n);
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t eigen(const Call &c, cusolverEigMode_t jobz, cublasFillMode_t uplo, void *A, void *W,
                       const Workspace &workspace, int *info, int64_t batch) {
    Lock lock;
    if (cusolverStatus_t status = check(c)) {
        return status;
    }
    if (!workspace.device || !workspace.host || batch < 1) {
        return refuse(CUSOLVER_STATUS_INVALID_VALUE, c.name, "no workspace, or an empty batch");
    }
    cudaDataType type = c.types[0];
    int64_t n = c.n, lda = c.lda;
    std::vector<Operand> operands = {typed("A", A, type, n, n + (batch - 1) * n, lda, true),
                                     typed("W", W, type, n * batch, 1, n * batch, true),
                                     hc::vector("info", info, batch, 1, true)};
    char job = jobz == CUSOLVER_EIG_MODE_VECTOR ? 'V' : 'N', triangle = letter(uplo);
    return queue(c, operands, workspace, batch, [=] {
        for (int64_t i = 0; i < batch; i++) {
            auto offset = static_cast<int64_t>(element_size(type)) * i * n;
            char *a = static_cast<char *>(A) + offset * lda, *w = static_cast<char *>(W) + offset;
            info[i] = syevd(job, triangle, n, type, a, lda, w);
        }
    });
}

template <class Handle, class Context> cusolverStatus_t create(const char *call, Handle *handle, Kind kind) {
    int code = 0;
    if (begin_library(call, &code)) {
        return code ? static_cast<cusolverStatus_t>(code) : CUSOLVER_STATUS_ALLOC_FAILED;
    }
    if (settings().devices == 0 || settings().driver < CUDART_VERSION || sticky_error()) {
        return refuse(CUSOLVER_STATUS_NOT_INITIALIZED, call, "no usable device");
    }
    if (refuse_in_capture(call)) {
        return CUSOLVER_STATUS_ALLOC_FAILED;
    }
    *handle = new Context;
    object_created(*handle, kind);
    return CUSOLVER_STATUS_SUCCESS;
}

template <class Handle> cusolverStatus_t destroy(const char *call, Handle handle, Kind kind) {
    int code = 0;
    bool injected = begin_library(call, &code);
    if (!object_alive(handle, kind)) {
        violation("%s: the handle is not alive", call);
        return CUSOLVER_STATUS_NOT_INITIALIZED;
    }
    object_destroyed(handle);
    delete handle;
    return injected ? (code ? static_cast<cusolverStatus_t>(code) : CUSOLVER_STATUS_INTERNAL_ERROR)
                    : CUSOLVER_STATUS_SUCCESS;
}

} // namespace

extern "C" {

cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t *handle) {
    Lock lock;
    cusolverStatus_t status =
        create<cusolverDnHandle_t, cusolverDnContext>("cusolverDnCreate", handle, Kind::cusolver);
    if (!status) {
        (*handle)->device = current_device();
    }
    return status;
}

cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle) {
    Lock lock;
    wait_for_everything();
    return destroy("cusolverDnDestroy", handle, Kind::cusolver);
}

cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t *params) {
    Lock lock;
    return create<cusolverDnParams_t, cusolverDnParams>("cusolverDnCreateParams", params,
                                                        Kind::cusolver_params);
}

cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params) {
    Lock lock;
    return destroy("cusolverDnDestroyParams", params, Kind::cusolver_params);
}

cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t streamId) {
    Lock lock;
    if (cusolverStatus_t status = check(Call{"cusolverDnSetStream", handle, nullptr, 0, 1, {}})) {
        return status;
    }
    if (!stream_of(streamId)) {
        return CUSOLVER_STATUS_INVALID_VALUE;
    }
    handle->stream = streamId;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnGetStream(cusolverDnHandle_t handle, cudaStream_t *streamId) {
    Lock lock;
    if (cusolverStatus_t status = check(Call{"cusolverDnGetStream", handle, nullptr, 0, 1, {}})) {
        return status;
    }
    *streamId = handle->stream;
    return CUSOLVER_STATUS_SUCCESS;
}

cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cublasFillMode_t uplo, int64_t n, cudaDataType dataTypeA,
                                             const void *A, int64_t lda, cudaDataType computeType,
                                             size_t *workspaceInBytesOnDevice,
                                             size_t *workspaceInBytesOnHost) {
    Lock lock;
    (void)uplo, (void)A;
    return sizes(Call{"cusolverDnXpotrf_bufferSize", handle, params, n, lda, {dataTypeA, computeType}}, 1,
                 workspaceInBytesOnDevice, workspaceInBytesOnHost);
}

cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasFillMode_t uplo,
                                  int64_t n, cudaDataType dataTypeA, void *A, int64_t lda,
                                  cudaDataType computeType, void *bufferOnDevice,
                                  size_t workspaceInBytesOnDevice, void *bufferOnHost,
                                  size_t workspaceInBytesOnHost, int *info) {
    Lock lock;
    Call c = {"cusolverDnXpotrf", handle, params, n, lda, {dataTypeA, computeType}};
    if (cusolverStatus_t status = check(c)) {
        return status;
    }
    if (!bufferOnDevice || !bufferOnHost) {
        return refuse(CUSOLVER_STATUS_INVALID_VALUE, c.name, "no workspace");
    }
    char triangle = letter(uplo);
    return queue(c, {typed("A", A, dataTypeA, n, n, lda, true), hc::vector("info", info, 1, 1, true)},
                 Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}, 1,
                 [=] { *info = potrf(triangle, n, dataTypeA, A, lda); });
}

cusolverStatus_t cusolverDnXpotrs(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasFillMode_t uplo,
                                  int64_t n, int64_t nrhs, cudaDataType dataTypeA, const void *A, int64_t lda,
                                  cudaDataType dataTypeB, void *B, int64_t ldb, int *info) {
    Lock lock;
    Call c = {"cusolverDnXpotrs", handle, params, n, lda, {dataTypeA, dataTypeB}};
    if (cusolverStatus_t status = check(c)) {
        return status;
    }
    if (nrhs < 0 || ldb < std::max<int64_t>(1, n)) {
        return refuse(CUSOLVER_STATUS_INVALID_VALUE, c.name, "nrhs or ldb");
    }
    char triangle = letter(uplo);
    return queue(c,
                 {typed("A", A, dataTypeA, n, n, lda, false), typed("B", B, dataTypeB, n, nrhs, ldb, true),
                  hc::vector("info", info, 1, 1, true)},
                 Workspace{nullptr, 0, nullptr, 0}, 1,
                 [=] { *info = potrs(triangle, n, nrhs, dataTypeA, A, lda, B, ldb); });
}

cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cusolverEigMode_t jobz, cublasFillMode_t uplo, int64_t n,
                                             cudaDataType dataTypeA, const void *A, int64_t lda,
                                             cudaDataType dataTypeW, const void *W, cudaDataType computeType,
                                             size_t *workspaceInBytesOnDevice,
                                             size_t *workspaceInBytesOnHost) {
    Lock lock;
    (void)jobz, (void)uplo, (void)A, (void)W;
    return sizes(
        Call{"cusolverDnXsyevd_bufferSize", handle, params, n, lda, {dataTypeA, dataTypeW, computeType}}, 1,
        workspaceInBytesOnDevice, workspaceInBytesOnHost);
}

cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                  cusolverEigMode_t jobz, cublasFillMode_t uplo, int64_t n,
                                  cudaDataType dataTypeA, void *A, int64_t lda, cudaDataType dataTypeW,
                                  void *W, cudaDataType computeType, void *bufferOnDevice,
                                  size_t workspaceInBytesOnDevice, void *bufferOnHost,
                                  size_t workspaceInBytesOnHost, int *info) {
    return eigen(Call{"cusolverDnXsyevd", handle, params, n, lda, {dataTypeA, dataTypeW, computeType}}, jobz,
                 uplo, A, W,
                 Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost},
                 info, 1);
}

cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                                   cusolverEigMode_t jobz, cublasFillMode_t uplo, int64_t n,
                                                   cudaDataType dataTypeA, const void *A, int64_t lda,
                                                   cudaDataType dataTypeW, const void *W,
                                                   cudaDataType computeType, size_t *workspaceInBytesOnDevice,
                                                   size_t *workspaceInBytesOnHost, int64_t batchSize) {
    Lock lock;
    (void)jobz, (void)uplo, (void)A, (void)W;
    return sizes(
        Call{
            "cusolverDnXsyevBatched_bufferSize", handle, params, n, lda, {dataTypeA, dataTypeW, computeType}},
        batchSize, workspaceInBytesOnDevice, workspaceInBytesOnHost);
}

cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                        cusolverEigMode_t jobz, cublasFillMode_t uplo, int64_t n,
                                        cudaDataType dataTypeA, void *A, int64_t lda, cudaDataType dataTypeW,
                                        void *W, cudaDataType computeType, void *bufferOnDevice,
                                        size_t workspaceInBytesOnDevice, void *bufferOnHost,
                                        size_t workspaceInBytesOnHost, int *info, int64_t batchSize) {
    return eigen(Call{"cusolverDnXsyevBatched", handle, params, n, lda, {dataTypeA, dataTypeW, computeType}},
                 jobz, uplo, A, W,
                 Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost},
                 info, batchSize);
}
}
