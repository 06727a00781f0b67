/* Activations, cotangents, Jacobian blocks and Gram tiles. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* Nanoseconds an element, value and slope, on one thread with AVX2. */
static const double activation_cost[GN_ACTIVATION_COUNT] = {
    [GN_ACTIVATION_IDENTITY] = 0.5, [GN_ACTIVATION_TANH] = 2.5,     [GN_ACTIVATION_RELU] = 0.5,
    [GN_ACTIVATION_GELU] = 3,       [GN_ACTIVATION_SIN] = 2.5,      [GN_ACTIVATION_SIGMOID] = 1.5,
    [GN_ACTIVATION_SOFTPLUS] = 4,   [GN_ACTIVATION_QUADRATIC] = 0.5};

static gn_status cpu_activation(void *state, gn_dtype type, gn_activation kind, size_t n, const void *z,
                                void *a, void *slope) {
    if ((unsigned)kind >= GN_ACTIVATION_COUNT)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "there is no activation number %d", (int)kind);
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, (double)n * activation_cost[kind], begin, end,
                 k->activation[kind](begin, end, z, a, slope));
    return GN_OK;
}

static gn_status cpu_activation_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n,
                                        const void *z, const void *dz, const void *d, const void *d_dot,
                                        void *out) {
    if ((unsigned)kind >= GN_ACTIVATION_COUNT)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "there is no activation number %d", (int)kind);
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, (double)n * (1 + activation_cost[kind]), begin, end,
                 k->activation_vjp_jvp(begin, end, kind, z, dz, d, d_dot, out));
    return GN_OK;
}

static gn_status cpu_multiply_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *in,
                                   const void *s, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    if (r == 1) /* one vector of n w elements */
        GN_CPU_SPLIT(n * w, 64, 1, (double)(n * w) * 0.5, begin, end, k->multiply(begin, end, in, s, out));
    else
        GN_CPU_SPLIT(n, 1, 1, (double)(n * r * w) * 0.5, begin, end,
                     k->multiply_rows(begin, end, r, w, in, s, out));
    return GN_OK;
}

static gn_status cpu_contract_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *u,
                                   const void *d, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * r * w) * 0.5, begin, end,
                 k->contract_rows(begin, end, r, w, u, d, out));
    return GN_OK;
}

static gn_status cpu_unit_rows(void *state, gn_dtype type, size_t n, size_t r, void *d) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, (double)(n * r * r) * 0.3, begin, end, k->unit_rows(begin, end, r, d));
    return GN_OK;
}

static gn_status cpu_jacobian_linear(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t out,
                                     size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                     size_t ldj) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const double elements = (double)(n * r) * (double)(out * (in + bias)) * (double)t;
    if (t == 1)
        GN_CPU_SPLIT(n, 1, 1, elements * 0.4, begin, end,
                     k->jacobian_linear(begin, end, r, out, in, d, ldd, a, bias, j, ldj));
    else
        GN_CPU_SPLIT(n, 1, 1, elements * 0.4, begin, end,
                     k->jacobian_positions(begin, end, r, t, out, in, d, ldd, a, bias, j, ldj));
    return GN_OK;
}

static gn_status cpu_gram_hadamard(void *state, gn_dtype type, size_t ni, size_t nj, size_t r, size_t t,
                                   const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                   double beta, bool lower, void *k, size_t ldk) {
    const gn_cpu_kernels *kernels = gn_cpu_kernels_of(state, type);
    const double elements = (double)(ni * r * t) * (double)(nj * r * t) * (lower ? 0.5 : 1);
    /* eight pieces a thread, dealt in turn: the rows of a triangle differ in length */
    if (t == 1)
        GN_CPU_SPLIT(ni, 1, 8, elements * 0.4, begin, end,
                     kernels->gram_hadamard(begin, end, nj, r, s, lds, g, ldg, shift, beta, lower, k, ldk));
    else
        GN_CPU_SPLIT(
            ni, 1, 8, elements * 0.8, begin, end,
            kernels->gram_positions(begin, end, nj, r, t, s, lds, g, ldg, shift, beta, lower, k, ldk));
    return GN_OK;
}

static gn_status cpu_pair_products(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                   double twice, const void *d, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const double products = (double)(n * r) * (double)(t * (t + 1) / 2) * (double)w;
    GN_CPU_SPLIT(n, 1, 1, products * 0.5, begin, end, k->pair_products(begin, end, r, t, w, twice, d, out));
    return GN_OK;
}

void gn_cpu_network_entries(gn_backend *table) {
    table->activation = cpu_activation;
    table->activation_vjp_jvp = cpu_activation_vjp_jvp;
    table->multiply_rows = cpu_multiply_rows;
    table->contract_rows = cpu_contract_rows;
    table->unit_rows = cpu_unit_rows;
    table->jacobian_linear = cpu_jacobian_linear;
    table->gram_hadamard = cpu_gram_hadamard;
    table->pair_products = cpu_pair_products;
}
