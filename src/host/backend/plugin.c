#define _GNU_SOURCE /* dladdr */

#include "backend/plugin.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/status.h"

#ifndef GN_PLUGIN_SUBFOLDER
#define GN_PLUGIN_SUBFOLDER "lib/gnewt" /* of the prefix */
#endif

static const char driver_name[] = "libcuda.so.1", plugin_name[] = "libgnewt-cuda.so";

static gn_status fail(const gn_backend_services *services, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static gn_status fail(const gn_backend_services *services, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(services->message, services->message_size, format, arguments);
    va_end(arguments);
    return GN_ERROR_DEVICE;
}

/* Looked for first: it is there or not within a millisecond, where cuBLAS takes half a second to load. */
static gn_status expect_driver(const gn_backend_services *services) {
    if (dlopen(driver_name, RTLD_NOW | RTLD_LOCAL))
        return GN_OK; /* stays: the plugin needs it */
    const char *reason = dlerror();
    if (!reason || strstr(reason, "No such file"))
        return fail(services, "no NVIDIA driver here (%s not found)", driver_name);
    return fail(services, "the NVIDIA driver could not be loaded: %s", reason);
}

/* ---- finding it ---- */

/* The folder of the file that this code is in: libgnewt, or a program that holds it. */
static bool own_folder(char *folder, size_t size) {
    Dl_info info;
    char path[4096];
    const char *file = "/proc/self/exe"; /* of a program, dladdr only knows how it was called */
    if (dladdr((const void *)driver_name, &info) && info.dli_fname && strstr(info.dli_fname, ".so"))
        file = info.dli_fname;
    if (!realpath(file, path))
        return false;
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return (size_t)snprintf(folder, size, "%s", path) < size;
}

/* Whether folder/subfolder/libgnewt-cuda.so can be read; its path. */
static bool look_in(const char *folder, const char *subfolder, char *path, size_t size) {
    const int length =
        snprintf(path, size, "%s/%s%s%s", folder, subfolder, *subfolder ? "/" : "", plugin_name);
    return length >= 0 && (size_t)length < size && access(path, R_OK) == 0;
}

/* $GNEWT_PLUGIN_DIR alone where it is set; else beside this file, in gnewt/ there, or in the prefix. */
static gn_status find_plugin(const gn_backend_services *services, char *path, size_t size) {
    static const char *const subfolders[] = {"", "gnewt", "../" GN_PLUGIN_SUBFOLDER};
    char folder[4096];
    const char *chosen = getenv("GNEWT_PLUGIN_DIR");
    if (chosen && *chosen) {
        if (look_in(chosen, "", path, size))
            return GN_OK;
        return fail(services, "there is no %s in GNEWT_PLUGIN_DIR=%s", plugin_name, chosen);
    }
    if (!own_folder(folder, sizeof(folder)))
        return fail(services, "gnewt's own folder could not be found; set GNEWT_PLUGIN_DIR to that of %s",
                    plugin_name);
    for (size_t i = 0; i < sizeof(subfolders) / sizeof(subfolders[0]); i++)
        if (look_in(folder, subfolders[i], path, size))
            return GN_OK;
    return fail(services,
                "the CUDA plugin %s is not installed: it is not in %s, nor in gnewt or %s there; "
                "GNEWT_PLUGIN_DIR may name its folder",
                plugin_name, folder, subfolders[2]);
}

/* ---- loading it ---- */

gn_status gn_plugin_cuda(gn_backend *table, const gn_backend_services *services) {
    char path[4200];
    gn_plugin_table_function fill_table;
    GN_TRY(expect_driver(services));
    GN_TRY(find_plugin(services, path, sizeof(path)));
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* CUDA's libraries cannot be unloaded, so it stays */
    if (!plugin) {
        const char *reason = dlerror();
        const bool library = reason && (strstr(reason, "libcublas") || strstr(reason, "libcusolver"));
        return fail(
            services, "the CUDA plugin could not be loaded: %s%s", reason ? reason : "no reason given",
            library ? "; install CUDA's libraries (cuBLAS, cuSOLVER), or name their folder in LD_LIBRARY_PATH"
                    : "");
    }
    void *symbol = dlsym(plugin, GN_PLUGIN_SYMBOL);
    if (!symbol)
        return fail(services, "%s is no plugin of gnewt: it has no %s", path, GN_PLUGIN_SYMBOL);
    memcpy(&fill_table, &symbol, sizeof(fill_table)); /* C has no cast for it */
    const uint32_t abi = fill_table(GN_BACKEND_ABI, sizeof(*table), table);
    if (abi != GN_BACKEND_ABI || table->size != sizeof(*table))
        return fail(services,
                    "%s is of another version of gnewt (table %u; this one's is %u): install both from one",
                    path, (unsigned)abi, (unsigned)GN_BACKEND_ABI);
    return GN_OK;
}
