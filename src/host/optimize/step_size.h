/* How long a step of gradient descent is, where it is not a fixed multiple of the gradient. */
#ifndef GN_OPTIMIZE_STEP_SIZE_H
#define GN_OPTIMIZE_STEP_SIZE_H

#include "optimize/optimizer.h"

typedef struct gn_step_sizer {
    gn_optimizer *optimizer; /* its trial is scratch here */
    gn_array vector;         /* stability: P; of length 1, near the leading eigenvector of J'J */
    gn_array count;          /* 1 double: steps taken, */
    size_t taken;            /* and the same on the host */
    double target, last;     /* recorded_loss: what the loss shall be, and the last step's t, 0: none yet */
    gn_array ratio;          /* 1 double: of the rate to what the host says of it */
    gn_array slots;          /* device scalars */
    gn_array kernel, work;   /* trace: M x M at most, and what its decomposition needs */
    size_t work_bytes;
    gn_array values, gains, ones; /* trace: M at most, each */
} gn_step_sizer;

/* Of the optimiser's options; kept for the optimiser's life, with its state among the optimiser's. */
gn_status gn_step_sizer_create(gn_step_sizer *sizer, gn_optimizer *optimizer);
void gn_step_sizer_destroy(gn_step_sizer *sizer);

/* A step's part on the host, before any program: what the device's part is to know. */
gn_status gn_step_sizer_begin(gn_step_sizer *sizer, const gn_linearization *l);
/* Power iterations of the step that has begun; a part of a program's key. */
size_t gn_step_sizer_iterations(const gn_step_sizer *sizer);
/* Forward and backward passes that the choice takes, on the mean of the steps. */
double gn_step_sizer_passes(const gn_step_sizer *sizer, const gn_linearization *l);
/* Whether it has a part that no program can record, before the one below. */
bool gn_step_sizer_is_apart(const gn_step_sizer *sizer);
/* That part; nothing where there is none. At the linearization's point. */
gn_status gn_step_sizer_prepare(gn_step_sizer *sizer, gn_linearization *l);
/* Writes the rate's slot: the device's part, which a program may record. At the linearization's point. */
gn_status gn_step_sizer_choose(gn_step_sizer *sizer, gn_linearization *l, size_t iterations);
/* The step has been given to the device. */
gn_status gn_step_sizer_end(gn_step_sizer *sizer);

/* recorded_loss, from a linearization at theta with its loss in the report and d as the direction: finds t
 * from the guess, leaves theta - t d in theta, and says t and its passes. */
gn_status gn_loss_match(gn_optimizer *optimizer, gn_linearization *l, gn_array *theta, double target,
                        double guess, gn_step_report *report);
/* The same of the step that has begun. */
gn_status gn_step_sizer_match(gn_step_sizer *sizer, gn_linearization *l, gn_array *theta,
                              gn_step_report *report);

#endif
