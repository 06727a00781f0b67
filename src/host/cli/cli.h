/* What the verbs share: their list, their options, how they end. */
#ifndef GN_CLI_CLI_H
#define GN_CLI_CLI_H

#include <stdatomic.h>
#include <stdbool.h>

#include "run/build.h"
#include "run/config.h"
#include "run/execute.h"

/* One line a verb: name, whether it computes for longer than a start takes, what it does. Its function is
 * gn_cli_<name>. */
#define GN_VERB_LIST(X)                                                                                      \
    X(run, true, "train, as a configuration says, into a run directory")                                     \
    X(sweep, true, "train every point of a configuration's grid")                                            \
    X(linearize, true, "write the linear map at one point, and its solves, as arrays")                       \
    X(bench, true, "compare optimisers, tuned with equal budgets, over seeds")                               \
    X(ntk, true, "the spectrum of the NTK at one point, with a figure")                                      \
    X(plot, false, "draw the figure of runs")                                                                \
    X(report, false, "write a report of runs, one HTML file")                                                \
    X(check, false, "check a configuration, predict its memory, print it with every default")                \
    X(schema, false, "print every key of a configuration")                                                   \
    X(info, false, "print version, devices and libraries")

#define GN_VERB_DECLARE(name, computes, text) int gn_cli_##name(int argc, char **argv);
GN_VERB_LIST(GN_VERB_DECLARE)
#undef GN_VERB_DECLARE

/* Exit statuses, as the README promises them. */
enum { GN_EXIT_DONE = 0, GN_EXIT_FAILED = 1, GN_EXIT_USAGE = 2, GN_EXIT_INTERRUPTED = 130 };
int gn_cli_exit(gn_status status);
/* Prints "gnewt: message" and returns the status's exit. */
int gn_cli_fail(gn_status status, const gn_message *message);

/* Options; a verb takes those whose bits it names. */
enum {
    GN_TAKES_CONFIG = 1, /* one positional argument */
    GN_TAKES_KEYS = 2,   /* --set, --device, --quick */
    GN_TAKES_OUT = 4,
    GN_TAKES_RESUME = 8,
    GN_TAKES_QUIET = 16,
    GN_TAKES_PARAMS = 32,
    GN_TAKES_RUNS = 64, /* one positional argument or more */
    GN_TAKES_DAMPINGS = 128,
    GN_TAKES_VALUES = 256,
    GN_TAKES_JOBS = 512,
    GN_TAKES_SEED = 1024,
    GN_TAKES_SET = GN_TAKES_KEYS | GN_TAKES_SEED,
    GN_TAKES_CASES = 2048, /* any number of positional arguments */
    GN_TAKES_JSON = 4096
};

typedef struct gn_cli_options {
    char **settings; /* KEY=VALUE, --KEY=VALUE, --quick */
    size_t setting_count;
    const char *out, *params, *dampings, *values, *json;
    bool resume, quiet;
    size_t jobs;      /* 1 if absent */
    char **arguments; /* positional */
    int argument_count;
} gn_cli_options;

/* argv[0] is the verb. Returns -1 where the verb is to go on, else the exit status: --help was printed, or
 * the command line is wrong and that was said. */
int gn_cli_parse(int argc, char **argv, int takes, const char *usage, gn_cli_options *options);
void gn_cli_options_free(gn_cli_options *options);

/* The source named on the command line, with its settings. */
gn_status gn_cli_source(const gn_cli_options *options, gn_config_source **source, gn_message *message);

/* The configuration named there, which must be one point and no grid, built for a verb that looks at it.
 * Zeroed before, and to be closed on failure too. */
typedef struct gn_cli_opened {
    gn_config_source *source;
    gn_config *config;
    gn_build build;
} gn_cli_opened;
gn_status gn_cli_open(const gn_cli_options *options, const char *verb, gn_cli_opened *opened,
                      gn_message *message);
void gn_cli_close(gn_cli_opened *opened);

/* Not 0 after a SIGINT or SIGTERM from now on; a second signal ends the process. */
const atomic_int *gn_cli_watch_signals(void);

/* The end of a run: a short table on standard output. state: "finished", ... */
void gn_cli_print_result(const char *name, const char *state, const char *directory,
                         const gn_execute_result *result);
/* Draws the figure of a run or sweep directory, if its configuration asks for one. A failure is a warning. */
void gn_cli_draw(const gn_config *config, const char *directory);

#endif
