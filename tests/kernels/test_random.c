/* Philox and uniforms against the host's algorithm, bit for bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_test.h"

static void philox(uint64_t seed, uint32_t number_stream, uint64_t block, uint32_t words[4]) {
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), number_stream, 0};
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53u * c[0], product1 = (uint64_t)0xCD9E8D57u * c[2];
        const uint32_t made[4] = {(uint32_t)(product1 >> 32) ^ c[1] ^ key[0], (uint32_t)product1,
                                  (uint32_t)(product0 >> 32) ^ c[3] ^ key[1], (uint32_t)product0};
        memcpy(c, made, sizeof c);
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    memcpy(words, c, sizeof c);
}

static void words_case(uint64_t seed, uint64_t first, size_t blocks) {
    begin_case("philox seed=%llx first=%llx blocks=%zu", (unsigned long long)seed, (unsigned long long)first,
               blocks);
    const size_t count = 4 * blocks + test.lead;
    uint32_t *device = NULL, *words = calloc(count + 1, sizeof *words);
    CUDA(cudaMalloc((void **)&device, (count + 1) * sizeof *words));
    OK(gn_cuda_philox(test.stream, seed, 3, first, blocks, device + test.lead));
    CUDA(cudaStreamSynchronize(test.stream));
    CUDA(cudaMemcpy(words, device, count * sizeof *words, cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < blocks; i++) {
        uint32_t expected[4];
        philox(seed, 3, first + i, expected);
        CHECK(memcmp(words + test.lead + 4 * i, expected, sizeof expected) == 0);
    }
    end_case();
    CUDA(cudaFree(device));
    free(words);
}

static void uniform_case(uint64_t offset, size_t count, double low, double high) {
    begin_case("random_uniform offset=%llu count=%zu", (unsigned long long)offset, count);
    buffer *values = scalars(count, NAN);
    OK(gn_cuda_random_uniform(test.stream, 42, 1, offset, count, low, high, at(values)));
    for (size_t i = 0; i < count; i++) {
        uint32_t words[4];
        philox(42, 1, (offset + i) / 2, words);
        const uint32_t *pair = words + 2 * ((offset + i) % 2);
        const double unit = (double)(((uint64_t)pair[0] << 32 | pair[1]) >> 11) * 0x1p-53;
        const volatile double scaled = (high - low) * unit; /* rounded before the addition */
        const double value = low + scaled;
        values->host[i] = value < high ? value : nextafter(high, low);
    }
    end_case();
}

/* This file's own generator against the answer that Random123 publishes for counter and key 0. */
static void known_answers(void) {
    const uint32_t zeros[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    uint32_t words[4];
    begin_case("philox against Random123");
    philox(0, 0, 0, words);
    CHECK(memcmp(words, zeros, sizeof zeros) == 0);
    end_case();
}

void test_random(void) {
    known_answers();
    FOR_AWKWARD(n) {
        words_case(0x0123456789abcdefu, 0xfffffffeu, n);
        uniform_case(0, n, -1, 3);
        uniform_case(7, n, 1, 1.0000000000000004); /* where rounding reaches `high` */
    }
}
