#include "run/reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/status.h"
#include "run/h5.h"

struct gn_run_file {
    gn_h5 *h5;
};

gn_status gn_run_open(const char *directory, gn_run *run, gn_message *message) {
    char path[4200];
    gn_status status = GN_OK;
    *run = (gn_run){0};
    snprintf(path, sizeof path, "%s/config.yaml", directory);
    if (access(path, R_OK) != 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s is no run directory: it has no config.yaml",
                               directory);
    run->directory = strdup(directory);
    run->file = calloc(1, sizeof *run->file);
    if (run->directory == NULL || run->file == NULL)
        GN_TRY_DONE(gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", directory));
    GN_TRY_DONE(gn_config_read(path, &run->config, message));
    snprintf(path, sizeof path, "%s/run.h5", directory);
    if (access(path, R_OK) != 0)
        GN_TRY_DONE(gn_message_fail(message, GN_ERROR_IO, "%s cannot be read", path));
    GN_TRY_DONE(gn_h5_open(path, false, &run->file->h5, message));
done:
    if (status != GN_OK)
        gn_run_close(run);
    return status;
}

void gn_run_close(gn_run *run) {
    if (run->file != NULL)
        gn_h5_close(run->file->h5, NULL);
    free(run->file);
    gn_config_destroy(run->config);
    free(run->directory);
    *run = (gn_run){0};
}

void gn_series_free(gn_series *series) {
    free(series->at);
    free(series->values);
    *series = (gn_series){0};
}

/* Reads values and steps, and keeps the rows that both have: a killed run may have stopped between the two.
 */
static gn_status read_series(const gn_run *run, const char *group, const char *name, gn_series *series,
                             gn_message *message) {
    char path[200], steps[200];
    size_t shape[GN_H5_MAX_RANK] = {0}, at_shape[GN_H5_MAX_RANK] = {0};
    int rank, at_rank;
    *series = (gn_series){0};
    snprintf(path, sizeof path, "%s/%.80s", group, name);
    snprintf(steps, sizeof steps, "%s/step", group);
    GN_TRY(gn_h5_read(run->file->h5, path, &rank, shape, &series->values, message));
    gn_status status = gn_h5_read(run->file->h5, steps, &at_rank, at_shape, &series->at, message);
    if (status == GN_OK && (rank < 1 || rank > 3 || at_rank != 1))
        status =
            gn_message_fail(message, GN_ERROR_FORMAT, "%s/run.h5: %s is no series", run->directory, path);
    if (status != GN_OK) {
        gn_series_free(series);
        return status;
    }
    series->rank = rank - 1;
    series->width = 1;
    for (int i = 1; i < rank; i++) {
        series->shape[i - 1] = shape[i];
        series->width *= shape[i];
    }
    series->rows = shape[0] < at_shape[0] ? shape[0] : at_shape[0];
    while (series->rows > 0 && isnan(series->at[series->rows - 1]))
        series->rows--;
    return GN_OK;
}

gn_status gn_run_metric(const gn_run *run, const char *name, gn_series *series, gn_message *message) {
    return read_series(run, "/metrics", name, series, message);
}

gn_status gn_run_observation(const gn_run *run, const char *observer, const char *array, gn_series *series,
                             gn_message *message) {
    char group[100], path[200], names[512];
    snprintf(group, sizeof group, "/observe/%.80s", observer);
    snprintf(path, sizeof path, "%s/%.80s", group, array);
    *series = (gn_series){0};
    if (gn_h5_has(run->file->h5, path))
        return read_series(run, group, array, series, message);
    bool observed = gn_h5_has(run->file->h5, group);
    if (observed || gn_h5_has(run->file->h5, "/observe"))
        gn_h5_names(run->file->h5, observed ? group : "/observe", names, sizeof names);
    else
        snprintf(names, sizeof names, "nothing: no observer was configured");
    return gn_message_fail(message, GN_ERROR_FORMAT, "%s/run.h5 holds no %s; %s holds %s", run->directory,
                           path, observed ? group : "/observe", names);
}

gn_status gn_run_phases(const gn_run *run, gn_series *series, gn_message *message) {
    *series = (gn_series){0};
    return gn_h5_has(run->file->h5, "/phases") ? read_series(run, "/phases", "phase", series, message)
                                               : GN_OK;
}

gn_status gn_run_state(const gn_run *run, char state[32], gn_message *message) {
    state[0] = '\0';
    return gn_h5_get_text(run->file->h5, "state", state, 32, message);
}
