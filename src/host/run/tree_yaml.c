/* Trees from YAML and back, by libyaml. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "core/status.h"
#include "run/tree.h"

/* Aliases can make a small file a huge tree, or an endless one. */
enum { MOST_NODES = 100000, MOST_LEVELS = 32 };

typedef struct parse {
    yaml_document_t *document;
    const char *name, *setting;
    gn_tree *tree;
    size_t nodes;
    gn_message *message;
} parse;

static gn_status fail_at(const parse *p, size_t line, const char *what) {
    if (p->setting != NULL)
        return gn_message_fail(p->message, GN_ERROR_CONFIG, "%s: %s", p->setting, what);
    return gn_message_fail(p->message, GN_ERROR_CONFIG, "%s:%zu: %s", p->name, line, what);
}

static gn_status convert(parse *p, int id, int level, gn_node **out);

static gn_status convert_map(parse *p, const yaml_node_t *from, int level, gn_node *map) {
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(p->document, pair->key);
        size_t line = key->start_mark.line + 1;
        if (key->type != YAML_SCALAR_NODE)
            return fail_at(p, line, "a key must be a word");
        const char *name = (const char *)key->data.scalar.value;
        char text[256];
        if (gn_node_get(map, name) != NULL) {
            snprintf(text, sizeof text, "key `%.100s` is given twice; take one away", name);
            return fail_at(p, line, text);
        }
        gn_node *item;
        GN_TRY(convert(p, pair->value, level + 1, &item));
        item->line = (int)line;
        if (!gn_tree_add(p->tree, map, name, item))
            return gn_message_fail(p->message, GN_ERROR_MEMORY, "out of memory");
    }
    return GN_OK;
}

static gn_status convert(parse *p, int id, int level, gn_node **out) {
    const yaml_node_t *from = yaml_document_get_node(p->document, id);
    size_t line = from->start_mark.line + 1;
    if (++p->nodes > MOST_NODES || level > MOST_LEVELS)
        return fail_at(p, line, "too large or too deep for a configuration");
    gn_node *node = NULL;
    if (from->type == YAML_SCALAR_NODE) {
        const char *text = (const char *)from->data.scalar.value;
        if (strlen(text) != from->data.scalar.length)
            return fail_at(p, line, "a value holds a NUL character");
        node = gn_tree_scalar(p->tree, text, from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
    } else {
        node = gn_tree_node(p->tree, from->type == YAML_MAPPING_NODE ? GN_NODE_MAP : GN_NODE_LIST);
    }
    if (node == NULL)
        return gn_message_fail(p->message, GN_ERROR_MEMORY, "out of memory");
    node->line = p->setting == NULL ? (int)line : 0;
    node->setting = p->setting;
    *out = node;
    if (node->kind == GN_NODE_MAP)
        return convert_map(p, from, level, node);
    if (node->kind == GN_NODE_LIST)
        for (yaml_node_item_t *i = from->data.sequence.items.start; i < from->data.sequence.items.top; i++) {
            gn_node *item;
            GN_TRY(convert(p, *i, level + 1, &item));
            if (!gn_tree_add(p->tree, node, NULL, item))
                return gn_message_fail(p->message, GN_ERROR_MEMORY, "out of memory");
        }
    return GN_OK;
}

/* One document of the stream; *last where there was none. */
static gn_status parse_document(yaml_parser_t *parser, parse *p, bool *last) {
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        char text[512];
        const char *context = parser->context != NULL ? parser->context : "", *gap = *context ? ": " : "";
        snprintf(text, sizeof text, "not valid YAML: %s%s%s (column %zu)", context, gap,
                 parser->problem != NULL ? parser->problem : "unreadable", parser->problem_mark.column + 1);
        return fail_at(p, parser->problem_mark.line + 1, text);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    gn_status status = GN_OK;
    p->document = &document;
    if (root != NULL && p->tree->root != NULL)
        status = fail_at(p, root->start_mark.line + 1, "a second document; a configuration is one");
    else if (root != NULL)
        status = convert(p, 1, 0, &p->tree->root); /* libyaml numbers nodes from 1, the root first */
    yaml_document_delete(&document);
    *last = root == NULL;
    return status;
}

gn_status gn_tree_parse(const char *text, size_t size, const char *name, const char *setting, gn_tree *tree,
                        gn_message *message) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    parse p = {.name = name, .setting = setting, .tree = tree, .message = message};
    bool last = false;
    gn_status status = GN_OK;
    while (status == GN_OK && !last)
        status = parse_document(&parser, &p, &last);
    yaml_parser_delete(&parser);
    return status;
}

/* ---- emission ---- */

typedef struct output {
    char *text;
    size_t size, capacity;
} output;

static int take(void *user, unsigned char *bytes, size_t count) {
    output *out = user;
    if (out->size + count + 1 > out->capacity) {
        size_t capacity = 2 * (out->size + count + 1);
        char *grown = realloc(out->text, capacity);
        if (grown == NULL)
            return 0;
        out->text = grown;
        out->capacity = capacity;
    }
    memcpy(out->text + out->size, bytes, count);
    out->size += count;
    out->text[out->size] = '\0';
    return 1;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, bool quoted) {
    yaml_event_t event;
    yaml_scalar_style_t style = quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)text, (int)strlen(text), 1,
                                        1, style) &&
           yaml_emitter_emit(emitter, &event);
}

static bool in_one_line(const gn_node *list) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != GN_NODE_SCALAR)
            return false;
    return true;
}

static bool emit_node(yaml_emitter_t *emitter, const gn_node *node) {
    yaml_event_t event;
    if (node->kind == GN_NODE_SCALAR)
        return emit_scalar(emitter, node->text, node->quoted);
    bool map = node->kind == GN_NODE_MAP;
    bool begun = map ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)
                     : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                            in_one_line(node) ? YAML_FLOW_SEQUENCE_STYLE
                                                                              : YAML_BLOCK_SEQUENCE_STYLE);
    if (!begun || !yaml_emitter_emit(emitter, &event))
        return false;
    for (size_t i = 0; i < node->count; i++)
        if ((map && !emit_scalar(emitter, node->keys[i], false)) || !emit_node(emitter, node->items[i]))
            return false;
    return (map ? yaml_mapping_end_event_initialize(&event) : yaml_sequence_end_event_initialize(&event)) &&
           yaml_emitter_emit(emitter, &event);
}

char *gn_node_emit(const gn_node *node) {
    yaml_emitter_t emitter;
    yaml_event_t event;
    output out = {0};
    if (!yaml_emitter_initialize(&emitter))
        return NULL;
    yaml_emitter_set_output(&emitter, take, &out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    bool good = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
                yaml_emitter_emit(&emitter, &event) &&
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
                yaml_emitter_emit(&emitter, &event) && emit_node(&emitter, node) &&
                yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
                yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event) &&
                yaml_emitter_flush(&emitter);
    yaml_emitter_delete(&emitter);
    if (good)
        return out.text;
    free(out.text);
    return NULL;
}
