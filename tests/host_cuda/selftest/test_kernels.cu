// The device side: indices, barriers, warp operations, shared memory, atomics, faults, thread orders.
#include <math.h>
#include <string.h>

#include "check.h"
#include "cuda_runtime.h"
#include "host_cuda_control.h"
#include "kernels.h"

namespace {

template <class T> struct Device {
    T *data = nullptr;
    explicit Device(size_t n) {
        OK(cudaMalloc(reinterpret_cast<void **>(&data), n * sizeof(T)));
    }
    ~Device() {
        cudaFree(data);
    }
    Device(const Device &) = delete;
    Device &operator=(const Device &) = delete;
};

template <class T> void get(T *host, const T *device, size_t n) {
    OK(cudaMemcpy(host, device, n * sizeof(T), cudaMemcpyDeviceToHost));
}

__global__ void index_kernel(unsigned *out) {
    unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = 1000 * block + thread;
}

void test_indices() {
    Device<unsigned> d(2 * 3 * 2 * 4 * 2 * 3);
    unsigned host[2 * 3 * 2 * 4 * 2 * 3];
    LAUNCH(index_kernel, dim3(2, 3, 2), dim3(4, 2, 3), 0, 0, d.data);
    OK(cudaGetLastError());
    get(host, d.data, 288);
    for (unsigned i = 0; i < 288; i++) {
        CHECK(host[i] == 1000 * (i / 24) + i % 24);
    }
}

__global__ void __launch_bounds__(1024) transpose_kernel(const float *__restrict__ in, float *out) {
    SHARED(float, tile, [32][33]);
    tile[threadIdx.y][threadIdx.x] = __ldg(in + threadIdx.y * 32 + threadIdx.x);
    __syncthreads();
    out[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

void test_shared_tile() {
    Device<float> in(1024), out(1024);
    float host[1024];
    for (int i = 0; i < 1024; i++) {
        host[i] = static_cast<float>(i);
    }
    OK(cudaMemcpy(in.data, host, sizeof host, cudaMemcpyHostToDevice));
    LAUNCH(transpose_kernel, 1, dim3(32, 32), 0, nullptr, in.data, out.data);
    OK(cudaGetLastError());
    get(host, out.data, 1024);
    for (int i = 0; i < 1024; i++) {
        CHECK(host[i] == static_cast<float>(i % 32 * 32 + i / 32));
    }
}

template <class T> __global__ void scan_kernel(T *x, int n) {
    DYN_SHARED(T, s);
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : T(0);
    for (int offset = 1; offset < static_cast<int>(blockDim.x); offset *= 2) {
        __syncthreads();
        T add = i >= offset ? s[i - offset] : T(0);
        __syncthreads();
        s[i] += add;
    }
    if (i < n) {
        x[i] = s[i];
    }
}

void test_dynamic_shared() {
    Device<double> x(200);
    double host[200];
    OK(launch_fill(x.data, 200, 1.0, nullptr));
    LAUNCH((scan_kernel<double>), 1, 256, 256 * sizeof(double), nullptr, x.data, 200);
    OK(cudaGetLastError());
    get(host, x.data, 200);
    for (int i = 0; i < 200; i++) {
        CHECK(host[i] == i + 1);
    }
    auto *kernel = scan_kernel<double>;
    OK(cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel),
                            cudaFuncAttributeMaxDynamicSharedMemorySize, 100 << 10));
    LAUNCH((scan_kernel<double>), 1, 256, 100 << 10, nullptr, x.data, 200);
    OK(cudaGetLastError());
    OK(cudaDeviceSynchronize());
}

struct WarpResults {
    int down[64], up[64], exchanged[64], broadcast[64], segment[64];
    unsigned ballot[64];
    double wide[64];
    int count, all, any;
};

__global__ void warp_kernel(WarpResults *r) {
    int i = threadIdx.x;
    r->down[i] = __shfl_down_sync(0xffffffffu, i, 4);
    r->up[i] = __shfl_up_sync(0xffffffffu, i, 4);
    r->exchanged[i] = __shfl_xor_sync(0xffffffffu, i, 5);
    r->broadcast[i] = __shfl_sync(0xffffffffu, i, 7);
    r->segment[i] = __shfl_down_sync(0xffffffffu, i, 1, 8);
    r->wide[i] = __shfl_xor_sync(0xffffffffu, i + 0.25, 1);
    r->ballot[i] = __ballot_sync(0xffffffffu, i % 3 == 0);
    if (i % 32 < 16) {
        __syncwarp(0x0000ffffu);
        r->broadcast[i] += __shfl_sync(0x0000ffffu, i, 3, 4);
    }
    int count = __syncthreads_count(i < 10);
    int all = __syncthreads_and(i >= 0);
    int any = __syncthreads_or(i == 63);
    if (i == 0) {
        r->count = count;
        r->all = all;
        r->any = any;
    }
}

void test_warps() {
    Device<WarpResults> d(1);
    static WarpResults r;
    LAUNCH(warp_kernel, 1, 64, 0, nullptr, d.data);
    OK(cudaGetLastError());
    get(&r, d.data, 1);
    for (int i = 0; i < 64; i++) {
        int lane = i % 32, warp = i - lane;
        CHECK(r.down[i] == (lane + 4 < 32 ? i + 4 : i));
        CHECK(r.up[i] == (lane >= 4 ? i - 4 : i));
        CHECK(r.exchanged[i] == (i ^ 5));
        CHECK(r.broadcast[i] == warp + 7 + (lane < 16 ? (i & ~3) + 3 : 0));
        CHECK(r.segment[i] == (i % 8 == 7 ? i : i + 1));
        CHECK(r.wide[i] == (i ^ 1) + 0.25);
        CHECK(r.ballot[i] == (warp ? 0x92492492u : 0x49249249u));
    }
    CHECK(r.count == 10 && r.all == 1 && r.any == 1);
}

// The deterministic way to finish a sum in one launch: the block that draws the last ticket adds the partial
// sums.
__global__ void last_block_kernel(const double *x, int n, double *partial, unsigned *ticket, double *out) {
    SHARED(double, s, [32]);
    SHARED(int, last, );
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    s[threadIdx.x] = i < n ? x[i] : 0.0;
    for (int half = 16; half > 0; half /= 2) {
        __syncthreads();
        if (static_cast<int>(threadIdx.x) < half) {
            s[threadIdx.x] += s[threadIdx.x + half];
        }
    }
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = s[0];
        __threadfence();
        last = atomicAdd(ticket, 1u) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        double sum = 0.0;
        for (unsigned b = 0; b < gridDim.x; b++) {
            sum += partial[b];
        }
        *out = sum;
    }
}

void test_last_block() {
    Device<double> x(100), partial(4), out(1);
    Device<unsigned> ticket(1);
    double sum = 0.0;
    OK(launch_fill(x.data, 100, 0.5, nullptr));
    OK(cudaMemset(ticket.data, 0, sizeof(unsigned)));
    LAUNCH(last_block_kernel, 4, 32, 0, nullptr, x.data, 100, partial.data, ticket.data, out.data);
    OK(cudaGetLastError());
    get(&sum, out.data, 1);
    CHECK(sum == 50.0);
}

__global__ void atomics_kernel(int *x, unsigned *u) {
    int i = threadIdx.x;
    atomicAdd(x, i);
    atomicMax(x + 1, i);
    atomicMin(x + 2, i - 5);
    atomicOr(u, 1u << (i % 32));
    atomicExch(u + 1, 9u);
    atomicCAS(u + 2, 0u, 3u);
    atomicInc(u + 3, 9u);
}

void test_atomics() {
    Device<int> x(3);
    Device<unsigned> u(4);
    int xs[3];
    unsigned us[4];
    OK(cudaMemset(x.data, 0, sizeof xs));
    OK(cudaMemset(u.data, 0, sizeof us));
    LAUNCH(atomics_kernel, 1, 33, 0, nullptr, x.data, u.data);
    OK(cudaGetLastError());
    get(xs, x.data, 3);
    get(us, u.data, 4);
    CHECK(xs[0] == 528 && xs[1] == 32 && xs[2] == -5);
    CHECK(us[0] == 0xffffffffu && us[1] == 9 && us[2] == 3 && us[3] == 3);
}

void test_sums() {
    const int sizes[] = {1, 3, 31, 33, 64, 1000};
    Device<double> x(1000), partial(64), out(1);
    for (int n : sizes) {
        double sum = 0.0;
        OK(launch_fill(x.data, n, 0.125, nullptr));
        OK(launch_sum(x.data, n, partial.data, out.data, nullptr));
        get(&sum, out.data, 1);
        CHECK(sum == 0.125 * n);
    }
}

__global__ void stack_kernel(volatile char *x) {
    volatile char local[48 << 10];
    local[threadIdx.x] = 1;
    x[0] = local[threadIdx.x];
}

void test_large_stack() {
    Device<char> c(1);
    LAUNCH(stack_kernel, 1, 1, 0, nullptr, c.data);
    OK(cudaGetLastError());
    OK(cudaDeviceSynchronize());
}

// Only where no sanitizer has the fault handler: the error must come back as a device's would, and stay.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
__global__ void far_access_kernel(double *x) {
    if (threadIdx.x == 3) {
        x[64] = 1.0; // in the guard page: nearer would only damage the slack
    }
    __syncthreads();
}

void test_fault_becomes_error() {
    double *x = nullptr;
    OK(cudaMalloc(reinterpret_cast<void **>(&x), 8 * sizeof(double)));
    host_cuda_quiet(1);
    LAUNCH(far_access_kernel, 1, 8, 0, nullptr, x);
    OK(cudaGetLastError());
    CHECK(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
    CHECK(strstr(host_cuda_last_violation(), "thread (3,0,0)") != nullptr);
    CHECK(cudaMemset(x, 0, 8) == cudaErrorIllegalAddress);
    OK(cudaDeviceReset());
    OK(cudaDeviceSynchronize());
    host_cuda_reset();
    OK(cudaDeviceSynchronize());
}
#else
void test_fault_becomes_error() {}
#endif

__global__ void divergent_kernel(int *x, int mode) {
    if (mode == 0 && threadIdx.x < 2) {
        return;
    }
    if (mode == 1 && threadIdx.x % 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    if (mode == 2 && threadIdx.x == 1) {
        __syncwarp();
    }
    if (mode == 2) {
        __syncthreads();
    }
    if (mode == 3) {
        __shfl_sync(0x1u, 1, 0);
    }
    x[threadIdx.x] = mode;
}

void test_divergence() {
    host_cuda_quiet(1);
    for (int mode = 0; mode < 4; mode++) {
        int *x = nullptr;
        OK(cudaMalloc(reinterpret_cast<void **>(&x), 40 * sizeof(int)));
        LAUNCH(divergent_kernel, 1, 40, 0, nullptr, x, mode);
        OK(cudaGetLastError());
        CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
        CHECK(host_cuda_violations() == 1);
        host_cuda_reset();
        host_cuda_quiet(1);
    }
    host_cuda_quiet(0);
}

} // namespace

int main() {
    test_indices();
    test_shared_tile();
    test_dynamic_shared();
    test_warps();
    test_last_block();
    test_atomics();
    test_sums();
    test_large_stack();
    test_fault_becomes_error();
    test_divergence();
    CHECK(host_cuda_live_objects() == 0);
    return finish_checks("test_kernels");
}
