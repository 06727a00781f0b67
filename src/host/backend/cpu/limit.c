/* How many threads a caller's calls may take, where several callers compute at once. */
#include <cblas.h>
#include <omp.h>

#include "backend/context.h"

int gn_cpu_thread_share(int callers) {
    const int limit = omp_get_max_threads(), part = omp_get_num_procs() / callers;
    return callers == 1 || part > limit ? limit : part < 1 ? 1 : part;
}

/* OpenMP keeps its limit by thread, OpenBLAS one for the process, which it would set to the caller's, and
 * change its buffers, in the middle of another's call. */
void gn_cpu_limit_threads(int threads) {
    omp_set_num_threads(threads);
    if (openblas_get_num_threads() != threads)
        openblas_set_num_threads(threads);
}
