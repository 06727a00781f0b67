/* What an optimiser's step does to the error along an eigenvector of the NTK, for observers. */
#ifndef GN_RUN_STEP_RULE_H
#define GN_RUN_STEP_RULE_H

#include "gnewt/observer.h"
#include "gnewt/optimizer.h"

/* What a step sees: the whole training set or a part of it, in a mean of `terms` (of the whole set: M, or the
 * softmaxes of cross-entropy). */
typedef struct gn_step_sight {
    gn_loss loss;
    double terms;
    bool whole;
} gn_step_sight;

/* UNKNOWN where J M^-1 J' is no function of J J': damped solves on a part of the training set or of
 * cross-entropy, undamped ones without a cut-off, gains that are shuffled, gradients that are equalised,
 * L-BFGS. kernel_only with weight decay, Grokfast, line searches and chosen step sizes, and for what
 * first-order rules do on parts. */
gn_step_rule gn_step_rule_of(const gn_optimizer_options *options, const gn_step_sight *sight);

#endif
