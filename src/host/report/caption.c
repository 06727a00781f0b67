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

/* "mlp 1-80-80-1, tanh, kaiming_uniform, " */
static void write_network(const gn_run_set *set, char *text, size_t size) {
    values networks = {0};
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_config *config = gn_group_config(set, &set->groups[i]);
        const gn_settings *settings = &set->runs[set->groups[i].first].settings;
        char widths[96] = "", network[160];
        for (unsigned j = 0; j < config->network.widths_count; j++) {
            size_t length = strlen(widths);
            snprintf(widths + length, sizeof widths - length, "%s%zu", j ? "-" : "",
                     config->network.widths[j]);
        }
        const char *kind = gn_settings_get(settings, "network.kind");
        const char *init = gn_settings_get(settings, "network.init");
        if (config->network.kind == GN_NETWORK_MLP)
            snprintf(network, sizeof network, "%s %s %s %s", kind ? kind : "", widths,
                     config->network.activation ? config->network.activation : "", init ? init : "");
        else if (config->network.kind == GN_NETWORK_TRANSFORMER)
            snprintf(network, sizeof network, "%s of %zu layers, width %zu, %zu heads", kind ? kind : "",
                     config->network.layers, config->network.width, config->network.heads);
        else
            snprintf(network, sizeof network, "%s H = %zu α = %g %s", kind ? kind : "",
                     config->network.hidden, config->network.alpha, init ? init : "");
        add(&networks, network);
    }
    snprintf(text, size, "%s", networks.text);
}

/* Learning rates, damping and cut-off of every phase, with what they mean. */
static void write_optimizers(const gn_run_set *set, char *text, size_t size) {
    values rates = {0}, dampings = {0}, cutoffs = {0}, curvatures = {0};
    bool any_first_order = false;
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_config *config = gn_group_config(set, &set->groups[i]);
        for (unsigned j = 0; j < config->phases_count; j++) {
            const gn_optimizer_options *options = &config->phases[j].optimizer.options;
            char value[96];
            gn_number_text(options->learning_rate, 6, value);
            add(&rates, value);
            if (first_order(options->kind)) {
                any_first_order = true;
                continue;
            }
            add(&curvatures, options->curvature == GN_CURVATURE_SUM ? "sum" : "mean");
            if (options->kind == GN_OPTIMIZER_GAUSS_NEWTON) {
                gn_number_text(options->cutoff, 6, value);
                add(&cutoffs, value);
            } else {
                damping_text(&options->damping, value, sizeof value);
                add(&dampings, value);
            }
        }
    }
    size_t length = (size_t)snprintf(text, size, "learning rate η = %s", rates.text);
    if (*dampings.text && length < size)
        length += (size_t)snprintf(text + length, size - length, "; damping µ = %s", dampings.text);
    if (*cutoffs.text && length < size)
        length += (size_t)snprintf(text + length, size - length, "; cut-off %s λmax of JJᵀ", cutoffs.text);
    if (*curvatures.text && length < size)
        length += (size_t)snprintf(text + length, size - length, "; JᵀJ: %s over residuals", curvatures.text);
    if (any_first_order && length < size)
        snprintf(text + length, size - length, "; first-order rules: mean loss");
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
    char network[192], optimizers[384], seeds[96], batch[48] = "full batch";
    write_network(set, network, sizeof network);
    write_optimizers(set, optimizers, sizeof optimizers);
    write_seeds(set, seeds, sizeof seeds);
    if (config->batch.size)
        snprintf(batch, sizeof batch, "batches of %zu", config->batch.size);
    snprintf(text, size, "%s, %s; %s; %s; %s; %s.", problem ? problem : "", network, batch, optimizers,
             gn_dtype_name(config->precision), seeds);
    write_quick(set, text, size);
}
