/* Measured against predicted decay of each NTK mode, one panel a group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

enum { DECADES = 8 };

/* One group: where its points are, and how well the prediction does. */
typedef struct rates_panel {
    unsigned block;
    size_t points;
    double slope, r2; /* of the first run */
} rates_panel;

typedef struct rates {
    const gn_run_set *set;
    rates_panel *panels; /* group_count */
    double high;         /* of all rates */
    gn_page page;
} rates;

/* The last row that has a pair of finite rates; rows where there is none. */
static size_t last_pair(const gn_series *measured, const gn_series *predicted) {
    for (size_t row = measured->rows; row-- > 0;)
        for (size_t i = 0; i < measured->width; i++)
            if (isfinite(measured->values[row * measured->width + i]) &&
                isfinite(predicted->values[row * predicted->width + i]))
                return row;
    return measured->rows;
}

/* `predicted measured` of one run, what is positive and finite of it. */
static void write_pairs(rates *figure, rates_panel *panel, const gn_series *measured,
                        const gn_series *predicted, gn_script *script) {
    const size_t row = last_pair(measured, predicted);
    for (size_t i = 0; i < measured->width && row < measured->rows; i++) {
        const double m = measured->values[row * measured->width + i];
        const double p = predicted->values[row * predicted->width + i];
        if (!(m > 0 && p > 0 && isfinite(m) && isfinite(p)))
            continue;
        fprintf(script->file, "%.9g %.9g %zu\n", p, m, i);
        figure->high = fmax(figure->high, fmax(m, p));
        panel->points++;
    }
}

static double last_finite(const gn_series *series) {
    for (size_t row = series->rows; row-- > 0;)
        if (isfinite(series->values[row]))
            return series->values[row];
    return NAN;
}

static gn_status read_number(const rates *figure, const gn_run_group *group, const char *name, double *value,
                             gn_message *message) {
    gn_series *series;
    GN_TRY(gn_group_series(figure->set, group, name, &series, message));
    *value = last_finite(&series[0]);
    gn_group_series_free(group, series);
    return GN_OK;
}

static gn_status write_group(rates *figure, size_t g, gn_script *script, gn_message *message) {
    const gn_run_group *group = &figure->set->groups[g];
    rates_panel *panel = &figure->panels[g];
    gn_series *measured, *predicted;
    GN_TRY(gn_group_series(figure->set, group, "ntk/measured_rate", &measured, message));
    gn_status status = gn_group_series(figure->set, group, "ntk/predicted_rate", &predicted, message);
    if (status == GN_OK) {
        panel->block = script->blocks++;
        fprintf(script->file, "$b%u << GN_END\n", panel->block);
        for (size_t i = 0; i < group->count; i++)
            write_pairs(figure, panel, &measured[i], &predicted[i], script);
        fputs("NaN NaN 0\nGN_END\n", script->file);
        gn_group_series_free(group, predicted);
    }
    gn_group_series_free(group, measured);
    if (status == GN_OK)
        status = read_number(figure, group, "ntk/rate_slope", &panel->slope, message);
    if (status == GN_OK)
        status = read_number(figure, group, "ntk/rate_r2", &panel->r2, message);
    return status;
}

static gn_status write_data(rates *figure, gn_script *script, gn_message *message) {
    size_t points = 0;
    for (size_t g = 0; g < figure->set->group_count; g++) {
        GN_TRY(write_group(figure, g, script, message));
        points += figure->panels[g].points;
    }
    if (points == 0)
        return gn_message_fail(
            message, GN_ERROR_FORMAT,
            "no run has a mode with both a measured and a predicted rate: predictions are of sgd, adam, "
            "gauss_newton and constant damping on the whole training set, by full batches, and rates need "
            "three observations before the kernel has drifted by 0.1");
    return GN_OK;
}

static void draw_panel(const rates *figure, size_t g) {
    const gn_page *page = &figure->page;
    const rates_panel *panel = &figure->panels[g];
    FILE *file = page->canvas.script->file;
    const gn_box box = gn_page_panel(page, g);
    const double low = gn_group_config(figure->set, &figure->set->groups[0])->plot.y_min;
    gn_axis x = gn_axis_decades(low > 0 ? low : figure->high * pow(10, -DECADES), figure->high, 4 * DECADES),
            y = x;
    char text[96];
    x.label = gn_page_last_row(page, g) ? "predicted rate" : NULL;
    y.label = gn_page_first_column(page, g) ? "measured rate" : NULL;
    snprintf(text, sizeof text, "R² = %.4f, slope %.3f", panel->r2, panel->slope);
    gn_canvas_axes(&page->canvas, box, figure->set->groups[g].title, x, y);
    if (isfinite(panel->r2))
        gn_canvas_text(&page->canvas, box.left + 12, box.top + 12, GN_TEXT_SMALL, text);
    fprintf(file, "plot x with lines lt 1 lw 1.2 dt (10,6) lc rgb '#808080', \\\n");
    fprintf(file, "$b%u using 1:2 with points pt 7 ps 0.6 lc rgb '#%06X'\n", panel->block,
            gn_colour_named(g));
    gn_canvas_next(&page->canvas);
}

static void draw_all(const void *drawn) {
    const rates *figure = drawn;
    for (size_t g = 0; g < figure->set->group_count; g++)
        draw_panel(figure, g);
}

gn_status gn_rates_figure(const gn_run_set *set, gn_script *script, gn_message *message) {
    rates figure = {.set = set, .panels = calloc(set->group_count, sizeof *figure.panels)};
    if (!figure.panels)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu panels", set->group_count);
    gn_status status = write_data(&figure, script, message);
    if (status == GN_OK) {
        const gn_config_plot *plot = &gn_group_config(set, &set->groups[0])->plot;
        gn_page_layout(
            &figure.page, set, set->group_count, plot->columns, true, 8,
            "Decay of each NTK mode a step; dashed: as predicted. R² and slope count modes that grow too.");
        gn_page_draw(&figure.page, script, draw_all, &figure);
    }
    free(figure.panels);
    return status;
}
