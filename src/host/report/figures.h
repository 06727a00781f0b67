/* The kinds of figures, one file each. */
#ifndef GN_REPORT_FIGURES_H
#define GN_REPORT_FIGURES_H

#include "report/figure.h"
#include "report/page.h"

/* Draws `what` by `drawing` and leaves stem.png and stem.svg; missing folders are made. */
typedef gn_status (*gn_drawing)(const void *what, gn_script *script, gn_message *message);
gn_status gn_figure_draw(const char *stem, gn_drawing drawing, const void *what, gn_figure_report *written);

/* What gn_figure_write() draws of these runs. */
gn_status gn_figure_of_set(const gn_run_set *set, const char *stem, gn_figure_report *written);
/* A name as that of a file: what such a name cannot hold is exchanged. */
void gn_figure_file_name(const char *name, char *text, size_t size);

/* Error of each Fourier mode (or shell), one panel a group, one colour a mode. */
gn_status gn_fourier_figure(const gn_run_set *set, gn_script *script, gn_message *message);
/* Recorded quantities, one panel a family (loss_train and loss_test are one), one colour a group; with
 * plot.panels a row a family, a panel a value of that key, and one colour what groups have in common
 * otherwise, or of plot.lines. plot.kind drift: what the observer drift saw, with the step where its drift
 * first exceeds 0.1.
 */
gn_status gn_metrics_figure(const gn_run_set *set, gn_script *script, gn_message *message);
/* Measured against predicted decay of the NTK's modes, one panel a group. */
gn_status gn_rates_figure(const gn_run_set *set, gn_script *script, gn_message *message);
/* Extreme eigenvalues of Hessian and Gauss-Newton matrix over the steps, spectral densities below; a column a
 * group. */
gn_status gn_curvature_figure(const gn_run_set *set, gn_script *script, gn_message *message);
/* Losses over the steps, and below them spectra of targets and error; a column a group. */
gn_status gn_nudft_figure(const gn_run_set *set, gn_script *script, gn_message *message);

#endif
