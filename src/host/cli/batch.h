/* Runs side by side, each in its own directory: what `gnewt sweep` and `gnewt bench` share. */
#ifndef GN_CLI_BATCH_H
#define GN_CLI_BATCH_H

#include <pthread.h>

#include "cli/cli.h"
#include "run/board.h"

typedef struct gn_cli_point {
    gn_config_source *source;
    gn_config *config;
    char *label, *directory;
    char state[16]; /* "waiting" until it has run */
    gn_execute_result result;
    gn_message message; /* why it did not come to its end */
} gn_cli_point;

typedef struct gn_cli_batch {
    const gn_cli_options *options; /* --jobs, --resume, --quiet */
    char path[4096];               /* where the directories lie, and sweep.yaml, which tells of all */
    gn_cli_point *points;
    size_t count;
    gn_board *board;
    const atomic_int *stop;
    int threads;          /* of the CPU, for each run */
    pthread_mutex_t lock; /* of what follows, of the points' states and messages, and of sweep.yaml */
    size_t next;          /* the first point that nobody took */
    int code;             /* exit status so far */
} gn_cli_batch;

/* Freed by gn_cli_batch_free() whatever the others return. */
void gn_cli_batch_init(gn_cli_batch *batch, const gn_cli_options *options);
void gn_cli_batch_free(gn_cli_batch *batch);

/* Reads all points of a grid, which adds them: a mistake in the last shows before the first runs. An axis
 * without values is an error of its point 0. */
gn_status gn_cli_batch_add(gn_cli_batch *batch, const gn_config_source *grid, gn_message *message);
/* batch->path is set: names the points' directories, PATH/000-KEY=VALUE,... */
gn_status gn_cli_batch_place(gn_cli_batch *batch, gn_message *message);
/* Runs all. A run that fails is marked, the others go on; batch->code says GN_EXIT_FAILED then, or
 * GN_EXIT_INTERRUPTED. */
gn_status gn_cli_batch_run(gn_cli_batch *batch, const atomic_int *stop, gn_message *message);

#endif
