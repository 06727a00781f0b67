#include "core/status.h"

const char *gn_status_text(gn_status status) {
    static const char *const texts[] = {
#define GN_STATUS_TEXT(name, text) [name] = text,
        GN_STATUS_LIST(GN_STATUS_TEXT)
#undef GN_STATUS_TEXT
    };
    return (unsigned)status < GN_STATUS_COUNT ? texts[status] : "unknown status";
}

const char *gn_stop_text(gn_stop stop) {
    static const char *const texts[] = {
#define GN_STOP_TEXT(name, text) [name] = text,
        GN_STOP_LIST(GN_STOP_TEXT)
#undef GN_STOP_TEXT
    };
    return (unsigned)stop < GN_STOP_COUNT ? texts[stop] : "unknown reason";
}

bool gn_status_is_numerical(gn_status status) {
    return status == GN_ERROR_NOT_FINITE || status == GN_ERROR_NOT_POSITIVE_DEFINITE ||
           status == GN_ERROR_NO_CONVERGENCE;
}
