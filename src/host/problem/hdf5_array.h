/* Reading a numeric array of an HDF5 file, a block of rows at a time; every failure a message. */
#ifndef GN_PROBLEM_HDF5_ARRAY_H
#define GN_PROBLEM_HDF5_ARRAY_H

#include "backend/context.h"
#include "core/hdf5_use.h"

/* To be used within a GN_HDF5. */

typedef struct gn_hdf5_file {
    gn_context *context;
    const char *path; /* borrowed */
    hid_t id;         /* < 0: closed */
} gn_hdf5_file;

/* IO where there is no such file or it may not be read, FORMAT where it is not HDF5. */
gn_status gn_hdf5_file_open(gn_context *context, const char *path, gn_hdf5_file *file);
void gn_hdf5_file_close(gn_hdf5_file *file);

typedef struct gn_hdf5_array {
    const gn_hdf5_file *file;
    const char *name; /* borrowed */
    hid_t id;         /* < 0: closed */
    int rank;         /* 1 or 2 */
    size_t rows, columns;
} gn_hdf5_array;

/* FORMAT: no such array (the message lists those there are), not numbers, rank not 1 or 2, or empty. */
gn_status gn_hdf5_array_open(const gn_hdf5_file *file, const char *name, gn_hdf5_array *array);
void gn_hdf5_array_close(gn_hdf5_array *array);
/* values is rows x columns. */
gn_status gn_hdf5_array_read(const gn_hdf5_array *array, size_t first, size_t rows, double *values);

#endif
