#include "run/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/profile.h"
#include "core/status.h"
#include "gnewt/version.h"
#include "run/h5.h"
#include "run/parameters.h"

static gn_status write_array(gn_h5 *file, const char *name, const gn_array *array, gn_message *message) {
    double *values;
    size_t count = gn_array_count(array);
    GN_TRY(gn_array_to_host(array, &values, message));
    gn_status status = GN_OK;
    for (size_t i = 0; i < count && status == GN_OK; i++)
        if (!isfinite(values[i]))
            status = gn_message_fail(message, GN_ERROR_NOT_FINITE, "%s is not finite", name);
    if (status == GN_OK)
        status = gn_h5_write(file, name, 1, &count, values, message);
    free(values);
    return status;
}

/* ---- trainer and observers: /trainer/<array>, /observers/<number>_<name>/<array> ---- */

typedef struct state_file {
    gn_h5 *file;
    gn_message *message;
    char group[64];
} state_file;

static gn_status save_state(void *user, const char *name, size_t count, double *values) {
    const state_file *s = user;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->group, name);
    return gn_h5_write(s->file, path, 1, &count, values, s->message);
}

static gn_status load_state(void *user, const char *name, size_t count, double *values) {
    const state_file *s = user;
    char path[128];
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *read;
    snprintf(path, sizeof path, "%s/%s", s->group, name);
    GN_TRY(gn_h5_read(s->file, path, &rank, shape, &read, s->message));
    const bool fits = rank == 1 && shape[0] == count;
    if (fits)
        memcpy(values, read, count * sizeof *values);
    free(read);
    return fits ? GN_OK
                : gn_message_fail(s->message, GN_ERROR_FORMAT,
                                  "the checkpoint's %s does not fit this configuration", path);
}

static gn_status walk_trainer(gn_h5 *file, gn_build *build, bool loading, gn_message *message) {
    state_file s = {.file = file, .message = message, .group = "/trainer"};
    const gn_state_walk walk = {&s, loading, loading ? load_state : save_state};
    const gn_status status = gn_trainer_state(build->trainer, &walk);
    return status == GN_OK || message->text[0] != '\0' ? status
                                                       : gn_build_fail(build, status, "resume", message);
}

static gn_status walk_observers(gn_h5 *file, gn_build *build, bool loading, gn_message *message) {
    state_file s = {.file = file, .message = message};
    const gn_state_walk walk = {&s, loading, loading ? load_state : save_state};
    for (size_t i = 0; i < build->observer_count; i++) {
        snprintf(s.group, sizeof s.group, "/observers/%zu_%s", i, gn_observer_name(build->observers[i]));
        const gn_status status = gn_observer_state(build->observers[i], &walk);
        if (status != GN_OK)
            return message->text[0] != '\0' ? status : gn_build_fail(build, status, s.group, message);
    }
    return GN_OK;
}

/* ---- writing ---- */

static gn_status write_content(gn_h5 *file, gn_build *build, gn_message *message) {
    gn_trainer *trainer = build->trainer;
    gn_optimizer *optimizer = gn_trainer_optimizer(trainer);
    GN_TRY(gn_h5_put_text(file, "version", GNEWT_VERSION, message));
    GN_TRY(gn_h5_put_number(file, "step", gn_trainer_step(trainer), message));
    GN_TRY(gn_h5_put_number(file, "phase", gn_trainer_phase(trainer), message));
    GN_TRY(walk_trainer(file, build, false, message));
    GN_TRY(write_array(file, "/theta", build->theta, message));
    for (size_t i = 0; optimizer != NULL && i < gn_optimizer_state_count(optimizer); i++) {
        const char *name;
        char path[128];
        gn_array *state = gn_optimizer_state(optimizer, i, &name);
        snprintf(path, sizeof path, "/optimizer/%s", name);
        GN_TRY(write_array(file, path, state, message));
    }
    return walk_observers(file, build, false, message);
}

/* The content of a file, or the entries of a folder, on the disk. */
static gn_status synchronize(const char *path, gn_message *message) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool good = descriptor >= 0 && fsync(descriptor) == 0;
    int error = errno;
    if (descriptor >= 0)
        close(descriptor);
    return good || error == EINVAL ? GN_OK
                                   : gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(error));
}

gn_status gn_checkpoint_write(const char *directory, gn_build *build, gn_message *message) {
    GN_RANGE("checkpoint");
    char path[4200], fresh[4200];
    gn_h5 *file;
    snprintf(path, sizeof path, "%s/checkpoint.h5", directory);
    snprintf(fresh, sizeof fresh, "%s/checkpoint.h5.new", directory);
    gn_status status = gn_h5_create(fresh, &file, message);
    if (status == GN_OK) {
        status = write_content(file, build, message);
        gn_status closed = gn_h5_close(file, status == GN_OK ? message : NULL);
        status = status == GN_OK ? closed : status;
    }
    if (status == GN_OK)
        status = synchronize(fresh, message);
    if (status == GN_OK && rename(fresh, path) != 0)
        status = gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    if (status == GN_OK)
        return synchronize(directory, message);
    unlink(fresh);
    return status;
}

static gn_status open_checkpoint(const char *directory, gn_h5 **file, gn_message *message) {
    char path[4200];
    snprintf(path, sizeof path, "%s/checkpoint.h5", directory);
    if (access(path, R_OK) != 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    return gn_h5_open(path, false, file, message);
}

gn_status gn_checkpoint_find(const char *directory, bool *found, uint64_t *step, gn_message *message) {
    char path[4200];
    gn_h5 *file;
    struct stat state;
    unsigned long long value = 0;
    *step = 0;
    snprintf(path, sizeof path, "%s/checkpoint.h5", directory);
    *found = lstat(path, &state) == 0 || errno != ENOENT;
    if (!*found)
        return GN_OK;
    GN_TRY(open_checkpoint(directory, &file, message));
    gn_status status = gn_h5_get_number(file, "step", &value, message);
    gn_h5_close(file, NULL);
    *step = value;
    return status;
}

static gn_status read_array(gn_h5 *file, const char *name, gn_array *array, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *values;
    GN_TRY(gn_h5_read(file, name, &rank, shape, &values, message));
    gn_status status = GN_ERROR_FORMAT;
    if (rank == 1 && shape[0] == gn_array_count(array))
        status = gn_array_write(array, values, shape[0]);
    if (status != GN_OK)
        gn_message_fail(message, status, "the checkpoint's %s does not fit this configuration", name);
    free(values);
    return status;
}

static gn_status read_content(gn_h5 *file, gn_build *build, gn_message *message) {
    GN_TRY(read_array(file, "/theta", build->theta, message));
    GN_TRY(walk_trainer(file, build, true, message));
    gn_optimizer *optimizer = gn_trainer_optimizer(build->trainer);
    for (size_t i = 0; optimizer != NULL && i < gn_optimizer_state_count(optimizer); i++) {
        const char *name;
        char path[128];
        gn_array *state = gn_optimizer_state(optimizer, i, &name);
        snprintf(path, sizeof path, "/optimizer/%s", name);
        GN_TRY(read_array(file, path, state, message));
    }
    return walk_observers(file, build, true, message);
}

gn_status gn_checkpoint_read(const char *directory, gn_build *build, gn_message *message) {
    gn_h5 *file;
    GN_TRY(open_checkpoint(directory, &file, message));
    gn_status status = read_content(file, build, message);
    gn_h5_close(file, NULL);
    return status;
}
