/* The entries that are one launch of a kernel each. */
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

/* ---- losses ---- */

static gn_status cuda_squared_loss(void *state, gn_dtype type, size_t n, const void *f, const void *y,
                                   void *r, double *slot) {
    LAUNCH(squared_loss, n, f, y, r, slot, SCRATCH);
}

static gn_status cuda_count_correct(void *state, gn_dtype type, size_t n, size_t c, const void *f,
                                    const void *y, double *slot) {
    LAUNCH(count_correct, n, c, f, y, slot, SCRATCH);
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

static gn_status cuda_softmax_root(void *state, gn_dtype type, size_t n, size_t c, const void *p, void *d) {
    LAUNCH(softmax_root, n, c, p, d);
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

void gn_cuda_launch_entries(gn_backend *table) {
    table->fill = cuda_fill;
    table->axpby = cuda_axpby;
    table->multiply = cuda_multiply;
    table->dot = cuda_dot;
    table->gather_rows = cuda_gather_rows;
    table->symmetrize = cuda_symmetrize;
    table->add_damping = cuda_add_damping;
    table->spectral_filter = cuda_spectral_filter;
    table->bias_rows = cuda_bias_rows;
    table->column_sums = cuda_column_sums;
    table->activation = cuda_activation;
    table->multiply_rows = cuda_multiply_rows;
    table->contract_rows = cuda_contract_rows;
    table->unit_rows = cuda_unit_rows;
    table->jacobian_linear = cuda_jacobian_linear;
    table->gram_hadamard = cuda_gram_hadamard;
    table->pair_products = cuda_pair_products;
    table->squared_loss = cuda_squared_loss;
    table->count_correct = cuda_count_correct;
    table->cross_entropy_loss = cuda_cross_entropy_loss;
    table->softmax_hessian = cuda_softmax_hessian;
    table->softmax_root = cuda_softmax_root;
    table->softmax_root_solve = cuda_softmax_root_solve;
    table->sgd_update = cuda_sgd_update;
    table->adam_update = cuda_adam_update;
    table->jet_inputs = cuda_jet_inputs;
    table->jet_activation = cuda_jet_activation;
    table->jet_multiply = cuda_jet_multiply;
    table->jet_residual = cuda_jet_residual;
}
