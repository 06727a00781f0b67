/* The inside of an HDF5 file. Internal to run/h5*.c. */
#ifndef GN_RUN_H5_FILE_H
#define GN_RUN_H5_FILE_H

#include <hdf5.h>

#include "run/h5.h"

struct gn_h5 {
    hid_t id;
    char *path;
    int room;          /* a second descriptor, to take room with; -1: read only */
    long long pending; /* bytes given to HDF5 since the last flush, at most */
    long long taken;   /* the file's length on the disk, as far as room was taken */
};

/* Silences HDF5's own printing for a scope, and puts back what was set; the place for a lock. */
typedef struct gn_h5_quiet {
    H5E_auto2_t function;
    void *data;
} gn_h5_quiet;
gn_h5_quiet gn_h5_quiet_begin(void);
void gn_h5_quiet_end(gn_h5_quiet *quiet);
#define GN_H5_QUIET __attribute__((cleanup(gn_h5_quiet_end), unused)) gn_h5_quiet quiet = gn_h5_quiet_begin()

/* IO: "PATH: cannot WHAT NAME: why", why by HDF5's error stack. */
gn_status gn_h5_fail(const gn_h5 *file, const char *what, const char *name, gn_message *message);
/* gn_h5_reserve() for what is written next: it counts as pending until the flush. */
gn_status gn_h5_take_room(gn_h5 *file, double bytes, gn_message *message);

#endif
