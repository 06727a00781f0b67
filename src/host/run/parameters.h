/* Parameters in HDF5 files, by name. */
#ifndef GN_RUN_PARAMETERS_H
#define GN_RUN_PARAMETERS_H

#include "gnewt/network.h"
#include "run/h5.h"

/* Writes GROUP/<name> (its own shape) for each parameter of theta (P). */
gn_status gn_parameters_write(gn_h5 *file, const char *group, const gn_network *network,
                              const gn_array *theta, gn_message *message);
/* Reads them back. FORMAT, with the names and shapes expected, where one is missing or has another shape. */
gn_status gn_parameters_read(gn_h5 *file, const char *path, const char *group, const gn_network *network,
                             gn_array *theta, gn_message *message);
/* Reads an array into new host memory (the caller's to free). */
gn_status gn_array_to_host(const gn_array *array, double **values, gn_message *message);

#endif
