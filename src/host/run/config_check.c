/* Sections: which keys there are, which are missing, which do not belong. */
#include "run/config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/status.h"

gn_status gn_check_fail(const gn_check *check, const gn_node *node, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (node != NULL && node->setting != NULL)
        return gn_message_fail(check->message, GN_ERROR_CONFIG, "%s: %s", node->setting, text);
    if (node != NULL && node->line > 0)
        return gn_message_fail(check->message, GN_ERROR_CONFIG, "%s:%d: %s", check->source->file, node->line,
                               text);
    return gn_message_fail(check->message, GN_ERROR_CONFIG, "%s: %s", check->source->file, text);
}

gn_status gn_check_memory(const gn_check *check) {
    return gn_message_fail(check->message, GN_ERROR_MEMORY, "%s: out of memory while reading",
                           check->source->file);
}

/* Lengthens the path by a key; returns its old length, to cut it back to. */
static size_t enter(gn_check *check, const char *key) {
    size_t length = strlen(check->path);
    snprintf(check->path + length, sizeof check->path - length, "%s%s", length > 0 ? "." : "", key);
    return length;
}

/* " in phases.0.optimizer", or nothing at the top. */
static const char *inside(const gn_check *check, char text[300]) {
    snprintf(text, 300, "%s%s", check->path[0] != '\0' ? " in " : "", check->path);
    return text;
}

static gn_status unknown_key(const gn_check *check, const gn_section *section, const gn_node *item,
                             const char *name, int64_t kind, const char *kind_name) {
    const char *names[64];
    size_t count = 0;
    for (const gn_key *key = section->keys; key->name != NULL && count < 64; key++)
        if (key->kinds >> kind & 1)
            names[count++] = key->name;
    char near[512], where[300];
    inside(check, where);
    const gn_key *other = gn_section_key(section, name, -1);
    gn_nearest_text(name, names, count, near, sizeof near);
    if (other == NULL)
        return gn_check_fail(check, item, "unknown key `%.100s`%s%s", name, where, near);
    char kinds[256] = "";
    for (const gn_choice *choice = gn_section_kinds(section); choice->str != NULL; choice++)
        if (gn_section_key(section, name, choice->val) != NULL) {
            size_t used = strlen(kinds);
            snprintf(kinds + used, sizeof kinds - used, "%s%s", used > 0 ? ", " : "", choice->str);
        }
    return gn_check_fail(check, item, "key `%s`%s does not belong to kind %s, only to %s; take it away", name,
                         where, kind_name, kinds);
}

/* The section's kind: given, by default, or an error. 0 and "" where it has none. */
static gn_status find_kind(gn_check *check, const gn_section *section, const gn_node *node,
                           const gn_node *parent, int64_t *kind, const char **name) {
    const gn_key *key = gn_section_key(section, "kind", -1);
    *kind = 0;
    *name = "";
    if (key == NULL)
        return GN_OK;
    const gn_node *given = node == NULL ? NULL : gn_node_get(node, "kind");
    if (given == NULL && key->fallback == GN_KEY_NEEDED) {
        char near[512];
        const char *names[32];
        size_t count = 0;
        for (const gn_choice *choice = key->choices; choice->str != NULL && count < 32; choice++)
            names[count++] = choice->str;
        return gn_check_fail(check, node != NULL ? node : parent, "%s needs `kind`%s", check->path,
                             gn_nearest_text(NULL, names, count, near, sizeof near));
    }
    *name = key->fallback;
    if (given != NULL) {
        gn_node *checked;
        size_t length = enter(check, "kind");
        GN_TRY(gn_check_value(check, key, given, &checked));
        check->path[length] = '\0';
        *name = checked->text;
    }
    *kind = gn_choice_find(key->choices, *name)->val;
    return GN_OK;
}

/* The default of a row as a node without a line. */
static gn_status parse_fallback(gn_check *check, const gn_key *key, gn_node **node) {
    gn_tree *out = check->out;
    gn_node *root = out->root;
    out->root = NULL;
    gn_status status =
        gn_tree_parse(key->fallback, strlen(key->fallback), key->name, NULL, out, check->message);
    *node = out->root;
    out->root = root;
    if (status == GN_OK && *node != NULL)
        (*node)->line = 0;
    return status;
}

static gn_status check_sections(gn_check *check, const gn_key *key, const gn_node *list, gn_node **resolved) {
    if (list->kind != GN_NODE_LIST)
        return gn_check_fail(check, list, "%s must be a list: begin each entry with `- `", check->path);
    *resolved = gn_tree_node(check->out, GN_NODE_LIST);
    for (size_t i = 0; *resolved != NULL && i < list->count; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        size_t length = enter(check, index);
        gn_node *item;
        GN_TRY(gn_check_section(check, key->section, list->items[i], list, &item));
        check->path[length] = '\0';
        if (!gn_tree_add(check->out, *resolved, NULL, item))
            return gn_check_memory(check);
    }
    return *resolved == NULL ? gn_check_memory(check) : GN_OK;
}

/* One row of a section whose mapping is `node`. */
static gn_status check_row(gn_check *check, const gn_key *key, const gn_node *node, const gn_node *parent,
                           gn_node **resolved) {
    gn_node *item = node == NULL ? NULL : gn_node_get(node, key->name);
    const gn_node *origin = item != NULL ? item : node != NULL ? node : parent;
    size_t length = enter(check, key->name);
    if (item == NULL && key->fallback == GN_KEY_NEEDED) {
        check->path[length] = '\0';
        char where[300];
        return gn_check_fail(check, origin, "key `%s` is missing%s%s%s", key->name, inside(check, where),
                             key->doc[0] != '\0' ? ": " : "", key->doc);
    }
    if (item == NULL)
        GN_TRY(parse_fallback(check, key, &item));
    if (item == NULL) /* computed later */
        item = gn_tree_scalar(check->out, "", true);
    else if (key->type == GN_KEY_SECTION || key->type == GN_KEY_OPTIONAL_SECTION)
        GN_TRY(gn_check_section(check, key->section, item, origin, &item));
    else if (key->type == GN_KEY_SECTIONS)
        GN_TRY(check_sections(check, key, item, &item));
    else
        GN_TRY(gn_check_value(check, key, item, &item));
    if (item == NULL)
        return gn_check_memory(check);
    item->line = origin != NULL ? origin->line : 0;
    item->setting = origin != NULL ? origin->setting : NULL;
    check->path[length] = '\0';
    *resolved = item;
    return GN_OK;
}

gn_status gn_check_section(gn_check *check, const gn_section *section, const gn_node *node,
                           const gn_node *parent, gn_node **resolved) {
    int64_t kind;
    const char *kind_name;
    if (node != NULL && node->kind != GN_NODE_MAP)
        return gn_check_fail(check, node, "%s must be a mapping of keys to values, as `{key: value}`",
                             check->path[0] != '\0' ? check->path : "the file");
    GN_TRY(find_kind(check, section, node, parent, &kind, &kind_name));
    for (size_t i = 0; node != NULL && i < node->count; i++)
        if (gn_section_key(section, node->keys[i], kind) == NULL)
            return unknown_key(check, section, node->items[i], node->keys[i], kind, kind_name);
    gn_node *map = gn_tree_node(check->out, GN_NODE_MAP);
    if (map == NULL)
        return gn_check_memory(check);
    for (const gn_key *key = section->keys; key->name != NULL; key++) {
        gn_node *item;
        const bool absent = GN_KEY_IS_OPTIONAL(key->type) && (node == NULL || !gn_node_get(node, key->name));
        if ((key->kinds >> kind & 1) == 0 || GN_KEY_IS_APART(key->type) || absent)
            continue;
        GN_TRY(check_row(check, key, node, parent, &item));
        if (!gn_tree_add(check->out, map, key->name, item))
            return gn_check_memory(check);
    }
    map->line = node != NULL ? node->line : 0;
    map->setting = node != NULL ? node->setting : NULL;
    *resolved = map;
    return GN_OK;
}
