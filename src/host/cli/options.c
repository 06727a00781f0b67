/* The command line of a verb. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/status.h"
#include "run/config_check.h"

enum {
    OPTION_SET = 256,
    OPTION_DEVICE,
    OPTION_SEED,
    OPTION_OUT,
    OPTION_RESUME,
    OPTION_QUIET,
    OPTION_PARAMS,
    OPTION_DAMPINGS,
    OPTION_VALUES,
    OPTION_JOBS,
    OPTION_QUICK,
    OPTION_JSON
};

static const struct {
    struct option option;
    int taken_by;
} all_options[] = {
    {{"help", no_argument, NULL, 'h'}, ~0},
    {{"set", required_argument, NULL, OPTION_SET}, GN_TAKES_KEYS},
    {{"device", required_argument, NULL, OPTION_DEVICE}, GN_TAKES_KEYS},
    {{"seed", required_argument, NULL, OPTION_SEED}, GN_TAKES_SEED},
    {{"quick", no_argument, NULL, OPTION_QUICK}, GN_TAKES_KEYS},
    {{"out", required_argument, NULL, OPTION_OUT}, GN_TAKES_OUT},
    {{"resume", no_argument, NULL, OPTION_RESUME}, GN_TAKES_RESUME},
    {{"quiet", no_argument, NULL, OPTION_QUIET}, GN_TAKES_QUIET},
    {{"params", required_argument, NULL, OPTION_PARAMS}, GN_TAKES_PARAMS},
    {{"dampings", required_argument, NULL, OPTION_DAMPINGS}, GN_TAKES_DAMPINGS},
    {{"values", required_argument, NULL, OPTION_VALUES}, GN_TAKES_VALUES},
    {{"jobs", required_argument, NULL, OPTION_JOBS}, GN_TAKES_JOBS},
    {{"json", required_argument, NULL, OPTION_JSON}, GN_TAKES_JSON},
};
enum { OPTIONS = sizeof all_options / sizeof *all_options };

/* Says what is wrong with argv[optind - 1], which getopt did not take. */
static int complain(const struct option *known, int code, char **argv) {
    const char *word = argv[optind - 1];
    if (code == ':') {
        fprintf(stderr, "gnewt %s: %s needs a value; see gnewt %s --help\n", argv[0], word, argv[0]);
        return GN_EXIT_USAGE;
    }
    if (optopt > 0 && optopt < 256) {
        fprintf(stderr, "gnewt %s: unknown option -%c; see gnewt %s --help\n", argv[0], optopt, argv[0]);
        return GN_EXIT_USAGE;
    }
    char name[64], near[256];
    const char *names[OPTIONS];
    size_t count = 0;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    char quoted[OPTIONS][24];
    for (const struct option *o = known; o->name != NULL; o++, count++) {
        snprintf(quoted[count], sizeof quoted[count], "--%s", o->name);
        names[count] = quoted[count];
    }
    if (optopt != 0)
        snprintf(near, sizeof near, "; it takes no value");
    else
        gn_nearest_text(name, names, count, near, sizeof near);
    fprintf(stderr, "gnewt %s: %s option %s%s\n", argv[0], optopt != 0 ? "wrong" : "unknown", name, near);
    return GN_EXIT_USAGE;
}

static bool add_setting(gn_cli_options *options, const char *prefix, const char *value) {
    size_t size = strlen(prefix) + strlen(value) + 1;
    char *text = malloc(size);
    char **grown = realloc(options->settings, (options->setting_count + 1) * sizeof *grown);
    if (grown != NULL)
        options->settings = grown;
    if (text == NULL || grown == NULL) {
        free(text);
        return false;
    }
    snprintf(text, size, "%s%s", prefix, value);
    options->settings[options->setting_count++] = text;
    return true;
}

/* False, and said so, where --jobs is no number of runs. */
static bool read_jobs(const char *verb, const char *text, size_t *jobs) {
    enum { MOST_JOBS = 1024 };
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number < 1 || number > MOST_JOBS) {
        fprintf(stderr, "gnewt %s: --jobs: `%.100s` is no number of runs at once, from 1 to %d\n", verb, text,
                MOST_JOBS);
        return false;
    }
    *jobs = number;
    return true;
}

static bool take(gn_cli_options *options, int code) {
    switch (code) {
    case OPTION_SET:
        return add_setting(options, "", optarg);
    case OPTION_DEVICE:
        return add_setting(options, "--device=", optarg);
    case OPTION_SEED:
        return add_setting(options, "--seed=", optarg);
    case OPTION_QUICK:
        return add_setting(options, "--quick", "");
    case OPTION_OUT:
        options->out = optarg;
        break;
    case OPTION_RESUME:
        options->resume = true;
        break;
    case OPTION_QUIET:
        options->quiet = true;
        break;
    case OPTION_PARAMS:
        options->params = optarg;
        break;
    case OPTION_DAMPINGS:
        options->dampings = optarg;
        break;
    case OPTION_JSON:
        options->json = optarg;
        break;
    case OPTION_VALUES:
        options->values = optarg;
        break;
    }
    return true;
}

/* Positional arguments: their number, and that --set's values are not read as options. */
static int check_arguments(char **argv, int takes, const char *usage, const gn_cli_options *options) {
    int least = takes & (GN_TAKES_CONFIG | GN_TAKES_RUNS) ? 1 : 0;
    int most = takes & (GN_TAKES_RUNS | GN_TAKES_CASES) ? 1 << 30 : least;
    if (options->argument_count >= least && options->argument_count <= most)
        return -1;
    if (options->argument_count < least)
        fprintf(stderr, "gnewt %s: give %s\n", argv[0],
                takes & GN_TAKES_RUNS ? "a run directory" : "a configuration, CONFIG.yaml");
    else
        fprintf(stderr, "gnewt %s: `%s` is one argument too many\n", argv[0], options->arguments[most]);
    fprintf(stderr, "usage: %.*s\n", (int)strcspn(usage, "\n"), usage);
    return GN_EXIT_USAGE;
}

int gn_cli_parse(int argc, char **argv, int takes, const char *usage, gn_cli_options *options) {
    struct option known[OPTIONS + 1] = {0};
    size_t count = 0;
    *options = (gn_cli_options){.jobs = 1};
    for (size_t i = 0; i < OPTIONS; i++)
        if (all_options[i].taken_by & takes || all_options[i].taken_by == ~0)
            known[count++] = all_options[i].option;
    optind = 1;
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, ":h", known, NULL)) != -1;) {
        if (code == 'h') {
            printf("usage: %s", usage);
            gn_cli_options_free(options);
            return GN_EXIT_DONE;
        }
        if (code == '?' || code == ':') {
            gn_cli_options_free(options);
            return complain(known, code, argv);
        }
        if (code == OPTION_JOBS && !read_jobs(argv[0], optarg, &options->jobs)) {
            gn_cli_options_free(options);
            return GN_EXIT_USAGE;
        }
        if (!take(options, code)) {
            gn_cli_options_free(options);
            fprintf(stderr, "gnewt %s: out of memory\n", argv[0]);
            return GN_EXIT_FAILED;
        }
    }
    options->arguments = argv + optind;
    options->argument_count = argc - optind;
    int code = check_arguments(argv, takes, usage, options);
    if (code >= 0)
        gn_cli_options_free(options);
    return code;
}

void gn_cli_options_free(gn_cli_options *options) {
    for (size_t i = 0; i < options->setting_count; i++)
        free(options->settings[i]);
    free(options->settings);
    *options = (gn_cli_options){0};
}

gn_status gn_cli_source(const gn_cli_options *options, gn_config_source **source, gn_message *message) {
    return gn_config_source_read(options->arguments[0], (const char *const *)options->settings,
                                 options->setting_count, source, message);
}

gn_status gn_cli_open(const gn_cli_options *options, const char *verb, gn_cli_opened *opened,
                      gn_message *message) {
    GN_TRY(gn_cli_source(options, &opened->source, message));
    if (gn_config_source_has_sweep(opened->source))
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s has a grid under `sweep:`; %s takes one point: --set sweep=[]",
                               options->arguments[0], verb);
    GN_TRY(gn_config_resolve(opened->source, &opened->config, message));
    return gn_build_create(opened->config, opened->source, NULL, NULL, &opened->build, message);
}

void gn_cli_close(gn_cli_opened *opened) {
    gn_build_destroy(&opened->build);
    gn_config_destroy(opened->config);
    gn_config_source_destroy(opened->source);
    *opened = (gn_cli_opened){0};
}
