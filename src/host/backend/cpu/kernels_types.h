/* Both types of all loops for one instruction set, as the array KERNELS. The build compiles the files that
 * include this with -O3 -fno-math-errno -fno-trapping-math: without them the loops are right but slow. */
#include <float.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* glibc's vector library (exp and the rest: 2.35) is declared by math.h under -ffast-math only, which would
 * also give up NaN. The same declarations here let gcc take it with strict arithmetic otherwise. 4 ulp at
 * most; huge arguments of sin and cos, NaN and infinities are right. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 35)
#define VECTOR_MATH __attribute__((simd("notinbranch"), const))
#endif
#endif
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* clang has no such library: its loops stay scalar */
#endif
#ifndef VECTOR_MATH
#define VECTOR_MATH
#endif

VECTOR_MATH double exp(double);
VECTOR_MATH double log(double);
VECTOR_MATH double log1p(double);
VECTOR_MATH double erf(double);
VECTOR_MATH double sin(double);
VECTOR_MATH double log(double);
VECTOR_MATH double pow(double, double);
VECTOR_MATH float tanhf(float);
VECTOR_MATH float expf(float);
VECTOR_MATH float log1pf(float);
VECTOR_MATH float erff(float);
VECTOR_MATH float sinf(float);
VECTOR_MATH float logf(float);
VECTOR_MATH float powf(float, float);
/* By another name: gcc would merge sin and cos of one argument into a sincos that it cannot vectorise. */
VECTOR_MATH double cosine(double) __asm__("cos");
VECTOR_MATH float cosinef(float) __asm__("cosf");

/* tanh x = t / (t + 2), t = exp(2|x|) - 1 = s p + (s - 1), where 2|x| = k ln 2 + r, s = 2^k and p = exp(r) -
 * 1 by its series: twice as fast as the library's, 3 ulp at most. Beyond 20 it is 1; NaN stays. */
static inline double tanh_value_float64(double x) {
    const double shift = 0x1.8p52, size = __builtin_fabs(2 * x), y = size > 40 ? 40 : size;
    const double shifted = y * 0x1.71547652b82fep0 + shift, k = shifted - shift; /* k: in the lowest bits */
    const double r = (y - k * 0x1.62e42fefa38p-1) - k * 0x1.ef35793c7673p-45, q = r * r;
    uint64_t bits;
    double s;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << 52) + 0x3ff0000000000000u;
    memcpy(&s, &bits, sizeof s);
    const double even =
        1.0 / 2 +
        q * (1.0 / 24 + q * (1.0 / 720 + q * (1.0 / 40320 + q * (1.0 / 3628800 + q * (1.0 / 479001600)))));
    const double odd =
        1.0 / 6 + q * (1.0 / 120 +
                       q * (1.0 / 5040 + q * (1.0 / 362880 + q * (1.0 / 39916800 + q * (1.0 / 6227020800)))));
    const double p = r + q * (even + r * odd), t = s * p + (s - 1);
    return __builtin_copysign(t / (t + 2), x);
}

static inline float tanh_value_float32(float x) {
    return tanhf(x);
}

#define REAL    float
#define EPSILON FLT_EPSILON
#define NAME(x) x##_float32
#define MATH(x) x##f
#include "backend/cpu/kernels_vectors.h"

#include "backend/cpu/kernels_jets.h"
#include "backend/cpu/kernels_losses.h"
#include "backend/cpu/kernels_rows.h"
#include "backend/cpu/kernels_sequences.h"
#include "backend/cpu/kernels_updates.h"
#undef REAL
#undef EPSILON
#undef NAME
#undef MATH
#undef SQRT
#undef QUARTER

#define REAL    double
#define EPSILON DBL_EPSILON
#define NAME(x) x##_float64
#define MATH(x) x
#include "backend/cpu/kernels_vectors.h"

#include "backend/cpu/kernels_jets.h"
#include "backend/cpu/kernels_losses.h"
#include "backend/cpu/kernels_rows.h"
#include "backend/cpu/kernels_sequences.h"
#include "backend/cpu/kernels_updates.h"
#undef REAL
#undef EPSILON
#undef NAME
#undef MATH
#undef SQRT
#undef QUARTER

/* The set of one type, by the suffix of its functions. */
#define KERNEL_SET(suffix)                                                                                   \
    {                                                                                                        \
        .fill = fill##suffix, .axpby = axpby##suffix, .multiply = multiply##suffix, .dot = dot##suffix,      \
        .sum = sum##suffix, .column_sums = column_sums##suffix, .store = store##suffix,                      \
        .activation = {identity##suffix, tanh##suffix,    relu##suffix,     gelu##suffix,                    \
                       sin##suffix,      sigmoid##suffix, softplus##suffix, quadratic##suffix},              \
        .activation_vjp_jvp = activation_vjp_jvp##suffix, .multiply_rows = multiply_rows##suffix,            \
        .contract_rows = contract_rows##suffix, .thin_gemm = thin_gemm##suffix,                              \
        .unit_rows = unit_rows##suffix, .jacobian_linear = jacobian_linear##suffix,                          \
        .jacobian_positions = jacobian_positions##suffix, .gram_hadamard = gram_hadamard##suffix,            \
        .gram_positions = gram_positions##suffix, .pair_products = pair_products##suffix,                    \
        .symmetrize = symmetrize##suffix, .squared_loss = squared_loss##suffix,                              \
        .count_correct = count_correct##suffix, .cross_entropy = cross_entropy##suffix,                      \
        .softmax_hessian = softmax_hessian##suffix, .softmax_root = softmax_root##suffix,                    \
        .softmax_root_multiply = softmax_root_multiply##suffix,                                              \
        .softmax_root_solve = softmax_root_solve##suffix, .sgd = sgd##suffix, .adam = adam##suffix,          \
        .cg_begin = cg_begin##suffix, .cg_curvature = cg_curvature##suffix, .cg_step = cg_step##suffix,      \
        .jet_inputs = jet_inputs##suffix, .jet_activation = jet_activation##suffix,                          \
        .jet_multiply = jet_multiply##suffix, .jet_multiply_transposed = jet_multiply_transposed##suffix,    \
        .jet_residual = jet_residual##suffix, .jet_vjp_jvp = jet_vjp_jvp##suffix,                            \
        .jet_residual_vjp_jvp = jet_residual_vjp_jvp##suffix, .lsmr_update = lsmr_update##suffix,            \
        .lower_finite = lower_finite##suffix, .at = at##suffix, .put = put##suffix, .embed = embed##suffix,  \
        .embed_adjoint = embed_adjoint##suffix, .embed_matches = embed_matches##suffix,                      \
        .jacobian_embed = jacobian_embed##suffix, .layer_norm = layer_norm##suffix,                          \
        .layer_norm_jvp = layer_norm_jvp##suffix, .layer_norm_vjp = layer_norm_vjp##suffix,                  \
        .layer_norm_vjp_jvp = layer_norm_vjp_jvp##suffix, .attention_vjp_jvp = attention_vjp_jvp##suffix,    \
        .scale_sums = scale_sums##suffix, .jacobian_scale = jacobian_scale##suffix,                          \
        .attention = attention##suffix, .attention_jvp = attention_jvp##suffix,                              \
        .attention_vjp = attention_vjp##suffix                                                               \
    }

const gn_cpu_kernels KERNELS[2] = {[GN_FLOAT32] = KERNEL_SET(_float32), [GN_FLOAT64] = KERNEL_SET(_float64)};
