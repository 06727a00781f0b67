/* jacobian_linear, gram_hadamard. */
#include "kernels_test.h"

static void jacobian_case(size_t n, size_t r, size_t out, size_t in, bool bias, size_t pad) {
    begin_case("jacobian_linear n=%zu r=%zu out=%zu in=%zu bias=%d pad=%zu", n, r, out, in, bias, pad);
    const size_t columns = out * in + (bias ? out : 0);
    buffer *d = uniform(n * r, out, 0, -1, 1), *a = uniform(n, in, 0, -1, 1),
           *j = output(n * r, columns, pad);
    OK(gn_cuda_jacobian_linear(test.stream, test.type, n, r, out, in, at(d), at(a), bias, at(j), j->ld));
    for (size_t m = 0; m < n * r; m++)
        for (size_t o = 0; o < out; o++) {
            for (size_t i = 0; i < in; i++)
                j->host[m * columns + o * in + i] = d->host[m * out + o] * a->host[m / r * in + i];
            if (bias)
                j->host[m * columns + out * in + o] = d->host[m * out + o];
        }
    j->tolerance = 1;
    end_case();
}

/* The extents of a tile; pads differ, as those of a tile within a larger K do. */
static void gram_case(size_t ni, size_t nj, size_t r, double shift, double beta, bool lower, size_t pad) {
    begin_case("gram_hadamard ni=%zu nj=%zu r=%zu beta=%g lower=%d pad=%zu", ni, nj, r, beta, lower, pad);
    const size_t rows = ni * r, columns = nj * r;
    buffer *s = uniform(rows, columns, pad, -1, 1), *g = uniform(ni, nj, 2 * pad, -1, 1);
    buffer *k = beta == 0 ? output(rows, columns, 3 * pad) : uniform(rows, columns, 3 * pad, -1, 1);
    OK(gn_cuda_gram_hadamard(test.stream, test.type, ni, nj, r, at(s), s->ld, at(g), g->ld, shift, beta,
                             lower, at(k), k->ld));
    for (size_t m = 0; m < rows; m++)
        for (size_t c = 0; c < columns; c++) {
            double *to = &k->host[m * columns + c];
            const double added = s->host[m * columns + c] * (g->host[m / r * nj + c / r] + shift);
            *to = lower && c > m ? ANYTHING : added + (beta == 0 ? 0 : beta * *to);
        }
    k->tolerance = 3;
    end_case();
}

void test_gram(void) {
    const size_t small[] = {0, 1, 3, 4, 31, 33};
    const int count = SLOW ? 4 : 6;
    for (int x = 0; x < count; x++)
        for (int y = 0; y < count; y++) {
            for (size_t r = 1; r <= 3; r++) {
                gram_case(small[x], small[y], r, 1, 0, false, 0);
                gram_case(small[x], small[y], r, 0, 1, false, (size_t)(x % 2) * 4);
                gram_case(small[x], small[x], r, 1, 0.5, true, (size_t)y);
            }
            jacobian_case(3, 1, small[x], small[y], true, 0);
            jacobian_case(5, 3, small[x], small[y], false, (size_t)x);
            jacobian_case(small[x], 2, 3, 8, true, (size_t)y);
        }
    jacobian_case(33, 2, 6, 10, true, 0);
    jacobian_case(1, 1, 40, 100, true, 0);
    gram_case(20, 20, 4, 1, 1, true, 0);
    gram_case(128, 128, 1, 1, 0, true, 0);
    if (large_cases()) { /* more than one pass of the grid */
        jacobian_case(11000, 3, 3, 11, false, 0);
        jacobian_case(2, 1, 300, 1001, true, 1);
        gram_case(11000, 11, 3, 1, 0, false, 0);
        gram_case(2, 150000, 2, 1, 1, false, 0);
    }
}
