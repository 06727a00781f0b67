/* norms: sums written out here, on every device. */
#include <math.h>
#include <stdlib.h>

#include "observe_test.h"

static void check(const char *device, gn_dtype dtype, size_t count) {
    gn_context *context = device_open(device);
    double *from = random_values(1, count), *to = random_values(2, count), start = 0, norm = 0, moved = 0;
    gn_array *theta0 = device_array(context, dtype, count, 1, from);
    gn_array *theta = device_array(context, dtype, count, 1, to);
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    OK(context, gn_observer_create_norms(context, theta0, (gn_schedule){0}, &observer));
    OK(context, gn_array_fill(theta0, NAN)); /* it was copied */
    OK(context, gn_observer_observe(observer, 7, theta, NULL, &sink));
    for (size_t i = 0; i < count; i++) {
        start += from[i] * from[i];
        norm += to[i] * to[i];
        moved += (to[i] - from[i]) * (to[i] - from[i]);
    }
    const double tolerance = dtype == GN_FLOAT64 ? 1e-13 : 1e-6;
    cr_assert_eq(kept.count, 2u);
    cr_assert_str_eq(gn_observer_name(observer), "norms");
    cr_assert_str_eq(kept.rows[0].observer, "norms");
    cr_assert_str_eq(kept.rows[0].name, "weight_norm");
    cr_assert_str_eq(kept.rows[1].name, "relative_movement");
    cr_assert(kept.rows[0].rank == 0 && kept.rows[1].rank == 0 && kept.rows[1].step == 7);
    cr_assert_float_eq(kept.rows[0].values[0], sqrt(norm), tolerance * sqrt(norm));
    cr_assert_float_eq(kept.rows[1].values[0], sqrt(moved / start), tolerance * sqrt(moved / start));
    gn_observer_destroy(observer);
    gn_array_destroy(theta0);
    gn_array_destroy(theta);
    free(from);
    free(to);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
}

ON_EACH_DEVICE(norms, are_the_sums) {
    check(device, GN_FLOAT64, 1);
    check(device, GN_FLOAT64, 1000);
    check(device, GN_FLOAT32, 333);
}

Test(norms, parameters_that_start_at_zero_have_no_relative_movement) {
    gn_context *context = device_open("check");
    gn_array *theta = device_array(context, GN_FLOAT64, 3, 1, (double[]){0, 0, 0});
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    OK(context, gn_observer_create_norms(context, theta, (gn_schedule){0}, &observer));
    OK(context, gn_array_write(theta, (double[]){3, 0, 4}, 3));
    OK(context, gn_observer_observe(observer, 0, theta, NULL, &sink));
    cr_assert_eq(kept.rows[0].values[0], 5);
    cr_assert(isnan(kept.rows[1].values[0]));
    gn_array *other = device_array(context, GN_FLOAT64, 4, 1, NULL);
    cr_assert_eq(gn_observer_observe(observer, 0, other, NULL, &sink), GN_ERROR_SHAPE);
    gn_observer_destroy(observer);
    gn_array_destroy(theta);
    gn_array_destroy(other);
    gn_context_destroy(context);
}
