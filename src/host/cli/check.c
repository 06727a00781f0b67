#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/size.h"
#include "core/status.h"
#include "run/build.h"

static const char usage[] =
    "gnewt check CONFIG.yaml [--quick] [--set KEY=VALUE]... [--device D] [--seed N]\n"
    "\n"
    "Checks a configuration and its data, predicts the memory that it needs, and prints it with every "
    "default\n"
    "written out. Of a grid under `sweep:` every point is checked, the first one printed, and the largest "
    "named.\n";

/* As comments, so that the output stays a configuration. */
static gn_status print_sizes(const gn_build *build, const gn_config *config, gn_message *message) {
    gn_context *context = build->context;
    size_t samples = gn_array_length(build->dataset.inputs, 0), outputs = gn_network_outputs(build->network);
    size_t tests = build->dataset.test_inputs != NULL ? gn_array_length(build->dataset.test_inputs, 0) : 0;
    size_t batch = config->batch.size == 0 || config->batch.size > samples ? samples : config->batch.size;
    double element = (double)gn_dtype_size(config->precision), M = (double)batch * (double)outputs;
    double P = (double)gn_network_parameters(build->network);
    size_t free_bytes, total_bytes;
    char one[32], two[32];
    gn_status status = gn_context_memory(context, &free_bytes, &total_bytes);
    if (status != GN_OK)
        return gn_build_fail(build, status, "memory", message);
    printf("# device: %s\n", gn_context_device(context));
    printf("# data: %zu training and %zu test samples, %zu features, C = %zu outputs\n", samples, tests,
           gn_network_inputs(build->network), outputs);
    printf("# sizes: M = %.0f residuals a step, P = %.0f parameters, %llu steps\n", M, P,
           (unsigned long long)gn_trainer_steps(build->trainer));
    printf("# memory: %s now, %s at most to begin with\n",
           gn_size_text((double)gn_context_allocated(context), one),
           gn_size_text((double)gn_context_peak(context), two));
    printf("# memory: J J' (M x M) is %s, J'J (P x P) %s\n", gn_size_text(element * M * M, one),
           gn_size_text(element * P * P, two));
    printf("# memory: %s of %s free\n", gn_size_text((double)free_bytes, one),
           gn_size_text((double)total_bytes, two));
    return GN_OK;
}

/* Makes what a run would begin with; prints it after the heading, NULL: not. *peak: bytes on the device. */
static gn_status check_one(const gn_config_source *source, const char *heading, size_t *peak,
                           gn_message *message) {
    gn_config *config = NULL;
    gn_build build = {0};
    char *text = NULL;
    gn_status status;
    GN_TRY_DONE(gn_config_text(source, &text, message));
    GN_TRY_DONE(gn_config_resolve(source, &config, message));
    GN_TRY_DONE(gn_build_create(config, source, NULL, NULL, &build, message));
    GN_TRY_DONE(gn_build_trainer(config, source, &build, message));
    *peak = gn_context_peak(build.context);
    if (heading == NULL)
        goto done;
    printf("%s%s", heading, text);
    status = print_sizes(&build, config, message);
done:
    gn_build_destroy(&build);
    gn_config_destroy(config);
    free(text);
    return status;
}

/* The point of the grid that needs most memory. */
typedef struct largest {
    size_t peak;
    char *label;
} largest;

/* Whether the first point has the same fault: then it is not point i's. */
static bool first_fails_alike(const gn_config_source *source, const gn_message *why) {
    gn_config_source *point;
    gn_message message = {0};
    char *label;
    size_t peak;
    if (gn_config_sweep_point(source, 0, &point, &label, &message) != GN_OK)
        return false;
    const bool alike =
        check_one(point, NULL, &peak, &message) != GN_OK && strcmp(message.text, why->text) == 0;
    gn_config_source_destroy(point);
    free(label);
    return alike;
}

static gn_status check_point(const gn_config_source *source, size_t i, size_t count, largest *most,
                             gn_message *message) {
    gn_config_source *point;
    char *label, heading[256];
    size_t peak = 0;
    GN_TRY(gn_config_sweep_point(source, i, &point, &label, message));
    snprintf(heading, sizeof heading, "# a grid of %zu points, all of them checked; the first, %s:\n", count,
             label);
    gn_status status = check_one(point, i == 0 ? heading : NULL, &peak, message);
    gn_config_source_destroy(point);
    if (status != GN_OK && (i == 0 || !first_fails_alike(source, message))) {
        const gn_message why = *message;
        gn_message_fail(message, status, "%.*s (point %zu of the grid, %s)", (int)sizeof why.text - 300,
                        why.text, i, label);
    }
    if (most->label != NULL && peak < most->peak) {
        free(label);
        return status;
    }
    free(most->label);
    *most = (largest){peak, label};
    return status;
}

/* From the last point to the first: a mistake in any shows before something is printed. */
static gn_status check_grid(const gn_config_source *source, gn_message *message) {
    const size_t count = gn_config_sweep_count(source);
    largest most = {0};
    char size[32];
    gn_status status = GN_OK;
    for (size_t i = count == 0 ? 1 : count; i-- > 0 && status == GN_OK;) /* no point: point 0 says why */
        status = check_point(source, i, count, &most, message);
    if (status == GN_OK)
        printf("# the grid's largest, %s: %s at most to begin with\n", most.label,
               gn_size_text((double)most.peak, size));
    free(most.label);
    return status;
}

int gn_cli_check(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source;
    int code = gn_cli_parse(argc, argv, GN_TAKES_CONFIG | GN_TAKES_SET, usage, &options);
    if (code >= 0)
        return code;
    gn_status status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK) {
        size_t peak;
        status = gn_config_source_has_sweep(source) ? check_grid(source, &message)
                                                    : check_one(source, "", &peak, &message);
        gn_config_source_destroy(source);
    }
    gn_cli_options_free(&options);
    return status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
}
