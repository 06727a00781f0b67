/* Schedules: fixed cadences, and the log points one after another. */
#include <math.h>

#include <criterion/criterion.h>

#include "gnewt/observer.h"

Test(schedule, a_cadence_is_its_multiples) {
    for (uint64_t step = 0; step < 100; step++) {
        cr_assert(gn_schedule_due((gn_schedule){1}, step));
        cr_assert_eq(gn_schedule_due((gn_schedule){7}, step), step % 7 == 0);
    }
}

Test(schedule, log_points_begin_as_documented) {
    static const uint64_t points[] = {30,  40,  50,  60,  70,  80,  90,  100, 110,
                                      120, 130, 140, 150, 153, 156, 159, 162};
    size_t next = 0;
    for (uint64_t step = 0; step < 30; step++)
        cr_assert(gn_schedule_due((gn_schedule){0}, step));
    for (uint64_t step = 30; step <= 162; step++) {
        const bool due = step == points[next];
        cr_assert_eq(gn_schedule_due((gn_schedule){0}, step), due, "step %d", (int)step);
        next += due;
    }
}

Test(schedule, log_points_grow_by_a_fiftieth_for_ever) {
    long double point = 150; /* 150 * 1.02^k, by multiplication */
    uint64_t next = 150;
    for (uint64_t step = 150; step < 2000000; step++) {
        cr_assert_eq(gn_schedule_due((gn_schedule){0}, step), step == next, "step %llu",
                     (unsigned long long)step);
        if (step == next) {
            point *= 1.02L;
            next = (uint64_t)point;
        }
    }
}
