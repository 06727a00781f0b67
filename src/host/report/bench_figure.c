/* The figure of a bench: what each target took, a panel a cost, a row a target. */
#include <math.h>
#include <string.h>

#include "report/bench.h"
#include "report/figures.h"

enum {
    MARGIN = 12,
    TOP = 46,
    HEAD = 30,
    LINE = 24,
    WIDTH = 230,
    GAP = 30,
    RIGHT = 24,
    FOOT = 52,
    SMALL_LINE = 14,
    NAME = 128
};

typedef struct bench_figure {
    const gn_bench_case *bench;
    gn_canvas canvas;
    double left; /* of the first panels: room for the names */
    char caption[1024];
} bench_figure;

static double panel_height(const bench_figure *f) {
    return LINE * (double)f->bench->plan.optimizer_count;
}

static gn_box panel(const bench_figure *f, size_t target, gn_bench_cost cost) {
    return (gn_box){.left = f->left + (double)cost * (WIDTH + GAP),
                    .top = TOP + HEAD + (double)target * (HEAD + panel_height(f) + FOOT),
                    .width = WIDTH,
                    .height = panel_height(f)};
}

/* The axis of a cost over all runs that reached the target; false where none did. */
static bool find_axis(const gn_bench_case *bench, size_t target, gn_bench_cost cost, gn_axis *x) {
    double low = INFINITY, high = 0;
    bool any = false;
    for (size_t i = 0; i < bench->plan.optimizer_count; i++)
        for (size_t j = 0; bench->optimizers[i].runs != NULL && j < bench->plan.seed_count; j++) {
            const double value = bench->optimizers[i].runs[j].spent[target * GN_BENCH_COSTS + cost];
            any |= isfinite(value);
            if (isfinite(value) && value > 0) {
                low = fmin(low, value);
                high = fmax(high, value);
            }
        }
    *x = high > 0 ? gn_axis_decades(low, high, 12) : (gn_axis){.low = 1, .high = 10, .logarithmic = true};
    static const char *const labels[GN_BENCH_COSTS] = {"steps", "passes", "seconds", "processor seconds"};
    x->label = labels[cost];
    return any;
}

/* Rows `value line colour` of the runs, and `median line low high colour` of the optimisers; *blocks is the
 * first, and the first optimiser the topmost line. What lies beyond the axis, as zeros and what was never
 * reached do, is put on its end. */
static void write_blocks(const bench_figure *f, size_t target, gn_bench_cost cost, gn_axis x,
                         unsigned *blocks) {
    const gn_bench_plan *plan = &f->bench->plan;
    FILE *file = f->canvas.script->file;
    *blocks = f->canvas.script->blocks;
    f->canvas.script->blocks += 2;
    fprintf(file, "$b%u << GN_END\n", *blocks);
    for (size_t i = 0; i < plan->optimizer_count; i++)
        for (size_t j = 0; f->bench->optimizers[i].runs != NULL && j < plan->seed_count; j++) {
            const double value = f->bench->optimizers[i].runs[j].spent[target * GN_BENCH_COSTS + cost];
            if (isfinite(value))
                fprintf(file, "%.9g %zu %u\n", fmax(value, x.low), plan->optimizer_count - i,
                        gn_colour_named(i));
        }
    fprintf(file, "GN_END\n$b%u << GN_END\n", *blocks + 1);
    for (size_t i = 0; i < plan->optimizer_count; i++) {
        const gn_spread spread = gn_bench_spread(f->bench, i, target, cost, NULL);
        if (isfinite(spread.median))
            fprintf(file, "%.9g %zu %.9g %.9g %u\n", fmax(spread.median, x.low), plan->optimizer_count - i,
                    fmax(spread.low, x.low), fmin(spread.high, x.high), gn_colour_named(i));
    }
    fputs("GN_END\n", file);
}

static bool any_median(const gn_bench_case *bench, size_t target) {
    for (size_t i = 0; i < bench->plan.optimizer_count; i++)
        if (isfinite(gn_bench_spread(bench, i, target, GN_BENCH_STEPS, NULL).median))
            return true;
    return false;
}

/* "LM: 2 of 3", the seeds that got there. */
static void name_text(const gn_bench_case *bench, size_t target, size_t optimizer, char text[NAME]) {
    size_t reached;
    gn_bench_spread(bench, optimizer, target, GN_BENCH_STEPS, &reached);
    snprintf(text, NAME, "%.60s: %zu of %zu", bench->plan.labels[optimizer], reached, bench->plan.seed_count);
}

static double names_width(const gn_bench_case *bench) {
    double width = 0;
    char text[NAME];
    for (size_t i = 0; i < bench->plan.optimizer_count; i++) {
        name_text(bench, 0, i, text);
        width = fmax(width, gn_text_width(text));
    }
    return width;
}

/* The optimisers' names beside the first panel of a row, with how many seeds got there. */
static void draw_names(const bench_figure *f, size_t target) {
    const gn_bench_plan *plan = &f->bench->plan;
    const gn_box box = panel(f, target, GN_BENCH_STEPS);
    char text[NAME];
    gn_canvas_text(&f->canvas, MARGIN, box.top - HEAD / 2.0, GN_TEXT_BOLD, plan->targets[target].text);
    for (size_t i = 0; i < plan->optimizer_count; i++) {
        name_text(f->bench, target, i, text);
        gn_canvas_text(&f->canvas, MARGIN, box.top + LINE * ((double)i + 0.5), GN_TEXT_PLAIN, text);
    }
}

static void draw_panel(const bench_figure *f, size_t target, gn_bench_cost cost) {
    const gn_axis y = {.low = 0.5, .high = (double)f->bench->plan.optimizer_count + 0.5};
    const gn_box box = panel(f, target, cost);
    FILE *file = f->canvas.script->file;
    gn_axis x;
    unsigned block = 0;
    const bool any = find_axis(f->bench, target, cost, &x);
    if (cost == GN_BENCH_STEPS)
        draw_names(f, target);
    if (any)
        write_blocks(f, target, cost, x, &block);
    else
        gn_canvas_text(&f->canvas, box.left + 12, box.top + box.height / 2, GN_TEXT_SMALL,
                       "no run got there");
    gn_canvas_axes(&f->canvas, box, NULL, x, y);
    fputs("unset ytics\n", file); /* the names stand there */
    if (any)
        fprintf(file, "plot $b%u using 1:2:3 with points pt 6 ps 0.7 lc rgb variable", block);
    if (any && any_median(f->bench, target))
        fprintf(file, ", $b%u using 1:2:3:4:5 with xerrorbars pt 7 ps 0.8 lw 1.5 lc rgb variable", block + 1);
    fputs(any ? "\n" : "plot NaN\n", file);
    gn_canvas_next(&f->canvas);
}

static void draw_page(const bench_figure *f) {
    const size_t targets = f->bench->plan.target_count;
    char title[256];
    snprintf(title, sizeof title, "%s: steps, passes, seconds and processor time to targets", f->bench->name);
    gn_canvas_text(&f->canvas, MARGIN, TOP / 2.0, GN_TEXT_TITLE, title);
    gn_canvas_paragraph(&f->canvas, MARGIN, panel(f, targets, 0).top - HEAD + SMALL_LINE / 2.0,
                        f->canvas.width - MARGIN - RIGHT, f->caption);
    for (size_t t = 0; t < targets; t++)
        for (gn_bench_cost c = 0; c < GN_BENCH_COSTS; c++)
            draw_panel(f, t, c);
}

static void write_caption(const gn_bench_case *bench, char *text, size_t size) {
    const gn_bench_plan *plan = &bench->plan;
    const int length = snprintf(
        text, size,
        "Circles: seeds; dots and bars: median and extremes, where the median seed got there. k of n: seeds "
        "that did. Each optimiser was tuned over %zu points on seed %llu for the fewest steps to %s, "
        "and then run on %zu other seeds. Steps are those of the first recorded row at the target.",
        plan->budget, (unsigned long long)plan->tuning_seed, plan->targets[0].text, plan->seed_count);
    if (bench->quick != NULL && length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, " Quick: leaves out %s.", bench->quick);
}

static gn_status draw(const void *what, gn_script *script, gn_message *message) {
    bench_figure f = {.bench = what, .canvas = {.script = script}};
    (void)message;
    write_caption(f.bench, f.caption, sizeof f.caption);
    f.left = 2 * MARGIN + names_width(f.bench);
    f.canvas.width = f.left + GN_BENCH_COSTS * (WIDTH + GAP) - GAP + RIGHT;
    const size_t lines = gn_canvas_paragraph(NULL, 0, 0, f.canvas.width - MARGIN - RIGHT, f.caption);
    f.canvas.height = panel(&f, f.bench->plan.target_count, 0).top - HEAD + (double)(lines + 1) * SMALL_LINE;
    for (gn_terminal terminal = GN_TERMINAL_PNG; terminal <= GN_TERMINAL_SVG; terminal++) {
        gn_canvas_begin(&f.canvas, terminal);
        draw_page(&f);
        gn_canvas_end(&f.canvas);
    }
    return GN_OK;
}

gn_status gn_bench_figure_write(const gn_bench_case *bench, const char *stem, gn_figure_report *written) {
    *written = (gn_figure_report){0};
    return gn_figure_draw(stem, draw, bench, written);
}
