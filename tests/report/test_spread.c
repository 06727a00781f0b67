/* Medians, extremes and intervals of several seeds; numbers as text. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "report/number.h"
#include "report/spread.h"

TestSuite(report_spread);

Test(report_spread, one_and_none) {
    double one[] = {3};
    gn_spread spread = gn_spread_of(one, 1);
    cr_expect(spread.median == 3 && spread.low == 3 && spread.high == 3 && isnan(spread.from));
    spread = gn_spread_of(NULL, 0);
    cr_expect(spread.count == 0 && isnan(spread.median) && isnan(spread.low) && isnan(spread.to));
}

/* With three values a median of three draws is the least with 7/27, so 2.5 % and 97.5 % are the extremes.
 * With five the least has 2.5 % of the medians' distribution below it only: P(three or more of five are the
 * least) = 0.058. */
Test(report_spread, intervals_of_small_sets_are_known) {
    double three[] = {5, 1, 2}, five[] = {5, 4, 3, 2, 1};
    gn_spread spread = gn_spread_of(three, 3);
    cr_expect(spread.median == 2 && spread.low == 1 && spread.high == 5 && spread.from == 1 &&
              spread.to == 5);
    spread = gn_spread_of(five, 5);
    cr_expect(spread.median == 3 && spread.from == 1 && spread.to == 5);
}

/* The bootstrap interval of a median of 101 is near the order statistics 41 and 61: n / 2 -+ 1.96 sqrt(n)
 * / 2. */
Test(report_spread, interval_of_many_is_that_of_the_order_statistics) {
    double values[101], again[101];
    for (int i = 0; i < 101; i++)
        values[i] = again[i] = (double)((i * 37) % 101);
    const gn_spread spread = gn_spread_of(values, 101), same = gn_spread_of(again, 101);
    cr_expect_eq(spread.median, 50);
    cr_expect(fabs(spread.from - 40.6) < 2.5 && fabs(spread.to - 59.4) < 2.5, "%g to %g", spread.from,
              spread.to);
    cr_expect(spread.from == same.from && spread.to == same.to, "the same samples");
}

Test(report_spread, never_is_larger_than_all) {
    double values[] = {INFINITY, 3, 1, 2}, most[] = {INFINITY, 1, INFINITY};
    const gn_spread few = gn_spread_of(values, 4), many = gn_spread_of(most, 3);
    cr_expect(few.median == 2.5 && isinf(few.high) && few.low == 1);
    cr_expect(isinf(many.median) && many.low == 1);
}

Test(report_spread, numbers_as_text) {
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {
        {2.6349e-05, 3, "2.63e-5"}, {0.05234, 3, "0.0523"}, {1e-7, 6, "1e-7"},     {12345.6, 3, "12346"},
        {1234567, 3, "1.23e6"},     {-2e-10, 3, "-2e-10"},  {0, 3, "0"},           {NAN, 3, "–"},
        {1e100, 3, "1e100"},        {0.5, 6, "0.5"},        {123456, 15, "123456"}};
    char text[GN_NUMBER];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(gn_number_text(cases[i].value, cases[i].digits, text), cases[i].text);
}
