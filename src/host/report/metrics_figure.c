#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/clock.h"
#include "report/figures.h"
#include "report/quantity.h"
#include "report/split.h"

enum { POINTS = 600 /* of a curve, at most */, MAX_FAMILIES = 16, NAME = 64 };

/* What the observer drift has written, as columns. */
#define DRIFT      "drift/kernel_drift"
#define GAP        "drift/linearisation_gap"
#define UNIFORMITY "drift/uniformity"
#define RESIDENCY  "drift/subspace_residency"
/* t_lazy is where the drift first exceeds this. */
#define LAZY 0.1

typedef enum part { TRAIN, TEST, PARTS } part; /* a quantity without parts is TRAIN: solid */

/* A quantity, of the training and the test set: one panel, or a row of them. */
typedef struct family {
    char name[NAME];            /* "loss" */
    gn_quantity quantity;       /* what it is and how it is drawn */
    char columns[PARTS][NAME];  /* "loss_train", "loss_test"; "" for none */
    unsigned *blocks[PARTS];    /* group_count each; of what is drawn */
    bool *drawn[PARTS];         /* group_count each: something finite was recorded */
    unsigned *marks;            /* group_count: ends of diverged runs */
    double low, positive, high; /* of what is drawn: smallest, smallest above 0, largest */
    double start;               /* largest at the first step */
    gn_axis y;
} family;

typedef struct metrics {
    const gn_run_set *set;
    gn_split split;
    family families[MAX_FAMILIES];
    size_t family_count;
    double *lazy; /* group_count: where the group's kernel has left its start by a tenth; NaN: nowhere seen */
    gn_page page;
    gn_plot_clock clock;
    gn_axis x;
} metrics;

static void metrics_free(metrics *figure) {
    gn_split_destroy(&figure->split);
    free(figure->lazy);
    for (size_t i = 0; i < figure->family_count; i++) {
        free(figure->families[i].marks);
        for (part p = TRAIN; p < PARTS; p++) {
            free(figure->families[i].blocks[p]);
            free(figure->families[i].drawn[p]);
        }
    }
}

/* The family name and part of a column: "loss_test" is TEST of "loss". */
static part split(const char *column, char name[NAME]) {
    size_t length = strlen(column);
    snprintf(name, NAME, "%s", column);
    if (length > 5 && length < NAME && !strcmp(column + length - 5, "_test")) {
        name[length - 5] = 0;
        return TEST;
    }
    if (length > 6 && length < NAME && !strcmp(column + length - 6, "_train"))
        name[length - 6] = 0;
    return TRAIN;
}

/* Whether every run has trained the linearised network beside. */
static bool has_companions(const gn_run_set *set) {
    for (size_t i = 0; i < set->group_count; i++) {
        const gn_config *config = gn_group_config(set, &set->groups[i]);
        bool found = false;
        for (unsigned j = 0; j < config->observe_count; j++)
            found |= config->observe[j].kind == GN_OBSERVE_DRIFT && config->observe[j].companion;
        if (!found)
            return false;
    }
    return true;
}

/* The columns that the figure is about; *count is their number. */
static const char *const *find_columns(const gn_run_set *set, const gn_config_plot *plot, size_t *count) {
    static const char *const losses[] = {"loss_train", "loss_test"};
    static const char *const drift[] = {DRIFT, UNIFORMITY, RESIDENCY, GAP};
    *count = 2;
    if (plot->kind == GN_PLOT_METRICS && plot->metrics_count > 0) {
        *count = plot->metrics_count;
        return (const char *const *)plot->metrics;
    }
    if (plot->kind != GN_PLOT_DRIFT)
        return losses;
    *count = has_companions(set) ? 4 : 3;
    return drift;
}

static gn_status find_families(metrics *figure, const gn_config_plot *plot, gn_message *message) {
    size_t count;
    const char *const *columns = find_columns(figure->set, plot, &count);
    for (size_t i = 0; i < count; i++) {
        char name[NAME];
        part p = split(columns[i], name);
        size_t j = 0;
        while (j < figure->family_count && strcmp(figure->families[j].name, name) != 0)
            j++;
        if (j == MAX_FAMILIES)
            return gn_message_fail(message, GN_ERROR_CONFIG, "plot.metrics: more than %d panels",
                                   MAX_FAMILIES);
        if (j == figure->family_count)
            figure->family_count++;
        memcpy(figure->families[j].name, name, sizeof name);
        figure->families[j].quantity = gn_quantity_of(figure->families[j].name);
        snprintf(figure->families[j].columns[p], NAME, "%s", columns[i]);
    }
    return GN_OK;
}

static void extend_range(family *panel, const gn_band *band, double last_step) {
    if (isfinite(band->high[0]))
        panel->start = fmax(panel->start, band->high[0]);
    for (size_t i = 0; i < band->count; i++) {
        double low = band->low[i], high = band->high[i];
        if (!isfinite(low) || band->step[i] > last_step)
            continue;
        panel->low = fmin(panel->low, low);
        panel->high = fmax(panel->high, high);
        if (band->median[i] > 0)
            panel->positive = fmin(panel->positive, band->median[i]);
    }
}

static bool any_finite(const gn_band *band) {
    for (size_t i = 0; i < band->count; i++)
        if (isfinite(band->median[i]))
            return true;
    return false;
}

static bool wants_logarithm(const family *panel) {
    return panel->quantity.scale == GN_SCALE_LOG || panel->quantity.scale == GN_SCALE_LOG_FROM_ZERO;
}

/* The last finite values of a group's diverged runs. */
static void write_marks(const gn_run_set *set, size_t group, const gn_series *series, gn_script *script) {
    for (size_t i = 0; series && i < set->groups[group].count; i++) {
        char state[32] = "";
        gn_run_state(&set->runs[set->groups[group].first + i].run, state, NULL);
        for (size_t row = series[i].rows; !strcmp(state, "diverged") && row-- > 0;)
            if (isfinite(series[i].values[row])) {
                fprintf(script->file, "%.9g %.9g\n", series[i].at[row], series[i].values[row]);
                break;
            }
    }
}

/* A zero that has no place on a logarithmic axis interrupts the curve. */
static void leave_out_zeros(gn_band *band) {
    for (size_t i = 0; i < band->count; i++)
        if (band->median[i] == 0)
            band->median[i] = band->low[i] = band->high[i] = NAN;
}

/* The first step at which the median over the seeds exceeds the bound. */
static double first_above(const gn_band *band, double bound) {
    for (size_t i = 0; i < band->count; i++)
        if (band->median[i] > bound)
            return band->step[i];
    return NAN;
}

static gn_status write_group(metrics *figure, family *panel, part p, size_t group, gn_script *script,
                             gn_message *message) {
    const gn_run_group *runs = &figure->set->groups[group];
    gn_series *series;
    gn_band band;
    GN_TRY(gn_group_series(figure->set, runs, panel->columns[p], &series, message));
    gn_status status = gn_clock_apply(figure->set, runs, figure->clock, series, message);
    if (status != GN_OK) {
        gn_group_series_free(runs, series);
        return status;
    }
    status = gn_band_create(series, runs->count, 0, &band);
    if (status == GN_OK) {
        if (!strcmp(panel->name, DRIFT))
            figure->lazy[group] = first_above(&band, LAZY);
        if (panel->quantity.scale == GN_SCALE_LOG_FROM_ZERO)
            leave_out_zeros(&band);
        gn_band_thin(&band, POINTS, figure->x.logarithmic);
        panel->drawn[p][group] = any_finite(&band);
        if (panel->drawn[p][group]) {
            extend_range(panel, &band, figure->x.high);
            panel->blocks[p][group] = gn_script_band(script, &band, wants_logarithm(panel));
        }
        gn_band_destroy(&band);
        if (p == TRAIN) {
            panel->marks[group] = script->blocks++;
            fprintf(script->file, "$b%u << GN_END\n", panel->marks[group]);
            write_marks(figure->set, group, series, script);
            fputs("-1 NaN\nGN_END\n", script->file);
        }
    } else {
        gn_message_fail(message, status, "no memory for the curves of %zu runs", runs->count);
    }
    gn_group_series_free(runs, series);
    return status;
}

static void choose_axis(family *panel, const gn_config_plot *plot) {
    if (wants_logarithm(panel) && isfinite(panel->positive)) {
        double low = plot->y_min > 0 ? plot->y_min : panel->positive;
        double high = panel->start > 0 ? fmin(panel->high, 1e3 * panel->start) : panel->high;
        panel->y = gn_axis_decades(low, fmax(high, low), 16); /* a diverged run leaves the picture */
    } else if (panel->quantity.scale == GN_SCALE_UNIT) {
        panel->y = (gn_axis){.low = 0, .high = 1};
    } else {
        double low = fmin(panel->low, 0), high = panel->high > low ? panel->high : low + 1;
        panel->y = (gn_axis){.low = low, .high = high + 0.05 * (high - low)};
    }
    panel->y.label = panel->quantity.label;
}

static gn_status write_family(metrics *figure, family *panel, gn_script *script, gn_message *message) {
    size_t groups = figure->set->group_count;
    panel->low = panel->positive = INFINITY;
    panel->high = -INFINITY;
    panel->marks = calloc(groups, sizeof *panel->marks);
    for (part p = TRAIN; p < PARTS; p++) {
        panel->blocks[p] = calloc(groups, sizeof *panel->blocks[p]);
        panel->drawn[p] = calloc(groups, sizeof *panel->drawn[p]);
        if (!panel->marks || !panel->blocks[p] || !panel->drawn[p])
            return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu groups of runs", groups);
        for (size_t i = 0; *panel->columns[p] && i < groups; i++)
            GN_TRY(write_group(figure, panel, p, i, script, message));
    }
    choose_axis(panel, &gn_group_config(figure->set, &figure->set->groups[0])->plot);
    return GN_OK;
}

static bool has_lazy(const metrics *figure) {
    for (size_t i = 0; i < figure->set->group_count; i++)
        if (isfinite(figure->lazy[i]))
            return true;
    return false;
}

/* Reads and writes all families; those of which nothing was recorded are left out. */
static gn_status write_data(metrics *figure, gn_script *script, gn_message *message) {
    figure->lazy = calloc(figure->set->group_count, sizeof *figure->lazy);
    if (!figure->lazy)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu groups of runs",
                               figure->set->group_count);
    for (size_t i = 0; i < figure->set->group_count; i++)
        figure->lazy[i] = NAN;
    for (size_t i = 0; i < figure->family_count; i++)
        GN_TRY(write_family(figure, &figure->families[i], script, message));
    size_t kept = 0;
    for (size_t i = 0; i < figure->family_count; i++) {
        family copy = figure->families[i];
        figure->families[i] = figure->families[kept]; /* swapped, so that all are freed */
        figure->families[kept] = copy;
        kept += isfinite(copy.high);
    }
    if (kept == 0)
        return gn_message_fail(message, GN_ERROR_FORMAT, "no run recorded a finite value of '%s'",
                               figure->families[0].name);
    figure->family_count = kept;
    return GN_OK;
}

static bool has_part(const metrics *figure, part p) {
    for (size_t i = 0; i < figure->family_count; i++)
        for (size_t j = 0; j < figure->set->group_count; j++)
            if (figure->families[i].drawn[p][j])
                return true;
    return false;
}

/* Quantities without parts are of no set. */
static bool has_training_set(const metrics *figure) {
    for (size_t i = 0; i < figure->family_count; i++)
        if (figure->families[i].columns[TRAIN][0] &&
            strcmp(figure->families[i].columns[TRAIN], figure->families[i].name) != 0)
            return true;
    return false;
}

static bool has_phases(const metrics *figure) {
    for (size_t i = 0; i < figure->set->group_count; i++)
        if (gn_group_config(figure->set, &figure->set->groups[i])->phases_count > 1)
            return true;
    return false;
}

static double legend_width(const metrics *figure) {
    double width = gn_text_width(has_lazy(figure) ? "drift above 0.1" : "phase change");
    for (size_t i = 0; i < figure->split.lines; i++)
        width = fmax(width, gn_text_width(figure->split.line_title[i].text));
    return width + 36;
}

/* Colours are few: when they have all been used, they come again with another dash. */
static void line_style(size_t line, part p, char *style, size_t size) {
    static const char *const dashes[][PARTS] = {
        {"", "dt (5,3)"}, {"dt (14,3,2,3)", "dt (5,3,1,3)"}, {"dt (2,3)", "dt (1,4)"}};
    enum { ROUNDS = sizeof dashes / sizeof *dashes };
    snprintf(style, size, "lt 1 lw 1.8 %s lc rgb '#%06X'", dashes[line / GN_COLOURS_NAMED % ROUNDS][p],
             gn_colour_named(line));
}

static void draw_legend(const metrics *figure) {
    char style[64];
    double line = 0;
    for (size_t i = 0; i < figure->split.lines; i++, line++) {
        line_style(i, TRAIN, style, sizeof style);
        gn_page_legend(&figure->page, line, style, GN_TEXT_PLAIN, figure->split.line_title[i].text);
    }
    line += 0.5;
    if (has_part(figure, TEST)) {
        if (has_training_set(figure))
            gn_page_legend(&figure->page, line++, "lt 1 lw 1.6 lc rgb '#707070'", GN_TEXT_PLAIN, "train");
        gn_page_legend(&figure->page, line++, "lt 1 lw 1.6 dt (5,3) lc rgb '#707070'", GN_TEXT_PLAIN, "test");
    }
    if (has_phases(figure))
        gn_page_legend(&figure->page, line++, "lt 1 lw 1.2 dt (9,3,2,3) lc rgb '#404040'", GN_TEXT_PLAIN,
                       "phase change");
    if (has_lazy(figure))
        gn_page_legend(&figure->page, line++, "lt 1 lw 1.8 dt (2,3) lc rgb '#404040'", GN_TEXT_PLAIN,
                       "drift above 0.1");
    for (size_t i = 0; i < figure->set->group_count; i++) {
        char state[96];
        gn_group_state(figure->set, &figure->set->groups[i], state, sizeof state);
        if (strstr(state, "diverged")) {
            gn_page_legend(&figure->page, line, NULL, GN_TEXT_SMALL, "× where a run diverged");
            break;
        }
    }
}

/* Grey; of several lines in the line's colour, and thin, for there may be many. */
static void draw_bar(const metrics *figure, size_t group, const gn_figure_run *run, double step) {
    const bool several = figure->split.lines > 1;
    const double x = gn_clock_at(&run->run, figure->clock, step);
    if (x > figure->x.low && x < figure->x.high)
        fprintf(figure->page.canvas.script->file,
                "set arrow from first %.9g, graph 0 to first %.9g, graph 1 nohead lt 1 lw %s dt (9,3,2,3) "
                "lc rgb '#%06X'\n",
                x, x, several ? "0.8" : "1.2",
                several ? gn_colour_named(figure->split.line[group]) : 0x404040u);
}

/* Bars where a phase of one of the panel's runs ends and another begins: those of a group's first run, and of
 * its others where they differ in the step. */
static void draw_phases(const metrics *figure, size_t column) {
    for (size_t i = 0; i < figure->set->group_count; i++) {
        const gn_run_group *group = &figure->set->groups[i];
        const size_t phases = gn_group_config(figure->set, group)->phases_count;
        double *first = calloc(2 * phases, sizeof *first), *other = first ? first + phases : NULL;
        for (size_t j = 0; first && j < group->count && figure->split.panel[i] == column; j++) {
            double *steps = j == 0 ? first : other;
            const size_t count = gn_figure_run_changes(&figure->set->runs[group->first + j], steps);
            for (size_t k = 0; k < count; k++)
                if (j == 0 || other[k] != first[k])
                    draw_bar(figure, i, &figure->set->runs[group->first + j], steps[k]);
        }
        free(first);
    }
}

/* The end of the lazy phase of each of the panel's groups, in its colour. */
static void draw_lazy(const metrics *figure, size_t column) {
    for (size_t i = 0; i < figure->set->group_count; i++)
        if (figure->split.panel[i] == column && figure->lazy[i] > figure->x.low &&
            figure->lazy[i] < figure->x.high)
            fprintf(figure->page.canvas.script->file,
                    "set arrow from first %.0f, graph 0 to first %.0f, graph 1 nohead lt 1 lw 1.8 dt (2,3) "
                    "lc rgb '#%06X'\n",
                    figure->lazy[i], figure->lazy[i], gn_colour_named(figure->split.line[i]));
}

static void draw_bands(const metrics *figure, const family *panel, part p, size_t group, FILE *file) {
    if (figure->set->groups[group].count > 1)
        fprintf(file, "$b%u using 1:3:4 with filledcurves fs noborder fc rgb '#D8%06X', \\\n",
                panel->blocks[p][group], gn_colour_named(figure->split.line[group]));
}

static void draw_median(const metrics *figure, const family *panel, part p, size_t group, FILE *file) {
    char style[96];
    line_style(figure->split.line[group], p, style, sizeof style);
    fprintf(file, "$b%u using 1:2 with lines %s, \\\n", panel->blocks[p][group], style);
}

/* Bands first, so that no line is under one. */
static void draw_curves(const metrics *figure, const family *panel, size_t column, FILE *file) {
    void (*const draw[])(const metrics *, const family *, part, size_t, FILE *) = {draw_bands, draw_median};
    for (size_t k = 0; k < 2; k++)
        for (part p = TRAIN; p < PARTS; p++)
            for (size_t i = 0; i < figure->set->group_count; i++)
                if (panel->drawn[p][i] && figure->split.panel[i] == column)
                    draw[k](figure, panel, p, i, file);
}

static void draw_panel(const metrics *figure, size_t row, size_t column) {
    const gn_page *page = &figure->page;
    const size_t index = row * figure->split.panels + column;
    const family *panel = &figure->families[row];
    const char *title = figure->split.panels > 1 ? figure->split.panel_title[column].text : NULL;
    FILE *file = page->canvas.script->file;
    gn_axis x = figure->x, y = panel->y;
    x.label = gn_page_last_row(page, index) ? x.label : NULL;
    y.label = title == NULL || gn_page_first_column(page, index) ? y.label : NULL;
    gn_canvas_axes(&page->canvas, gn_page_panel(page, index), title, x, y);
    draw_phases(figure, column);
    draw_lazy(figure, column);
    fputs("plot ", file);
    draw_curves(figure, panel, column, file);
    for (size_t i = 0; i < figure->set->group_count; i++)
        if (*panel->columns[TRAIN] && figure->split.panel[i] == column)
            fprintf(
                file,
                "$b%u using 1:($2 < %.9g ? $2 : %.9g) with points pt 2 ps 0.7 lw 1.6 lc rgb '#%06X', \\\n",
                panel->marks[i], panel->y.high, panel->y.high, gn_colour_named(figure->split.line[i]));
    fputs("NaN\n", file);
    gn_canvas_next(&page->canvas);
}

static void draw_all(const void *drawn) {
    const metrics *figure = drawn;
    draw_legend(figure);
    for (size_t i = 0; i < figure->family_count; i++)
        for (size_t j = 0; j < figure->split.panels; j++)
            draw_panel(figure, i, j);
}

static void draw(metrics *figure, size_t columns, gn_script *script) {
    const size_t panels = figure->split.panels;
    if (panels > 1 && columns == 0)
        columns = panels;
    gn_page_layout(&figure->page, figure->set, figure->family_count * panels, columns, panels > 1,
                   legend_width(figure), NULL);
    gn_page_draw(&figure->page, script, draw_all, figure);
}

gn_status gn_metrics_figure(const gn_run_set *set, gn_script *script, gn_message *message) {
    metrics *figure = calloc(1, sizeof *figure);
    if (!figure)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for a figure");
    const gn_config_plot *plot = &gn_group_config(set, &set->groups[0])->plot;
    figure->set = set;
    figure->clock = plot->x;
    gn_status status = gn_clock_axis(set, plot->x, &figure->x, message);
    if (status == GN_OK)
        status = gn_split_create(set, plot->panels ? plot->panels : "", plot->lines ? plot->lines : "",
                                 &figure->split, message);
    if (status == GN_OK)
        status = find_families(figure, plot, message);
    if (status == GN_OK)
        status = write_data(figure, script, message);
    if (status == GN_OK)
        draw(figure, plot->columns, script);
    metrics_free(figure);
    free(figure);
    return status;
}
