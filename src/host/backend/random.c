/* Philox 4x32-10 and what is drawn from it. J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011. */
#include "gnewt/random.h"

#include <math.h>

/* ---- the generator ---- */

static void philox_round(uint32_t counter[4], const uint32_t key[2]) {
    const uint64_t product0 = (uint64_t)0xD2511F53u * counter[0];
    const uint64_t product1 = (uint64_t)0xCD9E8D57u * counter[2];
    const uint32_t low1 = (uint32_t)product1, low0 = (uint32_t)product0;
    counter[0] = (uint32_t)(product1 >> 32) ^ counter[1] ^ key[0];
    counter[1] = low1;
    counter[2] = (uint32_t)(product0 >> 32) ^ counter[3] ^ key[1];
    counter[3] = low0;
}

void gn_philox(uint64_t seed, uint32_t stream, uint64_t block, uint32_t words[4]) {
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    words[0] = (uint32_t)block;
    words[1] = (uint32_t)(block >> 32);
    words[2] = stream;
    words[3] = 0;
    for (int round = 0; round < 10; round++) {
        philox_round(words, key);
        key[0] += 0x9E3779B9u; /* Weyl: the golden ratio */
        key[1] += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
}

/* The 64 bits of words 2 index and 2 index + 1, the first being the high ones. A block holds two. */
static uint64_t bits_at(uint64_t seed, uint32_t stream, uint64_t index) {
    uint32_t words[4];
    gn_philox(seed, stream, index / 2, words);
    const uint32_t *pair = words + 2 * (index % 2);
    return (uint64_t)pair[0] << 32 | pair[1];
}

/* In [0, 1), a multiple of 2^-53. */
static double unit_of_words(const uint32_t words[2]) {
    return (double)(((uint64_t)words[0] << 32 | words[1]) >> 11) * 0x1p-53;
}

/* ---- distributions ---- */

void gn_random_uniform(uint64_t seed, gn_stream stream, uint64_t offset, size_t count, double low,
                       double high, double *values) {
    uint32_t words[4];
    for (size_t i = 0; i < count; i++) {
        const uint64_t index = offset + i;
        if (i == 0 || index % 2 == 0)
            gn_philox(seed, (uint32_t)stream, index / 2, words);
        const double value = low + (high - low) * unit_of_words(words + 2 * (index % 2));
        values[i] = value < high ? value : nextafter(high, low); /* rounding may reach `high` */
    }
}

/* The two independent normals of a block. G. Box and M. Muller, Ann. Math. Stat. 29 (1958). */
static void normal_pair(uint64_t seed, uint32_t stream, uint64_t block, double pair[2]) {
    uint32_t words[4];
    gn_philox(seed, stream, block, words);
    const double radius = sqrt(-2 * log1p(-unit_of_words(words))); /* 1 - u is in (0, 1] */
    const double angle = 6.283185307179586476925286766559 * unit_of_words(words + 2);
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
}

void gn_random_normal(uint64_t seed, gn_stream stream, uint64_t offset, size_t count, double mean,
                      double deviation, double *values) {
    double pair[2];
    for (size_t i = 0; i < count; i++) {
        const uint64_t index = offset + i;
        if (i == 0 || index % 2 == 0)
            normal_pair(seed, (uint32_t)stream, index / 2, pair);
        values[i] = mean + deviation * pair[index % 2];
    }
}

/* The high half of a 64 x 64 bit product maps 64 random bits to 0..bound-1; for bounds below 2^32 no value is
 * favoured by more than 2^-32 of its probability. */
static uint32_t bounded(uint64_t bits, uint64_t bound) {
    const uint64_t high = (bits >> 32) * bound, low = (bits & 0xFFFFFFFFu) * bound;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

void gn_random_permutation(uint64_t seed, gn_stream stream, uint64_t epoch, size_t count, uint32_t *order) {
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count; i-- > 1;) {
        /* 2^32 numbers an epoch, so that epochs never share one */
        const uint32_t j = bounded(bits_at(seed, (uint32_t)stream, (epoch << 32) + i), (uint64_t)i + 1);
        const uint32_t held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}
