/* The kernels for any processor of the build's target. */
#define KERNELS gn_cpu_kernels_base
#include "backend/cpu/kernels_types.h"
