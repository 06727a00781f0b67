// Kernels of the self-tests, written as the project's are: LAUNCH, SHARED, DYN_SHARED, shuffles, no float
// atomics.
#include "kernels.h"

#include "cuda_runtime.h"

namespace {

constexpr int threads = 64;

__device__ double warp_sum(double v) {
    for (int offset = 16; offset > 0; offset /= 2) {
        v += __shfl_down_sync(0xffffffffu, v, offset);
    }
    return v;
}

__device__ double block_sum(double v) {
    SHARED(double, of_warp, [32]);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v = warp_sum(v);
    if (lane == 0) {
        of_warp[warp] = v;
    }
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? of_warp[lane] : 0.0;
    return warp == 0 ? warp_sum(v) : 0.0;
}

__global__ void fill_kernel(double *x, int n, double value) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] = value;
    }
}

__global__ void add_kernel(double *x, int n, double value) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] += value;
    }
}

__global__ void dot_kernel(const double *x, const double *y, int n, double *partial) {
    double sum = 0.0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        sum += x[i] * (y ? y[i] : 1.0);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}

__global__ void finish_sum_kernel(const double *partial, int n, double *out) {
    double sum = block_sum(static_cast<int>(threadIdx.x) < n ? partial[threadIdx.x] : 0.0);
    if (threadIdx.x == 0) {
        *out = sum;
    }
}

__global__ void stencil_kernel(const double *x, double *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        double left = i > 0 ? x[i - 1] : 0.0, right = i + 1 < n ? x[i + 1] : 0.0;
        y[i] = 3.0 * x[i] - left - right;
    }
}

__global__ void cg_start_kernel(const double *b, double *x, double *r, double *p, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] = 0.0;
        r[i] = p[i] = b[i];
    }
}

__global__ void cg_update_kernel(const cg_state *s, double *x, double *r, const double *p, const double *ap,
                                 int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] += s->alpha * p[i];
        r[i] -= s->alpha * ap[i];
    }
}

__global__ void cg_direction_kernel(const cg_state *s, const double *r, double *p, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        p[i] = r[i] + s->beta * p[i];
    }
}

__global__ void cg_begin_kernel(cg_state *s, cudaGraphConditionalHandle handle, int in_graph) {
    s->iterations = 0;
    s->go_on = s->rr > s->tolerance;
    if (in_graph) {
        cudaGraphSetConditional(handle, s->go_on ? 1u : 0u);
    }
}

__global__ void cg_alpha_kernel(cg_state *s) {
    s->alpha = s->rr / s->pap;
}

__global__ void cg_control_kernel(cg_state *s, cudaGraphConditionalHandle handle, int in_graph) {
    s->rr = s->rr_next;
    s->iterations++;
    s->go_on = s->rr > s->tolerance && s->iterations < s->limit;
    if (in_graph) {
        cudaGraphSetConditional(handle, s->go_on ? 1u : 0u);
    }
}

__global__ void cg_beta_kernel(cg_state *s) {
    s->beta = s->rr_next / s->rr;
}

__global__ void set_condition_kernel(const int *value, cudaGraphConditionalHandle handle) {
    cudaGraphSetConditional(handle, static_cast<unsigned>(*value));
}

__global__ void count_to_kernel(int *counter, int limit, cudaGraphConditionalHandle handle) {
    *counter += 1;
    if (*counter >= limit) {
        cudaGraphSetConditional(handle, 0);
    }
}

__global__ void index_kernel(double *x) {
    x[blockIdx.x * blockDim.x + threadIdx.x] = threadIdx.x;
}

int blocks_for(int n) {
    return (n + threads - 1) / threads;
}

} // namespace

cudaError_t launch_fill(double *x, int n, double value, cudaStream_t stream) {
    LAUNCH(fill_kernel, blocks_for(n), threads, 0, stream, x, n, value);
    return cudaGetLastError();
}

cudaError_t launch_add(double *x, int n, double value, cudaStream_t stream) {
    LAUNCH(add_kernel, blocks_for(n), threads, 0, stream, x, n, value);
    return cudaGetLastError();
}

cudaError_t launch_with_block(double *x, int block, int blocks, size_t shared, cudaStream_t stream) {
    LAUNCH(index_kernel, blocks, block, shared, stream, x);
    return cudaGetLastError();
}

cudaError_t launch_dot(const double *x, const double *y, int n, double *partial, double *out,
                       cudaStream_t stream) {
    int blocks = min(blocks_for(n), 64);
    LAUNCH(dot_kernel, blocks, threads, 0, stream, x, y, n, partial);
    if (cudaError_t error = cudaGetLastError()) {
        return error;
    }
    LAUNCH(finish_sum_kernel, 1, threads, 0, stream, partial, blocks, out);
    return cudaGetLastError();
}

cudaError_t launch_sum(const double *x, int n, double *partial, double *out, cudaStream_t stream) {
    return launch_dot(x, nullptr, n, partial, out, stream);
}

cudaError_t launch_stencil(const double *x, double *y, int n, cudaStream_t stream) {
    LAUNCH(stencil_kernel, blocks_for(n), threads, 0, stream, x, y, n);
    return cudaGetLastError();
}

cudaError_t launch_cg_start(const double *b, double *x, double *r, double *p, int n, cudaStream_t stream) {
    LAUNCH(cg_start_kernel, blocks_for(n), threads, 0, stream, b, x, r, p, n);
    return cudaGetLastError();
}

cudaError_t launch_cg_update(cg_state *s, double *x, double *r, const double *p, const double *ap, int n,
                             cudaStream_t stream) {
    LAUNCH(cg_update_kernel, blocks_for(n), threads, 0, stream, s, x, r, p, ap, n);
    return cudaGetLastError();
}

cudaError_t launch_cg_direction(cg_state *s, const double *r, double *p, int n, cudaStream_t stream) {
    LAUNCH(cg_beta_kernel, 1, 1, 0, stream, s);
    if (cudaError_t error = cudaGetLastError()) {
        return error;
    }
    LAUNCH(cg_direction_kernel, blocks_for(n), threads, 0, stream, s, r, p, n);
    return cudaGetLastError();
}

cudaError_t launch_cg_begin(cg_state *s, cudaGraphConditionalHandle handle, int in_graph,
                            cudaStream_t stream) {
    LAUNCH(cg_begin_kernel, 1, 1, 0, stream, s, handle, in_graph);
    return cudaGetLastError();
}

cudaError_t launch_cg_alpha(cg_state *s, cudaStream_t stream) {
    LAUNCH(cg_alpha_kernel, 1, 1, 0, stream, s);
    return cudaGetLastError();
}

cudaError_t launch_cg_control(cg_state *s, cudaGraphConditionalHandle handle, int in_graph,
                              cudaStream_t stream) {
    LAUNCH(cg_control_kernel, 1, 1, 0, stream, s, handle, in_graph);
    return cudaGetLastError();
}

cudaError_t launch_set_condition(const int *value, cudaGraphConditionalHandle handle, cudaStream_t stream) {
    LAUNCH(set_condition_kernel, 1, 1, 0, stream, value, handle);
    return cudaGetLastError();
}

cudaError_t launch_count_to(int *counter, int limit, cudaGraphConditionalHandle handle, cudaStream_t stream) {
    LAUNCH(count_to_kernel, 1, 1, 0, stream, counter, limit, handle);
    return cudaGetLastError();
}
