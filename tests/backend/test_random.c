/* Random numbers: known answers, independence of how they are asked for, moments. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gnewt/random.h"

/* From the authors' known answers (Random123, kat_vectors). The counter's last word is always 0 here, so of
 * the three vectors only the first can be asked for through gn_philox(). */
Test(random, philox_gives_the_known_answer) {
    uint32_t words[4];
    const uint32_t expected[4] = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
    gn_philox(0, 0, 0, words);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(words[i], expected[i]);
}

/* The whole cipher, written down a second time for the other two known answers. */
static void reference_philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                                  (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        memcpy(c, next, sizeof(next));
    }
}

Test(random, philox_agrees_with_a_reference_that_gives_the_known_answers) {
    uint32_t ones[4] = {~0u, ~0u, ~0u, ~0u}, pi[4] = {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u};
    const uint32_t ones_known[4] = {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu};
    const uint32_t pi_known[4] = {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u};
    reference_philox(ones, ~0u, ~0u);
    reference_philox(pi, 0xa4093822u, 0x299f31d0u);
    cr_assert_eq(memcmp(ones, ones_known, sizeof(ones)), 0);
    cr_assert_eq(memcmp(pi, pi_known, sizeof(pi)), 0);
    const uint64_t seed = 0x299f31d0a4093822ull, block = 0x85a308d3243f6a88ull;
    uint32_t words[4], counter[4] = {0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0};
    gn_philox(seed, 0x13198a2eu, block, words);
    reference_philox(counter, 0xa4093822u, 0x299f31d0u);
    cr_expect_eq(memcmp(words, counter, sizeof(words)), 0);
}

Test(random, uniform_is_53_bits_of_two_words) {
    double values[5];
    uint32_t words[4];
    gn_random_uniform(42, GN_STREAM_INIT, 6, 5, 0, 1, values);
    for (int i = 0; i < 5; i++) {
        gn_philox(42, GN_STREAM_INIT, (6 + (uint64_t)i) / 2, words);
        const uint32_t *pair = words + 2 * (i % 2);
        const uint64_t bits = ((uint64_t)pair[0] << 32 | pair[1]) >> 11;
        cr_expect_eq(values[i], ldexp((double)bits, -53));
    }
}

enum { MANY = 100000 };

Test(random, does_not_depend_on_how_it_is_cut) {
    double *whole = malloc(101 * sizeof(double)), part[101];
    for (int kind = 0; kind < 2; kind++)
        for (size_t cut = 0; cut <= 100; cut += 7) {
            if (kind == 0) {
                gn_random_uniform(1, GN_STREAM_DATA, 10, 101, -2, 3, whole);
                gn_random_uniform(1, GN_STREAM_DATA, 10 + cut, 101 - cut, -2, 3, part);
            } else {
                gn_random_normal(1, GN_STREAM_DATA, 10, 101, -2, 3, whole);
                gn_random_normal(1, GN_STREAM_DATA, 10 + cut, 101 - cut, -2, 3, part);
            }
            cr_expect_eq(memcmp(whole + cut, part, (101 - cut) * sizeof(double)), 0, "kind %d, cut %zu", kind,
                         cut);
        }
    free(whole);
}

static void moments(const double *x, double out[4]) {
    memset(out, 0, 4 * sizeof(double));
    for (size_t i = 0; i < MANY; i++)
        for (int power = 1; power <= 4; power++)
            out[power - 1] += pow(x[i], power) / MANY;
}

Test(random, uniform_has_its_range_and_moments) {
    double *x = malloc(MANY * sizeof(double)), m[4];
    gn_random_uniform(5, GN_STREAM_DATA, 0, MANY, -1, 1, x);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(x[i] >= -1 && x[i] < 1);
    moments(x, m);
    cr_expect_float_eq(m[0], 0, 0.01);
    cr_expect_float_eq(m[1], 1.0 / 3, 0.01);
    free(x);
}

/* An interval of two neighbouring numbers: rounding must not give the upper one. */
Test(random, uniform_never_reaches_high) {
    double x[1000];
    gn_random_uniform(5, GN_STREAM_DATA, 0, 1000, 1, nextafter(1, 2), x);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(x[i], 1);
}

Test(random, normal_has_its_moments) {
    double *x = malloc(MANY * sizeof(double)), m[4];
    gn_random_normal(5, GN_STREAM_DATA, 0, MANY, 0, 1, x);
    moments(x, m);
    cr_expect_float_eq(m[0], 0, 0.02);
    cr_expect_float_eq(m[1], 1, 0.02);
    cr_expect_float_eq(m[2], 0, 0.05);
    cr_expect_float_eq(m[3], 3, 0.1);
    free(x);
}

Test(random, streams_and_seeds_differ) {
    double a, b, c, d;
    gn_random_uniform(1, GN_STREAM_DATA, 0, 1, 0, 1, &a);
    gn_random_uniform(1, GN_STREAM_INIT, 0, 1, 0, 1, &b);
    gn_random_uniform(2, GN_STREAM_DATA, 0, 1, 0, 1, &c);
    gn_random_uniform((uint64_t)1 << 32 | 1, GN_STREAM_DATA, 0, 1, 0, 1, &d);
    cr_expect(a != b && a != c && a != d && b != c && c != d);
}

Test(random, permutation_holds_every_index_once) {
    static const size_t counts[] = {0, 1, 2, 3, 1000};
    for (int c = 0; c < 5; c++) {
        uint32_t order[1000];
        bool seen[1000] = {false};
        gn_random_permutation(9, GN_STREAM_BATCH, 3, counts[c], order);
        for (size_t i = 0; i < counts[c]; i++) {
            cr_assert_lt(order[i], counts[c]);
            cr_assert(!seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}

/* Each of the 24 orders of 4, over epochs, about equally often. */
Test(random, permutation_favours_no_order) {
    enum { EPOCHS = 24000 };
    int counts[256] = {0};
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        uint32_t order[4];
        gn_random_permutation(9, GN_STREAM_BATCH, epoch, 4, order);
        counts[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    int orders = 0;
    for (int i = 0; i < 256; i++)
        if (counts[i]) {
            orders++;
            cr_expect(abs(counts[i] - EPOCHS / 24) < 160, "order %d came %d times", i,
                      counts[i]); /* 5 sigma */
        }
    cr_expect_eq(orders, 24);
}
