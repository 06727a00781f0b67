// Planted bugs of the host side: order between streams, reading too early, launches that nobody checked.
#include "bugs.h"

namespace {

constexpr int n = 40;

__global__ void copy_kernel(const float *x, float *y) {
    y[threadIdx.x] = x[threadIdx.x];
}

bool missing_event_wait(bool fixed) {
    Buffer<float> x(n), y(n);
    StreamOwner a, b;
    cudaEvent_t event = nullptr;
    TRY(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    TRY(fill(x.data, n, 1.0f, a.s));
    TRY(cudaEventRecord(event, a.s));
    if (fixed) {
        TRY(cudaStreamWaitEvent(b.s, event, 0));
    }
    LAUNCH(copy_kernel, 1, n, 0, b.s, x.data, y.data);
    TRY(cudaGetLastError());
    TRY(cudaEventDestroy(event));
    TRY(cudaStreamSynchronize(b.s));
    return all_equal(y.data, n, 1.0f);
}

// The event is recorded before the work that it should stand for.
bool event_recorded_too_early(bool fixed) {
    Buffer<float> x(n), y(n);
    StreamOwner a, b;
    cudaEvent_t event = nullptr;
    TRY(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (!fixed) {
        TRY(cudaEventRecord(event, a.s));
    }
    TRY(fill(x.data, n, 1.0f, a.s));
    if (fixed) {
        TRY(cudaEventRecord(event, a.s));
    }
    TRY(cudaStreamWaitEvent(b.s, event, 0));
    LAUNCH(copy_kernel, 1, n, 0, b.s, x.data, y.data);
    TRY(cudaGetLastError());
    TRY(cudaEventDestroy(event));
    TRY(cudaStreamSynchronize(b.s));
    return all_equal(y.data, n, 1.0f);
}

bool host_reads_before_sync(bool fixed) {
    Buffer<float> x(n), pinned(n, true);
    StreamOwner a;
    TRY(fill(x.data, n, 1.0f, a.s));
    TRY(cudaMemcpyAsync(pinned.data, x.data, n * sizeof(float), cudaMemcpyDeviceToHost, a.s));
    if (fixed) {
        TRY(cudaStreamSynchronize(a.s));
    }
    bool right = pinned.data[n - 1] == 1.0f;
    TRY(cudaStreamSynchronize(a.s));
    return right;
}

bool pinned_source_reused_too_early(bool fixed) {
    Buffer<float> x(n), pinned(n, true);
    StreamOwner a;
    for (int i = 0; i < n; i++) {
        pinned.data[i] = 1.0f;
    }
    TRY(cudaMemcpyAsync(x.data, pinned.data, n * sizeof(float), cudaMemcpyHostToDevice, a.s));
    if (fixed) {
        TRY(cudaStreamSynchronize(a.s));
    }
    pinned.data[0] = 2.0f;
    TRY(cudaStreamSynchronize(a.s));
    return all_equal(x.data, n, 1.0f);
}

// A blocking copy waits for the legacy stream only, and this stream does not block it.
bool blocking_copy_of_other_stream(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    float host[n];
    TRY(fill(x.data, n, 1.0f, a.s));
    if (fixed) {
        TRY(cudaStreamSynchronize(a.s));
    }
    TRY(cudaMemcpy(host, x.data, sizeof host, cudaMemcpyDeviceToHost));
    TRY(cudaStreamSynchronize(a.s));
    return host[0] == 1.0f;
}

bool stream_used_after_destroy(bool fixed) {
    Buffer<float> x(n);
    cudaStream_t s = nullptr;
    TRY(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    cudaStream_t kept = s;
    TRY(cudaStreamDestroy(s));
    (void)fill(x.data, n, 1.0f, fixed ? nullptr : kept);
    return true;
}

bool unchecked_invalid_launch(bool fixed) {
    Buffer<float> x(n);
    LAUNCH((fill_kernel<float>), 1, fixed ? 1024 : 1025, 0, nullptr, x.data, n, 1.0f);
    (void)cudaDeviceSynchronize();
    return true;
}

// The second launch's check finds the first one's error, so the code is never told apart: a launch goes
// unchecked.
bool unchecked_launch_with_strict_mode(bool fixed) {
    Buffer<float> x(n);
    host_cuda_require_launch_checks(1);
    LAUNCH((fill_kernel<float>), 1, 64, 0, nullptr, x.data, n, 1.0f);
    if (fixed) {
        TRY(cudaGetLastError());
    }
    TRY(cudaDeviceSynchronize());
    return true;
}

} // namespace

const Bug stream_bugs[] = {
    {"missing_event_wait", missing_event_wait},
    {"event_recorded_too_early", event_recorded_too_early},
    {"host_reads_before_sync", host_reads_before_sync},
    {"pinned_source_reused_too_early", pinned_source_reused_too_early},
    {"blocking_copy_of_other_stream", blocking_copy_of_other_stream},
    {"stream_used_after_destroy", stream_used_after_destroy},
    {"unchecked_invalid_launch", unchecked_invalid_launch},
    {"unchecked_launch_with_strict_mode", unchecked_launch_with_strict_mode},
    {nullptr, nullptr},
};
