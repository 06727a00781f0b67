#include "gnewt/status.h"

const char *gn_status_text(gn_status status) {
    static const char *const texts[] = {
#define GN_STATUS_TEXT(name, text) [name] = text,
        GN_STATUS_LIST(GN_STATUS_TEXT)
#undef GN_STATUS_TEXT
    };
    return (unsigned)status < GN_STATUS_COUNT ? texts[status] : "unknown status";
}
