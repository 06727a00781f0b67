/* The linearised companion of a run: f_lin(theta) = f(theta_0) + J_0 (theta - theta_0), trained beside it by
 * the same optimisers on the same batches, J_0 frozen. It takes its steps when it is looked at. */
#ifndef GN_OBSERVE_COMPANION_H
#define GN_OBSERVE_COMPANION_H

#include "gnewt/observer.h"

typedef struct gn_companion gn_companion;

/* How the run trains; borrowed, but for theta0 (P). */
typedef struct gn_companion_options {
    gn_network *network;
    gn_loss loss;
    const gn_dataset *dataset;
    const gn_array *theta0;
    size_t batch; /* 0: full */
    uint64_t seed;
} gn_companion_options;

gn_status gn_companion_create(gn_context *context, const gn_companion_options *options,
                              gn_companion **companion);
void gn_companion_destroy(gn_companion *companion);

/* Takes what is left of the phase before, then goes on with an optimiser of the same options. The first phase
 * that it hears of may begin after step 0: gn_companion_state() says what was before. Errors: UNSUPPORTED (no
 * optimiser is known), MEMORY. */
gn_status gn_companion_begin_phase(gn_companion *companion, const gn_phase_start *start);

/* NaN where there is no test set or are no classes, and all where it has diverged, which the log says. gap:
 * ||f(theta) - f_lin|| / ||f(theta) - f(theta_0)|| on the test set, or the training set where there is none;
 * NaN at theta_0. */
typedef struct gn_companion_view {
    double gap, loss_train, loss_test, accuracy_train, accuracy_test;
} gn_companion_view;
/* At the run's step and theta (P). */
gn_status gn_companion_look(gn_companion *companion, uint64_t step, const gn_array *theta,
                            gn_companion_view *view);

/* Its parameters, its optimiser's state and its step. */
gn_status gn_companion_state(gn_companion *companion, const gn_state_walk *walk);

#endif
