/* The folder and its files: made, continued, closed. What is recorded is directory_record.c's. */
#define _GNU_SOURCE
#include "run/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/status.h"
#include "gnewt/version.h"
#include "run/directory_state.h"
#include "run/parameters.h"

/* ---- which folder ---- */

bool gn_directory_is_free(const char *path) {
    DIR *folder = opendir(path);
    bool empty = true;
    if (folder == NULL)
        return access(path, F_OK) != 0; /* a file is not absent */
    for (struct dirent *entry; empty && (entry = readdir(folder)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty;
}

/* A run's or a sweep's. */
static bool is_run(const char *path) {
    char config[4200], sweep[4200];
    snprintf(config, sizeof config, "%s/config.yaml", path);
    snprintf(sweep, sizeof sweep, "%s/sweep.yaml", path);
    return access(config, F_OK) == 0 || access(sweep, F_OK) == 0;
}

gn_status gn_directory_choose(const char *out, const char *name, bool resume, char *path, size_t size,
                              gn_message *message) {
    if (out != NULL) {
        if (out[0] == '\0' || strlen(out) + 64 > size)
            return gn_message_fail(message, GN_ERROR_CONFIG, "--out: give the name of a folder");
        struct stat state;
        snprintf(path, size, "%s", out);
        if (stat(out, &state) == 0 && !S_ISDIR(state.st_mode))
            return gn_message_fail(message, GN_ERROR_CONFIG, "--out: %s is a file; name a folder", out);
        if (resume || gn_directory_is_free(path))
            return GN_OK;
        return gn_message_fail(
            message, GN_ERROR_CONFIG,
            "--out: %s is there and not empty; --resume goes on with a run, or name another", out);
    }
    char last[4096] = "";
    for (size_t n = 1;; n++) {
        snprintf(path, size, n == 1 ? "runs/%s" : "runs/%s-%zu", name, n);
        if (gn_directory_is_free(path))
            break;
        if (is_run(path))
            snprintf(last, sizeof last, "%s", path);
    }
    if (resume && last[0] != '\0')
        snprintf(path, size, "%s", last);
    return GN_OK;
}

/* ---- making ---- */

/* mkdir -p */
static gn_status make_folders(const char *path, gn_message *message) {
    char part[4096];
    struct stat state;
    if (strlen(path) >= sizeof part)
        return gn_message_fail(message, GN_ERROR_IO, "%.100s...: too long a path", path);
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && (errno != EEXIST || stat(part, &state) != 0 || !S_ISDIR(state.st_mode)))
            return gn_message_fail(message, GN_ERROR_IO, "cannot make the folder %s: %s", part,
                                   errno == EEXIST ? "a file is there" : strerror(errno));
    }
    return GN_OK;
}

/* Whole or not at all. */
static gn_status write_config(const gn_directory *d, const char *text, gn_message *message) {
    char path[4200], fresh[4200];
    snprintf(path, sizeof path, "%s/config.yaml", d->path);
    snprintf(fresh, sizeof fresh, "%s/config.yaml.new", d->path);
    FILE *out = fopen(fresh, "w");
    bool good = out != NULL && fputs(text, out) >= 0;
    int error = errno;
    if (out != NULL && fclose(out) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && rename(fresh, path) == 0)
        return GN_OK;
    error = good ? errno : error;
    unlink(fresh);
    return gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(error));
}

/* Takes away the log and the folder where they are empty: what has no config.yaml is no run, and could
 * neither be begun nor be resumed. */
static void leave_nothing(const gn_directory *d) {
    char path[4200];
    struct stat state;
    snprintf(path, sizeof path, "%s/log.txt", d->path);
    if (stat(path, &state) == 0 && state.st_size == 0)
        unlink(path);
    rmdir(d->path);
}

static gn_status open_log(gn_directory *d, const char *mode, gn_message *message) {
    char path[4200];
    snprintf(path, sizeof path, "%s/log.txt", d->path);
    d->log = fopen(path, mode);
    if (d->log == NULL)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    /* One process a run directory: two would overwrite each other's rows. */
    if (flock(fileno(d->log), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return gn_message_fail(message, GN_ERROR_IO, "another gnewt runs in %s", d->path);
    return GN_OK;
}

static gn_status open_csv(gn_directory *d, int flags, gn_message *message) {
    char path[4200];
    snprintf(path, sizeof path, "%s/metrics.csv", d->path);
    d->csv = open(path, O_RDWR | O_CLOEXEC | O_CREAT | flags, 0666);
    if (d->csv < 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    return GN_OK;
}

/* ---- what an earlier run left ---- */

/* False where a metrics.csv that is a run's holds no more than row 0, which a new run writes just so. */
static bool holds_rows(const char *folder) {
    char path[4200], line[1024];
    struct stat state;
    snprintf(path, sizeof path, "%s/metrics.csv", folder);
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        bool csv = access(path, F_OK) == 0;
        snprintf(path, sizeof path, "%s/run.h5", folder);
        return csv || (stat(path, &state) == 0 && state.st_size > 0);
    }
    bool ours = fgets(line, sizeof line, in) == NULL || strncmp(line, "step,phase,", 11) == 0;
    bool more = false;
    while (ours && !more && fgets(line, sizeof line, in) != NULL)
        more = strtoull(line, NULL, 10) > 0;
    fclose(in);
    return !ours || more;
}

static gn_status move_aside(const char *folder, const char *name, int number, gn_message *message) {
    char from[4200], to[4300];
    snprintf(from, sizeof from, "%s/%s", folder, name);
    snprintf(to, sizeof to, "%s.%d.bak", from, number);
    if (rename(from, to) != 0 && errno != ENOENT)
        return gn_message_fail(message, GN_ERROR_IO, "%s cannot be moved to %s: %s", from, to,
                               strerror(errno));
    return GN_OK;
}

static bool has_aside(const char *folder, const char *name, int number) {
    char path[4300];
    snprintf(path, sizeof path, "%s/%s.%d.bak", folder, name, number);
    return access(path, F_OK) == 0;
}

/* Keeps what was recorded; *number: of the .bak files, 0 where there was nothing. */
static gn_status keep_records(const char *folder, int *number, gn_message *message) {
    *number = 0;
    if (!holds_rows(folder))
        return GN_OK;
    int free_number = 1;
    while (has_aside(folder, "metrics.csv", free_number) || has_aside(folder, "run.h5", free_number))
        free_number++;
    GN_TRY(move_aside(folder, "metrics.csv", free_number, message));
    GN_TRY(move_aside(folder, "run.h5", free_number, message));
    *number = free_number;
    return GN_OK;
}

/* When the run began, as "2026-01-31T12:00:00Z". */
static gn_status put_date(gn_directory *d, gn_message *message) {
    char text[32] = "";
    struct tm parts;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return gn_h5_put_text(d->h5, "begun", text, message);
}

static gn_status create_files(gn_directory *d, const char *config, gn_message *message) {
    char path[4200];
    GN_TRY(make_folders(d->path, message));
    GN_TRY(open_log(d, "a", message));
    GN_TRY(keep_records(d->path, &d->aside, message));
    /* First of all files: by it the folder is a run's. */
    gn_status written = write_config(d, config, message);
    if (written != GN_OK) {
        leave_nothing(d);
        return written;
    }
    snprintf(path, sizeof path, "%s/figures", d->path);
    GN_TRY(make_folders(path, message));
    snprintf(path, sizeof path, "%s/checkpoint.h5", d->path);
    unlink(path);
    GN_TRY(open_csv(d, O_TRUNC, message));
    GN_TRY(gn_directory_write_header(d, message));
    snprintf(path, sizeof path, "%s/run.h5", d->path);
    GN_TRY(gn_h5_create(path, &d->h5, message));
    GN_TRY(gn_h5_put_text(d->h5, "state", "running", message));
    GN_TRY(put_date(d, message));
    GN_TRY(gn_directory_open_metrics(d, message));
    return gn_h5_flush(d->h5, message);
}

static gn_status open_files(gn_directory *d, uint64_t step, gn_message *message) {
    char path[4200];
    GN_TRY(open_log(d, "a", message));
    snprintf(path, sizeof path, "%s/run.h5", d->path);
    GN_TRY(gn_h5_open(path, true, &d->h5, message)); /* where it is damaged, nothing is cut */
    GN_TRY(open_csv(d, 0, message));
    GN_TRY(gn_directory_cut_csv(d, step, message));
    GN_TRY(gn_h5_put_text(d->h5, "state", "running", message));
    GN_TRY(gn_directory_open_metrics(d, message));
    GN_TRY(gn_directory_cut_series(d, step, message));
    return gn_h5_flush(d->h5, message);
}

static gn_directory *new_directory(const char *path, gn_message *message) {
    gn_directory *d = calloc(1, sizeof *d);
    if (d == NULL || strlen(path) >= sizeof d->path) {
        free(d);
        gn_message_fail(message, GN_ERROR_MEMORY, "%.100s: out of memory", path);
        return NULL;
    }
    snprintf(d->path, sizeof d->path, "%s", path);
    d->csv = -1;
    d->started = d->last_flush = d->last_tick = gn_seconds_now();
    return d;
}

static gn_status finish_opening(gn_directory *d, gn_status status, gn_directory **directory) {
    if (status == GN_OK)
        *directory = d;
    else
        gn_directory_close(d, NULL, NULL);
    return status;
}

gn_status gn_directory_create(const char *path, const char *config, gn_directory **directory,
                              gn_message *message) {
    *directory = NULL;
    gn_directory *d = new_directory(path, message);
    if (d == NULL)
        return GN_ERROR_MEMORY;
    return finish_opening(d, create_files(d, config, message), directory);
}

gn_status gn_directory_continue(const char *path, uint64_t step, gn_directory **directory,
                                gn_message *message) {
    *directory = NULL;
    gn_directory *d = new_directory(path, message);
    if (d == NULL)
        return GN_ERROR_MEMORY;
    d->ticked = true;
    return finish_opening(d, open_files(d, step, message), directory);
}

gn_status gn_directory_close(gn_directory *directory, const char *state, gn_message *message) {
    if (directory == NULL)
        return GN_OK;
    gn_status status = GN_OK;
    if (directory->h5 != NULL && state != NULL) {
        status = gn_directory_flush(directory, message);
        gn_status noted = gn_h5_put_text(directory->h5, "state", state, status == GN_OK ? message : NULL);
        status = status == GN_OK ? noted : status;
    }
    gn_directory_free_columns(directory);
    if (directory->h5 != NULL) {
        gn_status closed = gn_h5_close(directory->h5, status == GN_OK ? message : NULL);
        status = status == GN_OK ? closed : status;
    }
    if (directory->csv >= 0)
        close(directory->csv);
    if (directory->log != NULL)
        fclose(directory->log);
    free(directory);
    return status;
}

/* ---- the rest ---- */

int gn_directory_aside(const gn_directory *directory) {
    return directory->aside;
}

const char *gn_directory_path(const gn_directory *directory) {
    return directory->path;
}

gn_status gn_directory_write_parameters(gn_directory *directory, const char *group, const gn_network *network,
                                        const gn_array *theta, gn_message *message) {
    return gn_parameters_write(directory->h5, group, network, theta, message);
}

gn_status gn_directory_write_cost(gn_directory *directory, const char *name, double seconds,
                                  gn_message *message) {
    char path[80];
    snprintf(path, sizeof path, "/costs/%.60s", name);
    return gn_h5_write(directory->h5, path, 0, NULL, &seconds, message);
}

gn_status gn_directory_describe(gn_directory *directory, const char *name, const char *device, gn_dtype dtype,
                                uint64_t seed, const char *quick, gn_message *message) {
    if (quick != NULL)
        GN_TRY(gn_h5_put_text(directory->h5, "quick", quick, message));
    GN_TRY(gn_h5_put_text(directory->h5, "version", GNEWT_VERSION, message));
    GN_TRY(gn_h5_put_text(directory->h5, "name", name, message));
    GN_TRY(gn_h5_put_text(directory->h5, "device", device, message));
    GN_TRY(gn_h5_put_text(directory->h5, "precision", gn_dtype_name(dtype), message));
    return gn_h5_put_number(directory->h5, "seed", seed, message);
}

void gn_directory_log(gn_directory *directory, const char *format, ...) {
    va_list arguments;
    if (directory == NULL || directory->log == NULL)
        return;
    fprintf(directory->log, "[%10.3f s] ", gn_seconds_now() - directory->started);
    va_start(arguments, format);
    vfprintf(directory->log, format, arguments);
    va_end(arguments);
    fputc('\n', directory->log);
    fflush(directory->log);
}

void gn_directory_state(const char *path, char *state, size_t size) {
    char file[4200];
    gn_h5 *h5;
    state[0] = '\0';
    snprintf(file, sizeof file, "%s/run.h5", path);
    if (access(file, R_OK) != 0 || gn_h5_open(file, false, &h5, NULL) != GN_OK)
        return;
    if (gn_h5_get_text(h5, "state", state, size, NULL) != GN_OK)
        state[0] = '\0';
    gn_h5_close(h5, NULL);
}
