// Planted bugs of threads: barriers, shuffles, races within a block and between blocks.
#include "bugs.h"

namespace {

__global__ void neighbour_kernel(const int *x, int *y, int barrier) {
    SHARED(int, s, [64]);
    int i = threadIdx.x;
    s[i] = x[i];
    if (barrier) {
        __syncthreads();
    }
    y[i] = s[i ^ 33];
}

bool missing_barrier(bool fixed) {
    Buffer<int> x(64), y(64);
    TRY(fill(x.data, 64, 1));
    LAUNCH(neighbour_kernel, 1, 64, 0, nullptr, x.data, y.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(y.data, 64, 1);
}

// A barrier between reading and writing is missing: a thread overwrites what another has yet to read.
__global__ void rotate_kernel(int *x, int rounds, int barrier) {
    SHARED(int, s, [32]);
    int i = threadIdx.x;
    s[i] = i;
    __syncthreads();
    for (int k = 0; k < rounds; k++) {
        int next = s[(i + 1) % 32];
        if (barrier) {
            __syncthreads();
        }
        s[i] = next;
        __syncthreads();
    }
    x[i] = s[i] - (i + rounds) % 32;
}

bool missing_second_barrier(bool fixed) {
    Buffer<int> x(32);
    LAUNCH(rotate_kernel, 1, 32, 0, nullptr, x.data, 3, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 32, 0);
}

__global__ void warp_exchange_kernel(int *x, int sync) {
    SHARED(int, s, [32]);
    int i = threadIdx.x;
    s[i] = 1;
    if (sync) {
        __syncwarp();
    }
    x[i] = s[31 - i];
}

bool missing_syncwarp(bool fixed) {
    Buffer<int> x(32);
    LAUNCH(warp_exchange_kernel, 1, 32, 0, nullptr, x.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 32, 1);
}

__global__ void vote_kernel(int *x, int fixed) {
    SHARED(int, winner, );
    if (fixed ? threadIdx.x == 0 : threadIdx.x % 8 == 0) {
        winner = threadIdx.x;
    }
    __syncthreads();
    x[threadIdx.x] = winner;
}

bool race_within_block(bool fixed) {
    Buffer<int> x(32);
    LAUNCH(vote_kernel, 1, 32, 0, nullptr, x.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 32, 0);
}

__global__ void count_kernel(int *counter, int atomic) {
    if (atomic) {
        atomicAdd(counter, 1);
    } else if (threadIdx.x == 0) {
        *counter += blockDim.x;
    }
}

// Whatever the order, the sum is right when blocks run one after another: only TSan sees it.
bool race_between_blocks(bool fixed) {
    Buffer<int> counter(1);
    TRY(cudaMemset(counter.data, 0, sizeof(int)));
    LAUNCH(count_kernel, 3, 4, 0, nullptr, counter.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(counter.data, 1, 12);
}

__global__ void chain_kernel(int *x, int fixed) {
    if (fixed || blockIdx.x == 0) {
        x[blockIdx.x] = 1;
    } else {
        x[blockIdx.x] = x[blockIdx.x - 1];
    }
}

bool block_depends_on_block(bool fixed) {
    Buffer<int> x(4);
    LAUNCH(chain_kernel, 4, 1, 0, nullptr, x.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 4, 1);
}

// The last block to finish adds up what the others wrote; without a fence it may not see it.
__global__ void last_block_kernel(int *partial, unsigned *ticket, int *out, int with_fence) {
    partial[blockIdx.x] = 1;
    if (with_fence) {
        __threadfence();
    }
    if (atomicAdd(ticket, 1u) == gridDim.x - 1) {
        if (with_fence) {
            __threadfence();
        }
        int sum = 0;
        for (unsigned b = 0; b < gridDim.x; b++) {
            sum += partial[b];
        }
        *out = sum;
    }
}

bool missing_threadfence(bool fixed) {
    Buffer<int> partial(4), out(1);
    Buffer<unsigned> ticket(1);
    TRY(cudaMemset(ticket.data, 0, sizeof(unsigned)));
    LAUNCH(last_block_kernel, 4, 1, 0, nullptr, partial.data, ticket.data, out.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(out.data, 1, 4);
}

__global__ void divergent_kernel(int *x, int fixed) {
    SHARED(int, s, [32]);
    int i = threadIdx.x;
    s[i] = 1;
    if (fixed) {
        __syncthreads();
    } else if (i < 16) {
        __syncthreads();
    }
    x[i] = s[i];
}

bool divergent_barrier(bool fixed) {
    Buffer<int> x(32);
    LAUNCH(divergent_kernel, 1, 32, 0, nullptr, x.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 32, 1);
}

__global__ void early_return_kernel(int *x, int n, int fixed) {
    SHARED(int, s, [64]);
    int i = threadIdx.x;
    if (!fixed && i >= n) {
        return;
    }
    s[i] = 1;
    __syncthreads();
    if (i < n) {
        x[i] = s[n - 1 - i];
    }
}

bool return_before_barrier(bool fixed) {
    Buffer<int> x(50);
    LAUNCH(early_return_kernel, 1, 64, 0, nullptr, x.data, 50, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 50, 1);
}

// Halving a count that is no power of two drops an element.
__global__ void tree_sum_kernel(const int *x, int *out, int fixed) {
    SHARED(int, s, [64]);
    int i = threadIdx.x, count = blockDim.x;
    s[i] = x[i];
    int half = fixed ? 64 : count;
    while (half > 1) {
        half /= 2;
        __syncthreads();
        if (i < half && i + half < count) {
            s[i] += s[i + half];
        }
    }
    if (i == 0) {
        *out = s[0];
    }
}

bool reduction_of_odd_count(bool fixed) {
    Buffer<int> x(48), out(1);
    TRY(fill(x.data, 48, 1));
    LAUNCH(tree_sum_kernel, 1, 48, 0, nullptr, x.data, out.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(out.data, 1, 48);
}

__global__ void warp_sum_kernel(const int *x, int *out, int n, int fixed) {
    int i = threadIdx.x;
    if (!fixed && i >= n) {
        return;
    }
    int v = i < n ? x[i] : 0;
    for (int offset = 16; offset > 0; offset /= 2) {
        v += __shfl_down_sync(0xffffffffu, v, offset);
    }
    if (i == 0) {
        *out = v;
    }
}

bool shuffle_from_exited_lanes(bool fixed) {
    Buffer<int> x(20), out(1);
    TRY(fill(x.data, 20, 1));
    LAUNCH(warp_sum_kernel, 1, 32, 0, nullptr, x.data, out.data, 20, fixed);
    TRY(cudaGetLastError());
    return all_equal(out.data, 1, 20);
}

__global__ void masked_kernel(int *x, int fixed) {
    int i = threadIdx.x;
    int v = 0;
    if (i < 16) {
        v = __shfl_sync(fixed ? 0x0000ffffu : 0xffffffffu, i + 1, 0);
    }
    __syncthreads();
    x[i] = i < 16 ? v : 1;
}

bool shuffle_with_wrong_mask(bool fixed) {
    Buffer<int> x(32);
    LAUNCH(masked_kernel, 1, 32, 0, nullptr, x.data, fixed);
    TRY(cudaGetLastError());
    return all_equal(x.data, 32, 1);
}

} // namespace

const Bug thread_bugs[] = {
    {"missing_barrier", missing_barrier},
    {"missing_second_barrier", missing_second_barrier},
    {"missing_syncwarp", missing_syncwarp},
    {"race_within_block", race_within_block},
    {"race_between_blocks", race_between_blocks},
    {"block_depends_on_block", block_depends_on_block},
    {"missing_threadfence", missing_threadfence},
    {"divergent_barrier", divergent_barrier},
    {"return_before_barrier", return_before_barrier},
    {"reduction_of_odd_count", reduction_of_odd_count},
    {"shuffle_from_exited_lanes", shuffle_from_exited_lanes},
    {"shuffle_with_wrong_mask", shuffle_with_wrong_mask},
    {nullptr, nullptr},
};
