/* `gnewt schema`: every key of every kind, as YAML that loads. */
#include <string.h>

#include "run/config_keys.h"

/* What stands for a key that must be given. */
static const char *example(const gn_key *key) {
    static const struct {
        const char *name, *value;
    } examples[] = {{"widths", "[1, 80, 1]"}, {"steps", "2000"},       {"file", "data.h5"},
                    {"folder", "data"},       {"vocabulary", "99"},    {"context", "4"},
                    {"key", "seed"},          {"values", "[0, 1, 2]"}, {"for", "20"}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (strcmp(key->name, examples[i].name) == 0)
            return examples[i].value;
    return key->choices != NULL ? key->choices[0].str : "...";
}

static void print_names(FILE *out, const char *head, const gn_choice *choices) {
    if (choices == NULL)
        return;
    fprintf(out, "%s", head);
    for (const gn_choice *choice = choices; choice->str != NULL; choice++)
        fprintf(out, "%s%s", choice != choices ? " | " : "", choice->str);
}

static void print_note(FILE *out, const gn_section *section, const gn_key *key) {
    static const char *const types[] = {"text",
                                        "text",
                                        "path",
                                        "number",
                                        "integer",
                                        "integer",
                                        "true or false",
                                        "name",
                                        "",
                                        "list of integers",
                                        "list",
                                        "list",
                                        "mapping",
                                        "list of mappings",
                                        "list of mappings",
                                        "number",
                                        "mapping",
                                        "list of numbers",
                                        "mapping of dotted keys, as of --set, to values",
                                        "mapping"};
    fprintf(out, "# %s", types[key->type]);
    print_names(out,
                key->type == GN_KEY_TEXTS           ? " of "
                : key->type == GN_KEY_WORD_OR_COUNT ? ""
                                                    : ": ",
                key->choices);
    if (key->type == GN_KEY_WORD_OR_COUNT)
        fprintf(out, " | integer");
    if (key->range[0] != '\0' && strstr(key->range, "-inf") == NULL)
        fprintf(out, ", in %s", key->range);
    if (key->unit[0] != '\0')
        fprintf(out, ", %s", key->unit);
    if (key->fallback == GN_KEY_NEEDED)
        fprintf(out, "; required");
    if (key->doc[0] != '\0')
        fprintf(out, "; %s", key->doc);
    if (key->kinds != GN_KEY_ALL) {
        const char *gap = " (";
        for (const gn_choice *kind = gn_section_kinds(section); kind->str != NULL; kind++)
            if (key->kinds >> kind->val & 1) {
                fprintf(out, "%s%s", gap, kind->str);
                gap = ", ";
            }
        fprintf(out, ")");
    }
    fprintf(out, "\n");
}

/* The rows of a section. What belongs to the first kind and has a value is live, the rest is commented out,
 * so that the whole loads. `head` begins the first live line: a list's dash. */
static void print_section(FILE *out, const gn_section *section, int indent, bool live, bool list) {
    const gn_choice *kinds = gn_section_kinds(section);
    const gn_key *kind_key = gn_section_key(section, "kind", -1);
    const gn_choice *kind = kinds;
    if (kind_key != NULL && kind_key->fallback != GN_KEY_NEEDED)
        kind = gn_choice_find(kinds, kind_key->fallback);
    if (section == gn_config_section.keys[4].section) /* the problem that needs no file */
        kind = gn_choice_find(kinds, "multi_sine_1d");
    bool dash = list;
    for (const gn_key *key = section->keys; key->name != NULL; key++) {
        bool belongs = live && (kind == NULL || (key->kinds >> kind->val & 1) != 0) &&
                       !GN_KEY_IS_APART(key->type) && !GN_KEY_IS_OPTIONAL(key->type);
        bool nested = key->section != NULL,
             nested_list = key->type == GN_KEY_SECTIONS || key->type == GN_KEY_SWEEP;
        const char *value = key->fallback == GN_KEY_NEEDED ? example(key) : key->fallback;
        if (key->fallback != NULL && strcmp(key->fallback, GN_KEY_COMPUTED) == 0)
            value = strcmp(key->name, "name") == 0 ? "example" : "main";
        if (key == kind_key && kind != NULL)
            value = kind->str;
        bool empty = nested_list && key->fallback != GN_KEY_NEEDED;
        fprintf(out, "%s%*s%s%s: ", belongs ? "" : "#", indent, "", list ? (dash ? "- " : "  ") : "",
                key->name);
        dash = false;
        int width = (int)strlen(key->name) + indent + (list ? 2 : 0) + (belongs ? 2 : 3);
        fprintf(out, "%-*s ", width < 40 ? 40 - width : 1, nested ? (empty && belongs ? "[]" : "") : value);
        print_note(out, section, key);
        if (nested)
            print_section(out, key->section, indent + (list ? 4 : 2), belongs && !empty, nested_list);
    }
}

void gn_config_print_schema(FILE *out) {
    fprintf(
        out,
        "# Every key of a gnewt configuration: value, type, range, unit, meaning, and in parentheses the\n"
        "# kinds that it belongs to. Values are the defaults; this file is itself a configuration.\n");
    print_section(out, &gn_config_section, 0, true, false);
}
