/* Checking a tree against the tables, and writing its defaults out. Internal to run/config*. */
#ifndef GN_RUN_CONFIG_CHECK_H
#define GN_RUN_CONFIG_CHECK_H

#include "run/config_keys.h"
#include "run/tree.h"

struct gn_config_source {
    char *file;   /* as the user named it */
    char *folder; /* where relative paths start; absolute */
    gn_tree tree;
    const char *quick; /* what the quick size that was applied leaves out; of the tree; NULL: it was not */
};

/* The state of one walk: where it is, and where results and messages go. */
typedef struct gn_check {
    const gn_config_source *source;
    gn_tree *out;
    char path[256];
    gn_message *message;
} gn_check;

/* CONFIG, "FILE:LINE: text" or "--set KEY=VALUE: text" by the node's origin. */
gn_status gn_check_fail(const gn_check *check, const gn_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
gn_status gn_check_memory(const gn_check *check);

/* *resolved: `node` (a mapping; NULL: an empty one) with every key that belongs to its kind, in the table's
 * order. */
gn_status gn_check_section(gn_check *check, const gn_section *section, const gn_node *node,
                           const gn_node *parent, gn_node **resolved);
/* One value (config_values.c): a scalar or a list of scalars. *resolved is the node to write. */
gn_status gn_check_value(gn_check *check, const gn_key *key, const gn_node *node, gn_node **resolved);
/* ", did you mean `x`?" for the name of a list that is nearest to `word`, or ": it is one of a, b". */
const char *gn_nearest_text(const char *word, const char *const *names, size_t count, char *text,
                            size_t size);

/* The form of the section `quick`, where there is one. */
gn_status gn_check_quick(const gn_check *check);
/* Puts its settings in their places; CONFIG where there is no such section. */
gn_status gn_source_apply_quick(gn_config_source *source, gn_message *message);

/* The section `bench`, where there is one. */
gn_status gn_check_bench(const gn_config_source *source, gn_message *message);

/* What no row can say of one key alone: labels, lists that may not be empty, keys that need one another. */
gn_status gn_check_together(gn_check *check, gn_node *resolved);

#endif
