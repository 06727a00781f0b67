#include "run/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

gn_status gn_array_to_host(const gn_array *array, double **values, gn_message *message) {
    size_t count = gn_array_count(array);
    *values = calloc(count == 0 ? 1 : count, sizeof **values);
    if (*values == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of host memory for %zu values", count);
    gn_status status = gn_array_read(array, *values, count);
    if (status != GN_OK) {
        free(*values);
        *values = NULL;
        return gn_message_fail(message, status, "the device's memory cannot be read: %s",
                               gn_status_text(status));
    }
    return GN_OK;
}

gn_status gn_parameters_write(gn_h5 *file, const char *group, const gn_network *network,
                              const gn_array *theta, gn_message *message) {
    double *values;
    gn_status status = gn_array_to_host(theta, &values, message);
    for (size_t i = 0; status == GN_OK && i < gn_network_parameter_count(network); i++) {
        gn_parameter p = gn_network_parameter(network, i);
        char name[160];
        snprintf(name, sizeof name, "%s/%s", group, p.name);
        status = gn_h5_write(file, name, p.rank, p.shape, values + p.offset, message);
    }
    free(values);
    return status;
}

/* "layers.0.weight (80 x 1), ..." into text. */
static void describe_expected(const gn_network *network, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < gn_network_parameter_count(network) && used < size; i++) {
        gn_parameter p = gn_network_parameter(network, i);
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s (%zu", i > 0 ? ", " : "", p.name, p.shape[0]);
        if (p.rank == 2 && used < size)
            used += (size_t)snprintf(text + used, size - used, " x %zu", p.shape[1]);
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, ")");
    }
}

static gn_status read_one(gn_h5 *file, const char *path, const char *group, const gn_network *network,
                          gn_parameter p, double *theta, gn_message *message) {
    char name[160], expected[768];
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *values;
    snprintf(name, sizeof name, "%s/%s", group, p.name);
    describe_expected(network, expected, sizeof expected);
    if (!gn_h5_has(file, name))
        return gn_message_fail(message, GN_ERROR_FORMAT, "%s holds no %s; under %s it needs %s", path, name,
                               group, expected);
    GN_TRY(gn_h5_read(file, name, &rank, shape, &values, message));
    bool same = rank == p.rank;
    for (int i = 0; same && i < rank; i++)
        same = shape[i] == p.shape[i];
    if (same)
        memcpy(theta + p.offset, values, p.count * sizeof *values);
    free(values);
    if (same)
        return GN_OK;
    char found[96] = "";
    for (int i = 0; i < rank; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%zu", i > 0 ? " x " : "", shape[i]);
    return gn_message_fail(message, GN_ERROR_FORMAT, "%s: %s is of shape (%s); under %s it needs %s", path,
                           name, found, group, expected);
}

gn_status gn_parameters_read(gn_h5 *file, const char *path, const char *group, const gn_network *network,
                             gn_array *theta, gn_message *message) {
    size_t count = gn_network_parameters(network);
    double *values = calloc(count == 0 ? 1 : count, sizeof *values);
    gn_status status = GN_OK;
    if (values == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of host memory for %zu parameters", count);
    for (size_t i = 0; status == GN_OK && i < gn_network_parameter_count(network); i++)
        status = read_one(file, path, group, network, gn_network_parameter(network, i), values, message);
    if (status == GN_OK && (status = gn_array_write(theta, values, count)) != GN_OK)
        gn_message_fail(message, status, "the parameters cannot be written to the device: %s",
                        gn_status_text(status));
    free(values);
    return status;
}
