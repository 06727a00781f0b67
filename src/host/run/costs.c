#include "run/costs.h"

#include <stdio.h>

#include "core/status.h"

typedef struct cost {
    const char *name;
    double seconds;
} cost;

/* Number i of 2 + observer_count. */
static cost cost_of(const gn_build *build, size_t i) {
    if (i == 0)
        return (cost){"training", gn_trainer_seconds(build->trainer)};
    if (i == 1)
        return (cost){"rows", gn_trainer_record_seconds(build->trainer)};
    return (cost){gn_observer_name(build->observers[i - 2]),
                  gn_trainer_observer_seconds(build->trainer, i - 2)};
}

void gn_costs_text(const gn_build *build, char *text, size_t size) {
    const size_t count = 2 + build->observer_count;
    double all = 0;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        all += cost_of(build, i).seconds;
    for (size_t i = 0; i < count && used < size; i++) {
        const cost c = cost_of(build, i);
        used += (size_t)snprintf(text + used, size - used, "%s%s %.3f s (%.1f %%)", i > 0 ? ", " : "", c.name,
                                 c.seconds, all > 0 ? 100 * c.seconds / all : 0);
    }
}

gn_status gn_costs_write(const gn_build *build, gn_directory *directory, gn_message *message) {
    for (size_t i = 0; i < 2 + build->observer_count; i++) {
        const cost c = cost_of(build, i);
        GN_TRY(gn_directory_write_cost(directory, c.name, c.seconds, message));
    }
    return GN_OK;
}
