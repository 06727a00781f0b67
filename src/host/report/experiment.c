#include "report/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *title;
} measures[GN_MEASURES] = {[GN_MEASURE_SECONDS] = {"seconds", "seconds"},
                           [GN_MEASURE_PASSES] = {"passes", "passes"},
                           [GN_MEASURE_PROCESSOR_SECONDS] = {"processor_seconds", "processor seconds"},
                           [GN_MEASURE_LOSS_TRAIN] = {"loss_train", "training loss"},
                           [GN_MEASURE_LOSS_TEST] = {"loss_test", "test loss"},
                           [GN_MEASURE_ACCURACY_TRAIN] = {"accuracy_train", "training accuracy"},
                           [GN_MEASURE_ACCURACY_TEST] = {"accuracy_test", "test accuracy"}};

const char *gn_measure_title(gn_measure measure) {
    return measures[measure].title;
}

/* ---- reading ---- */

/* Of a run of a gnewt that did not record it: NaN in each row. */
static gn_status read_processor_seconds(const gn_run *run, gn_series *series, gn_message *message) {
    if (gn_run_metric(run, measures[GN_MEASURE_PROCESSOR_SECONDS].name, series, NULL) == GN_OK)
        return GN_OK;
    GN_TRY(gn_run_metric(run, measures[GN_MEASURE_SECONDS].name, series, message));
    for (size_t i = 0; i < series->rows; i++)
        series->values[i] = NAN;
    return GN_OK;
}

static gn_status read_trace(const gn_run *run, gn_trace *trace, gn_message *message) {
    *trace = (gn_trace){.rows = SIZE_MAX};
    gn_run_state(run, trace->state, NULL);
    for (gn_measure m = 0; m < GN_MEASURES; m++) {
        GN_TRY(m == GN_MEASURE_PROCESSOR_SECONDS
                   ? read_processor_seconds(run, &trace->value[m], message)
                   : gn_run_metric(run, measures[m].name, &trace->value[m], message));
        trace->rows = trace->value[m].rows < trace->rows ? trace->value[m].rows : trace->rows;
    }
    return GN_OK;
}

static gn_status read_summary(gn_experiment *experiment, gn_message *message) {
    char path[4200];
    snprintf(path, sizeof path, "%s/sweep.yaml", experiment->path);
    return access(path, R_OK) == 0 ? gn_settings_read(path, &experiment->summary, message) : GN_OK;
}

gn_status gn_experiment_open(const char *path, gn_experiment *experiment, gn_message *message) {
    experiment->path = path;
    GN_TRY(gn_run_set_open(&path, 1, &experiment->set, message));
    experiment->traces = calloc(experiment->set.run_count, sizeof *experiment->traces);
    if (!experiment->traces)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu runs", experiment->set.run_count);
    for (size_t i = 0; i < experiment->set.run_count; i++)
        GN_TRY(read_trace(&experiment->set.runs[i].run, &experiment->traces[i], message));
    return read_summary(experiment, message);
}

void gn_experiment_destroy(gn_experiment *experiment) {
    for (size_t i = 0; experiment->traces && i < experiment->set.run_count; i++)
        for (gn_measure m = 0; m < GN_MEASURES; m++)
            gn_series_free(&experiment->traces[i].value[m]);
    free(experiment->traces);
    gn_settings_destroy(&experiment->summary);
    gn_run_set_destroy(&experiment->set);
    *experiment = (gn_experiment){0};
}

/* ---- asking ---- */

bool gn_trace_finished(const gn_trace *trace) {
    return strcmp(trace->state, "finished") == 0;
}

double gn_trace_last(const gn_trace *trace, gn_measure measure) {
    return trace->rows > 0 ? trace->value[measure].values[trace->rows - 1] : NAN;
}

double gn_trace_last_step(const gn_trace *trace) {
    return trace->rows > 0 ? trace->value[GN_MEASURE_SECONDS].at[trace->rows - 1] : NAN;
}

size_t gn_trace_reach(const gn_trace *trace, gn_measure measure, double threshold) {
    const double *value = trace->value[measure].values;
    const bool loss = measure == GN_MEASURE_LOSS_TRAIN || measure == GN_MEASURE_LOSS_TEST;
    for (size_t i = 0; i < trace->rows; i++)
        if (loss ? value[i] <= threshold * value[0] : value[i] >= threshold)
            return i;
    return trace->rows;
}

bool gn_experiment_has(const gn_experiment *experiment, gn_measure measure) {
    for (size_t i = 0; i < experiment->set.run_count; i++)
        for (size_t j = 0; j < experiment->traces[i].rows; j++)
            if (isfinite(experiment->traces[i].value[measure].values[j]))
                return true;
    return false;
}

static const char *summary_value(const gn_experiment *experiment, size_t i, const char *key) {
    char path[64];
    snprintf(path, sizeof path, "%zu.%s", i, key);
    return gn_settings_get(&experiment->summary, path);
}

bool gn_experiment_point(const gn_experiment *experiment, size_t i, gn_sweep_point *point) {
    const char *message = summary_value(experiment, i, "message");
    point->directory = summary_value(experiment, i, "directory");
    point->state = summary_value(experiment, i, "state");
    point->message = message ? message : "";
    return point->directory && point->state;
}
