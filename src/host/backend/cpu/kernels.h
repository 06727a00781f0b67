/* The loops over elements: plain, single-threaded, one set a type and instruction set. They work on a range
 * begin..end of elements (or rows, where said); whoever calls them cuts the ranges. */
#ifndef GN_BACKEND_CPU_KERNELS_H
#define GN_BACKEND_CPU_KERNELS_H

#include "backend/backend.h"

/* The scalars of an Adam step. */
typedef struct gn_cpu_adam {
    double beta1, beta2, epsilon;
    double coupled; /* g += coupled theta */
    double shrink;  /* theta *= shrink first */
    double step;    /* rate / (1 - beta1^t) */
    double scale;   /* 1 / sqrt(1 - beta2^t) */
} gn_cpu_adam;

typedef struct gn_cpu_kernels {
    void (*fill)(size_t begin, size_t end, double value, void *x);
    void (*axpby)(size_t begin, size_t end, double alpha, const void *x, double beta, void *y);
    void (*multiply)(size_t begin, size_t end, const void *x, const void *y, void *z);
    double (*dot)(size_t begin, size_t end, const void *x, const void *y);
    double (*sum)(size_t begin, size_t end, const void *x);
    /* rows begin..end, columns first..last of x (row length `columns`), into sums[0..last-first) */
    void (*column_sums)(size_t begin, size_t end, size_t columns, size_t first, size_t last, const void *x,
                        double *sums);
    void (*store)(size_t count, const double *from, void *to); /* to[i] = from[i] */
    void (*activation[GN_ACTIVATION_COUNT])(size_t begin, size_t end, const void *z, void *a, void *slope);
    void (*activation_vjp_jvp)(size_t begin, size_t end, gn_activation kind, const void *z, const void *dz,
                               const void *d, const void *d_dot, void *out);
    /* samples begin..end */
    void (*multiply_rows)(size_t begin, size_t end, size_t r, size_t w, const void *in, const void *s,
                          void *out);
    void (*contract_rows)(size_t begin, size_t end, size_t r, size_t w, const void *u, const void *d,
                          void *out);
    /* rows begin..end of c = alpha op(a) op(b) + beta c, k <= GN_CPU_THIN; elements of op(a) lie row_a and
     * step_a apart, of op(b) step_b and column_b */
    void (*thin_gemm)(size_t begin, size_t end, size_t n, size_t k, double alpha, const void *a, size_t row_a,
                      size_t step_a, const void *b, size_t step_b, size_t column_b, double beta, void *c,
                      size_t ldc);
    void (*unit_rows)(size_t begin, size_t end, size_t r, void *d);
    /* one position a sample (t = 1), and several */
    void (*jacobian_linear)(size_t begin, size_t end, size_t r, size_t out, size_t in, const void *d,
                            size_t ldd, const void *a, bool bias, void *j, size_t ldj);
    void (*jacobian_positions)(size_t begin, size_t end, size_t r, size_t t, size_t out, size_t in,
                               const void *d, size_t ldd, const void *a, bool bias, void *j, size_t ldj);
    void (*gram_hadamard)(size_t begin, size_t end, size_t nj, size_t r, const void *s, size_t lds,
                          const void *g, size_t ldg, double shift, double beta, bool lower, void *k,
                          size_t ldk);
    void (*gram_positions)(size_t begin, size_t end, size_t nj, size_t r, size_t t, const void *s, size_t lds,
                           const void *g, size_t ldg, double shift, double beta, bool lower, void *k,
                           size_t ldk);
    void (*pair_products)(size_t begin, size_t end, size_t r, size_t t, size_t w, double twice, const void *d,
                          void *out);
    /* tile rows begin..end, GN_CPU_TILE matrix rows each */
    void (*symmetrize)(size_t begin, size_t end, size_t n, void *a, size_t lda);
    double (*squared_loss)(size_t begin, size_t end, const void *f, const void *y, void *r);
    double (*count_correct)(size_t begin, size_t end, size_t t, size_t c, const void *f, const void *y);
    /* rows begin..end */
    double (*cross_entropy)(size_t begin, size_t end, size_t c, const void *f, const void *y, void *p,
                            void *g);
    void (*softmax_hessian)(size_t begin, size_t end, size_t c, double alpha, const void *p, const void *u,
                            void *out);
    void (*softmax_root)(size_t begin, size_t end, size_t t, size_t c, const void *p, void *d);
    void (*softmax_root_multiply)(size_t begin, size_t end, bool transpose, size_t c, const void *p,
                                  const void *u, void *out);
    void (*softmax_root_solve)(size_t begin, size_t end, const void *p, const void *g, void *t);
    void (*sgd)(size_t begin, size_t end, gn_sgd_rule rule, double rate, const void *g, void *v, void *theta);
    void (*adam)(size_t begin, size_t end, const gn_cpu_adam *adam, const void *g, void *m, void *v,
                 void *theta);
    /* Solvers, one row each. r -= ax + mu x; sums: r'r, x'(r before + r after); *largest = max |r|. ax NULL:
     * x = 0. */
    void (*cg_begin)(size_t begin, size_t end, double mu, const void *ax, void *x, void *r, double sums[2],
                     double *largest);
    double (*cg_curvature)(size_t begin, size_t end, double mu, const void *p,
                           const void *q); /* p'(q + mu p) */
    /* x += alpha p, r -= alpha (q + mu p); gives r'r, *largest = max |r| */
    double (*cg_step)(size_t begin, size_t end, double alpha, double mu, const void *p, const void *q,
                      void *x, void *r, double *largest);
    void (*lsmr_update)(size_t begin, size_t end, double v_scale, const gn_lsmr_row *row, const void *v,
                        void *h, void *hbar, void *x);
    /* jets of samples begin..end */
    void (*jet_inputs)(size_t begin, size_t end, size_t d, size_t columns, const void *x, void *out);
    void (*jet_activation)(size_t begin, size_t end, gn_activation kind, size_t d, size_t w, const void *z,
                           void *a, void *slopes);
    void (*jet_multiply)(size_t begin, size_t end, size_t r, size_t d, size_t w, const void *in,
                         const void *slopes, void *out);
    void (*jet_multiply_transposed)(size_t begin, size_t end, size_t r, size_t d, size_t w, const void *in,
                                    const void *slopes, void *out);
    void (*jet_vjp_jvp)(size_t begin, size_t end, gn_activation kind, size_t d, size_t w, const void *z,
                        const void *dz, const void *cotangent, const void *cotangent_dot, void *out);
    void (*jet_residual)(size_t begin, size_t end, const gn_expression *expression, size_t d, const void *x,
                         const void *u, void *r, void *partials);
    void (*jet_residual_vjp_jvp)(size_t begin, size_t end, const gn_expression *expression, size_t axes,
                                 const void *x, const void *u, const void *du, const void *d,
                                 const void *d_dot, void *out);
    bool (*lower_finite)(size_t n, const void *a, size_t lda);
    double (*at)(const void *x, size_t i);
    void (*put)(void *x, size_t i, double value);
    /* sequences: rows (of embed_adjoint columns, of those with r or a shape samples) begin..end */
    void (*embed)(size_t begin, size_t end, size_t w, size_t v, const void *tokens, const void *table,
                  void *out);
    void (*embed_adjoint)(size_t first, size_t last, size_t n, size_t t, bool pairs, size_t w, size_t v,
                          const void *tokens, const void *d, void *to);
    void (*embed_matches)(size_t begin, size_t end, size_t columns, const void *a, const void *b, void *g,
                          size_t ldg);
    void (*jacobian_embed)(size_t begin, size_t end, size_t r, size_t t, size_t w, size_t v,
                           const void *tokens, const void *d, void *j, size_t ldj);
    void (*layer_norm)(size_t begin, size_t end, size_t w, double epsilon, const void *x, const void *weight,
                       const void *bias, void *y, void *xhat, void *rstd);
    void (*layer_norm_jvp)(size_t begin, size_t end, size_t w, const void *xhat, const void *rstd,
                           const void *weight, const void *dweight, const void *dbias, const void *dx,
                           void *dy);
    void (*layer_norm_vjp)(size_t begin, size_t end, size_t r, size_t t, size_t w, const void *xhat,
                           const void *rstd, const void *weight, const void *d, double beta, void *to);
    void (*layer_norm_vjp_jvp)(size_t begin, size_t end, size_t w, const void *xhat, const void *rstd,
                               const void *weight, const void *dweight, const void *dx, const void *d,
                               const void *d_dot, double beta, void *to, void *products);
    /* rows begin..end, columns first..last of w */
    void (*scale_sums)(size_t begin, size_t end, size_t w, size_t first, size_t last, const void *d,
                       const void *x, double *products, double *sums);
    void (*jacobian_scale)(size_t begin, size_t end, size_t r, size_t t, size_t w, const void *d,
                           const void *x, void *j, size_t ldj);
    void (*attention)(size_t begin, size_t end, const gn_attention *a, const void *qkv, void *p, void *out);
    void (*attention_jvp)(size_t begin, size_t end, const gn_attention *a, const void *qkv, const void *p,
                          const void *dqkv, void *dout);
    void (*attention_vjp)(size_t begin, size_t end, const gn_attention *a, size_t r, const void *qkv,
                          const void *p, const void *d, void *to);
    void (*attention_vjp_jvp)(size_t begin, size_t end, const gn_attention *a, const void *qkv, const void *p,
                              const void *dqkv, const void *d, const void *d_dot, void *to);
} gn_cpu_kernels;

enum { GN_CPU_TILE = 32, GN_CPU_THIN = 4 };

/* The sets, by gn_dtype; the wider ones only where the compiler builds for x86-64. */
extern const gn_cpu_kernels gn_cpu_kernels_base[2];
#if defined(__x86_64__)
extern const gn_cpu_kernels gn_cpu_kernels_avx2[2];
extern const gn_cpu_kernels gn_cpu_kernels_avx512[2];
#endif

#endif
