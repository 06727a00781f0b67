#include "observe/principal.h"

#include <stdlib.h>

enum { PIECE_ROWS = 512 };

/* Rows [first, first + rows) in float64. */
static gn_status take_rows(const gn_principal *p, const gn_array *inputs, size_t first, gn_array *rows) {
    const size_t left = gn_array_length(inputs, 0) - first;
    const gn_array view = gn_array_view_rows(inputs, first, left < PIECE_ROWS ? left : PIECE_ROWS);
    *rows = gn_array_view_rows(&p->rows, 0, gn_array_length(&view, 0));
    return inputs->dtype == GN_FLOAT64 ? gn_array_copy(rows, &view) : gn_array_convert(rows, &view);
}

/* The sum of the rows (d) and of their outer products (d x d). */
static gn_status add_up(const gn_principal *p, const gn_array *inputs, gn_array *sum, gn_array *products) {
    const size_t d = p->features, n = gn_array_length(inputs, 0);
    gn_array rows, ones = p->along;
    GN_TRY(gn_array_fill(sum, 0));
    GN_TRY(gn_array_fill(products, 0));
    GN_TRY(gn_array_fill(&ones, 1));
    for (size_t first = 0; first < n; first += PIECE_ROWS) {
        GN_TRY(take_rows(p, inputs, first, &rows));
        const size_t count = gn_array_length(&rows, 0);
        GN_TRY(GN_OP(p->context, gemm, GN_FLOAT64, true, false, d, d, count, 1.0, rows.data, d, rows.data, d,
                     1.0, products->data, d));
        GN_TRY(GN_OP(p->context, gemm, GN_FLOAT64, false, false, 1, d, count, 1.0, ones.data, count,
                     rows.data, d, 1.0, sum->data, d));
    }
    return GN_OK;
}

/* The eigenvector of the largest eigenvalue of sum of x x' - n m m', which is the covariance's. */
static gn_status find_direction(gn_principal *p, const gn_array *inputs, gn_array *sum, gn_array *matrix,
                                gn_array *values, gn_array *work, size_t work_bytes) {
    const size_t d = p->features, n = gn_array_length(inputs, 0);
    GN_TRY(add_up(p, inputs, sum, matrix));
    GN_TRY(GN_OP(p->context, gemm, GN_FLOAT64, false, false, d, d, 1, -1 / (double)n, sum->data, 1, sum->data,
                 d, 1.0, matrix->data, d));
    GN_TRY(gn_eigh(p->context, GN_FLOAT64, d, matrix->data, d, values->data, work->data, work_bytes));
    gn_array last = gn_array_view_rows(matrix, d - 1, 1);
    return gn_array_copy(&p->direction, &last);
}

static gn_status decompose(gn_principal *p, const gn_array *inputs) {
    gn_context *context = p->context;
    const size_t d = p->features;
    gn_array sum = {0}, matrix = {0}, values = {0}, work = {0};
    size_t bytes;
    gn_status status;
    GN_TRY(gn_memory_predict(context, 2.0 * (double)d * (double)d * 8, "the covariance of the inputs",
                             "leave out what needs their principal component (nudft)"));
    GN_TRY(GN_OP(context, eigh_workspace, GN_FLOAT64, d, &bytes));
    GN_TRY_DONE(gn_buffer_create(context, &sum, GN_FLOAT64, d, 1, "the sum of the inputs"));
    GN_TRY_DONE(gn_buffer_create(context, &matrix, GN_FLOAT64, d, d, "the covariance of the inputs"));
    GN_TRY_DONE(gn_buffer_create(context, &values, GN_FLOAT64, d, 1, "its eigenvalues"));
    GN_TRY_DONE(gn_buffer_create(context, &work, GN_FLOAT64, bytes / 8 + 1, 1, "its eigensolver"));
    status = find_direction(p, inputs, &sum, &matrix, &values, &work, bytes);
done:
    gn_buffer_destroy(&sum);
    gn_buffer_destroy(&matrix);
    gn_buffer_destroy(&values);
    gn_buffer_destroy(&work);
    return status;
}

gn_status gn_principal_create(gn_context *context, const gn_array *inputs, gn_principal *principal) {
    const size_t d = gn_array_length(inputs, 1);
    *principal = (gn_principal){.context = context, .features = d};
    GN_TRY(gn_buffer_create(context, &principal->direction, GN_FLOAT64, d, 1, "the principal component"));
    GN_TRY(gn_buffer_create(context, &principal->rows, GN_FLOAT64, PIECE_ROWS, d, "inputs in float64"));
    GN_TRY(gn_buffer_create(context, &principal->along, GN_FLOAT64, PIECE_ROWS, 1, "their projections"));
    return d == 1 ? gn_array_fill(&principal->direction, 1) : decompose(principal, inputs);
}

void gn_principal_destroy(gn_principal *principal) {
    gn_buffer_destroy(&principal->direction);
    gn_buffer_destroy(&principal->rows);
    gn_buffer_destroy(&principal->along);
    *principal = (gn_principal){0};
}

gn_status gn_principal_project(const gn_principal *p, const gn_array *inputs, double *x) {
    const size_t d = p->features, n = gn_array_length(inputs, 0);
    for (size_t first = 0; first < n; first += PIECE_ROWS) {
        gn_array rows;
        GN_TRY(take_rows(p, inputs, first, &rows));
        const size_t count = gn_array_length(&rows, 0);
        GN_TRY(GN_OP(p->context, gemv, GN_FLOAT64, false, count, d, 1.0, rows.data, d, p->direction.data, 0.0,
                     p->along.data));
        const gn_array along = gn_array_view_rows(&p->along, 0, count);
        GN_TRY(gn_array_read(&along, x + first, count));
    }
    return GN_OK;
}
