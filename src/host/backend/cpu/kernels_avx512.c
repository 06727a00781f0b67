/* The kernels for processors with AVX-512 (F, BW, CD, DQ, VL). */
#include "backend/cpu/kernels.h"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=skylake-avx512"))), apply_to = function)
#else
#pragma GCC target("arch=x86-64-v4")
#endif
#define KERNELS gn_cpu_kernels_avx512
#include "backend/cpu/kernels_types.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
