/* The matrices of a gradient with equal singular values (egalitarian gradient descent, arXiv 2510.04930) or
 * equal columns. */
#include "optimize/matrix_gradient.h"

/* Least squares of singular values and norms. */
#define LEAST 1e-12

static size_t smaller(const gn_parameter *p) {
    return p->shape[0] < p->shape[1] ? p->shape[0] : p->shape[1];
}

/* ---- buffers ---- */

static size_t larger_of(size_t a, size_t b) {
    return a > b ? a : b;
}

static gn_status create_buffers(gn_matrix_gradient *m, gn_linearization *l, size_t count) {
    gn_context *context = l->context;
    const bool orthogonal = m->kind == GN_GRADIENT_ORTHOGONAL;
    size_t most = 1, elements = 1;
    for (size_t i = 0; i < count; i++) {
        const gn_parameter *p = &m->named[i];
        if (p->rank != 2)
            continue;
        most = larger_of(most, orthogonal ? smaller(p) : p->shape[1]);
        elements = larger_of(elements, p->count);
    }
    if (orthogonal) {
        const size_t size = gn_dtype_size(l->dtype);
        GN_TRY(GN_OP(context, eigh_workspace, l->dtype, most, &m->work_bytes));
        GN_TRY(gn_buffer_create(context, &m->gram, l->dtype, most, most, "a gradient's Gram"));
        GN_TRY(gn_buffer_create(context, &m->work, l->dtype, (m->work_bytes + size - 1) / size, 1,
                                "the workspace of a gradient's singular values"));
    }
    GN_TRY(gn_buffer_create(context, &m->scaled, l->dtype, elements, 1, "a scaled gradient"));
    GN_TRY(gn_buffer_create(context, &m->values, l->dtype, most, 1, "a gradient's singular values"));
    GN_TRY(gn_buffer_create(context, &m->gains, l->dtype, most, 1, "their gains"));
    GN_TRY(gn_buffer_create(context, &m->zero, GN_FLOAT64, 1, 1, "a zero"));
    return gn_array_fill(&m->zero, 0);
}

void gn_matrix_gradient_destroy(gn_matrix_gradient *m) {
    gn_array *buffers[] = {&m->gram, &m->scaled, &m->values, &m->gains, &m->zero, &m->work};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    m->named = NULL;
}

gn_status gn_matrix_gradient_reserve(gn_matrix_gradient *m, gn_linearization *l) {
    size_t count;
    const gn_parameter *named = gn_linearization_named(l, &count);
    if (m->kind == GN_GRADIENT_PLAIN || (named && named == m->named))
        return GN_OK;
    if (!named)
        return gn_fail(l->context, GN_ERROR_UNSUPPORTED,
                       "gradient: its matrices are a network's; callbacks have parameters without shapes");
    gn_matrix_gradient_destroy(m);
    m->named = named;
    const gn_status status = create_buffers(m, l, count);
    if (status != GN_OK)
        gn_matrix_gradient_destroy(m);
    return status;
}

/* ---- one matrix ---- */

/* gains = max(values, LEAST)^-1/2 */
static gn_status find_gains(gn_matrix_gradient *m, gn_linearization *l, size_t n) {
    return GN_OP(l->context, spectral_power, l->dtype, n, m->values.data, 0.5, LEAST, false, NULL,
                 m->zero.data, NULL, m->gains.data);
}

/* G (out x in) = U S V' becomes U min(S / 1e-6, 1) V'. With Q's rows the eigenvectors of the smaller Gram and
 * D the gains: Q' D Q G, or, of more rows than columns, G Q' D Q. */
static gn_status orthogonalize(gn_matrix_gradient *m, gn_linearization *l, const gn_parameter *p, void *g) {
    gn_context *c = l->context;
    const gn_dtype type = l->dtype;
    const size_t out = p->shape[0], in = p->shape[1], k = smaller(p);
    const bool wide = out <= in;
    const size_t rows = wide ? in : out; /* of the larger side */
    void *q = m->gram.data, *t = m->scaled.data;
    GN_TRY(GN_OP(c, syrk, type, !wide, k, rows, 1.0, g, in, 0.0, q, k));
    GN_TRY(gn_eigh(c, type, k, q, k, m->values.data, m->work.data, m->work_bytes));
    GN_TRY(find_gains(m, l, k));
    GN_TRY(GN_OP(c, gemm, type, wide, true, rows, k, k, 1.0, g, in, q, k, 0.0, t, k));
    GN_TRY(GN_OP(c, multiply_rows, type, 1, rows, k, t, m->gains.data, t));
    return wide ? GN_OP(c, gemm, type, true, true, out, in, k, 1.0, q, k, t, k, 0.0, g, in)
                : GN_OP(c, gemm, type, false, false, out, in, k, 1.0, t, k, q, k, 0.0, g, in);
}

static gn_status normalize_columns(gn_matrix_gradient *m, gn_linearization *l, const gn_parameter *p,
                                   void *g) {
    const size_t out = p->shape[0], in = p->shape[1];
    void *t = m->scaled.data;
    GN_TRY(GN_OP(l->context, multiply, l->dtype, p->count, g, g, t));
    GN_TRY(GN_OP(l->context, column_sums, l->dtype, out, in, t, m->values.data));
    GN_TRY(find_gains(m, l, in));
    return GN_OP(l->context, multiply_rows, l->dtype, 1, out, in, g, m->gains.data, g);
}

gn_status gn_matrix_gradient_apply(gn_matrix_gradient *m, gn_linearization *l, void *g) {
    size_t count;
    if (m->kind == GN_GRADIENT_PLAIN)
        return GN_OK;
    GN_TRY(gn_matrix_gradient_reserve(m, l));
    gn_linearization_named(l, &count);
    for (size_t i = 0; i < count; i++) {
        const gn_parameter *p = &m->named[i];
        void *matrix = (char *)g + p->offset * gn_dtype_size(l->dtype);
        if (p->rank == 2)
            GN_TRY(m->kind == GN_GRADIENT_ORTHOGONAL ? orthogonalize(m, l, p, matrix)
                                                     : normalize_columns(m, l, p, matrix));
    }
    return GN_OK;
}
