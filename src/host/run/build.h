/* The objects that a configuration describes. */
#ifndef GN_RUN_BUILD_H
#define GN_RUN_BUILD_H

#include "gnewt/trainer.h"
#include "run/config.h"

typedef struct gn_build {
    gn_context *context;
    gn_dataset dataset;
    gn_network *network;
    gn_array *theta, *theta0; /* P; both as initialised */
    gn_observer **observers;
    size_t observer_count;
    gn_phase *phases;
    size_t phase_count;
    double **recorded;   /* phase_count: what a phase's steps follow, or NULL */
    gn_trainer *trainer; /* NULL until gn_build_trainer() */
} gn_build;

/* Opens the device and makes data, network and initial parameters. `source` gives the places for messages. On
 * failure *build is empty; CONFIG where the configuration is to blame (a missing file, widths that do not fit
 * the data), else the status of the library. */
gn_status gn_build_create(const gn_config *config, const gn_config_source *source, gn_log_function log,
                          void *user, gn_build *build, gn_message *message);
/* The observers and the trainer. */
gn_status gn_build_trainer(const gn_config *config, const gn_config_source *source, gn_build *build,
                           gn_message *message);
/* Zeroes the struct; an empty one is allowed. */
void gn_build_destroy(gn_build *build);

/* Message and status of a failed call on the build's context. */
gn_status gn_build_fail(const gn_build *build, gn_status status, const char *where, gn_message *message);

#endif
