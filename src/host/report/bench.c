#include "report/bench.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/phase_end.h"
#include "run/reader.h"

const char *gn_bench_cost_name(gn_bench_cost cost) {
    static const char *const names[GN_BENCH_COSTS] = {"steps", "passes", "seconds", "processor_seconds"};
    return names[cost];
}

static void free_runs(gn_bench_run *runs, size_t count) {
    for (size_t i = 0; runs != NULL && i < count; i++) {
        free(runs[i].directory);
        free(runs[i].label);
        free(runs[i].spent);
    }
    free(runs);
}

void gn_bench_case_free(gn_bench_case *bench) {
    for (size_t i = 0; bench->optimizers != NULL && i < bench->plan.optimizer_count; i++) {
        free_runs(bench->optimizers[i].tuning, bench->plan.budget);
        free_runs(bench->optimizers[i].runs, bench->plan.seed_count);
    }
    free(bench->optimizers);
    gn_bench_plan_free(&bench->plan);
    free(bench->name);
    free(bench->file);
    free(bench->quick);
    *bench = (gn_bench_case){0};
}

const char *gn_bench_device(const gn_bench_case *bench) {
    for (size_t i = 0; i < bench->plan.optimizer_count; i++)
        for (size_t j = 0; j < bench->plan.budget; j++)
            if (bench->optimizers[i].tuning[j].device[0] != '\0')
                return bench->optimizers[i].tuning[j].device;
    return "";
}

/* ---- one run ---- */

static bool is_better(const gn_bench_target *target, double value, double than) {
    return isnan(than) ? !isnan(value) : target->bound == GN_BOUND_BELOW ? value < than : value > than;
}

/* The first row at the target; `rows` where there is none. */
static size_t first_row(const gn_bench_target *target, const gn_series *metric) {
    for (size_t i = 0; i < metric->rows; i++)
        if (target->bound == GN_BOUND_BELOW ? metric->values[i] < target->value
                                            : metric->values[i] > target->value)
            return i;
    return metric->rows;
}

/* What was spent up to row `row`, of the steps `at`. */
static gn_status read_spent(const gn_run *from, size_t row, const double *at, double *spent,
                            gn_message *message) {
    spent[GN_BENCH_STEPS] = at[row];
    for (gn_bench_cost cost = GN_BENCH_STEPS + 1; cost < GN_BENCH_COSTS; cost++) {
        gn_series series;
        GN_TRY(gn_run_metric(from, gn_bench_cost_name(cost), &series, message));
        spent[cost] = row < series.rows ? series.values[row] : NAN;
        gn_series_free(&series);
    }
    return GN_OK;
}

static gn_status read_target(const gn_run *from, const gn_bench_plan *plan, size_t t, gn_bench_run *run,
                             gn_message *message) {
    const gn_bench_target *target = &plan->targets[t];
    gn_series metric;
    gn_status status = GN_OK;
    GN_TRY(gn_run_metric(from, gn_phase_metric_name(target->metric), &metric, message));
    const size_t row = first_row(target, &metric);
    if (row < metric.rows)
        status = read_spent(from, row, metric.at, &run->spent[t * GN_BENCH_COSTS], message);
    for (size_t i = 0; t == 0 && i < metric.rows; i++)
        if (is_better(target, metric.values[i], run->best))
            run->best = metric.values[i];
    gn_series_free(&metric);
    return status;
}

gn_status gn_bench_run_read(const gn_bench_plan *plan, const char *directory, const char *label,
                            const char *state, gn_bench_run *run, gn_message *message) {
    const size_t count = plan->target_count * GN_BENCH_COSTS;
    gn_run from;
    *run = (gn_bench_run){.directory = strdup(directory), .label = strdup(label), .best = NAN};
    run->spent = calloc(count, sizeof *run->spent);
    if (run->directory == NULL || run->label == NULL || run->spent == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    snprintf(run->state, sizeof run->state, "%s", state);
    for (size_t i = 0; i < count; i++)
        run->spent[i] = INFINITY;
    if (strcmp(state, "failed") == 0)
        return GN_OK;
    GN_TRY(gn_run_open(directory, &from, message));
    gn_run_attribute(&from, "device", run->device, sizeof run->device);
    gn_status status = GN_OK;
    for (size_t t = 0; t < plan->target_count && status == GN_OK; t++)
        status = read_target(&from, plan, t, run, message);
    gn_run_close(&from);
    return status;
}

/* ---- several ---- */

size_t gn_bench_choose(const gn_bench_plan *plan, const gn_bench_run *tuning) {
    size_t chosen = plan->budget;
    for (size_t i = 0; i < plan->budget; i++) {
        const gn_bench_run *run = &tuning[i], *so_far = chosen < plan->budget ? &tuning[chosen] : NULL;
        if (strcmp(run->state, "finished") != 0)
            continue;
        if (so_far == NULL || run->spent[GN_BENCH_STEPS] < so_far->spent[GN_BENCH_STEPS] ||
            (run->spent[GN_BENCH_STEPS] == so_far->spent[GN_BENCH_STEPS] &&
             is_better(&plan->targets[0], run->best, so_far->best)))
            chosen = i;
    }
    return chosen;
}

gn_spread gn_bench_spread(const gn_bench_case *bench, size_t optimizer, size_t target, gn_bench_cost cost,
                          size_t *reached) {
    const gn_bench_run *runs = bench->optimizers[optimizer].runs;
    const size_t seeds = runs != NULL ? bench->plan.seed_count : 0;
    double *values = calloc(seeds + 1, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < seeds; i++) {
        values[i] = runs[i].spent[target * GN_BENCH_COSTS + cost];
        count += isfinite(values[i]);
    }
    const gn_spread spread = gn_spread_of(values, values != NULL ? seeds : 0);
    if (reached != NULL)
        *reached = count;
    free(values);
    return spread;
}
