/* The randomised Nystrom approximation A ~ Y' G^-1 Y with Y = Omega A and G = Omega A Omega', rows being what
 * the paper has as columns. With G = Q' D Q: B = D^(-1/2) Q Y has B'B ~ A, so that the eigenvalues of B B' =
 * V' Lambda V are A's largest, and U' = Lambda^(-1/2) V B are their eigenvectors. The long products are the
 * device's in its own type; what is rank x rank is float64. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"
#include "solve/preconditioner.h"

typedef struct nystrom {
    gn_preconditioner base;
    gn_operator a;
    size_t rank;
    uint64_t seed;
    gn_array omega;        /* rank x n: the test matrix */
    gn_array u;            /* rank x n: Y, then U' */
    gn_array b;            /* rank x n */
    gn_array small;        /* rank x rank: a Gram, then what rows are mixed by */
    gn_array square;       /* rank x rank, float64: a Gram, then its eigenvectors */
    gn_array values;       /* rank, float64 */
    gn_array work;         /* of the eigendecomposition */
    gn_array mixed;        /* rows x rank: U'r */
    gn_array coefficients; /* rows x rank: (lambda_rank + mu) / (lambda + mu) - 1 */
    size_t work_bytes;
    double *host;        /* rank x rank */
    double *host_values; /* rank: D, then Lambda, ascending; 0: dropped */
    double *host_row;    /* the longer of n and rows x rank */
} nystrom;

static double epsilon_of(const nystrom *self) {
    return self->base.dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
}

/* small = x y', rank x n each */
static gn_status gram(const nystrom *self, const gn_array *x, const gn_array *y) {
    const size_t n = self->base.n, rank = self->rank;
    return GN_OP(self->base.context, gemm, self->base.dtype, false, true, rank, rank, n, 1, x->data, n,
                 y->data, n, 0, self->small.data, rank);
}

/* to = small from */
static gn_status mix(const nystrom *self, const gn_array *from, const gn_array *to) {
    const size_t n = self->base.n, rank = self->rank;
    return GN_OP(self->base.context, gemm, self->base.dtype, false, false, rank, n, rank, 1, self->small.data,
                 rank, from->data, n, 0, to->data, n);
}

/* small = D^(-1/2) Q for small = Q' D Q. Eigenvalues within rounding errors of 0 are dropped, with their
 * rows. */
static gn_status inverse_root(nystrom *self) {
    gn_context *context = self->base.context;
    const size_t rank = self->rank;
    GN_TRY(gn_array_read(&self->small, self->host, rank * rank));
    for (size_t i = 0; i < rank; i++) /* x y' is symmetric up to rounding */
        for (size_t j = 0; j < i; j++)
            self->host[i * rank + j] = 0.5 * (self->host[i * rank + j] + self->host[j * rank + i]);
    GN_TRY(gn_array_write(&self->square, self->host, rank * rank));
    GN_TRY(gn_eigh(context, GN_FLOAT64, rank, self->square.data, rank, self->values.data, self->work.data,
                   self->work_bytes));
    GN_TRY(gn_array_read(&self->values, self->host_values, rank));
    GN_TRY(gn_array_read(&self->square, self->host, rank * rank));
    const double least = epsilon_of(self) * (double)rank * self->host_values[rank - 1];
    for (size_t i = 0; i < rank; i++) {
        double *value = &self->host_values[i];
        if (!(*value > least))
            *value = 0;
        for (size_t j = 0; j < rank; j++)
            self->host[i * rank + j] *= *value > 0 ? 1 / sqrt(*value) : 0;
    }
    return gn_array_write(&self->small, self->host, rank * rank);
}

static gn_status nystrom_update(gn_preconditioner *base) {
    nystrom *self = (nystrom *)base;
    GN_TRY(self->a.apply(self->a.user, self->rank, self->omega.data, self->u.data));
    GN_TRY(gram(self, &self->omega, &self->u));
    GN_TRY(inverse_root(self));
    GN_TRY(mix(self, &self->u, &self->b));
    GN_TRY(gram(self, &self->b, &self->b));
    GN_TRY(inverse_root(self));
    return mix(self, &self->b, &self->u);
}

/* (lambda_rank + mu) / (lambda + mu), at least so much that rounding in U leaves P positive definite. */
static double ratio(const nystrom *self, double smallest, double lambda, double mu) {
    return fmax((smallest + mu) / (lambda + mu), 32 * epsilon_of(self));
}

static gn_status nystrom_refresh(gn_preconditioner *base) {
    nystrom *self = (nystrom *)base;
    const size_t rank = self->rank;
    size_t first = 0;
    while (first < rank && self->host_values[first] == 0)
        first++;
    for (size_t i = 0; i < base->rows; i++)
        for (size_t j = 0; j < rank; j++)
            self->host_row[i * rank + j] =
                j < first ? 0
                          : ratio(self, self->host_values[first], self->host_values[j], base->damping[i]) - 1;
    return gn_array_write(&self->coefficients, self->host_row, base->rows * rank);
}

/* z = r + U (coefficients .* U'r), several rows at once. */
static gn_status apply_rows(const nystrom *self, const void *r, void *z) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t rows = self->base.rows, n = self->base.n, rank = self->rank;
    void *mixed = self->mixed.data;
    GN_TRY(GN_OP(context, gemm, dtype, false, true, rows, rank, n, 1, r, n, self->u.data, n, 0, mixed, rank));
    GN_TRY(GN_OP(context, multiply, dtype, rows * rank, mixed, self->coefficients.data, mixed));
    GN_TRY(GN_OP(context, copy, z, r, rows * n * gn_dtype_size(dtype)));
    return GN_OP(context, gemm, dtype, false, false, rows, n, rank, 1, mixed, rank, self->u.data, n, 1, z, n);
}

static gn_status nystrom_apply(gn_preconditioner *base, const void *r, void *z) {
    const nystrom *self = (nystrom *)base;
    gn_context *context = base->context;
    const size_t n = base->n, rank = self->rank;
    void *mixed = self->mixed.data;
    if (base->rows != 1)
        return apply_rows(self, r, z);
    GN_TRY(GN_OP(context, gemv, base->dtype, false, rank, n, 1, self->u.data, n, r, 0, mixed));
    GN_TRY(GN_OP(context, multiply, base->dtype, rank, mixed, self->coefficients.data, mixed));
    GN_TRY(GN_OP(context, copy, z, r, n * gn_dtype_size(base->dtype)));
    return GN_OP(context, gemv, base->dtype, true, rank, n, 1, self->u.data, n, mixed, 1, z);
}

static void nystrom_destroy(gn_preconditioner *base) {
    nystrom *self = (nystrom *)base;
    gn_array *buffers[] = {&self->omega,  &self->u,    &self->b,     &self->small,       &self->square,
                           &self->values, &self->work, &self->mixed, &self->coefficients};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(self->host);
    free(self->host_values);
    free(self->host_row);
}

static const gn_preconditioner_interface nystrom_interface = {nystrom_update, nystrom_refresh, nystrom_apply,
                                                              nystrom_destroy};

/* ---- making one ---- */

static gn_status create_long(nystrom *self) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    static const char what[] = "a Nystrom preconditioner";
    GN_TRY(gn_buffer_create(context, &self->omega, dtype, self->rank, self->base.n, what));
    GN_TRY(gn_buffer_create(context, &self->u, dtype, self->rank, self->base.n, what));
    return gn_buffer_create(context, &self->b, dtype, self->rank, self->base.n, what);
}

static gn_status create_small(nystrom *self) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t rank = self->rank, rows = self->base.rows, n = self->base.n;
    static const char what[] = "a Nystrom preconditioner's small matrices";
    GN_TRY(gn_buffer_create(context, &self->small, dtype, rank, rank, what));
    GN_TRY(gn_buffer_create(context, &self->square, GN_FLOAT64, rank, rank, what));
    GN_TRY(gn_buffer_create(context, &self->values, GN_FLOAT64, rank, 1, what));
    GN_TRY(gn_buffer_create(context, &self->mixed, dtype, rows, rank, what));
    GN_TRY(gn_buffer_create(context, &self->coefficients, dtype, rows, rank, what));
    GN_TRY(GN_OP(context, eigh_workspace, GN_FLOAT64, rank, &self->work_bytes));
    GN_TRY(
        gn_buffer_create(context, &self->work, GN_FLOAT64, self->work_bytes / sizeof(double) + 1, 1, what));
    self->host = calloc(rank * rank, sizeof(double));
    self->host_values = calloc(rank, sizeof(double));
    self->host_row = calloc((n > rows * rank ? n : rows * rank) + 1, sizeof(double));
    if (!self->host || !self->host_values || !self->host_row)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
    return GN_OK;
}

/* The test matrix, a row at a time; rows begin at even numbers, which normals come in pairs from. */
static gn_status draw(nystrom *self) {
    const size_t n = self->base.n, size = gn_dtype_size(self->base.dtype);
    for (size_t i = 0; i < self->rank; i++) {
        char *to = (char *)self->omega.data + i * n * size;
        gn_array row = gn_array_view(self->base.context, self->base.dtype, 1, n, to);
        gn_random_normal(self->seed, GN_STREAM_AUXILIARY, i * (n + n % 2), n, 0, 1, self->host_row);
        GN_TRY(gn_array_write(&row, self->host_row, n));
    }
    return GN_OK;
}

gn_status gn_preconditioner_create_nystrom(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                           size_t rank, uint64_t seed, gn_operator a,
                                           gn_preconditioner **preconditioner) {
    *preconditioner = NULL;
    if (rank < 1 || rank > n)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a Nystrom preconditioner of %zu unknowns cannot have rank %zu", n, rank);
    nystrom *self = calloc(1, sizeof *self);
    if (!self)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
    self->a = a;
    self->rank = rank;
    self->seed = seed;
    gn_status status = gn_preconditioner_prepare(&self->base, &nystrom_interface, context, dtype, rows, n);
    if (status == GN_OK)
        status = create_long(self);
    if (status == GN_OK)
        status = create_small(self);
    if (status == GN_OK)
        status = draw(self);
    if (status != GN_OK) {
        gn_preconditioner_destroy(&self->base);
        return status;
    }
    *preconditioner = &self->base;
    return GN_OK;
}
