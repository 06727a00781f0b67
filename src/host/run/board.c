#include "run/board.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"

/* Seconds between two pictures on a terminal, and between two lines about all runs elsewhere. */
static const double TERMINAL_GAP = 0.1, LINE_GAP = 5;

typedef struct spot {
    char line[512]; /* "" while no run is there */
    double part;
} spot;

struct gn_board {
    pthread_mutex_t lock;
    FILE *out;
    bool quiet, terminal;
    size_t runs, places;
    size_t ended[GN_BOARD_ENDS];
    double started, last;
    size_t drawn; /* lines that stand on the terminal */
    spot at[];
};

gn_status gn_board_create(FILE *out, bool quiet, size_t runs, size_t places, gn_board **board,
                          gn_message *message) {
    gn_board *b = *board = calloc(1, sizeof *b + places * sizeof *b->at);
    if (b == NULL || pthread_mutex_init(&b->lock, NULL) != 0) {
        free(b);
        *board = NULL;
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    }
    b->out = out;
    b->quiet = quiet;
    b->terminal = !quiet && isatty(fileno(out)) == 1;
    b->runs = runs;
    b->places = places;
    b->started = b->last = gn_seconds_now();
    return GN_OK;
}

FILE *gn_board_file(const gn_board *board) {
    return board->out;
}

bool gn_board_quiet(const gn_board *board) {
    return board->quiet;
}

/* ---- what is printed; the lock is held ---- */

/* "5 of 24 runs done, 1 failed, 2 at work  1:02 left"; none is at work between two runs: not said. */
static void write_all(const gn_board *b, double at, char *text, size_t size) {
    const size_t before = b->ended[GN_BOARD_BEFORE], failed = b->ended[GN_BOARD_FAILED];
    const size_t done = b->ended[GN_BOARD_FINISHED] + before + failed;
    double work = (double)(done - before);
    size_t busy = 0;
    char left[32] = "?", wrong[48] = "", at_work[48] = "";
    for (size_t i = 0; i < b->places; i++) {
        busy += b->at[i].line[0] != '\0';
        work += b->at[i].part;
    }
    if (work > 0)
        gn_time_text((at - b->started) * ((double)(b->runs - before) - work) / work, left);
    if (failed > 0)
        snprintf(wrong, sizeof wrong, ", %zu failed", failed);
    if (busy > 0)
        snprintf(at_work, sizeof at_work, ", %zu at work", busy);
    snprintf(text, size, "%zu of %zu runs done%s%s  %s left", done, b->runs, wrong, at_work, left);
}

/* The cursor to the start of the first line, and nothing below it. */
static void wipe(gn_board *b) {
    if (b->drawn > 1)
        fprintf(b->out, "\033[%zuA", b->drawn - 1);
    if (b->drawn > 0)
        fputs("\r\033[J", b->out);
    b->drawn = 0;
}

/* Lines of runs as far as the terminal has room, then the one of all. */
static void draw(gn_board *b, double at) {
    struct winsize window;
    char all[256];
    size_t room = b->places;
    if (ioctl(fileno(b->out), TIOCGWINSZ, &window) == 0 && window.ws_row > 0 && room + 2 > window.ws_row)
        room = window.ws_row > 2 ? window.ws_row - 2u : 0;
    wipe(b);
    for (size_t i = 0; i < b->places && b->drawn < room; i++)
        if (b->at[i].line[0] != '\0') {
            fprintf(b->out, "%s\n", b->at[i].line);
            b->drawn++;
        }
    write_all(b, at, all, sizeof all);
    fputs(all, b->out);
    fflush(b->out);
    b->drawn++;
    b->last = at;
}

/* Where no terminal is, all runs together come as often as one does. */
static void print_all(gn_board *b, double at) {
    char all[256];
    if (at - b->last < LINE_GAP)
        return;
    b->last = at;
    write_all(b, at, all, sizeof all);
    fprintf(b->out, "%s\n", all);
}

/* ---- from any thread ---- */

void gn_board_show(gn_board *board, size_t place, double part, const char *line) {
    if (board->quiet)
        return;
    pthread_mutex_lock(&board->lock);
    const double at = gn_seconds_now();
    snprintf(board->at[place].line, sizeof board->at[place].line, "%s", line);
    board->at[place].part = part;
    if (board->terminal && at - board->last >= TERMINAL_GAP)
        draw(board, at);
    if (!board->terminal) {
        fprintf(board->out, "%s\n", line);
        print_all(board, at);
    }
    pthread_mutex_unlock(&board->lock);
}

void gn_board_end_run(gn_board *board, size_t place, gn_board_end end) {
    pthread_mutex_lock(&board->lock);
    board->ended[end]++;
    board->at[place] = (spot){.part = 0};
    if (board->terminal)
        draw(board, gn_seconds_now());
    else if (!board->quiet)
        print_all(board, gn_seconds_now());
    pthread_mutex_unlock(&board->lock);
}

void gn_board_say(gn_board *board, const char *text) {
    pthread_mutex_lock(&board->lock);
    wipe(board);
    fprintf(board->out, "%s\n", text);
    if (board->terminal)
        draw(board, gn_seconds_now());
    pthread_mutex_unlock(&board->lock);
}

void gn_board_destroy(gn_board *board) {
    if (board == NULL)
        return;
    wipe(board);
    fflush(board->out);
    pthread_mutex_destroy(&board->lock);
    free(board);
}
