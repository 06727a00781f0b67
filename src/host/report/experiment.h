/* An experiment as a report tells of it: the runs at one path, with the rows that they recorded. */
#ifndef GN_REPORT_EXPERIMENT_H
#define GN_REPORT_EXPERIMENT_H

#include "report/runs.h"

/* What a report follows through a run. */
typedef enum gn_measure {
    GN_MEASURE_SECONDS,
    GN_MEASURE_PASSES,
    GN_MEASURE_PROCESSOR_SECONDS, /* NaN of runs that did not record it */
    GN_MEASURE_LOSS_TRAIN,
    GN_MEASURE_LOSS_TEST,
    GN_MEASURE_ACCURACY_TRAIN,
    GN_MEASURE_ACCURACY_TEST,
    GN_MEASURES
} gn_measure;

/* "training loss" */
const char *gn_measure_title(gn_measure measure);

/* The recorded rows of one run. */
typedef struct gn_trace {
    char state[32];               /* "finished", "diverged", "failed", "interrupted", "running" */
    size_t rows;                  /* that all of the series have */
    gn_series value[GN_MEASURES]; /* one column each; at: the step */
} gn_trace;

typedef struct gn_experiment {
    const char *path;
    gn_run_set set;
    gn_trace *traces;    /* of set.runs, in their order */
    gn_settings summary; /* of the sweep's sweep.yaml; empty where there is none */
} gn_experiment;

/* Opens the run, or runs, at `path` (borrowed). A zeroed experiment is the caller's to destroy, whatever is
 * returned. Errors: those of gn_run_set_open(). */
gn_status gn_experiment_open(const char *path, gn_experiment *experiment, gn_message *message);
void gn_experiment_destroy(gn_experiment *experiment);

bool gn_trace_finished(const gn_trace *trace);
/* The last recorded value, or step; NaN where no row was recorded. */
double gn_trace_last(const gn_trace *trace, gn_measure measure);
double gn_trace_last_step(const gn_trace *trace);
/* The first row at which a loss is at most `threshold` times that of the first row, or an accuracy at least
 * `threshold`; `rows` where there is none. */
size_t gn_trace_reach(const gn_trace *trace, gn_measure measure, double threshold);
/* Whether any run of the experiment recorded it. */
bool gn_experiment_has(const gn_experiment *experiment, gn_measure measure);

/* Point i of the sweep's summary, as far as there is one: false where it ends. */
typedef struct gn_sweep_point {
    const char *directory, *state, *message; /* message: "" for none */
} gn_sweep_point;
bool gn_experiment_point(const gn_experiment *experiment, size_t i, gn_sweep_point *point);

#endif
