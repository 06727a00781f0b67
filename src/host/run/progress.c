#include "run/progress.h"

#include <math.h>
#include <string.h>
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

static void print_state(gn_progress *p, uint64_t step, double at) {
    enum { WIDTH = 20 };
    char left[32] = "?", bar[WIDTH + 1], losses[80] = "";
    double part = p->steps == 0 ? 1 : (double)step / (double)p->steps;
    if (step > p->first)
        write_time((at - p->started) * (double)(p->steps - step) / (double)(step - p->first), left,
                   sizeof left);
    if (!isnan(p->loss_train))
        snprintf(losses, sizeof losses, "  loss %.3e", p->loss_train);
    if (!isnan(p->loss_test))
        snprintf(losses + strlen(losses), sizeof losses - strlen(losses), "  test %.3e", p->loss_test);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < (int)(part * WIDTH) ? '#' : '.';
    bar[WIDTH] = '\0';
    if (p->terminal)
        fprintf(p->out, "\r%s [%s] %3.0f %%  step %llu%s  %s left\033[K", p->title, bar, 100 * part,
                (unsigned long long)step, losses, left);
    else
        fprintf(p->out, "%s: step %llu of %llu%s  %s left\n", p->title, (unsigned long long)step,
                (unsigned long long)p->steps, losses, left);
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
