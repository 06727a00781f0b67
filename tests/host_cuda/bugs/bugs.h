// The bug matrix: programs with one planted bug each, and the same programs without it. A case returns
// whether what it computed is right, as a test of a project would find out; the shim and the sanitizers find
// the rest.
#pragma once

#include <math.h>

#include "cublas_v2.h"
#include "cuda_runtime.h"
#include "cusolverDn.h"
#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#else // on a GPU, what compute-sanitizer should find: the bugs of memory and threads
#include "launch.cuh"
#endif

struct Bug {
    const char *name;
    bool (*run)(bool fixed);
};

extern const Bug memory_bugs[], thread_bugs[], stream_bugs[], graph_bugs[]; // each ends with a null name

// Careful host code: false as soon as something returns an error.
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        if ((call) != 0) {                                                                                   \
            return false;                                                                                    \
        }                                                                                                    \
    } while (0)

// Device memory and a stream that are released whatever happens.
template <class T> struct Buffer {
    T *data = nullptr;
    explicit Buffer(size_t n, bool pinned = false) : pinned_(pinned) {
        void *p = nullptr;
        (void)(pinned ? cudaMallocHost(&p, n * sizeof(T)) : cudaMalloc(&p, n * sizeof(T)));
        data = static_cast<T *>(p);
    }
    ~Buffer() {
        release();
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    void release() {
        (void)(pinned_ ? cudaFreeHost(data) : cudaFree(data));
        data = nullptr;
    }

  private:
    bool pinned_;
};

struct StreamOwner {
    cudaStream_t s = nullptr;
    StreamOwner() {
        (void)cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    }
    ~StreamOwner() {
        (void)cudaStreamDestroy(s);
    }
    StreamOwner(const StreamOwner &) = delete;
    StreamOwner &operator=(const StreamOwner &) = delete;
};

template <class T> bool all_equal(const T *device, int n, T expected) {
    T host[1024];
    TRY(cudaMemcpy(host, device, n * sizeof(T), cudaMemcpyDeviceToHost));
    bool same = true;
    for (int i = 0; i < n; i++) {
        same = same && host[i] == expected;
    }
    return same;
}

template <class T> __global__ void fill_kernel(T *x, int n, T value) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] = value;
    }
}

template <class T> cudaError_t fill(T *x, int n, T value, cudaStream_t stream = nullptr) {
    LAUNCH((fill_kernel<T>), (n + 31) / 32, 32, 0, stream, x, n, value);
    return cudaGetLastError();
}
