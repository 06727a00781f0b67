/* What no row can say of one key alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"

static double number(const gn_node *map, const char *key) {
    return strtod(gn_node_get(map, key)->text, NULL);
}

static bool is(const gn_node *map, const char *key, const char *text) {
    return strcmp(gn_node_get(map, key)->text, text) == 0;
}

/* A name that becomes part of a path. */
static gn_status check_name(const gn_check *check, const gn_node *node, const char *what, size_t most) {
    const char *text = node->text;
    if (text[0] == '\0' || text[0] == '.' || strchr(text, '/') != NULL || strlen(text) > most)
        return gn_check_fail(check, node,
                             "%s is `%.100s`; it names files: use 1 to %zu characters, no `/`, no `.` first",
                             what, text, most);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 32)
            return gn_check_fail(check, node, "%s holds a control character", what);
    return GN_OK;
}

/* The name of the file without folder and ending. */
static gn_status complete_name(const gn_check *check, gn_node *name) {
    if (name->text[0] != '\0')
        return check_name(check, name, "name", 200);
    const char *slash = strrchr(check->source->file, '/');
    char text[201];
    snprintf(text, sizeof text, "%s", slash != NULL ? slash + 1 : check->source->file);
    char *dot = strrchr(text, '.');
    if (dot != NULL && dot != text)
        *dot = '\0';
    name->text = gn_tree_text(check->out, text[0] == '.' || text[0] == '\0' ? "run" : text);
    return name->text == NULL ? gn_check_memory(check) : GN_OK;
}

static const gn_node *label_of(const gn_node *phases, size_t i) {
    return gn_node_get(gn_node_get(phases->items[i], "optimizer"), "label");
}

static bool is_taken(const gn_node *phases, const char *label, size_t except) {
    for (size_t i = 0; i < phases->count; i++)
        if (i != except && strcmp(label_of(phases, i)->text, label) == 0)
            return true;
    return false;
}

/* Labels are unique; one not given is the optimiser's kind, with a number where that is taken. */
static gn_status check_labels(const gn_check *check, const gn_node *phases) {
    for (size_t i = 0; i < phases->count; i++) {
        gn_node *optimizer = gn_node_get(phases->items[i], "optimizer");
        gn_node *label = gn_node_get(optimizer, "label");
        char text[64];
        if (label->text[0] != '\0') {
            snprintf(text, sizeof text, "phases.%zu.optimizer.label", i);
            GN_TRY(check_name(check, label, text, 100));
            if (is_taken(phases, label->text, i))
                return gn_check_fail(check, label, "%s `%s` is taken by another phase; labels must differ",
                                     text, label->text);
            continue;
        }
        const char *kind = gn_node_get(optimizer, "kind")->text;
        snprintf(text, sizeof text, "%s", kind);
        for (size_t n = 2; is_taken(phases, text, i); n++)
            snprintf(text, sizeof text, "%s-%zu", kind, n);
        if ((label->text = gn_tree_text(check->out, text)) == NULL)
            return gn_check_memory(check);
    }
    return GN_OK;
}

static gn_status check_damping(const gn_check *check, const gn_node *phases) {
    for (size_t i = 0; i < phases->count; i++) {
        const gn_node *damping = gn_node_get(gn_node_get(phases->items[i], "optimizer"), "damping");
        if (damping == NULL || !is(damping, "kind", "gain_ratio"))
            continue;
        double value = number(damping, "value");
        if (!(number(damping, "minimum") <= value && value <= number(damping, "maximum")))
            return gn_check_fail(check, gn_node_get(damping, "value"),
                                 "phases.%zu.optimizer.damping.value is %g; it must be from minimum (%g) to "
                                 "maximum (%g)",
                                 i, value, number(damping, "minimum"), number(damping, "maximum"));
    }
    return GN_OK;
}

/* The observer of that kind, or NULL. */
static const gn_node *find_observer(const gn_node *observe, const char *kind) {
    for (size_t i = 0; i < observe->count; i++)
        if (is(observe->items[i], "kind", kind))
            return observe->items[i];
    return NULL;
}

/* The key that an observer must be given as true to write the metric; NULL: none. */
static const char *key_of_metric(const char *name) {
    static const struct {
        const char *metric, *key;
    } needs[] = {{"drift/linearisation_gap", "companion"},
                 {"drift/companion_loss_train", "companion"},
                 {"drift/companion_loss_test", "companion"},
                 {"curvature/residual_share", "hessian"}};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].metric, name) == 0)
            return needs[i].key;
    return NULL;
}

/* A metric OBSERVER/ARRAY has that observer, and that one writes it. */
static gn_status check_metrics(const gn_check *check, const gn_node *metrics, const gn_node *observe) {
    for (size_t i = 0; i < metrics->count; i++) {
        const char *name = metrics->items[i]->text;
        const char *key = key_of_metric(name);
        char kind[64];
        if (strchr(name, '/') == NULL)
            continue;
        snprintf(kind, sizeof kind, "%.*s", (int)strcspn(name, "/"), name);
        const gn_node *observer = find_observer(observe, kind);
        if (observer == NULL || (key != NULL && !is(observer, key, "true")))
            return gn_check_fail(check, metrics->items[i],
                                 "plot.metrics.%zu `%s` needs `- {kind: %s%s%s%s}` under observe", i, name,
                                 kind, key ? ", " : "", key ? key : "", key ? ": true" : "");
    }
    return GN_OK;
}

/* A figure of what an observer sees needs that observer. */
static gn_status check_figure(const gn_check *check, const gn_node *plot, const gn_node *observe) {
    static const struct {
        const char *plot, *observer;
    } needs[] = {{"fourier", "fourier"},
                 {"rates", "ntk"},
                 {"drift", "drift"},
                 {"curvature", "curvature"},
                 {"nudft", "nudft"}};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (is(plot, "kind", needs[i].plot) && find_observer(observe, needs[i].observer) == NULL)
            return gn_check_fail(check, gn_node_get(plot, "kind"),
                                 "plot.kind `%s` needs `- {kind: %s}` under observe", needs[i].plot,
                                 needs[i].observer);
    return GN_OK;
}

static gn_status check_observers(const gn_check *check, const gn_node *resolved) {
    const gn_node *observe = gn_node_get(resolved, "observe"), *plot = gn_node_get(resolved, "plot");
    for (size_t i = 0; i < observe->count; i++) {
        const gn_node *kind = gn_node_get(observe->items[i], "kind");
        for (size_t j = 0; j < i; j++)
            if (is(observe->items[j], "kind", kind->text))
                return gn_check_fail(check, kind, "observe.%zu.kind `%s` is there twice; one is enough", i,
                                     kind->text);
    }
    GN_TRY(check_figure(check, plot, observe));
    const gn_node *metrics = gn_node_get(plot, "metrics");
    if (metrics != NULL && metrics->count == 0)
        return gn_check_fail(check, metrics, "plot.metrics is empty; name a column, as [loss_train]");
    if (metrics != NULL)
        GN_TRY(check_metrics(check, metrics, observe));
    static const char *const splits[] = {"panels", "lines"};
    for (size_t i = 0; i < 2; i++) {
        const gn_node *key = gn_node_get(plot, splits[i]);
        if (key != NULL && key->text[0] != '\0' && gn_node_find(resolved, key->text) == NULL)
            return gn_check_fail(check, key, "plot.%s is `%.100s`, which is no key of this configuration",
                                 splits[i], key->text);
    }
    return GN_OK;
}

/* `section` of a phase, until or switch: below or above, not both. */
static gn_status check_bound(const gn_check *check, const gn_node *phase, size_t i, const char *section) {
    const gn_node *node = gn_node_get(phase, section);
    if (node == NULL)
        return GN_OK;
    const gn_node *below = gn_node_get(node, "below"), *above = gn_node_get(node, "above");
    if (below == NULL && above == NULL)
        return gn_check_fail(check, node, "phases.%zu.%s needs `below` or `above`", i, section);
    if (below != NULL && above != NULL)
        return gn_check_fail(check, above, "phases.%zu.%s has `below` and `above`; take one away", i,
                             section);
    return GN_OK;
}

/* Whether an observer of this kind gives the signal: the linearisation gap is that to a companion. */
static bool gives_signal(const gn_node *observer, const char *kind, const char *signal) {
    return is(observer, "kind", kind) &&
           (strcmp(signal, "linearisation_gap") != 0 || is(observer, "companion", "true"));
}

/* A switch follows a signal that somebody gives. */
static gn_status check_signal(const gn_check *check, const gn_node *phase, size_t i, const gn_node *observe) {
    static const struct {
        const char *signal, *observer, *add;
    } gives[] = {{"drift", "ntk", "ntk"},
                 {"mode_rate", "ntk", "ntk"},
                 {"drift", "drift", "drift"},
                 {"linearisation_gap", "drift", "drift, companion: true"}};
    const gn_node *change = gn_node_get(phase, "switch");
    const char *add = NULL;
    if (change == NULL)
        return GN_OK;
    const gn_node *signal = gn_node_get(change, "signal");
    for (size_t j = 0; j < sizeof gives / sizeof *gives; j++) {
        if (strcmp(gives[j].signal, signal->text) != 0)
            continue;
        add = add != NULL ? add : gives[j].add;
        for (size_t k = 0; k < observe->count; k++)
            if (gives_signal(observe->items[k], gives[j].observer, gives[j].signal))
                return GN_OK;
    }
    return gn_check_fail(check, signal,
                         "phases.%zu.switch.signal is `%s`, which none of the observers gives; add `- {kind: "
                         "%s}` under observe",
                         i, signal->text, add);
}

static gn_status check_ends(const gn_check *check, const gn_node *phases, const gn_node *observe) {
    for (size_t i = 0; i < phases->count; i++) {
        GN_TRY(check_bound(check, phases->items[i], i, "until"));
        GN_TRY(check_bound(check, phases->items[i], i, "switch"));
        GN_TRY(check_signal(check, phases->items[i], i, observe));
    }
    return GN_OK;
}

static gn_status check_problem(const gn_check *check, const gn_node *problem) {
    if (!is(problem, "kind", "arrays"))
        return GN_OK;
    const gn_node *inputs = gn_node_get(problem, "test_inputs"),
                  *targets = gn_node_get(problem, "test_targets");
    if ((inputs->text[0] == '\0') == (targets->text[0] == '\0'))
        return GN_OK;
    bool lacks_targets = targets->text[0] == '\0';
    return gn_check_fail(check, lacks_targets ? inputs : targets, "problem.%s needs %s too",
                         lacks_targets ? "test_inputs" : "test_targets",
                         lacks_targets ? "test_targets" : "test_inputs");
}

/* An mlp's; NULL of other networks. */
static gn_status check_widths(const gn_check *check, const gn_node *widths) {
    if (widths != NULL && widths->count < 2)
        return gn_check_fail(check, widths, "network.widths needs two numbers or more: inputs, ..., outputs");
    if (widths != NULL && widths->count > 1000)
        return gn_check_fail(check, widths, "network.widths has %zu numbers; at most 1000 work",
                             widths->count);
    return GN_OK;
}

gn_status gn_check_together(gn_check *check, gn_node *resolved) {
    const gn_node *phases = gn_node_get(resolved, "phases");
    double steps = 0;
    GN_TRY(complete_name(check, gn_node_get(resolved, "name")));
    GN_TRY(check_problem(check, gn_node_get(resolved, "problem")));
    GN_TRY(check_widths(check, gn_node_get(gn_node_get(resolved, "network"), "widths")));
    if (phases->count == 0)
        return gn_check_fail(check, phases, "phases is empty; give one or more");
    for (size_t i = 0; i < phases->count; i++)
        steps += number(phases->items[i], "steps");
    if (steps > 1e15)
        return gn_check_fail(check, phases, "phases have %g steps together; at most 1e15 work", steps);
    GN_TRY(check_labels(check, phases));
    GN_TRY(check_damping(check, phases));
    GN_TRY(check_ends(check, phases, gn_node_get(resolved, "observe")));
    return check_observers(check, resolved);
}
