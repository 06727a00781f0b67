/* OpenBLAS chooses its kernels when it is loaded. A release older than the processor may not know it and then
 * takes the kernels of a Prescott (SSE3, 2004): six times slower, without a word. */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "backend/context.h"

const char *gn_cpu_core_type(void) {
    static const char *const old[] = {"Prescott", "Core2", "Nehalem", "Barcelona", "Generic"};
    const char *better = NULL;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        better = "SkylakeX";
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        better = "Haswell";
#endif
    if (!better || getenv("OPENBLAS_CORETYPE"))
        return NULL;
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
        if (strcmp(openblas_get_corename(), old[i]) == 0)
            return better;
    return NULL;
}
