#include "solve/symmetric.h"

#include <stdlib.h>

struct gn_symmetric {
    gn_context *context;
    gn_dtype dtype;
    gn_symmetric_options options;
    size_t n;
    bool decomposed;       /* spectral: matrix holds the eigenvectors */
    gn_damped damped;      /* of the last solve */
    gn_array matrix;       /* capacity^2 */
    gn_array factor;       /* capacity^2, repeated Cholesky only */
    gn_array values;       /* capacity, spectral */
    gn_array coefficients; /* capacity, spectral: Q b */
    gn_array work;         /* the device's own workspace, bytes / element size */
    size_t work_bytes;
    gn_array slots; /* 2 */
};

static bool spectral(gn_symmetric_options options) {
    return options.method == GN_SYMMETRIC_SPECTRAL;
}

static gn_status workspace_bytes(gn_context *context, gn_dtype dtype, size_t n, gn_symmetric_options options,
                                 size_t *bytes) {
    if (spectral(options))
        return GN_OP(context, eigh_workspace, dtype, n, bytes);
    return GN_OP(context, cholesky_workspace, dtype, n, bytes);
}

double gn_symmetric_bytes(gn_context *context, gn_dtype dtype, size_t capacity,
                          gn_symmetric_options options) {
    double n = (double)capacity, size = (double)gn_dtype_size(dtype);
    size_t work = 0;
    double matrix = n * n * size;
    /* only ask for the workspace of a matrix that fits at all: its size may overflow otherwise */
    if (matrix < 1e15 && workspace_bytes(context, dtype, capacity, options, &work) != GN_OK)
        work = 0;
    double copies = !spectral(options) && options.repeated ? 2 : 1;
    return copies * matrix + (spectral(options) ? 2 * n * size : 0) + (double)work;
}

static gn_status create_buffers(gn_symmetric *s, size_t capacity) {
    gn_context *context = s->context;
    GN_TRY(gn_buffer_create(context, &s->matrix, s->dtype, capacity, capacity, "the matrix of a solve"));
    if (spectral(s->options)) {
        GN_TRY(gn_buffer_create(context, &s->values, s->dtype, capacity, 1, "eigenvalues"));
        GN_TRY(gn_buffer_create(context, &s->coefficients, s->dtype, capacity, 1, "spectral coefficients"));
    } else if (s->options.repeated) {
        GN_TRY(gn_buffer_create(context, &s->factor, s->dtype, capacity, capacity, "the factor of a solve"));
    }
    GN_TRY(workspace_bytes(context, s->dtype, capacity, s->options, &s->work_bytes));
    size_t size = gn_dtype_size(s->dtype);
    GN_TRY(gn_buffer_create(context, &s->work, s->dtype, (s->work_bytes + size - 1) / size, 1,
                            "the workspace of a solve"));
    return gn_buffer_create(context, &s->slots, GN_FLOAT64, 2, 1, "the scalars of a solve");
}

gn_status gn_symmetric_create(gn_context *context, gn_dtype dtype, size_t capacity,
                              gn_symmetric_options options, gn_symmetric **out) {
    *out = NULL;
    gn_symmetric *s = calloc(1, sizeof *s);
    if (!s)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a solver");
    s->context = context;
    s->dtype = dtype;
    s->options = options;
    gn_status status = create_buffers(s, capacity);
    if (status != GN_OK) {
        gn_symmetric_destroy(s);
        return status;
    }
    *out = s;
    return GN_OK;
}

void gn_symmetric_destroy(gn_symmetric *s) {
    if (!s)
        return;
    gn_array *buffers[] = {&s->matrix, &s->factor, &s->values, &s->coefficients, &s->work, &s->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(s);
}

void *gn_symmetric_matrix(gn_symmetric *s, size_t n) {
    s->n = n;
    s->decomposed = false;
    return s->matrix.data;
}

gn_status gn_symmetric_decompose(gn_symmetric *s) {
    if (s->decomposed)
        return GN_OK;
    GN_TRY(gn_eigh(s->context, s->dtype, s->n, s->matrix.data, s->n, s->values.data, s->work.data,
                   s->work_bytes));
    s->decomposed = true;
    return GN_OK;
}

void *gn_symmetric_vectors(const gn_symmetric *s) {
    return s->matrix.data;
}

/* coefficients = Q b, the eigenvectors being the rows of Q. */
static gn_status to_modes(gn_symmetric *s, const void *b) {
    GN_TRY(gn_symmetric_decompose(s));
    return GN_OP(s->context, gemv, s->dtype, false, s->n, s->n, 1.0, s->matrix.data, s->n, b, 0.0,
                 s->coefficients.data);
}

/* x = Q' coefficients */
static gn_status from_modes(gn_symmetric *s, void *x) {
    return GN_OP(s->context, gemv, s->dtype, true, s->n, s->n, 1.0, s->matrix.data, s->n,
                 s->coefficients.data, 0.0, x);
}

static gn_status solve_spectral(gn_symmetric *s, gn_damped damped, const void *b, void *x) {
    void *c = s->coefficients.data;
    GN_TRY(to_modes(s, b));
    GN_TRY(GN_OP(s->context, spectral_filter, s->dtype, s->n, s->values.data, damped.damping, damped.floor,
                 damped.cutoff, c, c, s->slots.data));
    return from_modes(s, x);
}

gn_status gn_symmetric_power(gn_symmetric *s, gn_power power, const void *b, void *x) {
    void *c = s->coefficients.data;
    GN_TRY(to_modes(s, b));
    GN_TRY(GN_OP(s->context, spectral_power, s->dtype, s->n, s->values.data, power.exponent, 0.0, true,
                 power.order, power.mu, c, c));
    return from_modes(s, x);
}

static gn_status solve_triangular(gn_symmetric *s, const void *l, const void *b, void *x) {
    if (x != b)
        GN_TRY(GN_OP(s->context, copy, x, b, s->n * gn_dtype_size(s->dtype)));
    return GN_OP(s->context, cholesky_solve, s->dtype, s->n, l, s->n, 1, x);
}

static gn_status solve_cholesky(gn_symmetric *s, gn_damped damped, const void *b, void *x) {
    gn_context *context = s->context;
    size_t n = s->n, size = gn_dtype_size(s->dtype);
    void *l = s->matrix.data;
    if (s->options.repeated) {
        l = s->factor.data;
        GN_TRY(GN_OP(context, copy, l, s->matrix.data, n * n * size));
    }
    GN_TRY(GN_OP(context, add_damping, s->dtype, n, l, n, damped.damping, damped.floor, s->slots.data));
    GN_TRY(GN_OP(context, cholesky, s->dtype, n, l, n, s->work.data, s->work_bytes));
    return solve_triangular(s, l, b, x);
}

gn_status gn_symmetric_solve(gn_symmetric *s, gn_damped damped, const void *b, void *x) {
    s->damped = damped;
    return spectral(s->options) ? solve_spectral(s, damped, b, x) : solve_cholesky(s, damped, b, x);
}

gn_status gn_symmetric_solve_again(gn_symmetric *s, const void *b, void *x) {
    if (spectral(s->options))
        return solve_spectral(s, s->damped, b, x);
    return solve_triangular(s, s->options.repeated ? s->factor.data : s->matrix.data, b, x);
}

const double *gn_symmetric_slots(const gn_symmetric *s) {
    return s->slots.data;
}

size_t gn_symmetric_size(const gn_symmetric *s) {
    return s->n;
}

const void *gn_symmetric_values(const gn_symmetric *s) {
    return s->values.data;
}
