/* YAML as a tree that remembers where each value came from. */
#ifndef GN_RUN_TREE_H
#define GN_RUN_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "run/message.h"

typedef enum gn_node_kind { GN_NODE_SCALAR, GN_NODE_LIST, GN_NODE_MAP } gn_node_kind;

/* Nodes belong to their tree; a node may be shared by several trees' walks but is never changed by one. */
typedef struct gn_node {
    gn_node_kind kind;
    char *text;             /* scalar */
    bool quoted;            /* scalar: was written in quotes, so it is text */
    struct gn_node **items; /* list, map */
    char **keys;            /* map */
    size_t count, capacity;
    int line;            /* of its key, or its own in a list; 0: a default */
    const char *setting; /* the setting that gave it, or NULL: the file did */
} gn_node;

typedef struct gn_tree {
    gn_node *root;
    struct gn_tree_block *blocks;
} gn_tree;

/* Parses `text`. `setting` (kept) marks the nodes; NULL: they have lines of `name`. CONFIG with the line
 * where it is no YAML, has a key twice or is absurdly large. An empty text gives root NULL. */
gn_status gn_tree_parse(const char *text, size_t size, const char *name, const char *setting, gn_tree *tree,
                        gn_message *message);
/* Frees all nodes; a zeroed tree is allowed. */
void gn_tree_destroy(gn_tree *tree);

/* New nodes and text of a tree; NULL where memory is out. */
gn_node *gn_tree_scalar(gn_tree *tree, const char *text, bool quoted);
gn_node *gn_tree_node(gn_tree *tree, gn_node_kind kind);
char *gn_tree_text(gn_tree *tree, const char *text);
/* A deep copy of a node of any tree, into `tree`. */
gn_node *gn_tree_copy(gn_tree *tree, const gn_node *node);
/* Adds an item at the end (key NULL: to a list). False where memory is out. */
bool gn_tree_add(gn_tree *tree, gn_node *parent, const char *key, gn_node *item);

/* The item of a map, or NULL. */
gn_node *gn_node_get(const gn_node *map, const char *key);
/* Takes an item out of a map, if there. */
void gn_node_remove(gn_node *map, const char *key);
/* The node at a dotted path ("phases.0.steps"), or NULL. */
const gn_node *gn_node_find(const gn_node *node, const char *path);

/* Puts `value` at a dotted path; keys that are missing under mappings are made. CONFIG, with the reason,
 * where the path leads through a value or beyond a list. `setting` is for the message and for the nodes made.
 */
gn_status gn_tree_put(gn_tree *tree, const char *path, gn_node *value, const char *setting,
                      gn_message *message);

/* The node as YAML, in block style with short lists in one line. The caller frees it; NULL where memory is
 * out. */
char *gn_node_emit(const gn_node *node);

#endif
