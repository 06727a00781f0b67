/* The devices that tests run on: those of the backend list, in both types. */
#ifndef GN_TESTS_DEVICES_H
#define GN_TESTS_DEVICES_H

#include <stdbool.h>

#include "gnewt/context.h"

/* Names, from the backend list; *count is their number. */
const char *const *device_names(size_t *count);
/* Whether the environment's GNEWT_REQUIRE_DEVICES ("cuda", or several with commas) names the device. */
bool device_required(const char *device);
/* A context, which the caller destroys. Where the device cannot be had the running test is skipped; it fails
 * if the device is required. */
gn_context *device_open(const char *device);

/* The parameter of a test that runs on every device in every type. */
typedef struct device_type {
    char device[16];
    gn_dtype dtype;
} device_type;

/* All of them, for ParameterizedTestParameters; *count is their number. The array is static. Where the
 * environment has GNEWT_TEST_DEVICES ("cuda", or several with commas), only those: the shim repeats nothing
 * of the CPU's devices, and under ASan `check`, which is the CPU's table and more, stands for both. Where it
 * has GNEWT_TEST_TYPES ("float64"), only those types. */
device_type *device_types(size_t *count);

#endif
