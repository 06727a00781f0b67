/* The inside of a run directory. Internal to run/directory*.c. */
#ifndef GN_RUN_DIRECTORY_STATE_H
#define GN_RUN_DIRECTORY_STATE_H

#include <stdio.h>

#include "run/directory.h"

/* An array of run.h5 that grows, and its rows that wait for the next flush. */
typedef struct gn_column {
    char name[160];
    size_t width; /* values a row */
    double *rows;
    size_t waiting, capacity; /* rows */
    gn_h5_series *series;
} gn_column;

struct gn_directory {
    char path[4096];
    FILE *log;
    int csv;
    gn_h5 *h5;
    int aside; /* N of the .bak files that what an earlier run recorded was moved to; 0: none */
    gn_column *columns;
    size_t column_count;
    bool waiting;                                              /* some column has rows */
    size_t waiting_bytes;                                      /* of them all */
    bool ticked;                                               /* a step has ended */
    double started, waiting_since, last_flush, last_tick, gap; /* seconds; gap: between the last two ticks */
};

gn_status gn_directory_write_header(gn_directory *directory, gn_message *message);
gn_status gn_directory_open_metrics(gn_directory *directory, gn_message *message);
/* Takes away what is beyond `step`: from metrics.csv, also a line cut short; and from run.h5. */
gn_status gn_directory_cut_csv(gn_directory *directory, uint64_t step, gn_message *message);
gn_status gn_directory_cut_series(gn_directory *directory, uint64_t step, gn_message *message);
void gn_directory_free_columns(gn_directory *directory);

#endif
