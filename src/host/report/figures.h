/* The kinds of figures, one file each. */
#ifndef GN_REPORT_FIGURES_H
#define GN_REPORT_FIGURES_H

#include "report/page.h"

/* Error of each Fourier mode (or shell), one panel a group, one colour a mode. */
gn_status gn_fourier_figure(const gn_run_set *set, gn_script *script, gn_message *message);
/* Recorded quantities, one panel a family (loss_train and loss_test are one), one colour a group; with
 * plot.panels a row a family, a panel a value of that key, and one colour what groups have in common
 * otherwise. */
gn_status gn_metrics_figure(const gn_run_set *set, gn_script *script, gn_message *message);

#endif
