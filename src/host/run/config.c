/* Reading a configuration: file and settings to a tree, the tree through the checks, the result by libcyaml.
 */
#include "run/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"

/* ---- the source ---- */

enum { MOST_BYTES = 1 << 24 };

static gn_status read_text(const char *file, char **text, size_t *size, gn_message *message) {
    FILE *in = fopen(file, "rb");
    if (in == NULL)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: %s", file, strerror(errno));
    gn_status status = GN_OK;
    *text = malloc(MOST_BYTES);
    *size = *text == NULL ? 0 : fread(*text, 1, MOST_BYTES, in);
    if (*text == NULL)
        status = gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", file);
    else if (ferror(in))
        status = gn_message_fail(message, GN_ERROR_CONFIG, "%s: %s", file, strerror(errno));
    else if (*size == MOST_BYTES)
        status = gn_message_fail(message, GN_ERROR_CONFIG, "%s is too large for a configuration", file);
    fclose(in);
    if (status != GN_OK)
        free(*text);
    return status;
}

/* The absolute folder of a file that exists. */
static char *folder_of(const char *file) {
    char *path = realpath(file, NULL);
    if (path == NULL)
        return NULL;
    char *slash = strrchr(path, '/');
    slash[slash == path ? 1 : 0] = '\0';
    return path;
}

static bool is_quick(const char *setting) {
    return strcmp(setting, "--quick") == 0;
}

static gn_status apply_setting(gn_config_source *source, const char *setting, gn_message *message) {
    char text[PATH_MAX];
    bool flag = strncmp(setting, "--", 2) == 0; /* --seed=1: a flag with its own name */
    const char *equals = strchr(setting, '=');
    snprintf(text, sizeof text, "%s%s", flag ? "" : "--set ", setting);
    setting += flag ? 2 : 0;
    const char *origin = gn_tree_text(&source->tree, text);
    if (origin == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    if (equals == NULL || equals == setting)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: write KEY=VALUE, as --set seed=1", origin);
    char *path = gn_tree_text(&source->tree, setting);
    if (path == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    path[equals - setting] = '\0';
    gn_node *root = source->tree.root, *value;
    source->tree.root = NULL;
    gn_status status = gn_tree_parse(equals + 1, strlen(equals + 1), "--set", origin, &source->tree, message);
    value = source->tree.root;
    source->tree.root = root;
    GN_TRY(status);
    if (value == NULL && (value = gn_tree_scalar(&source->tree, "", false)) == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    value->setting = origin;
    return gn_tree_put(&source->tree, path, value, origin, message);
}

static gn_status read_source(gn_config_source *source, const char *const *settings, size_t count,
                             gn_message *message) {
    char *text = NULL;
    size_t size = 0;
    GN_TRY(read_text(source->file, &text, &size, message));
    gn_status status = gn_tree_parse(text, size, source->file, NULL, &source->tree, message);
    free(text);
    GN_TRY(status);
    if ((source->folder = folder_of(source->file)) == NULL)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: %s", source->file, strerror(errno));
    if (source->tree.root == NULL)
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s is empty; `gnewt schema` prints every key",
                               source->file);
    if (source->tree.root->kind != GN_NODE_MAP)
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s:%d: the file must be a mapping of keys to values; `gnewt schema` prints "
                               "every key",
                               source->file, source->tree.root->line);
    for (size_t i = 0; i < count && source->quick == NULL; i++)
        if (is_quick(settings[i]))
            GN_TRY(gn_source_apply_quick(source, message));
    for (size_t i = 0; i < count; i++)
        if (!is_quick(settings[i]))
            GN_TRY(apply_setting(source, settings[i], message));
    return GN_OK;
}

gn_status gn_config_source_read(const char *file, const char *const *settings, size_t count,
                                gn_config_source **source, gn_message *message) {
    *source = calloc(1, sizeof **source);
    if (*source == NULL || ((*source)->file = strdup(file)) == NULL) {
        gn_config_source_destroy(*source);
        *source = NULL;
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    }
    gn_status status = read_source(*source, settings, count, message);
    if (status == GN_OK)
        return GN_OK;
    gn_config_source_destroy(*source);
    *source = NULL;
    return status;
}

void gn_config_source_destroy(gn_config_source *source) {
    if (source == NULL)
        return;
    gn_tree_destroy(&source->tree);
    free(source->file);
    free(source->folder);
    free(source);
}

const char *gn_config_where(const gn_config_source *source, const char *path, char *text, size_t size) {
    char part[256];
    snprintf(part, sizeof part, "%s", path);
    for (;;) { /* a key that is a default is looked for where its section is */
        const gn_node *node = gn_node_find(source->tree.root, part);
        char *dot = strrchr(part, '.');
        if (node != NULL && node->setting != NULL)
            snprintf(text, size, "%s", node->setting);
        else if (node != NULL)
            snprintf(text, size, "%s:%d", source->file, node->line);
        else
            snprintf(text, size, "%s", source->file);
        if (node != NULL || dot == NULL)
            return text;
        *dot = '\0';
    }
}

/* ---- from the tree to the struct ---- */

static gn_status resolve(const gn_config_source *source, gn_tree *out, gn_message *message) {
    gn_check check = {.source = source, .out = out, .message = message};
    GN_TRY(gn_check_quick(&check));
    GN_TRY(gn_check_bench(source, message));
    GN_TRY(gn_check_section(&check, &gn_config_section, source->tree.root, NULL, &out->root));
    return gn_check_together(&check, out->root);
}

gn_status gn_config_text(const gn_config_source *source, char **text, gn_message *message) {
    gn_tree out = {0};
    gn_status status = resolve(source, &out, message);
    *text = status == GN_OK ? gn_node_emit(out.root) : NULL;
    if (status == GN_OK && *text == NULL)
        status = gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    gn_tree_destroy(&out);
    return status;
}

static void keep_log(cyaml_log_t level, void *user, const char *format, va_list arguments) {
    (void)level;
    char *text = user; /* the first line tells what; those after it are a trace */
    if (text[0] == '\0')
        vsnprintf(text, 256, format, arguments);
}

/* Options that do not belong to the kind have the library's defaults, not zeros. */
static void complete_options(gn_config_optimizer *optimizer, uint64_t seed) {
    gn_optimizer_options *o = &optimizer->options;
    const gn_optimizer_options d = gn_optimizer_options_default(o->kind);
    bool adam = o->kind == GN_OPTIMIZER_ADAM || o->kind == GN_OPTIMIZER_ADAMW;
    o->seed = seed;
    if (!adam) {
        o->beta1 = d.beta1;
        o->beta2 = d.beta2;
        o->epsilon = d.epsilon;
    }
    if (o->kind != GN_OPTIMIZER_GAUSS_NEWTON)
        o->cutoff = d.cutoff;
    if (o->kind < GN_OPTIMIZER_LEVENBERG_MARQUARDT || o->kind > GN_OPTIMIZER_FRACTIONAL)
        o->damping = d.damping;
    if (o->kind > GN_OPTIMIZER_ADAMW)
        o->grokfast = d.grokfast;
    if (o->kind != GN_OPTIMIZER_LBFGS)
        o->memory = d.memory;
    if (o->kind != GN_OPTIMIZER_FRACTIONAL)
        o->fractional = d.fractional;
    if (o->kind < GN_OPTIMIZER_GAUSS_NEWTON || o->kind > GN_OPTIMIZER_GGN)
        o->cg = d.cg;
    if (o->damping.kind != GN_DAMPING_SCHEDULED) {
        o->damping.final = d.damping.final;
        o->damping.steps = d.damping.steps;
    }
    if (o->damping.kind != GN_DAMPING_GAIN_RATIO) {
        o->damping.minimum = d.damping.minimum;
        o->damping.maximum = d.damping.maximum;
        o->damping.retries = d.damping.retries;
    }
    if (adam)
        o->line_search = d.line_search;
    if (o->line_search.kind == GN_LINE_SEARCH_NONE) {
        o->line_search.c = d.line_search.c;
        o->line_search.tau = d.line_search.tau;
        o->line_search.max_iterations = d.line_search.max_iterations;
    }
}

static cyaml_schema_value_t top_schema(void) {
    return (cyaml_schema_value_t){
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, gn_config, gn_config_section.schema)};
}

gn_status gn_config_resolve(const gn_config_source *source, gn_config **config, gn_message *message) {
    char *text, log[256] = "";
    *config = NULL;
    GN_TRY(gn_config_text(source, &text, message));
    cyaml_config_t cyaml = {
        .log_fn = keep_log, .log_ctx = log, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
    const cyaml_schema_value_t schema = top_schema();
    cyaml_err_t error =
        cyaml_load_data((const uint8_t *)text, strlen(text), &cyaml, &schema, (cyaml_data_t **)config, NULL);
    free(text);
    if (error != CYAML_OK) {
        log[strcspn(log, "\n")] = '\0';
        return gn_message_fail(message, GN_ERROR_CONFIG, "%s: %s: %s", source->file, cyaml_strerror(error),
                               log);
    }
    for (unsigned i = 0; i < (*config)->phases_count; i++)
        complete_options(&(*config)->phases[i].optimizer, (*config)->seed);
    return GN_OK;
}

gn_status gn_config_read(const char *file, gn_config **config, gn_message *message) {
    gn_config_source *source;
    *config = NULL;
    GN_TRY(gn_config_source_read(file, NULL, 0, &source, message));
    gn_status status = gn_config_resolve(source, config, message);
    gn_config_source_destroy(source);
    return status;
}

void gn_config_destroy(gn_config *config) {
    const cyaml_config_t cyaml = {.mem_fn = cyaml_mem};
    const cyaml_schema_value_t schema = top_schema();
    if (config != NULL)
        cyaml_free(&cyaml, &schema, config, 0);
}
