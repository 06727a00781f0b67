/* A YAML file as a list of keys and values, in the file's order: "phases.0.optimizer.label" is "lm". Runs are
 * compared by it; what a key means is run/config's business. */
#ifndef GN_REPORT_SETTINGS_H
#define GN_REPORT_SETTINGS_H

#include <stddef.h>

#include "run/message.h"

typedef struct gn_setting {
    char *key, *value;
} gn_setting;

typedef struct gn_settings {
    size_t count;
    gn_setting *items;
} gn_settings;

/* Errors: IO, CONFIG (with the line), MEMORY. */
gn_status gn_settings_read(const char *path, gn_settings *settings, gn_message *message);
void gn_settings_destroy(gn_settings *settings);
/* The key's value, or NULL. */
const char *gn_settings_get(const gn_settings *settings, const char *key);

#endif
