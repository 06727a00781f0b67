/* Which device, and what to call it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda/cuda.h"
#include "core/size.h"

/* Kernels are built for this and later. */
enum { LEAST_CAPABILITY = 8 };

/* "580.65.06" from Linux's record of the driver; "" where there is none. */
static void driver_release(char *text, size_t size) {
    char line[256];
    FILE *stream = fopen("/proc/driver/nvidia/version", "re");
    text[0] = '\0';
    if (!stream)
        return;
    if (fgets(line, sizeof(line), stream)) {
        /* NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ... */
        for (char *rest = line, *word; (word = strsep(&rest, " \t\n")) != NULL;)
            if (*word >= '0' && *word <= '9' && strchr(word, '.')) {
                snprintf(text, size, "%.31s", word);
                break;
            }
    }
    fclose(stream);
}

static gn_status parse_ordinal(gn_cuda_state *state, const char *text, int count) {
    char *end = NULL;
    const long ordinal = text ? strtol(text, &end, 10) : 0;
    if (text && (*text < '0' || *text > '9' || *end != '\0'))
        return gn_cuda_fail(state, GN_ERROR_ARGUMENT, "device \"cuda:%s\": \"%s\" is not a device's number",
                            text, text);
    if (ordinal >= count)
        return gn_cuda_fail(state, GN_ERROR_DEVICE,
                            "device \"cuda:%s\": there is no such device; this host shows %d%s", text, count,
                            count == 1 ? ", cuda:0" : ", from cuda:0 on");
    state->device = (int)ordinal;
    return GN_OK;
}

/* A driver that is too old must say how old. */
static gn_status count_devices(gn_cuda_state *state, int *count) {
    int driver = 0;
    const cudaError_t error = cudaGetDeviceCount(count);
    if (error == cudaErrorInsufficientDriver) {
        (void)cudaGetLastError();
        (void)cudaDriverGetVersion(&driver);
        return gn_cuda_fail(
            state, GN_ERROR_DEVICE,
            "the NVIDIA driver is too old: it serves CUDA %d.%d, gnewt was built with %d.%d (code %d); "
            "update the driver, or use the CPU",
            driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, (int)error);
    }
    return gn_cuda_check(state, error, "counting devices");
}

static void describe_into(gn_cuda_state *state, const struct cudaDeviceProp *device) {
    char memory[32], driver[32];
    int version = 0;
    (void)cudaDriverGetVersion(&version);
    driver_release(driver, sizeof(driver));
    snprintf(state->description, sizeof(state->description), "cuda:%d: %.100s, %s, %s%s%sCUDA %d.%d",
             state->device, device->name, gn_size_text((double)device->totalGlobalMem, memory),
             driver[0] ? "driver " : "", driver, driver[0] ? ", " : "", version / 1000, version % 1000 / 10);
}

gn_status gn_cuda_choose_device(gn_cuda_state *state, const char *text) {
    struct cudaDeviceProp device;
    int count = 0;
    GN_TRY(count_devices(state, &count));
    GN_TRY(gn_cuda_check(state, count ? cudaSuccess : cudaErrorNoDevice, "counting devices"));
    GN_TRY(parse_ordinal(state, text, count));
    GN_TRY(gn_cuda_check(state, cudaSetDevice(state->device), "choosing the device"));
    GN_TRY(
        gn_cuda_check(state, cudaGetDeviceProperties(&device, state->device), "asking for its properties"));
    if (device.major < LEAST_CAPABILITY)
        return gn_cuda_fail(
            state, GN_ERROR_DEVICE,
            "cuda:%d: %.100s has compute capability %d.%d; gnewt's kernels need %d.0 or later", state->device,
            device.name, device.major, device.minor, LEAST_CAPABILITY);
    describe_into(state, &device);
    return GN_OK;
}
