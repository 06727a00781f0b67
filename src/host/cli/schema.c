#include "cli/cli.h"

static const char usage[] =
    "gnewt schema\n"
    "\n"
    "Prints every key of a configuration with its default, type, range, unit and meaning, and\n"
    "the kinds that it belongs to. The output is itself a configuration.\n";

int gn_cli_schema(int argc, char **argv) {
    gn_cli_options options;
    int code = gn_cli_parse(argc, argv, 0, usage, &options);
    if (code >= 0)
        return code;
    gn_config_print_schema(stdout);
    return GN_EXIT_DONE;
}
