/* The one symbol that libgnewt-cuda.so exports; src/host/backend/plugin.c looks for it. */
#include "backend/backend_list.h"
#include "backend/plugin.h"

__attribute__((visibility("default"))) uint32_t gn_plugin_table(uint32_t abi, uint32_t size,
                                                                gn_backend *table) {
    if (abi == GN_BACKEND_ABI && size == sizeof(gn_backend))
        (void)gn_backend_cuda(table, NULL);
    return GN_BACKEND_ABI;
}
