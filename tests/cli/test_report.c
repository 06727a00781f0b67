/* gnewt report, as a user calls it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "scratch.h"

static char folder[256];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    write_file(folder, "c.yaml", quick_config);
    write_file(folder, "g.yaml", grid_config);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(report, .init = setup, .fini = teardown, .timeout = 120);

Test(report, of_a_run_and_of_a_sweep) {
    expect_command(folder, "run c.yaml --out r --quiet --set plot.expected='It learns.'", 0);
    expect_command(folder, "sweep g.yaml --out s --quiet --jobs 2", 0);
    command_result result = expect_command(folder, "report r s --out my.html", 0);
    cr_expect_str_eq(result.out, "my.html\n");
    cr_expect_str_eq(result.err, "");
    char *html = read_file(folder, "my.html");
    static const char *const words[] = {"It learns.",
                                        "gnewt 0.",
                                        "cpu",
                                        "float64",
                                        "begun 2",
                                        "6 runs, 3 settings",
                                        "levenberg_marquardt, then adam"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect_not_null(strstr(html, words[i]), "no `%s`", words[i]);
    cr_expect_null(strstr(html, "not recorded"));
    free(html);
    cr_expect(file_exists(folder, "my-figures/quick.png") && file_exists(folder, "my-figures/grid.svg"));
}

Test(report, mistakes) {
    static const struct {
        const char *arguments;
        int status;
        const char *message;
    } cases[] = {
        {"report r", 2, "--out REPORT.html is missing"},
        {"report --out r.html", 2, "give a run directory"},
        {"report nowhere --out r.html", 1, "nowhere"},
        {"report . --out r.html", 1, "is no run"},
        {"report r --out no/folder/r.html", 1, "cannot write 'no/folder/r.html': No such file or directory"},
        {"report r --out r/", 1, "is no name for a report"},
        {"report r --out .", 1, "cannot write '.'"},
        {"report r nowhere --out r.html", 1, "nowhere"},
    };
    write_file(folder, "notes", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i == 4)
            expect_command(folder, "run c.yaml --out r --quiet", 0);
        command_result result = expect_command(folder, cases[i].arguments, cases[i].status);
        cr_expect(strstr(result.err, cases[i].message) != NULL, "%s: no `%s` in: %s", cases[i].arguments,
                  cases[i].message, result.err);
        cr_expect_not(file_exists(folder, "r.html"));
    }
    cr_expect_not(file_exists(folder, "..new"));
}

/* Without gnuplot there is a report, which says what is missing. */
Test(report, without_gnuplot) {
    char line[1024];
    expect_command(folder, "run c.yaml --out r --quiet", 0);
    snprintf(line, sizeof line, "cd '%s' && PATH=/nowhere '%s' report r --out r.html >.out 2>.err", folder,
             GNEWT_CLI);
    cr_assert_eq(system(line), 0);
    char *html = read_file(folder, "r.html"), *err = read_file(folder, ".err");
    cr_expect_not_null(strstr(html, "There is no figure: figures are drawn by gnuplot"));
    cr_expect_not_null(strstr(html, "At the end of the runs"));
    cr_expect(strstr(err, "warning: 0 of 1 figures drawn") == err, "%s", err);
    free(html);
    free(err);
}
