/* Counting checks for plain mains. */
#ifndef HOST_CUDA_SELFTEST_CHECK_H
#define HOST_CUDA_SELFTEST_CHECK_H

#include <stdio.h>

static int failures = 0;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                          \
            failures++;                                                                                      \
        }                                                                                                    \
    } while (0)
#define OK(call)     CHECK((call) == cudaSuccess)
#define BLAS(call)   CHECK((call) == CUBLAS_STATUS_SUCCESS)
#define SOLVER(call) CHECK((call) == CUSOLVER_STATUS_SUCCESS)

static inline int finish_checks(const char *name) {
    if (failures == 0) {
        printf("%s: ok\n", name);
    }
    return failures != 0;
}

#endif
