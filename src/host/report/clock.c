#include "report/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"

/* -ln(L / L(0)) of a series of losses, in place. */
static void take_progress(gn_series *series) {
    const double start = series->rows > 0 ? series->values[0] : NAN;
    for (size_t i = 0; i < series->rows; i++)
        series->values[i] = log(start / series->values[i]);
}

/* values[i]: the clock after step at[i]. */
static gn_status read_clock(const gn_run *run, gn_plot_clock clock, gn_series *series, gn_message *message) {
    static const char *const metrics[] = {[GN_PLOT_OVER_SECONDS] = "seconds",
                                          [GN_PLOT_OVER_PASSES] = "passes",
                                          [GN_PLOT_OVER_PROGRESS] = "loss_train"};
    GN_TRY(gn_run_metric(run, metrics[clock], series, message));
    if (clock == GN_PLOT_OVER_PROGRESS)
        take_progress(series);
    return GN_OK;
}

/* ---- series ---- */

static void rebase(gn_series *series, const gn_series *clock) {
    size_t kept = 0, row = 0;
    for (size_t i = 0; i < series->rows; i++) {
        while (row < clock->rows && clock->at[row] < series->at[i])
            row++;
        if (row == clock->rows || clock->at[row] > series->at[i])
            continue;
        const double now = clock->values[row];
        if (!isfinite(now) || (kept > 0 && !(now > series->at[kept - 1])))
            continue;
        series->at[kept] = now;
        memmove(series->values + kept * series->width, series->values + i * series->width,
                series->width * sizeof *series->values);
        kept++;
    }
    series->rows = kept;
}

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* All series' places, each once, for the caller to free; NULL: no memory. */
static double *merge(const gn_series *series, size_t count, size_t *places) {
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < count; i++)
        all += series[i].rows;
    double *merged = calloc(all + 1, sizeof *merged);
    if (!merged)
        return NULL;
    for (size_t i = 0, first = 0; i < count; first += series[i++].rows)
        if (series[i].rows > 0)
            memcpy(merged + first, series[i].at, series[i].rows * sizeof *merged);
    qsort(merged, all, sizeof *merged, ascending);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || merged[i] > merged[kept - 1])
            merged[kept++] = merged[i];
    *places = kept;
    return merged;
}

/* The row before a place, or at it, and the part of the way to the next; there is such a row. */
static double between(const gn_series *series, double place, size_t *row) {
    while (*row + 1 < series->rows && series->at[*row + 1] <= place)
        ++*row;
    const double here = series->at[*row];
    return place > here ? (place - here) / (series->at[*row + 1] - here) : 0;
}

static gn_status resample(gn_series *series, const double *places, size_t count) {
    const size_t width = series->width;
    gn_series finer = *series;
    if (series->rows == 0)
        return GN_OK;
    finer.rows = 0;
    finer.at = calloc(count, sizeof *finer.at);
    finer.values = calloc(count * width, sizeof *finer.values);
    if (!finer.at || !finer.values) {
        free(finer.at);
        free(finer.values);
        return GN_ERROR_MEMORY;
    }
    for (size_t i = 0, row = 0; i < count; i++) {
        if (places[i] < series->at[0] || places[i] > series->at[series->rows - 1])
            continue;
        const double part = between(series, places[i], &row);
        const double *from = series->values + row * width, *to = part > 0 ? from + width : from;
        for (size_t k = 0; k < width; k++)
            finer.values[finer.rows * width + k] = part > 0 ? (1 - part) * from[k] + part * to[k] : from[k];
        finer.at[finer.rows++] = places[i];
    }
    gn_series_free(series);
    *series = finer;
    return GN_OK;
}

gn_status gn_clock_apply(const gn_run_set *set, const gn_run_group *group, gn_plot_clock clock,
                         gn_series *series, gn_message *message) {
    if (clock == GN_PLOT_OVER_STEPS)
        return GN_OK;
    for (size_t i = 0; i < group->count; i++) {
        gn_series times;
        GN_TRY(read_clock(&set->runs[group->first + i].run, clock, &times, message));
        rebase(&series[i], &times);
        gn_series_free(&times);
    }
    if (group->count < 2)
        return GN_OK;
    size_t count;
    double *places = merge(series, group->count, &count);
    gn_status status = places ? GN_OK : GN_ERROR_MEMORY;
    for (size_t i = 0; i < group->count && status == GN_OK; i++)
        status = resample(&series[i], places, count);
    free(places);
    return status == GN_OK
               ? GN_OK
               : gn_message_fail(message, status, "no memory for the curves of %zu runs", group->count);
}

/* ---- places ---- */

double gn_clock_at(const gn_run *run, gn_plot_clock clock, double step) {
    gn_series times;
    size_t row = 0;
    if (clock == GN_PLOT_OVER_STEPS)
        return step;
    if (read_clock(run, clock, &times, NULL) != GN_OK)
        return NAN;
    double now = NAN;
    if (times.rows > 0 && step >= times.at[0] && step <= times.at[times.rows - 1]) {
        const double part = between(&times, step, &row);
        now = part > 0 ? (1 - part) * times.values[row] + part * times.values[row + 1] : times.values[row];
    }
    gn_series_free(&times);
    return now;
}

/* The smallest clock above 0 and the largest of a run. */
static gn_status extend(const gn_run *run, gn_plot_clock clock, double *low, double *high,
                        gn_message *message) {
    gn_series times;
    GN_TRY(read_clock(run, clock, &times, message));
    for (size_t i = 0; i < times.rows; i++) {
        if (isfinite(times.values[i]))
            *high = fmax(*high, times.values[i]);
        if (times.values[i] > 0)
            *low = fmin(*low, times.values[i]);
    }
    gn_series_free(&times);
    return GN_OK;
}

gn_status gn_clock_axis(const gn_run_set *set, gn_plot_clock clock, gn_axis *axis, gn_message *message) {
    static const char *const labels[] = {[GN_PLOT_OVER_SECONDS] = "training time (s)",
                                         [GN_PLOT_OVER_PASSES] = "passes (forward and backward)",
                                         [GN_PLOT_OVER_PROGRESS] = "progress  τ = −ln(L/L_0)"};
    const gn_config_plot *plot = &gn_group_config(set, &set->groups[0])->plot;
    double low = INFINITY, high = 0;
    *axis = gn_page_steps(set);
    if (clock == GN_PLOT_OVER_STEPS)
        return GN_OK;
    for (size_t i = 0; i < set->run_count; i++)
        GN_TRY(extend(&set->runs[i].run, clock, &low, &high, message));
    if (plot->x_max > 0)
        high = plot->x_max;
    axis->label = labels[clock];
    axis->high = high > 0 ? high : 1;
    if (axis->logarithmic)
        axis->low = low < axis->high ? fmax(low, 1e-6 * axis->high) : 0.1 * axis->high;
    return GN_OK;
}
