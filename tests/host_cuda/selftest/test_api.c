/* The runtime API from C17: devices, memory, errors, streams, events, fault injection. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cublas_v2.h"
#include "cuda_runtime_api.h"
#include "host_cuda_control.h"
#include "kernels.h"

static void test_devices(void) {
    int count = 0, version = 0, major = 0;
    struct cudaDeviceProp prop;
    OK(cudaGetDeviceCount(&count));
    CHECK(count == 1);
    OK(cudaGetDeviceProperties(&prop, 0));
    CHECK(prop.warpSize == 32 && prop.major == 8);
    OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    CHECK(major == 8);
    CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
    CHECK(cudaGetLastError() == cudaSuccess);

    host_cuda_set_devices(0);
    CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 0);
    void *p = NULL;
    CHECK(cudaMalloc(&p, 8) == cudaErrorNoDevice && p == NULL);
    host_cuda_set_devices(1);
    host_cuda_set_driver_version(11000);
    CHECK(cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver);
    OK(cudaDriverGetVersion(&version));
    CHECK(version == 11000);
    cublasHandle_t blas = NULL;
    CHECK(cublasCreate(&blas) == CUBLAS_STATUS_NOT_INITIALIZED);
    host_cuda_reset();
    CHECK(strcmp(cudaGetErrorName(cudaErrorInsufficientDriver), "cudaErrorInsufficientDriver") == 0);
    CHECK(strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory") == 0);
}

static void test_memory(void) {
    double host[4] = {1, 2, 3, 4}, back[4] = {0};
    double *d = NULL, *pinned = NULL;
    size_t free_bytes = 0, total = 0;
    OK(cudaMalloc((void **)&d, sizeof host));
    CHECK((uintptr_t)d % 256 == 0);
    OK(cudaMemcpy(back, d, sizeof back, cudaMemcpyDeviceToHost));
    CHECK(isnan(back[0]) && isnan(back[3])); /* new memory is NaN */
    OK(cudaMemcpy(d, host, sizeof host, cudaMemcpyHostToDevice));
    OK(cudaMemcpy(back, d, sizeof back, cudaMemcpyDefault));
    CHECK(memcmp(back, host, sizeof host) == 0);
    CHECK(cudaMemcpy(back, d, sizeof back, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    OK(cudaMallocHost((void **)&pinned, 2 * sizeof *pinned));
    struct cudaPointerAttributes attributes;
    OK(cudaPointerGetAttributes(&attributes, pinned + 1));
    CHECK(attributes.type == cudaMemoryTypeHost);
    OK(cudaPointerGetAttributes(&attributes, host));
    CHECK(attributes.type == cudaMemoryTypeUnregistered);
    OK(cudaMemcpy2D(pinned, 8, d, 16, 8, 2, cudaMemcpyDeviceToHost));
    CHECK(pinned[0] == 1 && pinned[1] == 3);

    host_cuda_set_memory(1 << 20);
    OK(cudaMemGetInfo(&free_bytes, &total));
    CHECK(total == 1 << 20 && free_bytes == total - 512);
    void *large = d;
    CHECK(cudaMalloc(&large, 2 << 20) == cudaErrorMemoryAllocation && large == NULL);
    CHECK(cudaMalloc(&large, SIZE_MAX - 100) == cudaErrorMemoryAllocation);
    cudaGetLastError();
    OK(cudaFree(NULL));
    CHECK(host_cuda_live_objects() == 2);
    OK(cudaFree(d));
    OK(cudaFreeHost(pinned));
    CHECK(host_cuda_live_objects() == 0);
}

static void test_violations(void) {
    char *d = NULL, host[32];
    memset(host, 0, sizeof host);
    host_cuda_quiet(1);
    OK(cudaMalloc((void **)&d, 16));
    CHECK(cudaMemcpy(d, host, 17, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(host_cuda_violations() == 1 && strstr(host_cuda_last_violation(), "17 bytes") != NULL);
    CHECK(cudaMemset(d + 8, 0, 9) == cudaErrorInvalidValue);
    OK(cudaFree(d));
    CHECK(cudaFree(d) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(host, host + 16, 8, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(host_cuda_violations() == 3);
    host_cuda_forgive();
    host_cuda_quiet(0);
    CHECK(host_cuda_violations() == 0);
    cudaGetLastError();
}

#ifndef __SANITIZE_THREAD__
static void test_lazy_streams(void) {
    cudaStream_t a = NULL, b = NULL;
    cudaEvent_t event = NULL;
    double *d = NULL, *pinned = NULL;
    OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    OK(cudaMalloc((void **)&d, 8 * sizeof *d));
    OK(cudaMallocHost((void **)&pinned, 8 * sizeof *pinned));
    pinned[0] = -1.0;
    OK(launch_fill(d, 8, 5.0, a));
    OK(cudaMemcpyAsync(pinned, d, 8 * sizeof *d, cudaMemcpyDeviceToHost, a));
    CHECK(pinned[0] == -1.0); /* nothing has run */
    OK(cudaStreamSynchronize(b));
    CHECK(pinned[0] == -1.0);
    CHECK(cudaStreamQuery(a) == cudaErrorNotReady); /* makes progress, so that polling ends */
    OK(cudaStreamSynchronize(a));
    CHECK(pinned[0] == 5.0 && pinned[7] == 5.0);

    OK(launch_fill(d, 8, 6.0, a));
    OK(cudaEventRecord(event, a));
    OK(cudaStreamWaitEvent(b, event, 0));
    OK(cudaMemcpyAsync(pinned, d, 8 * sizeof *d, cudaMemcpyDeviceToHost, b));
    OK(cudaStreamSynchronize(b)); /* runs of `a` what the event needs */
    CHECK(pinned[0] == 6.0);
    OK(cudaEventQuery(event));

    /* the legacy stream waits for blocking streams, but these are not blocking */
    OK(launch_fill(d, 8, 7.0, a));
    OK(cudaMemcpy(pinned, d, sizeof *d, cudaMemcpyDeviceToHost));
    CHECK(pinned[0] == 6.0);
    cudaStream_t blocking = NULL;
    OK(cudaStreamCreate(&blocking));
    OK(cudaStreamSynchronize(a));
    OK(launch_fill(d, 8, 8.0, blocking));
    OK(cudaMemcpy(pinned, d, sizeof *d, cudaMemcpyDeviceToHost));
    CHECK(pinned[0] == 8.0);

    OK(cudaStreamDestroy(blocking));
    OK(cudaStreamDestroy(a));
    OK(cudaStreamDestroy(b));
    OK(cudaEventDestroy(event));
    OK(cudaFree(d));
    OK(cudaFreeHost(pinned));
}

#endif

static void increment(void *data) {
    ++*(int *)data;
}

static void test_events_and_host_functions(void) {
    cudaEvent_t start = NULL, end = NULL;
    cudaStream_t s = NULL;
    float ms = -1.0f;
    int counter = 0;
    OK(cudaStreamCreate(&s));
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&end));
    CHECK(cudaEventElapsedTime(&ms, start, end) == cudaErrorInvalidResourceHandle);
    OK(cudaEventRecord(start, s));
    OK(cudaLaunchHostFunc(s, increment, &counter));
    OK(cudaEventRecord(end, s));
    CHECK(cudaEventElapsedTime(&ms, start, end) == cudaErrorNotReady);
#ifndef __SANITIZE_THREAD__
    CHECK(counter == 0);
#endif
    OK(cudaEventSynchronize(end));
    CHECK(counter == 1);
    OK(cudaEventElapsedTime(&ms, start, end));
    CHECK(ms >= 0.0f);
    cudaGetLastError();
    OK(cudaEventDestroy(start));
    OK(cudaEventDestroy(end));
    OK(cudaStreamDestroy(s));
}

static void test_launch_checks(void) {
    double *d = NULL;
    OK(cudaMalloc((void **)&d, 1024 * sizeof *d));
    CHECK(launch_with_block(d, 1025, 1, 0, NULL) == cudaErrorInvalidConfiguration);
    CHECK(launch_with_block(d, 0, 1, 0, NULL) == cudaErrorInvalidConfiguration);
    CHECK(launch_with_block(d, 32, 0, 0, NULL) == cudaErrorInvalidConfiguration);
    CHECK(launch_with_block(d, 32, 1, 64 << 10, NULL) == cudaErrorInvalidValue);
    OK(launch_with_block(d, 1024, 1, 0, NULL));
    OK(cudaDeviceSynchronize());
    host_cuda_require_launch_checks(1);
    OK(launch_fill(d, 8, 0.0, NULL)); /* looks at cudaGetLastError itself */
    OK(cudaDeviceSynchronize());
    CHECK(host_cuda_violations() == 0);
    host_cuda_require_launch_checks(0);
    OK(cudaFree(d));
}

/* What a careful caller does; fails and releases at the first error. */
static cudaError_t scenario(void) {
    double *d = NULL;
    cudaStream_t s = NULL;
    cudaError_t error = cudaStreamCreate(&s);
    if (!error) {
        error = cudaMalloc((void **)&d, 64);
    }
    if (!error) {
        error = launch_fill(d, 8, 1.0, s);
    }
    if (!error) {
        error = cudaStreamSynchronize(s);
    }
    cudaError_t freed = cudaFree(d);
    cudaError_t destroyed = s ? cudaStreamDestroy(s) : cudaSuccess;
    return error ? error : freed ? freed : destroyed;
}

static void test_injection(void) {
    unsigned long before = host_cuda_count(HOST_CUDA_API_CALLS);
    OK(scenario());
    unsigned long calls = host_cuda_count(HOST_CUDA_API_CALLS) - before;
    CHECK(calls == 6);
    for (unsigned long i = 1; i <= calls; i++) {
        host_cuda_inject(NULL, i, cudaErrorUnknown);
        CHECK(scenario() == cudaErrorUnknown);
        CHECK(host_cuda_injected());
        CHECK(host_cuda_live_objects() == 0);
        cudaGetLastError();
    }
    host_cuda_inject("cudaMalloc", 1, cudaErrorMemoryAllocation);
    CHECK(scenario() == cudaErrorMemoryAllocation);
    cudaGetLastError();
    host_cuda_inject("cudaStreamSynchronize", 1, cudaErrorIllegalAddress);
    CHECK(scenario() == cudaErrorIllegalAddress);
    CHECK(cudaDeviceSynchronize() == cudaErrorIllegalAddress); /* it stays */
    host_cuda_reset();
    OK(scenario());
}

static void test_two_devices(void) {
    int device = -1;
    cudaStream_t s = NULL;
    double *d = NULL;
    host_cuda_set_devices(2);
    OK(cudaSetDevice(1));
    OK(cudaGetDevice(&device));
    CHECK(device == 1);
    OK(cudaStreamCreate(&s));
    OK(cudaMalloc((void **)&d, 64));
    OK(cudaSetDevice(0));
    CHECK(launch_fill(d, 8, 1.0, s) == cudaErrorInvalidResourceHandle);
    OK(cudaSetDevice(1));
    OK(launch_fill(d, 8, 1.0, s));
    OK(cudaFree(d));
    OK(cudaStreamDestroy(s));
    OK(cudaSetDevice(0));
    host_cuda_set_devices(1);
}

/* Two host threads with a stream each; what they share is the library. */
static void *work_alone(void *result) {
    double *d = NULL, host[300];
    cudaStream_t s = NULL;
    int good = cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking) == cudaSuccess &&
               cudaMalloc((void **)&d, sizeof host) == cudaSuccess;
    for (int i = 0; good && i < 20; i++) {
        good = launch_fill(d, 300, i, s) == cudaSuccess &&
               cudaMemcpyAsync(host, d, sizeof host, cudaMemcpyDeviceToHost, s) == cudaSuccess &&
               cudaStreamSynchronize(s) == cudaSuccess && host[299] == i;
    }
    good = cudaFree(d) == cudaSuccess && cudaStreamDestroy(s) == cudaSuccess && good;
    *(int *)result = good;
    return NULL;
}

static void test_two_host_threads(void) {
    pthread_t threads[2];
    int good[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, work_alone, &good[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(good[i]);
    }
}

int main(void) {
    test_devices();
    test_memory();
    test_violations();
#ifndef __SANITIZE_THREAD__
    test_lazy_streams(); /* it looks at unfinished work on purpose, which is a race */
#endif
    test_events_and_host_functions();
    test_launch_checks();
    test_injection();
    test_two_devices();
    test_two_host_threads();
    CHECK(host_cuda_live_objects() == 0);
    return finish_checks("test_api");
}
