/* What the tests of observers share: a sink that keeps what it gets, and residuals that are given values. */
#ifndef GN_TESTS_OBSERVE_TEST_H
#define GN_TESTS_OBSERVE_TEST_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "gnewt/gnewt.h"
#include "mlp_case.h"

typedef struct kept_row {
    char observer[16], name[32];
    uint64_t step;
    int rank;
    size_t shape[2], count;
    double values[256];
} kept_row;

/* The last rows written, in order. */
typedef struct kept_rows {
    kept_row rows[48];
    size_t count;
} kept_rows;
gn_observation_sink keep_in(kept_rows *kept);
/* The row of that name; fails the test where there is none. And its value, of a number. */
const kept_row *find_kept(const kept_rows *kept, const char *name);
double kept_number(const kept_rows *kept, const char *name);

/* A linearization whose residual is `values` (count), whatever its one parameter; its point is set. */
typedef struct given_residual {
    gn_context *context;
    const double *values;
    size_t count;
    gn_array *theta;
    gn_linearization *linearization;
} given_residual;
void given_residual_create(gn_context *context, gn_dtype dtype, const double *values, size_t count,
                           given_residual *given);
void given_residual_destroy(given_residual *given);

/* A data set that is this grid and nothing else. */
gn_dataset grid_dataset(gn_context *context, gn_dtype dtype, int rank, size_t n0, size_t n1);

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
