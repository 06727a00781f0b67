/* Error text where there is no context yet: configuration, run directories, figures. */
#ifndef GN_RUN_MESSAGE_H
#define GN_RUN_MESSAGE_H

#include "gnewt/status.h"

/* What failed, in one line; zeroed before use. */
typedef struct gn_message {
    char text[2048];
} gn_message;

/* Writes the text and returns status. `message` may be NULL. */
gn_status gn_message_fail(gn_message *message, gn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
