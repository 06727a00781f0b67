/* How evenly something is spread over modes. Host arithmetic alone. */
#ifndef GN_OBSERVE_UNIFORMITY_H
#define GN_OBSERVE_UNIFORMITY_H

#include <stddef.h>

/* Of n values >= 0, NaN of modes that do not count: uniformity = exp(entropy of value / sum) / modes (1: all
 * alike; 1 / modes: one has all), gini = sum_ij |value_i - value_j| / (2 modes sum) (0: all alike). NaN where
 * the sum is not positive. */
typedef struct gn_uniformity {
    double uniformity, gini;
} gn_uniformity;

/* Sorts the values, those of modes that count first. */
gn_uniformity gn_uniformity_of(size_t n, double *values);

/* progress[i] = 1 - |c_i| / |first_i|, within [0, 1]; NaN where first_i is. */
void gn_progress(size_t n, const double *first, const double *c, double *progress);

#endif
