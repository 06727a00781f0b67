/* The files of experiments/: every point of each, in its full and in its quick size, is a configuration, and
 * says what it shows. What needs data or other runs is not made. */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/config.h"

TestSuite(experiments, .timeout = 60);

static void expect_point(const gn_config_source *source, size_t index, const char *file) {
    gn_message message = {0};
    gn_config_source *point;
    gn_config *config;
    char *label;
    cr_assert_eq(gn_config_sweep_point(source, index, &point, &label, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_config_resolve(point, &config, &message), GN_OK, "%s (%s)", message.text, label);
    cr_expect_neq(config->plot.kind, GN_PLOT_NONE, "%s has no figure", file);
    cr_expect_str_not_empty(config->plot.caption, "%s has no caption", file);
    cr_expect_str_not_empty(config->plot.expected, "%s does not say what is expected", file);
    gn_config_destroy(config);
    gn_config_source_destroy(point);
    free(label);
}

static void expect_size(const char *file, const char *const *settings, size_t count) {
    gn_message message = {0};
    gn_config_source *source;
    cr_assert_eq(gn_config_source_read(file, settings, count, &source, &message), GN_OK, "%s", message.text);
    for (size_t i = 0; i < gn_config_sweep_count(source); i++)
        expect_point(source, i, file);
    gn_config_source_destroy(source);
}

Test(experiments, each_in_both_sizes) {
    static const char *const quick[] = {"--quick"};
    glob_t files;
    cr_assert_eq(glob(GNEWT_SOURCE_DIR "/experiments/*.yaml", 0, NULL, &files), 0);
    cr_expect_gt(files.gl_pathc, 50);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        expect_size(files.gl_pathv[i], NULL, 0);
        expect_size(files.gl_pathv[i], quick, 1);
    }
    globfree(&files);
}
