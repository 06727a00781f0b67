/* The layout of a figure: title, panels in rows, a legend on the right, a caption below. */
#ifndef GN_REPORT_PAGE_H
#define GN_REPORT_PAGE_H

#include "report/canvas.h"
#include "report/runs.h"

typedef struct gn_page {
    gn_canvas canvas;
    const gn_run_set *set;
    size_t panels, columns, rows;
    double panel_width, panel_height, top, head, gap; /* logical pixels; head above, gap between panels */
    double legend_width, legend_left;
    const char *title;
    char caption[1024];
} gn_page;

/* Lays out `panels` panels, `columns` a row (0: by their number). `shared_y`: panels of one quantity,
 * each with a title, and numbers and label only at the first of a row. `note`: a sentence of the figure's
 * kind for the caption. */
void gn_page_layout(gn_page *page, const gn_run_set *set, size_t panels, size_t columns, bool shared_y,
                    double legend_width, const char *note);
gn_box gn_page_panel(const gn_page *page, size_t panel);
bool gn_page_first_column(const gn_page *page, size_t panel);
bool gn_page_last_row(const gn_page *page, size_t panel); /* no panel below it */
/* What `draw` draws of the figure, once for each terminal, with title and caption; those of a bare figure are
 * only kept in the script. */
void gn_page_draw(gn_page *page, gn_script *script, void (*draw)(const void *figure), const void *figure);
/* One legend entry at line `line`: a sample of `style` and a text as it stands. */
void gn_page_legend(const gn_page *page, double line, const char *style, gn_weight weight, const char *text);

/* The step axis of a set: from plot.x_scale and plot.x_max of its first run, else to the last planned step.
 */
gn_axis gn_page_steps(const gn_run_set *set);

/* Problem, network, batch, optimisers' numbers, normalisation, precision and seeds, in one paragraph. */
void gn_caption_write(const gn_run_set *set, char *text, size_t size);

#endif
