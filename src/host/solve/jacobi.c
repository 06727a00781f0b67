/* The diagonal as a preconditioner: a row's reciprocals are kept, so that applying it is one product. */
#include <stdlib.h>

#include "solve/preconditioner.h"

typedef struct jacobi {
    gn_preconditioner base;
    gn_status (*diagonal)(void *user, void *d);
    void *user;
    gn_array values;   /* n */
    gn_array ones;     /* n */
    gn_array inverses; /* rows x n */
    gn_array slots;    /* 2: what spectral_filter leaves */
} jacobi;

static gn_status jacobi_update(gn_preconditioner *base) {
    jacobi *self = (jacobi *)base;
    return self->diagonal(self->user, self->values.data);
}

/* 1 / (d + mu) is what spectral_filter makes of ones. */
static gn_status jacobi_refresh(gn_preconditioner *base) {
    jacobi *self = (jacobi *)base;
    for (size_t i = 0; i < base->rows; i++) {
        char *inverse = (char *)self->inverses.data + i * base->n * gn_dtype_size(base->dtype);
        GN_TRY(GN_OP(base->context, spectral_filter, base->dtype, base->n, self->values.data,
                     base->damping[i], 0, -1.0, self->ones.data, inverse, self->slots.data));
    }
    return GN_OK;
}

static gn_status jacobi_apply(gn_preconditioner *base, const void *r, void *z) {
    const jacobi *self = (jacobi *)base;
    return GN_OP(base->context, multiply, base->dtype, base->rows * base->n, r, self->inverses.data, z);
}

static void jacobi_destroy(gn_preconditioner *base) {
    jacobi *self = (jacobi *)base;
    gn_array *buffers[] = {&self->values, &self->ones, &self->inverses, &self->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
}

static const gn_preconditioner_interface jacobi_interface = {jacobi_update, jacobi_refresh, jacobi_apply,
                                                             jacobi_destroy};

static gn_status create_buffers(jacobi *self) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t n = self->base.n;
    GN_TRY(gn_buffer_create(context, &self->values, dtype, n, 1, "a diagonal"));
    GN_TRY(gn_buffer_create(context, &self->ones, dtype, n, 1, "ones"));
    GN_TRY(
        gn_buffer_create(context, &self->inverses, dtype, self->base.rows, n, "a diagonal preconditioner"));
    GN_TRY(gn_buffer_create(context, &self->slots, GN_FLOAT64, 2, 1, "the scalars of a preconditioner"));
    return gn_array_fill(&self->ones, 1);
}

gn_status gn_preconditioner_create_jacobi(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                          gn_status (*diagonal)(void *user, void *d), void *user,
                                          gn_preconditioner **preconditioner) {
    *preconditioner = NULL;
    jacobi *self = calloc(1, sizeof *self);
    if (!self)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
    self->diagonal = diagonal;
    self->user = user;
    gn_status status = gn_preconditioner_prepare(&self->base, &jacobi_interface, context, dtype, rows, n);
    if (status == GN_OK)
        status = create_buffers(self);
    if (status != GN_OK) {
        gn_preconditioner_destroy(&self->base);
        return status;
    }
    *preconditioner = &self->base;
    return GN_OK;
}
