/* Before each call, NaN in every output that the call does not read: what is left unwritten then shows. An
 * output that is also an input is left alone. */
#include <math.h>

#include "backend/check/check.h"

static const gn_backend *cpu_of(void *state) {
    return &((const gn_check_state *)state)->table;
}

static void poison_vector(gn_dtype type, size_t n, void *x) {
    gn_check_poison(x, n * gn_cpu_element(type));
}

void gn_check_poison_matrix(gn_dtype type, size_t rows, size_t columns, void *x, size_t ld) {
    for (size_t i = 0; i < rows; i++)
        poison_vector(type, columns, (char *)x + i * ld * gn_cpu_element(type));
}

static void poison_slots(size_t count, double *slots) {
    gn_check_poison(slots, count * sizeof(double));
}

/* ---- vectors ---- */

static gn_status check_fill(void *state, gn_dtype type, size_t n, double value, void *x) {
    poison_vector(type, n, x);
    return cpu_of(state)->fill(state, type, n, value, x);
}

static gn_status check_axpby(void *state, gn_dtype type, size_t n, double alpha, const void *x, double beta,
                             void *y) {
    if (beta == 0 && y != x)
        poison_vector(type, n, y);
    return cpu_of(state)->axpby(state, type, n, alpha, x, beta, y);
}

static gn_status check_axpby_ratio(void *state, gn_dtype type, size_t n, const double *a, const double *b,
                                   const double *c, const void *x, double beta, void *y) {
    if (beta == 0 && y != x)
        poison_vector(type, n, y);
    return cpu_of(state)->axpby_ratio(state, type, n, a, b, c, x, beta, y);
}

static gn_status check_multiply(void *state, gn_dtype type, size_t n, const void *x, const void *y, void *z) {
    if (z != x && z != y)
        poison_vector(type, n, z);
    return cpu_of(state)->multiply(state, type, n, x, y, z);
}

static gn_status check_dot(void *state, gn_dtype type, size_t n, const void *x, const void *y, double *slot) {
    poison_slots(1, slot);
    return cpu_of(state)->dot(state, type, n, x, y, slot);
}

static gn_status check_gather_rows(void *state, gn_dtype type, size_t rows, size_t columns,
                                   const uint32_t *index, const void *from, void *to) {
    poison_vector(type, rows * columns, to);
    return cpu_of(state)->gather_rows(state, type, rows, columns, index, from, to);
}

/* ---- products ---- */

static gn_status check_gemm(void *state, gn_dtype type, bool transpose_a, bool transpose_b, size_t m,
                            size_t n, size_t k, double alpha, const void *a, size_t lda, const void *b,
                            size_t ldb, double beta, void *c, size_t ldc) {
    if (beta == 0)
        gn_check_poison_matrix(type, m, n, c, ldc);
    return cpu_of(state)->gemm(state, type, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c,
                               ldc);
}

/* The upper triangle is nobody's. */
static gn_status check_syrk(void *state, gn_dtype type, bool transpose, size_t n, size_t k, double alpha,
                            const void *a, size_t lda, double beta, void *c, size_t ldc) {
    if (beta == 0)
        gn_check_poison_matrix(type, n, n, c, ldc);
    return cpu_of(state)->syrk(state, type, transpose, n, k, alpha, a, lda, beta, c, ldc);
}

static gn_status check_gemv(void *state, gn_dtype type, bool transpose, size_t m, size_t n, double alpha,
                            const void *a, size_t lda, const void *x, double beta, void *y) {
    if (beta == 0)
        poison_vector(type, transpose ? n : m, y);
    return cpu_of(state)->gemv(state, type, transpose, m, n, alpha, a, lda, x, beta, y);
}

/* ---- dense linear algebra: the upper triangle must not be read ---- */

static void poison_upper(gn_dtype type, size_t n, void *a, size_t lda) {
    for (size_t i = 0; i + 1 < n; i++)
        poison_vector(type, n - i - 1, (char *)a + (i * lda + i + 1) * gn_cpu_element(type));
}

static gn_status check_cholesky(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *work,
                                size_t bytes) {
    gn_check_poison(work, bytes);
    return cpu_of(state)->cholesky(state, type, n, a, lda, work, bytes);
}

static gn_status check_eigh(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                            void *work, size_t bytes) {
    gn_check_poison(work, bytes);
    poison_vector(type, n, values);
    poison_upper(type, n, a, lda);
    return cpu_of(state)->eigh(state, type, n, a, lda, values, work, bytes);
}

static gn_status check_eigenvalues(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                                   void *work, size_t bytes) {
    gn_check_poison(work, bytes);
    poison_vector(type, n, values);
    poison_upper(type, n, a, lda);
    return cpu_of(state)->eigenvalues(state, type, n, a, lda, values, work, bytes);
}

static gn_status check_symmetrize(void *state, gn_dtype type, size_t n, void *a, size_t lda) {
    poison_upper(type, n, a, lda);
    return cpu_of(state)->symmetrize(state, type, n, a, lda);
}

static gn_status check_add_damping(void *state, gn_dtype type, size_t n, void *a, size_t lda, double damping,
                                   double floor, double *slot) {
    poison_slots(1, slot);
    return cpu_of(state)->add_damping(state, type, n, a, lda, damping, floor, slot);
}

static gn_status check_spectral_filter(void *state, gn_dtype type, size_t n, const void *values,
                                       double damping, double floor, double cutoff, const void *in, void *out,
                                       double *slots) {
    if (out != in && out != values)
        poison_vector(type, n, out);
    poison_slots(2, slots);
    return cpu_of(state)->spectral_filter(state, type, n, values, damping, floor, cutoff, in, out, slots);
}

static gn_status check_spectral_power(void *state, gn_dtype type, size_t n, const void *values,
                                      double exponent, double floor, bool normalized, const uint32_t *order,
                                      double *mu, const void *in, void *out) {
    if (out != in)
        poison_vector(type, n, out);
    return cpu_of(state)->spectral_power(state, type, n, values, exponent, floor, normalized, order, mu, in,
                                         out);
}

/* ---- network ---- */

static gn_status check_bias_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *bias,
                                 void *y) {
    poison_vector(type, rows * columns, y);
    return cpu_of(state)->bias_rows(state, type, rows, columns, bias, y);
}

static gn_status check_column_sums(void *state, gn_dtype type, size_t rows, size_t columns, const void *x,
                                   void *y) {
    poison_vector(type, columns, y);
    return cpu_of(state)->column_sums(state, type, rows, columns, x, y);
}

static gn_status check_activation(void *state, gn_dtype type, gn_activation kind, size_t n, const void *z,
                                  void *a, void *slope) {
    if (a != z)
        poison_vector(type, n, a);
    if (slope && slope != z)
        poison_vector(type, n, slope);
    return cpu_of(state)->activation(state, type, kind, n, z, a, slope);
}

static gn_status check_activation_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n,
                                          const void *z, const void *dz, const void *d, const void *d_dot,
                                          void *out) {
    if (out != d_dot)
        poison_vector(type, n, out);
    return cpu_of(state)->activation_vjp_jvp(state, type, kind, n, z, dz, d, d_dot, out);
}

static gn_status check_multiply_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *in,
                                     const void *s, void *out) {
    if (out != in && out != s)
        poison_vector(type, n * r * w, out);
    return cpu_of(state)->multiply_rows(state, type, n, r, w, in, s, out);
}

static gn_status check_contract_rows(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *u,
                                     const void *d, void *out) {
    if (out != u && out != d)
        poison_vector(type, n * w, out);
    return cpu_of(state)->contract_rows(state, type, n, r, w, u, d, out);
}

static gn_status check_unit_rows(void *state, gn_dtype type, size_t n, size_t r, void *d) {
    poison_vector(type, n * r * r, d);
    return cpu_of(state)->unit_rows(state, type, n, r, d);
}

static gn_status check_jacobian_linear(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t out,
                                       size_t in, const void *d, size_t ldd, const void *a, bool bias,
                                       void *j, size_t ldj) {
    gn_check_poison_matrix(type, n * r, out * in + (bias ? out : 0), j, ldj);
    return cpu_of(state)->jacobian_linear(state, type, n, r, t, out, in, d, ldd, a, bias, j, ldj);
}

static gn_status check_gram_hadamard(void *state, gn_dtype type, size_t ni, size_t nj, size_t r, size_t t,
                                     const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                     double beta, bool lower, void *k, size_t ldk) {
    if (beta == 0 && k != s)
        gn_check_poison_matrix(type, ni * r, nj * r, k, ldk);
    return cpu_of(state)->gram_hadamard(state, type, ni, nj, r, t, s, lds, g, ldg, shift, beta, lower, k,
                                        ldk);
}

static gn_status check_pair_products(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                     double twice, const void *d, void *out) {
    poison_vector(type, n * (t * (t + 1) / 2) * w, out);
    return cpu_of(state)->pair_products(state, type, n, r, t, w, twice, d, out);
}

/* ---- losses ---- */

static gn_status check_squared_loss(void *state, gn_dtype type, size_t n, const void *f, const void *y,
                                    void *r, double *slot) {
    if (r != f && r != y)
        poison_vector(type, n, r);
    poison_slots(1, slot);
    return cpu_of(state)->squared_loss(state, type, n, f, y, r, slot);
}

static gn_status check_count_correct(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *f,
                                     const void *y, double *slot) {
    poison_slots(1, slot);
    return cpu_of(state)->count_correct(state, type, n, t, c, f, y, slot);
}

/* ---- classes ---- */

static gn_status check_cross_entropy_loss(void *state, gn_dtype type, size_t n, size_t c, const void *f,
                                          const void *y, void *p, void *g, double *slot) {
    poison_vector(type, n * c, p);
    if (g != f && g != y)
        poison_vector(type, n * c, g);
    poison_slots(1, slot);
    return cpu_of(state)->cross_entropy_loss(state, type, n, c, f, y, p, g, slot);
}

static gn_status check_softmax_hessian(void *state, gn_dtype type, size_t n, size_t c, double alpha,
                                       const void *p, const void *u, void *out) {
    if (out != p && out != u)
        poison_vector(type, n * c, out);
    return cpu_of(state)->softmax_hessian(state, type, n, c, alpha, p, u, out);
}

static gn_status check_softmax_root(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *p,
                                    void *d) {
    poison_vector(type, n * t * c * t * c, d);
    return cpu_of(state)->softmax_root(state, type, n, t, c, p, d);
}

static gn_status check_softmax_root_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t c,
                                             const void *p, const void *u, void *out) {
    if (out != p && out != u)
        poison_vector(type, n * c, out);
    return cpu_of(state)->softmax_root_multiply(state, type, transpose, n, c, p, u, out);
}

static gn_status check_softmax_root_solve(void *state, gn_dtype type, size_t n, const void *p, const void *g,
                                          void *t) {
    if (t != p && t != g)
        poison_vector(type, n, t);
    return cpu_of(state)->softmax_root_solve(state, type, n, p, g, t);
}

/* ---- solvers ---- */

static gn_status check_cg_begin(void *state, gn_dtype type, size_t rows, size_t n, const void *ax, void *x,
                                void *r, gn_cg_slots slots) {
    if (!ax)
        poison_vector(type, rows * n, x);
    gn_check_poison(slots.rows, rows * sizeof(*slots.rows));
    poison_slots(1, slots.flag);
    return cpu_of(state)->cg_begin(state, type, rows, n, ax, x, r, slots);
}

/* In the first step p is written without being read. */
static gn_status check_cg_direction(void *state, gn_dtype type, size_t rows, size_t n, const void *r,
                                    const void *z, void *p, gn_cg_slots slots) {
    for (size_t i = 0; i < rows; i++) {
        gn_cg_row *row = &slots.rows[i];
        if (row->reason == GN_STOP_NONE && isinf(row->rho_before))
            poison_vector(type, n, (char *)p + i * n * gn_cpu_element(type));
        if (row->reason == GN_STOP_NONE && z != r)
            poison_slots(1, &row->rho);
    }
    return cpu_of(state)->cg_direction(state, type, rows, n, r, z, p, slots);
}

static gn_status check_cg_step(void *state, gn_dtype type, size_t rows, size_t n, const void *p,
                               const void *q, void *x, void *r, gn_cg_slots slots) {
    for (size_t i = 0; i < rows; i++)
        if (slots.rows[i].reason == GN_STOP_NONE)
            poison_slots(1, &slots.rows[i].curvature);
    poison_slots(1, slots.flag);
    return cpu_of(state)->cg_step(state, type, rows, n, p, q, x, r, slots);
}

static gn_status check_lsmr_left(void *state, gn_dtype type, size_t rows, size_t m, const void *product,
                                 void *u, gn_lsmr_slots slots) {
    if (!product)
        gn_check_poison(slots.rows, rows * sizeof(*slots.rows));
    return cpu_of(state)->lsmr_left(state, type, rows, m, product, u, slots);
}

static gn_status check_lsmr_right(void *state, gn_dtype type, size_t rows, size_t n, const void *product,
                                  void *v, gn_lsmr_slots slots) {
    for (size_t i = 0; i < rows; i++)
        if (slots.rows[i].iterations == -1)
            poison_vector(type, n, (char *)v + i * n * gn_cpu_element(type));
    return cpu_of(state)->lsmr_right(state, type, rows, n, product, v, slots);
}

static gn_status check_lsmr_update(void *state, gn_dtype type, size_t rows, size_t n, const void *v, void *h,
                                   void *hbar, void *x, gn_lsmr_slots slots) {
    for (size_t i = 0; i < rows; i++)
        if (slots.rows[i].iterations == 0) {
            const size_t at = i * n * gn_cpu_element(type);
            poison_vector(type, n, (char *)h + at);
            poison_vector(type, n, (char *)hbar + at);
            poison_vector(type, n, (char *)x + at);
        }
    poison_slots(1, slots.flag);
    return cpu_of(state)->lsmr_update(state, type, rows, n, v, h, hbar, x, slots);
}

/* ---- jets ---- */

static gn_status check_jet_inputs(void *state, gn_dtype type, size_t n, size_t d, size_t columns,
                                  const void *x, void *out) {
    poison_vector(type, n * (1 + 2 * d) * d, out);
    return cpu_of(state)->jet_inputs(state, type, n, d, columns, x, out);
}

static gn_status check_jet_activation(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d,
                                      size_t w, const void *z, void *a, void *slopes) {
    if (a != z)
        poison_vector(type, n * (1 + 2 * d) * w, a);
    poison_vector(type, n * (1 + 2 * d) * w, slopes);
    return cpu_of(state)->jet_activation(state, type, kind, n, d, w, z, a, slopes);
}

static gn_status check_jet_multiply(void *state, gn_dtype type, bool transpose, size_t n, size_t r, size_t d,
                                    size_t w, const void *in, const void *slopes, void *out) {
    if (out != in)
        poison_vector(type, n * r * (1 + 2 * d) * w, out);
    return cpu_of(state)->jet_multiply(state, type, transpose, n, r, d, w, in, slopes, out);
}

static gn_status check_jet_residual(void *state, gn_dtype type, const gn_expression *expression, size_t n,
                                    size_t d, const void *x, const void *u, void *r, void *partials) {
    poison_vector(type, n, r);
    poison_vector(type, n * (1 + 2 * d), partials);
    return cpu_of(state)->jet_residual(state, type, expression, n, d, x, u, r, partials);
}

static gn_status check_jet_vjp_jvp(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d,
                                   size_t w, const void *z, const void *dz, const void *cotangent,
                                   const void *cotangent_dot, void *out) {
    if (out != cotangent_dot)
        poison_vector(type, n * (1 + 2 * d) * w, out);
    return cpu_of(state)->jet_vjp_jvp(state, type, kind, n, d, w, z, dz, cotangent, cotangent_dot, out);
}

static gn_status check_jet_residual_vjp_jvp(void *state, gn_dtype type, const gn_expression *expression,
                                            size_t n, size_t axes, const void *x, const void *u,
                                            const void *du, const void *d, const void *d_dot, void *out) {
    poison_vector(type, n * (1 + 2 * axes), out);
    return cpu_of(state)->jet_residual_vjp_jvp(state, type, expression, n, axes, x, u, du, d, d_dot, out);
}

void gn_check_poison_entries(gn_backend *table) {
    table->fill = check_fill;
    table->axpby = check_axpby;
    table->axpby_ratio = check_axpby_ratio;
    table->multiply = check_multiply;
    table->dot = check_dot;
    table->gather_rows = check_gather_rows;
    table->gemm = check_gemm;
    table->syrk = check_syrk;
    table->gemv = check_gemv;
    table->cholesky = check_cholesky;
    table->eigh = check_eigh;
    table->eigenvalues = check_eigenvalues;
    table->symmetrize = check_symmetrize;
    table->add_damping = check_add_damping;
    table->spectral_filter = check_spectral_filter;
    table->spectral_power = check_spectral_power;
    table->bias_rows = check_bias_rows;
    table->column_sums = check_column_sums;
    table->activation = check_activation;
    table->activation_vjp_jvp = check_activation_vjp_jvp;
    table->multiply_rows = check_multiply_rows;
    table->contract_rows = check_contract_rows;
    table->unit_rows = check_unit_rows;
    table->jacobian_linear = check_jacobian_linear;
    table->gram_hadamard = check_gram_hadamard;
    table->pair_products = check_pair_products;
    table->squared_loss = check_squared_loss;
    table->count_correct = check_count_correct;
    table->cross_entropy_loss = check_cross_entropy_loss;
    table->softmax_hessian = check_softmax_hessian;
    table->softmax_root = check_softmax_root;
    table->softmax_root_multiply = check_softmax_root_multiply;
    table->softmax_root_solve = check_softmax_root_solve;
    table->cg_begin = check_cg_begin;
    table->cg_direction = check_cg_direction;
    table->cg_step = check_cg_step;
    table->lsmr_left = check_lsmr_left;
    table->lsmr_right = check_lsmr_right;
    table->lsmr_update = check_lsmr_update;
    table->jet_inputs = check_jet_inputs;
    table->jet_activation = check_jet_activation;
    table->jet_multiply = check_jet_multiply;
    table->jet_residual = check_jet_residual;
    table->jet_vjp_jvp = check_jet_vjp_jvp;
    table->jet_residual_vjp_jvp = check_jet_residual_vjp_jvp;
}
