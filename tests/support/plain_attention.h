/* Causal attention by plain loops in double: value, derivative, adjoint. One head of one sample at a time;
 * rows of qkv are 3D apart, key and value D and 2D behind the query. */
#ifndef GN_TESTS_PLAIN_ATTENTION_H
#define GN_TESTS_PLAIN_ATTENTION_H

#include <math.h>
#include <stddef.h>
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

#endif
