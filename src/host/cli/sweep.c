#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/status.h"
#include "run/directory.h"

static const char usage[] =
    "gnewt sweep CONFIG.yaml [--set KEY=VALUE]... [--device D] [--seed N] [--out DIR] [--resume] [--quiet]\n"
    "\n"
    "Trains every point of the grid under `sweep:`, one after the other, each in its own directory\n"
    "DIR/000-KEY=VALUE,... A run that fails is marked and the others go on. DIR/sweep.yaml tells of all.\n"
    "\n"
    "  --set KEY=VALUE  change a key of all points\n"
    "  --out DIR        empty or not there (default: runs/NAME, or runs/NAME-2, ...)\n"
    "  --resume         go on with the sweep in DIR: finished runs are passed over\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit status: 0 all done; 1 a run failed; 2 usage or configuration; 130 interrupted, after a "
    "checkpoint.\n";

typedef struct point {
    gn_config_source *source;
    gn_config *config;
    char *label, *directory;
    char state[16]; /* "waiting" until it has run */
    gn_execute_result result;
    gn_message message;
} point;

typedef struct sweep {
    const gn_cli_options *options;
    char path[4096];
    point *points;
    size_t count;
} sweep;

/* ---- the points ---- */

static gn_status prepare_point(sweep *s, const gn_config_source *source, size_t i, gn_message *message) {
    point *p = &s->points[i];
    snprintf(p->state, sizeof p->state, "waiting");
    GN_TRY(gn_config_sweep_point(source, i, &p->source, &p->label, message));
    return gn_config_resolve(p->source, &p->config, message);
}

/* All points are read before the first runs: a mistake in the last shows at once. */
static gn_status prepare(sweep *s, const gn_config_source *source, gn_message *message) {
    if (!gn_config_source_has_sweep(source))
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s has no grid under `sweep:`; use gnewt run, or add one",
                               s->options->arguments[0]);
    size_t count = gn_config_sweep_count(source);
    s->count = count == 0 ? 1 : count; /* an axis without values: point 0 says so */
    s->points = calloc(s->count, sizeof *s->points);
    if (s->points == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < s->count; i++)
        GN_TRY(prepare_point(s, source, i, message));
    GN_TRY(gn_directory_choose(s->options->out, s->points[0].config->name, s->options->resume, s->path,
                               sizeof s->path, message));
    for (size_t i = 0; i < s->count; i++) {
        size_t size = strlen(s->path) + strlen(s->points[i].label) + 32;
        if ((s->points[i].directory = malloc(size)) == NULL)
            return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
        snprintf(s->points[i].directory, size, "%s/%03zu-%s", s->path, i, s->points[i].label);
    }
    return GN_OK;
}

static void release(sweep *s) {
    for (size_t i = 0; i < s->count && s->points != NULL; i++) {
        gn_config_destroy(s->points[i].config);
        gn_config_source_destroy(s->points[i].source);
        free(s->points[i].label);
        free(s->points[i].directory);
    }
    free(s->points);
}

/* ---- what has become of them ---- */

/* DIR/sweep.yaml: a list of directories, states and messages. It is a help for people; a sweep that cannot
 * write it fails by its runs. */
static void write_summary(const sweep *s) {
    char path[4200], fresh[4200];
    snprintf(path, sizeof path, "%s/sweep.yaml", s->path);
    snprintf(fresh, sizeof fresh, "%s/sweep.yaml.new", s->path);
    FILE *out = fopen(fresh, "w");
    if (out == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        const point *p = &s->points[i];
        fprintf(out, "- directory: '%s'\n  state: %s\n", strrchr(p->directory, '/') + 1, p->state);
        if (p->message.text[0] != '\0') {
            fprintf(out, "  message: '");
            for (const char *c = p->message.text; *c != '\0'; c++)
                fprintf(out, *c == '\'' ? "''" : *c == '\n' ? " " : "%c", *c);
            fprintf(out, "'\n");
        }
    }
    if (fclose(out) == 0)
        rename(fresh, path);
}

/* A column of the table; "-" where there is no such number. */
static void print_number(const char *format, int width, double value) {
    char text[48] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, format, value);
    printf(" %*s", width, text);
}

static void print_table(const sweep *s) {
    printf("%-11s %10s %13s %13s %10s %10s  %s\n", "state", "step", "loss_train", "loss_test", "acc_test",
           "seconds", "directory");
    for (size_t i = 0; i < s->count; i++) {
        const point *p = &s->points[i];
        const gn_metrics none = {.loss_train = NAN, .loss_test = NAN, .accuracy_test = NAN, .seconds = NAN};
        const gn_metrics *last = p->result.steps > 0 ? &p->result.last : &none;
        printf("%-11s %10llu", p->state, (unsigned long long)p->result.step);
        print_number("%.6e", 13, last->loss_train);
        print_number("%.6e", 13, last->loss_test);
        print_number("%.4f", 10, last->accuracy_test);
        print_number("%.3f", 10, last->seconds);
        printf("  %s\n", p->directory);
    }
}

/* ---- running ---- */

static gn_status run_point(sweep *s, size_t i, const volatile sig_atomic_t *stop) {
    point *p = &s->points[i];
    char title[256];
    snprintf(title, sizeof title, "[%zu/%zu] %.200s", i + 1, s->count, p->label);
    gn_progress progress = gn_progress_start(stderr, s->options->quiet, title);
    const gn_execute_options execution = {.source = p->source,
                                          .config = p->config,
                                          .directory = p->directory,
                                          .resume = s->options->resume,
                                          .progress = &progress,
                                          .stop = stop};
    gn_status status = gn_execute(&execution, &p->result, &p->message);
    snprintf(p->state, sizeof p->state, "%s",
             status == GN_OK                  ? "finished"
             : status == GN_ERROR_INTERRUPTED ? "interrupted"
             : status == GN_ERROR_DIVERGED    ? "diverged"
                                              : "failed");
    if (status != GN_OK)
        fprintf(stderr, "gnewt: %s: %s\n", p->label, p->message.text);
    write_summary(s);
    return status;
}

static int run_all(sweep *s) {
    const volatile sig_atomic_t *stop = gn_cli_watch_signals();
    int code = GN_EXIT_DONE;
    for (size_t i = 0; i < s->count && code != GN_EXIT_INTERRUPTED; i++) {
        gn_status status = *stop != 0 ? GN_ERROR_INTERRUPTED : run_point(s, i, stop);
        if (status != GN_OK)
            code = status == GN_ERROR_INTERRUPTED ? GN_EXIT_INTERRUPTED : GN_EXIT_FAILED;
    }
    print_table(s);
    if (code == GN_EXIT_INTERRUPTED)
        fprintf(stderr, "gnewt: %s is kept; --resume goes on with it\n", s->path);
    else
        gn_cli_draw(s->points[0].config, s->path);
    return code;
}

int gn_cli_sweep(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    sweep s = {.options = &options};
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_RESUME | GN_TAKES_QUIET,
                            usage, &options);
    if (code >= 0)
        return code;
    gn_status status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK)
        status = prepare(&s, source, &message);
    code = status == GN_OK ? run_all(&s) : gn_cli_fail(status, &message);
    release(&s);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
