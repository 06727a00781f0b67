#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/batch.h"
#include "core/status.h"
#include "run/directory.h"

static const char usage[] =
    "gnewt sweep CONFIG.yaml [--jobs N] [--quick] [--set KEY=VALUE]... [--device D] [--seed N] [--out DIR] "
    "[--resume] "
    "[--quiet]\n"
    "\n"
    "Trains every point of the grid under `sweep:`, each in its own directory DIR/000-KEY=VALUE,...\n"
    "A run that fails is marked and the others go on. DIR/sweep.yaml tells of all.\n"
    "\n"
    "  --jobs N         N runs at once (default: 1), which share the CPU's threads; on a GPU, N streams\n"
    "  --quick          the quick size of the experiment, as its section `quick:` says; before any --set\n"
    "  --set KEY=VALUE  change a key of all points\n"
    "  --out DIR        empty or not there (default: runs/NAME, or runs/NAME-2, ...)\n"
    "  --resume         go on with the sweep in DIR: finished runs are passed over\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit status: 0 all done; 1 a run failed; 2 usage or configuration; 130 interrupted, after a "
    "checkpoint.\n";

static gn_status prepare(gn_cli_batch *batch, const gn_config_source *source, gn_message *message) {
    const gn_cli_options *options = batch->options;
    if (!gn_config_source_has_sweep(source))
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s has no grid under `sweep:`; use gnewt run, or add one",
                               options->arguments[0]);
    GN_TRY(gn_cli_batch_add(batch, source, message));
    GN_TRY(gn_directory_choose(options->out, batch->points[0].config->name, options->resume, batch->path,
                               sizeof batch->path, message));
    return gn_cli_batch_place(batch, message);
}

/* A column of the table; "-" where there is no such number. */
static void print_number(const char *format, int width, double value) {
    char text[48] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, format, value);
    printf(" %*s", width, text);
}

static void print_table(const gn_cli_batch *s) {
    printf("%-11s %10s %13s %13s %10s %10s  %s\n", "state", "step", "loss_train", "loss_test", "acc_test",
           "seconds", "directory");
    for (size_t i = 0; i < s->count; i++) {
        const gn_cli_point *p = &s->points[i];
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

static int run_all(gn_cli_batch *batch) {
    gn_message message = {0};
    const gn_status status = gn_cli_batch_run(batch, gn_cli_watch_signals(), &message);
    if (status != GN_OK)
        return gn_cli_fail(status, &message);
    print_table(batch);
    if (batch->code == GN_EXIT_INTERRUPTED)
        fprintf(stderr, "gnewt: %s is kept; --resume goes on with it\n", batch->path);
    else
        gn_cli_draw(batch->points[0].config, batch->path);
    return batch->code;
}

int gn_cli_sweep(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    gn_cli_batch batch;
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_RESUME | GN_TAKES_QUIET |
                                GN_TAKES_JOBS,
                            usage, &options);
    if (code >= 0)
        return code;
    gn_cli_batch_init(&batch, &options);
    gn_status status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK)
        status = prepare(&batch, source, &message);
    code = status == GN_OK ? run_all(&batch) : gn_cli_fail(status, &message);
    gn_cli_batch_free(&batch);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
