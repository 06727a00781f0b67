/* A plugin of another version of gnewt, which must not write to a table that it does not know. */
#include "backend/plugin.h"

uint32_t gn_plugin_table(uint32_t abi, uint32_t size, gn_backend *table) {
    (void)size;
    (void)table;
    return abi + 1;
}
