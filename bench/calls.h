/* Bare calls of CBLAS and LAPACK, timed one after another: what is left of an operation when all that is not
 * a product or a factorisation is taken away. */
#ifndef GN_BENCH_CALLS_H
#define GN_BENCH_CALLS_H

#include "harness.h"

typedef enum bench_call_kind {
    BENCH_GEMM_NN, /* m x n x k */
    BENCH_GEMM_NT,
    BENCH_GEMM_TN,
    BENCH_SYRK,    /* n x n, a is n x k */
    BENCH_POTRF_L, /* n, with a copy of its input; L, U as LAPACK says it, column-major */
    BENCH_POTRF_U,
    BENCH_TRSV, /* n */
    BENCH_TANH  /* n values, float64 */
} bench_call_kind;

typedef struct bench_call {
    bench_call_kind kind;
    int m, n, k;
} bench_call;

/* Times the calls in turn, each on operands of its own, as `result` says (its dtype; flops and bytes are
 * added up), and adds it to the run. Calls below 1e7 flops take one thread, unless there is only one. */
gn_status bench_calls_measure(bench_run *run, size_t count, const bench_call *calls, bench_result *result);

/* "gemm nt" */
const char *bench_call_name(bench_call_kind kind);

#endif
