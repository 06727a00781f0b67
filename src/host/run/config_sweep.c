/* The grid under `sweep:`, one source a point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"

enum { MOST_POINTS = 100000 };

static const gn_node *sweep_of(const gn_config_source *source) {
    return gn_node_get(source->tree.root, "sweep");
}

bool gn_config_source_has_sweep(const gn_config_source *source) {
    const gn_node *sweep = sweep_of(source);
    return sweep != NULL && (sweep->kind != GN_NODE_LIST || sweep->count > 0);
}

static size_t axis_count(const gn_node *axis) {
    const gn_node *values = gn_node_get(axis, "values");
    return values == NULL || values->kind != GN_NODE_LIST ? 0 : values->count;
}

size_t gn_config_sweep_count(const gn_config_source *source) {
    const gn_node *sweep = sweep_of(source);
    size_t points = 1;
    if (!gn_config_source_has_sweep(source))
        return 0;
    for (size_t i = 0; i < sweep->count && points <= MOST_POINTS; i++)
        points *= axis_count(sweep->items[i]);
    return sweep->count == 0 ? 1 : points; /* a mapping or value in its place: one point, that says so */
}

static gn_status check_sweep(gn_check *check, const gn_node *sweep) {
    gn_node *ignored;
    if (sweep->kind != GN_NODE_LIST)
        return gn_check_fail(check, sweep, "sweep must be a list of {key: ..., values: [...]}");
    for (size_t i = 0; i < sweep->count; i++) {
        const gn_node *axis = sweep->items[i];
        snprintf(check->path, sizeof check->path, "sweep.%zu", i);
        GN_TRY(gn_check_section(check, &gn_sweep_section, axis, sweep, &ignored));
        if (axis_count(axis) == 0)
            return gn_check_fail(check, gn_node_get(axis, "values"),
                                 "%s.values must be a list of one value or more", check->path);
        if (strncmp(gn_node_get(axis, "key")->text, "sweep", 5) == 0)
            return gn_check_fail(check, axis, "%s.key cannot be the sweep itself", check->path);
    }
    if (gn_config_sweep_count(check->source) > MOST_POINTS)
        return gn_check_fail(check, sweep, "sweep has more than %d points", MOST_POINTS);
    check->path[0] = '\0';
    return GN_OK;
}

/* The labels in a mapping or list, as "sgd+lm": they name an optimiser, or phases, better than all its keys.
 */
static void collect_labels(const gn_node *node, char *text, size_t size) {
    const gn_node *label = gn_node_get(node, "label");
    size_t used = strlen(text);
    if (label != NULL && label->kind == GN_NODE_SCALAR)
        snprintf(text + used, size - used, "%s%s", used > 0 ? "+" : "", label->text);
    for (size_t i = 0; label == NULL && i < node->count; i++)
        collect_labels(node->items[i], text, size);
}

/* Adds "key=value" to a label, in characters that suit a file name. */
static void add_label(char *label, size_t size, const char *key, const gn_node *value) {
    char labels[64] = "";
    collect_labels(value, labels, sizeof labels);
    char *text = labels[0] == '\0' ? gn_node_emit(value) : NULL;
    const char *end = text != NULL ? text : labels;
    size_t used = strlen(label);
    used += (size_t)snprintf(label + used, size - used, "%s%s=", used > 0 ? "," : "", key);
    for (bool gap = false; *end != '\0' && used + 2 < size; end++) {
        bool plain = strchr("[]{}\"' \n/\\", *end) == NULL;
        if (plain && gap && used > 0 && label[used - 1] != '=')
            label[used++] = '_';
        if (plain)
            label[used++] = *end;
        gap = !plain;
        label[used] = '\0';
    }
    free(text);
}

static gn_status make_point(const gn_config_source *source, size_t index, gn_config_source *point,
                            char *label, size_t size, gn_message *message) {
    const gn_node *sweep = sweep_of(source);
    gn_check check = {.source = source, .out = &point->tree, .message = message};
    GN_TRY(check_sweep(&check, sweep));
    point->file = strdup(source->file);
    point->folder = strdup(source->folder);
    point->tree.root = gn_tree_copy(&point->tree, source->tree.root);
    if (point->file == NULL || point->folder == NULL || point->tree.root == NULL)
        return gn_check_memory(&check);
    if (source->quick != NULL && (point->quick = gn_tree_text(&point->tree, source->quick)) == NULL)
        return gn_check_memory(&check);
    gn_node_remove(point->tree.root, "sweep");
    size_t stride = gn_config_sweep_count(source);
    for (size_t i = 0; i < sweep->count; i++) {
        const gn_node *axis = sweep->items[i], *values = gn_node_get(axis, "values");
        const char *key = gn_node_get(axis, "key")->text;
        stride /= values->count;
        gn_node *value = gn_tree_copy(&point->tree, values->items[index / stride % values->count]);
        char origin[512];
        snprintf(origin, sizeof origin, "%s:%d: sweep of %s", source->file, axis->line, key);
        char *kept = gn_tree_text(&point->tree, origin);
        if (value == NULL || kept == NULL)
            return gn_check_memory(&check);
        value->setting = kept;
        GN_TRY(gn_tree_put(&point->tree, key, value, kept, message));
        add_label(label, size, key, value);
    }
    return GN_OK;
}

gn_status gn_config_sweep_point(const gn_config_source *source, size_t index, gn_config_source **point,
                                char **label, gn_message *message) {
    enum { LABEL_SIZE = 160 };
    *point = calloc(1, sizeof **point);
    *label = calloc(1, LABEL_SIZE);
    gn_status status = *point == NULL || *label == NULL
                           ? gn_message_fail(message, GN_ERROR_MEMORY, "out of memory")
                           : make_point(source, index, *point, *label, LABEL_SIZE, message);
    if (status != GN_OK) {
        gn_config_source_destroy(*point);
        free(*label);
        *point = NULL;
        *label = NULL;
    }
    return status;
}
