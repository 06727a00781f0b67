/* The trainer: phases of optimisers over batches of a data set, recorded and observed. */
#ifndef GNEWT_TRAINER_H
#define GNEWT_TRAINER_H

#include "gnewt/metrics.h"
#include "gnewt/observer.h"
#include "gnewt/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gn_phase {
    size_t steps;
    gn_optimizer_options optimizer;
} gn_phase;

/* Called by the trainer, on its thread. Any but `user` may be NULL. */
typedef struct gn_trainer_hooks {
    void *user;
    gn_status (*record)(void *user, const gn_metrics *metrics);
    /* After every step, its record and its observations: progress, flushing, checkpoints. Where a phase has
     * ended, the trainer is already in the next. Sets *stop to end the run with INTERRUPTED, unless it was
     * the last step. */
    gn_status (*step)(void *user, uint64_t step, bool *stop);
    gn_observation_sink sink;
} gn_trainer_hooks;

typedef struct gn_trainer_options {
    gn_network *network;
    const gn_dataset *dataset;
    gn_loss loss;
    gn_dtype dtype;
    size_t batch; /* 0: full */
    uint64_t seed;
    const gn_phase *phases;
    size_t phase_count;
    gn_observer *const *observers; /* borrowed */
    size_t observer_count;
    gn_schedule record;
} gn_trainer_options;

typedef struct gn_trainer gn_trainer;

/* theta (P): the start, and then the current parameters; borrowed. theta0 (P): the reference of a centred
 * network (may be theta itself at step 0; copied). Options are copied, what they point to is borrowed.
 * Predicts the memory of its phases: MEMORY where they do not fit. SHAPE where data and network differ,
 * ARGUMENT where a phase's options are impossible (the message names the phase). */
gn_status gn_trainer_create(gn_context *context, const gn_trainer_options *options, gn_array *theta,
                            const gn_array *theta0, gn_trainer **trainer);
void gn_trainer_destroy(gn_trainer *trainer);

/* Runs what remains of the phases, each with a fresh optimiser. Records at step 0, by the schedule and at the
 * last step of each phase. DIVERGED where a loss is not
 * finite: the message gives the step and the last good step and loss. INTERRUPTED where a hook asked for it.
 * After either the trainer may still be asked for its state. */
gn_status gn_trainer_run(gn_trainer *trainer, const gn_trainer_hooks *hooks);

uint64_t gn_trainer_step(const gn_trainer *trainer);  /* steps done */
uint64_t gn_trainer_steps(const gn_trainer *trainer); /* of all phases */
double gn_trainer_seconds(const gn_trainer *trainer); /* training time so far */
size_t gn_trainer_phase(const gn_trainer *trainer);   /* the phase the next step belongs to */
/* The optimiser of the next step, NULL before the first step and after the last. */
gn_optimizer *gn_trainer_optimizer(gn_trainer *trainer);

/* Continues as if never stopped: `step` steps done in `seconds` and `passes`; makes the optimiser of that
 * point, whose state the caller then fills in (gn_optimizer_state). */
gn_status gn_trainer_resume(gn_trainer *trainer, uint64_t step, double seconds, double passes);
double gn_trainer_passes(const gn_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
