#include "run/progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

gn_progress gn_progress_start(FILE *out, bool quiet, const char *title) {
    gn_progress progress = {.out = quiet ? NULL : out, .loss_train = NAN, .loss_test = NAN};
    progress.terminal = !quiet && isatty(fileno(out)) == 1;
    snprintf(progress.title, sizeof progress.title, "%s", title);
    return progress;
}

void gn_progress_begin(gn_progress *progress, uint64_t step, uint64_t steps) {
    progress->first = step;
    progress->steps = steps;
    progress->started = progress->last = now();
}

/* "1:02:03", or "42 s" below a minute. */
static void write_time(double seconds, char *text, size_t size) {
    unsigned long s = seconds < 0 || !(seconds < 1e9) ? 999999999ul : (unsigned long)(seconds + 0.5);
    if (s < 60)
        snprintf(text, size, "%lu s", s);
    else
        snprintf(text, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
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

/* A line that is wider than the terminal would wrap, and the next could not overwrite it: title, bar and test
 * loss are shortened, in this order. */
static void print_bar(gn_progress *p, double part, const char *state, const char *test, const char *left) {
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
    fputc('\r', p->out);
    print_start(p->out, p->title, title);
    fputs(" [", p->out);
    for (size_t i = 0; i < bar; i++)
        fputc(i < (size_t)(part * (double)bar) ? '#' : '.', p->out);
    fprintf(p->out, "] %s%s%s\033[K", state, test, left);
}

static void print_state(gn_progress *p, uint64_t step, double at) {
    char time[32] = "?", left[48], state[96], test[48] = "", loss[48] = "";
    double part = p->steps == 0 ? 1 : (double)step / (double)p->steps;
    if (step > p->first)
        write_time((at - p->started) * (double)(p->steps - step) / (double)(step - p->first), time,
                   sizeof time);
    snprintf(left, sizeof left, "  %s left", time);
    if (!isnan(p->loss_train))
        snprintf(loss, sizeof loss, "  loss %.3e", p->loss_train);
    if (!isnan(p->loss_test))
        snprintf(test, sizeof test, "  test %.3e", p->loss_test);
    if (p->terminal) {
        snprintf(state, sizeof state, "%3.0f %%  step %llu%s", 100 * part, (unsigned long long)step, loss);
        print_bar(p, part, state, test, left);
    } else {
        fprintf(p->out, "%s: step %llu of %llu%s%s%s\n", p->title, (unsigned long long)step,
                (unsigned long long)p->steps, loss, test, left);
    }
    fflush(p->out);
    p->drawn = p->terminal;
}

void gn_progress_step(gn_progress *progress, uint64_t step) {
    if (progress->out == NULL)
        return;
    double at = now();
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
