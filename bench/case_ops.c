/* The rates of the machine's own CBLAS, LAPACK and vector tanh at the sizes that the other cases use. */
#include "cases.h"
#include "floors.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

typedef struct op {
    enum { GEMM_NN, GEMM_NT, GEMM_TN, GEMM_NT_FLOAT, SYRK, POTRF_L, POTRF_U, TANH } kind;
    int m, n, k;
    double *a, *b, *c;
} op;

static const char *const names[] = {"gemm nn", "gemm nt", "gemm tn", "gemm nt",
                                    "syrk",    "potrf L", "potrf U", "tanh"};

static gn_status body(void *user) {
    op *o = user;
    const int m = o->m, n = o->n, k = o->k;
    int info = 0;
    switch (o->kind) {
    case GEMM_NN:
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, o->a, k, o->b, n, 0, o->c, n);
        break;
    case GEMM_NT:
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, o->a, k, o->b, k, 0, o->c, n);
        break;
    case GEMM_TN:
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1, o->a, m, o->b, n, 0, o->c, n);
        break;
    case GEMM_NT_FLOAT:
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, (float *)o->a, k, (float *)o->b, k,
                    0, (float *)o->c, n);
        break;
    case SYRK:
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, o->a, k, 0, o->c, n);
        break;
    case POTRF_L:
    case POTRF_U:
        memcpy(o->c, o->a, (size_t)n * (size_t)n * sizeof(double));
        dpotrf_(o->kind == POTRF_L ? "L" : "U", &n, o->c, &n, &info);
        return info ? GN_ERROR_NOT_POSITIVE_DEFINITE : GN_OK;
    case TANH:
        floor_tanh((size_t)n, o->a, o->c, o->b);
        break;
    }
    return GN_OK;
}

/* Numbers in [-1, 1]; for float32 too, whatever the bits of two floats in a double mean. */
static void numbers(const op *o, size_t count, double *a) {
    if (o->kind == GEMM_NT_FLOAT) {
        float *f = (float *)a;
        for (size_t i = 0; i < 2 * count; i++)
            f[i] = (float)((double)(i * 7919 % 1009) / 504.5 - 1);
        return;
    }
    for (size_t i = 0; i < count; i++)
        a[i] = (double)(i * 7919 % 1009) / 504.5 - 1;
    if (o->kind == POTRF_L || o->kind == POTRF_U)
        for (int i = 0; i < o->n; i++)
            a[(size_t)i * (size_t)o->n + (size_t)i] = 2 * o->n;
}

static gn_status run_op(bench_run *run, op o) {
    const double m = o.m, n = o.n, k = o.k;
    const bool potrf = o.kind == POTRF_L || o.kind == POTRF_U;
    const size_t na = (size_t)(potrf            ? n * n
                               : o.kind == TANH ? n
                                                : (o.kind == SYRK ? n : m) * k),
                 nb = (size_t)(o.kind == TANH ? n : n * k + 1),
                 nc = (size_t)(o.kind == TANH ? n : (potrf ? n : m) * n);
    o.a = malloc((na + 1) * sizeof(double));
    o.b = malloc((nb + 1) * sizeof(double));
    o.c = calloc(nc + 1, sizeof(double));
    gn_status status = o.a && o.b && o.c ? GN_OK : GN_ERROR_MEMORY;
    if (status == GN_OK) {
        bench_result result =
            bench_result_new("ops", names[o.kind], o.kind == GEMM_NT_FLOAT ? "float32" : "float64");
        numbers(&o, na, o.a);
        numbers(&o, o.kind == TANH ? nb : nb - 1, o.b);
        const double element = o.kind == GEMM_NT_FLOAT ? 4 : 8;
        if (potrf) {
            result.flops = n * n * n / 3;
            result.bytes = element * 3 * n * n;
            snprintf(result.note, sizeof result.note, "%d, with a copy of its input", o.n);
        } else if (o.kind == SYRK) {
            result.flops = n * (n + 1) * k;
            result.bytes = element * (n * k + n * n / 2);
            snprintf(result.note, sizeof result.note, "%d x %d", o.n, o.k);
        } else if (o.kind == TANH) {
            result.bytes = element * 3 * n;
            snprintf(result.note, sizeof result.note, "%d", o.n);
        } else {
            result.flops = 2 * m * n * k;
            result.bytes = element * (m * k + n * k + m * n);
            snprintf(result.note, sizeof result.note, "%d x %d x %d", o.m, o.n, o.k);
        }
        status = bench_measure(&run->effort, body, &o, &result.stats);
        if (status == GN_OK)
            bench_add(run, &result);
    }
    free(o.a);
    free(o.b);
    free(o.c);
    return status;
}

gn_status bench_case_ops(bench_run *run) {
    static const op ops[] = {
        {.kind = GEMM_NT, .m = 100, .n = 80, .k = 80},
        {.kind = GEMM_NN, .m = 80, .n = 100, .k = 80},
        {.kind = GEMM_TN, .m = 80, .n = 100, .k = 80},
        {.kind = GEMM_NT, .m = 80, .n = 80, .k = 100},
        {.kind = SYRK, .m = 100, .n = 100, .k = 80},
        {.kind = GEMM_TN, .m = 100, .n = 100, .k = 80},
        {.kind = POTRF_L, .n = 100},
        {.kind = POTRF_U, .n = 100},
        {.kind = TANH, .n = 8000},
        {.kind = GEMM_NT, .m = 320, .n = 320, .k = 256},
        {.kind = SYRK, .m = 2560, .n = 2560, .k = 256},
        {.kind = GEMM_NT, .m = 1000, .n = 1000, .k = 1000},
        {.kind = GEMM_NT_FLOAT, .m = 1000, .n = 1000, .k = 1000},
        {.kind = POTRF_L, .n = 2000},
        {.kind = POTRF_U, .n = 2000},
    };
    gn_status status = GN_OK;
    for (size_t i = 0; i < sizeof ops / sizeof *ops && status == GN_OK; i++)
        status = run_op(run, ops[i]);
    return status;
}
