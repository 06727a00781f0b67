/* The quick size of an experiment: the settings under `quick:`, applied before those of the command line. */
#include <stdio.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"

enum { MOST_TEXT = 300 };

static gn_status check_quick(const gn_check *check, const gn_node *quick) {
    if (quick->kind != GN_NODE_MAP)
        return gn_check_fail(check, quick,
                             "quick must be a mapping: {leaves_out: \"text\", KEY: VALUE, ...}");
    const gn_node *text = gn_node_get(quick, "leaves_out");
    if (text == NULL || text->kind != GN_NODE_SCALAR || text->text[0] == '\0' ||
        strlen(text->text) > MOST_TEXT)
        return gn_check_fail(
            check, text != NULL ? text : quick,
            "quick.leaves_out must say, in 1 to %d characters, what the quick size leaves out", MOST_TEXT);
    for (size_t i = 0; i < quick->count; i++)
        if (strncmp(quick->keys[i], "quick", 5) == 0)
            return gn_check_fail(check, quick->items[i], "quick cannot set `%.100s`, a key of its own",
                                 quick->keys[i]);
    return GN_OK;
}

gn_status gn_check_quick(const gn_check *check) {
    const gn_node *quick = gn_node_get(check->source->tree.root, "quick");
    return quick == NULL ? GN_OK : check_quick(check, quick);
}

static gn_status apply(gn_config_source *source, const char *key, const gn_node *given, gn_message *message) {
    char text[512];
    snprintf(text, sizeof text, "%s:%d: quick size's %.200s", source->file, given->line, key);
    const char *origin = gn_tree_text(&source->tree, text);
    gn_node *value = gn_tree_copy(&source->tree, given);
    if (origin == NULL || value == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    value->setting = origin;
    return gn_tree_put(&source->tree, key, value, origin, message);
}

gn_status gn_source_apply_quick(gn_config_source *source, gn_message *message) {
    const gn_check check = {.source = source, .message = message};
    gn_node *quick = gn_node_get(source->tree.root, "quick");
    if (quick == NULL)
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "--quick: %s has no section `quick:`, so there is one size of it alone",
                               source->file);
    GN_TRY(check_quick(&check, quick));
    gn_node_remove(source->tree.root, "quick");
    source->quick = gn_node_get(quick, "leaves_out")->text;
    for (size_t i = 0; i < quick->count; i++)
        if (strcmp(quick->keys[i], "leaves_out") != 0)
            GN_TRY(apply(source, quick->keys[i], quick->items[i], message));
    return GN_OK;
}

const char *gn_config_quick(const gn_config_source *source) {
    return source->quick;
}
