/* The floor of the LM step on digits: I-H-C, ReLU, N samples, K = D D' .* (XX' + 1) + [c = c'] (AA' + 1),
 * Cholesky of M x M and J'u, by bare GEMMs and LAPACK. Only the triangle that potrf reads is made. */
#include "floors.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdlib.h>

enum { TILE = 32 }; /* samples */

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

struct floor_mnist {
    size_t n, in, h, c;
    const double *x, *y;
    double mu, rate;
    double *z, *a, *s, *v; /* N x H */
    double *d;             /* M x H */
    double *g0, *g1;       /* N x N */
    double *k;             /* M x M */
    double *u;             /* M */
};

static double *take(size_t count) {
    return aligned_alloc(64, (count + 7) / 8 * 8 * sizeof(double));
}

floor_mnist *floor_mnist_create(size_t samples, size_t inputs, size_t width, size_t outputs, const double *x,
                                const double *y, double mu, double rate) {
    floor_mnist *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (floor_mnist){
        .n = samples, .in = inputs, .h = width, .c = outputs, .x = x, .y = y, .mu = mu, .rate = rate};
    const size_t m = samples * outputs;
    double **wide[] = {&f->z, &f->a, &f->s, &f->v};
    bool whole = true;
    for (int i = 0; i < 4; i++)
        whole = (*wide[i] = take(samples * width)) && whole;
    whole = (f->d = take(m * width)) && whole;
    whole = (f->g0 = take(samples * samples)) && whole;
    whole = (f->g1 = take(samples * samples)) && whole;
    whole = (f->k = take(m * m)) && whole;
    whole = (f->u = take(m)) && whole;
    if (!whole) {
        floor_mnist_destroy(f);
        return NULL;
    }
    return f;
}

void floor_mnist_destroy(floor_mnist *f) {
    if (!f)
        return;
    double *all[] = {f->z, f->a, f->s, f->v, f->d, f->g0, f->g1, f->k, f->u};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(f);
}

double floor_mnist_run(floor_mnist *f, double *theta) {
    const size_t n = f->n, h = f->h, c = f->c, m = n * c;
    const int in = (int)f->in, nn = (int)n, hh = (int)h, cc = (int)c, mm = (int)m;
    double *w1 = theta, *b1 = w1 + h * f->in, *w2 = b1 + h, *b2 = w2 + c * h;

    floor_rows(n, h, b1, f->z);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, nn, hh, in, 1, f->x, in, w1, in, 1, f->z, hh);
    floor_relu(n * h, f->z, f->a, f->s);
    floor_rows(n, c, b2, f->u);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, nn, cc, hh, 1, f->a, hh, w2, hh, 1, f->u, cc);
    double loss = 0;
    for (size_t i = 0; i < m; i++) {
        f->u[i] -= f->y[i];
        loss += f->u[i] * f->u[i];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t o = 0; o < c; o++)
            floor_scale_rows(1, h, w2 + o * h, f->s + i * h, f->d + (i * c + o) * h);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, nn, nn, in, 1, f->x, in, f->x, in, 0, f->g0, nn);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, nn, nn, hh, 1, f->a, hh, f->a, hh, 0, f->g1, nn);

    const size_t tiles = (n + TILE - 1) / TILE, side = TILE * c;
#pragma omp parallel
    {
        double *t = take(side * side);
#pragma omp for schedule(dynamic, 1)
        for (size_t pair = 0; pair < tiles * tiles; pair++) {
            const size_t i = pair / tiles * TILE, j = pair % tiles * TILE;
            if (j < i || !t)
                continue;
            const size_t ni = n - i < TILE ? n - i : TILE, nj = n - j < TILE ? n - j : TILE, e = i * n + j;
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(ni * c), (int)(nj * c), hh, 1,
                        f->d + i * c * h, hh, f->d + j * c * h, hh, 0, t, (int)side);
            floor_combine_block(ni, nj, c, t, NULL, side, f->g1 + e, f->g0 + e, NULL, n,
                                f->k + i * c * m + j * c, m);
        }
        free(t);
    }
    for (size_t i = 0; i < m; i++)
        f->k[i * m + i] += f->mu;
    int info = 0;
    dpotrf_("L", &mm, f->k, &mm, &info);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, mm, f->k, mm, f->u, 1);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, mm, f->k, mm, f->u, 1);

    const double step = -f->rate;
    for (size_t i = 0; i < n; i++)
        cblas_dgemv(CblasRowMajor, CblasTrans, cc, hh, 1, f->d + i * c * h, hh, f->u + i * c, 1, 0,
                    f->v + i * h, 1);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, cc, hh, nn, step, f->u, cc, f->a, hh, 1, w2, hh);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, hh, in, nn, step, f->v, hh, f->x, in, 1, w1, in);
    for (size_t i = 0; i < n; i++) {
        cblas_daxpy(hh, step, f->v + i * h, 1, b1, 1);
        cblas_daxpy(cc, step, f->u + i * c, 1, b2, 1);
    }
    return info ? -1 : loss / (double)m;
}

floor_cost floor_mnist_cost(const floor_mnist *f) {
    const double n = (double)f->n, in = (double)f->in, h = (double)f->h, c = (double)f->c, m = n * c;
    const double ends = 2 * 2 * n * h * (in + c) + 3 * m * h; /* forward, J'u */
    const double grams = n * (n + 1) * (in + h) + m * (m + 1) * h + 2 * m * (m + 1) / 2;
    const double solve = m * m * m / 3 + 2 * m * m;
    const double bytes = 8 * (m * m / 2 + m * m + m * m + 2 * m * h + 6 * n * h + 2 * n * n + 3 * h * in);
    return (floor_cost){.flops = ends + grams + solve, .calls = 0, .bytes = bytes};
}
