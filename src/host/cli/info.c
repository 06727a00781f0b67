#include <stdlib.h>

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "cli/cli.h"
#include "core/size.h"
#include "gnewt/context.h"
#include "gnewt/version.h"
#include "run/h5.h"

static const char usage[] =
    "gnewt info\n"
    "\n"
    "Prints the version, the devices that work here (and why others do not) and the libraries.\n";

/* clang says its name in the version, gcc does not. */
static const char compiler[] =
#if !defined(__clang__)
    "gcc "
#endif
    __VERSION__
#if defined(__OPTIMIZE__)
    ", optimised";
#else
    ", not optimised";
#endif

static void print_device(const char *name) {
    gn_context *context = NULL;
    size_t free_bytes, total_bytes;
    char text[32], total[32];
    if (gn_context_create(&context, name) != GN_OK)
        printf("%-10s not here: %s\n", name, context == NULL ? "out of memory" : gn_error_message(context));
    else if (gn_context_memory(context, &free_bytes, &total_bytes) != GN_OK)
        printf("%-10s %s\n", name, gn_context_device(context));
    else
        printf("%-10s %s; %s of %s free\n", name, gn_context_device(context),
               gn_size_text((double)free_bytes, text), gn_size_text((double)total_bytes, total));
    gn_context_destroy(context);
}

int gn_cli_info(int argc, char **argv) {
    gn_cli_options options;
    char text[32];
    int code = gn_cli_parse(argc, argv, 0, usage, &options);
    if (code >= 0)
        return code;
    printf("%-10s %s\n", "gnewt", GNEWT_VERSION);
    printf("%-10s %s\n", "built by", compiler);
    print_device("cpu");
    print_device("cuda");
    printf("%-10s HDF5 %s, libcyaml %s, libyaml %s\n", "libraries", gn_h5_version(text), cyaml_version_str,
           yaml_get_version_string());
    return GN_EXIT_DONE;
}
