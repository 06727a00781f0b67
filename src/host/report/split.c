#include "report/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

/* Numbers the groups by what they are on the side; returns how many different ones there are. */
static size_t number(const gn_run_set *set, gn_setting_side side, size_t *numbers) {
    size_t count = 0;
    for (size_t i = 0; i < set->group_count; i++) {
        size_t j = 0;
        while (j < i && !gn_group_same(set, i, j, side))
            j++;
        numbers[i] = j < i ? numbers[j] : count++;
    }
    return count;
}

/* Whether a phase's label is under the key. */
static bool has_labels(const gn_run_set *set, size_t group, const char *key) {
    const size_t length = strlen(key);
    char label[64];
    for (unsigned i = 0; i < gn_group_config(set, &set->groups[group])->phases_count; i++) {
        snprintf(label, sizeof label, "phases.%u.optimizer.label", i);
        if (length > 0 && !strncmp(label, key, length) && (label[length] == '.' || label[length] == 0))
            return true;
    }
    return false;
}

/* The labels of phases belong where the panels' key puts them. */
static void write_titles(const gn_run_set *set, size_t group, gn_setting_side panels, gn_setting_side lines,
                         gn_split *split) {
    const bool labelled = has_labels(set, group, panels.key);
    gn_split_title *panel = &split->panel_title[split->panel[group]];
    gn_split_title line = {""};
    panel->text[0] = 0;
    gn_group_labels(set, group, (labelled ? panel : &line)->text, sizeof panel->text);
    gn_group_tell_apart(set, group, panels, panel->text, sizeof panel->text);
    gn_group_tell_apart(set, group, lines, line.text, sizeof line.text);
    if (line.text[0] != 0)
        split->line_title[split->line[group]] = line;
}

/* Where no group of a line has others of its labels to be told from, the labels name it. */
static void name_lines(const gn_run_set *set, gn_split *split) {
    for (size_t i = 0; i < set->group_count && split->lines > 1; i++) {
        gn_split_title *line = &split->line_title[split->line[i]];
        if (line->text[0] == 0)
            gn_group_labels(set, i, line->text, sizeof line->text);
    }
}

static gn_status expect_setting(const gn_run_set *set, gn_setting_side side, const char *word,
                                gn_message *message) {
    for (size_t i = 0; i < set->group_count; i++)
        if (gn_group_has(set, i, side))
            return GN_OK;
    return gn_message_fail(message, GN_ERROR_CONFIG, "plot.%s: no run has a setting `%s` to make %s of", word,
                           side.key, word);
}

gn_status gn_split_create(const gn_run_set *set, const char *panels, const char *lines, gn_split *split,
                          gn_message *message) {
    const gn_setting_side inside = {panels, true};
    const gn_setting_side outside =
        lines[0] ? (gn_setting_side){lines, true} : (gn_setting_side){panels, false};
    const size_t groups = set->group_count;
    split->panel = calloc(groups, sizeof *split->panel);
    split->line = calloc(groups, sizeof *split->line);
    split->panel_title = calloc(groups, sizeof *split->panel_title);
    split->line_title = calloc(groups, sizeof *split->line_title);
    if (!split->panel || !split->line || !split->panel_title || !split->line_title)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu groups of runs", groups);
    if (panels[0])
        GN_TRY(expect_setting(set, inside, "panels", message));
    if (lines[0])
        GN_TRY(expect_setting(set, outside, "lines", message));
    split->panels = number(set, inside, split->panel);
    split->lines = number(set, outside, split->line);
    for (size_t i = groups; i-- > 0;) /* the first group of a panel or line has the last word */
        write_titles(set, i, inside, outside, split);
    name_lines(set, split);
    return GN_OK;
}

void gn_split_destroy(gn_split *split) {
    free(split->panel);
    free(split->line);
    free(split->panel_title);
    free(split->line_title);
    *split = (gn_split){0};
}
