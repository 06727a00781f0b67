/* As with CUDA: the API, and in a kernel source also the device side. */
#ifndef HOST_CUDA_RUNTIME_H
#define HOST_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"
#ifdef __cplusplus
#include "host_cuda_device.h"
#endif

#endif
