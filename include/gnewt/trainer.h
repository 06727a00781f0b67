/* The trainer: phases of optimisers over batches of a data set, recorded and observed. */
#ifndef GNEWT_TRAINER_H
#define GNEWT_TRAINER_H

#include "gnewt/metrics.h"
#include "gnewt/observer.h"
#include "gnewt/optimizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a phase may end by before its steps are done; a zeroed condition never holds. Each is looked at after
 * a row or an observation that comes by its schedule, from the phase's first step on; the step that ends a
 * phase is its last, and recorded and observed as such. */
typedef enum gn_phase_metric {
    GN_PHASE_LOSS_TRAIN,
    GN_PHASE_LOSS_TEST,
    GN_PHASE_ACCURACY_TRAIN,
    GN_PHASE_ACCURACY_TEST
} gn_phase_metric;
typedef enum gn_bound { GN_BOUND_BELOW, GN_BOUND_ABOVE } gn_bound;
typedef struct gn_phase_end {
    /* The metric is below or above the level, for so many recorded rows in succession. */
    struct {
        gn_phase_metric metric;
        gn_bound bound;
        double level;
        size_t times; /* 0: never */
    } until;
    /* The best of the metric has not become better by more than this part of itself for so many recorded
     * rows. The phase's first row is the first best. */
    struct {
        gn_phase_metric metric;
        double relative;
        size_t times; /* 0: never */
    } stagnation;
    /* The signal is below or above the level, for so many observations in succession of the first observer
     * that offers it; those at which it has no value yet do not count. */
    struct {
        gn_signal signal;
        gn_bound bound;
        double level;
        size_t times; /* 0: never */
    } change;
} gn_phase_end;

typedef struct gn_phase {
    size_t steps; /* the most */
    gn_optimizer_options optimizer;
    gn_phase_end end;
} gn_phase;

/* How a phase ended. */
typedef enum gn_phase_cause {
    GN_PHASE_STEPS, /* all of them are done */
    GN_PHASE_UNTIL,
    GN_PHASE_STAGNATION,
    GN_PHASE_CHANGE
} gn_phase_cause;
typedef struct gn_phase_report {
    size_t phase;
    uint64_t begin, end; /* steps done */
    gn_phase_cause cause;
    double value;   /* of the metric, its best, or the signal; NaN where the steps are done */
    char text[160]; /* "drift 0.103 above 0.1 for 3 observations" */
} gn_phase_report;

/* Called by the trainer, on its thread. Any but `user` may be NULL. */
typedef struct gn_trainer_hooks {
    void *user;
    gn_status (*record)(void *user, const gn_metrics *metrics);
    /* After every step, its record and its observations: progress, flushing, checkpoints. Where a phase has
     * ended, the trainer is already in the next. Sets *stop to end the run with INTERRUPTED, unless it was
     * the last step. */
    gn_status (*step)(void *user, uint64_t step, bool *stop);
    gn_observation_sink sink; /* none: nothing is observed */
    /* A phase has ended, its last step is recorded and observed; the next has not begun. */
    gn_status (*phase)(void *user, const gn_phase_report *report);
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
    gn_observer *const *observers; /* borrowed: they outlive a trainer that is in a phase */
    size_t observer_count;
    gn_schedule record;
} gn_trainer_options;

typedef struct gn_trainer gn_trainer;

/* theta (P): the start, and then the current parameters; borrowed. theta0 (P): the reference of a centred
 * network (may be theta itself at step 0; copied). Options are copied, what they point to is borrowed.
 * Predicts the memory of its phases: MEMORY where they do not fit. SHAPE where data and network differ,
 * ARGUMENT where a phase's options are impossible, or it is to end by what there is not: a test set, classes,
 * an observer that offers the signal (the message names the phase). */
gn_status gn_trainer_create(gn_context *context, const gn_trainer_options *options, gn_array *theta,
                            const gn_array *theta0, gn_trainer **trainer);
void gn_trainer_destroy(gn_trainer *trainer);

/* Runs what remains of the phases, each with a fresh optimiser. Records at step 0, by the schedule and at the
 * last step of each phase. DIVERGED where a loss is not finite: the message gives the step and the last good
 * step and loss. INTERRUPTED where a hook asked for it. After either the trainer may still be asked for its
 * state. ARGUMENT where a phase may end by a signal and the hooks have no sink. */
gn_status gn_trainer_run(gn_trainer *trainer, const gn_trainer_hooks *hooks);

uint64_t gn_trainer_step(const gn_trainer *trainer); /* steps done */
/* Of all phases: those taken of phases that have ended, the most of the others. */
uint64_t gn_trainer_steps(const gn_trainer *trainer);
double gn_trainer_seconds(const gn_trainer *trainer); /* training time so far */
/* Seconds spent beside that: in the observer of this number, and in evaluating and recording rows. Both with
 * their sink and hook. */
double gn_trainer_observer_seconds(const gn_trainer *trainer, size_t observer);
double gn_trainer_record_seconds(const gn_trainer *trainer);
size_t gn_trainer_phase(const gn_trainer *trainer); /* the phase the next step belongs to */
/* The optimiser of the next step, NULL before the first step and after the last. */
gn_optimizer *gn_trainer_optimizer(gn_trainer *trainer);

double gn_trainer_passes(const gn_trainer *trainer);

/* What a continued run needs of the trainer itself: steps, clocks, where its phase began and what has been
 * counted towards the phase's end. Reading, it puts the trainer there and makes the optimiser of that point,
 * whose state the caller then fills in (gn_optimizer_state), as that of theta (before) and of the observers
 * (after). ARGUMENT where the state is not one of this trainer's. */
gn_status gn_trainer_state(gn_trainer *trainer, const gn_state_walk *walk);

#ifdef __cplusplus
}
#endif
#endif
