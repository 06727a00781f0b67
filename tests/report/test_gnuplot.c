/* gnuplot as a child: what it is told, and what is told of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "report/gnuplot.h"
#include "report_case.h"

TestSuite(report_gnuplot);

static gn_script open_script(report_case *test) {
    gn_script script;
    cr_assert_eq(gn_script_open(&script, test->folder, &test->message), GN_OK, "%s", test->message.text);
    return script;
}

/* What was written to the script, into text. */
static void read_back(gn_script *script, char *text, size_t size) {
    rewind(script->file);
    text[fread(text, 1, size - 1, script->file)] = 0;
}

Test(report_gnuplot, names_are_shown_as_they_stand) {
    report_case test = report_start();
    gn_script script = open_script(&test);
    char text[256];
    gn_script_text(&script, "a_b^{c} @x &y ~z \\n it's `date`\n\"$(x)\" µ");
    read_back(&script, text, sizeof text);
    cr_expect_str_eq(text, "'a\\_b\\^\\{c\\} \\@x \\&y \\~z \\\\n it''s `date` \"$(x)\" µ'");
    gn_script_close(&script);
    report_end(&test);
}

Test(report_gnuplot, rows_that_no_axis_can_hold) {
    report_case test = report_start();
    gn_script script = open_script(&test);
    double step[] = {0, 1, 2}, median[] = {1, 0, NAN}, low[] = {0.5, -1, NAN}, high[] = {2, 3, INFINITY};
    gn_band band = {.count = 3, .step = step, .median = median, .low = low, .high = high};
    char text[256];
    cr_expect_eq(gn_script_band(&script, &band, true), 0);
    cr_expect_eq(gn_script_band(&script, &(gn_band){0}, false), 1);
    read_back(&script, text, sizeof text);
    cr_expect_str_eq(text, "$b0 << GN_END\n0 1 0.5 2\n1 1e-300 1e-300 3\n2 NaN NaN NaN\nGN_END\n"
                           "$b1 << GN_END\n0 NaN NaN NaN\nGN_END\n");
    gn_script_close(&script);
    report_end(&test);
}

/* Runs a script with PATH set to `path`; the message is in the case. */
static gn_status run_with(report_case *test, const char *path) {
    gn_script script = open_script(test);
    char png[2 * REPORT_PATH], svg[2 * REPORT_PATH];
    snprintf(png, sizeof png, "%s/a.png", test->folder);
    snprintf(svg, sizeof svg, "%s/a.svg", test->folder);
    fputs("plot nothing\n", script.file);
    setenv("PATH", path, 1);
    gn_status status = gn_script_run(&script, png, svg, &test->message);
    gn_script_close(&script);
    return status;
}

Test(report_gnuplot, its_absence_says_what_to_install) {
    report_case test = report_start();
    cr_expect_eq(run_with(&test, test.folder), GN_ERROR_UNSUPPORTED);
    cr_expect_not_null(strstr(test.message.text, "gnuplot-nox"), "%s", test.message.text);
    cr_expect_eq(report_entries(&test, "."), 0, "temporary files are left");
    report_end(&test);
}

Test(report_gnuplot, its_complaints_are_handed_on) {
    report_case test = report_start();
    char path[2 * REPORT_PATH];
    snprintf(path, sizeof path, "%s/gnuplot", test.folder);
    FILE *file = fopen(path, "w");
    fputs("#!/bin/sh\necho 'line 3: no such terminal' >&2\nexit 3\n", file);
    fclose(file);
    chmod(path, 0755);
    cr_expect_eq(run_with(&test, test.folder), GN_ERROR_IO);
    cr_expect_not_null(strstr(test.message.text, "line 3: no such terminal"), "%s", test.message.text);
    cr_expect_eq(report_entries(&test, "."), 1, "temporary files are left");
    report_end(&test);
}

Test(report_gnuplot, a_mistake_in_the_script_fails) {
    report_case test = report_start();
    cr_expect_eq(run_with(&test, getenv("PATH")), GN_ERROR_IO);
    cr_expect_not_null(strstr(test.message.text, "nothing"), "%s", test.message.text);
    cr_expect_eq(report_entries(&test, "."), 0);
    report_end(&test);
}

Test(report_gnuplot, a_folder_that_cannot_be_written_is_named) {
    gn_script script;
    gn_message message = {0};
    cr_expect_eq(gn_script_open(&script, "/nowhere/at/all", &message), GN_ERROR_IO);
    cr_expect_not_null(strstr(message.text, "/nowhere/at/all"), "%s", message.text);
    gn_script_close(&script);
}
