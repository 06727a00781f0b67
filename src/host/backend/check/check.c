/* The check backend: opening, and when guards are looked at. */
#include "backend/check/check.h"

#include <stdlib.h>

#include "backend/backend_list.h"

static gn_status check_open(const char *device, const gn_backend_services *services, void **state) {
    gn_check_state *opened = calloc(1, sizeof(*opened));
    *state = NULL;
    if (!opened)
        return GN_ERROR_MEMORY;
    gn_status status = gn_cpu_state_open(&opened->cpu, "check", device, services);
    if (status == GN_OK)
        status = gn_backend_cpu(&opened->table, services);
    if (status == GN_OK)
        *state = opened;
    else
        free(opened);
    return status;
}

static void check_close(void *state) {
    gn_check_release_all(state);
    free(state);
}

static gn_status check_download(void *state, void *host_to, const void *from, size_t bytes) {
    GN_TRY(gn_check_guards(state));
    return ((gn_check_state *)state)->table.download(state, host_to, from, bytes);
}

gn_status gn_backend_check(gn_backend *table, const gn_backend_services *services) {
    GN_TRY(gn_backend_cpu(table, services));
    table->name = "check";
    table->open = check_open;
    table->close = check_close;
    table->allocate = gn_check_allocate;
    table->release = gn_check_release;
    table->synchronize = gn_check_guards;
    table->download = check_download;
    gn_check_poison_entries(table);
    gn_check_poison_sequence_entries(table);
    return GN_OK;
}
