#include "observe/uniformity.h"

#include <math.h>
#include <stdlib.h>

/* Ascending, NaN last. */
static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

gn_uniformity gn_uniformity_of(size_t n, double *values) {
    size_t modes = 0;
    double sum = 0, entropy = 0, ranked = 0;
    qsort(values, n, sizeof *values, compare);
    while (modes < n && !isnan(values[modes]))
        sum += values[modes++];
    if (!(sum > 0))
        return (gn_uniformity){NAN, NAN};
    const double count = (double)modes;
    for (size_t i = 0; i < modes; i++) {
        const double share = values[i] / sum;
        entropy -= share > 0 ? share * log(share) : 0;
        ranked += (2 * (double)i + 1 - count) * values[i];
    }
    return (gn_uniformity){.uniformity = exp(entropy) / count, .gini = ranked / (count * sum)};
}

void gn_progress(size_t n, const double *first, const double *c, double *progress) {
    for (size_t i = 0; i < n; i++) {
        const double made = 1 - fabs(c[i]) / fabs(first[i]);
        progress[i] = made < 0 ? 0 : made;
    }
}
