/* Uniformity and Gini of spreads known by hand. */
#include <math.h>

#include <criterion/criterion.h>

#include "observe/uniformity.h"

static void expect(size_t n, double *values, double uniformity, double gini) {
    const gn_uniformity found = gn_uniformity_of(n, values);
    cr_expect(fabs(found.uniformity - uniformity) < 1e-15, "uniformity %.17g, not %.17g", found.uniformity,
              uniformity);
    cr_expect(fabs(found.gini - gini) < 1e-15, "gini %.17g, not %.17g", found.gini, gini);
}

Test(uniformity, of_all_alike_is_one) {
    expect(4, (double[]){3, 3, 3, 3}, 1, 0);
    expect(1, (double[]){0.5}, 1, 0);
}

Test(uniformity, of_one_mode_alone_is_one_over_their_number) {
    expect(5, (double[]){0, 0, 2, 0, 0}, 0.2, 0.8);
}

/* 1 and 3: entropy (ln 4) / 4 + 3/4 ln (4/3); the sum of differences is 4. */
Test(uniformity, of_two_modes) {
    expect(2, (double[]){3, 1}, exp(0.25 * log(4) + 0.75 * log(4.0 / 3)) / 2, 0.25);
}

Test(uniformity, leaves_out_modes_that_do_not_count) {
    expect(5, (double[]){NAN, 3, NAN, 1, NAN}, exp(0.25 * log(4) + 0.75 * log(4.0 / 3)) / 2, 0.25);
}

Test(uniformity, of_nothing_is_not_defined) {
    const gn_uniformity none = gn_uniformity_of(2, (double[]){NAN, NAN}),
                        still = gn_uniformity_of(2, (double[]){0, 0});
    cr_expect(isnan(none.uniformity) && isnan(none.gini));
    cr_expect(isnan(still.uniformity) && isnan(still.gini));
}

Test(uniformity, progress_is_clipped) {
    const double first[] = {2, -4, 1, NAN}, c[] = {1, 1, 3, 1};
    double progress[4];
    gn_progress(4, first, c, progress);
    cr_expect(progress[0] == 0.5 && progress[1] == 0.75 && progress[2] == 0 && isnan(progress[3]));
}
