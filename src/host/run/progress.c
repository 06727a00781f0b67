#include "run/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"

gn_progress gn_progress_start(FILE *out, bool quiet, const char *title) {
    gn_progress progress = {.out = quiet ? NULL : out, .loss_train = NAN, .loss_test = NAN};
    progress.terminal = !quiet && isatty(fileno(out)) == 1;
    snprintf(progress.title, sizeof progress.title, "%s", title);
    return progress;
}

gn_progress gn_progress_start_on(gn_board *board, size_t place, const char *title) {
    gn_progress progress = gn_progress_start(gn_board_file(board), gn_board_quiet(board), title);
    progress.board = board;
    progress.place = place;
    return progress;
}

void gn_progress_begin(gn_progress *progress, uint64_t step, uint64_t steps) {
    progress->first = step;
    progress->steps = steps;
    progress->started = progress->last = gn_seconds_now();
}

const char *gn_time_text(double seconds, char text[32]) {
    unsigned long s = seconds < 0 || !(seconds < 1e9) ? 999999999ul : (unsigned long)(seconds + 0.5);
    if (s < 60)
        snprintf(text, 32, "%lu s", s);
    else
        snprintf(text, 32, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    return text;
}

/* ---- one line of a terminal ---- */

enum { BAR = 20, LEAST_BAR = 5, LEAST_TITLE = 16 }; /* characters */

static bool begins_character(char byte) {
    return ((unsigned char)byte & 0xC0) != 0x80;
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += begins_character(*text);
    return count;
}

/* Prints the first `most` characters. */
static void print_start(FILE *out, const char *text, size_t most) {
    for (size_t count = 0; *text != '\0' && (count += begins_character(*text)) <= most; text++)
        fputc(*text, out);
}

/* What is left of `have` characters, of which `least` stay, where *excess are too many. */
static size_t give_up(size_t have, size_t least, size_t *excess) {
    size_t most = have > least ? have - least : 0, given = most < *excess ? most : *excess;
    *excess -= given;
    return have - given;
}

/* Draws at the start of a line. A line that is wider than the terminal would wrap, and the next could not
 * overwrite it: title, bar and test loss are shortened, in this order. */
static void print_bar(gn_progress *p, double part, const char *state, const char *test, const char *left,
                      FILE *out) {
    struct winsize window;
    if (ioctl(fileno(p->out), TIOCGWINSZ, &window) == 0)
        p->columns = window.ws_col;
    size_t title = characters(p->title), bar = BAR, excess = 0;
    size_t length = title + bar + strlen(" [] ") + strlen(test) + strlen(state) + strlen(left);
    if (p->columns > 0 && length >= p->columns) /* the last column stays free: some terminals wrap there */
        excess = length + 1 - p->columns;
    title = give_up(title, LEAST_TITLE, &excess);
    bar = give_up(bar, LEAST_BAR, &excess);
    if (excess > 0) {
        give_up(strlen(test), 0, &excess);
        test = "";
    }
    title = give_up(title, 0, &excess);
    print_start(out, p->title, title);
    fputs(" [", out);
    for (size_t i = 0; i < bar; i++)
        fputc(i < (size_t)(part * (double)bar) ? '#' : '.', out);
    fprintf(out, "] %s%s%s", state, test, left);
}

static void print_line(gn_progress *p, uint64_t step, double part, double at, FILE *out) {
    char time[32] = "?", left[48], state[96], test[48] = "", loss[48] = "";
    if (step > p->first)
        gn_time_text((at - p->started) * (double)(p->steps - step) / (double)(step - p->first), time);
    snprintf(left, sizeof left, "  %s left", time);
    if (!isnan(p->loss_train))
        snprintf(loss, sizeof loss, "  loss %.3e", p->loss_train);
    if (!isnan(p->loss_test))
        snprintf(test, sizeof test, "  test %.3e", p->loss_test);
    if (p->terminal) {
        snprintf(state, sizeof state, "%3.0f %%  step %llu%s", 100 * part, (unsigned long long)step, loss);
        print_bar(p, part, state, test, left, out);
    } else {
        fprintf(out, "%s: step %llu of %llu%s%s%s", p->title, (unsigned long long)step,
                (unsigned long long)p->steps, loss, test, left);
    }
}

/* The line is made whole before it is shown: other threads have lines too. */
static void print_state(gn_progress *p, uint64_t step, double at) {
    char *line = NULL;
    size_t size;
    const double part = p->steps == 0 ? 1 : (double)step / (double)p->steps;
    FILE *memory = open_memstream(&line, &size);
    if (memory == NULL)
        return;
    print_line(p, step, part, at, memory);
    if (fclose(memory) == 0 && p->board != NULL) {
        gn_board_show(p->board, p->place, part, line);
    } else if (line != NULL) {
        fprintf(p->out, p->terminal ? "\r%s\033[K" : "%s\n", line);
        fflush(p->out);
        p->drawn = p->terminal;
    }
    free(line);
}

void gn_progress_step(gn_progress *progress, uint64_t step) {
    if (progress->out == NULL)
        return;
    double at = gn_seconds_now();
    if (at - progress->last < (progress->terminal ? 0.1 : 5.0))
        return;
    progress->last = at;
    print_state(progress, step, at);
}

void gn_progress_end(gn_progress *progress) {
    if (progress->out != NULL && progress->drawn)
        fputs("\r\033[K", progress->out);
    progress->drawn = false;
}

void gn_progress_say(gn_progress *progress, const char *kind, const char *text) {
    char line[2400];
    if (progress->out == NULL)
        return;
    snprintf(line, sizeof line, "%s%s: %s", kind, progress->title, text);
    if (progress->board != NULL) {
        gn_board_say(progress->board, line);
        return;
    }
    gn_progress_end(progress);
    fprintf(progress->out, "%s\n", line);
}
