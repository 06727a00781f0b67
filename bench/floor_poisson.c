/* The floor of the LM step on Poisson's equation: 2-H-1, tanh, N points. The Laplacian of one hidden layer
 * and its derivatives are known in closed form, so the rows of J (N x 4H + 1) are one vector loop, and the
 * rest is SYRK, Cholesky and J'u. */
#include "floors.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

struct floor_poisson {
    size_t n, h, columns; /* columns: 4H + 1, rounded up */
    const double *x, *y;
    double mu, rate;
    double *w1, *w2; /* H: the columns of W */
    double *j;       /* N x columns: v, b, w1, w2, c, zeros */
    double *k;       /* N x N */
    double *u;       /* N */
    double *d;       /* columns: J'u */
};

static double *take(size_t count) {
    double *p = aligned_alloc(64, (count + 7) / 8 * 8 * sizeof(double));
    if (p)
        memset(p, 0, count * sizeof(double));
    return p;
}

floor_poisson *floor_poisson_create(size_t samples, size_t width, const double *x, const double *y, double mu,
                                    double rate) {
    floor_poisson *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    const size_t columns = (4 * width + 1 + 7) / 8 * 8;
    *f =
        (floor_poisson){.n = samples, .h = width, .columns = columns, .x = x, .y = y, .mu = mu, .rate = rate};
    f->w1 = take(width);
    f->w2 = take(width);
    f->j = take(samples * columns);
    f->k = take(samples * samples);
    f->u = take(samples);
    f->d = take(columns);
    if (f->w1 && f->w2 && f->j && f->k && f->u && f->d)
        return f;
    floor_poisson_destroy(f);
    return NULL;
}

void floor_poisson_destroy(floor_poisson *f) {
    if (!f)
        return;
    double *all[] = {f->w1, f->w2, f->j, f->k, f->u, f->d};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(f);
}

/* Rows of J and the residual. */
static double linearize(floor_poisson *f, const double *b, const double *v, double c) {
    const double pi = acos(-1);
    double loss = 0;
    for (size_t i = 0; i < f->n; i++) {
        const double x = f->x[3 * i], y = f->x[3 * i + 1];
        double *row = f->j + i * f->columns;
        if (f->x[3 * i + 2] == 0) {
            f->u[i] = floor_laplacian(f->h, f->w1, f->w2, b, v, x, y, row) +
                      2 * pi * pi * sin(pi * x) * sin(pi * y);
        } else {
            f->u[i] = floor_value(f->h, f->w1, f->w2, b, v, x, y, row) + c - f->y[i];
            row[4 * f->h] = 1;
        }
        loss += f->u[i] * f->u[i];
    }
    return loss / (double)f->n;
}

double floor_poisson_run(floor_poisson *f, double *theta) {
    const size_t h = f->h;
    const int n = (int)f->n, columns = (int)f->columns;
    double *w = theta, *b = w + 2 * h, *v = b + h, *c = v + h;
    for (size_t i = 0; i < h; i++) {
        f->w1[i] = w[2 * i];
        f->w2[i] = w[2 * i + 1];
    }
    const double loss = linearize(f, b, v, *c);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, columns, 1, f->j, columns, 0, f->k, n);
    for (size_t i = 0; i < f->n; i++)
        f->k[i * f->n + i] += f->mu;
    int info = 0;
    dpotrf_("U", &n, f->k, &n, &info); /* row-major lower, K = LL' */
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, f->k, n, f->u, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, f->k, n, f->u, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, n, columns, -f->rate, f->j, columns, f->u, 1, 0, f->d, 1);
    for (size_t i = 0; i < h; i++) {
        v[i] += f->d[i];
        b[i] += f->d[h + i];
        w[2 * i] += f->d[2 * h + i];
        w[2 * i + 1] += f->d[3 * h + i];
    }
    *c += f->d[4 * h];
    return info ? -1 : loss;
}

floor_cost floor_poisson_cost(const floor_poisson *f) {
    const double n = (double)f->n, h = (double)f->h, p = 4 * h + 1;
    const double rows = 30 * n * h, gram = n * (n + 1) * p, solve = n * n * n / 3 + 2 * n * n,
                 out = 2 * n * p;
    return (floor_cost){.flops = rows + gram + solve + out,
                        .calls = n * h,
                        .bytes = 8 * (3 * n * p + n * n / 2 + 2 * n * n + n * n)};
}
