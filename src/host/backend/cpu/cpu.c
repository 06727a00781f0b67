/* The CPU backend: opening, memory and copies. */
#include "backend/cpu/cpu.h"

#include <cblas.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/backend_list.h"
#include "backend/context.h"
#include "backend/cpu/threads.h"
#include "core/size.h"

gn_status gn_cpu_fail(void *state, gn_status status, const char *format, ...) {
    const gn_backend_services *services = &((gn_cpu_state *)state)->services;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(services->message, services->message_size, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- opening ---- */

/* The widest set of kernels that this processor runs. */
static const gn_cpu_kernels *best_kernels(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return gn_cpu_kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return gn_cpu_kernels_avx2;
#endif
    return gn_cpu_kernels_base;
}

/* "cpu: 2 threads, OpenBLAS 0.3.21 SkylakeX", with advice where OpenBLAS did not know the processor */
static void describe_into(gn_cpu_state *state, const char *name) {
    char library[32] = "BLAS", version[32] = "";
    const int threads = omp_get_max_threads();
    sscanf(openblas_get_config(), "%31s %31s", library, version);
    const char *advice = gn_cpu_core_type();
    snprintf(state->description, sizeof(state->description), "%s: %d thread%s, %s %s %s%s%s%s", name, threads,
             threads == 1 ? "" : "s", library, version, openblas_get_corename(),
             advice ? " (slow: set OPENBLAS_CORETYPE=" : "", advice ? advice : "", advice ? ")" : "");
}

gn_status gn_cpu_state_open(gn_cpu_state *state, const char *name, const char *device,
                            const gn_backend_services *services) {
    memset(state, 0, sizeof(*state));
    state->services = *services;
    if (device)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "device \"%s:%s\": \"%s\" takes no number", name, device,
                           name);
    const gn_cpu_kernels *kernels = best_kernels();
    state->kernels[GN_FLOAT32] = &kernels[GN_FLOAT32];
    state->kernels[GN_FLOAT64] = &kernels[GN_FLOAT64];
    describe_into(state, name);
    return GN_OK;
}

static gn_status cpu_open(const char *device, const gn_backend_services *services, void **state) {
    gn_cpu_state *opened = malloc(sizeof(*opened));
    *state = NULL;
    if (!opened)
        return GN_ERROR_MEMORY;
    const gn_status status = gn_cpu_state_open(opened, "cpu", device, services);
    if (status == GN_OK)
        *state = opened;
    else
        free(opened);
    return status;
}

static void cpu_close(void *state) {
    free(state);
}

static const char *cpu_describe(void *state) {
    return ((const gn_cpu_state *)state)->description;
}

static gn_status cpu_synchronize(void *state) {
    (void)state; /* every call has finished when it returns */
    return GN_OK;
}

/* ---- memory ---- */

/* From here on huge pages save more in misses of the TLB than rounding up costs. */
enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

static gn_status cpu_allocate(void *state, size_t bytes, void **pointer) {
    const size_t alignment = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    if (posix_memalign(pointer, alignment, bytes ? bytes : 1) != 0) {
        char size[32];
        *pointer = NULL;
        return gn_cpu_fail(state, GN_ERROR_MEMORY, "%s could not be allocated",
                           gn_size_text((double)bytes, size));
    }
#if defined(MADV_HUGEPAGE)
    if (alignment == HUGE_PAGE)
        (void)madvise(*pointer, bytes, MADV_HUGEPAGE); /* a wish */
#endif
    return GN_OK;
}

static gn_status cpu_release(void *state, void *pointer) {
    (void)state;
    free(pointer);
    return GN_OK;
}

static gn_status cpu_copy(void *state, void *to, const void *from, size_t bytes) {
    (void)state;
    if (bytes)
        memmove(to, from, bytes);
    return GN_OK;
}

static gn_status cpu_zero(void *state, void *to, size_t bytes) {
    (void)state;
    if (bytes)
        memset(to, 0, bytes);
    return GN_OK;
}

gn_status gn_backend_cpu(gn_backend *table, const gn_backend_services *services) {
    (void)services;
    *table = (gn_backend){
        .abi = GN_BACKEND_ABI,
        .size = sizeof(gn_backend),
        .name = "cpu",
        .gram_tile = 512,
        .open = cpu_open,
        .close = cpu_close,
        .describe = cpu_describe,
        .memory = gn_cpu_memory,
        .synchronize = cpu_synchronize,
        .allocate = cpu_allocate,
        .release = cpu_release,
        .upload = cpu_copy,
        .download = cpu_copy,
        .copy = cpu_copy,
        .zero = cpu_zero,
    };
    gn_cpu_vector_entries(table);
    gn_cpu_product_entries(table);
    gn_cpu_dense_entries(table);
    gn_cpu_network_entries(table);
    gn_cpu_update_entries(table);
    gn_cpu_sequence_entries(table);
    gn_cpu_class_entries(table);
    gn_cpu_solver_entries(table);
    return GN_OK;
}
