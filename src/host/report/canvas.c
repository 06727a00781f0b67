#include "report/canvas.h"

#include <math.h>
#include <string.h>

enum { TEXT_SIZE = 12, SMALL_SIZE = 10 }; /* logical pixels */

/* What both terminals draw alike: thin grey axes on two sides, a light grid. */
static const char *const SETUP = "set encoding utf8\n"
                                 "set decimalsign '.'\n"
                                 "set multiplot\nset samples 400\n"
                                 "set border 3 lw 0.8 lc rgb '#404040'\n"
                                 "set tics nomirror out scale 0.6,0.3 textcolor rgb '#303030'\n"
                                 "set grid xtics ytics lt 1 lw 0.5 lc rgb '#E4E4E4'\n"
                                 "unset key\n";

void gn_canvas_begin(const gn_canvas *canvas, gn_terminal terminal) {
    FILE *file = canvas->script->file;
    fputs("reset\n", file);
    if (terminal == GN_TERMINAL_PNG)
        fprintf(file,
                "set terminal pngcairo enhanced size %.0f,%.0f font 'sans,%d' fontscale 2 linewidth 2 "
                "pointscale 2 background rgb '#FFFFFF'\nset output '%s'\n",
                2 * canvas->width, 2 * canvas->height, TEXT_SIZE * 3 / 4 /* points */, canvas->script->png);
    else
        fprintf(file,
                "set terminal svg enhanced size %.0f,%.0f font 'sans-serif,%d' background rgb '#FFFFFF'\n"
                "set output '%s'\n",
                canvas->width, canvas->height, TEXT_SIZE, canvas->script->svg);
    fputs(SETUP, file);
}

void gn_canvas_end(const gn_canvas *canvas) {
    fputs("unset multiplot\nset samples 400\nunset output\n", canvas->script->file);
}

static void place(const gn_canvas *canvas, double x, double y) {
    fprintf(canvas->script->file, "screen %.6f, screen %.6f", x / canvas->width, 1 - y / canvas->height);
}

static void begin_text(const gn_canvas *canvas, gn_weight weight) {
    static const char *const fonts[] = {[GN_TEXT_PLAIN] = "",
                                        [GN_TEXT_BOLD] = "{/:Bold ",
                                        [GN_TEXT_SMALL] = "{/*0.84 ",
                                        [GN_TEXT_TITLE] = "{/:Bold*1.3 "};
    fprintf(canvas->script->file, "set label '%s", fonts[weight]);
}

static void end_text(const gn_canvas *canvas, double x, double y, gn_weight weight) {
    fprintf(canvas->script->file, "%s' at ", weight == GN_TEXT_PLAIN ? "" : "}");
    place(canvas, x, y);
    fprintf(canvas->script->file, " left textcolor rgb '%s'\n",
            weight == GN_TEXT_SMALL ? "#606060" : "#202020");
}

void gn_canvas_text(const gn_canvas *canvas, double x, double y, gn_weight weight, const char *text) {
    begin_text(canvas, weight);
    gn_script_part(canvas->script, text);
    end_text(canvas, x, y, weight);
}

void gn_canvas_marked_text(const gn_canvas *canvas, double x, double y, gn_weight weight, const char *text) {
    begin_text(canvas, weight);
    fputs(text, canvas->script->file);
    end_text(canvas, x, y, weight);
}

void gn_canvas_sample(const gn_canvas *canvas, double x, double y, double length, const char *style) {
    fputs("set arrow from ", canvas->script->file);
    place(canvas, x, y);
    fputs(" to ", canvas->script->file);
    place(canvas, x + length, y);
    fprintf(canvas->script->file, " nohead %s\n", style);
}

/* Characters, not bytes, of a UTF-8 text. */
static size_t characters(const char *text, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

double gn_text_width(const char *text) {
    return 0.58 * TEXT_SIZE * (double)characters(text, strlen(text));
}

size_t gn_canvas_paragraph(const gn_canvas *canvas, double x, double y, double width, const char *text) {
    size_t most = (size_t)fmax(20, width / (0.56 * SMALL_SIZE)), lines = 0;
    while (*text) {
        size_t length = strlen(text), end = length;
        while (characters(text, end) > most) { /* back to a blank, or to anywhere */
            size_t blank = end - 1;
            while (blank > 0 && text[blank] != ' ')
                blank--;
            end = blank > 0 ? blank : end - 1;
        }
        while (end < length && ((unsigned char)text[end] & 0xC0) == 0x80)
            end++;
        char line[512];
        snprintf(line, sizeof line, "%.*s", (int)end, text);
        if (canvas)
            gn_canvas_text(canvas, x, y + (double)lines * (GN_LINE_HEIGHT - 3), GN_TEXT_SMALL, line);
        lines++;
        text += end;
        text += *text == ' ';
    }
    return lines;
}

/* A step of 1, 2, 2.5 or 5 times a power of ten that gives at most `most` intervals. */
static double nice_step(double range, double most) {
    double raw = range / most, power = pow(10, floor(log10(raw))), rest = raw / power;
    return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 2.5 ? 2.5 : rest <= 5 ? 5 : 10);
}

static void write_range(const gn_canvas *canvas, char name, gn_axis axis, double length) {
    FILE *file = canvas->script->file;
    fprintf(file, "set %crange [%.9g:%.9g]\n", name, axis.low, axis.high);
    double room = name == 'x' ? 55 : 34; /* pixels a number needs */
    if (axis.logarithmic) {
        double decades = log10(axis.high / axis.low);
        fprintf(file, "set logscale %c\nset %ctics 1e%.0f\n", name, name,
                fmax(1, ceil(decades * room / length)));
        if (decades * room > length)
            fprintf(file, "unset m%ctics\n", name);
        else
            fprintf(file, "set m%ctics 10\n", name);
    } else {
        fprintf(file, "set %ctics %.9g\nunset m%ctics\n", name,
                nice_step(axis.high - axis.low, fmax(2, floor(length / room))), name);
    }
    fprintf(file, "set format %c '%s'\n", name, !axis.label ? "" : axis.logarithmic ? "10^{%L}" : "%g");
}

/* An axis's words, centred: gnuplot's own place for them differs between terminals. */
static void write_axis_label(const gn_canvas *canvas, const char *text, double x, double y, bool upright) {
    if (!text)
        return;
    fprintf(canvas->script->file, "set label '%s' at ", text);
    place(canvas, x, y);
    fprintf(canvas->script->file, " center%s textcolor rgb '#202020'\n", upright ? " rotate by 90" : "");
}

void gn_canvas_axes(const gn_canvas *canvas, gn_box box, const char *title, gn_axis x, gn_axis y) {
    FILE *file = canvas->script->file;
    fprintf(file, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", box.left / canvas->width,
            (box.left + box.width) / canvas->width);
    fprintf(file, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n", 1 - box.top / canvas->height,
            1 - (box.top + box.height) / canvas->height);
    if (title)
        gn_canvas_text(canvas, box.left, box.top - 13, GN_TEXT_BOLD, title);
    write_range(canvas, 'x', x, box.width);
    write_range(canvas, 'y', y, box.height);
    write_axis_label(canvas, x.label, box.left + box.width / 2, box.top + box.height + 39, false);
    write_axis_label(canvas, y.label, box.left - 58, box.top + box.height / 2, true);
}

void gn_canvas_next(const gn_canvas *canvas) {
    fputs("unset label\nunset arrow\nunset logscale\nunset object\n", canvas->script->file);
}

unsigned gn_colour_ordered(size_t i, size_t count) {
    /* viridis (S. van der Walt, N. Smith; CC0) at 0, 0.1 ... 1 */
    static const unsigned char map[11][3] = {{68, 1, 84},    {72, 36, 117},  {65, 68, 135},  {53, 95, 141},
                                             {42, 120, 142}, {33, 145, 140}, {34, 168, 132}, {68, 191, 112},
                                             {122, 209, 81}, {189, 223, 38}, {253, 231, 37}};
    double place = count > 1 ? 8.9 * (double)i / (double)(count - 1) : 3;
    size_t low = (size_t)place;
    double part = place - (double)low;
    unsigned colour = 0;
    for (int c = 0; c < 3; c++)
        colour = colour << 8 | (unsigned)lround((1 - part) * map[low][c] + part * map[low + 1][c]);
    return colour;
}

unsigned gn_colour_named(size_t i) {
    static const unsigned colours[GN_COLOURS_NAMED] = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                                       0xE69F00, 0x56B4E9, 0x333333};
    return colours[i % GN_COLOURS_NAMED];
}

gn_axis gn_axis_decades(double low, double high, double decades) {
    double top = ceil(log10(high) - 1e-9), bottom = floor(log10(low) + 1e-9);
    bottom = fmax(bottom, top - decades);
    return (gn_axis){.low = pow(10, fmin(bottom, top - 1)), .high = pow(10, top), .logarithmic = true};
}
