#include "run/linearize.h"

#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "core/status.h"

/* Dampings of one call. */
enum { MOST_DAMPINGS = 64 };

static const char usage[] =
    "gnewt linearize CONFIG.yaml [--params P.h5] [--dampings MU,...] --out L.h5 [--set KEY=VALUE]... "
    "[--device D] [--seed N]\n"
    "\n"
    "Writes the network as a linear map on the whole training set, at one point:\n"
    "/params/<name>, /inputs, /targets, /outputs (N x C), /residual (M), /loss, /gradient (P), /jacobian (M "
    "x P),\n"
    "/ntk (M x M), /ntk_eigenvalues (ascending) and /directions/<label> of each phase's optimiser (P).\n"
    "\n"
    "  --params P.h5      the point, under /params/<name> (default: the initial parameters)\n"
    "  --dampings MU,...  also /damped/<label>, a direction for each of these (K x P), of optimisers with a\n"
    "                     damping; by cg in one solve; and /dampings (K)\n"
    "  --out L.h5         the file to write\n";

/* "0.1,1,10" */
static gn_status read_dampings(const char *text, double *values, size_t *count, gn_message *message) {
    *count = 0;
    for (const char *rest = text; rest != NULL; rest = *rest == ',' ? rest + 1 : NULL) {
        char *end;
        double value = strtod(rest, &end);
        if (end == rest || (*end != ',' && *end != '\0') || !(value >= 0) || isinf(value))
            return gn_message_fail(message, GN_ERROR_CONFIG,
                                   "--dampings: `%.100s` is no list of numbers from 0 on, as 0.1,1,10", text);
        if (*count == MOST_DAMPINGS)
            return gn_message_fail(message, GN_ERROR_CONFIG, "--dampings: at most %d work", MOST_DAMPINGS);
        values[(*count)++] = value;
        rest = end;
    }
    return GN_OK;
}

static gn_status linearize(const gn_cli_options *options, const gn_config_source *source,
                           gn_message *message) {
    gn_config *config;
    gn_build build;
    double values[MOST_DAMPINGS];
    gn_linearize_dampings dampings = {.values = values};
    gn_status status = read_dampings(options->dampings, values, &dampings.count, message);
    if (status == GN_OK)
        status = gn_config_resolve(source, &config, message);
    if (status != GN_OK)
        return status;
    status = gn_build_create(config, source, NULL, NULL, &build, message);
    if (status == GN_OK)
        status =
            gn_linearize_write(config, source, &build, options->params, &dampings, options->out, message);
    if (status == GN_OK)
        printf("%s\n", options->out);
    gn_build_destroy(&build);
    gn_config_destroy(config);
    return status;
}

int gn_cli_linearize(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    int code = gn_cli_parse(
        argc, argv, GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_PARAMS | GN_TAKES_DAMPINGS,
        usage, &options);
    if (code >= 0)
        return code;
    gn_status status = GN_OK;
    if (options.out == NULL || options.out[0] == '\0')
        status = gn_message_fail(&message, GN_ERROR_CONFIG, "linearize: --out L.h5 is missing");
    if (status == GN_OK)
        status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK && gn_config_source_has_sweep(source))
        status = gn_message_fail(&message, GN_ERROR_CONFIG,
                                 "%s has a grid under `sweep:`; linearize takes one point: --set sweep=[]",
                                 options.arguments[0]);
    if (status == GN_OK)
        status = linearize(&options, source, &message);
    code = status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
