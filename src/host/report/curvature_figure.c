/* What the observer curvature saw, a column a group: extreme eigenvalues over the steps, and below them the
 * spectral density at some of the steps, as the share of eigenvalues beyond each. */
#include <math.h>
#include <stdlib.h>

#include "report/figures.h"

enum { POINTS = 400 /* of a curve, at most */, LOOKS = 5 /* densities of a group, at most */, DECADES = 10 };

/* The curves of the upper panels. */
typedef struct curve {
    const char *array; /* its first column */
    bool negative;     /* as minus its value */
    const char *text, *style;
    bool hessian; /* needs the observer's */
} curve;
static const curve curves[] = {
    {"curvature/hessian_top", false, "largest of H", "lt 1 lw 1.8 lc rgb '#0072B2'", true},
    {"curvature/hessian_bottom", true, "minus the least of H", "lt 1 lw 1.4 dt (8,4) lc rgb '#0072B2'", true},
    {"curvature/ggn_top", false, "largest of G", "lt 1 lw 1.4 dt (6,8) lc rgb '#E69F00'", false},
};
enum { CURVES = sizeof curves / sizeof *curves };
static const char limit_style[] = "lt 1 lw 1.2 dt (2,4) lc rgb '#202020'";

typedef struct column {
    unsigned blocks[CURVES];             /* of its curves */
    unsigned limit;                      /* 2 / learning rate of phases of sgd */
    unsigned above[LOOKS], below[LOOKS]; /* of H, or of G alone: positive eigenvalues, negative ones */
    double steps[LOOKS];
    size_t looks;
} column;

typedef struct figure {
    const gn_run_set *set;
    bool hessian;             /* all groups have it */
    bool descent;             /* some phase is sgd's */
    column *columns;          /* group_count */
    double low, high;         /* of the curves, positive */
    double smallest, largest; /* |eigenvalue| of the densities */
    double least;             /* share */
    gn_axis x, y;
    gn_page page;
} figure;

static bool has_hessian(const gn_config *config) {
    for (unsigned i = 0; i < config->observe_count; i++)
        if (config->observe[i].kind == GN_OBSERVE_CURVATURE)
            return config->observe[i].hessian;
    return false;
}

/* ---- curves ---- */

static void negate(gn_series *series, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < series[i].rows * series[i].width; j++)
            series[i].values[j] *= -1;
}

static void extend_range(figure *f, const gn_band *band) {
    for (size_t i = 0; i < band->count; i++)
        if (band->median[i] > 0 && isfinite(band->median[i]) && band->step[i] <= f->x.high) {
            f->low = fmin(f->low, band->median[i]);
            f->high = fmax(f->high, band->high[i]);
        }
}

static gn_status write_curve(figure *f, size_t g, size_t k, gn_script *script, gn_message *message) {
    const gn_run_group *group = &f->set->groups[g];
    gn_series *series;
    gn_band band;
    GN_TRY(gn_group_series(f->set, group, curves[k].array, &series, message));
    if (curves[k].negative)
        negate(series, group->count);
    gn_status status = gn_band_create(series, group->count, 0, &band);
    gn_group_series_free(group, series);
    if (status != GN_OK)
        return gn_message_fail(message, status, "no memory for the curves of %zu runs", group->count);
    gn_band_thin(&band, POINTS, f->x.logarithmic);
    extend_range(f, &band);
    f->columns[g].blocks[k] = gn_script_band(script, &band, true);
    gn_band_destroy(&band);
    return GN_OK;
}

/* Gradient descent is stable below 2 / learning rate: for the phases of the group's first run, from one
 * change to the next. */
static gn_status write_limit(figure *f, size_t g, gn_script *script, gn_message *message) {
    const gn_figure_run *run = &f->set->runs[f->set->groups[g].first];
    const gn_config *config = run->run.config;
    double *ends = malloc(config->phases_count * sizeof *ends), first = 0;
    if (!ends)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %u phases", config->phases_count);
    ends[gn_figure_run_changes(run, ends)] = gn_figure_run_steps(run);
    f->columns[g].limit = script->blocks++;
    fprintf(script->file, "$b%u << GN_END\n", f->columns[g].limit);
    for (unsigned i = 0; i < config->phases_count; first = ends[i++]) {
        const gn_optimizer_options *o = &config->phases[i].optimizer.options;
        if (o->kind != GN_OPTIMIZER_SGD || o->momentum != 0)
            continue;
        const double limit = 2 / o->learning_rate;
        fprintf(script->file, "%.0f %.9g\n%.0f %.9g\n\n", first, limit, ends[i], limit);
        f->high = fmax(f->high, limit);
        f->low = fmin(f->low, limit);
        f->descent = true;
    }
    fputs("NaN NaN\nGN_END\n", script->file);
    free(ends);
    return GN_OK;
}

/* ---- densities ---- */

typedef struct node {
    double value, weight;
} node;

static int by_size_descending(const void *a, const void *b) {
    const double x = ((const node *)a)->value, y = ((const node *)b)->value;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The share of eigenvalues beyond each positive node of sign * values. */
static unsigned write_side(figure *f, size_t count, node *nodes, double sign, gn_script *script) {
    double share = 0;
    for (size_t i = 0; i < count; i++)
        nodes[i].value *= sign;
    qsort(nodes, count, sizeof *nodes, by_size_descending);
    fprintf(script->file, "$b%u << GN_END\n", script->blocks);
    for (size_t i = 0; i < count && nodes[i].value > 0; i++) {
        share += nodes[i].weight;
        if (!(share > 0))
            continue;
        fprintf(script->file, "%.9g %.9g\n", nodes[i].value, share);
        f->largest = fmax(f->largest, nodes[i].value);
        f->smallest = fmin(f->smallest, nodes[i].value);
        f->least = fmin(f->least, share);
    }
    fputs("NaN NaN\nGN_END\n", script->file);
    return script->blocks++;
}

static gn_status write_looks(figure *f, size_t g, const gn_series *values, const gn_series *weights,
                             gn_script *script, gn_message *message) {
    column *c = &f->columns[g];
    const size_t width = values->width, rows = values->rows;
    node *nodes = malloc((width + 1) * sizeof *nodes);
    if (!nodes)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu nodes", width);
    c->looks = rows < LOOKS ? rows : LOOKS;
    for (size_t k = 0; k < c->looks; k++) {
        const size_t row = c->looks > 1 ? k * (rows - 1) / (c->looks - 1) : 0;
        for (size_t i = 0; i < width; i++)
            nodes[i] = (node){values->values[row * width + i], weights->values[row * width + i]};
        c->steps[k] = values->at[row];
        c->above[k] = write_side(f, width, nodes, 1, script);
        c->below[k] = write_side(f, width, nodes, -1, script);
    }
    free(nodes);
    return GN_OK;
}

static gn_status write_density(figure *f, size_t g, gn_script *script, gn_message *message) {
    const gn_run_group *group = &f->set->groups[g];
    gn_series *values, *weights;
    GN_TRY(gn_group_series(f->set, group, f->hessian ? "curvature/hessian_nodes" : "curvature/ggn_nodes",
                           &values, message));
    gn_status status = gn_group_series(
        f->set, group, f->hessian ? "curvature/hessian_weights" : "curvature/ggn_weights", &weights, message);
    if (status == GN_OK) {
        status = write_looks(f, g, &values[0], &weights[0], script, message);
        gn_group_series_free(group, weights);
    }
    gn_group_series_free(group, values);
    return status;
}

static gn_status write_data(figure *f, gn_script *script, gn_message *message) {
    f->low = f->least = f->smallest = INFINITY;
    f->hessian = true;
    for (size_t g = 0; g < f->set->group_count; g++)
        f->hessian = f->hessian && has_hessian(gn_group_config(f->set, &f->set->groups[g]));
    for (size_t g = 0; g < f->set->group_count; g++) {
        for (size_t k = 0; k < CURVES; k++)
            if (f->hessian || !curves[k].hessian)
                GN_TRY(write_curve(f, g, k, script, message));
        GN_TRY(write_limit(f, g, script, message));
        GN_TRY(write_density(f, g, script, message));
    }
    if (f->high > 0 && f->largest > 0)
        return GN_OK;
    return gn_message_fail(message, GN_ERROR_FORMAT, "no run has a positive eigenvalue to draw");
}

/* ---- drawing ---- */

static void draw_curves(const figure *f, size_t g) {
    const gn_page *page = &f->page;
    const gn_run_group *group = &f->set->groups[g];
    FILE *file = page->canvas.script->file;
    gn_axis y = f->y;
    y.label = gn_page_first_column(page, g) ? "eigenvalue" : NULL;
    gn_canvas_axes(&page->canvas, gn_page_panel(page, g), group->title, f->x, y);
    fputs("plot ", file);
    for (size_t k = 0; k < CURVES; k++) {
        if (curves[k].hessian && !f->hessian)
            continue;
        if (group->count > 1)
            fprintf(file, "$b%u using 1:3:4 with filledcurves fs noborder fc rgb '#DD%s', \\\n",
                    f->columns[g].blocks[k], curves[k].hessian ? "0072B2" : "E69F00");
        fprintf(file, "$b%u using 1:2 with lines %s, \\\n", f->columns[g].blocks[k], curves[k].style);
    }
    fprintf(file, "$b%u using 1:2 with lines %s\n", f->columns[g].limit, limit_style);
    gn_canvas_next(&page->canvas);
}

static void draw_density(const figure *f, size_t g) {
    const gn_page *page = &f->page;
    const column *c = &f->columns[g];
    FILE *file = page->canvas.script->file;
    gn_axis x = gn_axis_decades(f->smallest, f->largest, DECADES + 1),
            y = gn_axis_decades(fmax(f->least, 1e-6), 1, DECADES);
    x.label = "|eigenvalue|";
    y.label = gn_page_first_column(page, g) ? "share of eigenvalues beyond" : NULL;
    gn_canvas_axes(&page->canvas, gn_page_panel(page, page->columns + g), NULL, x, y);
    fputs("plot ", file);
    for (size_t k = 0; k < c->looks; k++)
        fprintf(file,
                "$b%u using 1:2 with lines lt 1 lw 1.6 lc rgb '#%06X', "
                "$b%u using 1:2 with lines lt 1 lw 1.4 dt (8,4) lc rgb '#%06X'%s",
                c->above[k], gn_colour_ordered(k, c->looks), c->below[k], gn_colour_ordered(k, c->looks),
                k + 1 < c->looks ? ", \\\n" : "\n");
    gn_canvas_next(&page->canvas);
}

static void draw_legend(const figure *f) {
    const gn_page *page = &f->page;
    const column *c = &f->columns[0];
    char text[64], style[64];
    double line = 0;
    for (size_t k = 0; k < CURVES; k++)
        if (f->hessian || !curves[k].hessian)
            gn_page_legend(page, line++, curves[k].style, GN_TEXT_PLAIN, curves[k].text);
    if (f->descent)
        gn_page_legend(page, line, limit_style, GN_TEXT_PLAIN, "2 / η of SGD");
    line = (gn_page_panel(page, page->columns).top - gn_page_panel(page, 0).top) / GN_LINE_HEIGHT;
    for (size_t k = 0; k < c->looks; k++) {
        snprintf(text, sizeof text, "%s, step %.0f", f->hessian ? "H" : "G", c->steps[k]);
        snprintf(style, sizeof style, "lt 1 lw 1.6 lc rgb '#%06X'", gn_colour_ordered(k, c->looks));
        gn_page_legend(page, line++, style, GN_TEXT_PLAIN, text);
    }
    if (f->hessian)
        gn_page_legend(page, line, "lt 1 lw 1.4 dt (8,4) lc rgb '#606060'", GN_TEXT_PLAIN, "negative ones");
}

static void draw_all(const void *drawn) {
    const figure *f = drawn;
    draw_legend(f);
    for (size_t g = 0; g < f->set->group_count; g++) {
        draw_curves(f, g);
        draw_density(f, g);
    }
}

gn_status gn_curvature_figure(const gn_run_set *set, gn_script *script, gn_message *message) {
    figure f = {.set = set, .x = gn_page_steps(set), .columns = calloc(set->group_count, sizeof *f.columns)};
    if (!f.columns)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu columns", set->group_count);
    gn_status status = write_data(&f, script, message);
    if (status == GN_OK) {
        f.y = gn_axis_decades(f.low, f.high, DECADES);
        gn_page_layout(
            &f.page, set, 2 * set->group_count, set->group_count, true, 170,
            "H: the Hessian of the mean loss, G: its Gauss-Newton part. Below: of the first seed, by "
            "Lanczos quadrature.");
        gn_page_draw(&f.page, script, draw_all, &f);
    }
    free(f.columns);
    return status;
}
