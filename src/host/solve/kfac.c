/* Layerwise Kronecker factors. A layer of parameters [W, bias] (out x in', in' = in or in + 1 with the bias)
 * has the block B (x) A of P, whose inverse on R (out x in') is B^-1 R A^-1: two products with inverses that
 * are made when A is looked at or the damping changes. mu is split as (A + pi sqrt(mu) I) (x) (B +
 * sqrt(mu)/pi I), pi^2 = (tr A / in') / (tr B / out). What belongs to no layer has its diagonal. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "solve/preconditioner.h"

/* Elements between which matrices begin. */
#define ALIGNMENT 16

typedef struct factor {
    size_t n, at; /* n x n, from element `at` of the factors, and of a row's inverses */
    double trace;
} factor;

typedef struct layer {
    gn_kronecker_shape shape;
    factor a, b; /* in' x in', out x out */
} layer;

typedef struct kfac {
    gn_preconditioner base;
    gn_kronecker_source source;
    layer *layers;
    size_t count;
    size_t elements;         /* of all factors */
    gn_preconditioner *rest; /* Jacobi's, of what is in no layer; NULL: nothing is */
    gn_array factors;        /* elements; lower triangles */
    gn_array inverses;       /* rows x elements */
    gn_array square;         /* the largest factor: its Cholesky factor */
    gn_array work;           /* of that */
    size_t work_bytes;
    gn_array joined, half; /* the largest out x in' */
    gn_array slots;        /* traces, two a layer; the damping in force */
    double *host;          /* the traces */
} kfac;

static void *at(const kfac *self, const void *buffer, size_t element) {
    return (char *)buffer + element * gn_dtype_size(self->base.dtype);
}

static bool has_bias(const gn_kronecker_shape *shape) {
    return shape->bias != GN_KRONECKER_NO_BIAS;
}

/* ---- buffers, of the layers that the source has now ---- */

static void forget_layers(kfac *self) {
    gn_array *buffers[] = {&self->factors, &self->inverses, &self->square, &self->work,
                           &self->joined,  &self->half,     &self->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    gn_preconditioner_destroy(self->rest);
    self->rest = NULL;
    free(self->layers);
    free(self->host);
    self->layers = NULL;
    self->host = NULL;
    self->count = 0;
}

static bool same_layers(const kfac *self) {
    if (!self->layers || self->source.layers(self->source.user) != self->count)
        return false;
    for (size_t i = 0; i < self->count; i++) {
        const gn_kronecker_shape shape = self->source.shape(self->source.user, i);
        if (memcmp(&shape, &self->layers[i].shape, sizeof shape) != 0)
            return false;
    }
    return true;
}

static factor place(kfac *self, size_t n) {
    const factor placed = {.n = n, .at = self->elements};
    self->elements += (n * n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return placed;
}

/* What the layers need at most of one. */
typedef struct largest {
    size_t factor, block, parameters; /* n, out x in', all of them */
} largest;

static gn_status read_layers(kfac *self, largest *most) {
    self->count = self->source.layers(self->source.user);
    if (self->count == 0)
        return gn_fail(self->base.context, GN_ERROR_UNSUPPORTED,
                       "Kronecker factors are of a network's linear layers, and here are none: take another "
                       "preconditioner");
    self->layers = calloc(self->count, sizeof *self->layers);
    self->host = calloc(2 * self->count, sizeof *self->host);
    if (!self->layers || !self->host)
        return gn_fail(self->base.context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
    self->elements = 0;
    for (size_t i = 0; i < self->count; i++) {
        layer *l = &self->layers[i];
        l->shape = self->source.shape(self->source.user, i);
        l->a = place(self, l->shape.in + has_bias(&l->shape));
        l->b = place(self, l->shape.out);
        const size_t n = l->a.n > l->b.n ? l->a.n : l->b.n, block = l->a.n * l->b.n;
        most->factor = n > most->factor ? n : most->factor;
        most->block = block > most->block ? block : most->block;
        most->parameters += block;
    }
    return GN_OK;
}

static gn_status predict(const kfac *self, const largest *most) {
    const double rows = (double)self->base.rows,
                 rest = most->parameters == self->base.n ? 0 : (rows + 2) * (double)self->base.n;
    const double elements = (rows + 1) * (double)self->elements +
                            (double)most->factor * (double)most->factor + 2 * (double)most->block + rest;
    return gn_memory_predict(self->base.context, elements * (double)gn_dtype_size(self->base.dtype),
                             "a preconditioner of Kronecker factors",
                             "a narrower network, float32 or another cg.preconditioner");
}

static gn_status create_buffers(kfac *self, const largest *most) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t rows = self->base.rows;
    static const char what[] = "a preconditioner of Kronecker factors";
    GN_TRY(gn_buffer_create(context, &self->factors, dtype, self->elements, 1, what));
    GN_TRY(gn_buffer_create(context, &self->inverses, dtype, rows, self->elements, what));
    GN_TRY(gn_buffer_create(context, &self->square, dtype, most->factor, most->factor, what));
    GN_TRY(gn_buffer_create(context, &self->joined, dtype, most->block, 1, what));
    GN_TRY(gn_buffer_create(context, &self->half, dtype, most->block, 1, what));
    GN_TRY(gn_buffer_create(context, &self->slots, GN_FLOAT64, 2 * self->count + 1, 1, what));
    GN_TRY(GN_OP(context, cholesky_workspace, dtype, most->factor, &self->work_bytes));
    GN_TRY(
        gn_buffer_create(context, &self->work, GN_FLOAT64, self->work_bytes / sizeof(double) + 1, 1, what));
    if (most->parameters == self->base.n)
        return GN_OK;
    return gn_preconditioner_create_jacobi(context, dtype, rows, self->base.n, self->source.diagonal,
                                           self->source.user, &self->rest);
}

gn_status gn_preconditioner_reserve_kfac(gn_preconditioner *base) {
    kfac *self = (kfac *)base;
    largest most = {0, 0, 0};
    if (same_layers(self))
        return GN_OK;
    forget_layers(self);
    gn_status status = read_layers(self, &most);
    if (status == GN_OK)
        status = predict(self, &most);
    if (status == GN_OK)
        status = create_buffers(self, &most);
    if (status != GN_OK)
        forget_layers(self);
    return status;
}

/* ---- update: factors and their traces ---- */

/* square = the factor */
static gn_status take(const kfac *self, const factor *f) {
    return GN_OP(self->base.context, copy, self->square.data, at(self, self->factors.data, f->at),
                 f->n * f->n * gn_dtype_size(self->base.dtype));
}

/* A damping by all of the trace tells the trace. */
static gn_status find_trace(const kfac *self, const factor *f, double *slot) {
    GN_TRY(take(self, f));
    return GN_OP(self->base.context, add_damping, self->base.dtype, f->n, self->square.data, f->n, 0, 1,
                 slot);
}

static gn_status read_traces(kfac *self) {
    GN_TRY(gn_slots_read(self->base.context, self->slots.data, 2 * self->count, self->host));
    for (size_t i = 0; i < self->count; i++) {
        self->layers[i].a.trace = self->host[2 * i];
        self->layers[i].b.trace = self->host[2 * i + 1];
    }
    return GN_OK;
}

static gn_status kfac_update(gn_preconditioner *base) {
    kfac *self = (kfac *)base;
    GN_TRY(gn_preconditioner_reserve_kfac(base));
    for (size_t i = 0; i < self->count; i++) {
        const layer *l = &self->layers[i];
        double *traces = (double *)self->slots.data + 2 * i;
        GN_TRY(self->source.factors(self->source.user, i, at(self, self->factors.data, l->a.at),
                                    at(self, self->factors.data, l->b.at)));
        GN_TRY(find_trace(self, &l->a, traces));
        GN_TRY(find_trace(self, &l->b, traces + 1));
    }
    GN_TRY(read_traces(self));
    return self->rest ? gn_preconditioner_update(self->rest) : GN_OK;
}

/* ---- refresh: inverses ---- */

/* square = the Cholesky factor of f + delta I; more than delta where rounding asks for it. With a multiple of
 * its trace added every semidefinite matrix has one. */
static gn_status factorise(const kfac *self, const factor *f, double delta) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const double epsilon = dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
    double *slot = (double *)self->slots.data + 2 * self->count;
    gn_status status = GN_ERROR_NOT_POSITIVE_DEFINITE;
    for (double floor = 32 * epsilon; status == GN_ERROR_NOT_POSITIVE_DEFINITE && floor < 1; floor *= 32) {
        GN_TRY(take(self, f));
        GN_TRY(GN_OP(context, add_damping, dtype, f->n, self->square.data, f->n, delta, floor, slot));
        status =
            GN_OP(context, cholesky, dtype, f->n, self->square.data, f->n, self->work.data, self->work_bytes);
    }
    if (status == GN_ERROR_NOT_POSITIVE_DEFINITE)
        return gn_fail(context, GN_ERROR_NOT_FINITE, "a Kronecker factor holds a value that is not finite");
    return status;
}

/* A factor of zeros (of a layer that nothing comes out of) without damping: the identity does as well as any
 * other. */
static gn_status invert(const kfac *self, const factor *f, double delta, void *inverses) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    void *to = at(self, inverses, f->at);
    GN_TRY(factorise(self, f, delta > 0 || f->trace > 0 ? delta : 1));
    GN_TRY(GN_OP(context, unit_rows, dtype, 1, f->n, to));
    GN_TRY(GN_OP(context, cholesky_solve, dtype, f->n, self->square.data, f->n, f->n, to));
    return GN_OP(context, symmetrize, dtype, f->n, to, f->n);
}

static gn_status invert_layer(const kfac *self, const layer *l, double mu, void *inverses) {
    const bool both = l->a.trace > 0 && l->b.trace > 0;
    const double pi = both ? sqrt(l->a.trace / (double)l->a.n) / sqrt(l->b.trace / (double)l->b.n) : 1;
    GN_TRY(invert(self, &l->a, pi * sqrt(mu), inverses));
    return invert(self, &l->b, sqrt(mu) / pi, inverses);
}

static gn_status kfac_refresh(gn_preconditioner *base) {
    kfac *self = (kfac *)base;
    for (size_t i = 0; i < base->rows; i++)
        for (size_t k = 0; k < self->count; k++)
            GN_TRY(invert_layer(self, &self->layers[k], base->damping[i],
                                at(self, self->inverses.data, i * self->elements)));
    return self->rest ? gn_preconditioner_set_damping(self->rest, base->damping) : GN_OK;
}

/* ---- apply ---- */

/* x (out x in') = [W, bias] of a row of all parameters, or back. */
static gn_status join(const kfac *self, const layer *l, bool back, void *parameters, void *x) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t out = l->b.n, in = l->shape.in, width = l->a.n;
    void *weight = at(self, parameters, l->shape.weight), *bias = at(self, parameters, l->shape.bias);
    void *last = at(self, x, in);
    if (back) {
        GN_TRY(GN_OP(context, copy_rows, dtype, out, in, x, width, weight, in));
        return GN_OP(context, copy_rows, dtype, out, 1, last, width, bias, 1);
    }
    GN_TRY(GN_OP(context, copy_rows, dtype, out, in, weight, in, x, width));
    return GN_OP(context, copy_rows, dtype, out, 1, bias, 1, last, width);
}

/* z = B^-1 r A^-1, of one row and layer */
static gn_status apply_layer(const kfac *self, const layer *l, const void *inverses, const void *r, void *z) {
    gn_context *context = self->base.context;
    const gn_dtype dtype = self->base.dtype;
    const size_t out = l->b.n, in = l->a.n;
    const bool bias = has_bias(&l->shape);
    const void *from = bias ? self->joined.data : at(self, r, l->shape.weight);
    void *to = bias ? self->joined.data : at(self, z, l->shape.weight);
    if (bias)
        GN_TRY(join(self, l, false, (void *)r, self->joined.data));
    GN_TRY(GN_OP(context, gemm, dtype, false, false, out, in, out, 1, at(self, inverses, l->b.at), out, from,
                 in, 0, self->half.data, in));
    GN_TRY(GN_OP(context, gemm, dtype, false, false, out, in, in, 1, self->half.data, in,
                 at(self, inverses, l->a.at), in, 0, to, in));
    return bias ? join(self, l, true, z, self->joined.data) : GN_OK;
}

static gn_status kfac_apply(gn_preconditioner *base, const void *r, void *z) {
    const kfac *self = (kfac *)base;
    if (self->rest)
        GN_TRY(self->rest->interface->apply(self->rest, r, z));
    for (size_t i = 0; i < base->rows; i++)
        for (size_t k = 0; k < self->count; k++)
            GN_TRY(apply_layer(self, &self->layers[k], at(self, self->inverses.data, i * self->elements),
                               at(self, r, i * base->n), at(self, z, i * base->n)));
    return GN_OK;
}

/* ---- making one ---- */

static void kfac_destroy(gn_preconditioner *base) {
    forget_layers((kfac *)base);
}

static const gn_preconditioner_interface kfac_interface = {kfac_update, kfac_refresh, kfac_apply,
                                                           kfac_destroy};

gn_status gn_preconditioner_create_kfac(gn_context *context, gn_dtype dtype, size_t rows, size_t n,
                                        gn_kronecker_source source, gn_preconditioner **preconditioner) {
    *preconditioner = NULL;
    kfac *self = calloc(1, sizeof *self);
    if (!self)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
    self->source = source;
    const gn_status status = gn_preconditioner_prepare(&self->base, &kfac_interface, context, dtype, rows, n);
    if (status != GN_OK) {
        gn_preconditioner_destroy(&self->base);
        return status;
    }
    *preconditioner = &self->base;
    return GN_OK;
}
