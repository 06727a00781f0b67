#include "run/phase_end.h"

#include <math.h>
#include <stdio.h>

#include "backend/context.h"

const char *gn_phase_metric_name(gn_phase_metric metric) {
    static const char *const names[] = {
        [GN_PHASE_LOSS_TRAIN] = "loss_train",
        [GN_PHASE_LOSS_TEST] = "loss_test",
        [GN_PHASE_ACCURACY_TRAIN] = "accuracy_train",
        [GN_PHASE_ACCURACY_TEST] = "accuracy_test",
    };
    return (size_t)metric < sizeof names / sizeof *names ? names[metric] : NULL;
}

const char *gn_signal_name(gn_signal signal) {
    static const char *const names[] = {
        [GN_SIGNAL_DRIFT] = "drift",
        [GN_SIGNAL_LINEARISATION_GAP] = "linearisation_gap",
        [GN_SIGNAL_MODE_RATE] = "mode_rate",
    };
    return (size_t)signal < sizeof names / sizeof *names ? names[signal] : NULL;
}

static double metric_of(const gn_metrics *row, gn_phase_metric metric) {
    const double values[] = {row->loss_train, row->loss_test, row->accuracy_train, row->accuracy_test};
    return values[metric];
}

static bool is_accuracy(gn_phase_metric metric) {
    return metric == GN_PHASE_ACCURACY_TRAIN || metric == GN_PHASE_ACCURACY_TEST;
}

/* ---- checks ---- */

static gn_status check_metric(gn_context *context, const gn_dataset *dataset, size_t phase,
                              gn_phase_metric metric) {
    const char *name = gn_phase_metric_name(metric);
    if (!name)
        return gn_fail(context, GN_ERROR_ARGUMENT, "phase %zu is to end by an unknown metric, %d", phase,
                       (int)metric);
    if (is_accuracy(metric) && !dataset->labels)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "phase %zu is to end by %s, but the data have no classes; take a loss", phase, name);
    if ((metric == GN_PHASE_LOSS_TEST || metric == GN_PHASE_ACCURACY_TEST) && !dataset->test_inputs)
        return gn_fail(
            context, GN_ERROR_ARGUMENT, "phase %zu is to end by %s, but the data have no test set; take %s",
            phase, name,
            gn_phase_metric_name(is_accuracy(metric) ? GN_PHASE_ACCURACY_TRAIN : GN_PHASE_LOSS_TRAIN));
    return GN_OK;
}

static gn_status check_level(gn_context *context, size_t phase, const char *name, gn_bound bound,
                             double level) {
    if (isfinite(level) && (bound == GN_BOUND_BELOW || bound == GN_BOUND_ABOVE))
        return GN_OK;
    return gn_fail(
        context, GN_ERROR_ARGUMENT,
        "phase %zu is to end by %s with the level %g, bound %d: it must be a finite number, below or "
        "above",
        phase, name, level, (int)bound);
}

static gn_status check_signal(gn_context *context, const gn_trainer_options *options, size_t phase) {
    const gn_phase_end *end = &options->phases[phase].end;
    const char *name = gn_signal_name(end->change.signal);
    if (!name)
        return gn_fail(context, GN_ERROR_ARGUMENT, "phase %zu is to end by an unknown signal, %d", phase,
                       (int)end->change.signal);
    if (gn_phase_end_observer(options, end) == options->observer_count)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "phase %zu is to end by the signal %s, which none of the observers offers", phase,
                       name);
    return check_level(context, phase, name, end->change.bound, end->change.level);
}

gn_status gn_phase_end_check(gn_context *context, const gn_trainer_options *options, size_t phase) {
    const gn_phase_end *end = &options->phases[phase].end;
    if (end->until.times > 0) {
        GN_TRY(check_metric(context, options->dataset, phase, end->until.metric));
        GN_TRY(check_level(context, phase, gn_phase_metric_name(end->until.metric), end->until.bound,
                           end->until.level));
    }
    if (end->stagnation.times > 0) {
        GN_TRY(check_metric(context, options->dataset, phase, end->stagnation.metric));
        if (!(end->stagnation.relative >= 0 && isfinite(end->stagnation.relative)))
            return gn_fail(context, GN_ERROR_ARGUMENT,
                           "phase %zu is to end by stagnation with relative %g: it must be 0 or more", phase,
                           end->stagnation.relative);
    }
    return end->change.times > 0 ? check_signal(context, options, phase) : GN_OK;
}

size_t gn_phase_end_observer(const gn_trainer_options *options, const gn_phase_end *end) {
    size_t i = 0;
    if (end->change.times == 0)
        return options->observer_count;
    while (i < options->observer_count && !gn_observer_offers(options->observers[i], end->change.signal))
        i++;
    return i;
}

/* ---- counting ---- */

gn_phase_counts gn_phase_counts_begin(void) {
    return (gn_phase_counts){.best = NAN};
}

/* One more value against a level; true where it is the last that was asked for. Without NaN: none is below or
 * above anything. */
static bool count(size_t *counted, size_t times, gn_bound bound, double value, double level) {
    const bool holds = bound == GN_BOUND_BELOW ? value < level : value > level;
    *counted = holds ? *counted + 1 : 0;
    return holds && *counted >= times;
}

/* " for 3 rows", nothing for one. */
static void write_times(char text[48], size_t times, const char *what) {
    text[0] = '\0';
    if (times > 1)
        snprintf(text, 48, " for %zu %s", times, what);
}

static bool ends_until(const gn_phase_end *end, gn_phase_counts *counts, const gn_metrics *row,
                       gn_phase_report *report) {
    const double value = metric_of(row, end->until.metric);
    char times[48];
    if (!count(&counts->until, end->until.times, end->until.bound, value, end->until.level))
        return false;
    report->cause = GN_PHASE_UNTIL;
    report->value = value;
    write_times(times, end->until.times, "rows");
    snprintf(report->text, sizeof report->text, "%s %.4g %s %g%s", gn_phase_metric_name(end->until.metric),
             value, end->until.bound == GN_BOUND_BELOW ? "below" : "above", end->until.level, times);
    return true;
}

static bool stagnates(const gn_phase_end *end, gn_phase_counts *counts, const gn_metrics *row,
                      gn_phase_report *report) {
    const gn_phase_metric metric = end->stagnation.metric;
    const double value = metric_of(row, metric), margin = end->stagnation.relative * fabs(counts->best);
    const bool better = is_accuracy(metric) ? value > counts->best + margin : value < counts->best - margin;
    if (isnan(counts->best) || better) {
        counts->best = value;
        counts->stagnation = 0;
        return false;
    }
    if (++counts->stagnation < end->stagnation.times)
        return false;
    report->cause = GN_PHASE_STAGNATION;
    report->value = counts->best;
    snprintf(report->text, sizeof report->text, "%s not better than its best, %.4g, by %g of it for %zu rows",
             gn_phase_metric_name(metric), counts->best, end->stagnation.relative, end->stagnation.times);
    return true;
}

bool gn_phase_ends_by_row(const gn_phase_end *end, gn_phase_counts *counts, const gn_metrics *row,
                          gn_phase_report *report) {
    return (end->until.times > 0 && ends_until(end, counts, row, report)) ||
           (end->stagnation.times > 0 && stagnates(end, counts, row, report));
}

bool gn_phase_ends_by_signal(const gn_phase_end *end, gn_phase_counts *counts, double value,
                             gn_phase_report *report) {
    char times[48];
    if (!count(&counts->change, end->change.times, end->change.bound, value, end->change.level))
        return false;
    report->cause = GN_PHASE_CHANGE;
    report->value = value;
    write_times(times, end->change.times, "observations");
    snprintf(report->text, sizeof report->text, "%s %.4g %s %g%s", gn_signal_name(end->change.signal), value,
             end->change.bound == GN_BOUND_BELOW ? "below" : "above", end->change.level, times);
    return true;
}

gn_status gn_phase_counts_walk(gn_phase_counts *counts, const gn_state_walk *walk) {
    double values[] = {(double)counts->until, (double)counts->stagnation, (double)counts->change,
                       counts->best};
    GN_TRY(walk->array(walk->user, "phase_counts", 4, values));
    if (walk->loading)
        *counts =
            (gn_phase_counts){(size_t)values[0], (size_t)values[1], (size_t)values[2], .best = values[3]};
    return GN_OK;
}
