/* Small training runs: what the tests of the trainer share. */
#ifndef GN_TESTS_TRAINER_CASE_H
#define GN_TESTS_TRAINER_CASE_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "gnewt/gnewt.h"
#include "mlp_case.h"

enum { CASE_PHASES = 3, CASE_ROWS = 600 };

/* What a run is made of; zero means the default named. */
typedef struct trainer_case {
    const char *device; /* cpu */
    gn_dtype dtype;
    size_t points, test_points; /* 24 of multi_sine_1d; 0 */
    size_t width;               /* of the hidden layer; 0: a linear map without one */
    size_t batch;               /* full */
    bool centred;
    bool pde; /* poisson_2d in place of multi_sine_1d: `points` inside and 8 on the boundary */
    gn_phase phases[CASE_PHASES]; /* up to the first of no steps */
    size_t record;                /* cadence; 0: log points */
} trainer_case;

typedef struct trainer_run {
    gn_context *context;
    gn_network *network;
    gn_dataset dataset;
    gn_array *theta, *theta0;
    gn_trainer *trainer;
    gn_trainer_options options;
    gn_phase phases[CASE_PHASES];
    gn_trainer_hooks hooks; /* records into rows; user is the run */
    gn_metrics rows[CASE_ROWS];
    size_t row_count;
    uint64_t stop_at; /* the step hook stops after this step; 0: never */
} trainer_run;

/* An optimiser of a kind with its defaults and this learning rate. */
gn_optimizer_options optimizer_of(gn_optimizer_kind kind, double learning_rate);

/* Everything but the trainer; the caller may change options and phases before trainer_make(). */
trainer_run *trainer_prepare(const trainer_case *from);
void trainer_make(trainer_run *run);
/* Both in one. */
trainer_run *trainer_setup(const trainer_case *from);
/* Fails the test where memory is left. */
void trainer_teardown(trainer_run *run);

/* What a checkpoint keeps of an object, in memory. */
typedef struct kept_state {
    struct {
        char name[48];
        size_t count;
        double values[64];
    } arrays[16];
    size_t count;
} kept_state;
gn_state_walk save_into(kept_state *state);
gn_state_walk load_from(kept_state *state);
/* All that a checkpoint holds of `from`, into a run of the same options. */
void trainer_carry_over(trainer_run *from, trainer_run *to);

/* Fails unless both runs' parameters are the same bits. */
void expect_same_theta(const trainer_run *a, const trainer_run *b);
/* Fails unless the rows of `part` are the last rows of `whole`, but for the seconds. */
void expect_last_rows(const trainer_run *whole, const trainer_run *part);

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
