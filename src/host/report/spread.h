/* One number of several seeds: its middle, its extremes, and how sure the middle is. */
#ifndef GN_REPORT_SPREAD_H
#define GN_REPORT_SPREAD_H

#include <stddef.h>

enum { GN_SPREAD_LEAST = 3 }; /* values that have an interval */

typedef struct gn_spread {
    size_t count;
    double median, low, high; /* NaN where count is 0 */
    double from, to;          /* 95 % interval of the median; NaN with fewer than GN_SPREAD_LEAST values */
} gn_spread;

/* Of `count` values, which are sorted in place; none is NaN, an infinite one is larger than all others. The
 * interval is that between the 2.5 % and 97.5 % quantiles of the medians of 2000 bootstrap samples, always
 * the same ones. */
gn_spread gn_spread_of(double *values, size_t count);

#endif
