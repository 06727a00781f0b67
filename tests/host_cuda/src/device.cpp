// Devices, versions and errors of the runtime API, and the reset of the whole shim.
#include <cstdio>
#include <cstring>

#include "graph.h"
#include "memory.h"
#include "objects.h"
#include "state.h"
#include "stream.h"

using namespace hc;

namespace hc {

const char *error_name(cudaError_t code) {
    switch (code) {
#define HOST_CUDA_CASE(name, value, text)                                                                    \
    case name:                                                                                               \
        return #name;
        HOST_CUDA_ERRORS(HOST_CUDA_CASE)
#undef HOST_CUDA_CASE
    }
    return "unrecognized error code";
}

} // namespace hc

namespace {

cudaError_t check_device(int device) {
    if (device < 0 || device >= settings().devices) {
        return fail(cudaErrorInvalidDevice, "device %d of %d", device, settings().devices);
    }
    return cudaSuccess;
}

cudaDeviceProp properties(int device) {
    cudaDeviceProp p;
    memset(&p, 0, sizeof p);
    snprintf(p.name, sizeof p.name, "host_cuda device %d", device);
    p.uuid.bytes[15] = static_cast<char>(device);
    p.totalGlobalMem = settings().memory;
    p.sharedMemPerBlock = size_t{48} << 10;
    p.sharedMemPerBlockOptin = size_t{227} << 10;
    p.sharedMemPerMultiprocessor = size_t{228} << 10;
    p.reservedSharedMemPerBlock = 1024;
    p.regsPerBlock = p.regsPerMultiprocessor = 65536;
    p.warpSize = 32;
    p.memPitch = 2147483647;
    p.maxThreadsPerBlock = 1024;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
    p.maxThreadsDim[2] = 64;
    p.maxGridSize[0] = 2147483647;
    p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    p.totalConstMem = 65536;
    p.major = settings().major;
    p.minor = settings().minor;
    p.multiProcessorCount = 4; // few, so that grid-stride loops take more than one round
    p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = 1;
    p.pciBusID = device + 1;
    p.asyncEngineCount = 2;
    p.memoryBusWidth = 5120;
    p.l2CacheSize = 50 << 20;
    p.maxThreadsPerMultiProcessor = 2048;
    p.maxBlocksPerMultiProcessor = 32;
    return p;
}

bool attribute(const cudaDeviceProp &p, enum cudaDeviceAttr attr, int *value) {
    switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock:
        return *value = p.maxThreadsPerBlock, true;
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
    case cudaDevAttrMaxBlockDimZ:
        return *value = p.maxThreadsDim[attr - cudaDevAttrMaxBlockDimX], true;
    case cudaDevAttrMaxGridDimX:
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
        return *value = p.maxGridSize[attr - cudaDevAttrMaxGridDimX], true;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return *value = static_cast<int>(p.sharedMemPerBlock), true;
    case cudaDevAttrWarpSize:
        return *value = p.warpSize, true;
    case cudaDevAttrMultiProcessorCount:
        return *value = p.multiProcessorCount, true;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        return *value = p.maxThreadsPerMultiProcessor, true;
    case cudaDevAttrComputeCapabilityMajor:
        return *value = p.major, true;
    case cudaDevAttrComputeCapabilityMinor:
        return *value = p.minor, true;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        return *value = static_cast<int>(p.sharedMemPerMultiprocessor), true;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return *value = static_cast<int>(p.sharedMemPerBlockOptin), true;
    case cudaDevAttrCooperativeLaunch:
    case cudaDevAttrMemoryPoolsSupported:
        return *value = 0, true;
    }
    return false;
}

void forget_everything() {
    forget_graphs();
    forget_streams();
    forget_objects();
    forget_allocations();
}

} // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int *count) {
    Lock lock;
    *count = 0;
    if (cudaError_t error = begin("cudaGetDeviceCount")) {
        return fail(error);
    }
    *count = settings().devices;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    HC_API("cudaSetDevice");
    if (cudaError_t error = check_device(device)) {
        return error;
    }
    set_current_device(device);
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device) {
    HC_API("cudaGetDevice");
    *device = current_device();
    return cudaSuccess;
}

cudaError_t cudaInitDevice(int device, unsigned int deviceFlags, unsigned int flags) {
    HC_API("cudaInitDevice");
    (void)deviceFlags, (void)flags;
    return check_device(device);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device) {
    HC_API("cudaGetDeviceProperties");
    if (cudaError_t error = check_device(device)) {
        return error;
    }
    *prop = properties(device);
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device) {
    HC_API("cudaDeviceGetAttribute");
    if (cudaError_t error = check_device(device)) {
        return error;
    }
    return attribute(properties(device), attr, value)
               ? cudaSuccess
               : fail(cudaErrorInvalidValue, "attribute %d is unknown", attr);
}

cudaError_t cudaDriverGetVersion(int *driverVersion) {
    Lock lock;
    *driverVersion = settings().devices > 0 ? settings().driver : 0; // 0 where no driver is installed
    return fail(begin_anyway("cudaDriverGetVersion"));
}

cudaError_t cudaRuntimeGetVersion(int *runtimeVersion) {
    Lock lock;
    *runtimeVersion = CUDART_VERSION;
    return fail(begin_anyway("cudaRuntimeGetVersion"));
}

cudaError_t cudaGetLastError(void) {
    Lock lock;
    return last_error(true);
}

cudaError_t cudaPeekAtLastError(void) {
    Lock lock;
    return last_error(false);
}

const char *cudaGetErrorName(cudaError_t error) {
    return error_name(error);
}

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
#define HOST_CUDA_CASE(name, value, text)                                                                    \
    case name:                                                                                               \
        return text;
        HOST_CUDA_ERRORS(HOST_CUDA_CASE)
#undef HOST_CUDA_CASE
    }
    return "unrecognized error code";
}

cudaError_t cudaDeviceReset(void) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaDeviceReset");
    forget_everything();
    clear_errors();
    return fail(injected);
}

void host_cuda_reset(void) {
    Lock lock;
    forget_everything();
    reset_state();
}
}
