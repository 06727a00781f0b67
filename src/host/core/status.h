/* Passing errors up. */
#ifndef GN_CORE_STATUS_H
#define GN_CORE_STATUS_H

#include <stdbool.h>

#include "gnewt/status.h"

/* Returns from the caller with a failed call's status. */
#define GN_TRY(call)                                                                                         \
    do {                                                                                                     \
        gn_status gn_try_status = (call);                                                                    \
        if (gn_try_status != GN_OK)                                                                          \
            return gn_try_status;                                                                            \
    } while (0)

/* For functions that clean up: `status` and the label `done` are theirs. */
#define GN_TRY_DONE(call)                                                                                    \
    do {                                                                                                     \
        status = (call);                                                                                     \
        if (status != GN_OK)                                                                                 \
            goto done;                                                                                       \
    } while (0)

/* A fault of the numbers, such as a run that diverges comes to. */
bool gn_status_is_numerical(gn_status status);

#endif
