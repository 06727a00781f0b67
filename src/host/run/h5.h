/* HDF5 files: all of run/'s use of the library goes through here.
 *
 * A file can be read after a `kill -9` at any instant, and stays so when the disk is full: room is taken from
 * the file system before HDF5 writes, so that no write of its metadata fails halfway and no file is shorter
 * than its superblock says. Values are float64 in files and in memory. Names are absolute paths ("/a/b");
 * groups on the way are made. */
#ifndef GN_RUN_H5_H
#define GN_RUN_H5_H

#include <stdbool.h>
#include <stddef.h>

#include "run/message.h"

enum { GN_H5_MAX_RANK = 4 };

typedef struct gn_h5 gn_h5;

/* A new file (one of that name is replaced), or an existing one. Errors: IO, FORMAT, MEMORY. */
gn_status gn_h5_create(const char *path, gn_h5 **file, gn_message *message);
gn_status gn_h5_open(const char *path, bool writable, gn_h5 **file, gn_message *message);
/* Makes all that was written readable by others. IO. */
gn_status gn_h5_flush(gn_h5 *file, gn_message *message);
/* Flushes and frees; NULL is allowed. The file is gone from memory whatever the status. */
gn_status gn_h5_close(gn_h5 *file, gn_message *message);

/* Makes sure that `bytes` more can be written, so that several writes succeed or fail together. IO. */
gn_status gn_h5_reserve(gn_h5 *file, double bytes, gn_message *message);

bool gn_h5_has(gn_h5 *file, const char *name);
/* The names in a group, comma-separated, cut at `size`; returns text. */
const char *gn_h5_names(gn_h5 *file, const char *group, char *text, size_t size);

/* A whole array, rank 0..GN_H5_MAX_RANK; an existing one of that name is replaced. */
gn_status gn_h5_write(gn_h5 *file, const char *name, int rank, const size_t *shape, const double *values,
                      gn_message *message);
/* A part of an array made before: `rows` rows from `first` of axis 0. */
gn_status gn_h5_write_rows(gn_h5 *file, const char *name, size_t first, size_t rows, const double *values,
                           gn_message *message);
/* An array of floats or integers; *values is the caller's to free. FORMAT where there is none. */
gn_status gn_h5_read(gn_h5 *file, const char *name, int *rank, size_t shape[GN_H5_MAX_RANK], double **values,
                     gn_message *message);

/* Attributes of the root; an existing one is replaced. */
gn_status gn_h5_put_text(gn_h5 *file, const char *name, const char *text, gn_message *message);
gn_status gn_h5_put_number(gn_h5 *file, const char *name, unsigned long long value, gn_message *message);
gn_status gn_h5_get_text(gn_h5 *file, const char *name, char *text, size_t size, gn_message *message);
gn_status gn_h5_get_number(gn_h5 *file, const char *name, unsigned long long *value, gn_message *message);

/* An array that grows along its first axis; `shape` is that of one row, rank 0..GN_H5_MAX_RANK - 1. */
typedef struct gn_h5_series gn_h5_series;
/* Opens it, or makes an empty one. FORMAT where one of another shape is there. */
gn_status gn_h5_series_open(gn_h5 *file, const char *name, int rank, const size_t *shape,
                            gn_h5_series **series, gn_message *message);
/* To be called before the file is closed; NULL is allowed. */
void gn_h5_series_close(gn_h5_series *series);
size_t gn_h5_series_rows(const gn_h5_series *series);
/* The most bytes that appending `rows` rows takes. */
double gn_h5_series_growth(const gn_h5_series *series, size_t rows);
gn_status gn_h5_series_append(gn_h5_series *series, size_t rows, const double *values, gn_message *message);
/* Cuts it to `rows` rows; no fewer are fine. */
gn_status gn_h5_series_truncate(gn_h5_series *series, size_t rows, gn_message *message);

/* The library's version; returns text. */
const char *gn_h5_version(char text[32]);

#endif
