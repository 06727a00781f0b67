/* What benches found, as JSON. */
#include <math.h>

#include "gnewt/version.h"
#include "report/bench.h"

static void text(FILE *out, const char *value) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    fputc('"', out);
}

static void member(FILE *out, const char *name, const char *value) {
    fprintf(out, "\"%s\": ", name);
    if (value != NULL)
        text(out, value);
    else
        fputs("null", out);
}

static void number(FILE *out, const char *name, double value) {
    fprintf(out, "\"%s\": ", name);
    if (isfinite(value))
        fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

static const char *gap(size_t i) {
    return i == 0 ? "" : ", ";
}

static void write_run(FILE *out, const gn_bench_case *bench, const gn_bench_run *run) {
    fputs("\n        {", out);
    member(out, "directory", run->directory);
    fputs(", ", out);
    member(out, "point", run->label);
    fputs(", ", out);
    member(out, "state", run->state);
    fputs(", ", out);
    number(out, "best", run->best);
    fputs(", \"targets\": [", out);
    for (size_t t = 0; t < bench->plan.target_count; t++) {
        fprintf(out, "%s{", gap(t));
        for (gn_bench_cost c = 0; c < GN_BENCH_COSTS; c++) {
            fputs(gap(c), out);
            number(out, gn_bench_cost_name(c), run->spent[t * GN_BENCH_COSTS + c]);
        }
        fputc('}', out);
    }
    fputs("]}", out);
}

static void write_runs(FILE *out, const gn_bench_case *bench, const char *name, const gn_bench_run *runs,
                       size_t count) {
    fprintf(out, ",\n       \"%s\": [", name);
    for (size_t i = 0; runs != NULL && i < count; i++) {
        fputs(gap(i), out);
        write_run(out, bench, &runs[i]);
    }
    fputc(']', out);
}

static void write_spread(FILE *out, const char *name, gn_spread spread) {
    fprintf(out, "\"%s\": {", name);
    number(out, "median", spread.median);
    fputs(", ", out);
    number(out, "low", spread.low);
    fputs(", ", out);
    number(out, "high", spread.high);
    fputs(", ", out);
    number(out, "from", spread.from);
    fputs(", ", out);
    number(out, "to", spread.to);
    fputc('}', out);
}

static void write_optimizer(FILE *out, const gn_bench_case *bench, size_t i) {
    const gn_bench_plan *plan = &bench->plan;
    const gn_bench_optimizer *one = &bench->optimizers[i];
    fputs("\n      {", out);
    member(out, "label", plan->labels[i]);
    fputs(", \"chosen\": ", out);
    if (one->chosen < plan->budget)
        fprintf(out, "%zu", one->chosen);
    else
        fputs("null", out);
    write_runs(out, bench, "tuning", one->tuning, plan->budget);
    write_runs(out, bench, "runs", one->runs, plan->seed_count);
    fputs(",\n       \"targets\": [", out);
    for (size_t t = 0; t < plan->target_count; t++) {
        size_t reached;
        const gn_spread steps = gn_bench_spread(bench, i, t, GN_BENCH_STEPS, &reached);
        fprintf(out, "%s\n        {\"reached\": %zu, \"of\": %zu, ", t == 0 ? "" : ",", reached, steps.count);
        for (gn_bench_cost cost = GN_BENCH_STEPS; cost < GN_BENCH_COSTS; cost++) {
            fputs(gap(cost), out);
            write_spread(out, gn_bench_cost_name(cost), gn_bench_spread(bench, i, t, cost, NULL));
        }
        fputc('}', out);
    }
    fputs("]}", out);
}

static void write_case(FILE *out, const gn_bench_case *bench) {
    const gn_bench_plan *plan = &bench->plan;
    fputs("\n    {", out);
    member(out, "name", bench->name);
    fputs(", ", out);
    member(out, "file", bench->file);
    fputs(", ", out);
    member(out, "quick_leaves_out", bench->quick);
    fputs(", ", out);
    member(out, "device", gn_bench_device(bench));
    fprintf(out, ",\n     \"tuning_seed\": %llu, \"budget\": %zu, \"seeds\": [",
            (unsigned long long)plan->tuning_seed, plan->budget);
    for (size_t i = 0; i < plan->seed_count; i++)
        fprintf(out, "%s%llu", gap(i), (unsigned long long)plan->seeds[i]);
    fputs("], \"targets\": [", out);
    for (size_t t = 0; t < plan->target_count; t++) {
        fputs(gap(t), out);
        text(out, plan->targets[t].text);
    }
    fputs("],\n     \"optimizers\": [", out);
    for (size_t i = 0; i < plan->optimizer_count; i++) {
        fputs(i == 0 ? "" : ",", out);
        write_optimizer(out, bench, i);
    }
    fputs("]}", out);
}

void gn_bench_write_json(FILE *out, const gn_bench_case *benches, size_t count) {
    fprintf(out, "{\"gnewt\": \"%s\",\n \"cases\": [", GNEWT_VERSION);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ",", out);
        write_case(out, &benches[i]);
    }
    fputs("]}\n", out);
}
