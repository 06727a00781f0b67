/* Jets: values with first and second derivatives by the coordinates, and residuals made of them. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

static gn_status cpu_jet_inputs(void *state, gn_dtype type, size_t n, size_t d, size_t columns, const void *x,
                                void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, (double)n * (5 + (double)(d * d)), begin, end,
                 k->jet_inputs(begin, end, d, columns, x, out));
    return GN_OK;
}

static gn_status cpu_jet_activation(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d,
                                    size_t w, const void *z, void *a, void *slopes) {
    if ((unsigned)kind >= GN_ACTIVATION_COUNT)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "there is no activation number %d", (int)kind);
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * w) * (4 + 2 * (double)d), begin, end,
                 k->jet_activation(begin, end, kind, d, w, z, a, slopes));
    return GN_OK;
}

static gn_status cpu_jet_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t r, size_t d,
                                  size_t w, const void *in, const void *slopes, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(
        n, 1, 1, (double)(n * r * w) * (0.5 + 1.5 * (double)d), begin, end,
        (transpose ? k->jet_multiply_transposed : k->jet_multiply)(begin, end, r, d, w, in, slopes, out));
    return GN_OK;
}

static gn_status check_axes(void *state, size_t axes) {
    if (axes <= GN_EXPRESSION_AXES)
        return GN_OK;
    return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "a residual in %zu coordinates: at most %d work", axes,
                       GN_EXPRESSION_AXES);
}

static gn_status cpu_jet_residual(void *state, gn_dtype type, const gn_expression *expression, size_t n,
                                  size_t d, const void *x, const void *u, void *r, void *partials) {
    GN_TRY(check_axes(state, d));
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 32, 1, (double)n * expression->length * (2 + (double)d), begin, end,
                 k->jet_residual(begin, end, expression, d, x, u, r, partials));
    return GN_OK;
}

static gn_status cpu_jet_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d, size_t w,
                                 const void *z, const void *dz, const void *cotangent,
                                 const void *cotangent_dot, void *out) {
    if ((unsigned)kind >= GN_ACTIVATION_COUNT)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "there is no activation number %d", (int)kind);
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * w) * (4 + 4 * (double)d), begin, end,
                 k->jet_vjp_jvp(begin, end, kind, d, w, z, dz, cotangent, cotangent_dot, out));
    return GN_OK;
}

static gn_status cpu_jet_residual_vjp_jvp(void *state, gn_dtype type, const gn_expression *expression,
                                          size_t n, size_t axes, const void *x, const void *u, const void *du,
                                          const void *d, const void *d_dot, void *out) {
    GN_TRY(check_axes(state, axes));
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 32, 1, (double)n * expression->length * (4 + 3 * (double)axes), begin, end,
                 k->jet_residual_vjp_jvp(begin, end, expression, axes, x, u, du, d, d_dot, out));
    return GN_OK;
}

void gn_cpu_jet_entries(gn_backend *table) {
    table->jet_inputs = cpu_jet_inputs;
    table->jet_activation = cpu_jet_activation;
    table->jet_multiply = cpu_jet_multiply;
    table->jet_residual = cpu_jet_residual;
    table->jet_vjp_jvp = cpu_jet_vjp_jvp;
    table->jet_residual_vjp_jvp = cpu_jet_residual_vjp_jvp;
}
