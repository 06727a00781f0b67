/* The entries that are one launch of a kernel each. */
#include <stddef.h>

#include "backend/cuda/cuda.h"

/* The body of an entry: launches gn_cuda_<name> on the state's stream. */
#define LAUNCH(name, ...)                                                                                    \
    do {                                                                                                     \
        gn_cuda_state *s = state;                                                                            \
        GN_TRY(gn_cuda_begin(s));                                                                            \
        return gn_cuda_launched(s, gn_cuda_##name(s->stream, (int)type, __VA_ARGS__), #name);                \
    } while (0)
/* The reductions' scratch. */
#define SCRATCH ((gn_cuda_state *)state)->scratch

/* ---- vectors ---- */

static gn_status cuda_fill(void *state, gn_dtype type, size_t n, double value, void *x) {
    LAUNCH(fill, n, value, x);
}

static gn_status cuda_axpby(void *state, gn_dtype type, size_t n, double alpha, const void *x, double beta,
                            void *y) {
    LAUNCH(axpby, n, alpha, x, beta, y);
}

static gn_status cuda_axpby_ratio(void *state, gn_dtype type, size_t n, const double *a, const double *b,
                                  const double *c, const void *x, double beta, void *y) {
    LAUNCH(axpby_ratio, n, a, b, c, x, beta, y);
}

static gn_status cuda_multiply(void *state, gn_dtype type, size_t n, const void *x, const void *y, void *z) {
    LAUNCH(multiply, n, x, y, z);
}

static gn_status cuda_dot(void *state, gn_dtype type, size_t n, const void *x, const void *y, double *slot) {
    LAUNCH(dot, n, x, y, slot, SCRATCH);
}

static gn_status cuda_gather_rows(void *state, gn_dtype type, size_t rows, size_t columns,
                                  const uint32_t *index, const void *from, void *to) {
    LAUNCH(gather_rows, rows, columns, index, from, to);
}

/* ---- symmetric matrices ---- */

static gn_status cuda_symmetrize(void *state, gn_dtype type, size_t n, void *a, size_t lda) {
    LAUNCH(symmetrize, n, a, lda);
}

static gn_status cuda_add_damping(void *state, gn_dtype type, size_t n, void *a, size_t lda, double damping,
                                  double floor, double *slot) {
    LAUNCH(add_damping, n, a, lda, damping, floor, slot);
}

static gn_status cuda_spectral_filter(void *state, gn_dtype type, size_t n, const void *values,
                                      double damping, double floor, double cutoff, const void *in, void *out,
                                      double *slots) {
    LAUNCH(spectral_filter, n, values, damping, floor, cutoff, in, out, slots);
}

static gn_status cuda_spectral_power(void *state, gn_dtype type, size_t n, const void *values,
                                     double exponent, double floor, bool normalized, const uint32_t *order,
                                     double *mu, const void *in, void *out) {
    LAUNCH(spectral_power, n, values, exponent, floor, normalized, order, mu, in, out);
}

/* ---- network ---- */

static gn_status cuda_bias_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *bias,
                                void *y) {
    LAUNCH(bias_rows, rows, columns, bias, y);
}

static gn_status cuda_column_sums(void *state, gn_dtype type, size_t rows, size_t columns, const void *x,
                                  void *y) {
    LAUNCH(column_sums, rows, columns, x, y, SCRATCH);
}

static gn_status cuda_activation(void *state, gn_dtype type, gn_activation kind, size_t n, const void *z,
                                 void *a, void *slope) {
    LAUNCH(activation, (int)kind, n, z, a, slope);
}

static gn_status cuda_activation_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n,
                                         const void *z, const void *dz, const void *d, const void *d_dot,
                                         void *out) {
    LAUNCH(activation_vjp_jvp, (int)kind, n, z, dz, d, d_dot, out);
}

static gn_status cuda_multiply_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *in,
                                    const void *scale, void *out) {
    LAUNCH(multiply_rows, n, r, w, in, scale, out);
}

static gn_status cuda_contract_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *u,
                                    const void *d, void *out) {
    LAUNCH(contract_rows, n, r, w, u, d, out);
}

static gn_status cuda_unit_rows(void *state, gn_dtype type, size_t n, size_t r, void *d) {
    LAUNCH(unit_rows, n, r, d);
}

static gn_status cuda_jacobian_linear(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t out,
                                      size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                      size_t ldj) {
    LAUNCH(jacobian_linear, n, r, t, out, in, d, ldd, a, bias, j, ldj);
}

static gn_status cuda_gram_hadamard(void *state, gn_dtype type, size_t ni, size_t nj, size_t r, size_t t,
                                    const void *products, size_t lds, const void *g, size_t ldg, double shift,
                                    double beta, bool lower, void *k, size_t ldk) {
    LAUNCH(gram_hadamard, ni, nj, r, t, products, lds, g, ldg, shift, beta, lower, k, ldk);
}

static gn_status cuda_pair_products(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                    double twice, const void *d, void *out) {
    LAUNCH(pair_products, n, r, t, w, twice, d, out);
}

/* ---- sequences ---- */

static gn_status cuda_copy_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *from,
                                size_t ldf, void *to, size_t ldt) {
    LAUNCH(copy_rows, rows, columns, from, ldf, to, ldt);
}

static gn_status cuda_embed(void *state, gn_dtype type, size_t rows, size_t w, size_t v, const void *tokens,
                            const void *table, void *out) {
    LAUNCH(embed, rows, w, v, tokens, table, out);
}

static gn_status cuda_embed_adjoint(void *state, gn_dtype type, size_t n, size_t t, bool pairs, size_t w,
                                    size_t v, const void *tokens, const void *d, uint32_t *work, void *to) {
    LAUNCH(embed_adjoint, n, t, pairs, w, v, tokens, d, work, to);
}

static gn_status cuda_embed_matches(void *state, gn_dtype type, size_t rows, size_t columns, const void *a,
                                    const void *b, void *g, size_t ldg) {
    LAUNCH(embed_matches, rows, columns, a, b, g, ldg);
}

static gn_status cuda_jacobian_embed(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                     size_t v, const void *tokens, const void *d, void *j, size_t ldj) {
    LAUNCH(jacobian_embed, n, r, t, w, v, tokens, d, j, ldj);
}

static gn_status cuda_layer_norm(void *state, gn_dtype type, size_t rows, size_t w, double epsilon,
                                 const void *x, const void *weight, const void *bias, void *y, void *xhat,
                                 void *rstd) {
    LAUNCH(layer_norm, rows, w, epsilon, x, weight, bias, y, xhat, rstd);
}

static gn_status cuda_layer_norm_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                     const void *rstd, const void *weight, const void *dweight,
                                     const void *dbias, const void *dx, void *dy) {
    LAUNCH(layer_norm_jvp, rows, w, xhat, rstd, weight, dweight, dbias, dx, dy);
}

static gn_status cuda_layer_norm_vjp(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                     const void *xhat, const void *rstd, const void *weight, const void *d,
                                     double beta, void *to) {
    LAUNCH(layer_norm_vjp, n, r, t, w, xhat, rstd, weight, d, beta, to);
}

static gn_status cuda_layer_norm_vjp_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                         const void *rstd, const void *weight, const void *dweight,
                                         const void *dx, const void *d, const void *d_dot, double beta,
                                         void *to, void *products) {
    LAUNCH(layer_norm_vjp_jvp, rows, w, xhat, rstd, weight, dweight, dx, d, d_dot, beta, to, products);
}

static gn_status cuda_scale_gradient(void *state, gn_dtype type, size_t rows, size_t w, const void *d,
                                     const void *x, void *weight, void *bias) {
    LAUNCH(scale_gradient, rows, w, d, x, weight, bias, SCRATCH);
}

static gn_status cuda_jacobian_scale(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                     const void *d, const void *x, void *j, size_t ldj) {
    LAUNCH(jacobian_scale, n, r, t, w, d, x, j, ldj);
}

static gn_status cuda_attention(void *state, gn_dtype type, const gn_attention *a, const void *qkv, void *p,
                                void *out) {
    LAUNCH(attention, a->samples, a->positions, a->queries, a->heads, a->width, qkv, p, out);
}

static gn_status cuda_attention_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                    const void *p, const void *dqkv, void *dout) {
    LAUNCH(attention_jvp, a->samples, a->positions, a->queries, a->heads, a->width, qkv, p, dqkv, dout);
}

static gn_status cuda_attention_vjp(void *state, gn_dtype type, const gn_attention *a, size_t r,
                                    const void *qkv, const void *p, const void *d, void *to) {
    LAUNCH(attention_vjp, a->samples, r, a->positions, a->queries, a->heads, a->width, qkv, p, d, to);
}

static gn_status cuda_attention_vjp_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                        const void *p, const void *dqkv, const void *d, const void *d_dot,
                                        void *to) {
    LAUNCH(attention_vjp_jvp, a->samples, a->positions, a->queries, a->heads, a->width, qkv, p, dqkv, d,
           d_dot, to);
}

/* ---- losses ---- */

static gn_status cuda_squared_loss(void *state, gn_dtype type, size_t n, const void *f, const void *y,
                                   void *r, double *slot) {
    LAUNCH(squared_loss, n, f, y, r, slot, SCRATCH);
}

static gn_status cuda_count_correct(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *f,
                                    const void *y, double *slot) {
    LAUNCH(count_correct, n, t, c, f, y, slot, SCRATCH);
}

/* ---- classes ---- */

static gn_status cuda_cross_entropy_loss(void *state, gn_dtype type, size_t n, size_t c, const void *f,
                                         const void *y, void *p, void *g, double *slot) {
    LAUNCH(cross_entropy_loss, n, c, f, y, p, g, slot, SCRATCH);
}

static gn_status cuda_softmax_hessian(void *state, gn_dtype type, size_t n, size_t c, double alpha,
                                      const void *p, const void *u, void *out) {
    LAUNCH(softmax_hessian, n, c, alpha, p, u, out);
}

static gn_status cuda_softmax_root(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *p,
                                   void *d) {
    LAUNCH(softmax_root, n, t, c, p, d);
}

static gn_status cuda_softmax_root_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t c,
                                            const void *p, const void *u, void *out) {
    LAUNCH(softmax_root_multiply, transpose, n, c, p, u, out);
}

static gn_status cuda_softmax_root_solve(void *state, gn_dtype type, size_t n, const void *p, const void *g,
                                         void *t) {
    LAUNCH(softmax_root_solve, n, p, g, t);
}

/* ---- updates ---- */

static gn_status cuda_sgd_update(void *state, gn_dtype type, size_t p, gn_sgd_rule rule, const double *rate,
                                 const void *g, void *v, void *theta) {
    LAUNCH(sgd_update, p, rule.momentum, rule.weight_decay, rate, g, v, theta);
}

static gn_status cuda_adam_update(void *state, gn_dtype type, size_t p, gn_adam_rule rule, const double *rate,
                                  double *clock, const void *g, void *m, void *v, void *theta) {
    LAUNCH(adam_update, p, rule.beta1, rule.beta2, rule.epsilon, rule.weight_decay, rule.decoupled, rate,
           clock, g, m, v, theta, SCRATCH);
}

/* ---- solvers: the kernels' structs are the table's over again ---- */

#define SAME_MEMBER(type, member) offsetof(gn_cuda_##type, member) == offsetof(gn_##type, member)
_Static_assert(sizeof(gn_cuda_solve_rule) == sizeof(gn_solve_rule) && SAME_MEMBER(solve_rule, relative) &&
                   SAME_MEMBER(solve_rule, absolute) && SAME_MEMBER(solve_rule, progress) &&
                   SAME_MEMBER(solve_rule, limit),
               "gn_solve_rule");
_Static_assert(sizeof(gn_cuda_cg_row) == sizeof(gn_cg_row) && SAME_MEMBER(cg_row, iterations) &&
                   SAME_MEMBER(cg_row, goal) && SAME_MEMBER(cg_row, rho) && SAME_MEMBER(cg_row, rho_before) &&
                   SAME_MEMBER(cg_row, curvature) && SAME_MEMBER(cg_row, residual_squared) &&
                   SAME_MEMBER(cg_row, residual_largest) && SAME_MEMBER(cg_row, model),
               "gn_cg_row");
_Static_assert(sizeof(gn_cuda_lsmr_row) == sizeof(gn_lsmr_row) && SAME_MEMBER(lsmr_row, decided) &&
                   SAME_MEMBER(lsmr_row, iterations) && SAME_MEMBER(lsmr_row, goal) &&
                   SAME_MEMBER(lsmr_row, residual) && SAME_MEMBER(lsmr_row, alpha) &&
                   SAME_MEMBER(lsmr_row, beta) && SAME_MEMBER(lsmr_row, alpha_bar) &&
                   SAME_MEMBER(lsmr_row, rho) && SAME_MEMBER(lsmr_row, rho_bar) &&
                   SAME_MEMBER(lsmr_row, c_bar) && SAME_MEMBER(lsmr_row, s_bar) &&
                   SAME_MEMBER(lsmr_row, zeta_bar) && SAME_MEMBER(lsmr_row, hbar_scale) &&
                   SAME_MEMBER(lsmr_row, x_scale) && SAME_MEMBER(lsmr_row, h_scale),
               "gn_lsmr_row");

static gn_cuda_cg_slots cg_slots(gn_cg_slots slots) {
    return (gn_cuda_cg_slots){.rules = (const gn_cuda_solve_rule *)slots.rules,
                              .rows = (gn_cuda_cg_row *)slots.rows,
                              .models = slots.models,
                              .kept = slots.kept,
                              .flag = slots.flag};
}

static gn_cuda_lsmr_slots lsmr_slots(gn_lsmr_slots slots) {
    return (gn_cuda_lsmr_slots){.rules = (const gn_cuda_solve_rule *)slots.rules,
                                .rows = (gn_cuda_lsmr_row *)slots.rows,
                                .flag = slots.flag};
}

static gn_status cuda_cg_begin(void *state, gn_dtype type, size_t rows, size_t n, const void *ax, void *x,
                               void *r, gn_cg_slots slots) {
    LAUNCH(cg_begin, rows, n, ax, x, r, cg_slots(slots), SCRATCH);
}

static gn_status cuda_cg_direction(void *state, gn_dtype type, size_t rows, size_t n, const void *r,
                                   const void *z, void *p, gn_cg_slots slots) {
    LAUNCH(cg_direction, rows, n, r, z, p, cg_slots(slots), SCRATCH);
}

static gn_status cuda_cg_step(void *state, gn_dtype type, size_t rows, size_t n, const void *p, const void *q,
                              void *x, void *r, gn_cg_slots slots) {
    LAUNCH(cg_step, rows, n, p, q, x, r, cg_slots(slots), SCRATCH);
}

static gn_status cuda_lsmr_left(void *state, gn_dtype type, size_t rows, size_t m, const void *product,
                                void *u, gn_lsmr_slots slots) {
    LAUNCH(lsmr_left, rows, m, product, u, lsmr_slots(slots), SCRATCH);
}

static gn_status cuda_lsmr_right(void *state, gn_dtype type, size_t rows, size_t n, const void *product,
                                 void *v, gn_lsmr_slots slots) {
    LAUNCH(lsmr_right, rows, n, product, v, lsmr_slots(slots), SCRATCH);
}

static gn_status cuda_lsmr_update(void *state, gn_dtype type, size_t rows, size_t n, const void *v, void *h,
                                  void *hbar, void *x, gn_lsmr_slots slots) {
    LAUNCH(lsmr_update, rows, n, v, h, hbar, x, lsmr_slots(slots), SCRATCH);
}

/* ---- jets ---- */

static gn_status cuda_jet_inputs(void *state, gn_dtype type, size_t n, size_t d, size_t columns,
                                 const void *x, void *out) {
    LAUNCH(jet_inputs, n, d, columns, x, out);
}

static gn_status cuda_jet_activation(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d,
                                     size_t w, const void *z, void *a, void *slopes) {
    LAUNCH(jet_activation, (int)kind, n, d, w, z, a, slopes);
}

static gn_status cuda_jet_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t r, size_t d,
                                   size_t w, const void *in, const void *slopes, void *out) {
    LAUNCH(jet_multiply, transpose, n, r, d, w, in, slopes, out);
}

static gn_status cuda_jet_residual(void *state, gn_dtype type, const gn_expression *expression, size_t n,
                                   size_t d, const void *x, const void *u, void *r, void *partials) {
    LAUNCH(jet_residual, expression->length, expression->code, expression->operand, expression->value, n, d,
           x, u, r, partials);
}

static gn_status cuda_jet_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d,
                                  size_t w, const void *z, const void *dz, const void *cotangent,
                                  const void *cotangent_dot, void *out) {
    LAUNCH(jet_vjp_jvp, (int)kind, n, d, w, z, dz, cotangent, cotangent_dot, out);
}

static gn_status cuda_jet_residual_vjp_jvp(void *state, gn_dtype type, const gn_expression *expression,
                                           size_t n, size_t axes, const void *x, const void *u,
                                           const void *du, const void *d, const void *d_dot, void *out) {
    LAUNCH(jet_residual_vjp_jvp, expression->length, expression->code, expression->operand, expression->value,
           n, axes, x, u, du, d, d_dot, out);
}

void gn_cuda_launch_entries(gn_backend *table) {
    table->fill = cuda_fill;
    table->axpby = cuda_axpby;
    table->axpby_ratio = cuda_axpby_ratio;
    table->multiply = cuda_multiply;
    table->dot = cuda_dot;
    table->gather_rows = cuda_gather_rows;
    table->symmetrize = cuda_symmetrize;
    table->add_damping = cuda_add_damping;
    table->spectral_filter = cuda_spectral_filter;
    table->spectral_power = cuda_spectral_power;
    table->bias_rows = cuda_bias_rows;
    table->column_sums = cuda_column_sums;
    table->activation = cuda_activation;
    table->activation_vjp_jvp = cuda_activation_vjp_jvp;
    table->multiply_rows = cuda_multiply_rows;
    table->contract_rows = cuda_contract_rows;
    table->unit_rows = cuda_unit_rows;
    table->jacobian_linear = cuda_jacobian_linear;
    table->gram_hadamard = cuda_gram_hadamard;
    table->pair_products = cuda_pair_products;
    table->copy_rows = cuda_copy_rows;
    table->embed = cuda_embed;
    table->embed_adjoint = cuda_embed_adjoint;
    table->embed_matches = cuda_embed_matches;
    table->jacobian_embed = cuda_jacobian_embed;
    table->layer_norm = cuda_layer_norm;
    table->layer_norm_jvp = cuda_layer_norm_jvp;
    table->layer_norm_vjp = cuda_layer_norm_vjp;
    table->layer_norm_vjp_jvp = cuda_layer_norm_vjp_jvp;
    table->scale_gradient = cuda_scale_gradient;
    table->jacobian_scale = cuda_jacobian_scale;
    table->attention = cuda_attention;
    table->attention_jvp = cuda_attention_jvp;
    table->attention_vjp = cuda_attention_vjp;
    table->attention_vjp_jvp = cuda_attention_vjp_jvp;
    table->squared_loss = cuda_squared_loss;
    table->count_correct = cuda_count_correct;
    table->cross_entropy_loss = cuda_cross_entropy_loss;
    table->softmax_hessian = cuda_softmax_hessian;
    table->softmax_root = cuda_softmax_root;
    table->softmax_root_multiply = cuda_softmax_root_multiply;
    table->softmax_root_solve = cuda_softmax_root_solve;
    table->sgd_update = cuda_sgd_update;
    table->adam_update = cuda_adam_update;
    table->cg_begin = cuda_cg_begin;
    table->cg_direction = cuda_cg_direction;
    table->cg_step = cuda_cg_step;
    table->lsmr_left = cuda_lsmr_left;
    table->lsmr_right = cuda_lsmr_right;
    table->lsmr_update = cuda_lsmr_update;
    table->jet_inputs = cuda_jet_inputs;
    table->jet_activation = cuda_jet_activation;
    table->jet_multiply = cuda_jet_multiply;
    table->jet_residual = cuda_jet_residual;
    table->jet_vjp_jvp = cuda_jet_vjp_jvp;
    table->jet_residual_vjp_jvp = cuda_jet_residual_vjp_jvp;
}
