/* What several seeds of a recorded quantity have in common. */
#ifndef GN_REPORT_STATISTICS_H
#define GN_REPORT_STATISTICS_H

#include <stdbool.h>

#include "run/reader.h"

/* Median and extremes over seeds, at the steps that all runs recorded which had come so far. */
typedef struct gn_band {
    size_t count;
    double *step, *median, *low, *high; /* count each; one allocation, at step */
} gn_band;

/* Of one column of `count` series. Values that are not finite are left out; where none is left all three are
 * NaN. Where fewer are left than before, as when a run diverged, a row of NaN comes first: the curve breaks
 * rather than jumps to the median of those that survived. The median of an even number is the mean of the
 * middle two. Errors: MEMORY. */
gn_status gn_band_create(const gn_series *series, size_t count, size_t column, gn_band *band);
void gn_band_destroy(gn_band *band);
/* Leaves at most `points` + 2 points, evenly spaced in the step or, where `logarithmic`, in its logarithm. A
 * point stands for its neighbourhood: the middle one's median, all of their extremes. The first and the
 * last are kept, and so are breaks. */
void gn_band_thin(gn_band *band, size_t points, bool logarithmic);

/* The middle of `count` > 0 values, which are sorted in place. */
double gn_median(double *values, size_t count);
/* -d ln(value) / d step of a column by least squares over first <= step <= last; NaN with fewer than two
 * positive values. */
double gn_series_rate(const gn_series *series, size_t column, double first, double last);

#endif
