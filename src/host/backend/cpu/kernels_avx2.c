/* The kernels for processors with AVX2 and FMA. */
#include "backend/cpu/kernels.h"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=haswell"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v3")
#endif
#define KERNELS gn_cpu_kernels_avx2
#include "backend/cpu/kernels_types.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
