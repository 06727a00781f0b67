/* The one place to add a backend: name, the function that gives its table (NULL where not built in). */
#ifndef GN_BACKEND_LIST_H
#define GN_BACKEND_LIST_H

#include "backend/backend.h"

/* Fills *table; the text explains a failure. */
gn_status gn_backend_cpu(gn_backend *table, const gn_backend_services *services);
gn_status gn_backend_check(gn_backend *table, const gn_backend_services *services);

#define GN_BACKEND_LIST(X)                                                                                   \
    X("cpu", gn_backend_cpu)                                                                                 \
    X("check", gn_backend_check)

#endif
