/* What came out at the end of the runs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/number.h"
#include "report/report_parts.h"

enum { DIGITS = 3, ALL_DIGITS = 6, STEP_DIGITS = 15 };

/* Of the last rows of a group's finished runs; measure GN_MEASURES: the step. */
static gn_spread last_of(const gn_experiment *e, const gn_run_group *group, gn_measure measure) {
    size_t count = 0;
    double *values = calloc(group->count, sizeof *values);
    for (size_t i = 0; values && i < group->count; i++) {
        const gn_trace *trace = &e->traces[group->first + i];
        const double value =
            measure == GN_MEASURES ? gn_trace_last_step(trace) : gn_trace_last(trace, measure);
        if (gn_trace_finished(trace) && !isnan(value))
            values[count++] = value;
    }
    const gn_spread spread = gn_spread_of(values, count);
    free(values);
    return spread;
}

static size_t finished(const gn_experiment *e, const gn_run_group *group) {
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        count += gn_trace_finished(&e->traces[group->first + i]);
    return count;
}

/* ---- expected and found ---- */

/* "1000 steps in 0.459 s: training loss 0.072 [0.05, 0.09], test loss 0.076 [0.06, 0.1]" */
static void write_found(FILE *out, const gn_experiment *e, const gn_run_group *group) {
    const gn_spread steps = last_of(e, group, GN_MEASURES), seconds = last_of(e, group, GN_MEASURE_SECONDS);
    char number[GN_NUMBER], range[80];
    if (steps.count == 0) {
        fputs("no run came to its end", out);
        return;
    }
    fprintf(out, "%s steps in ", gn_number_text(steps.median, STEP_DIGITS, number));
    fprintf(out, "%s s", gn_number_text(seconds.median, DIGITS, number));
    const char *separator = ": ";
    for (gn_measure m = GN_MEASURE_LOSS_TRAIN; m < GN_MEASURES; m++) {
        const gn_spread spread = last_of(e, group, m);
        if (spread.count == 0)
            continue;
        fprintf(out, "%s%s %s", separator, gn_measure_title(m),
                gn_number_text(spread.median, DIGITS, number));
        if (gn_report_range(spread, DIGITS, range)[0] != '\0')
            fprintf(out, " <small>%s</small>", range);
        separator = ", ";
    }
    if (finished(e, group) < group->count)
        fprintf(out, "; of %zu of %zu seeds, the others did not come to their end", finished(e, group),
                group->count);
}

void gn_report_expected(FILE *out, const gn_experiment *e) {
    const char *expected = gn_group_config(&e->set, &e->set.groups[0])->plot.expected;
    fputs("<div class=\"pair\">\n<div><h3>Expected</h3>\n<p", out);
    if (expected && expected[0]) {
        fputs(">", out);
        gn_html_text(out, expected);
    } else {
        fputs(" class=\"note\">Nothing was written down: the configuration has no plot.expected.", out);
    }
    fputs("</p></div>\n<div><h3>Found</h3>\n<ul class=\"found\">\n", out);
    for (size_t i = 0; i < e->set.group_count; i++) {
        fputs("<li><strong>", out);
        gn_html_text(out, e->set.groups[i].title);
        fputs("</strong> ", out);
        write_found(out, e, &e->set.groups[i]);
        fputs("</li>\n", out);
    }
    fputs("</ul></div>\n</div>\n", out);
}

/* ---- the table ---- */

static void write_head(FILE *out, const gn_experiment *e, const char *const *first, size_t count) {
    fputs("<div class=\"wide\"><table>\n<thead><tr><th class=\"left\" scope=\"col\">setting</th>", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "<th scope=\"col\">%s</th>", first[i]);
    fputs("<th scope=\"col\">steps</th>", out);
    for (gn_measure m = 0; m < GN_MEASURES; m++)
        if (gn_experiment_has(e, m))
            fprintf(out, "<th scope=\"col\">%s</th>", gn_measure_title(m));
    fputs("</tr></thead>\n<tbody>\n", out);
}

void gn_report_final(FILE *out, const gn_experiment *e) {
    static const char *const first[] = {"finished"};
    size_t most = 1;
    fputs("<h3>At the end of the runs</h3>\n", out);
    write_head(out, e, first, 1);
    for (size_t i = 0; i < e->set.group_count; i++) {
        const gn_run_group *group = &e->set.groups[i];
        fputs("<tr>", out);
        gn_report_row(out, group);
        fprintf(out, "<td>%zu of %zu</td>", finished(e, group), group->count);
        gn_report_cell(out, last_of(e, group, GN_MEASURES), STEP_DIGITS, false);
        for (gn_measure m = 0; m < GN_MEASURES; m++)
            if (gn_experiment_has(e, m))
                gn_report_cell(out, last_of(e, group, m), DIGITS, m >= GN_MEASURE_LOSS_TRAIN);
        fputs("</tr>\n", out);
        most = group->count > most ? group->count : most;
    }
    fputs("</tbody></table></div>\n<p class=\"note\">Seconds are wall-clock time of training, without "
          "recording and "
          "observing; "
          "a pass is one forward and backward evaluation of the batch, or its worth.",
          out);
    if (most > 1)
        fputs(" Median over the seeds that came to their end, in brackets the least and the largest", out);
    if (most > 2)
        fputs("; 95 %: bootstrap interval of the median, 2000 resamples of the seeds", out);
    fputs(most > 1 ? ".</p>\n" : "</p>\n", out);
}

/* ---- runs that did not end ---- */

static const char *state_words(const char *state) {
    return strcmp(state, "running") == 0 ? "running, or killed"
           : state[0] != '\0'            ? state
                                         : "of unknown state";
}

/* The last part of a run's path, by which the sweep's summary calls it. */
static const char *directory_of(const gn_experiment *e, size_t run) {
    const char *path = e->set.runs[run].run.directory, *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the sweep noted of a run: why it failed; "" for nothing. */
static const char *noted(const gn_experiment *e, size_t run) {
    gn_sweep_point point;
    for (size_t i = 0; gn_experiment_point(e, i, &point); i++)
        if (strcmp(point.directory, directory_of(e, run)) == 0)
            return point.message;
    return "";
}

static void write_unfinished(FILE *out, const gn_experiment *e, size_t run) {
    const gn_trace *trace = &e->traces[run];
    char step[GN_NUMBER], loss[GN_NUMBER];
    fputs("<li>", out);
    gn_html_text(out, e->set.groups[e->set.runs[run].group].title);
    fprintf(out, ", seed %llu: <strong>", (unsigned long long)e->set.runs[run].run.config->seed);
    gn_html_text(out, state_words(trace->state));
    if (trace->rows == 0)
        fputs("</strong>, without a recorded row", out);
    else
        fprintf(out, "</strong>, last row at step %s, training loss %s",
                gn_number_text(gn_trace_last_step(trace), STEP_DIGITS, step),
                gn_number_text(gn_trace_last(trace, GN_MEASURE_LOSS_TRAIN), DIGITS, loss));
    fputs(noted(e, run)[0] != '\0' ? "; " : "", out);
    gn_html_text(out, noted(e, run));
    fputs("</li>\n", out);
}

static bool was_read(const gn_experiment *e, const gn_sweep_point *point) {
    for (size_t i = 0; i < e->set.run_count; i++)
        if (strcmp(directory_of(e, i), point->directory) == 0)
            return true;
    return false;
}

static void write_missing(FILE *out, const gn_sweep_point *point) {
    fputs("<li>", out);
    gn_html_text(out, point->directory);
    fputs(": <strong>no run that can be read</strong>; the sweep calls it ", out);
    gn_html_text(out, point->state);
    fputs(point->message[0] != '\0' ? ": " : "", out);
    gn_html_text(out, point->message);
    fputs("</li>\n", out);
}

void gn_report_unfinished(FILE *out, const gn_experiment *e) {
    size_t count = 0;
    gn_sweep_point point;
    for (size_t i = 0; i < e->set.run_count; i++)
        count += !gn_trace_finished(&e->traces[i]);
    for (size_t i = 0; gn_experiment_point(e, i, &point); i++)
        count += !was_read(e, &point);
    if (count == 0)
        return;
    fputs("<div class=\"warn\"><p>Not all runs came to their end; those that did not are in none of the "
          "medians at "
          "the end.</p>\n<ul>\n",
          out);
    for (size_t i = 0; i < e->set.run_count; i++)
        if (!gn_trace_finished(&e->traces[i]))
            write_unfinished(out, e, i);
    for (size_t i = 0; gn_experiment_point(e, i, &point); i++)
        if (!was_read(e, &point))
            write_missing(out, &point);
    fputs("</ul></div>\n", out);
}

/* ---- every run ---- */

void gn_report_runs(FILE *out, const gn_experiment *e) {
    static const char *const first[] = {"seed", "state"};
    char number[GN_NUMBER];
    fprintf(out, "<details><summary>Every run (%zu): its last recorded row</summary>\n", e->set.run_count);
    write_head(out, e, first, 2);
    for (size_t i = 0; i < e->set.run_count; i++) {
        const gn_trace *trace = &e->traces[i];
        fputs("<tr>", out);
        gn_report_row(out, &e->set.groups[e->set.runs[i].group]);
        fprintf(out, "<td>%llu</td><td>", (unsigned long long)e->set.runs[i].run.config->seed);
        gn_html_text(out, state_words(trace->state));
        fprintf(out, "</td><td>%s</td>", gn_number_text(gn_trace_last_step(trace), STEP_DIGITS, number));
        for (gn_measure m = 0; m < GN_MEASURES; m++)
            if (gn_experiment_has(e, m))
                fprintf(out, "<td>%s</td>", gn_number_text(gn_trace_last(trace, m), ALL_DIGITS, number));
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}
