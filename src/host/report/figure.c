#include "report/figure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "report/figures.h"

/* Makes a folder and those above it. */
static gn_status make_folder(const char *path, gn_message *message) {
    char part[4096];
    size_t length = strlen(path);
    for (size_t i = 1; i <= length && length < sizeof part; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) && errno != EEXIST && errno != EISDIR)
            return gn_message_fail(message, GN_ERROR_IO, "cannot make the folder '%s': %s", part,
                                   strerror(errno));
    }
    return GN_OK;
}

/* The folder of a path, "." where it names none. */
static void folder_of(const char *path, char *folder, size_t size) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(folder, size, ".");
    else
        snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

void gn_figure_file_name(const char *name, char *text, size_t size) {
    snprintf(text, size, "%s", name && *name && *name != '.' ? name : "figure");
    for (char *c = text; *c; c++)
        if (*c == '/' || (unsigned char)*c < 0x20)
            *c = '-';
}

/* The figure's path without its ending: `out`, or by default in figures/ of the one path that was given, or
 * of the folder of the first run. */
static gn_status find_stem(const gn_run_set *set, const char *const *paths, size_t count, const char *out,
                           char *stem, size_t size, gn_message *message) {
    int length;
    if (out) {
        length = snprintf(stem, size, "%s", out);
        const char *ending = length > 4 && (size_t)length < size ? stem + length - 4 : "";
        if (!strcmp(ending, ".png") || !strcmp(ending, ".svg"))
            stem[length -= 4] = 0;
    } else {
        char path[4096], folder[4096], name[128];
        snprintf(path, sizeof path, "%s", count == 1 ? paths[0] : set->runs[0].run.directory);
        for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
            path[end - 1] = 0;
        if (count == 1)
            memcpy(folder, path, sizeof folder);
        else
            folder_of(path, folder, sizeof folder);
        gn_figure_file_name(set->runs[0].run.config->name, name, sizeof name);
        length = snprintf(stem, size, "%s/figures/%s", folder, name);
    }
    if (length <= 0 || (size_t)length + 5 >= size || stem[length - 1] == '/')
        return gn_message_fail(message, GN_ERROR_ARGUMENT, "'%s' is no name for a figure", out ? out : "");
    return GN_OK;
}

static bool observes_fourier(const gn_config *config) {
    for (unsigned i = 0; i < config->observe_count; i++)
        if (config->observe[i].kind == GN_OBSERVE_FOURIER)
            return true;
    return false;
}

static gn_status draw(const void *what, gn_script *script, gn_message *message) {
    const gn_run_set *set = what;
    const gn_config *config = gn_group_config(set, &set->groups[0]);
    if (config->plot.kind == GN_PLOT_RATES)
        return gn_rates_figure(set, script, message);
    if (config->plot.kind == GN_PLOT_CURVATURE)
        return gn_curvature_figure(set, script, message);
    if (config->plot.kind == GN_PLOT_NUDFT)
        return gn_nudft_figure(set, script, message);
    bool fourier = config->plot.kind == GN_PLOT_FOURIER ||
                   (config->plot.kind == GN_PLOT_NONE && observes_fourier(config));
    return fourier ? gn_fourier_figure(set, script, message) : gn_metrics_figure(set, script, message);
}

gn_status gn_figure_draw(const char *stem, gn_drawing drawing, const void *what, gn_figure_report *written) {
    char folder[4096], png[4096 + 8], svg[4096 + 8];
    gn_script script = {0};
    gn_message *message = &written->message;
    gn_status status;
    folder_of(stem, folder, sizeof folder);
    GN_TRY_DONE(make_folder(folder, message));
    GN_TRY_DONE(gn_script_open(&script, folder, message));
    GN_TRY_DONE(drawing(what, &script, message));
    snprintf(png, sizeof png, "%s.png", stem);
    snprintf(svg, sizeof svg, "%s.svg", stem);
    GN_TRY_DONE(gn_script_run(&script, png, svg, message));
    memcpy(written->png, png, sizeof written->png);
    memcpy(written->svg, svg, sizeof written->svg);
    memcpy(written->caption, script.caption, sizeof written->caption);
done:
    gn_script_close(&script);
    return status;
}

gn_status gn_figure_of_set(const gn_run_set *set, const char *stem, gn_figure_report *written) {
    *written = (gn_figure_report){0};
    return gn_figure_draw(stem, draw, set, written);
}

gn_status gn_figure_write(const char *const *runs, size_t count, const char *out, gn_figure_report *written) {
    char stem[4096];
    gn_run_set set = {0};
    *written = (gn_figure_report){0};
    gn_status status = gn_run_set_open(runs, count, &set, &written->message);
    if (status == GN_OK)
        status = find_stem(&set, runs, count, out, stem, sizeof stem, &written->message);
    if (status == GN_OK)
        status = gn_figure_of_set(&set, stem, written);
    gn_run_set_destroy(&set);
    return status;
}
