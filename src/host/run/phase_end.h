/* What ends a phase before its steps are done: conditions on rows and signals, and what they have counted. */
#ifndef GN_RUN_PHASE_END_H
#define GN_RUN_PHASE_END_H

#include "gnewt/trainer.h"

typedef struct gn_phase_counts {
    size_t until, stagnation, change; /* rows or observations in succession */
    double best;                      /* of the metric that may stagnate; NaN: none yet */
} gn_phase_counts;

/* As the configuration spells them. */
const char *gn_phase_metric_name(gn_phase_metric metric);
const char *gn_signal_name(gn_signal signal);

/* ARGUMENT where phase `phase` of the options is to end by what there is not. */
gn_status gn_phase_end_check(gn_context *context, const gn_trainer_options *options, size_t phase);
/* The first observer that offers the phase's signal; observer_count where the phase ends by none. */
size_t gn_phase_end_observer(const gn_trainer_options *options, const gn_phase_end *end);

/* A phase begins. */
gn_phase_counts gn_phase_counts_begin(void);
/* Count a row, and an observation of the signal; true where it ends the phase: then the report's cause, value
 * and text say how. */
bool gn_phase_ends_by_row(const gn_phase_end *end, gn_phase_counts *counts, const gn_metrics *row,
                          gn_phase_report *report);
bool gn_phase_ends_by_signal(const gn_phase_end *end, gn_phase_counts *counts, double value,
                             gn_phase_report *report);
/* The counts, for a checkpoint. */
gn_status gn_phase_counts_walk(gn_phase_counts *counts, const gn_state_walk *walk);

#endif
