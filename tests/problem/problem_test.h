/* What the tests of data sets share: contexts, temporary files, and failures whose message is read. */
#ifndef GN_TESTS_PROBLEM_TEST_H
#define GN_TESTS_PROBLEM_TEST_H

#define H5_USE_110_API
#include <hdf5.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "gnewt/gnewt.h"
#include "mlp_case.h"
#include "scratch.h"

/* Fails the test unless `got` is `wanted` and the context's message holds `part`. */
#define FAILS(context, wanted, part, call) expect_failure(context, call, wanted, part, __FILE__, __LINE__)
void expect_failure(gn_context *context, gn_status got, gn_status wanted, const char *part, const char *file,
                    int line);
/* Fails the test unless the struct is as gn_dataset_destroy() leaves it and the context holds no memory. */
void expect_empty(gn_context *context, const gn_dataset *dataset);

/* folder/name, for the caller to free. */
char *path_in(const char *folder, const char *name);

/* A file of exactly these bytes; gzipped where asked. */
void write_bytes(const char *path, const void *bytes, size_t count, bool gzip);
/* An array of any numeric type into an HDF5 file that is open. */
void write_array(hid_t file, const char *name, int rank, const hsize_t *shape, hid_t type,
                 const void *values);

/* A test on every device of this build, whose body gets the device's name. (Parameters are copied into
 * another process: no pointers.) */
#define ON_EACH_DEVICE(suite, name)                                                                          \
    static void on_device_##name(const char *device);                                                        \
    ParameterizedTestParameters(suite, name) {                                                               \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        for (size_t i = 0; 2 * i < count; i++) /* each device comes in two types */                          \
            types[i] = types[2 * i];                                                                         \
        return cr_make_param_array(device_type, types, count / 2);                                           \
    }                                                                                                        \
    ParameterizedTest(device_type *on, suite, name) {                                                        \
        on_device_##name(on->device);                                                                        \
    }                                                                                                        \
    static void on_device_##name(const char *device)

#endif
