/* Progress on standard error: a bar on a terminal, a line every few seconds otherwise. Of one run, or of one
 * of several at once, whose lines are a board's. */
#ifndef GN_RUN_PROGRESS_H
#define GN_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "run/board.h"

typedef struct gn_progress {
    FILE *out; /* NULL: quiet */
    bool terminal;
    size_t columns;  /* of the terminal; 0: not known */
    char title[256]; /* "my-run", "[3/12] seed=2" */
    uint64_t steps;  /* of the whole run */
    uint64_t first;  /* where this process began */
    double started, last;
    double loss_train, loss_test; /* last recorded; NaN: none */
    bool drawn;                   /* a bar stands on the current line */
    gn_board *board;              /* borrowed; NULL: the run has the lines for itself */
    size_t place;                 /* on the board */
} gn_progress;

/* quiet: nothing is printed. */
gn_progress gn_progress_start(FILE *out, bool quiet, const char *title);
/* The same at a place of a board. */
gn_progress gn_progress_start_on(gn_board *board, size_t place, const char *title);
void gn_progress_begin(gn_progress *progress, uint64_t step, uint64_t steps);
/* Cheap: prints only when due. */
void gn_progress_step(gn_progress *progress, uint64_t step);
/* Ends the bar's line, so that other text can follow. */
void gn_progress_end(gn_progress *progress);
/* A line that stays, unless quiet: `kind` ("warning: ", or ""), the run's title, the text. */
void gn_progress_say(gn_progress *progress, const char *kind, const char *text);

#endif
