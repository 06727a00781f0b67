/* The floor of the LM step: 1-H-H-1, tanh, N points, on one thread's CBLAS and LAPACK.
 *
 * Forward, the cotangents of the one output, the Gram as a sum over layers of (D D') .* (A A' + 1), Cholesky,
 * u, and J'u added to theta by the products themselves. What is not obvious was chosen by measuring OpenBLAS
 * at these sizes: activations lie feature by feature (H x N), where its small products are fastest; a Gram is
 * made in panels of rows by GEMM, faster than SYRK; and the triangle kept is the one that makes LAPACK's
 * potrf factor from the left. */
#include "floors.h"

#include <cblas.h>
#include <stdlib.h>

enum { PANEL = 16 };

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

struct floor_lm_step {
    size_t n, h;
    const double *x, *y;
    double mu, rate;
    double *a1, *s1, *a2, *s2, *d1, *d2, *z; /* H x N */
    double *t, *g1, *k2, *k1;                /* PANEL x N */
    double *k;                               /* N x N */
    double *u, *ux;                          /* N */
    void *block;
};

static size_t round8(size_t n) {
    return (n + 7) / 8 * 8;
}

floor_lm_step *floor_lm_step_create(size_t samples, size_t width, const double *x, const double *y, double mu,
                                    double rate) {
    floor_lm_step *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (floor_lm_step){.n = samples, .h = width, .x = x, .y = y, .mu = mu, .rate = rate};
    const size_t nh = round8(samples * width), nn = round8(samples * samples), np = round8(samples * PANEL);
    const size_t total = 7 * nh + 4 * np + nn + 2 * round8(samples);
    double *p = aligned_alloc(64, total * sizeof(double));
    if (!p) {
        free(f);
        return NULL;
    }
    f->block = p;
    double **wide[] = {&f->a1, &f->s1, &f->a2, &f->s2, &f->d1, &f->d2, &f->z};
    double **panel[] = {&f->t, &f->g1, &f->k2, &f->k1};
    for (int i = 0; i < 7; i++, p += nh)
        *wide[i] = p;
    for (int i = 0; i < 4; i++, p += np)
        *panel[i] = p;
    f->k = p;
    f->u = p + nn;
    f->ux = f->u + round8(samples);
    return f;
}

void floor_lm_step_destroy(floor_lm_step *f) {
    if (f)
        free(f->block);
    free(f);
}

/* rows first..first+count of a'a from the diagonal on: a is h x n, k is count x (n - first) */
static void gram_panel(size_t first, size_t count, size_t n, size_t h, const double *a, double *k) {
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)count, (int)(n - first), (int)h, 1, a + first,
                (int)n, a + first, (int)n, 0, k, (int)n);
}

double floor_lm_step_run(floor_lm_step *f, double *theta) {
    const size_t n = f->n, h = f->h;
    const int in = (int)n, ih = (int)h;
    double *w1 = theta, *b1 = w1 + h, *w2 = b1 + h, *b2 = w2 + h * h, *w3 = b2 + h, *b3 = w3 + h;

    /* Forward. */
    floor_outer(h, n, w1, b1, f->x, f->z);
    floor_tanh(n * h, f->z, f->a1, f->s1);
    floor_columns(h, n, b2, f->z);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ih, in, ih, 1, w2, ih, f->a1, in, 1, f->z, in);
    floor_tanh(n * h, f->z, f->a2, f->s2);
    cblas_dgemv(CblasRowMajor, CblasTrans, ih, in, 1, f->a2, in, w3, 1, 0, f->u, 1);
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        f->u[i] += b3[0] - f->y[i];
        loss += f->u[i] * f->u[i];
    }

    /* Cotangents. */
    floor_scale_columns(h, n, w3, f->s2, f->d2);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, ih, in, ih, 1, w2, ih, f->d2, in, 0, f->d1, in);
    floor_multiply(n * h, f->s1, f->d1);

    /* The Gram, row-major upper, and its factor: column-major lower, K = LL'. */
    for (size_t i = 0; i < n; i += PANEL) {
        const size_t count = n - i < PANEL ? n - i : PANEL;
        gram_panel(i, count, n, h, f->a2, f->t);
        gram_panel(i, count, n, h, f->a1, f->g1);
        gram_panel(i, count, n, h, f->d2, f->k2);
        gram_panel(i, count, n, h, f->d1, f->k1);
        floor_combine(count, n - i, n, f->t, f->k2, f->g1, f->k1, f->x + i, f->mu, f->k + i * n + i);
    }
    int info = 0;
    dpotrf_("L", &in, f->k, &in, &info);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, in, f->k, in, f->u, 1);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, in, f->k, in, f->u, 1);

    /* theta -= rate J'u. */
    const double step = -f->rate;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        f->ux[i] = f->u[i] * f->x[i];
        total += f->u[i];
    }
    cblas_dgemv(CblasRowMajor, CblasNoTrans, ih, in, step, f->d1, in, f->ux, 1, 1, w1, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, ih, in, step, f->d1, in, f->u, 1, 1, b1, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, ih, in, step, f->d2, in, f->u, 1, 1, b2, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, ih, in, step, f->a2, in, f->u, 1, 1, w3, 1);
    b3[0] += step * total;
    floor_scale_rows(h, n, f->u, f->d2, f->z);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, ih, ih, in, step, f->z, in, f->a1, in, 1, w2, ih);
    return info ? -1 : loss / (double)n;
}

floor_cost floor_lm_step_cost(const floor_lm_step *f) {
    const double n = (double)f->n, h = (double)f->h;
    const double gemms = 3 * 2 * n * h * h;                         /* forward, cotangents, J'u */
    const double grams = 4 * n * (n + 1) * h + 7 * n * (n + 1) / 2; /* four triangles, one combination */
    const double solve = n * n * n / 3 + 2 * n * n;                 /* Cholesky, two triangular solves */
    const double rest = 5 * 2 * n * h + 8 * n * h;                  /* gemvs; outer, slopes, scalings */
    const double bytes = 8 * (3 * (2 * n * h + h * h) + 4 * (n * h + n * n / 2) + 5 * n * n / 2 + 2 * n * n +
                              (6 + 5 + 6) * n * h);
    return (floor_cost){.flops = gemms + grams + solve + rest, .calls = 2 * n * h, .bytes = bytes};
}
