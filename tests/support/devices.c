#include "devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/backend_list.h"

static const char *const names[] = {
#define NAME(name, function) name,
    GN_BACKEND_LIST(NAME)
#undef NAME
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* Whether a list with commas in the environment has the name. */
static bool listed(const char *variable, const char *name) {
    const char *list = getenv(variable);
    const size_t length = strlen(name);
    while (list && *list) {
        const size_t word = strcspn(list, ",");
        if (word == length && memcmp(list, name, length) == 0)
            return true;
        list += word + (list[word] == ',');
    }
    return false;
}

/* Where the variable is not set, all are. */
static bool wanted(const char *variable, const char *name) {
    return !getenv(variable) || listed(variable, name);
}

const char *const *device_names(size_t *count) {
    *count = NAMES;
    return names;
}

bool device_required(const char *device) {
    return listed("GNEWT_REQUIRE_DEVICES", device);
}

gn_context *device_open(const char *device) {
    gn_context *context;
    const gn_status status = gn_context_create(&context, device);
    if (status == GN_OK)
        return context;
    char reason[512];
    snprintf(reason, sizeof(reason), "%s", gn_error_message(context));
    gn_context_destroy(context);
    if (status != GN_ERROR_DEVICE || device_required(device))
        cr_assert_fail("device \"%s\" could not be opened: %s", device, reason);
    cr_skip_test("no device \"%s\": %s", device, reason);
    return NULL;
}

device_type *device_types(size_t *count) {
    static device_type parameters[2 * NAMES];
    *count = 0;
    for (size_t i = 0; i < NAMES; i++)
        for (int dtype = 0; dtype < 2; dtype++) {
            if (!wanted("GNEWT_TEST_DEVICES", names[i]) ||
                !wanted("GNEWT_TEST_TYPES", gn_dtype_name((gn_dtype)dtype)))
                continue;
            device_type *parameter = &parameters[(*count)++];
            snprintf(parameter->device, sizeof(parameter->device), "%s", names[i]);
            parameter->dtype = (gn_dtype)dtype;
        }
    return parameters;
}
