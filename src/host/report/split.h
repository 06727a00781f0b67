/* The groups of a figure as lines in panels: a panel for each value of one key, a line for each of the rest,
 * or of another key. */
#ifndef GN_REPORT_SPLIT_H
#define GN_REPORT_SPLIT_H

#include "report/runs.h"

typedef struct gn_split_title {
    char text[160];
} gn_split_title;

typedef struct gn_split {
    size_t panels, lines;
    size_t *panel, *line; /* of each group */
    gn_split_title *panel_title, *line_title;
} gn_split;

/* By the keys, dotted paths. panels "": one panel without a title. lines "": a line for all that differs
 * otherwise. Panels and lines come in the order of their first groups. A zeroed split is the caller's to
 * destroy, whatever is returned. CONFIG where no group has a setting there, MEMORY. */
gn_status gn_split_create(const gn_run_set *set, const char *panels, const char *lines, gn_split *split,
                          gn_message *message);
void gn_split_destroy(gn_split *split);

#endif
