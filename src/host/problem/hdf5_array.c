/* HDF5 files as data sources. */
#include "problem/hdf5_array.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the file ---- */

gn_status gn_hdf5_file_open(gn_context *context, const char *path, gn_hdf5_file *file) {
    *file = (gn_hdf5_file){.context = context, .path = path, .id = -1};
    struct stat information;
    if (stat(path, &information) != 0)
        return gn_fail(context, GN_ERROR_IO, "%s: %s; give the path of an HDF5 file", path, strerror(errno));
    if (S_ISDIR(information.st_mode))
        return gn_fail(context, GN_ERROR_IO, "%s is a folder; give the path of an HDF5 file", path);
    FILE *readable = fopen(path, "rb");
    if (!readable)
        return gn_fail(context, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    fclose(readable);
    if (H5Fis_hdf5(path) <= 0)
        return gn_fail(context, GN_ERROR_FORMAT, "%s is not an HDF5 file", path);
    file->id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file->id < 0)
        return gn_fail(context, GN_ERROR_FORMAT,
                       "%s is an HDF5 file that cannot be opened: truncated, or open for writing elsewhere",
                       path);
    return GN_OK;
}

void gn_hdf5_file_close(gn_hdf5_file *file) {
    if (file->id >= 0)
        H5Fclose(file->id);
    file->id = -1;
}

/* ---- what is there ---- */

typedef struct name_list {
    char text[512];
    size_t used;
} name_list;

static herr_t list_array(hid_t object, const char *name, const H5O_info_t *information, void *user) {
    (void)object;
    name_list *list = user;
    if (information->type != H5O_TYPE_DATASET)
        return 0;
    const size_t left = sizeof(list->text) - list->used;
    if (left < strlen(name) + 16) { /* room for this name and for the dots of the next one */
        list->used += (size_t)snprintf(list->text + list->used, left, ", ...");
        return 1;
    }
    list->used += (size_t)snprintf(list->text + list->used, left, "%s/%s", list->used > 0 ? ", " : "", name);
    return 0;
}

static gn_status fail_absent(const gn_hdf5_file *file, const char *name) {
    name_list list = {.used = 0};
    H5Ovisit(file->id, H5_INDEX_NAME, H5_ITER_INC, list_array, &list);
    if (list.used == 0)
        return gn_fail(file->context, GN_ERROR_FORMAT, "%s holds no array %s; it holds no array at all",
                       file->path, name);
    return gn_fail(file->context, GN_ERROR_FORMAT, "%s holds no array %s; it holds %s", file->path, name,
                   list.text);
}

/* ---- an array ---- */

static gn_status expect_numbers(const gn_hdf5_array *array) {
    const hid_t type = H5Dget_type(array->id);
    const H5T_class_t class = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    if (type >= 0)
        H5Tclose(type);
    if (class == H5T_INTEGER || class == H5T_FLOAT)
        return GN_OK;
    return gn_fail(array->file->context, GN_ERROR_FORMAT,
                   "%s: array %s does not hold numbers; store it as integers or floating point",
                   array->file->path, array->name);
}

/* Rank and lengths. */
static gn_status read_shape(gn_hdf5_array *array) {
    gn_context *context = array->file->context;
    const char *path = array->file->path;
    hsize_t lengths[H5S_MAX_RANK] = {0};
    const hid_t space = H5Dget_space(array->id);
    array->rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (array->rank == 1 || array->rank == 2)
        H5Sget_simple_extent_dims(space, lengths, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (array->rank != 1 && array->rank != 2)
        return gn_fail(context, GN_ERROR_FORMAT,
                       "%s: array %s has rank %d; samples are rows of a rank 2 array, or a rank 1 array",
                       path, array->name, array->rank);
    array->rows = (size_t)lengths[0];
    array->columns = array->rank == 2 ? (size_t)lengths[1] : 1;
    if (array->rows == 0 || array->columns == 0)
        return gn_fail(context, GN_ERROR_FORMAT, "%s: array %s is empty (%zu x %zu)", path, array->name,
                       array->rows, array->columns);
    return GN_OK;
}

gn_status gn_hdf5_array_open(const gn_hdf5_file *file, const char *name, gn_hdf5_array *array) {
    *array = (gn_hdf5_array){.file = file, .name = name, .id = H5Dopen2(file->id, name, H5P_DEFAULT)};
    if (array->id < 0)
        return fail_absent(file, name);
    gn_status status = expect_numbers(array);
    if (status == GN_OK)
        status = read_shape(array);
    if (status != GN_OK)
        gn_hdf5_array_close(array);
    return status;
}

void gn_hdf5_array_close(gn_hdf5_array *array) {
    if (array->id >= 0)
        H5Dclose(array->id);
    array->id = -1;
}

gn_status gn_hdf5_array_read(const gn_hdf5_array *array, size_t first, size_t rows, double *values) {
    const hsize_t start[2] = {first, 0}, count[2] = {rows, array->columns};
    const hid_t from = H5Dget_space(array->id);
    const hid_t to = H5Screate_simple(array->rank, count, NULL);
    const bool read = from >= 0 && to >= 0 &&
                      H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                      H5Dread(array->id, H5T_NATIVE_DOUBLE, to, from, H5P_DEFAULT, values) >= 0;
    if (from >= 0)
        H5Sclose(from);
    if (to >= 0)
        H5Sclose(to);
    if (read)
        return GN_OK;
    return gn_fail(array->file->context, GN_ERROR_IO,
                   "%s: rows %zu to %zu of array %s cannot be read; the file may be damaged",
                   array->file->path, first, first + rows - 1, array->name);
}
