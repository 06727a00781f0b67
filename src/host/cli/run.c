#include <string.h>

#include "cli/cli.h"
#include "run/directory.h"

static const char usage[] =
    "gnewt run CONFIG.yaml [--quick] [--set KEY=VALUE]... [--device D] [--seed N] [--out DIR] [--resume] "
    "[--quiet]\n"
    "\n"
    "Trains as CONFIG.yaml says. Prints progress on standard error and results on standard output.\n"
    "\n"
    "  --quick          the quick size of the experiment, as its section `quick:` says; before any --set\n"
    "  --set KEY=VALUE  change a key, by its dotted path: phases.0.optimizer.damping.value=0.1\n"
    "  --device D       auto, cpu, cuda, cuda:1 or check; as --set device=D\n"
    "  --seed N         as --set seed=N\n"
    "  --out DIR        the run directory, empty or not there (default: runs/NAME, or runs/NAME-2, ...)\n"
    "  --resume         go on with the run in DIR, or the last runs/NAME, from its checkpoint\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit status: 0 done; 1 the run failed; 2 usage or configuration; 130 interrupted, after a checkpoint.\n";

static int execute(const gn_cli_options *options, const gn_config_source *source, const gn_config *config) {
    char path[4096];
    gn_message message = {0};
    gn_execute_result result;
    gn_status status =
        gn_directory_choose(options->out, config->name, options->resume, path, sizeof path, &message);
    if (status != GN_OK)
        return gn_cli_fail(status, &message);
    gn_progress progress = gn_progress_start(stderr, options->quiet, config->name);
    const gn_execute_options execution = {.source = source,
                                          .config = config,
                                          .directory = path,
                                          .resume = options->resume,
                                          .progress = &progress,
                                          .stop = gn_cli_watch_signals()};
    status = gn_execute(&execution, &result, &message);
    if (status == GN_OK) {
        gn_cli_print_result(config->name, "finished", path, &result);
        gn_cli_draw(config, path);
        return GN_EXIT_DONE;
    }
    int code = gn_cli_fail(status, &message);
    if (status == GN_ERROR_INTERRUPTED)
        fprintf(stderr, "gnewt: %s is kept; --resume goes on with it\n", path);
    return code;
}

int gn_cli_run(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    gn_config *config = NULL;
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_RESUME | GN_TAKES_QUIET,
                            usage, &options);
    if (code >= 0)
        return code;
    gn_status status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK && gn_config_source_has_sweep(source)) {
        char where[512];
        status = gn_message_fail(&message, GN_ERROR_CONFIG,
                                 "%s: this configuration has a grid under `sweep:`; use gnewt sweep",
                                 gn_config_where(source, "sweep", where, sizeof where));
    }
    if (status == GN_OK)
        status = gn_config_resolve(source, &config, &message);
    code = status == GN_OK ? execute(&options, source, config) : gn_cli_fail(status, &message);
    gn_config_destroy(config);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
