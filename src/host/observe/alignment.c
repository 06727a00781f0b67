#include "observe/alignment.h"

#include <math.h>

static size_t outputs_of(const gn_probe *probe) {
    return probe->rows / probe->samples;
}

gn_status gn_kernel_sums_create(gn_probe *probe, gn_kernel_sums *sums) {
    const size_t c = outputs_of(probe);
    const gn_dtype type = probe->kernel.dtype;
    GN_TRY(gn_buffer_create(probe->context, &sums->rows, type, c, probe->rows, "a kernel's sums"));
    return gn_buffer_create(probe->context, &sums->totals, type, c, c, "a kernel's totals");
}

void gn_kernel_sums_destroy(gn_kernel_sums *sums) {
    gn_buffer_destroy(&sums->rows);
    gn_buffer_destroy(&sums->totals);
}

/* <H K H, H K' H>_F = <K, K'> - 2 <R, R'> / N + <T, T'> / N^2 with the sums R of rows and their totals T. */
static gn_status centred_product(gn_probe *probe, double product, const gn_kernel_sums *a,
                                 const gn_kernel_sums *b, double *result) {
    const double n = (double)probe->samples;
    double rows, totals;
    GN_TRY(gn_probe_dot(probe, &a->rows, &b->rows, &rows));
    GN_TRY(gn_probe_dot(probe, &a->totals, &b->totals, &totals));
    *result = product - 2 * rows / n + totals / (n * n);
    return GN_OK;
}

gn_status gn_kernel_sums_fill(gn_probe *probe, const gn_array *k, gn_kernel_sums *sums) {
    gn_context *context = probe->context;
    const size_t n = probe->samples, c = outputs_of(probe);
    double rows;
    GN_TRY(GN_OP(context, column_sums, k->dtype, n, c * probe->rows, k->data, sums->rows.data));
    for (size_t i = 0; i < c; i++) {
        const gn_array row = gn_array_view_rows(&sums->rows, i, 1),
                       total = gn_array_view_rows(&sums->totals, i, 1);
        GN_TRY(GN_OP(context, column_sums, k->dtype, n, c, row.data, total.data));
    }
    GN_TRY(gn_probe_dot(probe, k, k, &sums->square));
    GN_TRY(gn_probe_dot(probe, &sums->rows, &sums->rows, &rows));
    sums->one_side = sums->square - rows / (double)n;
    return centred_product(probe, sums->square, sums, sums, &sums->both);
}

gn_status gn_kernel_alignment(gn_probe *probe, const gn_array *k, const gn_kernel_sums *sums,
                              const gn_array *other, const gn_kernel_sums *other_sums, double *alignment) {
    double product, centred;
    GN_TRY(gn_probe_dot(probe, k, other, &product));
    GN_TRY(centred_product(probe, product, sums, other_sums, &centred));
    *alignment = centred / sqrt(sums->both * other_sums->both);
    return GN_OK;
}

gn_status gn_target_alignment(gn_probe *probe, const gn_array *k, const gn_kernel_sums *sums,
                              const gn_array *centred, double norm2, double *alignment) {
    const size_t rows = probe->rows;
    double form;
    GN_TRY(GN_OP(probe->context, gemv, k->dtype, false, rows, rows, 1.0, k->data, rows, centred->data, 0.0,
                 probe->modes.data));
    GN_TRY(gn_probe_dot(probe, centred, &probe->modes, &form));
    *alignment = form / (sqrt(sums->one_side) * norm2);
    return GN_OK;
}

gn_status gn_centre_targets(gn_probe *probe, const gn_array *y, gn_array *centred, double *norm2) {
    gn_context *context = probe->context;
    const size_t n = probe->samples, c = outputs_of(probe);
    void *mean = probe->modes.data;
    GN_TRY(GN_OP(context, column_sums, y->dtype, n, c, y->data, mean));
    GN_TRY(GN_OP(context, bias_rows, y->dtype, n, c, mean, centred->data));
    GN_TRY(GN_OP(context, axpby, y->dtype, n * c, 1.0, y->data, -1 / (double)n, centred->data));
    return gn_probe_dot(probe, centred, centred, norm2);
}
