#include "run/linearize.h"

#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "core/status.h"

/* Dampings of one call. */
enum { MOST_DAMPINGS = 64 };

static const char usage[] =
    "gnewt linearize CONFIG.yaml [--params P.h5] [--dampings MU,...] --out L.h5 [--quick] [--set "
    "KEY=VALUE]... "
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

static gn_status linearize(const gn_cli_options *options, gn_cli_opened *opened, gn_message *message) {
    double values[MOST_DAMPINGS];
    gn_linearize_dampings dampings = {.values = values};
    if (options->out == NULL || options->out[0] == '\0')
        return gn_message_fail(message, GN_ERROR_CONFIG, "linearize: --out L.h5 is missing");
    GN_TRY(read_dampings(options->dampings, values, &dampings.count, message));
    GN_TRY(gn_cli_open(options, "linearize", opened, message));
    GN_TRY(gn_linearize_write(opened->config, opened->source, &opened->build, options->params, &dampings,
                              options->out, message));
    printf("%s\n", options->out);
    return GN_OK;
}

int gn_cli_linearize(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_cli_opened opened = {0};
    int code = gn_cli_parse(
        argc, argv, GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_PARAMS | GN_TAKES_DAMPINGS,
        usage, &options);
    if (code >= 0)
        return code;
    const gn_status status = linearize(&options, &opened, &message);
    code = status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
    gn_cli_close(&opened);
    gn_cli_options_free(&options);
    return code;
}
