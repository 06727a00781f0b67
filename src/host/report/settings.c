#include "report/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/tree.h"

void gn_settings_destroy(gn_settings *settings) {
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].key);
        free(settings->items[i].value);
    }
    free(settings->items);
    *settings = (gn_settings){0};
}

const char *gn_settings_get(const gn_settings *settings, const char *key) {
    for (size_t i = 0; i < settings->count; i++)
        if (!strcmp(settings->items[i].key, key))
            return settings->items[i].value;
    return NULL;
}

static gn_status append(gn_settings *settings, const char *key, const char *value) {
    gn_setting *items = realloc(settings->items, (settings->count + 1) * sizeof *items);
    if (!items)
        return GN_ERROR_MEMORY;
    settings->items = items;
    gn_setting item = {strdup(key), strdup(value)};
    if (!item.key || !item.value) {
        free(item.key);
        free(item.value);
        return GN_ERROR_MEMORY;
    }
    items[settings->count++] = item;
    return GN_OK;
}

static gn_status flatten(const gn_node *node, const char *key, gn_settings *settings) {
    if (node->kind == GN_NODE_SCALAR)
        return append(settings, key, node->text);
    for (size_t i = 0; i < node->count; i++) {
        char longer[512], number[32];
        snprintf(number, sizeof number, "%zu", i);
        snprintf(longer, sizeof longer, "%s%s%s", key, *key ? "." : "",
                 node->kind == GN_NODE_MAP ? node->keys[i] : number);
        GN_TRY(flatten(node->items[i], longer, settings));
    }
    return GN_OK;
}

static gn_status read_text(const char *path, char **text, size_t *size, gn_message *message) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return gn_message_fail(message, GN_ERROR_IO, "cannot read '%s': %s", path, strerror(errno));
    long end = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    rewind(file);
    *text = end < 0 ? NULL : malloc((size_t)end + 1);
    *size = *text ? fread(*text, 1, (size_t)end, file) : 0;
    int broken = end < 0 || ferror(file);
    fclose(file);
    if (*text && !broken)
        return GN_OK;
    free(*text);
    return gn_message_fail(message, broken ? GN_ERROR_IO : GN_ERROR_MEMORY, "cannot read '%s'", path);
}

gn_status gn_settings_read(const char *path, gn_settings *settings, gn_message *message) {
    *settings = (gn_settings){0};
    char *text = NULL;
    size_t size = 0;
    gn_tree tree = {0};
    GN_TRY(read_text(path, &text, &size, message));
    gn_status status = gn_tree_parse(text, size, path, NULL, &tree, message);
    if (status == GN_OK && tree.root) {
        status = flatten(tree.root, "", settings);
        if (status != GN_OK)
            gn_message_fail(message, status, "no memory to read '%s'", path);
    }
    gn_tree_destroy(&tree);
    free(text);
    if (status != GN_OK)
        gn_settings_destroy(settings);
    return status;
}
