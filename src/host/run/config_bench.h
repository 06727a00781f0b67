/* The section `bench:`: optimisers that are tuned with equal budgets and then compared over seeds. */
#ifndef GN_RUN_CONFIG_BENCH_H
#define GN_RUN_CONFIG_BENCH_H

#include "run/config.h"

typedef struct gn_bench_target {
    gn_phase_metric metric;
    gn_bound bound;
    double value;
    char text[64]; /* "loss_train below 0.01" */
} gn_bench_target;

typedef struct gn_bench_plan {
    uint64_t tuning_seed, *seeds; /* the tuning seed is none of the seeds */
    gn_bench_target *targets;     /* the first is tuned for */
    char **labels;                /* of the optimisers */
    size_t seed_count, target_count, optimizer_count;
    size_t budget; /* points that each optimiser is tuned over */
} gn_bench_plan;

/* True where the file has a section `bench:`. */
bool gn_config_source_has_bench(const gn_config_source *source);
/* CONFIG, with file and line, where there is no such section or it is not valid, as when budgets differ. The
 * plan is freed by gn_bench_plan_free() whatever is returned. */
gn_status gn_bench_plan_read(const gn_config_source *source, gn_bench_plan *plan, gn_message *message);
void gn_bench_plan_free(gn_bench_plan *plan);

/* The grid that optimizer i is tuned over, on the tuning seed; and point `point` of it over the seeds. Each
 * is a source with a `sweep:`, whose problem, network and batch are the file's, whose phases are the
 * optimiser's, and which records metrics alone. The caller destroys it. */
gn_status gn_bench_tuning(const gn_config_source *source, size_t i, gn_config_source **grid,
                          gn_message *message);
gn_status gn_bench_chosen(const gn_config_source *source, size_t i, size_t point, gn_config_source **grid,
                          gn_message *message);

#endif
