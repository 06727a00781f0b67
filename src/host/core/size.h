/* Sizes that must not wrap around. */
#ifndef GN_CORE_SIZE_H
#define GN_CORE_SIZE_H

#include <stdbool.h>
#include <stddef.h>

/* *out = a * b or a + b; false, *out unchanged, where that does not fit a size_t. */
static inline bool gn_size_multiply(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

static inline bool gn_size_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

/* "1.6 GiB" into text; returns text. */
const char *gn_size_text(double bytes, char text[32]);

#endif
