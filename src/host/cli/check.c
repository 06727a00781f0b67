#include <stdlib.h>

#include "cli/cli.h"
#include "core/size.h"
#include "core/status.h"
#include "run/build.h"

static const char usage[] =
    "gnewt check CONFIG.yaml [--set KEY=VALUE]... [--device D] [--seed N]\n"
    "\n"
    "Checks a configuration and its data, predicts the memory that it needs, and prints it with every "
    "default\n"
    "written out. Of a grid under `sweep:` every point is checked, and the first one printed.\n";

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

static gn_status check_one(const gn_config_source *source, gn_message *message) {
    gn_config *config = NULL;
    gn_build build = {0};
    char *text = NULL;
    gn_status status;
    GN_TRY_DONE(gn_config_text(source, &text, message));
    GN_TRY_DONE(gn_config_resolve(source, &config, message));
    GN_TRY_DONE(gn_build_create(config, source, NULL, NULL, &build, message));
    GN_TRY_DONE(gn_build_trainer(config, source, &build, message));
    fputs(text, stdout);
    status = print_sizes(&build, config, message);
done:
    gn_build_destroy(&build);
    gn_config_destroy(config);
    free(text);
    return status;
}

static gn_status check_grid(const gn_config_source *source, gn_message *message) {
    size_t count = gn_config_sweep_count(source);
    for (size_t i = count; i-- > 0;) { /* the first comes last, and is printed */
        gn_config_source *point;
        gn_config *config;
        char *label;
        GN_TRY(gn_config_sweep_point(source, i, &point, &label, message));
        gn_status status = gn_config_resolve(point, &config, message);
        if (status == GN_OK && i == 0) {
            printf("# a grid of %zu points; the first, %s:\n", count, label);
            status = check_one(point, message);
        }
        gn_config_destroy(config);
        gn_config_source_destroy(point);
        free(label);
        GN_TRY(status);
    }
    return GN_OK;
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
        status =
            gn_config_source_has_sweep(source) ? check_grid(source, &message) : check_one(source, &message);
        gn_config_source_destroy(source);
    }
    gn_cli_options_free(&options);
    return status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
}
