/* Values: types, ranges and names. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"

/* ---- the nearest name ---- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) that make b of a. */
static size_t edit_distance(const char *a, const char *b) {
    enum { MOST = 64 };
    size_t rows[3][MOST + 1], n = strlen(a), m = strlen(b);
    if (n > MOST || m > MOST)
        return MOST;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[m];
}

const char *gn_nearest_text(const char *word, const char *const *names, size_t count, char *text,
                            size_t size) {
    size_t best = (size_t)-1, nearest = 0;
    for (size_t i = 0; word != NULL && i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        bool begins = strlen(word) >= 2 && strncmp(word, names[i], strlen(word)) == 0;
        if (begins || distance < best) {
            best = begins ? 0 : distance;
            nearest = i;
        }
        if (begins)
            break;
    }
    if (word != NULL && count > 0 && best <= 1 + strlen(word) / 3) {
        snprintf(text, size, "; did you mean `%s`?", names[nearest]);
        return text;
    }
    size_t used = (size_t)snprintf(text, size, "; %s ", word == NULL ? "one of" : "known are");
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", names[i]);
    return text;
}

/* ---- scalars ---- */

static bool is_null(const gn_node *node) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; !node->quoted && i < sizeof words / sizeof *words; i++)
        if (strcmp(node->text, words[i]) == 0)
            return true;
    return false;
}

/* -1: `text` is no number of digits; 1: it is, and fits *value; 0: it is too large. */
static int read_count(const char *text, uint64_t *value) {
    if (strspn(text, "0123456789") != strlen(text) || text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return -1;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0;
}

static bool read_real(const char *text, double *value) {
    char *end;
    if (strpbrk(text, "xXpP") != NULL || isspace((unsigned char)text[0]))
        return false;
    static const char *const words[] = {".inf", ".Inf", ".INF", "-.inf", "+.inf", ".nan", ".NaN", ".NAN"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0) {
            *value = NAN;
            return true;
        }
    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

/* True where `range`, an interval as "[0, 1)", holds the value. */
static bool in_range(const char *range, double value) {
    char low_side, high_side;
    double low, high;
    if (sscanf(range, "%c%lf, %lf%c", &low_side, &low, &high, &high_side) != 4)
        return true;
    return (low_side == '(' ? value > low : value >= low) &&
           (high_side == ')' ? value < high : value <= high);
}

static gn_status check_range(const gn_check *check, const gn_key *key, const gn_node *node, double value) {
    char unit[64] = "";
    if (key->unit[0] != '\0')
        snprintf(unit, sizeof unit, " (%s)", key->unit);
    if (!isfinite(value))
        return gn_check_fail(check, node, "%s is %s; it must be finite", check->path, node->text);
    if (!in_range(key->range, value))
        return gn_check_fail(check, node, "%s is %s%s; it must be in %s", check->path, node->text, unit,
                             key->range);
    return GN_OK;
}

static gn_status check_number(const gn_check *check, const gn_key *key, const gn_node *node) {
    double real;
    uint64_t count;
    bool whole = key->type != GN_KEY_REAL && key->type != GN_KEY_REALS && key->type != GN_KEY_OPTIONAL_REAL;
    if (node->quoted)
        return gn_check_fail(check, node, "%s is text; write the number without quotes", check->path);
    if (!read_real(node->text, &real))
        return gn_check_fail(check, node, "%s is `%.100s`; it must be %s", check->path, node->text,
                             whole ? "an integer" : "a number");
    GN_TRY(check_range(check, key, node, real));
    int fits = whole ? read_count(node->text, &count) : 1;
    if (fits == 0)
        return gn_check_fail(check, node, "%s is %s; it must be in %s", check->path, node->text, key->range);
    if (fits < 0)
        return gn_check_fail(check, node, "%s is `%.100s`; it must be an integer, in digits alone",
                             check->path, node->text);
    return GN_OK;
}

static gn_status check_choice(const gn_check *check, const gn_key *key, const gn_node *node) {
    const char *names[64];
    size_t count = 0;
    char near[512];
    if (gn_choice_find(key->choices, node->text) != NULL)
        return GN_OK;
    for (const gn_choice *choice = key->choices; choice->str != NULL && count < 64; choice++)
        names[count++] = choice->str;
    gn_nearest_text(node->text, names, count, near, sizeof near);
    return gn_check_fail(check, node, "%s cannot be `%.100s`%s", check->path, node->text, near);
}

/* YAML 1.1's words, written out as true and false. */
static gn_status check_bool(const gn_check *check, gn_node *node) {
    static const char *const words[] = {"true",  "True",  "TRUE",  "yes", "on",
                                        "false", "False", "FALSE", "no",  "off"};
    for (size_t i = 0; !node->quoted && i < sizeof words / sizeof *words; i++)
        if (strcmp(node->text, words[i]) == 0) {
            node->text = gn_tree_text(check->out, i < 5 ? "true" : "false");
            return node->text == NULL ? gn_check_memory(check) : GN_OK;
        }
    return gn_check_fail(check, node, "%s is `%.100s`; it must be true or false", check->path, node->text);
}

/* Absolute, so that the resolved configuration means the same from its run directory. */
static gn_status resolve_path(const gn_check *check, gn_node *node) {
    if (node->text[0] == '\0')
        return gn_check_fail(check, node, "%s is empty; give a path", check->path);
    node->quoted = true;
    if (node->text[0] == '/')
        return GN_OK;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", check->source->folder, node->text);
    if (length >= (int)sizeof path)
        return gn_check_fail(check, node, "%s is too long a path", check->path);
    node->text = gn_tree_text(check->out, path);
    return node->text == NULL ? gn_check_memory(check) : GN_OK;
}

static gn_status check_scalar(const gn_check *check, const gn_key *key, gn_node *node) {
    if (node->kind != GN_NODE_SCALAR)
        return gn_check_fail(check, node, "%s is a %s; it must be one value", check->path,
                             node->kind == GN_NODE_LIST ? "list" : "mapping");
    if (is_null(node))
        return gn_check_fail(check, node, "%s has no value; give one, or take the key away for its default",
                             check->path);
    switch (key->type) {
    case GN_KEY_PATH:
        return resolve_path(check, node);
    case GN_KEY_REAL:
    case GN_KEY_OPTIONAL_REAL:
    case GN_KEY_COUNT:
    case GN_KEY_COUNTS:
    case GN_KEY_REALS:
    case GN_KEY_SEED:
        return check_number(check, key, node);
    case GN_KEY_WORD_OR_COUNT:
        if (gn_choice_find(key->choices, node->text) != NULL)
            return GN_OK;
        if (isdigit((unsigned char)node->text[0]) || strchr("+-.", node->text[0]) != NULL)
            return check_number(check, key, node);
        return gn_check_fail(check, node, "%s is `%.100s`; it must be `%s` or an integer", check->path,
                             node->text, key->choices->str);
    case GN_KEY_BOOL:
        return check_bool(check, node);
    case GN_KEY_CHOICE:
    case GN_KEY_NAME:
        return check_choice(check, key, node);
    case GN_KEY_TEXTS:
        return key->choices != NULL ? check_choice(check, key, node) : GN_OK;
    default: /* text: quoted, so that no reader takes it for something else */
        node->quoted = true;
        return GN_OK;
    }
}

gn_status gn_check_value(gn_check *check, const gn_key *key, const gn_node *node, gn_node **resolved) {
    bool list = key->type == GN_KEY_COUNTS || key->type == GN_KEY_TEXTS || key->type == GN_KEY_REALS;
    *resolved = gn_tree_copy(check->out, node);
    if (*resolved == NULL)
        return gn_check_memory(check);
    if (key->type == GN_KEY_VALUES) /* any YAML; config_sweep.c looks at it */
        return GN_OK;
    if (!list)
        return check_scalar(check, key, *resolved);
    if (node->kind != GN_NODE_LIST)
        return gn_check_fail(check, node, "%s must be a list, as [1, 2]", check->path);
    size_t length = strlen(check->path);
    for (size_t i = 0; i < node->count; i++) {
        snprintf(check->path + length, sizeof check->path - length, ".%zu", i);
        GN_TRY(check_scalar(check, key, (*resolved)->items[i]));
    }
    check->path[length] = '\0';
    return GN_OK;
}
