/* The floors' elementwise loops. gcc makes them for AVX-512, AVX2 and plain x86-64 and takes glibc's vector
 * tanh (this file is compiled with -O3 -ffast-math). */
#include "floors.h"

#include <math.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR
#endif

VECTOR void floor_tanh(size_t n, const double *restrict z, double *restrict a, double *restrict slope) {
    for (size_t i = 0; i < n; i++) {
        const double t = tanh(z[i]);
        a[i] = t;
        slope[i] = 1 - t * t;
    }
}

VECTOR void floor_relu(size_t n, const double *restrict z, double *restrict a, double *restrict slope) {
    for (size_t i = 0; i < n; i++) {
        a[i] = z[i] > 0 ? z[i] : 0;
        slope[i] = z[i] > 0;
    }
}

VECTOR void floor_outer(size_t rows, size_t columns, const double *restrict w, const double *restrict b,
                        const double *restrict x, double *restrict z) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            z[i * columns + j] = w[i] * x[j] + b[i];
}

VECTOR void floor_columns(size_t rows, size_t columns, const double *restrict b, double *restrict z) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            z[i * columns + j] = b[i];
}

VECTOR void floor_scale_columns(size_t rows, size_t columns, const double *restrict w,
                                const double *restrict s, double *restrict d) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            d[i * columns + j] = w[i] * s[i * columns + j];
}

VECTOR void floor_rows(size_t rows, size_t columns, const double *restrict b, double *restrict z) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            z[i * columns + j] = b[j];
}

VECTOR void floor_scale_rows(size_t rows, size_t columns, const double *restrict w, const double *restrict s,
                             double *restrict d) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            d[i * columns + j] = w[j] * s[i * columns + j];
}

VECTOR void floor_multiply(size_t n, const double *restrict s, double *restrict d) {
    for (size_t i = 0; i < n; i++)
        d[i] *= s[i];
}

VECTOR void floor_multiply_repeat(size_t rows, size_t repeat, size_t columns, const double *restrict s,
                                  double *restrict d) {
    for (size_t i = 0; i < rows; i++)
        for (size_t r = 0; r < repeat; r++)
            for (size_t j = 0; j < columns; j++)
                d[(i * repeat + r) * columns + j] *= s[i * columns + j];
}

VECTOR void floor_combine(size_t rows, size_t columns, size_t ld, const double *restrict t,
                          const double *restrict s2, const double *restrict g1, const double *restrict s1,
                          const double *restrict x, double mu, double *restrict k) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = i; j < columns; j++) {
            const size_t e = i * ld + j;
            k[e] = t[e] + 1 + s2[e] * (g1[e] + 1) + s1[e] * (x[i] * x[j] + 1);
        }
        k[i * ld + i] += mu;
    }
}

VECTOR void floor_combine_block(size_t ni, size_t nj, size_t c, const double *restrict s2,
                                const double *restrict s1, size_t lds, const double *restrict g2,
                                const double *restrict g1, const double *restrict g0, size_t ldg,
                                double *restrict k, size_t ldk) {
    double upper[1024],
        lower[1024]; /* g1 + 1 and g0 + 1, each repeated c times: a plain row for the loop below */
    for (size_t i = 0; i < ni; i++) {
        for (size_t j = 0; j < nj; j++)
            for (size_t b = 0; b < c; b++) {
                upper[j * c + b] = g1[i * ldg + j] + 1;
                lower[j * c + b] = g0 ? g0[i * ldg + j] + 1 : 0;
            }
        for (size_t a = 0; a < c; a++) {
            const size_t row = i * c + a;
            if (s1)
                for (size_t m = 0; m < nj * c; m++)
                    k[row * ldk + m] = s2[row * lds + m] * upper[m] + s1[row * lds + m] * lower[m];
            else
                for (size_t m = 0; m < nj * c; m++)
                    k[row * ldk + m] = s2[row * lds + m] * upper[m];
            for (size_t j = 0; j < nj; j++)
                k[row * ldk + j * c + a] += g2[i * ldg + j] + 1;
        }
    }
}

/* t = tanh z, t1 = 1 - t^2, t2 = -2 t t1, t3 = t1 (6 t^2 - 2): u = sum v t, its Laplacian sum v q t2, q =
 * |w|^2 */
VECTOR double floor_laplacian(size_t h, const double *restrict w1, const double *restrict w2,
                              const double *restrict b, const double *restrict v, double x, double y,
                              double *restrict j) {
    double sum = 0;
    for (size_t i = 0; i < h; i++) {
        const double t = tanh(w1[i] * x + w2[i] * y + b[i]), t1 = 1 - t * t, t2 = -2 * t * t1;
        const double q = w1[i] * w1[i] + w2[i] * w2[i], qt3 = v[i] * q * t1 * (6 * t * t - 2);
        const double twice = 2 * v[i] * t2;
        j[i] = q * t2;
        j[h + i] = qt3;
        j[2 * h + i] = twice * w1[i] + qt3 * x;
        j[3 * h + i] = twice * w2[i] + qt3 * y;
        sum += v[i] * q * t2;
    }
    return sum;
}

VECTOR double floor_value(size_t h, const double *restrict w1, const double *restrict w2,
                          const double *restrict b, const double *restrict v, double x, double y,
                          double *restrict j) {
    double sum = 0;
    for (size_t i = 0; i < h; i++) {
        const double t = tanh(w1[i] * x + w2[i] * y + b[i]), slope = v[i] * (1 - t * t);
        j[i] = t;
        j[h + i] = slope;
        j[2 * h + i] = slope * x;
        j[3 * h + i] = slope * y;
        sum += v[i] * t;
    }
    return sum;
}

VECTOR void floor_transpose(size_t rows, size_t columns, const double *restrict from, double *restrict to,
                            size_t ld) {
    enum { BLOCK = 16 };
    for (size_t i = 0; i < rows; i += BLOCK)
        for (size_t j = 0; j < columns; j += BLOCK) {
            const size_t i1 = i + BLOCK < rows ? i + BLOCK : rows,
                         j1 = j + BLOCK < columns ? j + BLOCK : columns;
            for (size_t b = j; b < j1; b++)
                for (size_t a = i; a < i1; a++)
                    to[b * ld + a] = from[a * ld + b];
        }
}
