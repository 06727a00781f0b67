/* What was run, and on what. */
#include <errno.h>
#include <string.h>

#include "gnewt/version.h"
#include "report/html.h"
#include "report/report_parts.h"

enum { COLUMNS = 5 /* groups in one table */ };

/* Hyperparameters: all that tells runs apart or makes them what they are. */
static bool is_hyperparameter(const char *key) {
    static const char *const others[] = {"name", "device", "seed", "plot.", "observe"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strncmp(key, others[i], strlen(others[i])))
            return false;
    return true;
}

static const gn_settings *settings_of(const gn_run_set *set, size_t group) {
    return &set->runs[set->groups[group].first].settings;
}

/* Whether all groups have the key with one value. */
static bool is_common(const gn_run_set *set, const gn_setting *setting) {
    for (size_t i = 0; i < set->group_count; i++) {
        const char *value = gn_settings_get(settings_of(set, i), setting->key);
        if (!value || strcmp(value, setting->value))
            return false;
    }
    return true;
}

static void write_common(FILE *out, const gn_run_set *set) {
    const gn_settings *first = settings_of(set, 0);
    fputs("<dl class=\"settings\">\n", out);
    for (size_t i = 0; i < first->count; i++) {
        const gn_setting *setting = &first->items[i];
        if (!is_hyperparameter(setting->key) || !is_common(set, setting))
            continue;
        fputs("<div><dt>", out);
        gn_html_text(out, setting->key);
        fputs(":</dt> <dd>", out);
        gn_html_text(out, setting->value);
        fputs("</dd></div>\n", out);
    }
    fputs("</dl>\n", out);
}

static void write_key(FILE *out, const gn_run_set *set, const char *key, size_t from, size_t to) {
    fputs("<tr><th scope=\"row\">", out);
    gn_html_text(out, key);
    fputs("</th>", out);
    for (size_t i = from; i < to; i++) {
        const char *value = gn_settings_get(settings_of(set, i), key);
        fputs("<td>", out);
        gn_html_text(out, value ? value : "–");
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

/* Whether one of the groups [from, to) has the key. */
static bool any_has(const gn_run_set *set, size_t from, size_t to, const char *key) {
    for (size_t i = from; i < to; i++)
        if (gn_settings_get(settings_of(set, i), key))
            return true;
    return false;
}

static void write_differing(FILE *out, const gn_run_set *set, size_t from, size_t to) {
    fputs("<div class=\"wide\"><table class=\"keys\">\n<thead><tr><th class=\"left\" scope=\"col\">key</th>",
          out);
    for (size_t i = from; i < to; i++) {
        fputs("<th scope=\"col\">", out);
        gn_html_text(out, set->groups[i].title);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = from; i < to; i++) {
        const gn_settings *settings = settings_of(set, i);
        for (size_t j = 0; j < settings->count; j++)
            if (is_hyperparameter(settings->items[j].key) && !is_common(set, &settings->items[j]) &&
                !any_has(set, from, i, settings->items[j].key))
                write_key(out, set, settings->items[j].key, from, to);
    }
    fputs("</tbody></table></div>\n", out);
}

void gn_report_settings(FILE *out, const gn_experiment *e) {
    const gn_run_set *set = &e->set;
    fputs("<h3>Settings</h3>\n", out);
    if (set->group_count > 1)
        fputs("<p class=\"note\">Where they differ:</p>\n", out);
    for (size_t i = 0; set->group_count > 1 && i < set->group_count; i += COLUMNS)
        write_differing(out, set, i, i + COLUMNS < set->group_count ? i + COLUMNS : set->group_count);
    if (set->group_count > 1)
        fputs("<p class=\"note\">The same for all:</p>\n", out);
    write_common(out, set);
}

/* ---- configurations ---- */

static void write_file(FILE *out, const char *path) {
    char line[4096];
    FILE *file = fopen(path, "r");
    fputs("<pre>", out);
    if (!file) {
        gn_html_text(out, path);
        fputs(": ", out);
        gn_html_text(out, strerror(errno));
    }
    while (file && fgets(line, sizeof line, file))
        gn_html_text(out, line);
    if (file)
        fclose(file);
    fputs("</pre>\n", out);
}

void gn_report_configurations(FILE *out, const gn_experiment *e) {
    for (size_t i = 0; i < e->set.group_count; i++) {
        const gn_run *run = &e->set.runs[e->set.groups[i].first].run;
        char path[4200];
        snprintf(path, sizeof path, "%s/config.yaml", run->directory);
        fputs("<details><summary>Resolved configuration of ", out);
        gn_html_text(out, e->set.groups[i].title);
        fprintf(out, ", seed %llu</summary>\n", (unsigned long long)run->config->seed);
        write_file(out, path);
        fputs("</details>\n", out);
    }
}

/* ---- provenance ---- */

/* The values of an attribute of the runs, each once; "not recorded" for runs without it. */
static void write_attribute(FILE *out, const gn_run_set *set, const char *title, const char *name) {
    char text[300], other[300];
    fprintf(out, "%s ", title);
    for (size_t i = 0; i < set->run_count; i++) {
        bool new = true;
        gn_run_attribute(&set->runs[i].run, name, text, sizeof text);
        for (size_t j = 0; j < i && new; j++) {
            gn_run_attribute(&set->runs[j].run, name, other, sizeof other);
            new = strcmp(text, other) != 0;
        }
        if (!new)
            continue;
        fputs(i > 0 ? ", " : "", out);
        gn_html_text(out, text[0] != '\0' ? text : "not recorded");
    }
}

/* From the first run's beginning to the last's; as dates sort. */
static void write_dates(FILE *out, const gn_run_set *set) {
    char first[64] = "", last[64] = "", text[64];
    for (size_t i = 0; i < set->run_count; i++) {
        gn_run_attribute(&set->runs[i].run, "begun", text, sizeof text);
        if (text[0] != '\0' && (first[0] == '\0' || strcmp(text, first) < 0))
            memcpy(first, text, sizeof first);
        if (strcmp(text, last) > 0)
            memcpy(last, text, sizeof last);
    }
    fputs("begun ", out);
    gn_html_text(out, first[0] != '\0' ? first : "at a time that was not recorded");
    if (strcmp(first, last) != 0) {
        fputs(" to ", out);
        gn_html_text(out, last);
    }
}

void gn_report_provenance(FILE *out, const gn_experiment *e) {
    fputs("<p class=\"meta\">", out);
    gn_html_text(out, e->path);
    fprintf(out, " · %zu run%s, %zu setting%s · ", e->set.run_count, e->set.run_count == 1 ? "" : "s",
            e->set.group_count, e->set.group_count == 1 ? "" : "s");
    write_attribute(out, &e->set, "gnewt", "version");
    write_attribute(out, &e->set, " ·", "device");
    write_attribute(out, &e->set, " ·", "precision");
    fputs(" · ", out);
    write_dates(out, &e->set);
    fputs("</p>\n", out);
    char quick[320];
    if (gn_run_set_quick(&e->set, quick, sizeof quick)[0] != '\0') {
        fputs("<p class=\"warn\">Quick: leaves out ", out);
        gn_html_text(out, quick);
        fputs(".</p>\n", out);
    }
}
