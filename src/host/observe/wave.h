/* Discrete Fourier transforms on the host, as plain sums with one table of cosines and sines. */
#ifndef GN_OBSERVE_WAVE_H
#define GN_OBSERVE_WAVE_H

#include <stddef.h>

typedef struct gn_wave {
    double cosine, sine;
} gn_wave;

/* exp(-2 pi i j / n), j = 0 ... n - 1; free() it. NULL: no memory. */
gn_wave *gn_wave_table(size_t n);

/* sum_j e_j exp(-2 pi i j k / n), k < n */
gn_wave gn_wave_transform(const double *e, const gn_wave *table, size_t n, size_t k);

#endif
