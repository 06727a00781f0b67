#include <stdio.h>
#include <string.h>

#include "report/number.h"
#include "report/page.h"

/* Values that runs have in common or not: each once, in the order of their coming; … for those without room.
 */
typedef struct values {
    char text[192];
} values;

static void add(values *list, const char *value) {
    size_t length = strlen(list->text), more = strlen(value);
    const char *found = list->text;
    while ((found = strstr(found, value))) { /* a whole entry, not a part of one */
        bool starts = found == list->text || found[-1] == ' ';
        if (starts && (found[more] == ',' || found[more] == 0))
            return;
        found += more;
    }
    static const char rest[] = ", …";
    if (length + strlen(", ") + more + sizeof rest <= sizeof list->text)
        snprintf(list->text + length, sizeof list->text - length, "%s%s", length ? ", " : "", value);
    else if (length < strlen(rest) || strcmp(list->text + length - strlen(rest), rest) != 0)
        strcat(list->text, rest);
}

static bool first_order(gn_optimizer_kind kind) {
    return kind == GN_OPTIMIZER_SGD || kind == GN_OPTIMIZER_ADAM || kind == GN_OPTIMIZER_ADAMW ||
           kind == GN_OPTIMIZER_LBFGS;
}

static void damping_text(const gn_damping_options *damping, char *text, size_t size) {
    char value[32], final[32];
    gn_number_text(damping->value, 6, value);
    gn_number_text(damping->final, 6, final);
    if (damping->kind == GN_DAMPING_SCHEDULED)
        snprintf(text, size, "%s to %s in %zu steps", value, final, damping->steps);
    else
        snprintf(text, size, "%s%s", value,
                 damping->kind == GN_DAMPING_GAIN_RATIO ? " by gain ratio"
                 : damping->kind == GN_DAMPING_RELATIVE ? " λmax"
                                                        : "");
}

/* "parameters × 8, centred", or nothing: what is done to the network as it is initialised. */
static values scales_of(const gn_config_network *network) {
    values scales = {0};
    char text[48];
    snprintf(text, sizeof text, "parameters × %g", network->init_scale);
    if (network->init_scale != 1)
        add(&scales, text);
    snprintf(text, sizeof text, "outputs × %g", network->output_scale);
    if (network->kind == GN_NETWORK_MLP && network->output_scale != 1)
        add(&scales, text);
    if (network->centred)
        add(&scales, "centred");
    return scales;
}

/* "mlp 1-80-80-1 tanh kaiming_uniform" */
static void network_text(const gn_config *config, const gn_settings *settings, char *text, size_t size) {
    const char *kind = gn_settings_get(settings, "network.kind");
    const char *init = gn_settings_get(settings, "network.init");
    char widths[96] = "";
    for (unsigned j = 0; j < config->network.widths_count; j++) {
        const size_t length = strlen(widths);
        snprintf(widths + length, sizeof widths - length, "%s%zu", j ? "-" : "", config->network.widths[j]);
    }
    kind = kind ? kind : "";
    init = init ? init : "";
    if (config->network.kind == GN_NETWORK_MLP)
        snprintf(text, size, "%s %s %s %s", kind, widths,
                 config->network.activation ? config->network.activation : "", init);
    else if (config->network.kind == GN_NETWORK_TRANSFORMER)
        snprintf(text, size, "%s of %zu layers, width %zu, %zu heads", kind, config->network.layers,
                 config->network.width, config->network.heads);
    else
        snprintf(text, size, "%s H = %zu α = %g %s", kind, config->network.hidden, config->network.alpha,
                 init);
}

static void write_network(const gn_run_set *set, char *text, size_t size) {
    values networks = {0};
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_config *config = gn_group_config(set, &set->groups[i]);
        const gn_settings *settings = &set->runs[set->groups[i].first].settings;
        const values scales = scales_of(&config->network);
        char network[320];
        network_text(config, settings, network, sizeof network);
        const size_t length = strlen(network);
        if (scales.text[0])
            snprintf(network + length, sizeof network - length, " (%s)", scales.text);
        add(&networks, network);
    }
    snprintf(text, size, "%s", networks.text);
}

/* What the optimisers of all phases are given, each value once. */
typedef struct rules {
    values rates, decays, dampings, cutoffs, curvatures, steps;
    bool any_first_order;
} rules;

static void add_number(values *list, double number) {
    char text[32];
    add(list, gn_number_text(number, 6, text));
}

static void add_phase(rules *r, const gn_config_phase *phase) {
    const gn_optimizer_options *options = &phase->optimizer.options;
    char value[96];
    add_number(&r->rates, options->learning_rate);
    add_number(&r->steps, (double)phase->steps);
    if (options->weight_decay != 0)
        add_number(&r->decays, options->weight_decay);
    if (first_order(options->kind)) {
        r->any_first_order = true;
        return;
    }
    add(&r->curvatures, options->curvature == GN_CURVATURE_SUM ? "sum" : "mean");
    if (options->kind == GN_OPTIMIZER_GAUSS_NEWTON) {
        add_number(&r->cutoffs, options->cutoff);
        return;
    }
    damping_text(&options->damping, value, sizeof value);
    add(&r->dampings, value);
}

/* Learning rates, damping, cut-off and steps of every phase, with what they mean. */
static void write_optimizers(const gn_run_set *set, char *text, size_t size) {
    rules r = {0};
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_config *config = gn_group_config(set, &set->groups[i]);
        for (unsigned j = 0; j < config->phases_count; j++)
            add_phase(&r, &config->phases[j]);
    }
    const struct {
        const char *before, *list, *after;
    } parts[] = {{"; weight decay ", r.decays.text, ""},
                 {"; damping µ = ", r.dampings.text, ""},
                 {"; cut-off ", r.cutoffs.text, " λmax of JJᵀ"},
                 {"; JᵀJ: ", r.curvatures.text, " over residuals"},
                 {"; first-order rules: ", r.any_first_order ? "mean loss" : "", ""},
                 {"; steps: ", r.steps.text, ""}};
    size_t length = (size_t)snprintf(text, size, "learning rate η = %s", r.rates.text);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && length < size; i++)
        if (parts[i].list[0])
            length += (size_t)snprintf(text + length, size - length, "%s%s%s", parts[i].before, parts[i].list,
                                       parts[i].after);
}

static void write_seeds(const gn_run_set *set, char *text, size_t size) {
    uint64_t low = UINT64_MAX, high = 0;
    size_t most = 1;
    for (size_t i = 0; i < set->run_count; i++) {
        uint64_t seed = set->runs[i].run.config->seed;
        low = seed < low ? seed : low;
        high = seed > high ? seed : high;
    }
    for (size_t i = 0; i < set->group_count; i++)
        most = set->groups[i].count > most ? set->groups[i].count : most;
    if (most == 1)
        snprintf(text, size, low == high ? "seed %llu" : "seeds %llu–%llu", (unsigned long long)low,
                 (unsigned long long)high);
    else
        snprintf(text, size, "lines: median over seeds %llu–%llu, bands: min to max", (unsigned long long)low,
                 (unsigned long long)high);
}

static void write_quick(const gn_run_set *set, char *text, size_t size) {
    char quick[320];
    const size_t length = strlen(text);
    if (gn_run_set_quick(set, quick, sizeof quick)[0] != '\0')
        snprintf(text + length, size - length, " Quick: leaves out %s.", quick);
}

void gn_caption_write(const gn_run_set *set, char *text, size_t size) {
    const gn_config *config = gn_group_config(set, &set->groups[0]);
    const gn_settings *settings = &set->runs[set->groups[0].first].settings;
    const char *problem = gn_settings_get(settings, "problem.kind");
    char network[192], optimizers[768], seeds[96], batch[48] = "full batch";
    write_network(set, network, sizeof network);
    write_optimizers(set, optimizers, sizeof optimizers);
    write_seeds(set, seeds, sizeof seeds);
    if (config->batch.size)
        snprintf(batch, sizeof batch, "batches of %zu", config->batch.size);
    snprintf(text, size, "%s, %s; %s; %s; %s; %s.", problem ? problem : "", network, batch, optimizers,
             gn_dtype_name(config->precision), seeds);
    write_quick(set, text, size);
}
