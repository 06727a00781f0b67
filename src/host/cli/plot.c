#include "cli/cli.h"
#include "report/figure.h"

static const char usage[] =
    "gnewt plot RUN... [--out FILE]\n"
    "\n"
    "Draws the figure of runs, as PNG and SVG. RUN is a run directory, or one that holds some, as\n"
    "a sweep's does. The first run's `plot:` decides what is drawn.\n"
    "\n"
    "  --out FILE  where to (default: figures/ of the run)\n";

int gn_cli_plot(int argc, char **argv) {
    gn_cli_options options;
    gn_figure_report figure;
    int code = gn_cli_parse(argc, argv, GN_TAKES_RUNS | GN_TAKES_OUT, usage, &options);
    if (code >= 0)
        return code;
    gn_status status = gn_figure_write((const char *const *)options.arguments, (size_t)options.argument_count,
                                       options.out, &figure);
    if (status == GN_OK)
        printf("%s\n%s\n", figure.png, figure.svg);
    else
        code = gn_cli_fail(status, &figure.message);
    gn_cli_options_free(&options);
    return status == GN_OK ? GN_EXIT_DONE : code;
}
