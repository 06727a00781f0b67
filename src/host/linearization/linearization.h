/* The inside of a linearization: one interface, several implementations (network.c, callbacks.c). */
#ifndef GN_LINEARIZATION_LINEARIZATION_H
#define GN_LINEARIZATION_LINEARIZATION_H

#include "backend/context.h"
#include "gnewt/linearization.h"

/* What an implementation provides; arrays have been checked. NULL: see the comment. */
typedef struct gn_linearization_interface {
    gn_status (*set_batch)(gn_linearization *self, const gn_array *inputs,
                           const gn_array *targets);                            /* or none */
    gn_status (*set_reference)(gn_linearization *self, const gn_array *theta0); /* or none */
    gn_status (*begin)(gn_linearization *self); /* or none: a new point or batch, before evaluate */
    /* writes self->residual and self->loss_sum at self->theta */
    gn_status (*evaluate)(gn_linearization *self);
    gn_status (*outputs)(gn_linearization *self, gn_array *f); /* or none */
    gn_status (*jvp)(gn_linearization *self, const gn_array *v, gn_array *jv);
    gn_status (*vjp)(gn_linearization *self, const gn_array *u, gn_array *jtu);
    gn_status (*jacobian)(gn_linearization *self, size_t first, size_t samples, gn_array *j);
    gn_status (*gram)(gn_linearization *self, gn_array *k); /* the lower triangle */
    gn_status (*gram_cross)(gn_linearization *self, gn_linearization *other, gn_array *k);
    gn_status (*diagonal)(gn_linearization *self, gn_array *d);
    gn_status (*reserve)(gn_linearization *self); /* or none */
    void (*destroy)(gn_linearization *self);
    /* evaluate, jvp, vjp and gram only give the device work: they may be part of a program (program.h) whose
     * key holds theta, inputs, targets and samples */
    bool recordable;
} gn_linearization_interface;

struct gn_linearization {
    const gn_linearization_interface *interface;
    gn_context *context;
    gn_dtype dtype;
    size_t samples, outputs;      /* N and C of the current batch; M = N C */
    size_t parameters;            /* P */
    gn_array residual;            /* M at most; r at the point */
    gn_array loss_sum;            /* 1 double: sum r^2 at the point */
    gn_array cotangent;           /* M at most; of the mean loss */
    const gn_array *theta;        /* the point, NULL before the first */
    const void *inputs, *targets; /* the batch's memory, where there is one */
};

/* The part all implementations share: buffers for `rows` residuals. The struct is zeroed before. */
gn_status gn_linearization_prepare(gn_linearization *self, const gn_linearization_interface *interface,
                                   gn_context *context, gn_dtype dtype, size_t rows, size_t parameters);

/* gn_linearization_set_point() in two: the host's part, and the device's, which a program may record. */
gn_status gn_linearization_begin(gn_linearization *self, const gn_array *theta);
gn_status gn_linearization_evaluate(gn_linearization *self);

/* k (M x M) = J J', the lower triangle alone: what a factorisation reads. */
gn_status gn_linearization_gram_lower(gn_linearization *self, gn_array *k);

/* Makes now what the first Gram or Jacobian would make: so its memory is known to fit before a run begins,
 * and no step allocates. */
gn_status gn_linearization_reserve(gn_linearization *self);

#endif
