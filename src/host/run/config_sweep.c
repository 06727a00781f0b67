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

/* The axis sets several keys at once: each value maps dotted keys to what they get, as under `quick:`. */
static bool is_together(const gn_node *axis) {
    return strcmp(gn_node_get(axis, "key")->text, "settings") == 0;
}

static gn_status check_together(const gn_check *check, const gn_node *axis) {
    const gn_node *values = gn_node_get(axis, "values");
    for (size_t i = 0; i < values->count; i++) {
        const gn_node *value = values->items[i];
        if (value->kind != GN_NODE_MAP || value->count == 0)
            return gn_check_fail(check, value,
                                 "%s.values.%zu must be a mapping {KEY: VALUE, ...}: its key is "
                                 "`settings`",
                                 check->path, i);
        for (size_t k = 0; k < value->count; k++)
            if (strncmp(value->keys[k], "sweep", 5) == 0)
                return gn_check_fail(check, value, "%s.values.%zu cannot set the sweep itself", check->path,
                                     i);
    }
    return GN_OK;
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
        if (is_together(axis))
            GN_TRY(check_together(check, axis));
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

/* A point in the making: its source, and its name so far. */
typedef struct making {
    gn_config_source *point;
    char *label;
    size_t size; /* of the label */
    gn_message *message;
} making;

static gn_status put(const making *m, const gn_node *axis, const char *key, const gn_node *given) {
    gn_node *value = gn_tree_copy(&m->point->tree, given);
    char origin[512];
    snprintf(origin, sizeof origin, "%s:%d: sweep of %s", m->point->file, axis->line, key);
    char *kept = gn_tree_text(&m->point->tree, origin);
    if (value == NULL || kept == NULL)
        return gn_message_fail(m->message, GN_ERROR_MEMORY, "out of memory");
    value->setting = kept;
    GN_TRY(gn_tree_put(&m->point->tree, key, value, kept, m->message));
    add_label(m->label, m->size, key, value);
    return GN_OK;
}

static gn_status put_axis(const making *m, const gn_node *axis, size_t index) {
    const gn_node *value = gn_node_get(axis, "values")->items[index];
    if (!is_together(axis))
        return put(m, axis, gn_node_get(axis, "key")->text, value);
    for (size_t i = 0; i < value->count; i++)
        GN_TRY(put(m, axis, value->keys[i], value->items[i]));
    return GN_OK;
}

static gn_status make_point(const gn_config_source *source, size_t index, const making *m) {
    const gn_node *sweep = sweep_of(source);
    gn_config_source *point = m->point;
    gn_check check = {.source = source, .out = &point->tree, .message = m->message};
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
        const size_t count = axis_count(sweep->items[i]);
        stride /= count;
        GN_TRY(put_axis(m, sweep->items[i], index / stride % count));
    }
    return GN_OK;
}

gn_status gn_config_sweep_point(const gn_config_source *source, size_t index, gn_config_source **point,
                                char **label, gn_message *message) {
    enum { LABEL_SIZE = 160 };
    *point = calloc(1, sizeof **point);
    *label = calloc(1, LABEL_SIZE);
    const making m = {*point, *label, LABEL_SIZE, message};
    gn_status status = *point == NULL || *label == NULL
                           ? gn_message_fail(message, GN_ERROR_MEMORY, "out of memory")
                           : make_point(source, index, &m);
    if (status != GN_OK) {
        gn_config_source_destroy(*point);
        free(*label);
        *point = NULL;
        *label = NULL;
    }
    return status;
}
