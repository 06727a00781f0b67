/* Arrays in HDF5 files: whole, and growing along their first axis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/h5_file.h"

/* ---- names ---- */

bool gn_h5_has(gn_h5 *file, const char *name) {
    GN_HDF5;
    char part[256];
    if (strlen(name) >= sizeof part)
        return false;
    for (const char *slash = strchr(name + 1, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash == NULL ? strlen(name) : (size_t)(slash - name);
        memcpy(part, name, length);
        part[length] = '\0';
        if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0)
            return false;
        if (slash == NULL)
            return true;
    }
}

typedef struct name_list {
    char *text;
    size_t used, size;
} name_list;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *information, void *user) {
    (void)group;
    (void)information;
    name_list *list = user;
    if (list->used + strlen(name) + 3 < list->size)
        list->used += (size_t)snprintf(list->text + list->used, list->size - list->used, "%s%s",
                                       list->used > 0 ? ", " : "", name);
    return 0;
}

const char *gn_h5_names(gn_h5 *file, const char *group, char *text, size_t size) {
    GN_HDF5;
    name_list list = {text, 0, size};
    text[0] = '\0';
    H5Literate_by_name(file->id, group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &list, H5P_DEFAULT);
    return text;
}

/* ---- whole arrays ---- */

static hid_t links_with_groups(void) {
    hid_t list = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(list, 1);
    return list;
}

static double total(int rank, const size_t *shape) {
    double count = 1;
    for (int i = 0; i < rank; i++)
        count *= (double)shape[i];
    return count;
}

static void to_dims(int rank, const size_t *shape, hsize_t *dims) {
    for (int i = 0; i < rank; i++)
        dims[i] = shape[i];
}

gn_status gn_h5_write(gn_h5 *file, const char *name, int rank, const size_t *shape, const double *values,
                      gn_message *message) {
    GN_HDF5;
    hsize_t dims[GN_H5_MAX_RANK];
    to_dims(rank, shape, dims);
    GN_TRY(gn_h5_take_room(file, 8.0 * total(rank, shape) + 4096, message));
    if (gn_h5_has(file, name))
        H5Ldelete(file->id, name, H5P_DEFAULT);
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
    hid_t links = links_with_groups();
    hid_t set = H5Dcreate2(file->id, name, H5T_IEEE_F64LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    herr_t error = set < 0 ? -1 : 0;
    if (error >= 0 && values != NULL)
        error = H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    gn_status status = error < 0 ? gn_h5_fail(file, "write", name, message) : GN_OK;
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(links);
    H5Sclose(space);
    return status;
}

/* Writes a block of rows of an open set. */
static herr_t write_block(hid_t set, int rank, hsize_t first, const hsize_t *block, const double *values) {
    hsize_t start[GN_H5_MAX_RANK] = {first};
    hid_t target = H5Dget_space(set), source = H5Screate_simple(rank, block, NULL);
    herr_t error = H5Sselect_hyperslab(target, H5S_SELECT_SET, start, NULL, block, NULL);
    if (error >= 0)
        error = H5Dwrite(set, H5T_NATIVE_DOUBLE, source, target, H5P_DEFAULT, values);
    H5Sclose(source);
    H5Sclose(target);
    return error;
}

/* The dimensions of an open set; the rank, or -1. */
static int dims_of(hid_t set, hsize_t dims[GN_H5_MAX_RANK]) {
    hid_t space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank > GN_H5_MAX_RANK || (rank >= 0 && H5Sget_simple_extent_dims(space, dims, NULL) < 0))
        rank = -1;
    H5Sclose(space);
    return rank;
}

gn_status gn_h5_write_rows(gn_h5 *file, const char *name, size_t first, size_t rows, const double *values,
                           gn_message *message) {
    GN_HDF5;
    hsize_t block[GN_H5_MAX_RANK];
    hid_t set = H5Dopen2(file->id, name, H5P_DEFAULT);
    int rank = set < 0 ? -1 : dims_of(set, block);
    block[0] = rows;
    herr_t error = rank < 1 ? -1 : write_block(set, rank, first, block, values);
    gn_status status = error < 0 ? gn_h5_fail(file, "write", name, message) : GN_OK;
    if (set >= 0)
        H5Dclose(set);
    return status;
}

static gn_status read_set(gn_h5 *file, const char *name, hid_t set, int *rank, size_t *shape, double **values,
                          gn_message *message) {
    hsize_t dims[GN_H5_MAX_RANK];
    hid_t type = H5Dget_type(set);
    H5T_class_t class = H5Tget_class(type);
    H5Tclose(type);
    if (class != H5T_FLOAT && class != H5T_INTEGER)
        return gn_message_fail(message, GN_ERROR_FORMAT, "%s: %s holds no numbers", file->path, name);
    *rank = dims_of(set, dims);
    if (*rank < 0)
        return gn_message_fail(message, GN_ERROR_FORMAT, "%s: %s has more than %d axes", file->path, name,
                               GN_H5_MAX_RANK);
    for (int i = 0; i < *rank; i++)
        shape[i] = (size_t)dims[i];
    double count = total(*rank, shape);
    *values = count > 1e15 ? NULL : malloc(count < 1 ? 1 : (size_t)count * sizeof **values);
    if (*values == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "%s: %s has %g values, too many for the memory",
                               file->path, name, count);
    if (count > 0 && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *values) < 0) {
        free(*values);
        *values = NULL;
        return gn_h5_fail(file, "read", name, message);
    }
    return GN_OK;
}

gn_status gn_h5_read(gn_h5 *file, const char *name, int *rank, size_t shape[GN_H5_MAX_RANK], double **values,
                     gn_message *message) {
    GN_HDF5;
    *values = NULL;
    hid_t set = gn_h5_has(file, name) ? H5Dopen2(file->id, name, H5P_DEFAULT) : -1;
    if (set < 0)
        return gn_message_fail(message, GN_ERROR_FORMAT, "%s holds no array %s", file->path, name);
    gn_status status = read_set(file, name, set, rank, shape, values, message);
    H5Dclose(set);
    return status;
}

/* ---- growing arrays ---- */

struct gn_h5_series {
    gn_h5 *file;
    char *name;
    hid_t set;
    int rank;                      /* of the whole: 1 + that of a row */
    hsize_t dims[GN_H5_MAX_RANK];  /* now */
    double row_bytes, chunk_bytes; /* of one row, one chunk */
};

/* A chunk holds 1024 rows, or 64 KiB: so large that their index, a tree, is seldom rebuilt, and so small that
 * fifteen columns of a short run stay a small file. */
static hsize_t chunk_rows(double row_bytes) {
    double rows = 65536 / (row_bytes < 8 ? 8 : row_bytes);
    return rows < 1 ? 1 : rows > 1024 ? 1024 : (hsize_t)rows;
}

static hid_t create_set(gn_h5_series *s, gn_message *message) {
    hsize_t most[GN_H5_MAX_RANK], chunk[GN_H5_MAX_RANK];
    if (gn_h5_take_room(s->file, s->chunk_bytes + 8192, message) != GN_OK)
        return -1;
    for (int i = 0; i < s->rank; i++) {
        most[i] = i == 0 ? H5S_UNLIMITED : s->dims[i];
        chunk[i] = i == 0 ? chunk_rows(s->row_bytes) : s->dims[i] > 0 ? s->dims[i] : 1;
    }
    hid_t space = H5Screate_simple(s->rank, s->dims, most), links = links_with_groups();
    hid_t options = H5Pcreate(H5P_DATASET_CREATE);
    const double fill = 0.0 / 0.0;
    H5Pset_chunk(options, s->rank, chunk);
    H5Pset_fill_value(options, H5T_NATIVE_DOUBLE, &fill);
    hid_t set = H5Dcreate2(s->file->id, s->name, H5T_IEEE_F64LE, space, links, options, H5P_DEFAULT);
    if (set < 0)
        gn_h5_fail(s->file, "create", s->name, message);
    H5Pclose(options);
    H5Pclose(links);
    H5Sclose(space);
    return set;
}

/* An existing array, whose rows must have the wanted shape. */
static hid_t open_set(gn_h5_series *s, gn_message *message) {
    hsize_t dims[GN_H5_MAX_RANK];
    hid_t set = H5Dopen2(s->file->id, s->name, H5P_DEFAULT);
    int rank = set < 0 ? -1 : dims_of(set, dims);
    bool same = rank == s->rank;
    for (int i = 1; same && i < rank; i++)
        same = dims[i] == s->dims[i];
    if (same) {
        s->dims[0] = dims[0];
        return set;
    }
    gn_message_fail(message, GN_ERROR_FORMAT, "%s: %s has other rows than this run's", s->file->path,
                    s->name);
    if (set >= 0)
        H5Dclose(set);
    return -1;
}

gn_status gn_h5_series_open(gn_h5 *file, const char *name, int rank, const size_t *shape,
                            gn_h5_series **series, gn_message *message) {
    GN_HDF5;
    gn_h5_series *s = *series = calloc(1, sizeof *s);
    if (s == NULL || (s->name = strdup(name)) == NULL) {
        free(s);
        *series = NULL;
        return gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", name);
    }
    s->file = file;
    s->rank = rank + 1;
    to_dims(rank, shape, s->dims + 1);
    s->row_bytes = 8.0 * total(rank, shape);
    s->chunk_bytes = s->row_bytes * (double)chunk_rows(s->row_bytes);
    s->set = gn_h5_has(file, name) ? open_set(s, message) : create_set(s, message);
    if (s->set >= 0)
        return GN_OK;
    gn_h5_series_close(s);
    *series = NULL;
    return GN_ERROR_IO;
}

void gn_h5_series_close(gn_h5_series *series) {
    GN_HDF5;
    if (series == NULL)
        return;
    if (series->set >= 0)
        H5Dclose(series->set);
    free(series->name);
    free(series);
}

size_t gn_h5_series_rows(const gn_h5_series *series) {
    return (size_t)series->dims[0];
}

double gn_h5_series_growth(const gn_h5_series *series, size_t rows) {
    return series->row_bytes * (double)rows + series->chunk_bytes;
}

static gn_status set_rows(gn_h5_series *s, hsize_t rows, gn_message *message) {
    hsize_t before = s->dims[0];
    s->dims[0] = rows;
    if (H5Dset_extent(s->set, s->dims) >= 0)
        return GN_OK;
    s->dims[0] = before;
    return gn_h5_fail(s->file, "extend", s->name, message);
}

gn_status gn_h5_series_append(gn_h5_series *series, size_t rows, const double *values, gn_message *message) {
    GN_HDF5;
    hsize_t first = series->dims[0], block[GN_H5_MAX_RANK];
    if (rows == 0)
        return GN_OK;
    GN_TRY(gn_h5_take_room(series->file, gn_h5_series_growth(series, rows), message));
    GN_TRY(set_rows(series, first + rows, message));
    memcpy(block, series->dims, sizeof block);
    block[0] = rows;
    if (series->row_bytes > 0 && write_block(series->set, series->rank, first, block, values) < 0)
        return gn_h5_fail(series->file, "write", series->name, message);
    return GN_OK;
}

gn_status gn_h5_series_truncate(gn_h5_series *series, size_t rows, gn_message *message) {
    GN_HDF5;
    if (rows >= series->dims[0])
        return GN_OK;
    GN_TRY(gn_h5_take_room(series->file, series->chunk_bytes, message));
    return set_rows(series, rows, message);
}
