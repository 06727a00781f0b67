#define _GNU_SOURCE /* versionsort */
#include "report/runs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What runs of one group may differ in, and what is no part of the experiment. */
static bool compared(const char *key) {
    static const char *const ignored[] = {"seed", "name", "device"};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (!strcmp(key, ignored[i]))
            return false;
    return strncmp(key, "plot.", 5) != 0;
}

static bool is_of(const char *key, gn_setting_side side) {
    size_t length = strlen(side.key);
    bool under = length > 0 && !strncmp(key, side.key, length) && (key[length] == '.' || key[length] == 0);
    return compared(key) && under == side.under;
}

/* Whether `b` has all settings of the side that `a` has. */
static bool covers(const gn_settings *a, const gn_settings *b, gn_setting_side side) {
    for (size_t i = 0; i < a->count; i++) {
        if (!is_of(a->items[i].key, side))
            continue;
        const char *other = i < b->count && !strcmp(b->items[i].key, a->items[i].key)
                                ? b->items[i].value
                                : gn_settings_get(b, a->items[i].key);
        if (!other || strcmp(other, a->items[i].value))
            return false;
    }
    return true;
}

static bool same(const gn_settings *a, const gn_settings *b, gn_setting_side side) {
    return covers(a, b, side) && covers(b, a, side);
}

static const gn_setting_side everything = {"", false};

static bool holds(const char *directory, const char *name) {
    char path[4096];
    struct stat state;
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    return length > 0 && (size_t)length < sizeof path && stat(path, &state) == 0;
}

static bool is_run(const char *directory) {
    return holds(directory, "config.yaml") && holds(directory, "run.h5");
}

static gn_status add_run(gn_run_set *set, const char *directory, gn_message *message) {
    gn_figure_run *runs = realloc(set->runs, (set->run_count + 1) * sizeof *runs);
    if (!runs)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu runs", set->run_count + 1);
    set->runs = runs;
    gn_figure_run *run = &runs[set->run_count++];
    *run = (gn_figure_run){0};
    GN_TRY(gn_run_open(directory, &run->run, message));
    char path[4096];
    snprintf(path, sizeof path, "%s/config.yaml", directory);
    return gn_settings_read(path, &run->settings, message);
}

/* Adds the runs among the entries of a directory, in the order of their names ("run-2" before "run-10"). */
static gn_status add_entries(gn_run_set *set, const char *directory, gn_message *message) {
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, versionsort);
    if (count < 0)
        return gn_message_fail(message, GN_ERROR_IO, "cannot read the run '%s': %s", directory,
                               strerror(errno));
    size_t before = set->run_count;
    gn_status status = GN_OK;
    for (int i = 0; i < count; i++) {
        char path[4096];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (status == GN_OK && entries[i]->d_name[0] != '.' && (size_t)length < sizeof path && is_run(path))
            status = add_run(set, path, message);
        free(entries[i]);
    }
    free(entries);
    if (status == GN_OK && set->run_count == before)
        status =
            gn_message_fail(message, GN_ERROR_ARGUMENT,
                            "'%s' is no run (it has no config.yaml with a run.h5) and holds none", directory);
    return status;
}

static int by_group_and_seed(const void *left, const void *right) {
    const gn_figure_run *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    uint64_t x = a->run.config->seed, y = b->run.config->seed;
    return (x > y) - (x < y);
}

/* Gives every run its group, sorts the runs and makes the groups. */
static gn_status make_groups(gn_run_set *set, gn_message *message) {
    for (size_t i = 0; i < set->run_count; i++) {
        size_t j = 0;
        while (j < i && !same(&set->runs[i].settings, &set->runs[j].settings, everything))
            j++;
        set->runs[i].group = j < i ? set->runs[j].group : set->group_count++;
    }
    qsort(set->runs, set->run_count, sizeof *set->runs, by_group_and_seed);
    set->groups = calloc(set->group_count, sizeof *set->groups);
    if (!set->groups)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu groups", set->group_count);
    for (size_t i = set->run_count; i-- > 0;) {
        gn_run_group *group = &set->groups[set->runs[i].group];
        group->first = i;
        group->count++;
    }
    return GN_OK;
}

static void add_text(char *text, size_t size, const char *separator, const char *more) {
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", length ? separator : "", more);
}

void gn_group_labels(const gn_run_set *set, size_t group, char *text, size_t size) {
    const gn_config *config = gn_group_config(set, &set->groups[group]);
    text[0] = 0;
    for (unsigned i = 0; i < config->phases_count; i++)
        add_text(text, size, ", then ", config->phases[i].optimizer.label);
}

static const gn_settings *settings_of(const gn_run_set *set, size_t group) {
    return &set->runs[set->groups[group].first].settings;
}

bool gn_group_same(const gn_run_set *set, size_t one, size_t other, gn_setting_side side) {
    return same(settings_of(set, one), settings_of(set, other), side);
}

bool gn_group_has(const gn_run_set *set, size_t group, gn_setting_side side) {
    const gn_settings *settings = settings_of(set, group);
    for (size_t i = 0; i < settings->count; i++)
        if (is_of(settings->items[i].key, side))
            return true;
    return false;
}

/* The end of a key that a reader needs: "damping.value" of "phases.0.optimizer.damping.value", "n" of
 * "problem.n".
 */
static const char *short_key(const char *key) {
    static const char *const sections[] = {".optimizer.", "problem.", "network."};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const char *found = strstr(key, sections[i]);
        if (found)
            return found + strlen(sections[i]);
    }
    return key;
}

void gn_group_tell_apart(const gn_run_set *set, size_t group, gn_setting_side side, char *title,
                         size_t size) {
    const gn_settings *mine = settings_of(set, group);
    char labels[160], others[160], text[128];
    gn_group_labels(set, group, labels, sizeof labels);
    for (size_t i = 0; i < mine->count; i++) {
        bool differs = false;
        for (size_t j = 0; j < set->group_count && !differs; j++) {
            gn_group_labels(set, j, others, sizeof others);
            const char *value = gn_settings_get(settings_of(set, j), mine->items[i].key);
            differs = !strcmp(labels, others) && (!value || strcmp(value, mine->items[i].value) != 0);
        }
        if (differs && is_of(mine->items[i].key, side)) {
            snprintf(text, sizeof text, "%s = %s", short_key(mine->items[i].key), mine->items[i].value);
            add_text(title, size, ", ", text);
        }
    }
}

gn_status gn_run_set_open(const char *const *paths, size_t count, gn_run_set *set, gn_message *message) {
    for (size_t i = 0; i < count; i++)
        GN_TRY(is_run(paths[i]) ? add_run(set, paths[i], message) : add_entries(set, paths[i], message));
    if (set->run_count == 0)
        return gn_message_fail(message, GN_ERROR_ARGUMENT, "no run to draw");
    GN_TRY(make_groups(set, message));
    for (size_t i = 0; i < set->group_count; i++) {
        gn_run_group *group = &set->groups[i];
        gn_group_labels(set, i, group->title, sizeof group->title);
        gn_group_tell_apart(set, i, everything, group->title, sizeof group->title);
    }
    return GN_OK;
}

void gn_run_set_destroy(gn_run_set *set) {
    for (size_t i = 0; i < set->run_count; i++) {
        gn_settings_destroy(&set->runs[i].settings);
        gn_run_close(&set->runs[i].run);
    }
    free(set->runs);
    free(set->groups);
    *set = (gn_run_set){0};
}

const gn_config *gn_group_config(const gn_run_set *set, const gn_run_group *group) {
    return set->runs[group->first].run.config;
}

size_t gn_config_steps(const gn_config *config) {
    size_t steps = 0;
    for (unsigned i = 0; i < config->phases_count; i++)
        steps += config->phases[i].steps;
    return steps;
}

size_t gn_figure_run_changes(const gn_figure_run *run, double *steps) {
    const gn_config *config = run->run.config;
    gn_series ends;
    size_t told = 0;
    double done = 0;
    if (gn_run_phases(&run->run, &ends, NULL) == GN_OK)
        told = ends.rows;
    for (unsigned i = 0; i + 1 < config->phases_count; i++) {
        done = i < told ? ends.at[i] : done + (double)config->phases[i].steps;
        steps[i] = done;
    }
    gn_series_free(&ends);
    return config->phases_count - 1;
}

double gn_figure_run_steps(const gn_figure_run *run) {
    gn_series ends;
    double steps = (double)gn_config_steps(run->run.config);
    if (gn_run_phases(&run->run, &ends, NULL) == GN_OK && ends.rows == run->run.config->phases_count)
        steps = ends.at[ends.rows - 1];
    gn_series_free(&ends);
    return steps;
}

static gn_status read_series(const gn_run *run, const char *name, gn_series *series, gn_message *message) {
    const char *slash = strchr(name, '/');
    if (!slash)
        return gn_run_metric(run, name, series, message);
    char observer[64];
    snprintf(observer, sizeof observer, "%.*s", (int)(slash - name), name);
    return gn_run_observation(run, observer, slash + 1, series, message);
}

gn_status gn_group_series(const gn_run_set *set, const gn_run_group *group, const char *name,
                          gn_series **series, gn_message *message) {
    *series = calloc(group->count, sizeof **series);
    if (!*series)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu runs", group->count);
    for (size_t i = 0; i < group->count; i++) {
        gn_status status = read_series(&set->runs[group->first + i].run, name, &(*series)[i], message);
        if (status == GN_OK && (*series)[i].width != (*series)[0].width)
            status =
                gn_message_fail(message, GN_ERROR_FORMAT, "'%s' of '%s' has %zu columns where '%s' has %zu",
                                name, set->runs[group->first + i].run.directory, (*series)[i].width,
                                set->runs[group->first].run.directory, (*series)[0].width);
        if (status != GN_OK) {
            gn_group_series_free(group, *series);
            *series = NULL;
            return status;
        }
    }
    return GN_OK;
}

void gn_group_series_free(const gn_run_group *group, gn_series *series) {
    for (size_t i = 0; series && i < group->count; i++)
        gn_series_free(&series[i]);
    free(series);
}

size_t gn_group_state(const gn_run_set *set, const gn_run_group *group, char *text, size_t size) {
    size_t diverged = 0, unfinished = 0;
    for (size_t i = 0; i < group->count; i++) {
        char state[32] = "";
        gn_run_state(&set->runs[group->first + i].run, state, NULL);
        diverged += !strcmp(state, "diverged");
        unfinished += strcmp(state, "finished") && strcmp(state, "diverged");
    }
    text[0] = 0;
    const char *of = group->count > 1 ? " seeds" : "";
    char part[64];
    const struct {
        size_t count;
        const char *word;
    } kinds[] = {{diverged, "diverged"}, {unfinished, "unfinished"}};
    for (size_t i = 0; i < 2; i++) {
        if (!kinds[i].count)
            continue;
        if (group->count > 1)
            snprintf(part, sizeof part, "%zu of %zu%s %s", kinds[i].count, group->count, of, kinds[i].word);
        else
            snprintf(part, sizeof part, "%s", kinds[i].word);
        add_text(text, size, ", ", part);
    }
    return diverged + unfinished;
}

const char *gn_run_set_quick(const gn_run_set *set, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0; i < set->run_count && text[0] == '\0'; i++)
        gn_run_attribute(&set->runs[i].run, "quick", text, size);
    return text;
}
