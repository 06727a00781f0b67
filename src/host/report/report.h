/* The report of experiments: one HTML file that needs no other, and its figures as files beside it. */
#ifndef GN_REPORT_REPORT_H
#define GN_REPORT_REPORT_H

#include <stddef.h>

#include "run/message.h"

typedef struct gn_report {
    char figures[4096]; /* the folder of the PNG and SVG files: OUT without .html, and -figures */
    size_t drawn;       /* figures that were */
    char trouble[2048]; /* why a figure was not; "": all were */
    gn_message message; /* on failure: what, where and what to do */
} gn_report;

/* Writes to `out` a section for each of `count` paths, a run directory or a directory that holds some, as a
 * sweep's does: figure, caption, expected and found, last values and thresholds over seeds, settings and
 * configurations. A figure that cannot be drawn is said in its place. The file is replaced once it is whole.
 * Errors: ARGUMENT (no run), IO, FORMAT, CONFIG (a run cannot be read), MEMORY. */
gn_status gn_report_write(const char *const *paths, size_t count, const char *out, gn_report *report);

#endif
