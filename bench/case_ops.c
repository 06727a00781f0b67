/* The rates of the machine's own CBLAS, LAPACK and vector tanh at the sizes that the other cases use. */
#include "calls.h"
#include "cases.h"

#include <stdio.h>

typedef struct op {
    gn_dtype dtype;
    bench_call call;
} op;

static void describe(const bench_call *call, bench_result *result) {
    char *note = result->note;
    const size_t size = sizeof result->note;
    switch (call->kind) {
    case BENCH_POTRF_L:
    case BENCH_POTRF_U:
        snprintf(note, size, "%d, with a copy of its input", call->n);
        break;
    case BENCH_SYRK:
        snprintf(note, size, "%d x %d", call->n, call->k);
        break;
    case BENCH_TRSV:
    case BENCH_TANH:
        snprintf(note, size, "%d", call->n);
        break;
    default:
        snprintf(note, size, "%d x %d x %d", call->m, call->n, call->k);
    }
}

gn_status bench_case_ops(bench_run *run) {
    static const op ops[] = {
        {GN_FLOAT64, {BENCH_GEMM_NT, 100, 80, 80}},      {GN_FLOAT64, {BENCH_GEMM_NN, 80, 100, 80}},
        {GN_FLOAT64, {BENCH_GEMM_TN, 80, 100, 80}},      {GN_FLOAT64, {BENCH_GEMM_NT, 80, 80, 100}},
        {GN_FLOAT64, {BENCH_SYRK, 0, 100, 80}},          {GN_FLOAT64, {BENCH_GEMM_TN, 100, 100, 80}},
        {GN_FLOAT64, {BENCH_POTRF_L, 0, 100, 0}},        {GN_FLOAT64, {BENCH_POTRF_U, 0, 100, 0}},
        {GN_FLOAT64, {BENCH_TANH, 0, 8000, 0}},          {GN_FLOAT64, {BENCH_GEMM_NT, 320, 320, 256}},
        {GN_FLOAT64, {BENCH_SYRK, 0, 2560, 256}},        {GN_FLOAT64, {BENCH_SYRK, 0, 200, 1025}},
        {GN_FLOAT64, {BENCH_GEMM_NT, 1000, 1000, 1000}}, {GN_FLOAT32, {BENCH_GEMM_NT, 1000, 1000, 1000}},
        {GN_FLOAT32, {BENCH_GEMM_NT, 2048, 512, 128}},   {GN_FLOAT32, {BENCH_GEMM_TN, 512, 128, 2048}},
        {GN_FLOAT64, {BENCH_POTRF_L, 0, 2000, 0}},       {GN_FLOAT64, {BENCH_POTRF_U, 0, 2000, 0}},
    };
    gn_status status = GN_OK;
    for (size_t i = 0; i < sizeof ops / sizeof *ops && status == GN_OK; i++) {
        const op *o = &ops[i];
        bench_result result = bench_result_new("ops", bench_call_name(o->call.kind), gn_dtype_name(o->dtype));
        describe(&o->call, &result);
        status = bench_calls_measure(run, 1, &o->call, &result);
    }
    return status;
}
