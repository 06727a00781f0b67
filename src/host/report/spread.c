#include "report/spread.h"

#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"
#include "report/statistics.h"

enum { SAMPLES = 2000 };

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Medians of samples drawn with replacement. */
static void bootstrap(const double *values, size_t count, double *sample, gn_spread *spread) {
    double medians[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        gn_random_uniform(0, GN_STREAM_AUXILIARY, i * count, count, 0, (double)count, sample);
        for (size_t j = 0; j < count; j++)
            sample[j] = values[(size_t)fmin(sample[j], (double)(count - 1))];
        medians[i] = gn_median(sample, count);
    }
    qsort(medians, SAMPLES, sizeof *medians, ascending);
    spread->from = medians[SAMPLES / 40];
    spread->to = medians[SAMPLES - 1 - SAMPLES / 40];
}

gn_spread gn_spread_of(double *values, size_t count) {
    gn_spread spread = {count, NAN, NAN, NAN, NAN, NAN};
    if (count == 0)
        return spread;
    spread.median = gn_median(values, count);
    spread.low = values[0];
    spread.high = values[count - 1];
    double *sample = count < GN_SPREAD_LEAST ? NULL : calloc(count, sizeof *sample);
    if (sample)
        bootstrap(values, count, sample, &spread);
    free(sample);
    return spread;
}
