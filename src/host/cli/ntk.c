#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/status.h"
#include "observe/spectrum.h"
#include "report/figure.h"
#include "run/h5.h"
#include "run/linearize.h"

static const char usage[] =
    "gnewt ntk CONFIG.yaml [--params P.h5] [--values K] [--out FILE] [--quick] [--set KEY=VALUE]... "
    "[--device D] [--seed N]\n"
    "\n"
    "Writes the NTK J J' of the whole training set at one point, in float64, and its eigenvalues:\n"
    "/params/<name>, /ntk (M x M) and /ntk_eigenvalues (ascending); prints a table of them and draws a "
    "figure\n"
    "beside it. Of more than 2048 residuals M, or with --values, the largest eigenvalues alone, by products\n"
    "with J (Lanczos), without the matrix: /ntk_eigenvalues (K) and bounds of their errors,\n"
    "/ntk_eigenvalue_bounds (K).\n"
    "\n"
    "  --params P.h5  the point, under /params/<name>, as run.h5 of a run has it (default: the initial "
    "parameters)\n"
    "  --values K     the K largest eigenvalues alone (default: all up to M = 2048, then 20); M: all\n"
    "  --out FILE     the file to write (default: ntk.h5); the figure is FILE with .png and .svg\n";

/* What is printed, and drawn. */
typedef struct shown {
    size_t count, rows; /* eigenvalues, of M */
    double *values;     /* descending */
    double bound;       /* of the largest error; NaN: the whole spectrum, to rounding */
    gn_spectrum_summary summary;
} shown;

static gn_status read_bound(gn_h5 *h5, shown *s, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *bounds;
    s->bound = NAN;
    if (!gn_h5_has(h5, "/ntk_eigenvalue_bounds"))
        return GN_OK;
    GN_TRY(gn_h5_read(h5, "/ntk_eigenvalue_bounds", &rank, shape, &bounds, message));
    s->bound = 0;
    for (size_t i = 0; i < shape[0]; i++)
        s->bound = fmax(s->bound, bounds[i]);
    free(bounds);
    return GN_OK;
}

static gn_status read_values(gn_h5 *h5, shown *s, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    GN_TRY(gn_h5_read(h5, "/ntk_eigenvalues", &rank, shape, &s->values, message));
    s->count = shape[0];
    for (size_t i = 0; i < s->count / 2; i++) {
        const double other = s->values[i];
        s->values[i] = s->values[s->count - 1 - i];
        s->values[s->count - 1 - i] = other;
    }
    s->summary = gn_spectrum_summarize(s->count, s->values, DBL_EPSILON);
    return read_bound(h5, s, message);
}

static gn_status read_back(const char *file, shown *s, gn_message *message) {
    gn_h5 *h5;
    GN_TRY(gn_h5_open(file, false, &h5, message));
    const gn_status status = read_values(h5, s, message);
    gn_h5_close(h5, NULL);
    return status;
}

static bool is_whole(const shown *s) {
    return isnan(s->bound);
}

static void print_table(const gn_build *build, const shown *s, const char *out) {
    printf("%-18s %zu, %zu outputs each\n", "samples", gn_array_length(build->dataset.inputs, 0),
           gn_network_outputs(build->network));
    printf("%-18s %zu\n", "parameters", gn_network_parameters(build->network));
    printf("%-18s %.6e ... %.6e\n", "eigenvalues", s->values[0], s->values[s->count - 1]);
    if (is_whole(s)) {
        printf("%-18s %zu of %zu are above rounding\n", "numerical rank", s->summary.numerical_rank,
               s->count);
        printf("%-18s %.6e, of those\n", "condition number", s->summary.condition_number);
        printf("%-18s %.6g of %zu\n", "effective rank", s->summary.effective_rank, s->count);
        printf("%-18s %.3e, the share of negative eigenvalues: rounding\n", "negative mass",
               s->summary.negative_mass);
    } else {
        printf("%-18s the %zu largest of %zu, each within %.1e\n", "", s->count, s->rows, s->bound);
    }
    printf("%-18s %s\n", "file", out);
}

/* A figure that cannot be drawn is a warning: the numbers are there. */
static void draw(const gn_config *config, const shown *s, const char *out) {
    char stem[4096], title[256], caption[256];
    gn_figure_report figure;
    snprintf(stem, sizeof stem, "%s", out);
    char *ending = strrchr(stem, '.');
    if (ending && strcmp(ending, ".h5") == 0)
        *ending = 0;
    if (is_whole(s))
        snprintf(
            caption, sizeof caption,
            "NTK of %zu residuals. Condition number %.3g of the %zu eigenvalues above rounding, effective "
            "rank %.4g, negative mass %.2g.",
            s->count, s->summary.condition_number, s->summary.numerical_rank, s->summary.effective_rank,
            s->summary.negative_mass);
    else
        snprintf(caption, sizeof caption,
                 "NTK of %zu residuals: its %zu largest eigenvalues, each within %.2g.", s->rows, s->count,
                 s->bound);
    snprintf(title, sizeof title, "NTK of %s", config->name);
    const gn_spectrum spectrum = {s->count, s->values, title, caption};
    if (gn_spectrum_figure_write(&spectrum, stem, &figure) == GN_OK)
        printf("%-18s %s\n", "figure", figure.png);
    else
        fprintf(stderr, "warning: no figure: %s\n", figure.message.text);
}

/* "20"; absent: 0 */
static gn_status read_count(const char *text, size_t *count, gn_message *message) {
    char *end;
    *count = 0;
    if (text == NULL)
        return GN_OK;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 1 && value <= 1e9) || value != floor(value))
        return gn_message_fail(message, GN_ERROR_CONFIG, "--values: `%.100s` is no number of eigenvalues",
                               text);
    *count = (size_t)value;
    return GN_OK;
}

static gn_status ntk(const gn_cli_options *options, gn_cli_opened *opened, shown *s, gn_message *message) {
    const char *out = options->out ? options->out : "ntk.h5";
    size_t values;
    if (out[0] == '\0')
        return gn_message_fail(message, GN_ERROR_CONFIG, "ntk: --out is empty");
    GN_TRY(read_count(options->values, &values, message));
    GN_TRY(gn_cli_open(options, "ntk", opened, message));
    s->rows = gn_array_length(opened->build.dataset.inputs, 0) * gn_network_outputs(opened->build.network);
    GN_TRY(gn_linearize_write_ntk(opened->config, opened->source, &opened->build, options->params, values,
                                  out, message));
    GN_TRY(read_back(out, s, message));
    print_table(&opened->build, s, out);
    draw(opened->config, s, out);
    return GN_OK;
}

int gn_cli_ntk(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_cli_opened opened = {0};
    shown s = {0};
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_PARAMS | GN_TAKES_VALUES,
                            usage, &options);
    if (code >= 0)
        return code;
    const gn_status status = ntk(&options, &opened, &s, &message);
    code = status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
    free(s.values);
    gn_cli_close(&opened);
    gn_cli_options_free(&options);
    return code;
}
