/* gnuplot as a child process: its scripts are written to a file without a name and run without a shell. */
#ifndef GN_REPORT_GNUPLOT_H
#define GN_REPORT_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

#include "report/statistics.h"

enum { GN_SCRIPT_NAME = 32 };

/* A script being written. What it draws goes to the two names, which lie in `folder`. */
typedef struct gn_script {
    FILE *file;
    unsigned blocks;
    const char *folder; /* borrowed */
    char png[GN_SCRIPT_NAME], svg[GN_SCRIPT_NAME];
    char caption[1024]; /* what the figure says of itself, for who shows it */
} gn_script;

/* Opens a script for figures in `folder`, which must exist. Errors: IO, with `message`. */
gn_status gn_script_open(gn_script *script, const char *folder, gn_message *message);
/* Runs it and renames the two pictures to `png` and `svg` (paths). Errors: UNSUPPORTED where there is no
 * gnuplot, IO where it failed; the message says what to install, or what gnuplot said. */
gn_status gn_script_run(gn_script *script, const char *png, const char *svg, gn_message *message);
/* Closes the script and removes what it left behind. */
void gn_script_close(gn_script *script);

/* Writes `text` as a gnuplot string, quotes included, that is shown as it stands: gnuplot's own marks in it
 * ('_', '^', '{', ...) are escaped and control characters are blanks. */
void gn_script_text(gn_script *script, const char *text);
/* The same without quotes, for a part of a longer single-quoted string. */
void gn_script_part(gn_script *script, const char *text);

/* Writes a block of rows `step median low high` and returns its number i: the block is `$b<i>`. Values of a
 * logarithmic axis that are zero or negative lie at the bottom of the picture; what is not finite interrupts
 * the curve. */
unsigned gn_script_band(gn_script *script, const gn_band *band, bool logarithmic);

#endif
