#include "device_list.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/backend_list.h"
#include "gnewt/context.h"

struct criterion_test_params device_parameters(void) {
    static device_parameter devices[] = {
#define DEVICE(name, create) {name},
        GN_BACKEND_LIST(DEVICE)
#undef DEVICE
    };
    return cr_make_param_array(device_parameter, devices, sizeof devices / sizeof *devices);
}

static bool is_required(const char *name) {
    const char *list = getenv("GNEWT_REQUIRE_DEVICES");
    size_t length = strlen(name);
    while (list && *list) {
        size_t item = strcspn(list, ",");
        if (item == length && strncmp(list, name, length) == 0)
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}

bool device_ready(const char *name) {
    gn_context *context;
    gn_status status = gn_context_create(&context, name);
    if (status == GN_OK) {
        gn_context_destroy(context);
        return true;
    }
    char reason[512] = "no memory for a context";
    if (context)
        strncpy(reason, gn_error_message(context), sizeof reason - 1);
    gn_context_destroy(context);
    if (is_required(name))
        cr_assert_fail("%s is required, but: %s", name, reason);
    cr_skip_test("%s: %s", name, reason);
    return false;
}
