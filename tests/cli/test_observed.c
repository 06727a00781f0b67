/* What `plot: {kind: metrics, metrics: [...]}` names, observers write. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "report/quantity.h"
#include "run/config_keys.h"
#include "run/reader.h"
#include "scratch.h"

static char folder[256];

/* Between them all observers that write numbers at each look. */
static const char *const configs[] = {
    "name: all\n"
    "problem: {kind: multi_sine_1d, points: 12, test_points: 5}\n"
    "network: {kind: mlp, widths: [1, 4, 1]}\n"
    "phases: [{steps: 4, optimizer: {kind: levenberg_marquardt}}]\n"
    "observe:\n"
    "  - {kind: norms}\n"
    "  - {kind: ntk}\n"
    "  - {kind: drift, companion: true}\n"
    "  - {kind: curvature, values: 2, steps: 5, starts: 1, probes: 2}\n"
    "plot: {kind: metrics, metrics: [loss_train, norms/weight_norm, drift/uniformity]}\n",
    "name: all\n"
    "problem: {kind: polynomial, features: 3, points: 12, test_points: 5}\n"
    "network: {kind: committee, hidden: 4}\n"
    "phases: [{steps: 4, optimizer: {kind: levenberg_marquardt}}]\n"
    "observe: [{kind: rays}]\n"
    "plot: {kind: metrics, metrics: [rays/first_error_test]}\n",
    "name: all\n"
    "problem: {kind: modular_addition, modulus: 3}\n"
    "network: {kind: quadratic, hidden: 4}\n"
    "phases: [{steps: 4, optimizer: {kind: levenberg_marquardt}}]\n"
    "observe: [{kind: participation}]\n"
    "plot: {kind: metrics, metrics: [participation/inverse_ratio]}\n"};
enum { CONFIGS = sizeof configs / sizeof *configs };

static void setup(void) {
    scratch_create(folder, sizeof folder);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(observed, .init = setup, .fini = teardown, .timeout = 60);

/* false: no run of that observer. */
static bool expect_numbers(const gn_run *run, const char *name) {
    const char *slash = strchr(name, '/');
    char observer[64];
    gn_message message = {0};
    gn_series series;
    snprintf(observer, sizeof observer, "%.*s", (int)(slash - name), name);
    if (gn_run_observation(run, observer, slash + 1, &series, &message) != GN_OK)
        return false;
    cr_expect_eq(series.width, 1, "%s", name);
    cr_expect_eq(series.rank, 0, "%s", name);
    cr_expect_gt(series.rows, 1, "%s", name);
    gn_series_free(&series);
    return true;
}

/* The family of a column has an axis of its own: not just the name that it was asked by. */
static void expect_quantity(const char *column) {
    char family[64];
    snprintf(family, sizeof family, "%s", column);
    for (const char *const *end = (const char *const[]){"_train", "_test", NULL}; *end != NULL; end++) {
        const size_t length = strlen(family), cut = strlen(*end);
        if (length > cut && strcmp(family + length - cut, *end) == 0)
            family[length - cut] = '\0';
    }
    cr_expect_neq(gn_quantity_of(family).label, family, "%s", column);
}

static void make_run(size_t i, gn_run *run) {
    gn_message message = {0};
    char path[300], command[64];
    write_file(folder, "c.yaml", configs[i]);
    snprintf(command, sizeof command, "run c.yaml --out r%zu", i);
    expect_command(folder, command, 0);
    snprintf(path, sizeof path, "r%zu/figures/all.svg", i);
    cr_expect(file_exists(folder, path));
    snprintf(path, sizeof path, "%s/r%zu", folder, i);
    cr_assert_eq(gn_run_open(path, run, &message), GN_OK, "%s", message.text);
}

Test(observed, all_that_can_be_drawn_is_written_and_has_an_axis) {
    const gn_section *plot = gn_section_key(&gn_config_section, "plot", -1)->section;
    gn_run runs[CONFIGS];
    for (size_t i = 0; i < CONFIGS; i++)
        make_run(i, &runs[i]);
    for (const gn_choice *c = gn_section_key(plot, "metrics", -1)->choices; c->str != NULL; c++) {
        bool written = strchr(c->str, '/') == NULL;
        expect_quantity(c->str);
        for (size_t i = 0; i < CONFIGS && !written; i++)
            written = expect_numbers(&runs[i], c->str);
        cr_expect(written, "%s", c->str);
    }
    for (size_t i = 0; i < CONFIGS; i++)
        gn_run_close(&runs[i]);
}
