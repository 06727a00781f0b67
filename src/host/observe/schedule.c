/* When something is due. */
#include <math.h>

#include "gnewt/observer.h"

static const double growth = 1.02;

/* Each step, each tenth, then ever fewer. */
enum { EACH_BELOW = 30, TENTH_BELOW = 150 };

static bool log_point(uint64_t step) {
    if (step < EACH_BELOW)
        return true;
    if (step < TENTH_BELOW)
        return step % 10 == 0;
    /* The exponent of the first point that is not below `step`; one to either side for its rounding. */
    const double exponent = ceil(log((double)step / TENTH_BELOW) / log(growth));
    for (double k = exponent - 1; k <= exponent + 1; k++)
        if (k >= 0 && floor(TENTH_BELOW * pow(growth, k)) == (double)step)
            return true;
    return false;
}

bool gn_schedule_due(gn_schedule schedule, uint64_t step) {
    return schedule.every > 0 ? step % schedule.every == 0 : log_point(step);
}
