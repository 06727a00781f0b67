/* cross_entropy_loss, softmax_hessian, softmax_root, softmax_root_multiply, softmax_root_solve. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernels_test.h"

static double epsilon(void) {
    return test.type == F32 ? FLT_EPSILON : DBL_EPSILON;
}

static double kept(double p) {
    return fmax(p, epsilon() * epsilon());
}

/* n rows of c one-hot targets: class i mod c in row i. */
static buffer *classes(size_t n, size_t c) {
    double *y = calloc(n * c + 1, sizeof(double));
    for (size_t i = 0; i < n && c > 0; i++)
        y[i * c + i % c] = 1;
    buffer *made = given(n * c, y);
    free(y);
    return made;
}

/* n rows of c probabilities; the first of every second row is 0. */
static buffer *probabilities(size_t n, size_t c) {
    double *p = malloc((n * c + 1) * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < c; j++) {
            p[i * c + j] = c > 1 && j == 0 && i % 2 == 0 ? 0 : 1 + (double)((i * 31 + j * 17) % 23);
            sum += p[i * c + j];
        }
        for (size_t j = 0; j < c; j++)
            p[i * c + j] /= sum;
    }
    buffer *made = given(n * c, p);
    free(p);
    return made;
}

static void loss_case(size_t n, size_t c, bool alias, double spread) {
    begin_case("cross_entropy_loss %zu x %zu alias=%d spread=%g", n, c, alias, spread);
    buffer *f = uniform(1, n * c, 0, -spread, spread), *y = classes(n, c), *p = output(1, n * c, 0),
           *g = alias ? f : output(1, n * c, 0), *slot = scalars(1, NAN);
    OK(gn_cuda_cross_entropy_loss(test.stream, test.type, n, c, at(f), at(y), at(p), at(g), at(slot),
                                  test.scratch));
    slot->host[0] = 0;
    for (size_t i = 0; i < n; i++) {
        double most = -HUGE_VAL, sum = 0;
        for (size_t j = i * c; j < (i + 1) * c; j++)
            most = fmax(most, f->host[j]);
        for (size_t j = i * c; j < (i + 1) * c; j++)
            sum += exp(f->host[j] - most);
        for (size_t j = i * c; j < (i + 1) * c; j++) {
            p->host[j] = exp(f->host[j] - most) / sum;
            slot->host[0] -= y->host[j] * (f->host[j] - most - log(sum));
            g->host[j] = p->host[j] - y->host[j];
        }
    }
    p->tolerance = g->tolerance = 8;
    slot->tolerance = test.type == F32 ? 1e8 : 1e3;
    end_case();
}

static void hessian_case(size_t n, size_t c, bool alias) {
    begin_case("softmax_hessian %zu x %zu alias=%d", n, c, alias);
    buffer *p = probabilities(n, c), *u = uniform(1, n * c, 0, -1, 1), *out = alias ? u : output(1, n * c, 0);
    OK(gn_cuda_softmax_hessian(test.stream, test.type, n, c, -0.7, at(p), at(u), at(out)));
    for (size_t i = 0; i < n; i++) {
        double mean = 0;
        for (size_t j = i * c; j < (i + 1) * c; j++)
            mean += p->host[j] * u->host[j];
        for (size_t j = i * c; j < (i + 1) * c; j++)
            out->host[j] = -0.7 * (p->host[j] * u->host[j] - p->host[j] * mean);
    }
    out->tolerance = 8;
    end_case();
}

static void root_case(size_t n, size_t t, size_t c) {
    const size_t columns = t * c;
    begin_case("softmax_root %zu x %zu x %zu", n, t, c);
    buffer *p = probabilities(n * t, c), *d = output(1, n * columns * columns, 0);
    OK(gn_cuda_softmax_root(test.stream, test.type, n, t, c, at(p), at(d)));
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < columns; r++)
            for (size_t j = 0; j < columns; j++)
                d->host[(i * columns + r) * columns + j] =
                    r / c == j / c
                        ? sqrt(kept(p->host[i * columns + r])) * ((r == j) - kept(p->host[i * columns + j]))
                        : 0;
    d->tolerance = 4;
    end_case();
}

static void multiply_case(size_t n, size_t c, bool transpose, bool alias) {
    begin_case("softmax_root_multiply %zu x %zu transpose=%d alias=%d", n, c, transpose, alias);
    buffer *p = probabilities(n, c), *u = uniform(1, n * c, 0, -1, 1), *out = alias ? u : output(1, n * c, 0);
    OK(gn_cuda_softmax_root_multiply(test.stream, test.type, transpose, n, c, at(p), at(u), at(out)));
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = i * c; j < (i + 1) * c; j++)
            sum += (transpose ? kept(p->host[j]) : sqrt(kept(p->host[j]))) * u->host[j];
        for (size_t j = i * c; j < (i + 1) * c; j++) {
            const double q = kept(p->host[j]), root = sqrt(q);
            out->host[j] = root * u->host[j] - (transpose ? root : q) * sum;
        }
    }
    out->tolerance = 8;
    end_case();
}

/* The quotients are of one size here: a buffer's tolerance is of its largest value. */
static void solve_case(size_t n, bool zero, bool alias) {
    begin_case("softmax_root_solve n=%zu zero=%d alias=%d", n, zero, alias);
    buffer *p = zero ? uniform(1, n, 0, 0, 0) : uniform(1, n, 0, 0.2, 1), *g = uniform(1, n, 0, -1, 1),
           *t = alias ? g : output(1, n, 0);
    OK(gn_cuda_softmax_root_solve(test.stream, test.type, n, at(p), at(g), at(t)));
    for (size_t i = 0; i < n; i++)
        t->host[i] = g->host[i] / sqrt(kept(p->host[i]));
    t->tolerance = 4;
    end_case();
}

void test_loss(void) {
    FOR_AWKWARD(n) {
        for (int alias = 0; alias < 2; alias++) {
            FOR_AWKWARD(c) if (n * c <= 4000) {
                loss_case(n, c, alias, 4);
                hessian_case(n, c, alias);
                multiply_case(n, c, false, alias);
                multiply_case(n, c, true, alias);
            }
            solve_case(n, false, alias);
        }
        solve_case(n, true, false);
        FOR_AWKWARD(c) if (n * c * c <= 40000) {
            root_case(n, 1, c);
            root_case(n, 2, c);
        }
    }
    loss_case(7, 33, false, 1000);
    loss_case(7, 5, false, 1000);
    if (SLOW)
        return;
    loss_case(1500, 3, false, 4); /* several blocks */
    loss_case(70, 40, true, 4);
}
