/* What the observer nudft saw, two panels a group: the losses over the steps, and below them the spectra of
 * the targets and, at some of the steps, of the error; medians over seeds. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

enum {
    POINTS = 400 /* of a curve, at most */,
    LOOKS = 5 /* spectra of a group, at most */,
    DECADES = 8,
    SPECTRUM_DECADES = 5
};

static const struct {
    const char *metric, *style, *fill, *text;
} losses[] = {{"loss_train", "lt 1 lw 1.8 lc rgb '#0072B2'", "0072B2", "training loss"},
              {"loss_test", "lt 1 lw 1.6 dt (6,4) lc rgb '#D55E00'", "D55E00", "test loss"}};
static const struct {
    const char *array, *style, *text;
} targets[] = {{"nudft/target_train", "lt 1 lw 1.4 dt (2,4) lc rgb '#707070'", "targets, training"},
               {"nudft/target_test", "lt 1 lw 1.4 dt (8,4) lc rgb '#202020'", "targets, test"}};

typedef struct column {
    unsigned losses[2], targets[2], looks[LOOKS]; /* blocks */
    double steps[LOOKS];
} column;

typedef struct figure {
    const gn_run_set *set;
    size_t sets;                            /* 2: there is a test set; else 1 */
    column *columns;                        /* group_count */
    double low, high, least, most, highest; /* of losses, of spectra, of k */
    gn_axis x, y;
    gn_page page;
} figure;

static const char *error_name(const figure *f) {
    return f->sets == 2 ? "nudft/error_test" : "nudft/error_train";
}

static gn_status write_losses(figure *f, size_t g, size_t i, gn_script *script, gn_message *message) {
    const gn_run_group *group = &f->set->groups[g];
    gn_series *series;
    gn_band band;
    GN_TRY(gn_group_series(f->set, group, losses[i].metric, &series, message));
    gn_status status = gn_band_create(series, group->count, 0, &band);
    gn_group_series_free(group, series);
    if (status != GN_OK)
        return gn_message_fail(message, status, "no memory for the curves of %zu runs", group->count);
    gn_band_thin(&band, POINTS, f->x.logarithmic);
    for (size_t k = 0; k < band.count; k++)
        if (band.median[k] > 0 && isfinite(band.median[k]) && band.step[k] <= f->x.high) {
            f->low = fmin(f->low, band.median[k]);
            f->high = fmax(f->high, band.median[k]);
        }
    f->columns[g].losses[i] = gn_script_band(script, &band, true);
    gn_band_destroy(&band);
    return GN_OK;
}

/* `count` rows of an array, from the first to the last there is. */
typedef struct spectra {
    const char *array;
    size_t count;
    bool lowest; /* the axis has room for the least of these */
    unsigned *blocks;
    double *steps;
} spectra;

/* Over the runs that have come to the row; NaN where none has a finite value. */
static double median_at(const gn_series *series, size_t runs, size_t row, size_t i, double *scratch) {
    size_t count = 0;
    for (size_t run = 0; run < runs; run++)
        if (row < series[run].rows && isfinite(series[run].values[row * series[run].width + i]))
            scratch[count++] = series[run].values[row * series[run].width + i];
    return count ? gn_median(scratch, count) : NAN;
}

static void write_spectrum(figure *f, const spectra *s, const gn_series *series, size_t runs, const double *k,
                           size_t row, double *scratch, gn_script *script) {
    fprintf(script->file, "$b%u << GN_END\n", script->blocks);
    for (size_t i = 0; i < series[0].width; i++) {
        const double median = median_at(series, runs, row, i, scratch);
        if (!(median > 0))
            continue;
        fprintf(script->file, "%.9g %.9g\n", k[i], median);
        f->least = s->lowest ? fmin(f->least, median) : f->least;
        f->most = fmax(f->most, median);
    }
    fputs("NaN NaN\nGN_END\n", script->file);
}

static gn_status write_rows(figure *f, const spectra *s, const gn_run_group *group, const gn_series *series,
                            const gn_series *k, gn_script *script, gn_message *message) {
    double *scratch = malloc(group->count * sizeof *scratch);
    if (!scratch)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu runs", group->count);
    for (size_t i = 0; i < s->count; i++) {
        const size_t row = s->count > 1 ? i * (series[0].rows - 1) / (s->count - 1) : 0;
        s->steps[i] = series[0].at[row];
        s->blocks[i] = script->blocks;
        write_spectrum(f, s, series, group->count, k[0].values, row, scratch, script);
        script->blocks++;
    }
    f->highest = fmax(f->highest, k[0].values[k[0].width - 1]);
    free(scratch);
    return GN_OK;
}

static gn_status write_spectra(figure *f, size_t g, spectra s, gn_script *script, gn_message *message) {
    const gn_run_group *group = &f->set->groups[g];
    gn_series *k, *series;
    GN_TRY(gn_group_series(f->set, group, "nudft/frequency", &k, message));
    gn_status status = gn_group_series(f->set, group, s.array, &series, message);
    if (status == GN_OK && (series[0].rows == 0 || series[0].width != k[0].width))
        status = gn_message_fail(message, GN_ERROR_FORMAT, "'%s' has no spectrum",
                                 f->set->runs[group->first].run.directory);
    if (status == GN_OK)
        status = write_rows(f, &s, group, series, k, script, message);
    gn_group_series_free(group, series);
    gn_group_series_free(group, k);
    return status;
}

static gn_status write_group(figure *f, size_t g, gn_script *script, gn_message *message) {
    column *c = &f->columns[g];
    double step;
    const spectra error = {
        .array = error_name(f), .count = LOOKS, .lowest = true, .blocks = c->looks, .steps = c->steps};
    for (size_t i = 0; i < f->sets; i++) {
        const spectra target = {
            .array = targets[i].array, .count = 1, .blocks = &c->targets[i], .steps = &step};
        GN_TRY(write_losses(f, g, i, script, message));
        GN_TRY(write_spectra(f, g, target, script, message));
    }
    return write_spectra(f, g, error, script, message);
}

static gn_status write_data(figure *f, gn_script *script, gn_message *message) {
    gn_series *series;
    f->low = f->least = INFINITY;
    f->sets = 1;
    if (gn_group_series(f->set, &f->set->groups[0], targets[1].array, &series, NULL) == GN_OK) {
        f->sets = 2;
        gn_group_series_free(&f->set->groups[0], series);
    }
    for (size_t g = 0; g < f->set->group_count; g++)
        GN_TRY(write_group(f, g, script, message));
    if (f->high > 0 && isfinite(f->least) && f->highest > 0)
        return GN_OK;
    return gn_message_fail(message, GN_ERROR_FORMAT, "no run has a positive loss and spectrum to draw");
}

/* ---- drawing ---- */

/* The upper panel of a group; the lower one is a row below. */
static size_t panel_of(const figure *f, size_t g) {
    return g / f->page.columns * 2 * f->page.columns + g % f->page.columns;
}

static void draw_losses(const figure *f, size_t g) {
    const gn_page *page = &f->page;
    const gn_run_group *group = &f->set->groups[g];
    FILE *file = page->canvas.script->file;
    gn_axis y = f->y;
    y.label = gn_page_first_column(page, panel_of(f, g)) ? "mean loss" : NULL;
    gn_canvas_axes(&page->canvas, gn_page_panel(page, panel_of(f, g)), group->title, f->x, y);
    fputs("plot ", file);
    for (size_t i = 0; i < f->sets; i++) {
        if (group->count > 1)
            fprintf(file, "$b%u using 1:3:4 with filledcurves fs noborder fc rgb '#DD%s', \\\n",
                    f->columns[g].losses[i], losses[i].fill);
        fprintf(file, "$b%u using 1:2 with lines %s%s", f->columns[g].losses[i], losses[i].style,
                i + 1 < f->sets ? ", \\\n" : "\n");
    }
    gn_canvas_next(&page->canvas);
}

static void look_style(size_t i, char *style, size_t size) {
    snprintf(style, size, "lt 1 lw 1.8 lc rgb '#%06X'", gn_colour_ordered(i, LOOKS));
}

static void draw_spectra(const figure *f, size_t g) {
    const gn_page *page = &f->page;
    const column *c = &f->columns[g];
    const size_t panel = panel_of(f, g) + page->columns;
    FILE *file = page->canvas.script->file;
    const gn_box box = gn_page_panel(page, panel);
    gn_axis y = gn_axis_decades(f->least, f->most, SPECTRUM_DECADES);
    const gn_axis x = {.low = 0,
                       .high = f->highest,
                       .label = gn_page_last_row(page, panel) ? "frequency k" : " "}; /* titles are below */
    char style[64], text[96] = "at steps";
    y.label = gn_page_first_column(page, panel) ? "spectrum  |F(k)|" : NULL;
    for (size_t i = 0; i < LOOKS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s %.0f", i ? "," : "", c->steps[i]);
    gn_canvas_axes(&page->canvas, box, NULL, x, y);
    gn_canvas_text(&page->canvas, box.left + 8, box.top + 10, GN_TEXT_SMALL, text);
    fputs("plot ", file);
    for (size_t i = 0; i < LOOKS; i++) {
        look_style(i, style, sizeof style);
        fprintf(file, "$b%u using 1:2 with lines %s, \\\n", c->looks[i], style);
    }
    for (size_t i = 0; i < f->sets; i++)
        fprintf(file, "$b%u using 1:2 with lines %s%s", c->targets[i], targets[i].style,
                i + 1 < f->sets ? ", \\\n" : "\n");
    gn_canvas_next(&page->canvas);
}

static void draw_legend(const figure *f) {
    static const char *const ordinals[LOOKS] = {"first step", "second", "third", "fourth", "last"};
    const gn_page *page = &f->page;
    char text[64], style[64];
    for (size_t i = 0; i < f->sets; i++)
        gn_page_legend(page, (double)i, losses[i].style, GN_TEXT_PLAIN, losses[i].text);
    double line = (gn_page_panel(page, page->columns).top - gn_page_panel(page, 0).top) / GN_LINE_HEIGHT;
    for (size_t i = 0; i < f->sets; i++)
        gn_page_legend(page, line++, targets[i].style, GN_TEXT_PLAIN, targets[i].text);
    for (size_t i = 0; i < LOOKS; i++) {
        look_style(i, style, sizeof style);
        snprintf(text, sizeof text, "error, %s", ordinals[i]);
        gn_page_legend(page, line++, style, GN_TEXT_PLAIN, text);
    }
}

static void draw_all(const void *drawn) {
    const figure *f = drawn;
    draw_legend(f);
    for (size_t g = 0; g < f->set->group_count; g++) {
        draw_losses(f, g);
        draw_spectra(f, g);
    }
}

gn_status gn_nudft_figure(const gn_run_set *set, gn_script *script, gn_message *message) {
    const size_t wanted = gn_group_config(set, &set->groups[0])->plot.columns;
    const size_t most = wanted ? wanted : set->group_count % 4 ? 3 : 4;
    const size_t columns = most < set->group_count ? most : set->group_count;
    const size_t rows = (set->group_count + columns - 1) / columns;
    figure f = {.set = set, .x = gn_page_steps(set), .columns = calloc(set->group_count, sizeof *f.columns)};
    if (!f.columns)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu columns", set->group_count);
    gn_status status = write_data(&f, script, message);
    if (status == GN_OK) {
        f.y = gn_axis_decades(f.low, f.high, DECADES);
        gn_page_layout(&f.page, set, 2 * rows * columns, columns, true, 150,
                       f.sets == 2 ? "Below: spectra of the targets, and of the error on the test set."
                                   : "Below: spectra of the targets and of the error.");
        gn_page_draw(&f.page, script, draw_all, &f);
    }
    free(f.columns);
    return status;
}
