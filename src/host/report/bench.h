/* What `gnewt bench` found: how long optimisers took to targets, and how they were tuned. */
#ifndef GN_REPORT_BENCH_H
#define GN_REPORT_BENCH_H

#include <stdio.h>

#include "report/figure.h"
#include "report/spread.h"
#include "run/config_bench.h"

typedef enum gn_bench_cost {
    GN_BENCH_STEPS,
    GN_BENCH_PASSES,
    GN_BENCH_SECONDS,
    GN_BENCH_PROCESSOR_SECONDS,
    GN_BENCH_COSTS
} gn_bench_cost;
/* "steps", "passes", "seconds", "processor_seconds" */
const char *gn_bench_cost_name(gn_bench_cost cost);

typedef struct gn_bench_run {
    char *directory, *label;
    char state[32];   /* "finished", "diverged", "failed" */
    char device[128]; /* "" where it is not known */
    double best;      /* of the first target's metric; NaN where nothing was recorded */
    double *spent;    /* target_count x GN_BENCH_COSTS, up to the first row at the target; infinite: never */
} gn_bench_run;

typedef struct gn_bench_optimizer {
    gn_bench_run *tuning; /* plan.budget */
    size_t chosen;        /* of them; plan.budget where none came to its end */
    gn_bench_run *runs;   /* plan.seed_count; NULL where none was chosen */
} gn_bench_optimizer;

typedef struct gn_bench_case {
    char *name, *file;
    char *quick; /* what the quick size leaves out; NULL: the full size */
    gn_bench_plan plan;
    gn_bench_optimizer *optimizers; /* plan.optimizer_count */
} gn_bench_case;

void gn_bench_case_free(gn_bench_case *bench);
/* Of the first run that tells; "" where none does. */
const char *gn_bench_device(const gn_bench_case *bench);

/* Fills a run from its directory; one that failed is not read. The strings are copied. */
gn_status gn_bench_run_read(const gn_bench_plan *plan, const char *directory, const char *label,
                            const char *state, gn_bench_run *run, gn_message *message);
/* The tuning point that came to its end and reached the first target in the fewest steps; among equals, and
 * where none did, that of the best value; then the first. plan->budget where none came to its end. */
size_t gn_bench_choose(const gn_bench_plan *plan, const gn_bench_run *tuning);
/* Over all seeds, those that never got there included; *reached (or NULL): how many did. Of an optimiser
 * without a choice: of no values. */
gn_spread gn_bench_spread(const gn_bench_case *bench, size_t optimizer, size_t target, gn_bench_cost cost,
                          size_t *reached);

/* As a table for people, and as a JSON document of all cases; null: never, or not known. */
void gn_bench_print(FILE *out, const gn_bench_case *bench);
void gn_bench_write_json(FILE *out, const gn_bench_case *benches, size_t count);
/* To STEM.png and STEM.svg. Errors: those of gn_figure_write(). */
gn_status gn_bench_figure_write(const gn_bench_case *bench, const char *stem, gn_figure_report *written);

#endif
