/* The same for sequences: NaN in every output that the call does not read. */
#include "backend/check/check.h"

static const gn_backend *cpu_of(void *state) {
    return &((const gn_check_state *)state)->table;
}

static gn_status check_copy_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *from,
                                 size_t ldf, void *to, size_t ldt) {
    gn_check_poison_matrix(type, rows, columns, to, ldt);
    return cpu_of(state)->copy_rows(state, type, rows, columns, from, ldf, to, ldt);
}

static gn_status check_embed(void *state, gn_dtype type, size_t rows, size_t w, size_t v, const void *tokens,
                             const void *table, void *out) {
    gn_check_poison_matrix(type, rows, w, out, w);
    return cpu_of(state)->embed(state, type, rows, w, v, tokens, table, out);
}

static gn_status check_embed_adjoint(void *state, gn_dtype type, size_t n, size_t t, bool pairs, size_t w,
                                     size_t v, const void *tokens, const void *d, uint32_t *work, void *to) {
    gn_check_poison_matrix(type, v, w, to, w);
    for (size_t i = 0; i < v + 1 + n * t; i++)
        work[i] = UINT32_MAX;
    return cpu_of(state)->embed_adjoint(state, type, n, t, pairs, w, v, tokens, d, work, to);
}

static gn_status check_embed_matches(void *state, gn_dtype type, size_t rows, size_t columns, const void *a,
                                     const void *b, void *g, size_t ldg) {
    gn_check_poison_matrix(type, rows, columns, g, ldg);
    return cpu_of(state)->embed_matches(state, type, rows, columns, a, b, g, ldg);
}

static gn_status check_jacobian_embed(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                      size_t v, const void *tokens, const void *d, void *j, size_t ldj) {
    gn_check_poison_matrix(type, n * r, v * w, j, ldj);
    return cpu_of(state)->jacobian_embed(state, type, n, r, t, w, v, tokens, d, j, ldj);
}

static gn_status check_layer_norm(void *state, gn_dtype type, size_t rows, size_t w, double epsilon,
                                  const void *x, const void *weight, const void *bias, void *y, void *xhat,
                                  void *rstd) {
    gn_check_poison_matrix(type, rows, w, y, w);
    gn_check_poison_matrix(type, rows, w, xhat, w);
    gn_check_poison_matrix(type, rows, 1, rstd, 1);
    return cpu_of(state)->layer_norm(state, type, rows, w, epsilon, x, weight, bias, y, xhat, rstd);
}

static gn_status check_layer_norm_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                      const void *rstd, const void *weight, const void *dweight,
                                      const void *dbias, const void *dx, void *dy) {
    gn_check_poison_matrix(type, rows, w, dy, w);
    return cpu_of(state)->layer_norm_jvp(state, type, rows, w, xhat, rstd, weight, dweight, dbias, dx, dy);
}

static gn_status check_layer_norm_vjp(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                      const void *xhat, const void *rstd, const void *weight, const void *d,
                                      double beta, void *to) {
    if (beta == 0)
        gn_check_poison_matrix(type, n * r * t, w, to, w);
    return cpu_of(state)->layer_norm_vjp(state, type, n, r, t, w, xhat, rstd, weight, d, beta, to);
}

static gn_status check_layer_norm_vjp_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                          const void *rstd, const void *weight, const void *dweight,
                                          const void *dx, const void *d, const void *d_dot, double beta,
                                          void *to, void *products) {
    if (beta == 0)
        gn_check_poison_matrix(type, rows, w, to, w);
    gn_check_poison_matrix(type, rows, w, products, w);
    return cpu_of(state)->layer_norm_vjp_jvp(state, type, rows, w, xhat, rstd, weight, dweight, dx, d, d_dot,
                                             beta, to, products);
}

static gn_status check_scale_gradient(void *state, gn_dtype type, size_t rows, size_t w, const void *d,
                                      const void *x, void *weight, void *bias) {
    gn_check_poison_matrix(type, 1, w, weight, w);
    gn_check_poison_matrix(type, 1, w, bias, w);
    return cpu_of(state)->scale_gradient(state, type, rows, w, d, x, weight, bias);
}

static gn_status check_jacobian_scale(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                      const void *d, const void *x, void *j, size_t ldj) {
    gn_check_poison_matrix(type, n * r, 2 * w, j, ldj);
    return cpu_of(state)->jacobian_scale(state, type, n, r, t, w, d, x, j, ldj);
}

/* Rows of attention's output and of its cotangents. */
static size_t features(const gn_attention *a) {
    return a->heads * a->width;
}

static gn_status check_attention(void *state, gn_dtype type, const gn_attention *a, const void *qkv, void *p,
                                 void *out) {
    gn_check_poison_matrix(type, a->samples * a->heads * a->queries, a->positions, p, a->positions);
    gn_check_poison_matrix(type, a->samples * a->queries, features(a), out, features(a));
    return cpu_of(state)->attention(state, type, a, qkv, p, out);
}

static gn_status check_attention_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                     const void *p, const void *dqkv, void *dout) {
    gn_check_poison_matrix(type, a->samples * a->queries, features(a), dout, features(a));
    return cpu_of(state)->attention_jvp(state, type, a, qkv, p, dqkv, dout);
}

static gn_status check_attention_vjp(void *state, gn_dtype type, const gn_attention *a, size_t r,
                                     const void *qkv, const void *p, const void *d, void *to) {
    gn_check_poison_matrix(type, a->samples * r * a->positions, 3 * features(a), to, 3 * features(a));
    return cpu_of(state)->attention_vjp(state, type, a, r, qkv, p, d, to);
}

static gn_status check_attention_vjp_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                         const void *p, const void *dqkv, const void *d, const void *d_dot,
                                         void *to) {
    gn_check_poison_matrix(type, a->samples * a->positions, 3 * features(a), to, 3 * features(a));
    return cpu_of(state)->attention_vjp_jvp(state, type, a, qkv, p, dqkv, d, d_dot, to);
}

void gn_check_poison_sequence_entries(gn_backend *table) {
    table->copy_rows = check_copy_rows;
    table->embed = check_embed;
    table->embed_adjoint = check_embed_adjoint;
    table->embed_matches = check_embed_matches;
    table->jacobian_embed = check_jacobian_embed;
    table->layer_norm = check_layer_norm;
    table->layer_norm_jvp = check_layer_norm_jvp;
    table->layer_norm_vjp = check_layer_norm_vjp;
    table->layer_norm_vjp_jvp = check_layer_norm_vjp_jvp;
    table->scale_gradient = check_scale_gradient;
    table->jacobian_scale = check_jacobian_scale;
    table->attention = check_attention;
    table->attention_jvp = check_attention_jvp;
    table->attention_vjp = check_attention_vjp;
    table->attention_vjp_jvp = check_attention_vjp_jvp;
}
