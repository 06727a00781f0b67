#include "run/config_bench.h"

#include <stdlib.h>
#include <string.h>

#include "core/status.h"
#include "run/config_check.h"
#include "run/phase_end.h"

/* ---- the section ---- */

static const gn_node *bench_of(const gn_config_source *source) {
    return gn_node_get(source->tree.root, "bench");
}

bool gn_config_source_has_bench(const gn_config_source *source) {
    return bench_of(source) != NULL;
}

/* Points of an optimiser's grid; 0 where it is none. */
static size_t grid_points(const gn_node *optimizer) {
    const gn_node *grid = gn_node_get(optimizer, "grid");
    size_t points = 1;
    if (grid->kind != GN_NODE_MAP)
        return 0;
    for (size_t i = 0; i < grid->count; i++)
        points *= grid->items[i]->kind == GN_NODE_LIST ? grid->items[i]->count : 0;
    return points;
}

static gn_status check_targets(const gn_check *check, const gn_node *targets) {
    if (targets->count == 0)
        return gn_check_fail(check, targets, "bench.targets is empty; give one or more");
    for (size_t i = 0; i < targets->count; i++)
        if ((gn_node_get(targets->items[i], "below") != NULL) ==
            (gn_node_get(targets->items[i], "above") != NULL))
            return gn_check_fail(check, targets->items[i],
                                 "bench.targets.%zu needs `below` or `above`, one of them", i);
    return GN_OK;
}

static gn_status check_seeds(const gn_check *check, const gn_node *bench) {
    const gn_node *seeds = gn_node_get(bench, "seeds"), *tuning = gn_node_get(bench, "tuning_seed");
    if (seeds->count == 0)
        return gn_check_fail(check, seeds, "bench.seeds is empty; give one or more");
    for (size_t i = 0; i < seeds->count; i++) {
        if (strcmp(seeds->items[i]->text, tuning->text) == 0)
            return gn_check_fail(
                check, seeds->items[i],
                "bench.tuning_seed, %s, is one of bench.seeds: what is tuned on a seed cannot be "
                "reported on it",
                tuning->text);
        for (size_t j = 0; j < i; j++)
            if (strcmp(seeds->items[i]->text, seeds->items[j]->text) == 0)
                return gn_check_fail(check, seeds->items[i], "bench.seeds has %s twice",
                                     seeds->items[i]->text);
    }
    return GN_OK;
}

/* Equal budgets: otherwise the comparison is one of patience. */
static gn_status check_optimizers(const gn_check *check, const gn_node *optimizers) {
    if (optimizers->count == 0)
        return gn_check_fail(check, optimizers, "bench.optimizers is empty; give one or more");
    const size_t budget = grid_points(optimizers->items[0]);
    for (size_t i = 0; i < optimizers->count; i++) {
        const gn_node *one = optimizers->items[i];
        const char *label = gn_node_get(one, "label")->text;
        const size_t points = grid_points(one);
        if (points == 0)
            return gn_check_fail(check, one,
                                 "bench.optimizers.%zu.grid must map keys to lists of one value or more", i);
        if (points != budget)
            return gn_check_fail(
                check, one,
                "bench.optimizers.%zu (%.60s) is tuned over %zu points and the first over %zu; "
                "give all the same number",
                i, label, points, budget);
        for (size_t j = 0; j < i; j++)
            if (strcmp(gn_node_get(optimizers->items[j], "label")->text, label) == 0)
                return gn_check_fail(check, one, "bench.optimizers has the label `%.60s` twice", label);
    }
    return GN_OK;
}

/* *bench: the section with its defaults, in `out`. */
static gn_status read_bench(const gn_config_source *source, gn_tree *out, gn_node **bench,
                            gn_message *message) {
    gn_check check = {.source = source, .out = out, .path = "bench", .message = message};
    const gn_node *given = bench_of(source);
    if (given == NULL)
        return gn_check_fail(&check, NULL,
                             "there is no section `bench:`; add one, or name an experiment with one");
    GN_TRY(gn_check_section(&check, &gn_bench_section, given, source->tree.root, bench));
    GN_TRY(check_targets(&check, gn_node_get(*bench, "targets")));
    GN_TRY(check_seeds(&check, *bench));
    return check_optimizers(&check, gn_node_get(*bench, "optimizers"));
}

gn_status gn_check_bench(const gn_config_source *source, gn_message *message) {
    gn_tree tree = {0};
    gn_node *bench;
    const gn_status status = bench_of(source) == NULL ? GN_OK : read_bench(source, &tree, &bench, message);
    gn_tree_destroy(&tree);
    return status;
}

/* ---- the plan ---- */

static void read_target(const gn_node *node, gn_bench_target *target) {
    const gn_node *below = gn_node_get(node, "below"), *metric = gn_node_get(node, "metric");
    const gn_node *level = below != NULL ? below : gn_node_get(node, "above");
    for (gn_phase_metric m = GN_PHASE_LOSS_TRAIN; m <= GN_PHASE_ACCURACY_TEST; m++)
        if (strcmp(gn_phase_metric_name(m), metric->text) == 0)
            target->metric = m;
    target->bound = below != NULL ? GN_BOUND_BELOW : GN_BOUND_ABOVE;
    target->value = strtod(level->text, NULL);
    snprintf(target->text, sizeof target->text, "%s %s %g", metric->text, below != NULL ? "below" : "above",
             target->value);
}

static gn_status fill_plan(const gn_node *bench, gn_bench_plan *plan, gn_message *message) {
    const gn_node *seeds = gn_node_get(bench, "seeds"), *targets = gn_node_get(bench, "targets");
    const gn_node *optimizers = gn_node_get(bench, "optimizers");
    plan->seeds = calloc(seeds->count, sizeof *plan->seeds);
    plan->targets = calloc(targets->count, sizeof *plan->targets);
    plan->labels = calloc(optimizers->count, sizeof *plan->labels);
    if (plan->seeds == NULL || plan->targets == NULL || plan->labels == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    plan->tuning_seed = strtoull(gn_node_get(bench, "tuning_seed")->text, NULL, 10);
    plan->budget = grid_points(optimizers->items[0]);
    for (; plan->seed_count < seeds->count; plan->seed_count++)
        plan->seeds[plan->seed_count] = strtoull(seeds->items[plan->seed_count]->text, NULL, 10);
    for (; plan->target_count < targets->count; plan->target_count++)
        read_target(targets->items[plan->target_count], &plan->targets[plan->target_count]);
    for (; plan->optimizer_count < optimizers->count; plan->optimizer_count++) {
        const gn_node *label = gn_node_get(optimizers->items[plan->optimizer_count], "label");
        if ((plan->labels[plan->optimizer_count] = strdup(label->text)) == NULL)
            return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    }
    return GN_OK;
}

gn_status gn_bench_plan_read(const gn_config_source *source, gn_bench_plan *plan, gn_message *message) {
    gn_tree tree = {0};
    gn_node *bench;
    *plan = (gn_bench_plan){0};
    gn_status status = read_bench(source, &tree, &bench, message);
    if (status == GN_OK)
        status = fill_plan(bench, plan, message);
    gn_tree_destroy(&tree);
    return status;
}

void gn_bench_plan_free(gn_bench_plan *plan) {
    for (size_t i = 0; i < plan->optimizer_count; i++)
        free(plan->labels[i]);
    free(plan->labels);
    free(plan->targets);
    free(plan->seeds);
    *plan = (gn_bench_plan){0};
}

/* ---- its grids ---- */

/* Adds {key: KEY, values: VALUES}. */
static bool add_axis(gn_tree *tree, gn_node *sweep, const char *key, gn_node *values, int line) {
    gn_node *axis = gn_tree_node(tree, GN_NODE_MAP);
    if (axis == NULL || values == NULL)
        return false;
    axis->line = line;
    return gn_tree_add(tree, axis, "key", gn_tree_scalar(tree, key, true)) &&
           gn_tree_add(tree, axis, "values", values) && gn_tree_add(tree, sweep, NULL, axis);
}

/* The list, or of entry `only` alone. */
static gn_node *values_of(gn_tree *tree, const gn_node *list, size_t only) {
    gn_node *values = gn_tree_node(tree, GN_NODE_LIST);
    for (size_t i = 0; values != NULL && i < list->count; i++)
        if ((only == SIZE_MAX || i == only) &&
            !gn_tree_add(tree, values, NULL, gn_tree_copy(tree, list->items[i])))
            return NULL;
    return values;
}

/* The axes of optimiser `one`: its phases, its grid (the point alone, or all where it is SIZE_MAX), the
 * seeds. */
static bool add_axes(gn_tree *tree, gn_node *sweep, const gn_node *one, size_t point, gn_node *seeds) {
    const gn_node *grid = gn_node_get(one, "grid"), *phases = gn_node_get(one, "phases");
    gn_node *only = gn_tree_node(tree, GN_NODE_LIST);
    size_t stride = grid_points(one);
    if (only == NULL || !gn_tree_add(tree, only, NULL, gn_tree_copy(tree, phases)) ||
        !add_axis(tree, sweep, "phases", only, one->line))
        return false;
    for (size_t i = 0; i < grid->count; i++) {
        const gn_node *list = grid->items[i];
        stride /= list->count;
        const size_t chosen = point == SIZE_MAX ? SIZE_MAX : point / stride % list->count;
        if (!add_axis(tree, sweep, grid->keys[i], values_of(tree, list, chosen), list->line))
            return false;
    }
    return add_axis(tree, sweep, "seed", seeds, one->line);
}

/* In place of what the experiment watches and draws. */
static gn_status watch_metrics(gn_config_source *grid, const char *every, gn_message *message) {
    gn_tree *tree = &grid->tree;
    gn_node *observe = gn_tree_node(tree, GN_NODE_LIST), *metrics = gn_tree_node(tree, GN_NODE_MAP);
    if (observe == NULL || metrics == NULL ||
        !gn_tree_add(tree, metrics, "kind", gn_tree_scalar(tree, "metrics", false)) ||
        !gn_tree_add(tree, metrics, "every", gn_tree_scalar(tree, every, false)) ||
        !gn_tree_add(tree, observe, NULL, metrics))
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    gn_node_remove(tree->root, "plot");
    return gn_tree_put(tree, "observe", observe, "bench", message);
}

static gn_status make_grid(const gn_config_source *source, const gn_node *bench, size_t i, size_t point,
                           gn_config_source *grid, gn_message *message) {
    gn_tree *tree = &grid->tree;
    const gn_node *one = gn_node_get(bench, "optimizers")->items[i],
                  *tuning = gn_node_get(bench, "tuning_seed");
    gn_node *sweep = gn_tree_node(tree, GN_NODE_LIST), *seeds = gn_tree_node(tree, GN_NODE_LIST);
    grid->file = strdup(source->file);
    grid->folder = strdup(source->folder);
    tree->root = gn_tree_copy(tree, source->tree.root);
    grid->quick = source->quick != NULL ? gn_tree_text(tree, source->quick) : NULL;
    if (point != SIZE_MAX)
        seeds = values_of(tree, gn_node_get(bench, "seeds"), SIZE_MAX);
    else if (seeds != NULL && !gn_tree_add(tree, seeds, NULL, gn_tree_copy(tree, tuning)))
        seeds = NULL;
    if (grid->file == NULL || grid->folder == NULL || tree->root == NULL || sweep == NULL || seeds == NULL ||
        (grid->quick == NULL) != (source->quick == NULL) || !add_axes(tree, sweep, one, point, seeds))
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    gn_node_remove(tree->root, "bench");
    GN_TRY(watch_metrics(grid, gn_node_get(one, "every")->text, message));
    return gn_tree_put(tree, "sweep", sweep, "bench", message);
}

static gn_status create_grid(const gn_config_source *source, size_t i, size_t point, gn_config_source **grid,
                             gn_message *message) {
    gn_tree tree = {0};
    gn_node *bench;
    *grid = calloc(1, sizeof **grid);
    gn_status status = *grid == NULL ? gn_message_fail(message, GN_ERROR_MEMORY, "out of memory")
                                     : read_bench(source, &tree, &bench, message);
    if (status == GN_OK)
        status = make_grid(source, bench, i, point, *grid, message);
    gn_tree_destroy(&tree);
    if (status == GN_OK)
        return GN_OK;
    gn_config_source_destroy(*grid);
    *grid = NULL;
    return status;
}

gn_status gn_bench_tuning(const gn_config_source *source, size_t i, gn_config_source **grid,
                          gn_message *message) {
    return create_grid(source, i, SIZE_MAX, grid, message);
}

gn_status gn_bench_chosen(const gn_config_source *source, size_t i, size_t point, gn_config_source **grid,
                          gn_message *message) {
    return create_grid(source, i, point, grid, message);
}
