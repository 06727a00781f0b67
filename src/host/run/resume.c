/* Whether a run directory was made by this configuration. */
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/execute.h"
#include "run/tree.h"

/* The path of the first difference into `path`; false where there is none. Text and quoted text are the same.
 */
static bool find_difference(const gn_node *was, const gn_node *is, char *path, size_t size, bool top) {
    size_t length = strlen(path);
    if (was->kind != is->kind || (was->kind != GN_NODE_MAP && was->count != is->count))
        return true;
    if (was->kind == GN_NODE_SCALAR)
        return strcmp(was->text, is->text) != 0;
    for (size_t i = 0; i < is->count; i++) {
        const char *key = is->keys[i];
        if (key != NULL && top && (strcmp(key, "device") == 0 || strcmp(key, "plot") == 0))
            continue;
        if (key != NULL)
            snprintf(path + length, size - length, "%s%s", length > 0 ? "." : "", key);
        else
            snprintf(path + length, size - length, ".%zu", i);
        const gn_node *other = key != NULL ? gn_node_get(was, key) : was->items[i];
        if (other == NULL || find_difference(other, is->items[i], path, size, false))
            return true;
        path[length] = '\0';
    }
    return was->count != is->count;
}

static const char *text_at(const gn_node *root, const char *path) {
    const gn_node *node = gn_node_find(root, path);
    return node == NULL                   ? "absent"
           : node->kind == GN_NODE_SCALAR ? node->text
           : node->kind == GN_NODE_MAP    ? "a mapping"
           : node->count == 0             ? "an empty list"
                                          : "another list";
}

gn_status gn_resume_check(const char *directory, const char *text, gn_message *message) {
    char file[4200], path[256] = "";
    gn_config_source *source;
    char *earlier = NULL;
    gn_tree was = {0}, is = {0};
    snprintf(file, sizeof file, "%s/config.yaml", directory);
    GN_TRY(gn_config_source_read(file, NULL, 0, &source, message));
    gn_status status = gn_config_text(source, &earlier, message);
    gn_config_source_destroy(source);
    GN_TRY(status);
    GN_TRY_DONE(gn_tree_parse(earlier, strlen(earlier), file, NULL, &was, message));
    GN_TRY_DONE(gn_tree_parse(text, strlen(text), "configuration", NULL, &is, message));
    if (find_difference(was.root, is.root, path, sizeof path, true))
        status = gn_message_fail(message, GN_ERROR_CONFIG,
                                 "--resume: `%s` is %s now and was %s in %s; take --out to begin another run",
                                 path, text_at(is.root, path), text_at(was.root, path), file);
done:
    gn_tree_destroy(&was);
    gn_tree_destroy(&is);
    free(earlier);
    return status;
}
