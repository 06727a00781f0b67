/* Medians and bands over seeds, their thinning, and decay rates. */
#include <math.h>

#include <criterion/criterion.h>

#include "report/statistics.h"

TestSuite(report_statistics);

/* Series of one column over memory of the test. */
static gn_series series(double *at, double *values, size_t rows) {
    return (gn_series){.rows = rows, .width = 1, .at = at, .values = values};
}

Test(report_statistics, median_of_odd_even_and_one) {
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, one[] = {7};
    cr_expect_eq(gn_median(odd, 3), 3);
    cr_expect_eq(gn_median(even, 4), 2.5);
    cr_expect_eq(gn_median(one, 1), 7);
}

Test(report_statistics, band_takes_median_and_extremes_of_a_column) {
    double at[] = {0, 10};
    double a[] = {9, 1, 9, 4}, b[] = {9, 2, 9, 6}, c[] = {9, 5, 9, 5};
    gn_series runs[] = {{.rows = 2, .width = 2, .at = at, .values = a},
                        {.rows = 2, .width = 2, .at = at, .values = b},
                        {.rows = 2, .width = 2, .at = at, .values = c}};
    gn_band band;
    cr_assert_eq(gn_band_create(runs, 3, 1, &band), GN_OK);
    cr_assert_eq(band.count, 2);
    cr_expect_eq(band.median[0], 2);
    cr_expect_eq(band.low[0], 1);
    cr_expect_eq(band.high[0], 5);
    cr_expect_eq(band.step[1], 10);
    cr_expect_eq(band.median[1], 5);
    gn_band_destroy(&band);
}

Test(report_statistics, band_leaves_out_what_is_not_finite) {
    double at[] = {0}, a[] = {NAN}, b[] = {3}, c[] = {INFINITY};
    gn_series runs[] = {series(at, a, 1), series(at, b, 1), series(at, c, 1)};
    gn_band band;
    cr_assert_eq(gn_band_create(runs, 3, 0, &band), GN_OK);
    cr_assert_eq(band.count, 1);
    cr_expect_eq(band.median[0], 3);
    gn_band_destroy(&band);
    cr_assert_eq(gn_band_create(runs, 1, 0, &band), GN_OK);
    cr_expect(isnan(band.median[0]) && isnan(band.low[0]) && isnan(band.high[0]));
    gn_band_destroy(&band);
}

Test(report_statistics, band_breaks_where_a_run_ends) {
    double at[] = {0, 1, 2, 3}, a[] = {1, 1, 1, 1}, b[] = {100, 100};
    gn_series runs[] = {series(at, a, 4), series(at, b, 2)};
    gn_band band;
    cr_assert_eq(gn_band_create(runs, 2, 0, &band), GN_OK);
    cr_assert_eq(band.count, 5);
    cr_expect_eq(band.median[1], 50.5);
    cr_expect(isnan(band.median[2]) && band.step[2] == 2, "a break before the median of the survivor");
    cr_expect_eq(band.median[3], 1);
    gn_band_destroy(&band);
}

Test(report_statistics, band_skips_steps_that_a_running_seed_lacks) {
    double even[] = {0, 2, 4}, all[] = {0, 1, 2, 3, 4}, a[] = {1, 1, 1}, b[] = {3, 99, 3, 99, 3};
    gn_series runs[] = {series(even, a, 3), series(all, b, 5)};
    gn_band band;
    cr_assert_eq(gn_band_create(runs, 2, 0, &band), GN_OK);
    cr_assert_eq(band.count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(band.median[i], 2);
    gn_band_destroy(&band);
}

Test(report_statistics, band_of_a_step_that_was_recorded_twice_takes_the_last) {
    double at[] = {0, 5, 5, 6}, values[] = {1, 2, 3, 4};
    gn_series run = series(at, values, 4);
    gn_band band;
    cr_assert_eq(gn_band_create(&run, 1, 0, &band), GN_OK);
    cr_assert_eq(band.count, 3);
    cr_expect_eq(band.median[1], 3);
    cr_expect_eq(band.median[2], 4);
    gn_band_destroy(&band);
}

Test(report_statistics, band_of_nothing_is_empty) {
    gn_series run = {0};
    gn_band band;
    cr_assert_eq(gn_band_create(&run, 1, 0, &band), GN_OK);
    cr_expect_eq(band.count, 0);
    gn_band_destroy(&band);
}

Test(report_statistics, thinning_keeps_ends_extremes_and_breaks) {
    enum { ROWS = 10001 };
    static double at[ROWS], values[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        at[i] = (double)i;
        values[i] = i == 5003 ? 1000 : i == 7001 ? NAN : 1;
    }
    gn_series run = series(at, values, ROWS);
    for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
        gn_band band;
        cr_assert_eq(gn_band_create(&run, 1, 0, &band), GN_OK);
        gn_band_thin(&band, 100, logarithmic);
        cr_expect(band.count > 50 && band.count <= 104, "%zu points", band.count);
        cr_expect_eq(band.step[0], 0);
        cr_expect_eq(band.step[band.count - 1], ROWS - 1);
        double most = 0;
        size_t breaks = 0;
        for (size_t i = 0; i < band.count; i++) {
            cr_expect(i == 0 || band.step[i] > band.step[i - 1]);
            breaks += isnan(band.median[i]);
            most = fmax(most, band.high[i]);
        }
        cr_expect_eq(most, 1000, "a peak of one step stays in the band");
        cr_expect_eq(breaks, 1);
        gn_band_destroy(&band);
    }
}

Test(report_statistics, rate_of_a_geometric_decay) {
    double at[40], values[80];
    for (size_t i = 0; i < 40; i++) {
        at[i] = 10 * (double)i;
        values[2 * i] = 1;
        values[2 * i + 1] = 3 * pow(0.98, at[i]);
    }
    values[2 * 20 + 1] = NAN;
    values[2 * 21 + 1] = 0;
    gn_series run = {.rows = 40, .width = 2, .at = at, .values = values};
    cr_expect_float_eq(gn_series_rate(&run, 1, 50, 300), -log(0.98), 1e-12);
    cr_expect_float_eq(gn_series_rate(&run, 0, 0, 400), 0, 1e-12);
    cr_expect(isnan(gn_series_rate(&run, 1, 201, 209)), "no row in the window");
}
