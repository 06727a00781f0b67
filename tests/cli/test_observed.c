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

static const char config[] =
    "name: all\n"
    "problem: {kind: multi_sine_1d, points: 12, test_points: 5}\n"
    "network: {kind: mlp, widths: [1, 4, 1]}\n"
    "phases: [{steps: 4, optimizer: {kind: levenberg_marquardt}}]\n"
    "observe:\n"
    "  - {kind: norms}\n"
    "  - {kind: ntk}\n"
    "  - {kind: drift, companion: true}\n"
    "  - {kind: curvature, values: 2, steps: 5, starts: 1, probes: 2}\n"
    "plot: {kind: metrics, metrics: [loss_train, norms/weight_norm, drift/uniformity]}\n";

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(observed, .init = setup, .fini = teardown, .timeout = 60);

static void expect_numbers(const gn_run *run, const char *name) {
    const char *slash = strchr(name, '/');
    char observer[64];
    gn_message message = {0};
    gn_series series;
    snprintf(observer, sizeof observer, "%.*s", (int)(slash - name), name);
    cr_assert_eq(gn_run_observation(run, observer, slash + 1, &series, &message), GN_OK, "%s", message.text);
    cr_expect_eq(series.width, 1, "%s", name);
    cr_expect_eq(series.rank, 0, "%s", name);
    cr_expect_gt(series.rows, 1, "%s", name);
    gn_series_free(&series);
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

Test(observed, all_that_can_be_drawn_is_written_and_has_an_axis) {
    const gn_section *plot = gn_section_key(&gn_config_section, "plot", -1)->section;
    gn_message message = {0};
    gn_run run;
    char path[300];
    size_t found = 0;
    expect_command(folder, "run c.yaml --out r", 0);
    cr_expect(file_exists(folder, "r/figures/all.svg"));
    snprintf(path, sizeof path, "%s/r", folder);
    cr_assert_eq(gn_run_open(path, &run, &message), GN_OK, "%s", message.text);
    for (const gn_choice *c = gn_section_key(plot, "metrics", -1)->choices; c->str != NULL; c++) {
        expect_quantity(c->str);
        if (strchr(c->str, '/') != NULL) {
            expect_numbers(&run, c->str);
            found++;
        }
    }
    cr_expect_gt(found, 4);
    gn_run_close(&run);
}
