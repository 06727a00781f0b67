/* The inside of a trainer. trainer.c makes, resumes and ends one, trainer_run.c lets it take its steps. */
#ifndef GN_RUN_TRAINER_STATE_H
#define GN_RUN_TRAINER_STATE_H

#include "run/phase_end.h"
#include "run/trainer_evaluate.h"

/* An observer's part in a run. */
typedef struct gn_watching {
    double seconds; /* spent in it */
    bool observed;  /* after this step */
} gn_watching;

struct gn_trainer {
    gn_context *context;
    gn_trainer_options options;
    gn_array *theta; /* P; the caller's */
    gn_sampler *sampler;
    gn_linearization *training; /* over the batch of a step */
    bool full;                  /* that batch is always the training set */
    gn_evaluator evaluator;

    gn_optimizer *optimizer; /* of the next step */
    size_t phase;            /* of the next step; phase_count after the last */
    uint64_t phase_begin;    /* steps done when that phase began */
    uint64_t phase_end;      /* and when it ends, at the latest */
    gn_phase_counts counts;  /* towards an earlier end */
    uint64_t step, steps;    /* done, and of all phases at most */
    bool recorded_start;     /* row 0 is written, or belongs to the run that this one continues */

    double seconds;                              /* of training, without the segment that runs */
    double started;                              /* the monotonic clock where that segment began */
    double processor_seconds, processor_started; /* the same of the processors' clock */
    double passes;                               /* spent so far */
    double step_passes;                          /* of a step of this phase; 0: not yet known */

    gn_watching *watching; /* observer_count */
    double record_seconds;
    bool recorded;  /* after this step: */
    gn_metrics row; /* the last one */

    uint64_t good_step; /* the last recorded finite loss */
    double good_loss;   /* NaN: none yet */
};

/* The kind's name as the configuration spells it. */
const char *gn_trainer_kind_name(gn_optimizer_kind kind);
/* A fresh optimiser for the phase that the next step belongs to; none after the last. */
gn_status gn_trainer_enter_phase(gn_trainer *trainer);
/* The phase has ended. */
gn_status gn_trainer_next_phase(gn_trainer *trainer);
#endif
