/* The bar of a terminal: one line, whatever its width. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/progress.h"

/* The line of a run's step 50 of 100 on a terminal of so many columns, without the marks around it. */
static char *draw(const char *title, size_t columns) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    gn_progress progress = gn_progress_start(out, false, title);
    cr_assert_not(progress.terminal);
    progress.terminal = true;
    progress.columns = columns;
    gn_progress_begin(&progress, 0, 100);
    progress.loss_train = 0.5;
    progress.loss_test = 0.25;
    progress.last = -INFINITY; /* due */
    gn_progress_step(&progress, 50);
    fclose(out);
    cr_assert_eq(text[0], '\r');
    char *end = strstr(text, "\033[K");
    cr_assert_not_null(end, "%s", text);
    cr_assert_eq(end[3], '\0');
    *end = '\0';
    memmove(text, text + 1, strlen(text));
    return text;
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static const char title[] = "[12/24] phases.0.optimizer=LM_\u00b5_=0.5,seed=5";

Test(progress, wide_terminals_show_all) {
    for (size_t columns = 0; columns <= 200; columns += 200) { /* 0: not known */
        char *line = draw(title, columns);
        cr_expect(strstr(line, title) == line, "%s", line);
        cr_expect(strstr(line, " [##########..........]  50 %  step 50  loss 5.000e-01  test 2.500e-01  ") !=
                      NULL,
                  "%s", line);
        free(line);
    }
}

Test(progress, narrow_terminals_get_one_line) {
    for (size_t columns = 62; columns < 140; columns++) {
        char *line = draw(title, columns);
        cr_expect_lt(characters(line), columns, "%s", line);
        cr_expect_not_null(strstr(line, "50 %  step 50  loss 5.000e-01"), "%s", line);
        cr_expect_not_null(strstr(line, "[##"), "a bar: %s", line);
        cr_expect_not_null(strstr(line, " left"), "%s", line);
        free(line);
    }
    char *line = draw(title, 80);
    cr_expect_eq(strncmp(line, "[12/24] phases.0 [##...] ", 25), 0, "%s", line);
    free(line);
}

/* A board on a terminal that is not one: what it would show. */
Test(progress, a_board_has_a_line_a_run_and_one_of_all) {
    char *text = NULL;
    size_t size = 0;
    gn_board *board;
    gn_message message = {0};
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    cr_assert_eq(gn_board_create(out, false, 5, 2, &board, &message), GN_OK);
    gn_progress progress[2];
    for (size_t i = 0; i < 2; i++) {
        progress[i] = gn_progress_start_on(board, i, i == 0 ? "[1/5] one" : "[2/5] two");
        gn_progress_begin(&progress[i], 0, 100);
        progress[i].last = -INFINITY; /* due */
        gn_progress_step(&progress[i], 50);
    }
    gn_progress_say(&progress[1], "warning: ", "beware");
    gn_board_end_run(board, 1, GN_BOARD_FAILED);
    gn_board_say(board, "a line that stays");
    gn_board_destroy(board);
    fclose(out);
    static const char *const lines[] = {"[1/5] one: step 50 of 100", "[2/5] two: step 50 of 100",
                                        "warning: [2/5] two: beware\n", "a line that stays\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not_null(strstr(text, lines[i]), "no `%s` in: %s", lines[i], text);
    free(text);
}

Test(progress, times) {
    char text[32];
    cr_expect_str_eq(gn_time_text(42.4, text), "42 s");
    cr_expect_str_eq(gn_time_text(3723, text), "1:02:03");
}
