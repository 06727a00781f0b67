/* Progress of several runs at once: a line for each that works and one for all of them. On a terminal the
 * lines are redrawn in place; otherwise they follow each other. All functions may be called by any thread. */
#ifndef GN_RUN_BOARD_H
#define GN_RUN_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "run/message.h"

typedef struct gn_board gn_board;

/* For `runs` runs, of which `places` work at once. quiet: only gn_board_say() prints. MEMORY. */
gn_status gn_board_create(FILE *out, bool quiet, size_t runs, size_t places, gn_board **board,
                          gn_message *message);
/* Takes its lines away; NULL is allowed. */
void gn_board_destroy(gn_board *board);
FILE *gn_board_file(const gn_board *board);
bool gn_board_quiet(const gn_board *board);

/* The run at `place` (from 0) has done `part` of its work; `line` says so. */
void gn_board_show(gn_board *board, size_t place, double part, const char *line);
/* How the run at a place has ended. BEFORE: it had been finished before; INTERRUPTED: it is not done. */
typedef enum gn_board_end {
    GN_BOARD_FINISHED,
    GN_BOARD_BEFORE,
    GN_BOARD_FAILED,
    GN_BOARD_INTERRUPTED,
    GN_BOARD_ENDS
} gn_board_end;
void gn_board_end_run(gn_board *board, size_t place, gn_board_end end);
/* A line that stays. */
void gn_board_say(gn_board *board, const char *text);

/* "1:02:03", or "42 s" below a minute; returns text. */
const char *gn_time_text(double seconds, char text[32]);

#endif
