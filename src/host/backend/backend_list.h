/* The one place to add a backend: name, the function that gives its table. */
#ifndef GN_BACKEND_LIST_H
#define GN_BACKEND_LIST_H

#include "backend/backend.h"
#include "backend/plugin.h"

/* Fills *table; the text explains a failure. */
gn_status gn_backend_cpu(gn_backend *table, const gn_backend_services *services);
gn_status gn_backend_check(gn_backend *table, const gn_backend_services *services);
gn_status gn_backend_cuda(gn_backend *table, const gn_backend_services *services);

/* CUDA comes as a plugin (GN_CUDA_PLUGIN), for the tests also built in over the host shim (GN_HOST_CUDA), or
 * not at all. */
#if defined(GN_HOST_CUDA)
#define GN_BACKEND_LIST_CUDA(X) X("cuda", gn_backend_cuda)
#elif defined(GN_CUDA_PLUGIN)
#define GN_BACKEND_LIST_CUDA(X) X("cuda", gn_plugin_cuda)
#else
#define GN_BACKEND_LIST_CUDA(X)
#endif

#define GN_BACKEND_LIST(X)                                                                                   \
    X("cpu", gn_backend_cpu)                                                                                 \
    X("check", gn_backend_check)                                                                             \
    GN_BACKEND_LIST_CUDA(X)

#endif
