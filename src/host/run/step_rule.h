/* What an optimiser's step does to the error along an eigenvector of the NTK, for observers. */
#ifndef GN_RUN_STEP_RULE_H
#define GN_RUN_STEP_RULE_H

#include "gnewt/observer.h"
#include "gnewt/optimizer.h"

/* rows: M of the whole training set. UNKNOWN for what follows no fixed rule of its own: adaptive and
 * scheduled quantities, weight decay, line searches, undamped solves without a cut-off. */
gn_step_rule gn_step_rule_of(const gn_optimizer_options *options, size_t rows);

#endif
