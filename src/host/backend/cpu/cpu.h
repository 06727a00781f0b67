/* The inside of the CPU backend: its state, and the files that make up its table. */
#ifndef GN_BACKEND_CPU_CPU_H
#define GN_BACKEND_CPU_CPU_H

#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "core/status.h"

typedef struct gn_cpu_state {
    gn_backend_state base;
    gn_backend_services services;
    const gn_cpu_kernels *kernels[2]; /* by gn_dtype */
    char description[192];
} gn_cpu_state;

/* Makes *state ready; `name` begins the description. The check backend's state begins with this one. */
gn_status gn_cpu_state_open(gn_cpu_state *state, const char *name, const char *device,
                            const gn_backend_services *services);

/* Writes the reason of a failure and returns status. */
gn_status gn_cpu_fail(void *state, gn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Free and total memory: the host's, or the control group's where that is less. */
gn_status gn_cpu_memory(void *state, size_t *free_bytes, size_t *total_bytes);

/* Each fills in its entries of the table. */
void gn_cpu_vector_entries(gn_backend *table);
void gn_cpu_product_entries(gn_backend *table);
void gn_cpu_dense_entries(gn_backend *table);
void gn_cpu_network_entries(gn_backend *table);
void gn_cpu_update_entries(gn_backend *table);
void gn_cpu_sequence_entries(gn_backend *table);
void gn_cpu_class_entries(gn_backend *table);
void gn_cpu_solver_entries(gn_backend *table);

static inline const gn_cpu_kernels *gn_cpu_kernels_of(void *state, gn_dtype type) {
    return ((const gn_cpu_state *)state)->kernels[type];
}

static inline size_t gn_cpu_element(gn_dtype type) {
    return type == GN_FLOAT64 ? sizeof(double) : sizeof(float);
}

#endif
