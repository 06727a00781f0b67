/* fourier: NumPy's values, pure waves, Parseval's identity, and what is no grid. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"
#include "reference.h"

/* Observes one error on a grid; the row it wrote. */
static kept_row observe(const char *device, gn_dtype dtype, int rank, size_t n0, size_t n1, size_t modes,
                        const double *error) {
    gn_context *context = device_open(device);
    gn_dataset dataset = grid_dataset(context, dtype, rank, n0, n1);
    given_residual given;
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    given_residual_create(context, dtype, error, rank == 2 ? n0 * n1 : n0, &given);
    OK(context, gn_observer_create_fourier(context, &dataset, modes, (gn_schedule){5}, &observer));
    cr_assert_str_eq(gn_observer_name(observer), "fourier");
    cr_assert_eq(gn_observer_schedule(observer).every, 5u);
    OK(context, gn_observer_observe(observer, 42, given.theta, given.linearization, &sink));
    gn_observer_destroy(observer);
    given_residual_destroy(&given);
    gn_dataset_destroy(&dataset);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
    cr_assert_eq(kept.count, 1u);
    const kept_row row = kept.rows[0];
    cr_assert_str_eq(row.observer, "fourier");
    cr_assert_str_eq(row.name, rank == 1 ? "mode" : "shell");
    cr_assert_eq(row.step, 42u);
    cr_assert(row.rank == 1 && row.shape[0] == modes + 1);
    return row;
}

/* Each row of group/errors against the same row of group/values. */
static void check_reference(const char *device, const char *group, const char *array, int rank, size_t n0,
                            size_t n1) {
    char path[64];
    size_t errors, values;
    const size_t points = rank == 2 ? n0 * n1 : n0;
    snprintf(path, sizeof(path), "/%s/errors", group);
    double *e = reference_array("fourier", path, &errors);
    snprintf(path, sizeof(path), "/%s/%s", group, array);
    double *wanted = reference_array("fourier", path, &values);
    cr_assert(e && wanted);
    const size_t cases = errors / points, length = values / cases;
    for (size_t i = 0; i < cases; i++) {
        const kept_row row = observe(device, GN_FLOAT64, rank, n0, n1, length - 1, e + i * points);
        for (size_t k = 0; k < length; k++)
            cr_assert(fabs(row.values[k] - wanted[i * length + k]) < 1e-13, "%s, error %zu, %s %zu: %g, %g",
                      group, i, array, k, row.values[k], wanted[i * length + k]);
    }
    free(e);
    free(wanted);
}

ON_EACH_DEVICE(fourier, numpy_agrees) {
    check_reference(device, "line_100", "modes", 1, 100, 0);
    check_reference(device, "line_16", "modes", 1, 16, 0);
    check_reference(device, "line_15", "modes", 1, 15, 0);
    check_reference(device, "grid_20x20", "shells", 2, 20, 20);
}

Test(fourier, axes_of_different_lengths_are_kept_apart) {
    size_t errors, values;
    double *e = reference_array("fourier", "/grid_6x5/errors", &errors);
    double *wanted = reference_array("fourier", "/grid_6x5/shells", &values);
    for (size_t i = 0; i < 2; i++) { /* shell 3 is beyond the axis of 5 points: 0..2 can be asked for */
        const kept_row row = observe("check", GN_FLOAT64, 2, 6, 5, 2, e + 30 * i);
        for (size_t k = 0; k <= 2; k++)
            cr_assert_float_eq(row.values[k], wanted[4 * i + k], 1e-13);
    }
    free(e);
    free(wanted);
}

Test(fourier, a_wave_shows_in_its_own_mode_with_its_amplitude) {
    enum { N = 24, MODES = 12 };
    for (int wave = 0; wave <= MODES; wave++) {
        double error[N];
        for (int j = 0; j < N; j++)
            error[j] = 0.7 * cos(2 * M_PI * wave * j / N + (wave == MODES ? 0 : 0.3 * wave));
        const kept_row row = observe("check", GN_FLOAT64, 1, N, 0, MODES, error);
        for (int k = 0; k <= MODES; k++)
            cr_assert(fabs(row.values[k] - (k == wave ? 0.7 : 0)) < 1e-14, "wave %d, mode %d: %g", wave, k,
                      row.values[k]);
    }
}

/* amplitude cos(2 pi (k i / n + l j / n) + phase) has mean square amplitude^2 / 2, all in shell max(|k|,|l|)
 */
Test(fourier, a_plane_wave_shows_in_its_own_shell) {
    enum { N = 12, SHELLS = 6 };
    for (int k = -5; k <= 5; k++)
        for (int l = 0; l <= 5; l++) {
            double error[N * N];
            const int shell = abs(k) > l ? abs(k) : l;
            const double wanted = shell == 0 ? 0.4 * cos(0.2) : 0.4 / sqrt(2);
            for (int i = 0; i < N * N; i++)
                error[i] = 0.4 * cos(2 * M_PI * (k * (i / N) + l * (i % N)) / N + 0.2);
            const kept_row row = observe("cpu", GN_FLOAT64, 2, N, N, SHELLS, error);
            for (int s = 0; s <= SHELLS; s++)
                cr_assert(fabs(row.values[s] - (s == shell ? wanted : 0)) < 1e-14, "(%d, %d), shell %d: %g",
                          k, l, s, row.values[s]);
        }
}

/* sum of the shells' squares = mean square error */
Test(fourier, the_shells_squares_add_up_to_the_mean_square) {
    static const size_t sizes[] = {1, 2, 3, 8, 15};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t n = sizes[i], points = n * n;
        double *error = random_values(i, points), mean = 0, sum = 0;
        for (size_t j = 0; j < points; j++)
            mean += error[j] * error[j] / (double)points;
        const kept_row row = observe("check", GN_FLOAT64, 2, n, n, n / 2, error);
        for (size_t s = 0; s <= n / 2; s++)
            sum += row.values[s] * row.values[s];
        cr_assert(fabs(sum - mean) < 1e-14, "%zu x %zu: %.16g instead of %.16g", n, n, sum, mean);
        free(error);
    }
}

/* mean square = c_0^2 + sum c_k^2 / 2 + c_{n/2}^2 */
Test(fourier, the_modes_squares_add_up_to_the_mean_square) {
    static const size_t sizes[] = {1, 2, 3, 31, 100};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t n = sizes[i];
        double *error = random_values(i, n), mean = 0, sum = 0;
        for (size_t j = 0; j < n; j++)
            mean += error[j] * error[j] / (double)n;
        const kept_row row = observe("check", GN_FLOAT64, 1, n, 0, n / 2, error);
        for (size_t k = 0; k <= n / 2; k++)
            sum += row.values[k] * row.values[k] * (k == 0 || 2 * k == n ? 1 : 0.5);
        cr_assert(fabs(sum - mean) < 1e-14, "%zu: %.16g instead of %.16g", n, sum, mean);
        free(error);
    }
}

Test(fourier, float32_errors_are_summed_in_float64) {
    double *error = random_values(9, 100);
    const kept_row exact = observe("cpu", GN_FLOAT64, 1, 100, 0, 10, error);
    const kept_row rounded = observe("cpu", GN_FLOAT32, 1, 100, 0, 10, error);
    for (int k = 0; k <= 10; k++)
        cr_assert_float_eq(rounded.values[k], exact.values[k], 1e-7);
    free(error);
}

/* ---- refusals ---- */

static void refuse(gn_context *context, const gn_dataset *dataset, size_t modes, gn_status wanted,
                   const char *part) {
    gn_observer *observer;
    gn_status status = gn_observer_create_fourier(context, dataset, modes, (gn_schedule){0}, &observer);
    cr_assert_eq(status, wanted, "%s", gn_status_text(status));
    cr_assert(strstr(gn_error_message(context), part), "%s", gn_error_message(context));
    cr_assert_null(observer);
}

Test(fourier, what_is_no_grid_is_refused) {
    gn_context *context = device_open("check");
    gn_dataset dataset = grid_dataset(context, GN_FLOAT64, 1, 10, 0);
    refuse(context, &dataset, 6, GN_ERROR_ARGUMENT, "modes is 6, but a grid of 10 points");
    dataset.grid_rank = 0;
    refuse(context, &dataset, 2, GN_ERROR_UNSUPPORTED, "no periodic grid");
    gn_array_destroy(dataset.targets);
    dataset.targets = device_array(context, GN_FLOAT64, 10, 2, NULL);
    dataset.grid_rank = 1;
    refuse(context, &dataset, 2, GN_ERROR_UNSUPPORTED, "2 outputs");
    gn_dataset_destroy(&dataset);
    cr_assert_eq(gn_context_allocated(context), 0u);
    gn_context_destroy(context);
}

Test(fourier, another_batch_than_the_grid_is_refused) {
    gn_context *context = device_open("check");
    gn_dataset dataset = grid_dataset(context, GN_FLOAT64, 1, 10, 0);
    given_residual given;
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept), nowhere = {0};
    double error[9] = {0};
    given_residual_create(context, GN_FLOAT64, error, 9, &given);
    OK(context, gn_observer_create_fourier(context, &dataset, 2, (gn_schedule){0}, &observer));
    cr_assert_eq(gn_observer_observe(observer, 0, given.theta, given.linearization, &sink), GN_ERROR_SHAPE);
    cr_assert(strstr(gn_error_message(context), "10 points"));
    cr_assert_eq(gn_observer_observe(observer, 0, given.theta, NULL, &sink), GN_ERROR_ARGUMENT);
    cr_assert_eq(gn_observer_observe(observer, 0, given.theta, given.linearization, &nowhere),
                 GN_ERROR_ARGUMENT);
    cr_assert_eq(kept.count, 0u);
    gn_observer_destroy(observer);
    given_residual_destroy(&given);
    gn_dataset_destroy(&dataset);
    gn_context_destroy(context);
}
