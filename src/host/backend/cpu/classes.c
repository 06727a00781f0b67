/* Softmax with cross-entropy: the loss, its Hessian in the logits and a root of that. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* The first row that begins at or after element i. */
static size_t row_from(size_t i, size_t c) {
    return (i + c - 1) / c;
}

/* Blocks are cut by elements, so that few long rows are shared among threads as well as many short ones. */
static gn_status cpu_cross_entropy_loss(void *state, gn_dtype type, size_t n, size_t c, const void *f,
                                        const void *y, void *p, void *g, double *slot) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double total;
    GN_CPU_REDUCE(n * c, (double)(n * c) * 3, total, begin, end,
                  k->cross_entropy(row_from(begin, c), row_from(end, c), c, f, y, p, g));
    *slot = total;
    return GN_OK;
}

static gn_status cpu_softmax_hessian(void *state, gn_dtype type, size_t n, size_t c, double alpha,
                                     const void *p, const void *u, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * c), begin, end, k->softmax_hessian(begin, end, c, alpha, p, u, out));
    return GN_OK;
}

static gn_status cpu_softmax_root(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *p,
                                  void *d) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const double elements = (double)(n * t * c) * (double)(t * c);
    GN_CPU_SPLIT(n, 1, 1, elements * 0.5, begin, end, k->softmax_root(begin, end, t, c, p, d));
    return GN_OK;
}

static gn_status cpu_softmax_root_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t c,
                                           const void *p, const void *u, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * c) * 2, begin, end,
                 k->softmax_root_multiply(begin, end, transpose, c, p, u, out));
    return GN_OK;
}

static gn_status cpu_softmax_root_solve(void *state, gn_dtype type, size_t n, const void *p, const void *g,
                                        void *t) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, (double)n * 1.5, begin, end, k->softmax_root_solve(begin, end, p, g, t));
    return GN_OK;
}

void gn_cpu_class_entries(gn_backend *table) {
    table->cross_entropy_loss = cpu_cross_entropy_loss;
    table->softmax_hessian = cpu_softmax_hessian;
    table->softmax_root = cpu_softmax_root;
    table->softmax_root_multiply = cpu_softmax_root_multiply;
    table->softmax_root_solve = cpu_softmax_root_solve;
}
