/* The arithmetic of spectra and rates, against what is known of it. */
#include <float.h>
#include <math.h>

#include <criterion/criterion.h>

#include "observe/spectrum.h"

Test(spectrum, equal_eigenvalues_have_full_rank) {
    const double values[] = {2, 2, 2, 2};
    const gn_spectrum_summary s = gn_spectrum_summarize(4, values, DBL_EPSILON);
    cr_expect_float_eq(s.effective_rank, 4, 1e-14);
    cr_expect_eq(s.condition_number, 1);
    cr_expect_eq(s.negative_mass, 0);
}

Test(spectrum, one_eigenvalue_has_rank_one) {
    const double values[] = {3, 0, -1};
    const gn_spectrum_summary s = gn_spectrum_summarize(3, values, DBL_EPSILON);
    cr_expect_float_eq(s.effective_rank, 1, 1e-14);
    cr_expect_eq(s.condition_number, 1, "of what is above rounding");
    cr_expect_eq(s.numerical_rank, 1);
    cr_expect_eq(s.negative_mass, 0.25);
}

Test(spectrum, entropy_counts_shares) {
    const double values[] = {0.5, 0.25, 0.25};
    cr_expect_float_eq(gn_spectrum_summarize(3, values, DBL_EPSILON).effective_rank, pow(2, 1.5), 1e-14);
}

/* The step itself, repeated. */
static double simulated_rate(double gain, double momentum, int steps) {
    double e = 1, moved = 0, start = 0;
    for (int t = 0; t < steps; t++) {
        if (t == steps / 2)
            start = log(hypot(e, moved));
        moved = momentum * moved - gain * e;
        e += moved;
    }
    return (start - log(hypot(e, moved))) / (steps - steps / 2);
}

Test(spectrum, rules_are_what_steps_do) {
    const gn_step_rule plain = {GN_STEP_RULE_GRADIENT, .rate = 0.1, .weight = 0.5};
    cr_expect_float_eq(gn_step_rule_rate(&plain, 3, 9), -log(1 - 0.15), 1e-15);
    cr_expect_float_eq(gn_step_rule_rate(&plain, 50, 50), -log(1.5), 1e-15, "a mode beyond the limit grows");
    const gn_step_rule heavy = {GN_STEP_RULE_GRADIENT, .rate = 0.1, .weight = 0.5, .momentum = 0.9};
    cr_expect_float_eq(gn_step_rule_rate(&heavy, 0.02, 1), simulated_rate(0.001, 0.9, 4000), 1e-6);
    cr_expect_float_eq(gn_step_rule_rate(&heavy, 3, 9), simulated_rate(0.15, 0.9, 4000), 1e-3);
    const gn_step_rule damped = {GN_STEP_RULE_DAMPED, .rate = 0.5, .weight = 2, .damping = 0.1};
    cr_expect_float_eq(gn_step_rule_rate(&damped, 0.3, 1), -log(1 - 0.5 * 0.6 / 0.7), 1e-15);
    cr_expect_eq(gn_step_rule_rate(&damped, -1e-18, 1), 0);
    const gn_step_rule cut = {GN_STEP_RULE_CUT, .rate = 0.5, .weight = 1, .cutoff = 0.1};
    cr_expect_float_eq(gn_step_rule_rate(&cut, 0.2, 1), log(2), 1e-15);
    cr_expect_eq(gn_step_rule_rate(&cut, 0.05, 1), 0);
    const gn_step_rule power = {GN_STEP_RULE_POWER, .rate = 0.1, .damping = 0.1, .exponent = 0.5};
    cr_expect_float_eq(gn_step_rule_rate(&power, 4, 4), -log(0.9), 1e-15);
    cr_expect_float_eq(gn_step_rule_rate(&power, 1, 4), -log(1 - 0.1 / 4 * sqrt(4.1 / 1.1)), 1e-15);
    const gn_step_rule relative = {GN_STEP_RULE_POWER, .rate = 0.1, .relative = 0.025, .exponent = 0.5};
    cr_expect_float_eq(gn_step_rule_rate(&relative, 1, 4), gn_step_rule_rate(&power, 1, 4), 1e-15);
    cr_expect_eq(gn_step_rule_rate(&power, -1e-18, 4), 0);
    const gn_step_rule unknown = {GN_STEP_RULE_UNKNOWN};
    cr_expect(isnan(gn_step_rule_rate(&unknown, 1, 1)));
}

Test(spectrum, fits_find_exponents) {
    gn_mode_fit fit;
    double rates[4];
    cr_assert(gn_mode_fit_create(&fit, 4));
    for (uint64_t step = 100; step <= 200; step += 25) {
        const double t = (double)step - 100, c[] = {exp(-0.1 * t), -2 * exp(0.01 * t), 1e-9, exp(-0.6 * t)};
        gn_mode_fit_add(&fit, step, c);
        gn_mode_fit_rates(&fit, rates);
        cr_expect_eq(isnan(rates[0]), step < 150, "three points make a rate");
    }
    cr_expect_float_eq(rates[0], 0.1, 1e-13);
    cr_expect_float_eq(rates[1], -0.01, 1e-13);
    cr_expect(isnan(rates[2]), "a mode that begins at nothing");
    cr_expect(isnan(rates[3]), "a mode with one point above a thousandth");
    gn_mode_fit_restart(&fit);
    gn_mode_fit_rates(&fit, rates);
    cr_expect(isnan(rates[0]));
    /* a look without any error is no point of a line */
    gn_mode_fit_add(&fit, 0, (double[4]){0});
    for (uint64_t step = 1; step < 4; step++)
        gn_mode_fit_add(&fit, step, (double[]){exp(-0.5 * (double)step), 1, 1, 1});
    gn_mode_fit_rates(&fit, rates);
    cr_expect_float_eq(rates[0], 0.5, 1e-13);
    gn_mode_fit_destroy(&fit);
}

Test(spectrum, agreement_is_of_the_prediction_as_it_stands) {
    const double predicted[] = {1, 2, 3, NAN}, same[] = {1, 2, 3, 4}, twice[] = {2, 4, 6, NAN};
    cr_expect_eq(gn_rates_compare(4, same, predicted).r2, 1);
    cr_expect_eq(gn_rates_compare(4, same, predicted).slope, 1);
    cr_expect_eq(gn_rates_compare(4, twice, predicted).slope, 2);
    cr_expect_float_eq(gn_rates_compare(4, twice, predicted).r2, 1 - 14.0 / 8, 1e-15);
    cr_expect(isnan(gn_rates_compare(0, same, predicted).r2));
}

Test(spectrum, pace_is_the_median_since_the_last_look) {
    gn_mode_pace pace;
    cr_assert(gn_mode_pace_create(&pace, 4));
    const double a[] = {1, -2, 1e-9, 1}, b[] = {exp(-0.2), -2 * exp(-0.6), 1e-9, 1e-4};
    gn_mode_pace_restart(&pace, 0);
    gn_mode_pace_add(&pace, 0, a);
    cr_expect(isnan(pace.rate), "one look");
    gn_mode_pace_add(&pace, 2, b);
    cr_expect_float_eq(pace.rate, 0.2, 1e-14, "of 0.1 and 0.3; the others are below their floors");
    gn_mode_pace_add(&pace, 3, b);
    cr_expect_eq(pace.rate, 0);
    gn_mode_pace_restart(&pace, 3);
    cr_expect(isnan(pace.rate), "of the phase before");
    gn_mode_pace_add(&pace, 5, a);
    cr_expect_float_eq(pace.rate, -0.3, 1e-14, "of -0.1, -0.3 and what has grown from 1e-4");
    gn_mode_pace_restart(&pace, 9);
    gn_mode_pace_add(&pace, 10, b);
    cr_expect(isnan(pace.rate), "the last look was before the phase");
    gn_mode_pace_destroy(&pace);
}

Test(spectrum, adams_rule_is_what_its_step_does) {
    const gn_step_rule rule = {GN_STEP_RULE_DIAGONAL, .rate = 0.1, .weight = 0.5, .momentum = 0.9};
    double e = 1, m = 0, start = 0; /* m is the mean of gradients, from the beginning */
    for (int t = 0; t < 4000; t++) {
        start = t == 2000 ? log(e) : start;
        m = 0.9 * m + 0.1 * 0.5 * 0.02 * e;
        e -= 0.1 * m;
    }
    cr_expect_float_eq(gn_step_rule_rate(&rule, 0.02, 1), (start - log(e)) / 2000, 1e-12);
    cr_expect_float_eq(gn_step_rule_rate(&rule, 0.02, 1), 0.1 * 0.5 * 0.02, 1e-5, "slow modes");
    cr_expect(isnan(gn_step_rule_rate(&rule, 1, 1)), "a mode that oscillates");
    cr_expect_gt(-gn_step_rule_rate(&rule, 1000, 1000), 0, "and one beyond the limit grows");
    gn_step_rule only = rule;
    only.kernel_only = true;
    cr_expect(isnan(gn_step_rule_rate(&only, 0.02, 1)));
    cr_expect_eq(gn_step_rule_kernel(&only, 0.02, 1), 0.02);
}

Test(spectrum, kernels_are_those_of_the_rules) {
    const gn_step_rule plain = {GN_STEP_RULE_GRADIENT, .rate = 0.1, .weight = 0.5, .momentum = 0.9};
    cr_expect_eq(gn_step_rule_kernel(&plain, 3, 9), 1.5);
    const gn_step_rule damped = {GN_STEP_RULE_DAMPED, .rate = 0.5, .weight = 2, .damping = 0.4};
    cr_expect_float_eq(gn_step_rule_kernel(&damped, 0.3, 1), 0.6, 1e-15);
    cr_expect_eq(gn_step_rule_kernel(&damped, -1e-9, 1), 0);
    const gn_step_rule cut = {GN_STEP_RULE_CUT, .rate = 0.5, .weight = 1, .cutoff = 0.1};
    cr_expect(gn_step_rule_kernel(&cut, 0.2, 1) == 1 && gn_step_rule_kernel(&cut, 0.05, 1) == 0);
}
