#include "calls.h"
#include "floors.h"

#include <cblas.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);

/* Flops below which a second thread costs more than it brings. */
static const double least = 1e7;

/* A call and its operands. */
typedef struct work {
    bench_call call;
    bool single;
    void *a, *b, *c;
} work;

typedef struct works {
    bool floats;
    size_t count;
    work *all;
} works;

const char *bench_call_name(bench_call_kind kind) {
    static const char *const names[] = {"gemm nn", "gemm nt", "gemm tn", "syrk",
                                        "potrf L", "potrf U", "trsv",    "tanh"};
    return names[kind];
}

static double flops_of(const bench_call *call) {
    const double m = call->m, n = call->n, k = call->k;
    switch (call->kind) {
    case BENCH_GEMM_NN:
    case BENCH_GEMM_NT:
    case BENCH_GEMM_TN:
        return 2 * m * n * k;
    case BENCH_SYRK:
        return n * (n + 1) * k;
    case BENCH_POTRF_L:
    case BENCH_POTRF_U:
        return n * n * n / 3;
    case BENCH_TRSV:
        return n * n;
    case BENCH_TANH:
        break;
    }
    return 0;
}

/* Elements of the operands a, b and c, and how many are read or written. */
typedef struct sizes {
    double a, b, c, moved;
} sizes;

static sizes sizes_of(const bench_call *call) {
    const double m = call->m, n = call->n, k = call->k;
    switch (call->kind) {
    case BENCH_GEMM_NN:
    case BENCH_GEMM_NT:
    case BENCH_GEMM_TN:
        return (sizes){m * k, n * k, m * n, m * k + n * k + m * n};
    case BENCH_SYRK:
        return (sizes){n * k, 0, n * n, n * k + n * n / 2};
    case BENCH_POTRF_L:
    case BENCH_POTRF_U:
        return (sizes){n * n, 0, n * n, 3 * n * n};
    case BENCH_TRSV:
        return (sizes){n * n, 0, n, n * n / 2 + 2 * n};
    case BENCH_TANH:
        break;
    }
    return (sizes){n, n, n, 3 * n};
}

static int gemm(bool floats, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, const work *w) {
    const int m = w->call.m, n = w->call.n, k = w->call.k;
    const int lda = ta == CblasTrans ? m : k, ldb = tb == CblasTrans ? k : n;
    if (floats)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, w->a, lda, w->b, ldb, 0, w->c, n);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, w->a, lda, w->b, ldb, 0, w->c, n);
    return 0;
}

static int syrk(bool floats, const work *w) {
    const int n = w->call.n, k = w->call.k;
    if (floats)
        cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, w->a, k, 0, w->c, n);
    else
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, w->a, k, 0, w->c, n);
    return 0;
}

static int potrf(bool floats, const char *triangle, const work *w) {
    const int n = w->call.n;
    int info = 0;
    memcpy(w->c, w->a, (size_t)n * (size_t)n * (floats ? sizeof(float) : sizeof(double)));
    if (floats)
        spotrf_(triangle, &n, w->c, &n, &info);
    else
        dpotrf_(triangle, &n, w->c, &n, &info);
    return info;
}

static int trsv(bool floats, const work *w) {
    const int n = w->call.n;
    if (floats)
        cblas_strsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, w->a, n, w->c, 1);
    else
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, w->a, n, w->c, 1);
    return 0;
}

static int call(bool floats, const work *w) {
    switch (w->call.kind) {
    case BENCH_GEMM_NN:
        return gemm(floats, CblasNoTrans, CblasNoTrans, w);
    case BENCH_GEMM_NT:
        return gemm(floats, CblasNoTrans, CblasTrans, w);
    case BENCH_GEMM_TN:
        return gemm(floats, CblasTrans, CblasNoTrans, w);
    case BENCH_SYRK:
        return syrk(floats, w);
    case BENCH_POTRF_L:
        return potrf(floats, "L", w);
    case BENCH_POTRF_U:
        return potrf(floats, "U", w);
    case BENCH_TRSV:
        return trsv(floats, w);
    case BENCH_TANH:
        floor_tanh((size_t)w->call.n, w->a, w->c, w->b);
    }
    return 0;
}

static gn_status body(void *user) {
    const works *w = user;
    const int threads = omp_get_max_threads();
    int failed = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->all[i].single)
            omp_set_num_threads(1);
        failed |= call(w->floats, &w->all[i]);
        omp_set_num_threads(threads);
    }
    return failed ? GN_ERROR_NOT_POSITIVE_DEFINITE : GN_OK;
}

/* Numbers in [-1, 1], and a diagonal of 2n where a matrix is factored or solved with. */
static void *numbers(bool floats, double count, const bench_call *call, bool matrix) {
    const size_t n = (size_t)call->n, size = floats ? sizeof(float) : sizeof(double);
    void *x = aligned_alloc(64, ((size_t)count * size / 64 + 1) * 64);
    const bool dominant =
        matrix && (call->kind == BENCH_POTRF_L || call->kind == BENCH_POTRF_U || call->kind == BENCH_TRSV);
    for (size_t i = 0; x && i < (size_t)count; i++) {
        const double value =
            dominant && i % (n + 1) == 0 ? 2 * (double)n : (double)(i * 7919 % 1009) / 504.5 - 1;
        if (floats)
            ((float *)x)[i] = (float)value;
        else
            ((double *)x)[i] = value;
    }
    return x;
}

static gn_status open_works(works *w, const bench_call *calls, bench_result *result) {
    const double element = w->floats ? sizeof(float) : sizeof(double);
    w->all = calloc(w->count, sizeof *w->all);
    bool whole = w->all != NULL;
    for (size_t i = 0; whole && i < w->count; i++) {
        const sizes s = sizes_of(&calls[i]);
        w->all[i] = (work){.call = calls[i],
                           .single = w->count > 1 && flops_of(&calls[i]) < least,
                           .a = numbers(w->floats, s.a, &calls[i], true),
                           .b = numbers(w->floats, s.b, &calls[i], false),
                           .c = numbers(w->floats, s.c, &calls[i], false)};
        whole = w->all[i].a && w->all[i].b && w->all[i].c;
        result->flops += flops_of(&calls[i]);
        result->bytes += element * s.moved;
    }
    return whole ? GN_OK : GN_ERROR_MEMORY;
}

static void close_works(works *w) {
    for (size_t i = 0; w->all && i < w->count; i++) {
        free(w->all[i].a);
        free(w->all[i].b);
        free(w->all[i].c);
    }
    free(w->all);
}

gn_status bench_calls_measure(bench_run *run, size_t count, const bench_call *calls, bench_result *result) {
    works w = {.floats = !strcmp(result->dtype, "float32"), .count = count};
    gn_status status = open_works(&w, calls, result);
    if (status == GN_OK)
        status = bench_measure(&run->effort, body, &w, &result->stats);
    if (status == GN_OK)
        bench_add(run, result);
    close_works(&w);
    return status;
}
