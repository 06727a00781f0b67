/* What a bench found, as a table for people. */
#include <math.h>
#include <string.h>

#include "report/bench.h"
#include "report/number.h"

enum { DIGITS = 3, STEP_DIGITS = 15 };

static const char *number(double value, int digits, char text[GN_NUMBER]) {
    if (isinf(value))
        snprintf(text, GN_NUMBER, "never");
    else if (isnan(value))
        snprintf(text, GN_NUMBER, "-");
    else
        gn_number_text(value, digits, text);
    return text;
}

/* "120 (100 to 140) [100, 140]": median, extremes, interval. */
static void print_spread(FILE *out, gn_spread spread, int digits) {
    char cell[5 * GN_NUMBER + 20], text[5][GN_NUMBER];
    number(spread.median, digits, text[0]);
    number(spread.low, digits, text[1]);
    number(spread.high, digits, text[2]);
    size_t used = (size_t)snprintf(cell, sizeof cell, "%s", text[0]);
    if (strcmp(text[1], text[2]) != 0)
        used += (size_t)snprintf(cell + used, sizeof cell - used, " (%s to %s)", text[1], text[2]);
    if (!isnan(spread.from) && strcmp(text[1], text[2]) != 0)
        snprintf(cell + used, sizeof cell - used, " [%s, %s]", number(spread.from, digits, text[3]),
                 number(spread.to, digits, text[4]));
    fprintf(out, "  %-34s", cell);
}

static void print_tuning(FILE *out, const gn_bench_case *bench, size_t i) {
    const gn_bench_plan *plan = &bench->plan;
    const gn_bench_optimizer *one = &bench->optimizers[i];
    char steps[GN_NUMBER], best[GN_NUMBER];
    for (size_t j = 0; j < plan->budget; j++) {
        const gn_bench_run *run = &one->tuning[j];
        fprintf(out, "%-20s %-9s %10s %12s  %s%s\n", plan->labels[i], run->state,
                number(run->spent[GN_BENCH_STEPS], STEP_DIGITS, steps), number(run->best, DIGITS, best),
                run->label, j == one->chosen ? "  <- taken" : "");
    }
    if (one->chosen == plan->budget)
        fprintf(out, "%-20s no point came to its end: there is nothing to compare\n", plan->labels[i]);
}

static void print_target(FILE *out, const gn_bench_case *bench, size_t t) {
    const gn_bench_plan *plan = &bench->plan;
    fprintf(out, "\n%s\n%-20s %-8s  %-34s  %-34s  %-34s  %s\n", plan->targets[t].text, "optimiser", "reached",
            "steps", "passes", "seconds", "processor seconds");
    for (size_t i = 0; i < plan->optimizer_count; i++) {
        size_t reached;
        const gn_spread steps = gn_bench_spread(bench, i, t, GN_BENCH_STEPS, &reached);
        fprintf(out, "%-20s %zu of %-3zu", plan->labels[i], reached, plan->seed_count);
        print_spread(out, steps, STEP_DIGITS);
        for (gn_bench_cost cost = GN_BENCH_PASSES; cost < GN_BENCH_COSTS; cost++)
            print_spread(out, gn_bench_spread(bench, i, t, cost, NULL), DIGITS);
        fprintf(out, "\n");
    }
}

static void print_bad_runs(FILE *out, const gn_bench_case *bench) {
    for (size_t i = 0; i < bench->plan.optimizer_count; i++)
        for (size_t j = 0; bench->optimizers[i].runs != NULL && j < bench->plan.seed_count; j++)
            if (strcmp(bench->optimizers[i].runs[j].state, "finished") != 0)
                fprintf(out, "%s: %s\n", bench->optimizers[i].runs[j].state,
                        bench->optimizers[i].runs[j].directory);
}

void gn_bench_print(FILE *out, const gn_bench_case *bench) {
    const gn_bench_plan *plan = &bench->plan;
    fprintf(out, "== %s (%s)\n", bench->name, bench->file);
    if (bench->quick != NULL)
        fprintf(out, "quick: leaves out %s\n", bench->quick);
    fprintf(out, "device: %s\n", gn_bench_device(bench));
    fprintf(out,
            "\ntuning: %zu points each, seed %llu; taken: fewest steps to %s, then best value\n%-20s %-9s "
            "%10s %12s\n",
            plan->budget, (unsigned long long)plan->tuning_seed, plan->targets[0].text, "optimiser", "state",
            "steps", "best");
    for (size_t i = 0; i < plan->optimizer_count; i++)
        print_tuning(out, bench, i);
    fprintf(out, "\nover %zu seed%s: median (least to largest)%s\n", plan->seed_count,
            plan->seed_count == 1 ? "" : "s",
            plan->seed_count < GN_SPREAD_LEAST ? "" : " [95 % interval of the median]");
    for (size_t t = 0; t < plan->target_count; t++)
        print_target(out, bench, t);
    print_bad_runs(out, bench);
    fprintf(out, "\n");
}
