/* The way into HDF5, whose library belongs to the process: some builds are not thread-safe, and it prints
 * errors. Within a scope it is this thread's alone and silent; all calls into it are made within one. Scopes
 * nest. */
#ifndef GN_CORE_HDF5_USE_H
#define GN_CORE_HDF5_USE_H

#define H5_USE_110_API
#include <hdf5.h>

typedef struct gn_hdf5_use {
    H5E_auto2_t function; /* what printed errors before */
    void *data;
} gn_hdf5_use;
gn_hdf5_use gn_hdf5_begin(void);
void gn_hdf5_end(gn_hdf5_use *use);

/* From here to the end of the block. */
#define GN_HDF5 __attribute__((cleanup(gn_hdf5_end), unused)) gn_hdf5_use hdf5_use = gn_hdf5_begin()

#endif
