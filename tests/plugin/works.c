/* A plugin that works: the CPU's table under another name. */
#include "backend/backend_list.h"

uint32_t gn_plugin_table(uint32_t abi, uint32_t size, gn_backend *table) {
    if (abi == GN_BACKEND_ABI && size == sizeof(gn_backend)) {
        (void)gn_backend_cpu(table, NULL);
        table->name = "cuda";
    }
    return GN_BACKEND_ABI;
}
