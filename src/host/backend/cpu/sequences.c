/* Embeddings, layer norm and attention. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

static void copy_range(size_t begin, size_t end, size_t bytes, const char *from, size_t step_from, char *to,
                       size_t step_to) {
    for (size_t i = begin; i < end; i++)
        memcpy(to + i * step_to, from + i * step_from, bytes);
}

static gn_status cpu_copy_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *from,
                               size_t ldf, void *to, size_t ldt) {
    const size_t size = gn_cpu_element(type), bytes = columns * size;
    (void)state;
    if (!bytes)
        return GN_OK;
    GN_CPU_SPLIT(rows, 16, 1, (double)rows * (5 + 0.1 * (double)bytes), begin, end,
                 copy_range(begin, end, bytes, from, ldf * size, to, ldt * size));
    return GN_OK;
}

/* ---- embeddings ---- */

static gn_status cpu_embed(void *state, gn_dtype type, size_t rows, size_t w, size_t v, const void *tokens,
                           const void *table, void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(rows, 16, 1, (double)rows * (5 + 0.5 * (double)w), begin, end,
                 k->embed(begin, end, w, v, tokens, table, out));
    return GN_OK;
}

static gn_status cpu_embed_adjoint(void *state, gn_dtype type, size_t n, size_t t, bool pairs, size_t w,
                                   size_t v, const void *tokens, const void *d, uint32_t *work, void *to) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    (void)work; /* a thread takes columns, and rows in order */
    const double rows = (double)n * (double)(pairs ? t * (t + 1) / 2 : t);
    GN_CPU_SPLIT(w, 16, 1, rows * (3 + 0.3 * (double)w), first, last,
                 k->embed_adjoint(first, last, n, t, pairs, w, v, tokens, d, to));
    return GN_OK;
}

static gn_status cpu_embed_matches(void *state, gn_dtype type, size_t rows, size_t columns, const void *a,
                                   const void *b, void *g, size_t ldg) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(rows, 1, 1, (double)(rows * columns) * 0.4, begin, end,
                 k->embed_matches(begin, end, columns, a, b, g, ldg));
    return GN_OK;
}

static gn_status cpu_jacobian_embed(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                    size_t v, const void *tokens, const void *d, void *j, size_t ldj) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * r) * (double)((v + t) * w) * 0.4, begin, end,
                 k->jacobian_embed(begin, end, r, t, w, v, tokens, d, j, ldj));
    return GN_OK;
}

/* ---- layer norm ---- */

static gn_status cpu_layer_norm(void *state, gn_dtype type, size_t rows, size_t w, double epsilon,
                                const void *x, const void *weight, const void *bias, void *y, void *xhat,
                                void *rstd) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(rows, 16, 1, (double)(rows * w) * 0.8, begin, end,
                 k->layer_norm(begin, end, w, epsilon, x, weight, bias, y, xhat, rstd));
    return GN_OK;
}

static gn_status cpu_layer_norm_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                    const void *rstd, const void *weight, const void *dweight,
                                    const void *dbias, const void *dx, void *dy) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(rows, 16, 1, (double)(rows * w) * 0.8, begin, end,
                 k->layer_norm_jvp(begin, end, w, xhat, rstd, weight, dweight, dbias, dx, dy));
    return GN_OK;
}

static gn_status cpu_layer_norm_vjp(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                    const void *xhat, const void *rstd, const void *weight, const void *d,
                                    double beta, void *to) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 4, 1, (double)(n * r * t) * (double)w * 0.8, begin, end,
                 k->layer_norm_vjp(begin, end, r, t, w, xhat, rstd, weight, d, beta, to));
    return GN_OK;
}

static gn_status cpu_layer_norm_vjp_jvp(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                        const void *rstd, const void *weight, const void *dweight,
                                        const void *dx, const void *d, const void *d_dot, double beta,
                                        void *to, void *products) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(
        rows, 8, 1, (double)(rows * w) * 2, begin, end,
        k->layer_norm_vjp_jvp(begin, end, w, xhat, rstd, weight, dweight, dx, d, d_dot, beta, to, products));
    return GN_OK;
}

/* As column_sums: strips of columns over blocks of rows, cut by the shape alone. */
enum { STRIP = 128, ROW_BLOCKS = 16, ROW_BLOCK_LENGTH = 256 };

static void scale_strip(const gn_cpu_kernels *k, size_t rows, size_t w, size_t first, size_t last,
                        const void *d, const void *x, double *products, double *sums) {
    const size_t least = (rows + ROW_BLOCKS - 1) / ROW_BLOCKS;
    const size_t block = least < ROW_BLOCK_LENGTH ? ROW_BLOCK_LENGTH : least;
    const size_t blocks = (rows + block - 1) / block, width = last - first;
    double partial[ROW_BLOCKS][2][STRIP];
    GN_CPU_SPLIT(
        blocks, 1, 1, (double)(rows * width) * 0.7, b0, b1, for (size_t b = b0; b < b1; b++) {
            const size_t end = (b + 1) * block < rows ? (b + 1) * block : rows;
            k->scale_sums(b * block, end, w, first, last, d, x, partial[b][0], partial[b][1]);
        });
    for (size_t j = 0; j < width; j++) {
        products[j] = sums[j] = 0;
        for (size_t b = 0; b < blocks; b++) {
            products[j] += partial[b][0][j];
            sums[j] += partial[b][1][j];
        }
    }
}

static gn_status cpu_scale_gradient(void *state, gn_dtype type, size_t rows, size_t w, const void *d,
                                    const void *x, void *weight, void *bias) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double products[STRIP], sums[STRIP];
    for (size_t first = 0; first < w; first += STRIP) {
        const size_t last = w - first < STRIP ? w : first + STRIP, offset = first * gn_cpu_element(type);
        scale_strip(k, rows, w, first, last, d, x, products, sums);
        k->store(last - first, products, (char *)weight + offset);
        k->store(last - first, sums, (char *)bias + offset);
    }
    return GN_OK;
}

static gn_status cpu_jacobian_scale(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                    const void *d, const void *x, void *j, size_t ldj) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 1, 1, (double)(n * r * t) * (double)w, begin, end,
                 k->jacobian_scale(begin, end, r, t, w, d, x, j, ldj));
    return GN_OK;
}

/* ---- attention ---- */

static gn_status check_positions(void *state, const gn_attention *a) {
    if (a->positions <= GN_ATTENTION_POSITIONS)
        return GN_OK;
    return gn_cpu_fail(state, GN_ERROR_UNSUPPORTED, "attention over %zu positions: at most %d", a->positions,
                       GN_ATTENTION_POSITIONS);
}

/* Nanoseconds of `passes` walks over the heads' vectors for every pair of positions. */
static double attention_work(const gn_attention *a, double passes) {
    return (double)(a->samples * a->heads) * (double)(a->queries * a->positions) *
           (10 + passes * 0.15 * (double)a->width);
}

static gn_status cpu_attention(void *state, gn_dtype type, const gn_attention *a, const void *qkv, void *p,
                               void *out) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_TRY(check_positions(state, a));
    GN_CPU_SPLIT(a->samples, 1, 1, attention_work(a, 2), begin, end,
                 k->attention(begin, end, a, qkv, p, out));
    return GN_OK;
}

static gn_status cpu_attention_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                   const void *p, const void *dqkv, void *dout) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_TRY(check_positions(state, a));
    GN_CPU_SPLIT(a->samples, 1, 1, attention_work(a, 4), begin, end,
                 k->attention_jvp(begin, end, a, qkv, p, dqkv, dout));
    return GN_OK;
}

static gn_status cpu_attention_vjp(void *state, gn_dtype type, const gn_attention *a, size_t r,
                                   const void *qkv, const void *p, const void *d, void *to) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_TRY(check_positions(state, a));
    GN_CPU_SPLIT(a->samples, 1, 1, attention_work(a, 4) * (double)r, begin, end,
                 k->attention_vjp(begin, end, a, r, qkv, p, d, to));
    return GN_OK;
}

static gn_status cpu_attention_vjp_jvp(void *state, gn_dtype type, const gn_attention *a, const void *qkv,
                                       const void *p, const void *dqkv, const void *d, const void *d_dot,
                                       void *to) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_TRY(check_positions(state, a));
    GN_CPU_SPLIT(a->samples, 1, 1, attention_work(a, 11), begin, end,
                 k->attention_vjp_jvp(begin, end, a, qkv, p, dqkv, d, d_dot, to));
    return GN_OK;
}

void gn_cpu_sequence_entries(gn_backend *table) {
    table->copy_rows = cpu_copy_rows;
    table->embed = cpu_embed;
    table->embed_adjoint = cpu_embed_adjoint;
    table->embed_matches = cpu_embed_matches;
    table->jacobian_embed = cpu_jacobian_embed;
    table->layer_norm = cpu_layer_norm;
    table->layer_norm_jvp = cpu_layer_norm_jvp;
    table->layer_norm_vjp = cpu_layer_norm_vjp;
    table->layer_norm_vjp_jvp = cpu_layer_norm_vjp_jvp;
    table->scale_gradient = cpu_scale_gradient;
    table->jacobian_scale = cpu_jacobian_scale;
    table->attention = cpu_attention;
    table->attention_jvp = cpu_attention_jvp;
    table->attention_vjp = cpu_attention_vjp;
    table->attention_vjp_jvp = cpu_attention_vjp_jvp;
}
