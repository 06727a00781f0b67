/* Causal attention by plain loops in double: value, derivative, adjoint, and how the last one moves. One head
 * of one sample at a time; rows of qkv are 3D apart, key and value D and 2D behind the query. */
#ifndef GN_TESTS_PLAIN_ATTENTION_H
#define GN_TESTS_PLAIN_ATTENTION_H

#include <complex.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct plain_shape {
    size_t samples, positions, queries, heads, width;
} plain_shape;

static size_t plain_features(const plain_shape *a) {
    return a->heads * a->width;
}

static double plain_dot(size_t n, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* p: N x heads x queries x T, out: N x queries x D */
static void plain_attention(const plain_shape *a, const double *qkv, double *p, double *out) {
    const size_t d = plain_features(a), t = a->positions, h = a->width;
    memset(p, 0, a->samples * a->heads * a->queries * t * sizeof *p);
    memset(out, 0, a->samples * a->queries * d * sizeof *out);
    for (size_t n = 0; n < a->samples; n++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i = 0; i < a->queries; i++) {
                const size_t at = t - a->queries + i;
                const double *q = qkv + n * t * 3 * d + head * h;
                double *row = p + ((n * a->heads + head) * a->queries + i) * t, sum = 0;
                for (size_t s = 0; s <= at; s++)
                    sum += row[s] = exp(plain_dot(h, q + at * 3 * d, q + s * 3 * d + d) / sqrt((double)h));
                for (size_t s = 0; s <= at; s++) {
                    row[s] /= sum;
                    for (size_t k = 0; k < h; k++)
                        out[(n * a->queries + i) * d + head * h + k] += row[s] * q[s * 3 * d + 2 * d + k];
                }
            }
}

/* The derivative of one probability row: ds becomes p .* (ds - p'ds). */
static void plain_softmax_slope(size_t count, const double *p, double *ds) {
    const double mean = plain_dot(count, p, ds);
    for (size_t s = 0; s < count; s++)
        ds[s] = p[s] * (ds[s] - mean);
}

enum { PLAIN_MOST = 256 }; /* positions */

static void plain_attention_jvp(const plain_shape *a, const double *qkv, const double *p, const double *dqkv,
                                double *dout) {
    const size_t d = plain_features(a), t = a->positions, h = a->width;
    memset(dout, 0, a->samples * a->queries * d * sizeof *dout);
    for (size_t n = 0; n < a->samples; n++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i = 0; i < a->queries; i++) {
                const size_t at = t - a->queries + i, offset = n * t * 3 * d + head * h;
                const double *q = qkv + offset, *dq = dqkv + offset;
                const double *row = p + ((n * a->heads + head) * a->queries + i) * t;
                double ds[PLAIN_MOST];
                for (size_t s = 0; s <= at; s++)
                    ds[s] = (plain_dot(h, dq + at * 3 * d, q + s * 3 * d + d) +
                             plain_dot(h, q + at * 3 * d, dq + s * 3 * d + d)) /
                            sqrt((double)h);
                plain_softmax_slope(at + 1, row, ds);
                for (size_t s = 0; s <= at; s++)
                    for (size_t k = 0; k < h; k++)
                        dout[(n * a->queries + i) * d + head * h + k] +=
                            ds[s] * q[s * 3 * d + 2 * d + k] + row[s] * dq[s * 3 * d + 2 * d + k];
            }
}

/* d: N x R x queries x D, to: N x R x T x 3D */
static void plain_attention_vjp(const plain_shape *a, size_t r, const double *qkv, const double *p,
                                const double *d, double *to) {
    const size_t w = plain_features(a), t = a->positions, h = a->width;
    memset(to, 0, a->samples * r * t * 3 * w * sizeof *to);
    for (size_t m = 0; m < a->samples * r; m++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i = 0; i < a->queries; i++) {
                const size_t at = t - a->queries + i;
                const double *q = qkv + m / r * t * 3 * w + head * h;
                const double *row = p + ((m / r * a->heads + head) * a->queries + i) * t;
                const double *from = d + (m * a->queries + i) * w + head * h;
                double ds[PLAIN_MOST], *pulled = to + m * t * 3 * w + head * h;
                for (size_t s = 0; s <= at; s++)
                    ds[s] = plain_dot(h, from, q + s * 3 * w + 2 * w);
                plain_softmax_slope(at + 1, row, ds);
                for (size_t s = 0; s <= at; s++)
                    for (size_t k = 0; k < h; k++) {
                        const double slope = ds[s] / sqrt((double)h);
                        pulled[at * 3 * w + k] += slope * q[s * 3 * w + w + k];
                        pulled[s * 3 * w + w + k] += slope * q[at * 3 * w + k];
                        pulled[s * 3 * w + 2 * w + k] += row[s] * from[k];
                    }
            }
}

/* One query of a head, in complex numbers: the adjoint at qkv (rows `row` apart, key and value w and 2w
 * behind) on d, added to `to`. Its probabilities are made here. */
static inline void plain_complex_pull(size_t count, size_t h, size_t w, const double complex *qkv,
                                      const double complex *d, double complex *to) {
    const size_t row = 3 * w;
    double complex p[PLAIN_MOST], ds[PLAIN_MOST], sum = 0, mean = 0;
    const double complex *q = qkv + (count - 1) * row;
    for (size_t s = 0; s < count; s++) {
        double complex score = 0;
        ds[s] = 0;
        for (size_t k = 0; k < h; k++) {
            score += q[k] * qkv[s * row + w + k] / sqrt((double)h);
            ds[s] += d[k] * qkv[s * row + 2 * w + k];
        }
        sum += p[s] = cexp(score);
    }
    for (size_t s = 0; s < count; s++)
        mean += (p[s] /= sum) * ds[s];
    for (size_t s = 0; s < count; s++) {
        const double complex slope = p[s] * (ds[s] - mean) / sqrt((double)h);
        for (size_t k = 0; k < h; k++) {
            to[(count - 1) * row + k] += slope * qkv[s * row + w + k];
            to[s * row + w + k] += slope * q[k];
            to[s * row + 2 * w + k] += p[s] * d[k];
        }
    }
}

/* values + i step tangents, for the caller to free */
static inline double complex *plain_moved(size_t count, double step, const double *values,
                                          const double *tangents) {
    double complex *moved = malloc((count + 1) * sizeof *moved);
    for (size_t i = 0; i < count; i++)
        moved[i] = values[i] + step * tangents[i] * I;
    return moved;
}

/* The derivative of the adjoint (R = 1) along dqkv and d_dot, by a complex step. */
static inline void plain_attention_vjp_jvp(const plain_shape *a, const double *qkv, const double *dqkv,
                                           const double *d, const double *d_dot, double *to) {
    const size_t w = plain_features(a), t = a->positions, h = a->width, size = a->samples * t * 3 * w;
    const double step = 1e-100;
    double complex *at = plain_moved(size, step, qkv, dqkv);
    double complex *from = plain_moved(a->samples * a->queries * w, step, d, d_dot);
    double complex *pulled = calloc(size + 1, sizeof *pulled);
    for (size_t n = 0; n < a->samples; n++)
        for (size_t head = 0; head < a->heads; head++)
            for (size_t i = 0; i < a->queries; i++)
                plain_complex_pull(t - a->queries + i + 1, h, w, at + n * t * 3 * w + head * h,
                                   from + (n * a->queries + i) * w + head * h,
                                   pulled + n * t * 3 * w + head * h);
    for (size_t i = 0; i < size; i++)
        to[i] = cimag(pulled[i]) / step;
    free(at), free(from), free(pulled);
}

#endif
