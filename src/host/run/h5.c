/* Files: opening, room on the disk, flushing, attributes. */
#define _GNU_SOURCE /* fallocate */
#include "run/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/status.h"
#include "run/h5_file.h"

/* What HDF5 may add for its own tables between two flushes, beyond the arrays. */
enum { TABLES_BYTES = 256 * 1024 };

/* ---- errors ---- */

/* The innermost entry of the stack tells most. */
static herr_t take_reason(unsigned n, const H5E_error2_t *error, void *user) {
    if (n == 0 && error->desc != NULL)
        snprintf(user, 256, "%s", error->desc);
    return 0;
}

gn_status gn_h5_fail(const gn_h5 *file, const char *what, const char *name, gn_message *message) {
    char reason[256] = "HDF5 does not say why";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_reason, reason);
    return gn_message_fail(message, GN_ERROR_IO, "%s: cannot %s %s: %s", file->path, what, name, reason);
}

/* ---- opening ---- */

static hid_t access_list(void) {
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(list, false, true); /* a run that goes on can be looked at */
#endif
    return list;
}

static gn_h5 *new_file(const char *path) {
    gn_h5 *file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->id = file->room = -1;
    if ((file->path = strdup(path)) != NULL)
        return file;
    free(file);
    return NULL;
}

static void free_file(gn_h5 *file) {
    if (file->room >= 0)
        close(file->room);
    free(file->path);
    free(file);
}

/* Opens the second descriptor: HDF5 does not say what the system said. */
static gn_status open_room(gn_h5 *file, int flags, gn_message *message) {
    file->room = open(file->path, flags | O_CLOEXEC, 0666);
    if (file->room < 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %s", file->path, strerror(errno));
    return GN_OK;
}

static gn_status open_file(gn_h5 *file, bool create, bool writable, gn_message *message) {
    GN_TRY(open_room(file, create ? O_RDWR | O_CREAT : writable ? O_RDWR : O_RDONLY, message));
    hid_t access = access_list();
    if (create) {
        hid_t options = H5Pcreate(H5P_FILE_CREATE);
        file->id = H5Fcreate(file->path, H5F_ACC_TRUNC, options, access);
        H5Pclose(options);
    } else {
        file->id = H5Fopen(file->path, writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
    }
    H5Pclose(access);
    if (file->id < 0)
        return create ? gn_h5_fail(file, "create", "it", message)
                      : gn_message_fail(message, GN_ERROR_FORMAT, "%s is not a whole HDF5 file", file->path);
    if (!writable) {
        close(file->room);
        file->room = -1;
        return GN_OK;
    }
    return gn_h5_take_room(file, 0, message);
}

static gn_status start(const char *path, bool create, bool writable, gn_h5 **file, gn_message *message) {
    GN_HDF5;
    *file = new_file(path);
    if (*file == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", path);
    gn_status status = open_file(*file, create, writable, message);
    if (status == GN_OK)
        return GN_OK;
    if ((*file)->id >= 0)
        H5Fclose((*file)->id);
    free_file(*file);
    *file = NULL;
    return status;
}

gn_status gn_h5_create(const char *path, gn_h5 **file, gn_message *message) {
    return start(path, true, true, file, message);
}

gn_status gn_h5_open(const char *path, bool writable, gn_h5 **file, gn_message *message) {
    return start(path, false, writable, file, message);
}

/* ---- room and flushing ---- */

/* Lengthens the file on the disk to `wanted` bytes and some more. */
static gn_status lengthen(gn_h5 *file, long long wanted, gn_message *message) {
    if (wanted <= file->taken)
        return GN_OK;
    wanted += TABLES_BYTES;
    int error = fallocate(file->room, 0, 0, wanted) == 0 ? 0 : errno;
    if (error == EOPNOTSUPP || error == ENOSYS) /* no promise, but the length at least */
        error = ftruncate(file->room, wanted) == 0 ? 0 : errno;
    if (error != 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s cannot grow to %lld bytes: %s%s", file->path, wanted,
                               strerror(error), error == ENOSPC ? "; make room on the disk" : "");
    file->taken = wanted;
    return GN_OK;
}

gn_status gn_h5_reserve(gn_h5 *file, double bytes, gn_message *message) {
    GN_HDF5;
    hsize_t size = 0;
    if (file->room < 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s is open for reading only", file->path);
    if (bytes > 1e18 || H5Fget_filesize(file->id, &size) < 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %.3g bytes are too many", file->path, bytes);
    return lengthen(file, (long long)size + file->pending + (long long)bytes + TABLES_BYTES, message);
}

gn_status gn_h5_take_room(gn_h5 *file, double bytes, gn_message *message) {
    GN_TRY(gn_h5_reserve(file, bytes, message));
    file->pending += (long long)bytes;
    return GN_OK;
}

gn_status gn_h5_flush(gn_h5 *file, gn_message *message) {
    GN_HDF5;
    if (file->room < 0)
        return GN_OK;
    GN_TRY(gn_h5_take_room(file, 0, message));
    herr_t error = H5Fflush(file->id, H5F_SCOPE_GLOBAL);
    file->pending = file->taken = 0; /* HDF5 cuts the file to what it knows of */
    return error < 0 ? gn_h5_fail(file, "flush", "it", message) : GN_OK;
}

gn_status gn_h5_close(gn_h5 *file, gn_message *message) {
    GN_HDF5;
    gn_status status = GN_OK;
    if (file == NULL)
        return GN_OK;
    if (file->room >= 0)
        status = gn_h5_flush(file, message);
    hsize_t size = 0;
    H5Fget_filesize(file->id, &size);
    if (H5Fclose(file->id) < 0 && status == GN_OK)
        status = gn_h5_fail(file, "close", "it", message);
    struct stat state; /* gives back the room that was not needed */
    if (status == GN_OK && file->room >= 0 && fstat(file->room, &state) == 0 && state.st_size > (off_t)size &&
        size > 0 && ftruncate(file->room, (off_t)size) != 0)
        status = gn_message_fail(message, GN_ERROR_IO, "%s: %s", file->path, strerror(errno));
    free_file(file);
    return status;
}

/* ---- attributes ---- */

static gn_status put(gn_h5 *file, const char *name, hid_t type, const void *value, gn_message *message) {
    GN_TRY(gn_h5_take_room(file, 4096, message));
    if (H5Aexists(file->id, name) > 0)
        H5Adelete(file->id, name);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file->id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t error = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
    gn_status status = error < 0 ? gn_h5_fail(file, "write attribute", name, message) : GN_OK;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return status;
}

gn_status gn_h5_put_text(gn_h5 *file, const char *name, const char *text, gn_message *message) {
    GN_HDF5;
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    gn_status status = put(file, name, type, text, message);
    H5Tclose(type);
    return status;
}

gn_status gn_h5_put_number(gn_h5 *file, const char *name, unsigned long long value, gn_message *message) {
    GN_HDF5;
    return put(file, name, H5T_NATIVE_ULLONG, &value, message);
}

/* Opens an attribute, or -1 with the message written. */
static hid_t open_attribute(gn_h5 *file, const char *name, gn_message *message) {
    hid_t attribute = H5Aexists(file->id, name) > 0 ? H5Aopen(file->id, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        gn_message_fail(message, GN_ERROR_FORMAT, "%s has no attribute `%s`", file->path, name);
    return attribute;
}

gn_status gn_h5_get_text(gn_h5 *file, const char *name, char *text, size_t size, gn_message *message) {
    GN_HDF5;
    hid_t attribute = open_attribute(file, name, message);
    if (attribute < 0)
        return GN_ERROR_FORMAT;
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    herr_t error = H5Aread(attribute, type, text);
    H5Tclose(type);
    H5Aclose(attribute);
    return error < 0 ? gn_h5_fail(file, "read attribute", name, message) : GN_OK;
}

gn_status gn_h5_get_number(gn_h5 *file, const char *name, unsigned long long *value, gn_message *message) {
    GN_HDF5;
    hid_t attribute = open_attribute(file, name, message);
    if (attribute < 0)
        return GN_ERROR_FORMAT;
    herr_t error = H5Aread(attribute, H5T_NATIVE_ULLONG, value);
    H5Aclose(attribute);
    return error < 0 ? gn_h5_fail(file, "read attribute", name, message) : GN_OK;
}

const char *gn_h5_version(char text[32]) {
    GN_HDF5;
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, 32, "%u.%u.%u", major, minor, release);
    return text;
}
