// Planted bugs of memory: bounds, initialisation, lifetime, extents of library calls.
#include "bugs.h"

namespace {

constexpr int n = 50;

__global__ void write_up_to_kernel(float *x, int last) {
    for (int i = threadIdx.x; i <= last; i += blockDim.x) {
        x[i] = 1.0f;
    }
}

bool global_write_past_end(bool fixed) {
    Buffer<float> x(n);
    LAUNCH(write_up_to_kernel, 1, 32, 0, nullptr, x.data, fixed ? n - 1 : n);
    TRY(cudaGetLastError());
    return all_equal(x.data, n, 1.0f);
}

__global__ void right_neighbour_kernel(const float *x, float *y, int count, int last) {
    int i = threadIdx.x;
    if (i < count) {
        y[i] = i < last ? x[i + 1] : 1.0f;
    }
}

bool global_read_past_end(bool fixed) {
    Buffer<float> x(n), y(n);
    TRY(fill(x.data, n, 1.0f));
    LAUNCH(right_neighbour_kernel, 1, 64, 0, nullptr, x.data, y.data, n, fixed ? n - 1 : n);
    TRY(cudaGetLastError());
    return all_equal(y.data, n, 1.0f);
}

__global__ void left_neighbour_kernel(const float *x, float *y, int count, int first) {
    int i = threadIdx.x;
    if (i < count) {
        y[i] = i >= first ? x[i - 1] : 1.0f;
    }
}

bool global_read_before_start(bool fixed) {
    Buffer<float> x(n), y(n);
    TRY(fill(x.data, n, 1.0f));
    LAUNCH(left_neighbour_kernel, 1, 64, 0, nullptr, x.data, y.data, n, fixed ? 1 : 0);
    TRY(cudaGetLastError());
    return all_equal(y.data, n, 1.0f);
}

__global__ void unguarded_kernel(float *x, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        x[i] = 1.0f;
    }
}

bool missing_grid_tail_guard(bool fixed) {
    Buffer<float> x(n);
    int threads = 32, blocks = (n + threads - 1) / threads;
    LAUNCH(unguarded_kernel, blocks, threads, 0, nullptr, x.data, fixed ? n : blocks * threads);
    TRY(cudaGetLastError());
    return all_equal(x.data, n, 1.0f);
}

__global__ void shared_index_kernel(float *y, int shift) {
    SHARED(float, before, [16]);
    SHARED(float, s, [32]);
    SHARED(float, after, [16]);
    int i = threadIdx.x;
    s[i] = 1.0f;
    __syncthreads();
    s[i + shift] = 1.0f;
    __syncthreads();
    if (i < 16) {
        before[i] = after[i] = 0.0f;
    }
    __syncthreads();
    y[i] = s[i] + before[i % 16] + after[i % 16];
}

bool shared_out_of_bounds(bool fixed) {
    Buffer<float> y(32);
    LAUNCH(shared_index_kernel, 1, 32, 0, nullptr, y.data, fixed ? 0 : 1);
    TRY(cudaGetLastError());
    return all_equal(y.data, 32, 1.0f);
}

__global__ void dynamic_shared_kernel(float *y) {
    DYN_SHARED(float, s);
    s[threadIdx.x] = 1.0f;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}

bool dynamic_shared_too_small(bool fixed) {
    Buffer<float> y(32);
    LAUNCH(dynamic_shared_kernel, 1, 32, (fixed ? 32 : 31) * sizeof(float), nullptr, y.data);
    TRY(cudaGetLastError());
    return all_equal(y.data, 32, 1.0f);
}

__global__ void accumulate_kernel(float *x, int count) {
    if (static_cast<int>(threadIdx.x) < count) {
        x[threadIdx.x] += 1.0f;
    }
}

bool uninitialised_device_memory(bool fixed) {
    Buffer<float> x(n);
    if (fixed) {
        TRY(cudaMemset(x.data, 0, n * sizeof(float)));
    }
    LAUNCH(accumulate_kernel, 1, 64, 0, nullptr, x.data, n);
    TRY(cudaGetLastError());
    return all_equal(x.data, n, 1.0f);
}

__global__ void shared_sum_kernel(float *y, int clear) {
    SHARED(float, sum, [32]);
    if (clear) {
        sum[threadIdx.x] = 0.0f;
    }
    sum[threadIdx.x] += 1.0f;
    y[threadIdx.x] = sum[threadIdx.x];
}

bool uninitialised_shared_memory(bool fixed) {
    Buffer<float> y(32);
    LAUNCH(shared_sum_kernel, 1, 32, 0, nullptr, y.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(y.data, 32, 1.0f);
}

bool use_after_free(bool fixed) {
    Buffer<float> x(n), y(n);
    TRY(fill(x.data, n, 1.0f));
    float *kept = x.data;
    if (!fixed) {
        x.release();
    }
    LAUNCH(right_neighbour_kernel, 1, 64, 0, nullptr, kept, y.data, n, n - 1);
    TRY(cudaGetLastError());
    return all_equal(y.data, n, 1.0f);
}

bool double_free(bool fixed) {
    Buffer<float> x(n);
    float *kept = x.data;
    x.release();
    if (!fixed) {
        (void)cudaFree(kept);
    }
    return true;
}

// The host takes a device pointer for one of its own.
bool host_dereferences_device_pointer(bool fixed) {
    Buffer<float> x(n), pinned(n, true);
    TRY(fill(x.data, n, 1.0f));
    TRY(cudaMemcpy(pinned.data, x.data, n * sizeof(float), cudaMemcpyDeviceToHost));
    return (fixed ? pinned.data : x.data)[n - 1] == 1.0f;
}

bool leaked_allocation(bool fixed) {
    void *p = nullptr;
    TRY(cudaMalloc(&p, 64));
    if (fixed) {
        TRY(cudaFree(p));
    }
    return true;
}

bool copy_past_end(bool fixed) {
    Buffer<float> x(n);
    float host[n + 1] = {};
    (void)cudaMemcpy(x.data, host, (fixed ? n : n + 1) * sizeof(float), cudaMemcpyHostToDevice);
    return true;
}

struct Blas {
    cublasHandle_t handle = nullptr;
    Blas() {
        (void)cublasCreate(&handle);
    }
    ~Blas() {
        (void)cublasDestroy(handle);
    }
    Blas(const Blas &) = delete;
    Blas &operator=(const Blas &) = delete;
};

// C (3 x 4) = A (3 x 5) B (5 x 4), row-major data given to a column-major library; the bug swaps two extents.
bool gemm_wrong_extents(bool fixed) {
    Buffer<float> a(15), b(20), c(12);
    Blas blas;
    float one = 1.0f, zero = 0.0f;
    TRY(fill(a.data, 15, 1.0f));
    TRY(fill(b.data, 20, 1.0f));
    int m = fixed ? 4 : 5, k = fixed ? 5 : 4;
    (void)cublasSgemm(blas.handle, CUBLAS_OP_N, CUBLAS_OP_N, m, 3, k, &one, b.data, m, a.data, k, &zero,
                      c.data, m);
    return cudaDeviceSynchronize() == cudaSuccess;
}

bool gemm_host_pointer(bool fixed) {
    Buffer<float> a(4), c(4);
    Blas blas;
    float one = 1.0f, zero = 0.0f, host[4] = {1, 1, 1, 1};
    TRY(fill(a.data, 4, 1.0f));
    (void)cublasSgemm(blas.handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a.data, 2, fixed ? a.data : host,
                      2, &zero, c.data, 2);
    return cudaDeviceSynchronize() == cudaSuccess;
}

bool scalar_of_wrong_pointer_mode(bool fixed) {
    Buffer<float> x(4), alpha(1);
    Blas blas;
    TRY(fill(x.data, 4, 1.0f));
    TRY(fill(alpha.data, 1, 1.0f));
    TRY(cublasSetPointerMode(blas.handle, fixed ? CUBLAS_POINTER_MODE_DEVICE : CUBLAS_POINTER_MODE_HOST));
    (void)cublasSscal(blas.handle, 4, alpha.data, x.data, 1);
    return all_equal(x.data, 4, 1.0f);
}

} // namespace

const Bug memory_bugs[] = {
    {"global_write_past_end", global_write_past_end},
    {"global_read_past_end", global_read_past_end},
    {"global_read_before_start", global_read_before_start},
    {"missing_grid_tail_guard", missing_grid_tail_guard},
    {"shared_out_of_bounds", shared_out_of_bounds},
    {"dynamic_shared_too_small", dynamic_shared_too_small},
    {"uninitialised_device_memory", uninitialised_device_memory},
    {"uninitialised_shared_memory", uninitialised_shared_memory},
    {"use_after_free", use_after_free},
    {"double_free", double_free},
    {"host_dereferences_device_pointer", host_dereferences_device_pointer},
    {"leaked_allocation", leaked_allocation},
    {"copy_past_end", copy_past_end},
    {"gemm_wrong_extents", gemm_wrong_extents},
    {"gemm_host_pointer", gemm_host_pointer},
    {"scalar_of_wrong_pointer_mode", scalar_of_wrong_pointer_mode},
    {nullptr, nullptr},
};
