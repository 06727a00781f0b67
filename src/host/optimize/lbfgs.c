/* lbfgs: theta <- theta - t d, d = H g for the gradient g of the mean loss and an inverse Hessian H that is
 * never formed: the two-loop recursion over the last pairs (s, y) of a step and its change of g (Nocedal and
 * Wright, Numerical Optimization, algorithm 7.4), with H_0 = s'y / y'y of the last one. The recursion's
 * scalars stay on the device; the host reads three numbers a step, which say whether a pair is kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/profile.h"
#include "core/size.h"
#include "optimize/optimizer.h"

/* A pair is kept where s'y > LEAST_COSINE ||s|| ||y||: H stays positive definite. */
#define LEAST_COSINE 1e-10

/* The pairs lie in a ring of memory + 1 rows; row `next` holds the last step until it is a pair. */
typedef struct ring {
    size_t next, count; /* count: pairs, at next - 1, next - 2, ... */
    bool pending;       /* row `next` holds a step */
} ring;

typedef struct lbfgs {
    gn_optimizer base; /* first: the two are one object */
    size_t rows;       /* memory + 1 */
    gn_array steps;    /* rows x P: s */
    gn_array changes;  /* rows x P: y */
    gn_array gradient; /* P: g */
    gn_array before;   /* P: g of the step before */
    gn_array products; /* rows x 3 doubles: s'y, y'y, s's */
    gn_array factors;  /* rows + 1 doubles: the recursion's */
    gn_array place;    /* 3 doubles: the ring, for checkpoints */
    ring ring;
} lbfgs;

static lbfgs *of(gn_optimizer *self) {
    return (lbfgs *)self;
}

static void *row_of(const gn_array *array, size_t row) {
    return (char *)array->data + row * gn_array_length(array, 1) * gn_dtype_size(array->dtype);
}

/* s'y, y'y, s's of a row. */
static double *products_of(const lbfgs *o, size_t row) {
    return row_of(&o->products, row);
}

/* ---- what a checkpoint keeps ---- */

static gn_status read_place(lbfgs *o) {
    double values[3];
    if (!o->base.state_taken)
        return GN_OK;
    GN_TRY(gn_array_read(&o->place, values, 3));
    o->ring = (ring){(size_t)values[0], (size_t)values[1], values[2] != 0};
    o->base.state_taken = false;
    return GN_OK;
}

static gn_status write_place(lbfgs *o) {
    const double values[3] = {(double)o->ring.next, (double)o->ring.count, o->ring.pending};
    return gn_array_write(&o->place, values, 3);
}

/* ---- the direction ---- */

static gn_status dot(lbfgs *o, const void *x, const void *y, double *slot) {
    return GN_OP(o->base.context, dot, o->base.dtype, o->base.parameters, x, y, slot);
}

/* Looks at the step in row `next`, now that the gradient after it is known: y and the products go to that
 * row, the ring after it to *now. */
static gn_status admit(lbfgs *o, ring *now) {
    gn_context *context = o->base.context;
    const size_t next = o->ring.next, p = o->base.parameters;
    void *s = row_of(&o->steps, next), *y = row_of(&o->changes, next);
    double *products = products_of(o, next), values[3];
    *now = o->ring;
    if (!o->ring.pending)
        return GN_OK;
    GN_TRY(GN_OP(context, copy, y, o->gradient.data, p * gn_dtype_size(o->base.dtype)));
    GN_TRY(GN_OP(context, axpby, o->base.dtype, p, -1.0, o->before.data, 1.0, y));
    GN_TRY(dot(o, s, y, products));
    GN_TRY(dot(o, y, y, products + 1));
    GN_TRY(dot(o, s, s, products + 2));
    GN_TRY(gn_slots_read(context, products, 3, values));
    now->pending = false;
    if (!(values[0] > LEAST_COSINE * sqrt(values[1]) * sqrt(values[2])))
        return GN_OK;
    now->next = (next + 1) % o->rows;
    now->count += now->count + 1 < o->rows;
    return GN_OK;
}

/* d <- H d by the ring's pairs; no more than calls to the device. */
static gn_status recurse(lbfgs *o, const ring *r, void *d) {
    GN_RANGE("solve");
    gn_context *context = o->base.context;
    const gn_dtype type = o->base.dtype;
    const size_t p = o->base.parameters, last = (r->next + o->rows - 1) % o->rows;
    double *a = o->factors.data, *b = a + o->rows;
    for (size_t k = 0; k < r->count; k++) {
        const size_t i = (last + o->rows - k) % o->rows;
        GN_TRY(dot(o, row_of(&o->steps, i), d, a + i));
        GN_TRY(GN_OP(context, axpby_ratio, type, p, NULL, a + i, products_of(o, i), row_of(&o->changes, i),
                     1.0, d));
    }
    GN_TRY(GN_OP(context, axpby_ratio, type, p, products_of(o, last), NULL, products_of(o, last) + 1, d, 0.0,
                 d));
    for (size_t k = r->count; k-- > 0;) {
        const size_t i = (last + o->rows - k) % o->rows;
        GN_TRY(dot(o, row_of(&o->changes, i), d, b));
        GN_TRY(
            GN_OP(context, axpby_ratio, type, p, a + i, b, products_of(o, i), row_of(&o->steps, i), 1.0, d));
    }
    return GN_OK;
}

/* Where nothing is known of the curvature: along g, by 1 at most. */
static gn_status first_direction(lbfgs *o, void *d, double *slope) {
    double square;
    GN_TRY(gn_optimizer_dot(&o->base, &o->gradient, &o->gradient, &square));
    const double scale = 1 / fmax(1, sqrt(square));
    *slope = scale * square;
    return GN_OP(o->base.context, axpby, o->base.dtype, o->base.parameters, scale, o->gradient.data, 0.0, d);
}

/* d (P) at the linearization's point, and d'g; *now is the ring that gave it. */
static gn_status find_direction(lbfgs *o, gn_linearization *l, gn_array *d, double *slope, ring *now) {
    GN_TRY(gn_linearization_gradient(l, &o->gradient));
    GN_TRY(admit(o, now));
    if (now->count > 0) {
        GN_TRY(gn_array_copy(d, &o->gradient));
        GN_TRY(recurse(o, now, d->data));
        GN_TRY(gn_optimizer_dot(&o->base, d, &o->gradient, slope));
        if (*slope > 0 || isnan(*slope))
            return GN_OK;
        now->count = 0; /* rounding has won: begin anew */
    }
    return first_direction(o, d->data, slope);
}

/* ---- steps ---- */

/* theta moves; the step goes to row `next`. */
static gn_status move(lbfgs *o, gn_linearization *l, gn_array *theta, double slope, gn_step_report *report) {
    gn_optimizer *self = &o->base;
    void *s = row_of(&o->steps, o->ring.next);
    const size_t p = self->parameters;
    if (self->options.line_search.kind == GN_LINE_SEARCH_ARMIJO) {
        GN_TRY(gn_line_search_armijo(self, l, theta, gn_linearization_loss, report->loss, slope, report));
    } else {
        GN_TRY(gn_array_copy(&self->trial, theta));
        GN_TRY(GN_OP(self->context, axpby, self->dtype, p, -self->options.learning_rate, self->direction.data,
                     1.0, theta->data));
    }
    GN_TRY(GN_OP(self->context, copy, s, theta->data, p * gn_dtype_size(self->dtype)));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, p, -1.0, self->trial.data, 1.0, s));
    GN_TRY(gn_array_copy(&o->before, &o->gradient));
    o->ring.pending = true;
    return write_place(o);
}

static gn_status step(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    lbfgs *o = of(self);
    gn_step_report unread = {0};
    gn_step_report *out = report ? report : &unread;
    double slope, square;
    ring now;
    GN_TRY(read_place(o));
    GN_TRY(gn_linearization_set_point(l, theta));
    GN_TRY(gn_linearization_loss(l, &out->loss));
    if (!isfinite(out->loss))
        return gn_fail(self->context, GN_ERROR_NOT_FINITE, "the loss is %g", out->loss);
    out->passes = 1;
    GN_TRY(find_direction(o, l, &self->direction, &slope, &now));
    if (!isfinite(slope))
        return gn_fail(self->context, GN_ERROR_NOT_FINITE, "the direction's slope is %g", slope);
    o->ring = now;
    GN_TRY(move(o, l, theta, slope, out));
    if (!report)
        return GN_OK;
    GN_TRY(gn_optimizer_dot(self, &self->direction, &self->direction, &square));
    report->step_norm = report->step_size * sqrt(square);
    return GN_OK;
}

/* Only rows that hold no pair are written. */
static gn_status direction(gn_optimizer *self, gn_linearization *l, gn_array *d) {
    double slope;
    ring now;
    GN_TRY(read_place(of(self)));
    return find_direction(of(self), l, d, &slope, &now);
}

static void destroy(gn_optimizer *self) {
    lbfgs *o = of(self);
    gn_array *buffers[] = {&o->steps,    &o->changes, &o->gradient, &o->before,
                           &o->products, &o->factors, &o->place};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
}

static const gn_optimizer_interface interface = {.step = step, .direction = direction, .destroy = destroy};

static gn_status create_state(lbfgs *o, gn_array *array, gn_dtype dtype, size_t rows, size_t columns,
                              const char *name) {
    GN_TRY(gn_buffer_create(o->base.context, array, dtype, rows, columns, name));
    GN_TRY(gn_array_fill(array, 0));
    gn_optimizer_add_state(&o->base, name, array);
    return GN_OK;
}

static gn_status create_buffers(lbfgs *o) {
    gn_optimizer *self = &o->base;
    const size_t p = self->parameters;
    char what[96];
    snprintf(what, sizeof what, "an L-BFGS step with P = %zu parameters and a memory of %zu", p, o->rows - 1);
    GN_TRY(gn_memory_predict(self->context,
                             2 * ((double)o->rows + 1) * (double)p * (double)gn_dtype_size(self->dtype), what,
                             "a smaller memory or float32"));
    GN_TRY(create_state(o, &o->steps, self->dtype, o->rows, p, "steps"));
    GN_TRY(create_state(o, &o->changes, self->dtype, o->rows, p, "changes"));
    GN_TRY(create_state(o, &o->before, self->dtype, p, 1, "gradient_before"));
    GN_TRY(create_state(o, &o->products, GN_FLOAT64, o->rows, 3, "products"));
    GN_TRY(create_state(o, &o->place, GN_FLOAT64, 3, 1, "place"));
    GN_TRY(gn_buffer_create(self->context, &o->gradient, self->dtype, p, 1, "the gradient"));
    return gn_buffer_create(self->context, &o->factors, GN_FLOAT64, o->rows + 1, 1, "L-BFGS's scalars");
}

gn_status gn_lbfgs_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                          size_t parameters, size_t rows, gn_optimizer **out) {
    lbfgs *o = calloc(1, sizeof *o);
    if (!o)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for an optimiser");
    gn_status status;
    o->base.interface = &interface;
    o->rows = options->memory + 1;
    GN_TRY_DONE(gn_optimizer_prepare(&o->base, &interface, context, options, dtype, parameters, rows));
    GN_TRY_DONE(create_buffers(o));
    *out = &o->base;
    return GN_OK;
done:
    gn_optimizer_destroy(&o->base);
    return status;
}
