/* How long runs took to get somewhere. */
#include <math.h>
#include <stdlib.h>

#include "report/html.h"
#include "report/number.h"
#include "report/report_parts.h"

enum { DIGITS = 3, STEP_DIGITS = 15, MOST_THRESHOLDS = 6 };

/* Losses as parts of the first recorded one, accuracies as they are; 0 ends a list. */
static const double parts[MOST_THRESHOLDS + 1] = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
static const double accuracies[MOST_THRESHOLDS + 1] = {0.5, 0.9, 0.95, 0.99};

static bool is_loss(gn_measure measure) {
    return measure == GN_MEASURE_LOSS_TRAIN || measure == GN_MEASURE_LOSS_TEST;
}

static size_t reached(const gn_experiment *e, const gn_run_group *group, gn_measure measure,
                      double threshold) {
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        const gn_trace *trace = &e->traces[group->first + i];
        count += gn_trace_reach(trace, measure, threshold) < trace->rows;
    }
    return count;
}

static bool any_reached(const gn_experiment *e, gn_measure measure, double threshold) {
    for (size_t i = 0; i < e->set.group_count; i++)
        if (reached(e, &e->set.groups[i], measure, threshold) > 0)
            return true;
    return false;
}

/* What a group's runs had spent when they got there, infinite for those that did not, of none where one of
 * them does not tell; GN_MEASURES: steps. */
static gn_spread spent(const gn_experiment *e, const gn_run_group *group, gn_measure measure,
                       double threshold, gn_measure what) {
    double *values = calloc(group->count, sizeof *values);
    bool told = values != NULL;
    for (size_t i = 0; values && i < group->count; i++) {
        const gn_trace *trace = &e->traces[group->first + i];
        const size_t row = gn_trace_reach(trace, measure, threshold);
        const gn_series *series = &trace->value[what == GN_MEASURES ? GN_MEASURE_SECONDS : what];
        values[i] = row == trace->rows    ? INFINITY
                    : what == GN_MEASURES ? series->at[row]
                                          : series->values[row];
        told = told && !isnan(values[i]);
    }
    const gn_spread spread = gn_spread_of(values, told ? group->count : 0);
    free(values);
    return spread;
}

static void write_reached(FILE *out, const gn_experiment *e, const gn_run_group *group, gn_measure measure,
                          double threshold) {
    gn_report_row(out, group);
    fprintf(out, "<td>%zu of %zu</td>", reached(e, group, measure, threshold), group->count);
    gn_report_cell(out, spent(e, group, measure, threshold, GN_MEASURES), STEP_DIGITS, false);
    gn_report_cell(out, spent(e, group, measure, threshold, GN_MEASURE_SECONDS), DIGITS, false);
    gn_report_cell(out, spent(e, group, measure, threshold, GN_MEASURE_PROCESSOR_SECONDS), DIGITS, false);
    gn_report_cell(out, spent(e, group, measure, threshold, GN_MEASURE_PASSES), DIGITS, false);
    fputs("</tr>\n", out);
}

/* The groups of which no run came there, in one row. */
static void write_others(FILE *out, const gn_experiment *e, gn_measure measure, double threshold) {
    const char *separator = "";
    fputs("<tr><th scope=\"row\">", out);
    for (size_t i = 0; i < e->set.group_count; i++) {
        if (reached(e, &e->set.groups[i], measure, threshold) > 0)
            continue;
        fputs(separator, out);
        gn_html_text(out, e->set.groups[i].title);
        separator = "; ";
    }
    fputs("</th><td>none</td><td>never</td><td>never</td><td>never</td><td>never</td></tr>\n", out);
}

static void write_threshold(FILE *out, const gn_experiment *e, gn_measure measure, double threshold) {
    char number[GN_NUMBER];
    size_t rows = 0;
    for (size_t i = 0; i < e->set.group_count; i++)
        rows += reached(e, &e->set.groups[i], measure, threshold) > 0;
    const bool others = rows < e->set.group_count;
    fprintf(out, "<tbody>\n<tr><th class=\"left\" scope=\"rowgroup\" rowspan=\"%zu\">%s %s</th>",
            rows + others, is_loss(measure) ? "≤" : "≥", gn_number_text(threshold, DIGITS, number));
    for (size_t i = 0, written = 0; i < e->set.group_count; i++) {
        if (reached(e, &e->set.groups[i], measure, threshold) == 0)
            continue;
        fputs(written++ > 0 ? "<tr>" : "", out);
        write_reached(out, e, &e->set.groups[i], measure, threshold);
    }
    if (others)
        write_others(out, e, measure, threshold);
    fputs("</tbody>\n", out);
}

static void write_measure(FILE *out, const gn_experiment *e, gn_measure measure) {
    const double *threshold = is_loss(measure) ? parts : accuracies;
    if (!any_reached(e, measure, threshold[0])) {
        fprintf(out,
                is_loss(measure) ? "<p>The %s of no run came down to 0.1 of its first.</p>\n"
                                 : "<p>The %s of no run came to 0.5.</p>\n",
                gn_measure_title(measure));
        return;
    }
    fprintf(out,
            "<div class=\"wide\"><table>\n<thead><tr><th class=\"left\" scope=\"col\">%s%s</th>"
            "<th class=\"left\" scope=\"col\">setting</th><th scope=\"col\">seeds that came there</th>"
            "<th scope=\"col\">steps</th><th scope=\"col\">seconds</th>"
            "<th scope=\"col\">processor seconds</th><th scope=\"col\">passes</th></tr></thead>\n",
            gn_measure_title(measure), is_loss(measure) ? "<br>of its start" : "");
    for (; *threshold > 0; threshold++)
        if (any_reached(e, measure, *threshold))
            write_threshold(out, e, measure, *threshold);
    fputs("</table></div>\n", out);
}

void gn_report_thresholds(FILE *out, const gn_experiment *e) {
    fputs("<h3>Steps, seconds and passes to a threshold</h3>\n<p class=\"note\">The first recorded row at or "
          "beyond "
          "it; a threshold that no run reached is left out. Medians are over all seeds, those that never "
          "came there "
          "included. Seconds are of the clock, processor seconds of the run's own work.</p>\n",
          out);
    for (gn_measure m = GN_MEASURE_LOSS_TRAIN; m < GN_MEASURES; m++)
        if (gn_experiment_has(e, m))
            write_measure(out, e, m);
}
