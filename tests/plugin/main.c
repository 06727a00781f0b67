/* The loader of the CUDA plugin, in front of drivers and plugins made for it.
 *
 *   test-plugin STATUS PART [DEVICE]
 *
 * Expects opening device number DEVICE (none) to end with the named status and a message that contains PART
 * ("": any). Exits with 77 (skipped) where a driver is here that the case must not have:
 * GNEWT_TEST_WITHOUT_DRIVER is set. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend_list.h"
#include "core/status.h"

static char message[1024];

/* As the context does. */
static gn_status open_plugin(const char *device, gn_backend *table, void **state) {
    const gn_backend_services services = {.message = message, .message_size = sizeof(message)};
    const char *missing;
    GN_TRY(gn_plugin_cuda(table, &services));
    GN_TRY(gn_backend_complete(table, &missing));
    return gn_backend_open(table, device, &services, state);
}

int main(int argc, char **argv) {
    gn_backend table;
    void *state = NULL;
    if (argc < 3)
        return 2;
    if (getenv("GNEWT_TEST_WITHOUT_DRIVER") && dlopen("libcuda.so.1", RTLD_NOW))
        return 77;
    memset(&table, 0, sizeof(table));
    const gn_status status = open_plugin(argc > 3 ? argv[3] : NULL, &table, &state);
    const char *text = gn_status_text(status);
    printf("%s: %s\n", text, status == GN_OK ? table.describe(state) : message);
    if (state)
        table.close(state);
    return strcmp(text, argv[1]) == 0 && strstr(message, argv[2]) ? 0 : 1;
}
