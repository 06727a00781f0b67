/* The damping mu of Levenberg-Marquardt over the steps. */
#ifndef GN_OPTIMIZE_DAMPING_H
#define GN_OPTIMIZE_DAMPING_H

#include <stdbool.h>

#include "gnewt/optimizer.h"

typedef struct gn_damping {
    double mu;    /* gain ratio: now in force; relative: settled, or negative: not yet */
    double nu;    /* gain ratio: the next factor of a rejection */
    double count; /* steps taken */
} gn_damping;

gn_damping gn_damping_start(const gn_damping_options *options);
/* mu of the coming step; negative: not settled yet. */
double gn_damping_value(const gn_damping_options *options, const gn_damping *damping);
/* Gain ratio: after a trial whose actual over predicted decrease is `ratio` (not finite counts as rejected);
 * true where the trial is to be taken. */
bool gn_damping_judge(const gn_damping_options *options, gn_damping *damping, double ratio);

#endif
