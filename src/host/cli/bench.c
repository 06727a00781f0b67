#include "report/bench.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/batch.h"
#include "core/status.h"
#include "run/directory.h"

static const char usage[] =
    "gnewt bench [CASE]... [--jobs N] [--quick] [--set KEY=VALUE]... [--device D] [--out DIR] [--resume] "
    "[--json FILE] [--quiet]\n"
    "\n"
    "Compares optimisers on experiments that have a section `bench:`: each is tuned over a grid of one size, "
    "on "
    "a\n"
    "seed that is not reported, and then run on the others; steps, passes, seconds and\n"
    "processor seconds to the targets.\n"
    "Prints a table, and writes a figure a case and all as JSON.\n"
    "\n"
    "  CASE             CONFIG.yaml, or the name of one in experiments/ (default: all there that have "
    "`bench:`)\n"
    "  --jobs N         N runs at once (default: 1), which slows each; with OMP_NUM_THREADS=1 processor\n"
    "                   seconds are still of each\n"
    "  --quick          the quick size of each experiment\n"
    "  --set KEY=VALUE  change a key of all cases, as bench.seeds=[0,1]\n"
    "  --out DIR        empty or not there (default: runs/bench, or runs/bench-2, ...)\n"
    "  --resume         go on with the bench in DIR: finished runs are passed over\n"
    "  --json FILE      default: DIR/bench.json\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit status: 0 all done, diverged runs included; 1 a run failed; 2 usage or configuration; 130 "
    "interrupted.\n";

typedef struct bench {
    const gn_cli_options *options;
    const atomic_int *stop;
    char path[3900];
    char **files; /* of the cases */
    gn_config_source **sources;
    gn_bench_case *cases;
    size_t count;
    int code; /* exit status so far */
} bench;

/* ---- the cases ---- */

static gn_status add_file(bench *b, const char *file, gn_message *message) {
    char **grown = realloc(b->files, (b->count + 1) * sizeof *grown);
    if (grown == NULL || (grown[b->count] = strdup(file)) == NULL) {
        b->files = grown != NULL ? grown : b->files;
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    }
    b->files = grown;
    b->count++;
    return GN_OK;
}

static gn_status find_file(bench *b, const char *name, gn_message *message) {
    static const char *const around[][2] = {{"", ""}, {"experiments/", ""}, {"experiments/", ".yaml"}};
    char file[4096];
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        snprintf(file, sizeof file, "%s%s%s", around[i][0], name, around[i][1]);
        if (access(file, R_OK) == 0)
            return add_file(b, file, message);
    }
    return gn_message_fail(
        message, GN_ERROR_CONFIG,
        "there is no %.200s, and no experiments/%.200s.yaml; name a CONFIG.yaml with a section "
        "`bench:`",
        name, name);
}

/* All in experiments/ that have a bench. */
static gn_status find_all(bench *b, gn_message *message) {
    glob_t found = {0};
    gn_status status = GN_OK;
    if (glob("experiments/*.yaml", 0, NULL, &found) == GLOB_NOSPACE)
        status = gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < found.gl_pathc && status == GN_OK; i++) {
        gn_config_source *source;
        status = gn_config_source_read(found.gl_pathv[i], NULL, 0, &source, message);
        if (status == GN_OK && gn_config_source_has_bench(source))
            status = add_file(b, found.gl_pathv[i], message);
        gn_config_source_destroy(source);
    }
    globfree(&found);
    if (status == GN_OK && b->count == 0)
        status = gn_message_fail(message, GN_ERROR_CONFIG,
                                 "no file in experiments/ has a section `bench:`; name a CASE");
    return status;
}

static gn_status open_case(bench *b, size_t i, gn_message *message) {
    const gn_cli_options *o = b->options;
    gn_bench_case *one = &b->cases[i];
    gn_config *config;
    GN_TRY(gn_config_source_read(b->files[i], (const char *const *)o->settings, o->setting_count,
                                 &b->sources[i], message));
    GN_TRY(gn_config_resolve(b->sources[i], &config, message));
    one->name = strdup(config->name);
    gn_config_destroy(config);
    one->file = strdup(b->files[i]);
    const char *quick = gn_config_quick(b->sources[i]);
    one->quick = quick != NULL ? strdup(quick) : NULL;
    if (one->name == NULL || one->file == NULL || (quick != NULL && one->quick == NULL))
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t j = 0; j < i; j++)
        if (strcmp(b->cases[j].name, one->name) == 0)
            return gn_message_fail(message, GN_ERROR_CONFIG, "%s and %s have the same name, %s", b->files[j],
                                   b->files[i], one->name);
    GN_TRY(gn_bench_plan_read(b->sources[i], &one->plan, message));
    one->optimizers = calloc(one->plan.optimizer_count, sizeof *one->optimizers);
    return one->optimizers != NULL ? GN_OK : gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
}

/* ---- runs ---- */

static gn_status read_runs(const gn_bench_case *one, const gn_cli_batch *batch, size_t first, size_t count,
                           gn_bench_run **runs, gn_message *message) {
    *runs = calloc(count, sizeof **runs);
    if (*runs == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const gn_cli_point *p = &batch->points[first + i];
        GN_TRY(gn_bench_run_read(&one->plan, p->directory, p->label, p->state, &(*runs)[i], message));
    }
    return GN_OK;
}

/* Runs the batch in DIR/NAME/FOLDER. */
static gn_status run_batch(bench *b, gn_bench_case *one, gn_cli_batch *batch, const char *folder,
                           gn_message *message) {
    snprintf(batch->path, sizeof batch->path, "%s/%.100s/%s", b->path, one->name, folder);
    GN_TRY(gn_cli_batch_place(batch, message));
    if (batch->count > 0)
        GN_TRY(gn_cli_batch_run(batch, b->stop, message));
    if (batch->code == GN_EXIT_INTERRUPTED)
        return gn_message_fail(message, GN_ERROR_INTERRUPTED, "%s is kept; --resume goes on with it",
                               b->path);
    for (size_t i = 0; i < batch->count; i++) {
        if (strcmp(batch->points[i].state, "failed") == 0)
            b->code = GN_EXIT_FAILED;
    }
    return GN_OK;
}

/* All grids are read before the first run. */
static gn_status read_tuning(const gn_bench_case *one, const gn_config_source *source, gn_cli_batch *batch,
                             gn_message *message) {
    gn_status status = GN_OK;
    for (size_t i = 0; i < one->plan.optimizer_count && status == GN_OK; i++) {
        gn_config_source *grid;
        GN_TRY(gn_bench_tuning(source, i, &grid, message));
        status = gn_cli_batch_add(batch, grid, message);
        gn_config_source_destroy(grid);
    }
    return status;
}

static gn_status tune(bench *b, size_t index, gn_message *message) {
    gn_bench_case *one = &b->cases[index];
    const gn_bench_plan *plan = &one->plan;
    gn_cli_batch batch;
    gn_cli_batch_init(&batch, b->options);
    gn_status status = read_tuning(one, b->sources[index], &batch, message);
    if (status == GN_OK)
        status = run_batch(b, one, &batch, "tuning", message);
    for (size_t i = 0; i < plan->optimizer_count && status == GN_OK; i++) {
        gn_bench_optimizer *optimizer = &one->optimizers[i];
        status = read_runs(one, &batch, i * plan->budget, plan->budget, &optimizer->tuning, message);
        if (status == GN_OK)
            optimizer->chosen = gn_bench_choose(plan, optimizer->tuning);
    }
    gn_cli_batch_free(&batch);
    return status;
}

static gn_status read_chosen(const gn_bench_case *one, const gn_config_source *source, gn_cli_batch *batch,
                             gn_message *message) {
    gn_status status = GN_OK;
    for (size_t i = 0; i < one->plan.optimizer_count && status == GN_OK; i++) {
        gn_config_source *grid;
        if (one->optimizers[i].chosen == one->plan.budget)
            continue;
        GN_TRY(gn_bench_chosen(source, i, one->optimizers[i].chosen, &grid, message));
        status = gn_cli_batch_add(batch, grid, message);
        gn_config_source_destroy(grid);
    }
    return status;
}

static gn_status compare(bench *b, size_t index, gn_message *message) {
    gn_bench_case *one = &b->cases[index];
    const gn_bench_plan *plan = &one->plan;
    size_t first = 0;
    gn_cli_batch batch;
    gn_cli_batch_init(&batch, b->options);
    gn_status status = read_chosen(one, b->sources[index], &batch, message);
    if (status == GN_OK)
        status = run_batch(b, one, &batch, "runs", message);
    for (size_t i = 0; i < plan->optimizer_count && status == GN_OK; i++) {
        if (one->optimizers[i].chosen == plan->budget)
            continue;
        status = read_runs(one, &batch, first, plan->seed_count, &one->optimizers[i].runs, message);
        first += plan->seed_count;
    }
    gn_cli_batch_free(&batch);
    return status;
}

/* ---- results ---- */

static void draw(const bench *b, const gn_bench_case *one) {
    gn_figure_report *figure = calloc(1, sizeof *figure);
    char stem[4096];
    snprintf(stem, sizeof stem, "%s/%.100s/figures/bench", b->path, one->name);
    if (figure != NULL && gn_bench_figure_write(one, stem, figure) == GN_OK)
        printf("%-10s %s\n\n", "figure", figure->png);
    else
        fprintf(stderr, "warning: no figure: %s\n", figure != NULL ? figure->message.text : "out of memory");
    free(figure);
}

static gn_status write_json(const bench *b, gn_message *message) {
    char file[4096];
    snprintf(file, sizeof file, "%s/bench.json", b->path);
    const char *path = b->options->json != NULL ? b->options->json : file;
    FILE *out = fopen(path, "w");
    if (out != NULL)
        gn_bench_write_json(out, b->cases, b->count);
    const bool broken = out == NULL || ferror(out) != 0;
    if ((out != NULL && fclose(out) != 0) || broken)
        return gn_message_fail(message, GN_ERROR_IO, "%s: %s", path, strerror(errno));
    printf("%-10s %s\n", "json", path);
    return GN_OK;
}

static gn_status run(bench *b, gn_message *message) {
    const gn_cli_options *o = b->options;
    for (int i = 0; i < o->argument_count; i++)
        GN_TRY(find_file(b, o->arguments[i], message));
    if (o->argument_count == 0)
        GN_TRY(find_all(b, message));
    b->sources = calloc(b->count, sizeof *b->sources);
    b->cases = calloc(b->count, sizeof *b->cases);
    if (b->sources == NULL || b->cases == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < b->count; i++)
        GN_TRY(open_case(b, i, message));
    GN_TRY(gn_directory_choose(o->out, "bench", o->resume, b->path, sizeof b->path, message));
    b->stop = gn_cli_watch_signals();
    for (size_t i = 0; i < b->count; i++) {
        GN_TRY(tune(b, i, message));
        GN_TRY(compare(b, i, message));
        gn_bench_print(stdout, &b->cases[i]);
        draw(b, &b->cases[i]);
        fflush(stdout);
    }
    return write_json(b, message);
}

static void release(bench *b) {
    for (size_t i = 0; i < b->count; i++) {
        if (b->cases != NULL)
            gn_bench_case_free(&b->cases[i]);
        if (b->sources != NULL)
            gn_config_source_destroy(b->sources[i]);
        free(b->files[i]);
    }
    free(b->cases);
    free(b->sources);
    free(b->files);
}

int gn_cli_bench(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    bench b = {.options = &options};
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CASES | GN_TAKES_KEYS | GN_TAKES_OUT | GN_TAKES_RESUME | GN_TAKES_QUIET |
                                GN_TAKES_JOBS | GN_TAKES_JSON,
                            usage, &options);
    if (code >= 0)
        return code;
    const gn_status status = run(&b, &message);
    code = status == GN_OK ? b.code : gn_cli_fail(status, &message);
    release(&b);
    gn_cli_options_free(&options);
    return code;
}
