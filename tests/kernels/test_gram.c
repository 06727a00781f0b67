/* jacobian_linear, gram_hadamard, pair_products. */
#include "kernels_test.h"

static void jacobian_case(size_t n, size_t r, size_t t, size_t out, size_t in, bool bias, size_t pad) {
    begin_case("jacobian_linear n=%zu r=%zu t=%zu out=%zu in=%zu bias=%d pad=%zu", n, r, t, out, in, bias,
               pad);
    const size_t columns = out * in + (bias ? out : 0);
    buffer *d = uniform(n * r * t, out, pad, -1, 1), *a = uniform(n * t, in, 0, -1, 1),
           *j = output(n * r, columns, pad);
    OK(gn_cuda_jacobian_linear(test.stream, test.type, n, r, t, out, in, at(d), d->ld, at(a), bias, at(j),
                               j->ld));
    for (size_t k = 0; k < n * r * columns; k++)
        j->host[k] = 0;
    for (size_t m = 0; m < n * r; m++)
        for (size_t p = 0; p < t; p++)
            for (size_t o = 0; o < out; o++) {
                const double factor = d->host[(m * t + p) * out + o];
                for (size_t i = 0; i < in; i++)
                    j->host[m * columns + o * in + i] += factor * a->host[(m / r * t + p) * in + i];
                if (bias)
                    j->host[m * columns + out * in + o] += factor;
            }
    j->tolerance = t == 1 ? 1 : 2 + (double)t;
    end_case();
}

/* Element of a symmetric matrix whose lower triangle is read. */
static double of_lower(const buffer *x, size_t i, size_t j) {
    return x->host[i >= j ? i * x->columns + j : j * x->columns + i];
}

/* The extents of a tile; pads differ, as those of a tile within a larger K do. */
static void gram_case(size_t ni, size_t nj, size_t r, size_t t, double shift, double beta, bool lower,
                      size_t pad) {
    begin_case("gram_hadamard ni=%zu nj=%zu r=%zu t=%zu beta=%g lower=%d pad=%zu", ni, nj, r, t, beta, lower,
               pad);
    const size_t rows = ni * r, columns = nj * r;
    buffer *s = uniform(rows * t, columns * t, pad, -1, 1), *g = uniform(ni * t, nj * t, 2 * pad, -1, 1);
    buffer *k = beta == 0 ? output(rows, columns, 3 * pad) : uniform(rows, columns, 3 * pad, -1, 1);
    OK(gn_cuda_gram_hadamard(test.stream, test.type, ni, nj, r, t, at(s), s->ld, at(g), g->ld, shift, beta,
                             lower, at(k), k->ld));
    for (size_t m = 0; m < rows; m++)
        for (size_t c = 0; c < columns; c++) {
            double *to = &k->host[m * columns + c], added = 0;
            for (size_t pq = 0; pq < t * t; pq++) {
                const size_t si = m * t + pq / t, sj = c * t + pq % t;
                const size_t gi = m / r * t + pq / t, gj = c / r * t + pq % t;
                added += lower ? of_lower(s, si, sj) * (of_lower(g, gi, gj) + shift)
                               : s->host[si * s->columns + sj] * (g->host[gi * g->columns + gj] + shift);
            }
            *to = lower && c > m ? ANYTHING : added + (beta == 0 ? 0 : beta * *to);
        }
    k->tolerance = 2 + (double)(t * t);
    end_case();
}

static void pairs_case(size_t n, size_t r, size_t t, size_t w, double twice) {
    begin_case("pair_products n=%zu r=%zu t=%zu w=%zu", n, r, t, w);
    const size_t pairs = t * (t + 1) / 2;
    buffer *d = uniform(n * r * t, w, 0, -1, 1), *out = output(n * pairs, w, 0);
    OK(gn_cuda_pair_products(test.stream, test.type, n, r, t, w, twice, at(d), at(out)));
    double *to = out->host;
    for (size_t l = 0; l < n; l++)
        for (size_t p = 0; p < t; p++)
            for (size_t q = 0; q <= p; q++)
                for (size_t i = 0; i < w; i++, to++) {
                    *to = 0;
                    for (size_t c = 0; c < r; c++) {
                        const double *from = d->host + (l * r + c) * t * w + i;
                        *to += (p == q ? 1 : twice) * from[p * w] * from[q * w];
                    }
                }
    out->tolerance = 2 + (test.type == F64 ? (double)r : 0);
    end_case();
}

static void position_cases(void) {
    for (size_t t = 2; t <= 5; t += SLOW ? 3 : 1) {
        gram_case(5, 5, 2, t, 1, 0, true, 1);
        gram_case(3, 7, 3, t, 0, 1, false, 0);
        gram_case(9, 2, 1, t, 1, 0.5, false, 2);
        jacobian_case(3, 2, t, 5, 7, true, 0);
        jacobian_case(4, 1, t, 3, 1, false, 3);
        pairs_case(3, 2, t, 33, 2);
        pairs_case(9, 1, t, 3, 1);
    }
    pairs_case(5, 3, 1, 7, 2);
    pairs_case(0, 3, 2, 7, 2);
}

void test_gram(void) {
    const size_t small[] = {0, 1, 3, 4, 31, 33};
    const int count = SLOW ? 4 : 6;
    for (int x = 0; x < count; x++)
        for (int y = 0; y < count; y++) {
            for (size_t r = 1; r <= 3; r++) {
                gram_case(small[x], small[y], r, 1, 1, 0, false, 0);
                gram_case(small[x], small[y], r, 1, 0, 1, false, (size_t)(x % 2) * 4);
                gram_case(small[x], small[x], r, 1, 1, 0.5, true, (size_t)y);
            }
            jacobian_case(3, 1, 1, small[x], small[y], true, 0);
            jacobian_case(5, 3, 1, small[x], small[y], false, (size_t)x);
            jacobian_case(small[x], 2, 1, 3, 8, true, (size_t)y);
        }
    jacobian_case(33, 2, 1, 6, 10, true, 0);
    jacobian_case(1, 1, 1, 40, 100, true, 0);
    gram_case(20, 20, 4, 1, 1, 1, true, 0);
    gram_case(128, 128, 1, 1, 1, 0, true, 0);
    position_cases();
    if (large_cases()) { /* more than one pass of the grid */
        jacobian_case(11000, 3, 1, 3, 11, false, 0);
        jacobian_case(2, 1, 1, 300, 1001, true, 1);
        gram_case(11000, 11, 3, 1, 1, 0, false, 0);
        gram_case(2, 150000, 2, 1, 1, 1, false, 0);
    }
}
