#include "report/page.h"

#include <math.h>
#include <string.h>

enum {
    LEFT = 78,  /* numbers and label of the first column */
    RIGHT = 18, /* so that the last number of an axis is not cut */
    TOP = 46,   /* the title */
    BARE = 10,  /* no title */
    HEAD = 26,  /* a panel's title */
    NO_HEAD = 8,
    FOOT = 52,    /* numbers and label of the step axis, below the last row */
    ROW_GAP = 24, /* below other rows */
    CAPTION = 14, /* a line of it */
    SHARED_GAP = 28
};

/* The height of all rows. */
static double rows_height(const gn_page *page) {
    return (double)page->rows * (page->head + page->panel_height) + (double)(page->rows - 1) * ROW_GAP + FOOT;
}

void gn_page_layout(gn_page *page, const gn_run_set *set, size_t panels, size_t columns, bool shared_y,
                    double legend_width, const char *note) {
    const gn_config *config = gn_group_config(set, &set->groups[0]);
    static const double widths[] = {560, 420, 320, 262};
    if (columns == 0)
        columns = panels <= 4 ? panels : panels <= 6 || panels == 9 ? 3 : 4;
    columns = columns < panels ? columns : panels;
    page->set = set;
    page->top = set->bare ? BARE : TOP;
    page->panels = panels;
    page->columns = columns;
    page->rows = (panels + columns - 1) / columns;
    page->panel_width = widths[columns < 4 ? columns - 1 : 3];
    page->panel_height = columns == 1 ? 340 : 300;
    page->head = shared_y ? HEAD : NO_HEAD;
    page->gap = shared_y ? SHARED_GAP : LEFT;
    page->legend_width = legend_width;
    page->title = config->plot.title && *config->plot.title ? config->plot.title : config->name;
    page->legend_left =
        LEFT + (double)columns * page->panel_width + (double)(columns - 1) * page->gap + SHARED_GAP;
    gn_caption_write(set, page->caption, sizeof page->caption);
    size_t length = strlen(page->caption);
    if (note)
        snprintf(page->caption + length, sizeof page->caption - length, " %s", note);
    page->canvas.width = ceil(page->legend_left + legend_width + RIGHT);
    size_t lines = gn_canvas_paragraph(NULL, 0, 0, page->canvas.width - LEFT - RIGHT, page->caption);
    page->canvas.height = page->top + rows_height(page) + (set->bare ? 0 : (double)(lines + 1) * CAPTION);
}

gn_box gn_page_panel(const gn_page *page, size_t panel) {
    size_t column = panel % page->columns, row = panel / page->columns;
    return (gn_box){.left = LEFT + (double)column * (page->panel_width + page->gap),
                    .top = page->top + page->head + (double)row * (page->head + page->panel_height + ROW_GAP),
                    .width = page->panel_width,
                    .height = page->panel_height};
}

bool gn_page_first_column(const gn_page *page, size_t panel) {
    return panel % page->columns == 0;
}

bool gn_page_last_row(const gn_page *page, size_t panel) {
    return panel + page->columns >= page->panels;
}

/* Drawn with the next plot. */
static void draw_words(const gn_page *page) {
    gn_script *script = page->canvas.script;
    snprintf(script->caption, sizeof script->caption, "%s", page->caption);
    if (page->set->bare)
        return;
    gn_canvas_text(&page->canvas, LEFT, TOP / 2.0, GN_TEXT_TITLE, page->title);
    gn_canvas_paragraph(&page->canvas, LEFT, TOP + rows_height(page) + CAPTION / 2.0,
                        page->canvas.width - LEFT - RIGHT, page->caption);
}

void gn_page_legend(const gn_page *page, double line, const char *style, gn_weight weight, const char *text) {
    double y = page->top + page->head + GN_LINE_HEIGHT * (line + 0.5), x = page->legend_left;
    if (style)
        gn_canvas_sample(&page->canvas, x, y, 24, style);
    gn_canvas_text(&page->canvas, style ? x + 32 : x, y, weight, text);
}

gn_axis gn_page_steps(const gn_run_set *set) {
    const gn_config_plot *plot = &gn_group_config(set, &set->groups[0])->plot;
    double last = plot->x_max;
    for (size_t i = 0; i < set->run_count && plot->x_max <= 0; i++)
        last = fmax(last, gn_figure_run_steps(&set->runs[i]));
    bool logarithmic = plot->x_scale == GN_PLOT_LOG;
    return (gn_axis){.low = logarithmic ? 1 : 0,
                     .high = fmax(last, logarithmic ? 10 : 1),
                     .logarithmic = logarithmic,
                     .label = "training step"};
}

void gn_page_draw(gn_page *page, gn_script *script, void (*draw)(const void *figure), const void *figure) {
    page->canvas.script = script;
    for (gn_terminal terminal = GN_TERMINAL_PNG; terminal <= GN_TERMINAL_SVG; terminal++) {
        gn_canvas_begin(&page->canvas, terminal);
        draw_words(page);
        draw(figure);
        gn_canvas_end(&page->canvas);
    }
}
