/* Devices that a parameterised test runs on. */
#ifndef GN_TESTS_DEVICE_LIST_H
#define GN_TESTS_DEVICE_LIST_H

#include <stdbool.h>

#include <criterion/parameterized.h>

typedef struct device_parameter {
    char name[16];
} device_parameter;

/* Every backend of this build. */
struct criterion_test_params device_parameters(void);

/* Whether the device works here. Where it does not, the test is skipped with the reason, or fails if
 * GNEWT_REQUIRE_DEVICES (comma-separated names) asks for the device. */
bool device_ready(const char *name);

#endif
