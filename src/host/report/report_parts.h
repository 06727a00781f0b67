/* The parts of a report's section, one file a kind. Each writes HTML. */
#ifndef GN_REPORT_REPORT_PARTS_H
#define GN_REPORT_REPORT_PARTS_H

#include <stdio.h>

#include "report/experiment.h"
#include "report/spread.h"

/* ---- report_found.c ---- */

/* plot.expected beside a line a group of what was found. */
void gn_report_expected(FILE *out, const gn_experiment *experiment);
/* Groups by last values: median, extremes and interval over the seeds that came to their end. */
void gn_report_final(FILE *out, const gn_experiment *experiment);
/* Runs that did not, and points of the sweep of which there is no run. */
void gn_report_unfinished(FILE *out, const gn_experiment *experiment);
/* A row a run, in full precision. */
void gn_report_runs(FILE *out, const gn_experiment *experiment);

/* ---- report_thresholds.c ---- */

/* Steps, seconds, processor seconds and passes to parts of the first loss and to accuracies. */
void gn_report_thresholds(FILE *out, const gn_experiment *experiment);

/* ---- report_settings.c ---- */

/* Every hyperparameter: those that all groups share, and a table of those that differ. */
void gn_report_settings(FILE *out, const gn_experiment *experiment);
/* The resolved configuration of each group's first run. */
void gn_report_configurations(FILE *out, const gn_experiment *experiment);
/* Version, devices, precision and dates; what a quick size leaves out. */
void gn_report_provenance(FILE *out, const gn_experiment *experiment);

/* ---- report_cells.c ---- */

/* A table cell: the median, and the extremes where they read otherwise; `interval`: also the bootstrap's. An
 * infinite number is "never". */
void gn_report_cell(FILE *out, gn_spread spread, int digits, bool interval);
/* A row's head: the group's title. */
void gn_report_row(FILE *out, const gn_run_group *group);
/* "[1.1e-5, 9.3e-5]"; "" where both read the same. Returns text. */
const char *gn_report_range(gn_spread spread, int digits, char text[80]);

#endif
