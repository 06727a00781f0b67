/* The inside of an optimiser: one interface, three implementations (first_order.c, gauss_newton.c, lbfgs.c).
 */
#ifndef GN_OPTIMIZE_OPTIMIZER_H
#define GN_OPTIMIZE_OPTIMIZER_H

#include "backend/context.h"
#include "gnewt/optimizer.h"
#include "linearization/linearization.h"

#define GN_OPTIMIZER_STATES 8

typedef struct gn_optimizer_interface {
    gn_status (*step)(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report);
    gn_status (*direction)(gn_optimizer *self, gn_linearization *l, gn_array *d);
    gn_status (*directions)(gn_optimizer *self, gn_linearization *l, size_t count, const double *dampings,
                            gn_array *d);                                                      /* or none */
    gn_status (*spectrum)(gn_optimizer *self, size_t capacity, double *values, size_t *count); /* or none */
    gn_status (*reserve)(gn_optimizer *self, gn_linearization *l);                             /* or none */
    gn_status (*diagonal)(gn_optimizer *self, double *values);                                 /* or none */
    gn_status (*damping)(gn_optimizer *self, double *mu);                                      /* or none */
    gn_status (*decompose)(gn_optimizer *self, gn_linearization *l, gn_array *vectors,
                           gn_array *values); /* where it decomposes */
    void (*destroy)(gn_optimizer *self);
} gn_optimizer_interface;

typedef struct gn_named_array {
    const char *name;
    gn_array *array;
} gn_named_array;

struct gn_optimizer {
    const gn_optimizer_interface *interface;
    gn_context *context;
    gn_optimizer_options options;
    gn_dtype dtype;
    size_t parameters, rows; /* P, and the most M */
    gn_array direction;      /* P: the gradient or the direction */
    gn_array trial;          /* P: theta before the step, or a trial */
    gn_array slots;          /* GN_SLOT_COUNT doubles */
    gn_named_array state[GN_OPTIMIZER_STATES];
    size_t state_count;
    bool needs_rows;                 /* its steps need what gn_linearization_reserve() makes; */
    bool needs_gram, needs_diagonal; /* and that for these */
    bool decomposes;                 /* its steps decompose the Gram of their batch */
    bool costs_vary;                 /* from step to step: only a report tells */
    bool first_costs_more;           /* a first step, than those after it */
    bool state_taken;                /* somebody may have written it: host copies are to be read again */
    char solver[96];
};

/* Device scalars every optimiser has. */
enum { GN_SLOT_RATE, GN_SLOT_SLOPE, GN_SLOT_COUNT };

gn_status gn_first_order_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                                size_t parameters, size_t rows, gn_optimizer **optimizer);
gn_status gn_gauss_newton_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                                 size_t parameters, size_t rows, gn_optimizer **optimizer);
gn_status gn_lbfgs_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                          size_t parameters, size_t rows, gn_optimizer **optimizer);

/* The shared part: buffers and the rate's slot. */
gn_status gn_optimizer_prepare(gn_optimizer *self, const gn_optimizer_interface *interface,
                               gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                               size_t parameters, size_t rows);
void gn_optimizer_add_state(gn_optimizer *self, const char *name, gn_array *array);

/* Makes now what the first step on `l` would make, there and here: so it is known to fit before a run begins.
 * MEMORY, or UNSUPPORTED where an option does not go with such a linearization. */
gn_status gn_optimizer_reserve(gn_optimizer *self, gn_linearization *l);

/* Of an optimiser that decomposes, and a squared error: the eigendecomposition of J J' (M x M) at the
 * linearization's point, as views of the optimiser's memory: vectors as rows, values ascending (M). The next
 * step takes it in place of its own where it is about the same inputs and from the same theta. */
gn_status gn_optimizer_decompose(gn_optimizer *self, gn_linearization *l, gn_array *vectors,
                                 gn_array *values);

/* mu of the coming step's first trial, in units of w J'H J; NaN where that is not settled yet, and for those
 * that damp nothing. */
gn_status gn_optimizer_damping(gn_optimizer *self, double *mu);

/* x'y of two vectors of P elements, on the host. */
gn_status gn_optimizer_dot(gn_optimizer *self, const gn_array *x, const gn_array *y, double *value);

/* theta = trial - t direction */
gn_status gn_optimizer_move(gn_optimizer *self, double t, gn_array *theta);

/* What a line search lowers, at the linearization's point: gn_linearization_loss() or
 * gn_linearization_objective(). */
typedef gn_status gn_objective(gn_linearization *l, double *value);

/* Armijo backtracking from theta along -d: finds t, and leaves theta - t d in theta. loss: the objective at
 * theta; slope: its g'd. Leaves the linearization's point wherever the last trial was. */
gn_status gn_line_search_armijo(gn_optimizer *self, gn_linearization *l, gn_array *theta,
                                gn_objective *objective, double loss, double slope, gn_step_report *report);

#endif
