/* The figure of one spectrum: eigenvalues by their index. */
#include <math.h>

#include "report/figures.h"

enum { LEFT = 78, TOP = 46, WIDTH = 560, HEIGHT = 340, RIGHT = 24, FOOT = 52, LINE = 14 };

static unsigned write_points(const gn_spectrum *spectrum, gn_script *script) {
    const unsigned block = script->blocks++;
    fprintf(script->file, "$b%u << GN_END\n", block);
    for (size_t i = 0; i < spectrum->count; i++)
        if (spectrum->values[i] > 0)
            fprintf(script->file, "%zu %.9g\n", i + 1, spectrum->values[i]);
    fputs("GN_END\n", script->file);
    return block;
}

static double smallest_positive(const gn_spectrum *spectrum) {
    double smallest = spectrum->values[0];
    for (size_t i = 0; i < spectrum->count; i++)
        smallest = spectrum->values[i] > 0 ? fmin(smallest, spectrum->values[i]) : smallest;
    return smallest;
}

static void draw_page(const gn_spectrum *spectrum, const gn_canvas *canvas, unsigned block) {
    const gn_box box = {LEFT, TOP, WIDTH, HEIGHT};
    const gn_axis x = {
        .low = 0.8, .high = 1.25 * fmax(8, (double)spectrum->count), .logarithmic = true, .label = "index i"};
    gn_axis y = gn_axis_decades(smallest_positive(spectrum), spectrum->values[0], 24);
    y.label = "eigenvalue λ_i";
    gn_canvas_text(canvas, LEFT, TOP / 2.0, GN_TEXT_TITLE, spectrum->title);
    gn_canvas_paragraph(canvas, LEFT, TOP + HEIGHT + FOOT + LINE / 2.0, WIDTH, spectrum->caption);
    gn_canvas_axes(canvas, box, NULL, x, y);
    fprintf(canvas->script->file, "plot $b%u using 1:2 with points pt 7 ps 0.5 lc rgb '#%06X'\n", block,
            gn_colour_named(0));
    gn_canvas_next(canvas);
}

static gn_status draw(const void *what, gn_script *script, gn_message *message) {
    const gn_spectrum *spectrum = what;
    if (spectrum->count == 0 || !(spectrum->values[0] > 0))
        return gn_message_fail(message, GN_ERROR_FORMAT,
                               "no eigenvalue is positive: there is nothing to draw");
    const size_t lines = gn_canvas_paragraph(NULL, 0, 0, WIDTH, spectrum->caption);
    const gn_canvas canvas = {script, LEFT + WIDTH + RIGHT, TOP + HEIGHT + FOOT + (double)(lines + 1) * LINE};
    const unsigned block = write_points(spectrum, script);
    for (gn_terminal terminal = GN_TERMINAL_PNG; terminal <= GN_TERMINAL_SVG; terminal++) {
        gn_canvas_begin(&canvas, terminal);
        draw_page(spectrum, &canvas, block);
        gn_canvas_end(&canvas);
    }
    return GN_OK;
}

gn_status gn_spectrum_figure_write(const gn_spectrum *spectrum, const char *stem, gn_figure_report *written) {
    *written = (gn_figure_report){0};
    return gn_figure_draw(stem, draw, spectrum, written);
}
