/* The CUDA backend as a plugin, a shared library of its own: where it, the driver or CUDA's libraries are
 * missing, the program starts all the same and says what is missing. */
#ifndef GN_BACKEND_PLUGIN_H
#define GN_BACKEND_PLUGIN_H

#include "backend/backend.h"

/* What a plugin exports. Answers its GN_BACKEND_ABI, and fills *table where both that and the table's size
 * are the caller's: a table of another shape is never written. */
#define GN_PLUGIN_SYMBOL "gn_plugin_table"
typedef uint32_t (*gn_plugin_table_function)(uint32_t abi, uint32_t size, gn_backend *table);
uint32_t gn_plugin_table(uint32_t abi, uint32_t size, gn_backend *table);

/* The table of the CUDA plugin, which stays loaded. DEVICE, with the reason, where there is no driver, no
 * plugin, or one that does not fit. */
gn_status gn_plugin_cuda(gn_backend *table, const gn_backend_services *services);

#endif
