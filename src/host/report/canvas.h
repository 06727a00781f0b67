/* The page a figure is drawn on: places in logical pixels from the top left, colours, axes, words. */
#ifndef GN_REPORT_CANVAS_H
#define GN_REPORT_CANVAS_H

#include <stdbool.h>

#include "report/gnuplot.h"

typedef struct gn_canvas {
    gn_script *script;
    double width, height; /* logical pixels */
} gn_canvas;

typedef struct gn_box {
    double left, top, width, height;
} gn_box;

typedef struct gn_axis {
    double low, high;
    bool logarithmic;
    const char *label; /* gnuplot's enhanced text; NULL: numbers and label left out */
} gn_axis;

typedef enum gn_terminal { GN_TERMINAL_PNG, GN_TERMINAL_SVG } gn_terminal;

/* Opens and closes a page; everything below is drawn between the two, in both terminals alike. The PNG has
 * two pixels a logical one. */
void gn_canvas_begin(const gn_canvas *canvas, gn_terminal terminal);
void gn_canvas_end(const gn_canvas *canvas);

/* Words and lines of the next plot: set before gn_canvas_axes() and its plot, gone after gn_canvas_next(). */
typedef enum gn_weight { GN_TEXT_PLAIN, GN_TEXT_BOLD, GN_TEXT_SMALL, GN_TEXT_TITLE } gn_weight;
/* `text` as it stands, its left end at x, its middle at y. */
void gn_canvas_text(const gn_canvas *canvas, double x, double y, gn_weight weight, const char *text);
/* The same for a text in gnuplot's enhanced marks, written by this program. */
void gn_canvas_marked_text(const gn_canvas *canvas, double x, double y, gn_weight weight, const char *text);
/* A horizontal sample of a line style ("lw 2 lc rgb '#000000' dt 2"). */
void gn_canvas_sample(const gn_canvas *canvas, double x, double y, double length, const char *style);
/* Lines of small grey text downwards from y; returns the number of lines at this width. A NULL canvas only
 * counts. */
size_t gn_canvas_paragraph(const gn_canvas *canvas, double x, double y, double width, const char *text);

/* Axes of a plot within the box, with a title above it (as it stands; may be NULL). */
void gn_canvas_axes(const gn_canvas *canvas, gn_box box, const char *title, gn_axis x, gn_axis y);
/* After a plot: forgets words, lines and axes. */
void gn_canvas_next(const gn_canvas *canvas);

/* Width in logical pixels of a text of ordinary size, estimated. */
double gn_text_width(const char *text);
enum { GN_LINE_HEIGHT = 17 };

/* Colour i of `count` ordered ones, as 0xrrggbb: from viridis without its lightest end. */
unsigned gn_colour_ordered(size_t i, size_t count);
enum { GN_COLOURS_NAMED = 7 };
/* Colour i of unordered ones: Okabe and Ito's, told apart by colour-blind readers too; then again from the
 * first. */
unsigned gn_colour_named(size_t i);

/* The axis over [low, high] > 0: whole decades, at most `decades` of them below the top. */
gn_axis gn_axis_decades(double low, double high, double decades);

#endif
