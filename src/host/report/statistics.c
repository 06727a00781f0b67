#include "report/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"

void gn_band_destroy(gn_band *band) {
    free(band->step);
    *band = (gn_band){0};
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double gn_median(double *values, size_t count) {
    qsort(values, count, sizeof *values, ascending);
    size_t middle = count / 2;
    return count % 2 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

/* The steps of all series, each once, into `steps`; returns their number. */
static size_t merge_steps(const gn_series *series, size_t count, double *steps) {
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (series[i].rows)
            memcpy(steps + all, series[i].at, series[i].rows * sizeof *steps);
        all += series[i].rows;
    }
    qsort(steps, all, sizeof *steps, ascending);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || steps[i] > steps[kept - 1])
            steps[kept++] = steps[i];
    return kept;
}

/* The values of one column at `step`: the finite ones into `values`, their number to *finite. False where a
 * run that came beyond this step has no row of it. next[i] is the first row not read of series i. */
static bool take_step(const gn_series *series, size_t count, size_t column, double step, size_t *next,
                      double *values, size_t *finite) {
    bool complete = true;
    *finite = 0;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        double value = NAN; /* of the last row with this step */
        for (; next[i] < series[i].rows && series[i].at[next[i]] <= step; next[i]++) {
            found = series[i].at[next[i]] >= step;
            value = series[i].values[next[i] * series[i].width + column];
        }
        complete = complete && (found || next[i] == series[i].rows);
        if (found && isfinite(value))
            values[(*finite)++] = value;
    }
    return complete;
}

static void add_row(gn_band *band, double step, double *values, size_t count) {
    size_t row = band->count++;
    band->step[row] = step;
    band->median[row] = count ? gn_median(values, count) : NAN;
    band->low[row] = count ? values[0] : NAN;
    band->high[row] = count ? values[count - 1] : NAN;
}

gn_status gn_band_create(const gn_series *series, size_t count, size_t column, gn_band *band) {
    *band = (gn_band){0};
    size_t rows = 1, capacity, total;
    for (size_t i = 0; i < count; i++)
        if (!gn_size_add(rows, series[i].rows, &rows))
            return GN_ERROR_MEMORY;
    if (!gn_size_multiply(rows, 2, &capacity) || !gn_size_multiply(capacity, 4, &total)) /* a break a row */
        return GN_ERROR_MEMORY;
    double *memory = calloc(total, sizeof *memory);
    double *steps = calloc(rows, sizeof *steps);
    double *values = calloc(count + 1, sizeof *values);
    size_t *next = calloc(count + 1, sizeof *next);
    if (memory && steps && values && next) {
        *band = (gn_band){.step = memory,
                          .median = memory + capacity,
                          .low = memory + 2 * capacity,
                          .high = memory + 3 * capacity};
        size_t merged = merge_steps(series, count, steps), finite, before = 0;
        for (size_t i = 0; i < merged; i++) {
            if (!take_step(series, count, column, steps[i], next, values, &finite))
                continue;
            if (finite > 0 && finite < before)
                add_row(band, steps[i], values, 0);
            add_row(band, steps[i], values, finite);
            before = finite;
        }
    } else {
        free(memory);
    }
    free(steps);
    free(values);
    free(next);
    return band->step ? GN_OK : GN_ERROR_MEMORY;
}

static size_t bucket_of(double step, double last, size_t points, bool logarithmic) {
    double place = logarithmic ? log1p(step) / log1p(last) : step / last;
    return step > 0 ? 1 + (size_t)(place * (double)points) : 0;
}

void gn_band_thin(gn_band *band, size_t points, bool logarithmic) {
    if (band->count <= points || points == 0)
        return;
    double last = band->step[band->count - 1];
    size_t kept = 0;
    for (size_t first = 0, end; first < band->count; first = end) {
        size_t bucket = bucket_of(band->step[first], last, points, logarithmic);
        double low = band->low[first], high = band->high[first];
        for (end = first + 1; end < band->count; end++) {
            if (bucket_of(band->step[end], last, points, logarithmic) != bucket ||
                isnan(band->median[end]) != isnan(band->median[first]))
                break;
            low = fmin(low, band->low[end]);
            high = fmax(high, band->high[end]);
        }
        size_t middle = first + (end - first) / 2;
        band->step[kept] = band->step[middle];
        band->median[kept] = band->median[middle];
        band->low[kept] = low;
        band->high[kept++] = high;
    }
    band->count = kept;
}

double gn_series_rate(const gn_series *series, size_t column, double first, double last) {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < series->rows; i++) {
        double value = series->values[i * series->width + column], t = series->at[i] - first;
        if (t < 0 || series->at[i] > last || !isfinite(value) || value <= 0)
            continue;
        n += 1;
        x += t;
        y += log(value);
        xx += t * t;
        xy += t * log(value);
    }
    return n < 2 ? NAN : (x * y - n * xy) / (n * xx - x * x);
}
