/* The floor of the Gram: I-H-H-C, N samples, K = D0 D0' .* (XX' + 1) + D1 D1' .* (A1 A1' + 1) + [c = c'] (A2
 * A2' + 1), by bare GEMMs. Made in tiles that stay in the second-level cache, so that K (M x M) is written
 * once and never read. */
#include "floors.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdlib.h>

enum { TILE = 32 }; /* samples */

struct floor_gram {
    size_t n, in, h, c;
    int relu;
    const double *x;
    double *a1, *s1, *a2, *s2; /* N x H */
    double *d1, *d2;           /* M x H: cotangents at the first and the second hidden layer */
    double *g0, *g1, *g2;      /* N x N */
};

static double *take(size_t count) {
    return aligned_alloc(64, (count + 7) / 8 * 8 * sizeof(double));
}

floor_gram *floor_gram_create(size_t samples, size_t inputs, size_t width, size_t outputs, int relu,
                              const double *x) {
    floor_gram *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (floor_gram){.n = samples, .in = inputs, .h = width, .c = outputs, .relu = relu, .x = x};
    double **wide[] = {&f->a1, &f->s1, &f->a2, &f->s2}, **tall[] = {&f->d1, &f->d2},
           **square[] = {&f->g0, &f->g1, &f->g2};
    bool whole = true;
    for (int i = 0; i < 4; i++)
        whole = (*wide[i] = take(samples * width)) && whole;
    for (int i = 0; i < 2; i++)
        whole = (*tall[i] = take(samples * outputs * width)) && whole;
    for (int i = 0; i < 3; i++)
        whole = (*square[i] = take(samples * samples)) && whole;
    if (!whole) {
        floor_gram_destroy(f);
        return NULL;
    }
    return f;
}

void floor_gram_destroy(floor_gram *f) {
    if (!f)
        return;
    double *all[] = {f->a1, f->s1, f->a2, f->s2, f->d1, f->d2, f->g0, f->g1, f->g2};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(f);
}

static void layer(const floor_gram *f, size_t in, const double *a, const double *w, const double *b,
                  double *z, double *out, double *slope) {
    floor_rows(f->n, f->h, b, z);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)f->n, (int)f->h, (int)in, 1, a, (int)in, w,
                (int)in, 1, z, (int)f->h);
    (f->relu ? floor_relu : floor_tanh)(f->n * f->h, z, out, slope);
}

static void square(size_t n, size_t k, const double *a, double *g) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)n, (int)k, 1, a, (int)k, a, (int)k, 0,
                g, (int)n);
}

void floor_gram_run(floor_gram *f, const double *theta, double *k) {
    const size_t n = f->n, h = f->h, c = f->c, m = n * c;
    const double *w1 = theta, *b1 = w1 + h * f->in, *w2 = b1 + h, *b2 = w2 + h * h, *w3 = b2 + h;
    layer(f, f->in, f->x, w1, b1, f->d1, f->a1, f->s1); /* d1 lends room for z */
    layer(f, h, f->a1, w2, b2, f->d1, f->a2, f->s2);
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < c; o++)
            floor_scale_rows(1, h, w3 + o * h, f->s2 + i * h, f->d2 + (i * c + o) * h);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)h, (int)h, 1, f->d2, (int)h, w2,
                (int)h, 0, f->d1, (int)h);
    floor_multiply_repeat(n, c, h, f->s1, f->d1);
    square(n, f->in, f->x, f->g0);
    square(n, h, f->a1, f->g1);
    square(n, h, f->a2, f->g2);

    const size_t tiles = (n + TILE - 1) / TILE, side = TILE * c;
#pragma omp parallel
    {
        double *t2 = take(2 * side * side), *t1 = t2 + side * side;
#pragma omp for schedule(dynamic, 1)
        for (size_t pair = 0; pair < tiles * tiles; pair++) {
            const size_t i = pair / tiles * TILE, j = pair % tiles * TILE;
            if (j > i || !t2)
                continue;
            const size_t ni = n - i < TILE ? n - i : TILE, nj = n - j < TILE ? n - j : TILE;
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(ni * c), (int)(nj * c), (int)h, 1,
                        f->d2 + i * c * h, (int)h, f->d2 + j * c * h, (int)h, 0, t2, (int)side);
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(ni * c), (int)(nj * c), (int)h, 1,
                        f->d1 + i * c * h, (int)h, f->d1 + j * c * h, (int)h, 0, t1, (int)side);
            const size_t e = i * n + j;
            double *tile = k + i * c * m + j * c;
            floor_combine_block(ni, nj, c, t2, t1, side, f->g2 + e, f->g1 + e, f->g0 + e, n, tile, m);
            if (i != j)
                floor_transpose(ni * c, nj * c, tile, k + j * c * m + i * c, m);
        }
        free(t2);
    }
}

floor_cost floor_gram_cost(const floor_gram *f) {
    const double n = (double)f->n, in = (double)f->in, h = (double)f->h, m = n * (double)f->c;
    const double forward = 2 * n * h * (in + h), cotangents = 2 * m * h * h + 2 * m * h;
    const double grams = n * n * (in + 2 * h) + 2 * m * (m + 1) * h + 4 * m * (m + 1) / 2;
    const double bytes = 8 * (m * m + 4 * m * h + 8 * n * h + 3 * n * n + h * (in + h));
    return (floor_cost){
        .flops = forward + cotangents + grams, .calls = f->relu ? 0 : 2 * n * h, .bytes = bytes};
}
