#include "report/report.h"

#include <stdlib.h>

#include "cli/cli.h"

static const char usage[] =
    "gnewt report RUN... --out REPORT.html\n"
    "\n"
    "Writes one HTML file about runs: a section for each RUN, a run directory or one that holds some, as a\n"
    "sweep's does. It holds the figure and its caption, `plot.expected` beside what was found, tables over "
    "the\n"
    "seeds, every setting, and needs no other file. The figures also go to REPORT-figures/ as PNG and SVG.\n"
    "\n"
    "  --out REPORT.html  the file to write; one of that name is replaced\n";

int gn_cli_report(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    int code = gn_cli_parse(argc, argv, GN_TAKES_RUNS | GN_TAKES_OUT, usage, &options);
    if (code >= 0)
        return code;
    gn_report *report = calloc(1, sizeof *report);
    gn_status status = report != NULL ? GN_OK : gn_message_fail(&message, GN_ERROR_MEMORY, "out of memory");
    if (status == GN_OK && (options.out == NULL || options.out[0] == '\0'))
        status = gn_message_fail(&message, GN_ERROR_CONFIG, "report: --out REPORT.html is missing");
    if (status == GN_OK) {
        status = gn_report_write((const char *const *)options.arguments, (size_t)options.argument_count,
                                 options.out, report);
        message = report->message;
    }
    code = status == GN_OK ? GN_EXIT_DONE : gn_cli_fail(status, &message);
    if (status == GN_OK && report->trouble[0] != '\0')
        fprintf(stderr, "warning: %zu of %d figures drawn: %s\n", report->drawn, options.argument_count,
                report->trouble);
    if (status == GN_OK)
        printf("%s\n", options.out);
    free(report);
    gn_cli_options_free(&options);
    return code;
}
