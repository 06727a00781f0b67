#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figures.h"

enum { POINTS = 400 /* of a curve, at most */, GUIDE = 4 /* times the largest error: where it starts */ };

typedef struct fourier {
    const gn_run_set *set;
    const char *word; /* "mode" or "shell" */
    size_t modes;     /* 1 ... modes; the mean (0) is not drawn */
    unsigned *blocks; /* group_count x modes */
    double *start;    /* modes: the largest median error at the first step, over groups */
    double strong;    /* modes that start above this are emphasised */
    double low, high; /* of all medians, positive */
    double band_high; /* of all bands */
    unsigned *marks;  /* group_count: blocks of the ends of diverged runs */
    gn_page page;
    gn_axis x, y;
} fourier;

static void fourier_free(fourier *figure) {
    free(figure->blocks);
    free(figure->start);
    free(figure->marks);
}

static void extend_range(fourier *figure, const gn_band *band, double last_step) {
    for (size_t i = 0; i < band->count; i++) {
        double median = band->median[i];
        if (!isfinite(median) || median <= 0 || band->step[i] > last_step)
            continue;
        figure->low = fmin(figure->low, median);
        figure->high = fmax(figure->high, median);
        figure->band_high = fmax(figure->band_high, band->high[i]);
    }
}

/* Where the runs of a group that diverged were seen last: the largest mode there. */
static void write_marks(fourier *figure, size_t group, const gn_series *series, gn_script *script) {
    figure->marks[group] = script->blocks++;
    fprintf(script->file, "$b%u << GN_END\n", figure->marks[group]);
    for (size_t i = 0; i < figure->set->groups[group].count; i++) {
        char state[32] = "";
        gn_run_state(&figure->set->runs[figure->set->groups[group].first + i].run, state, NULL);
        double largest = NAN, step = 0;
        for (size_t row = series[i].rows; row-- > 0 && !isfinite(largest);)
            for (size_t k = 1; k < series[i].width; k++) {
                double value = series[i].values[row * series[i].width + k];
                largest = isfinite(value) ? fmax(largest, value) : largest;
                step = series[i].at[row];
            }
        if (!strcmp(state, "diverged") && isfinite(largest))
            fprintf(script->file, "%.9g %.9g\n", step, fmin(largest, figure->y.high));
    }
    fputs("-1 NaN\nGN_END\n", script->file);
}

/* The recorded modes of a group; `word` becomes what they are. */
static gn_status read_group(fourier *figure, size_t group, gn_series **series, gn_message *message) {
    const gn_run_group *runs = &figure->set->groups[group];
    if (figure->word)
        return gn_group_series(figure->set, runs,
                               strcmp(figure->word, "mode") ? "fourier/shell" : "fourier/mode", series,
                               message);
    gn_status status = gn_group_series(figure->set, runs, "fourier/mode", series, message);
    figure->word = "mode";
    if (status == GN_ERROR_FORMAT &&
        gn_group_series(figure->set, runs, "fourier/shell", series, NULL) == GN_OK) {
        figure->word = "shell";
        status = GN_OK;
    }
    return status; /* of the modes: what to do is the same */
}

static gn_status write_group(fourier *figure, size_t group, const gn_series *series, gn_script *script,
                             gn_message *message) {
    const gn_run_group *runs = &figure->set->groups[group];
    for (size_t k = 0; k < figure->modes; k++) {
        gn_band band;
        if (gn_band_create(series, runs->count, k + 1, &band) != GN_OK)
            return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for the curves of %zu runs",
                                   runs->count);
        if (band.count && isfinite(band.median[0]))
            figure->start[k] = fmax(figure->start[k], band.median[0]);
        gn_band_thin(&band, POINTS, figure->x.logarithmic);
        extend_range(figure, &band, figure->x.high);
        figure->blocks[group * figure->modes + k] = gn_script_band(script, &band, true);
        gn_band_destroy(&band);
    }
    return GN_OK;
}

/* Reads everything and writes it to the script. */
static gn_status write_data(fourier *figure, gn_script *script, gn_message *message) {
    const gn_run_set *set = figure->set;
    figure->low = INFINITY;
    for (size_t i = 0; i < set->group_count; i++) {
        gn_series *series;
        GN_TRY(read_group(figure, i, &series, message));
        size_t modes = series[0].width ? series[0].width - 1 : 0;
        gn_status status = GN_OK;
        if (i == 0) {
            figure->modes = modes;
            figure->blocks = calloc(set->group_count * modes + 1, sizeof *figure->blocks);
            figure->start = calloc(modes + 1, sizeof *figure->start);
            figure->marks = calloc(set->group_count, sizeof *figure->marks);
        }
        if (!figure->blocks || !figure->start || !figure->marks)
            status = gn_message_fail(message, GN_ERROR_MEMORY, "no memory for %zu modes", modes);
        else if (modes != figure->modes || modes == 0)
            status = gn_message_fail(message, GN_ERROR_FORMAT,
                                     "'%s' has %zu Fourier modes where the first run has %zu",
                                     set->runs[set->groups[i].first].run.directory, modes, figure->modes);
        if (status == GN_OK)
            status = write_group(figure, i, series, script, message);
        gn_group_series_free(&set->groups[i], series);
        GN_TRY(status);
    }
    if (!isfinite(figure->low))
        return gn_message_fail(message, GN_ERROR_FORMAT, "no run has a finite Fourier mode to draw");
    return GN_OK;
}

static gn_status mark_ends(fourier *figure, gn_script *script, gn_message *message) {
    for (size_t i = 0; i < figure->set->group_count; i++) {
        gn_series *series;
        GN_TRY(read_group(figure, i, &series, message));
        write_marks(figure, i, series, script);
        gn_group_series_free(&figure->set->groups[i], series);
    }
    return GN_OK;
}

/* Modes that start with a good part of the largest error are where the target lives; of no use where these
 * are most of them. */
static void find_strong(fourier *figure) {
    double most = 0;
    size_t count = 0;
    for (size_t k = 0; k < figure->modes; k++)
        most = fmax(most, figure->start[k]);
    for (size_t k = 0; k < figure->modes; k++)
        count += figure->start[k] >= 0.25 * most;
    figure->strong = 2 * count <= figure->modes ? 0.25 * most : INFINITY;
}

static bool is_strong(const fourier *figure, size_t k) {
    return figure->start[k] >= figure->strong;
}

static void line_style(const fourier *figure, size_t k, char *style, size_t size) {
    const char *width = !isfinite(figure->strong) ? "1.6" : is_strong(figure, k) ? "2.2" : "1.0";
    snprintf(style, size, "lt 1 lw %s lc rgb '#%06X'", width, gn_colour_ordered(k, figure->modes));
}

static bool shows_rate(const gn_config *config) {
    gn_optimizer_kind kind = config->phases[0].optimizer.options.kind;
    double rate = config->phases[0].optimizer.options.learning_rate;
    return config->plot.rate && rate > 0 && rate < 1 && kind >= GN_OPTIMIZER_GAUSS_NEWTON &&
           kind <= GN_OPTIMIZER_GGN;
}

static bool any_rate(const fourier *figure) {
    for (size_t i = 0; i < figure->set->group_count; i++)
        if (shows_rate(gn_group_config(figure->set, &figure->set->groups[i])))
            return true;
    return false;
}

static void draw_legend(const fourier *figure) {
    char text[64], style[64];
    for (size_t k = 0; k < figure->modes; k++) {
        snprintf(text, sizeof text, "%s %zu", figure->word, k + 1);
        line_style(figure, k, style, sizeof style);
        gn_page_legend(&figure->page, (double)k, style, is_strong(figure, k) ? GN_TEXT_BOLD : GN_TEXT_PLAIN,
                       text);
    }
    if (any_rate(figure))
        gn_page_legend(&figure->page, (double)figure->modes + 0.5, "lt 1 lw 1.4 dt (10,6) lc rgb '#202020'",
                       GN_TEXT_PLAIN, "∝ (1 − η)ᵗ");
}

static void draw_panel(const fourier *figure, size_t group) {
    const gn_page *page = &figure->page;
    const gn_run_group *runs = &figure->set->groups[group];
    const gn_config *config = gn_group_config(figure->set, runs);
    FILE *file = page->canvas.script->file;
    gn_box box = gn_page_panel(page, group);
    gn_axis x = figure->x, y = figure->y;
    x.label = gn_page_last_row(page, group) ? x.label : NULL;
    y.label = gn_page_first_column(page, group) ? y.label : NULL;
    gn_canvas_axes(&page->canvas, box, runs->title, x, y);
    char state[96];
    if (gn_group_state(figure->set, runs, state, sizeof state))
        gn_canvas_text(&page->canvas, box.left + box.width - 0.8 * gn_text_width(state), box.top + 10,
                       GN_TEXT_SMALL, state);
    fputs("plot ", file);
    if (runs->count > 1)
        for (size_t k = 0; k < figure->modes; k++)
            fprintf(file, "$b%u using 1:3:4 with filledcurves fs noborder fc rgb '#DD%06X', \\\n",
                    figure->blocks[group * figure->modes + k], gn_colour_ordered(k, figure->modes));
    for (int pass = 0; pass < 2; pass++) /* what matters on top */
        for (size_t k = 0; k < figure->modes; k++) {
            char style[64];
            line_style(figure, k, style, sizeof style);
            if (is_strong(figure, k) == (pass == 1))
                fprintf(file, "$b%u using 1:2 with lines %s, \\\n", figure->blocks[group * figure->modes + k],
                        style);
        }
    if (shows_rate(config))
        fprintf(file, "%.9g * exp(x * %.9g) with lines lt 1 lw 1.4 dt (10,6) lc rgb '#202020', \\\n",
                GUIDE * figure->high, log1p(-config->phases[0].optimizer.options.learning_rate));
    fprintf(file, "$b%u using 1:2 with points pt 2 ps 0.7 lw 1.6 lc rgb '#C00000'\n", figure->marks[group]);
    gn_canvas_next(&page->canvas);
}

static void draw_all(const void *drawn) {
    const fourier *figure = drawn;
    draw_legend(figure);
    for (size_t g = 0; g < figure->set->group_count; g++)
        draw_panel(figure, g);
}

gn_status gn_fourier_figure(const gn_run_set *set, gn_script *script, gn_message *message) {
    fourier figure = {.set = set};
    const gn_config_plot *plot = &gn_group_config(set, &set->groups[0])->plot;
    figure.x = gn_page_steps(set);
    gn_status status = write_data(&figure, script, message);
    if (status == GN_OK) {
        double low = plot->y_min > 0 ? plot->y_min : figure.low;
        if (any_rate(&figure)) /* room for the guide */
            figure.band_high = fmax(figure.band_high, GUIDE * figure.high);
        figure.y = gn_axis_decades(low, fmin(figure.band_high, 10 * figure.high), 10);
        figure.y.label = "error of mode  |ê_k|";
        if (!strcmp(figure.word, "shell"))
            figure.y.label = "error of shell  |ê_k|";
        status = mark_ends(&figure, script, message);
    }
    if (status == GN_OK) {
        find_strong(&figure);
        gn_page_layout(&figure.page, set, set->group_count, plot->columns, true, 104,
                       isfinite(figure.strong) ? "Thick: large errors at the start." : NULL);
        gn_page_draw(&figure.page, script, draw_all, &figure);
    }
    fourier_free(&figure);
    return status;
}
