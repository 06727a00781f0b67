/* Reading run directories back: for figures, reports and tests. */
#ifndef GN_RUN_READER_H
#define GN_RUN_READER_H

#include "run/config.h"

/* One recorded quantity: `rows` rows of `width` float64 values, row-major; at[i] is the step of row i. */
typedef struct gn_series {
    size_t rows, width;
    int rank;        /* of one row: 0, 1 or 2 */
    size_t shape[2]; /* of one row */
    double *at;      /* rows */
    double *values;  /* rows x width */
} gn_series;

typedef struct gn_run {
    char *directory;
    gn_config *config;
    struct gn_run_file *file;
} gn_run;

/* Opens a run directory, finished or not. IO, FORMAT, CONFIG: the message names the file. */
gn_status gn_run_open(const char *directory, gn_run *run, gn_message *message);
/* Zeroes the struct; a zeroed one is allowed. */
void gn_run_close(gn_run *run);

/* The metric `name` of GN_METRICS_LIST, or "phase". Rows written whole only. FORMAT where there is none. */
gn_status gn_run_metric(const gn_run *run, const char *name, gn_series *series, gn_message *message);
/* /observe/<observer>/<array>. FORMAT, with what is there, where there is none. */
gn_status gn_run_observation(const gn_run *run, const char *observer, const char *array, gn_series *series,
                             gn_message *message);
/* The phases that have ended, in order: values[i] did after step at[i]. No rows: none has, or the run is of a
 * gnewt that did not tell. */
gn_status gn_run_phases(const gn_run *run, gn_series *series, gn_message *message);
/* "running" (or killed), "finished", "interrupted", "diverged", "failed"; of the run. */
gn_status gn_run_state(const gn_run *run, char state[32], gn_message *message);
/* An attribute of run.h5 as text: "version", "device", "precision", "begun" (UTC), "quick" (what the quick
 * size leaves out); "" where there is none. */
void gn_run_attribute(const gn_run *run, const char *name, char *text, size_t size);
/* Frees the values and zeroes the struct. */
void gn_series_free(gn_series *series);

#endif
