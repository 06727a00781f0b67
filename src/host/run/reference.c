#include "run/reference.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/status.h"
#include "run/config_keys.h"
#include "run/reader.h"

static bool is_run(const char *directory) {
    char path[4300];
    snprintf(path, sizeof path, "%.4200s/config.yaml", directory);
    return access(path, R_OK) == 0;
}

static bool same_task(const gn_config *one, const gn_config *other) {
    return one->seed == other->seed && gn_section_same(&gn_problem_section, &one->problem, &other->problem) &&
           gn_section_same(&gn_network_section, &one->network, &other->network);
}

/* Opens the run at `path` into *run where it has the task, which none before it may have had. */
static gn_status take_candidate(const char *directory, const char *path, const gn_config *config, gn_run *run,
                                gn_message *message) {
    gn_run candidate;
    GN_TRY(gn_run_open(path, &candidate, message));
    if (!same_task(candidate.config, config)) {
        gn_run_close(&candidate);
        return GN_OK;
    }
    if (run->config != NULL) {
        gn_run_close(&candidate);
        return gn_message_fail(message, GN_ERROR_ARGUMENT,
                               "%s holds several runs of seed %llu and of this problem and network: name one "
                               "of them, or a directory "
                               "with one of each seed",
                               directory, (unsigned long long)config->seed);
    }
    *run = candidate;
    return GN_OK;
}

static gn_status open_by_task(const char *directory, const gn_config *config, gn_run *run,
                              gn_message *message) {
    DIR *folder = opendir(directory);
    gn_status status = GN_OK;
    if (folder == NULL)
        return gn_message_fail(message, GN_ERROR_IO, "%s cannot be read", directory);
    for (struct dirent *entry; status == GN_OK && (entry = readdir(folder)) != NULL;) {
        char path[4200];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] != '.' && is_run(path))
            status = take_candidate(directory, path, config, run, message);
    }
    closedir(folder);
    if (status == GN_OK && run->config == NULL)
        status = gn_message_fail(
            message, GN_ERROR_IO,
            "%s is no run directory, nor does it hold one of seed %llu that has this problem and "
            "network",
            directory, (unsigned long long)config->seed);
    return status;
}

/* Rows of steps 1 to `steps`, each once, after that of the start. */
static gn_status take_values(const gn_run *run, const char *metric, const gn_series *series, size_t steps,
                             double *values, gn_message *message) {
    for (size_t k = 0; k < steps; k++) {
        const size_t row = k + 1;
        if (row >= series->rows)
            return gn_message_fail(message, GN_ERROR_ARGUMENT,
                                   "%s has recorded %zu steps, the phase may take %zu", run->directory,
                                   series->rows > 0 ? series->rows - 1 : 0, steps);
        if (series->at[row] != (double)row)
            return gn_message_fail(
                message, GN_ERROR_ARGUMENT,
                "%s has no row of step %zu: run it with `- {kind: metrics, every: 1}` under "
                "observe",
                run->directory, row);
        values[k] = series->values[row];
        if (!isfinite(values[k]))
            return gn_message_fail(message, GN_ERROR_FORMAT, "%s: %s of step %zu is %g", run->directory,
                                   metric, row, values[k]);
    }
    return GN_OK;
}

gn_status gn_reference_read(const char *directory, const gn_config *config, const char *metric, size_t steps,
                            double **values, gn_message *message) {
    gn_run run = {0};
    gn_series series = {0};
    gn_status status = GN_OK;
    *values = NULL;
    GN_TRY_DONE(is_run(directory) ? gn_run_open(directory, &run, message)
                                  : open_by_task(directory, config, &run, message));
    GN_TRY_DONE(gn_run_metric(&run, metric, &series, message));
    *values = calloc(steps, sizeof **values);
    if (*values == NULL)
        GN_TRY_DONE(
            gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu steps of %s", steps, directory));
    GN_TRY_DONE(take_values(&run, metric, &series, steps, *values, message));
done:
    gn_series_free(&series);
    gn_run_close(&run);
    if (status == GN_OK)
        return GN_OK;
    free(*values);
    *values = NULL;
    return status;
}
