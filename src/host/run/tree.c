/* The tree itself: an arena of nodes, and paths through them. */
#include "run/tree.h"

#include <stdlib.h>
#include <string.h>

/* Memory goes all at once with the tree, so that no path through the checks has to free. */
struct gn_tree_block {
    struct gn_tree_block *next;
    max_align_t data[];
};

static void *arena(gn_tree *tree, size_t bytes) {
    struct gn_tree_block *block = calloc(1, sizeof *block + bytes);
    if (block == NULL)
        return NULL;
    block->next = tree->blocks;
    tree->blocks = block;
    return block->data;
}

void gn_tree_destroy(gn_tree *tree) {
    for (struct gn_tree_block *block = tree->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    *tree = (gn_tree){0};
}

char *gn_tree_text(gn_tree *tree, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = arena(tree, bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

gn_node *gn_tree_node(gn_tree *tree, gn_node_kind kind) {
    gn_node *node = arena(tree, sizeof *node);
    if (node != NULL)
        node->kind = kind;
    return node;
}

gn_node *gn_tree_scalar(gn_tree *tree, const char *text, bool quoted) {
    gn_node *node = gn_tree_node(tree, GN_NODE_SCALAR);
    if (node == NULL || (node->text = gn_tree_text(tree, text)) == NULL)
        return NULL;
    node->quoted = quoted;
    return node;
}

bool gn_tree_add(gn_tree *tree, gn_node *parent, const char *key, gn_node *item) {
    if (item == NULL)
        return false;
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity == 0 ? 8 : 2 * parent->capacity;
        gn_node **items = arena(tree, capacity * sizeof *items);
        char **keys = arena(tree, capacity * sizeof *keys);
        if (items == NULL || keys == NULL)
            return false;
        if (parent->count > 0) {
            memcpy(items, parent->items, parent->count * sizeof *items);
            memcpy(keys, parent->keys, parent->count * sizeof *keys);
        }
        parent->items = items;
        parent->keys = keys;
        parent->capacity = capacity;
    }
    char *name = key == NULL ? NULL : gn_tree_text(tree, key);
    if (key != NULL && name == NULL)
        return false;
    parent->keys[parent->count] = name;
    parent->items[parent->count++] = item;
    return true;
}

gn_node *gn_tree_copy(gn_tree *tree, const gn_node *node) {
    gn_node *copy = gn_tree_node(tree, node->kind);
    if (copy == NULL)
        return NULL;
    copy->quoted = node->quoted;
    copy->line = node->line;
    if (node->text != NULL && (copy->text = gn_tree_text(tree, node->text)) == NULL)
        return NULL;
    if (node->setting != NULL && (copy->setting = gn_tree_text(tree, node->setting)) == NULL)
        return NULL;
    for (size_t i = 0; i < node->count; i++)
        if (!gn_tree_add(tree, copy, node->keys[i], gn_tree_copy(tree, node->items[i])))
            return NULL;
    return copy;
}

static bool find_key(const gn_node *map, const char *key, size_t length, size_t *index) {
    for (size_t i = 0; map != NULL && map->kind == GN_NODE_MAP && i < map->count; i++)
        if (strlen(map->keys[i]) == length && memcmp(map->keys[i], key, length) == 0) {
            *index = i;
            return true;
        }
    return false;
}

gn_node *gn_node_get(const gn_node *map, const char *key) {
    size_t i;
    return find_key(map, key, strlen(key), &i) ? map->items[i] : NULL;
}

void gn_node_remove(gn_node *map, const char *key) {
    size_t i;
    if (!find_key(map, key, strlen(key), &i))
        return;
    map->count--;
    memmove(&map->keys[i], &map->keys[i + 1], (map->count - i) * sizeof *map->keys);
    memmove(&map->items[i], &map->items[i + 1], (map->count - i) * sizeof *map->items);
}

/* True where the part is a list index; *index may be beyond the list. */
static bool parse_index(const char *part, size_t length, size_t *index) {
    *index = 0;
    for (size_t i = 0; i < length; i++) {
        if (part[i] < '0' || part[i] > '9' || i >= 9)
            return false;
        *index = 10 * *index + (size_t)(part[i] - '0');
    }
    return length > 0;
}

const gn_node *gn_node_find(const gn_node *node, const char *path) {
    while (node != NULL) {
        size_t length = strcspn(path, "."), i;
        if (node->kind == GN_NODE_MAP
                ? !find_key(node, path, length, &i)
                : node->kind == GN_NODE_SCALAR || !parse_index(path, length, &i) || i >= node->count)
            return NULL;
        node = node->items[i];
        if (path[length] == '\0')
            return node;
        path += length + 1;
    }
    return NULL;
}

/* The place of one part of a path under `node`, made where a mapping lacks it. */
static gn_status step_into(gn_tree *tree, gn_node *node, const char *path, const char *part, size_t length,
                           const char *setting, size_t *index, gn_message *message) {
    int before = part == path ? 0 : (int)(part - path - 1);
    if (length == 0)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: the key has an empty part", setting);
    if (node->kind == GN_NODE_SCALAR)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: `%.*s` is a value and has no keys", setting,
                               before, path);
    if (node->kind == GN_NODE_LIST) {
        if (!parse_index(part, length, index))
            return gn_message_fail(message, GN_ERROR_CONFIG,
                                   "%s: `%.*s` is a list; give a number from 0 to %zu, not `%.*s`", setting,
                                   before, path, node->count == 0 ? 0 : node->count - 1, (int)length, part);
        if (*index >= node->count)
            return gn_message_fail(message, GN_ERROR_CONFIG,
                                   "%s: index %zu is out of range: `%.*s` has %zu entries, counted from 0",
                                   setting, *index, before, path, node->count);
        return GN_OK;
    }
    if (find_key(node, part, length, index))
        return GN_OK;
    char *key = gn_tree_text(tree, part);
    if (key == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    key[length] = '\0';
    gn_node *made = gn_tree_node(tree, GN_NODE_MAP);
    if (made == NULL || !gn_tree_add(tree, node, key, made))
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    made->setting = setting;
    *index = node->count - 1;
    return GN_OK;
}

gn_status gn_tree_put(gn_tree *tree, const char *path, gn_node *value, const char *setting,
                      gn_message *message) {
    gn_node *node = tree->root;
    for (const char *part = path;;) {
        size_t length = strcspn(part, "."), index = 0;
        gn_status status = step_into(tree, node, path, part, length, setting, &index, message);
        if (status != GN_OK)
            return status;
        if (part[length] == '\0') {
            node->items[index] = value;
            return GN_OK;
        }
        node = node->items[index];
        part += length + 1;
    }
}
