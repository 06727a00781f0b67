/* Philox 4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and uniforms from
 * it.
 *
 * Counter-based: a number depends on (seed, stream, index) alone, so a thread makes block i of four words
 * without knowing of any other, and the bits are those of the host. 16 bytes are written for about 100
 * integer instructions: on an H100 memory and arithmetic take about the same time. */
#include "launch.cuh"

struct words4 {
    uint32_t at[4];
};

/* Key (seed low, seed high), counter (block low, block high, stream, 0). */
__device__ static words4 philox(uint64_t seed, uint32_t number_stream, uint64_t block) {
    uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = number_stream, c3 = 0;
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
        const uint32_t high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
        c0 = high1 ^ c1 ^ key0;
        c1 = low1;
        c2 = high0 ^ c3 ^ key1;
        c3 = low0;
        key0 += 0x9E3779B9u; /* Weyl: the golden ratio */
        key1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    return {{c0, c1, c2, c3}};
}

/* ---- philox: writes 16 bytes a block ---- */

template <int V>
__global__ void philox_kernel(uint64_t seed, uint32_t number_stream, uint64_t first, size_t blocks,
                              uint32_t *words) {
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < blocks; i += step) {
        const words4 made = philox(seed, number_stream, first + i);
        for (int k = 0; k < 4; k += V) {
            pack<uint32_t, V> out;
            for (int v = 0; v < V; v++)
                out.at[v] = made.at[k + v];
            store<V>(words + 4 * i + k, out);
        }
    }
}

gn_status gn_cuda_philox(cudaStream_t stream, uint64_t seed, uint32_t number_stream, uint64_t first,
                         size_t blocks, uint32_t *words) {
    const unsigned grid = line_grid(blocks, MOST_BLOCKS);
    if (blocks == 0)
        return GN_OK;
    if (aligned(words))
        LAUNCH(philox_kernel<4>, grid, THREADS, 0, stream, seed, number_stream, first, blocks, words);
    else
        LAUNCH(philox_kernel<1>, grid, THREADS, 0, stream, seed, number_stream, first, blocks, words);
    return launched();
}

/* ---- random_uniform: writes 8 bytes a number; a block of words makes two ---- */

/* In [low, high), from the 53 high bits of two words. Rounded after each operation, as the host does: a fused
 * multiply-add would differ in the last bit. */
__device__ static double uniform_of(uint32_t word0, uint32_t word1, double low, double high) {
    const double unit = (double)(((uint64_t)word0 << 32 | word1) >> 11) * 0x1p-53;
    const double value = __dadd_rn(low, __dmul_rn(high - low, unit));
    return value < high ? value : nextafter(high, low); /* rounding may reach `high` */
}

__global__ static void random_uniform_kernel(uint64_t seed, uint32_t number_stream, uint64_t offset,
                                             size_t count, double low, double high, double *values) {
    const uint64_t first = offset / 2, blocks = (offset + count + 1) / 2 - first;
    const size_t step = (size_t)gridDim.x * blockDim.x;
    for (size_t b = (size_t)blockIdx.x * blockDim.x + threadIdx.x; b < blocks; b += step) {
        const words4 made = philox(seed, number_stream, first + b);
        const uint64_t index = 2 * (first + b); /* of the first number of the block */
        if (index >= offset)
            values[index - offset] = uniform_of(made.at[0], made.at[1], low, high);
        if (index + 1 - offset < count)
            values[index + 1 - offset] = uniform_of(made.at[2], made.at[3], low, high);
    }
}

gn_status gn_cuda_random_uniform(cudaStream_t stream, uint64_t seed, uint32_t number_stream, uint64_t offset,
                                 size_t count, double low, double high, double *values) {
    if (count == 0)
        return GN_OK;
    LAUNCH(random_uniform_kernel, line_grid(count / 2 + 1, MOST_BLOCKS), THREADS, 0, stream, seed,
           number_stream, offset, count, low, high, values);
    return launched();
}
