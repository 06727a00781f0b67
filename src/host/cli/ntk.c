#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "observe/spectrum.h"
#include "report/figure.h"
#include "run/h5.h"
#include "run/linearize.h"

static const char usage[] =
    "gnewt ntk CONFIG.yaml [--params P.h5] [--out FILE] [--set KEY=VALUE]... [--device D] [--seed N]\n"
    "\n"
    "Writes the NTK J J' of the whole training set at one point, and its eigenvalues: /params/<name>,\n"
    "/ntk (M x M) and /ntk_eigenvalues (ascending); prints a table of them and draws a figure beside it.\n"
    "\n"
    "  --params P.h5  the point, under /params/<name>, as run.h5 of a run has it (default: the initial "
    "parameters)\n"
    "  --out FILE     the file to write (default: ntk.h5); the figure is FILE with .png and .svg\n";

/* What is printed, and drawn. */
typedef struct shown {
    size_t count;
    double *values; /* descending */
    gn_spectrum_summary summary;
} shown;

static gn_status read_back(const char *file, shown *s, gn_message *message) {
    gn_h5 *h5;
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    gn_status status = gn_h5_open(file, false, &h5, message);
    if (status != GN_OK)
        return status;
    status = gn_h5_read(h5, "/ntk_eigenvalues", &rank, shape, &s->values, message);
    gn_h5_close(h5, NULL);
    if (status != GN_OK)
        return status;
    s->count = shape[0];
    for (size_t i = 0; i < s->count / 2; i++) {
        const double other = s->values[i];
        s->values[i] = s->values[s->count - 1 - i];
        s->values[s->count - 1 - i] = other;
    }
    s->summary = gn_spectrum_summarize(s->count, s->values, DBL_EPSILON);
    return GN_OK;
}

static void print_table(const gn_build *build, const shown *s, const char *out) {
    printf("%-18s %zu, %zu outputs each\n", "samples", gn_array_length(build->dataset.inputs, 0),
           gn_network_outputs(build->network));
    printf("%-18s %zu\n", "parameters", gn_network_parameters(build->network));
    printf("%-18s %.6e ... %.6e\n", "eigenvalues", s->values[0], s->values[s->count - 1]);
    printf("%-18s %.6e\n", "condition number", s->summary.condition_number);
    printf("%-18s %.6g of %zu\n", "effective rank", s->summary.effective_rank, s->count);
    printf("%-18s %.3e\n", "negative mass", s->summary.negative_mass);
    printf("%-18s %s\n", "file", out);
}

/* A figure that cannot be drawn is a warning: the numbers are there. */
static void draw(const gn_config *config, const shown *s, const char *out) {
    char stem[4096], caption[256];
    gn_figure_report figure;
    snprintf(stem, sizeof stem, "%s", out);
    char *ending = strrchr(stem, '.');
    if (ending && strcmp(ending, ".h5") == 0)
        *ending = 0;
    snprintf(caption, sizeof caption,
             "NTK of %zu residuals. Condition number %.3g, effective rank %.4g, negative mass %.2g.",
             s->count, s->summary.condition_number, s->summary.effective_rank, s->summary.negative_mass);
    const gn_spectrum spectrum = {s->count, s->values, config->name, caption};
    if (gn_spectrum_figure_write(&spectrum, stem, &figure) == GN_OK)
        printf("%-18s %s\n", "figure", figure.png);
    else
        fprintf(stderr, "warning: no figure: %s\n", figure.message.text);
}

static gn_status ntk(const gn_cli_options *options, const gn_config_source *source, const char *out,
                     gn_message *message) {
    gn_config *config;
    gn_build build;
    shown s = {0};
    gn_status status = gn_config_resolve(source, &config, message);
    if (status != GN_OK)
        return status;
    status = gn_build_create(config, source, NULL, NULL, &build, message);
    if (status == GN_OK)
        status = gn_linearize_write_ntk(config, source, &build, options->params, out, message);
    if (status == GN_OK)
        status = read_back(out, &s, message);
    if (status == GN_OK) {
        print_table(&build, &s, out);
        draw(config, &s, out);
    }
    free(s.values);
    gn_build_destroy(&build);
    gn_config_destroy(config);
    return status;
}

int gn_cli_ntk(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    int code = gn_cli_parse(argc, argv, GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_PARAMS,
                            usage, &options);
    if (code >= 0)
        return code;
    const char *out = options.out ? options.out : "ntk.h5";
    gn_status status = GN_OK;
    if (out[0] == '\0')
        status = gn_message_fail(&message, GN_ERROR_CONFIG, "ntk: --out is empty");
    if (status == GN_OK)
        status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK && gn_config_source_has_sweep(source))
        status = gn_message_fail(&message, GN_ERROR_CONFIG,
                                 "%s has a grid under `sweep:`; ntk takes one point: --set sweep=[]",
                                 options.arguments[0]);
    if (status == GN_OK)
        status = ntk(&options, source, out, &message);
    code = status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
