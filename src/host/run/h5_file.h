/* The inside of an HDF5 file. Internal to run/h5*.c. */
#ifndef GN_RUN_H5_FILE_H
#define GN_RUN_H5_FILE_H

#include "core/hdf5_use.h"
#include "run/h5.h"

struct gn_h5 {
    hid_t id;
    char *path;
    int room;          /* a second descriptor, to take room with; -1: read only */
    long long pending; /* bytes given to HDF5 since the last flush, at most */
    long long taken;   /* the file's length on the disk, as far as room was taken */
};

/* IO: "PATH: cannot WHAT NAME: why", why by HDF5's error stack: within the failed call's GN_HDF5. */
gn_status gn_h5_fail(const gn_h5 *file, const char *what, const char *name, gn_message *message);
/* gn_h5_reserve() for what is written next: it counts as pending until the flush. */
gn_status gn_h5_take_room(gn_h5 *file, double bytes, gn_message *message);

#endif
