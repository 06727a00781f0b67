/* The runs of a figure, in groups that differ only in their seed. */
#ifndef GN_REPORT_RUNS_H
#define GN_REPORT_RUNS_H

#include <stdbool.h>

#include "core/status.h"
#include "report/settings.h"
#include "run/reader.h"

typedef struct gn_figure_run {
    gn_run run;
    gn_settings settings; /* of its config.yaml */
    size_t group;
} gn_figure_run;

/* Runs [first, first + count), ordered by seed. */
typedef struct gn_run_group {
    size_t first, count;
    char title[160]; /* labels of the phases, and the settings that tell it from groups of the same labels */
} gn_run_group;

typedef struct gn_run_set {
    gn_figure_run *runs; /* run_count, those of a group side by side */
    size_t run_count;
    gn_run_group *groups; /* group_count, in the order of their first runs */
    size_t group_count;
    bool bare; /* figures without title and caption: they stand beside it */
} gn_run_set;

/* Opens the runs at `paths`: run directories, or directories whose entries are. A zeroed set is the caller's
 * to destroy, whatever is returned. ARGUMENT where there is no run at a path. */
gn_status gn_run_set_open(const char *const *paths, size_t count, gn_run_set *set, gn_message *message);
void gn_run_set_destroy(gn_run_set *set);

/* Of the group's first run. */
const gn_config *gn_group_config(const gn_run_set *set, const gn_run_group *group);
size_t gn_config_steps(const gn_config *config); /* of all phases, at most */
/* Those of a run: fewer where its phases ended early. */
double gn_figure_run_steps(const gn_figure_run *run);
/* The steps after which another phase began, of the run's own phases, into `steps` (as many as the phases
 * are); of one that has not come so far, those of its configuration. Returns how many there are. */
size_t gn_figure_run_changes(const gn_figure_run *run, double *steps);

/* Settings under a dotted key ("phases.0": phases.0.steps, ...) or all others; those that runs of one group
 * may differ in, and what is no part of the experiment, are in neither. key "": all are others. */
typedef struct gn_setting_side {
    const char *key;
    bool under;
} gn_setting_side;
/* Whether the groups agree in all settings of the side. */
bool gn_group_same(const gn_run_set *set, size_t one, size_t other, gn_setting_side side);
/* Whether the group has a setting there. */
bool gn_group_has(const gn_run_set *set, size_t group, gn_setting_side side);
/* Appends to a title the settings of the side, "damping.value = 0.1", in which the group differs from others
 * of the same labels. */
void gn_group_tell_apart(const gn_run_set *set, size_t group, gn_setting_side side, char *title, size_t size);
/* "LM, then AdamW" */
void gn_group_labels(const gn_run_set *set, size_t group, char *text, size_t size);

/* A recorded quantity of a group's runs: `count` series, one a run. "loss_train", or "norms/weight_norm" of
 * an observer. The caller frees them by gn_group_series_free(). */
gn_status gn_group_series(const gn_run_set *set, const gn_run_group *group, const char *name,
                          gn_series **series, gn_message *message);
void gn_group_series_free(const gn_run_group *group, gn_series *series);

/* "2 of 6 seeds diverged", "unfinished"; "" where all ran to their end. Returns the number that did not. */
size_t gn_group_state(const gn_run_set *set, const gn_run_group *group, char *text, size_t size);

/* What the quick size of the runs leaves out; "" where they are of the full one. Returns text. */
const char *gn_run_set_quick(const gn_run_set *set, char *text, size_t size);

#endif
