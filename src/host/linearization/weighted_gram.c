/* J diag(s)^2 J' from blocks of rows of J: no network's structure helps where each weight has a factor of its
 * own. */
#include "linearization/linearization.h"

/* Where tile (i, j) of blocks of samples begins in k. */
static void *tile_at(const gn_linearization *self, const gn_array *k, size_t i, size_t j) {
    const size_t rows = gn_linearization_rows(self), c = self->outputs;
    return (char *)k->data + (i * rows + j) * c * gn_dtype_size(self->dtype);
}

/* Rows of J diag(s) of `samples` samples from `first`. */
static gn_status fill_block(gn_linearization *self, const gn_array *s, size_t first, size_t samples,
                            const gn_array *block) {
    const size_t rows = samples * self->outputs, p = self->parameters;
    gn_array j = gn_array_view(self->context, self->dtype, rows, p, block->data);
    GN_TRY(gn_linearization_jacobian(self, first, samples, &j));
    return GN_OP(self->context, multiply_rows, self->dtype, 1, rows, p, j.data, s->data, j.data);
}

size_t gn_linearization_weighted_block(const gn_linearization *self, double most) {
    const size_t sample = self->outputs * self->parameters;
    const double fit = most / (double)gn_dtype_size(self->dtype) / (double)sample;
    const size_t samples = fit < 1 ? 1 : fit < (double)self->samples ? (size_t)fit : self->samples;
    return samples * sample;
}

gn_status gn_linearization_weighted_gram(gn_linearization *self, const gn_array *s, gn_array *a, gn_array *b,
                                         gn_array *k) {
    const size_t p = self->parameters, c = self->outputs, n = self->samples, ldk = n * c;
    const size_t step = gn_array_count(a) / (c * p);
    gn_context *context = self->context;
    GN_TRY(gn_array_expect(context, s, self->dtype, p, "s"));
    GN_TRY(gn_array_expect(context, k, self->dtype, ldk * ldk, "k"));
    for (size_t i = 0; i < n; i += step) {
        const size_t ni = n - i < step ? n - i : step;
        GN_TRY(fill_block(self, s, i, ni, a));
        GN_TRY(GN_OP(context, syrk, self->dtype, false, ni * c, p, 1.0, a->data, p, 0.0,
                     tile_at(self, k, i, i), ldk));
        for (size_t j = 0; j < i; j += step) {
            GN_TRY(fill_block(self, s, j, step, b));
            GN_TRY(GN_OP(context, gemm, self->dtype, false, true, ni * c, step * c, p, 1.0, a->data, p,
                         b->data, p, 0.0, tile_at(self, k, i, j), ldk));
        }
    }
    return GN_OP(context, symmetrize, self->dtype, ldk, k->data, ldk);
}
