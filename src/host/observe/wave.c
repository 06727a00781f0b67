/* Discrete Fourier transforms on the host. */
#include "observe/wave.h"

#include <math.h>
#include <stdlib.h>

gn_wave *gn_wave_table(size_t n) {
    const double turn = 6.283185307179586476925286766559;
    gn_wave *table = calloc(n, sizeof(*table));
    for (size_t j = 0; table && j < n; j++) {
        const double angle = turn * (double)j / (double)n;
        table[j] = (gn_wave){cos(angle), -sin(angle)};
    }
    return table;
}

gn_wave gn_wave_transform(const double *e, const gn_wave *table, size_t n, size_t k) {
    gn_wave sum = {0, 0};
    for (size_t j = 0, turn = 0; j < n; j++, turn = (turn + k) % n) {
        sum.cosine += e[j] * table[turn].cosine;
        sum.sine += e[j] * table[turn].sine;
    }
    return sum;
}
