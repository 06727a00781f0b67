/* Figures of runs: what `plot:` of their configuration asks for, drawn by gnuplot as PNG and SVG. */
#ifndef GN_REPORT_FIGURE_H
#define GN_REPORT_FIGURE_H

#include <stddef.h>

#include "run/message.h"

typedef struct gn_figure_report {
    char png[4096], svg[4096]; /* what was written; "" where nothing was */
    char caption[1024];        /* as it stands below the figure */
    gn_message message;        /* on failure: what, where and what to do */
} gn_figure_report;

/* Draws the figure of `count` runs. A path is a run directory or a directory that holds some, as a sweep's
 * does. Runs that differ only in their seed are one group: median and extremes over seeds. The first run's
 * `plot:` decides the kind, by default the Fourier modes where they were observed and the losses otherwise.
 *
 * `out` is a path whose ending .png or .svg, if any, is exchanged for both; NULL: <name>.png and .svg in
 * figures/ of the run, or of the directory the runs lie in. Missing folders are made; figures of that name
 * are replaced once the new ones are whole.
 *
 * Errors: ARGUMENT (no run), IO, FORMAT, CONFIG (a run cannot be read, or lacks what is to be drawn),
 * UNSUPPORTED (no gnuplot; the message says how to get it), MEMORY. */
gn_status gn_figure_write(const char *const *runs, size_t count, const char *out, gn_figure_report *written);

/* The figure of one spectrum. */
typedef struct gn_spectrum {
    size_t count;
    const double *values; /* descending */
    const char *title;
    const char *caption;
} gn_spectrum;

/* Eigenvalues by their index, both axes logarithmic, to <stem>.png and <stem>.svg. Values that are not
 * positive are left out. Errors: as above; FORMAT where no value is positive. */
gn_status gn_spectrum_figure_write(const gn_spectrum *spectrum, const char *stem, gn_figure_report *written);

#endif
