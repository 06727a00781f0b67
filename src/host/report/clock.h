/* What the curves of a figure are drawn over: training steps, or another measure of how far a run had come.
 */
#ifndef GN_REPORT_CLOCK_H
#define GN_REPORT_CLOCK_H

#include "report/canvas.h"
#include "report/runs.h"

/* Puts the clock's values of the same rows in the place of the steps of a group's series (as many as its
 * runs). Rows that bring a clock no further than one before them are left out, so that a curve over progress
 * says what held when it was first reached. Series of several runs are then interpolated linearly, each
 * between its own rows, to the values that any of them has: for bands. MEMORY; FORMAT: no such metric. */
gn_status gn_clock_apply(const gn_run_set *set, const gn_run_group *group, gn_plot_clock clock,
                         gn_series *series, gn_message *message);

/* A run's clock after a step, interpolated between rows; NaN where its rows do not reach. */
double gn_clock_at(const gn_run *run, gn_plot_clock clock, double step);

/* The axis of a set: plot.x_scale and plot.x_max of its first run, else to where the clock came. */
gn_status gn_clock_axis(const gn_run_set *set, gn_plot_clock clock, gn_axis *axis, gn_message *message);

#endif
