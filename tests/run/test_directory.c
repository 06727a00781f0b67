/* Run directories: what is recorded comes back, also after a kill, a full disk or a step back. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run/directory.h"
#include "run/reader.h"
#include "scratch.h"

static const char config_text[] = "name: test\nproblem: {kind: multi_sine_1d}\nnetwork: {widths: [1, 1]}\n"
                                  "phases: [{steps: 1, optimizer: {kind: sgd}}]\n";
enum { MODES = 11 };

static char folder[256], path[512];

static void setup(void) {
    scratch_create(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/run", folder);
}

static void teardown(void) {
    scratch_remove(folder);
}

TestSuite(directory, .init = setup, .fini = teardown, .timeout = 60);

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Row and observation of a step: values that tell the step. */
static gn_status record_step(gn_directory *d, uint64_t step, gn_message *message) {
    gn_metrics row = {.step = step, .loss_train = 1.0 / (double)(step + 1), .loss_test = NAN};
    double modes[MODES];
    const size_t shape = MODES;
    for (int k = 0; k < MODES; k++)
        modes[k] = (double)step + 0.01 * k;
    gn_status status = gn_directory_record(d, &row, message);
    if (status == GN_OK)
        status = gn_directory_observe(d, "fourier", step, "mode", 1, &shape, modes, message);
    return status == GN_OK ? gn_directory_tick(d, false, message) : status;
}

/* Lines of metrics.csv below the header, whole ones; each must be its step's. */
static size_t csv_rows(const char *directory) {
    char name[600], line[1024];
    snprintf(name, sizeof name, "%s/metrics.csv", directory);
    FILE *in = fopen(name, "r");
    size_t rows = 0;
    cr_assert_not_null(in);
    cr_assert_not_null(fgets(line, sizeof line, in));
    while (fgets(line, sizeof line, in) != NULL && strchr(line, '\n') != NULL) {
        unsigned long long step;
        double seconds, loss;
        cr_expect_eq(sscanf(line, "%llu,%*u,%lf,%lf,,", &step, &seconds, &loss), 3, "%s", line);
        cr_expect_eq(loss, 1.0 / (double)(step + 1), "%s", line);
        rows++;
    }
    fclose(in);
    return rows;
}

/* Rows of run.h5, the fewest of its series; each must be its step's. */
static size_t h5_rows(const char *directory) {
    gn_message message = {0};
    gn_run run;
    gn_series loss, modes;
    cr_assert_eq(gn_run_open(directory, &run, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_run_metric(&run, "loss_train", &loss, &message), GN_OK, "%s", message.text);
    size_t rows = loss.rows;
    for (size_t i = 0; i < loss.rows; i++)
        cr_expect(loss.at[i] == (double)i && loss.values[i] == 1.0 / (double)(i + 1), "row %zu of %zu", i,
                  loss.rows);
    if (gn_run_observation(&run, "fourier", "mode", &modes, &message) == GN_OK) {
        cr_expect(modes.rank == 1 && modes.width == MODES);
        for (size_t i = 0; i < modes.rows; i++)
            cr_expect(modes.at[i] == (double)i && modes.values[i * MODES + 3] == (double)i + 0.03);
        rows = modes.rows < rows ? modes.rows : rows;
    } else {
        rows = 0;
    }
    gn_series_free(&loss);
    gn_series_free(&modes);
    gn_run_close(&run);
    return rows;
}

Test(directory, records_come_back) {
    gn_message message = {0};
    gn_directory *d;
    cr_assert_eq(gn_directory_create(path, config_text, &d, &message), GN_OK, "%s", message.text);
    for (uint64_t step = 0; step < 3000; step++) /* beyond one chunk */
        cr_assert_eq(record_step(d, step, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_directory_close(d, "finished", &message), GN_OK, "%s", message.text);
    cr_expect_eq(csv_rows(path), 3000);
    cr_expect_eq(h5_rows(path), 3000);
    char state[32];
    gn_directory_state(path, state, sizeof state);
    cr_expect_str_eq(state, "finished");
    struct stat size; /* room that was not needed is given back */
    char name[600];
    snprintf(name, sizeof name, "%s/run.h5", path);
    cr_assert_eq(stat(name, &size), 0);
    cr_expect_lt(size.st_size, 3000 * 8 * (15 + 1 + MODES) + 500000);
}

Test(directory, goes_back_to_a_step) {
    gn_message message = {0};
    gn_directory *d;
    cr_assert_eq(gn_directory_create(path, config_text, &d, &message), GN_OK, "%s", message.text);
    for (uint64_t step = 0; step < 100; step++)
        cr_assert_eq(record_step(d, step, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_directory_close(d, "interrupted", &message), GN_OK, "%s", message.text);
    char name[600];
    snprintf(name, sizeof name, "%s/metrics.csv", path);
    FILE *csv = fopen(name, "a");
    fputs("100,0,0.5", csv); /* a line cut short */
    fclose(csv);
    cr_assert_eq(gn_directory_continue(path, 41, &d, &message), GN_OK, "%s", message.text);
    for (uint64_t step = 42; step < 60; step++)
        cr_assert_eq(record_step(d, step, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_directory_close(d, "finished", &message), GN_OK, "%s", message.text);
    cr_expect_eq(csv_rows(path), 60);
    cr_expect_eq(h5_rows(path), 60);
}

Test(directory, is_one_process_s) {
    gn_message message = {0};
    gn_directory *first, *second;
    cr_assert_eq(gn_directory_create(path, config_text, &first, &message), GN_OK, "%s", message.text);
    cr_expect_eq(gn_directory_continue(path, 0, &second, &message), GN_ERROR_IO);
    cr_expect(strstr(message.text, "another gnewt runs in") != NULL, "%s", message.text);
    gn_directory_close(first, "finished", NULL);
}

/* A running directory can be read, by this process or another. */
Test(directory, can_be_read_while_it_grows) {
    gn_message message = {0};
    gn_directory *d;
    cr_assert_eq(gn_directory_create(path, config_text, &d, &message), GN_OK, "%s", message.text);
    for (uint64_t step = 0; step < 10; step++)
        cr_assert_eq(record_step(d, step, &message), GN_OK);
    cr_assert_eq(gn_directory_flush(d, &message), GN_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(h5_rows(path) == 10 ? 0 : 1);
    int status;
    waitpid(child, &status, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gn_directory_close(d, "finished", NULL);
}

/* ---- kill -9 ---- */

enum { KILLS = 16, MOST_STEPS = 1 << 16 };

/* When each step was recorded, for the parent to see. */
typedef struct diary {
    volatile size_t steps;
    double at[MOST_STEPS];
} diary;

/* Fast steps, slow steps and steps of all kinds in turn. */
static void record_for_ever(const char *directory, int kind, diary *seen) {
    gn_message message = {0};
    gn_directory *d;
    if (gn_directory_create(directory, config_text, &d, &message) != GN_OK)
        _exit(1);
    for (size_t step = 0; step < MOST_STEPS; step++) {
        if (record_step(d, step, &message) != GN_OK)
            _exit(1);
        seen->at[step] = now();
        seen->steps = step + 1;
        usleep(kind % 3 == 0 ? 200 : kind % 3 == 1 ? 150000 : (unsigned)(step % 7) * 10000);
    }
    _exit(1);
}

static void expect_kept(const char *directory, const diary *seen, double killed) {
    size_t due = 0;
    while (due < seen->steps && seen->at[due] < killed - 1.0)
        due++;
    size_t csv = csv_rows(directory), h5 = h5_rows(directory);
    cr_expect_geq(csv, due, "metrics.csv has %zu of %zu rows", csv, due);
    cr_expect_geq(h5, due, "run.h5 has %zu of %zu rows", h5, due);
    cr_expect_gt(due, 0, "the test asked for nothing");
}

Test(directory, survives_kill_9) {
    pid_t children[KILLS];
    char paths[KILLS][600];
    diary *seen = mmap(NULL, KILLS * sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(seen, MAP_FAILED);
    srand((unsigned)time(NULL));
    for (int i = 0; i < KILLS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/run-%d", folder, i);
        if ((children[i] = fork()) == 0)
            record_for_ever(paths[i], i, &seen[i]);
        cr_assert_gt(children[i], 0);
    }
    usleep(1400000);
    for (int i = 0; i < KILLS; i++) {
        usleep((unsigned)(rand() % 60000));
        kill(children[i], SIGKILL);
        double killed = now();
        waitpid(children[i], NULL, 0);
        expect_kept(paths[i], &seen[i], killed);
    }
    munmap(seen, KILLS * sizeof *seen);
}

/* A killed run's directory goes on where it was. */
Test(directory, goes_on_after_kill_9) {
    diary *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0)
        record_for_ever(path, 0, seen);
    usleep(700000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    size_t rows = h5_rows(path);
    gn_message message = {0};
    gn_directory *d;
    cr_assert_gt(rows, 5);
    cr_assert_eq(gn_directory_continue(path, rows - 3, &d, &message), GN_OK, "%s", message.text);
    for (uint64_t step = rows - 2; step < rows + 50; step++)
        cr_assert_eq(record_step(d, step, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_directory_close(d, "finished", &message), GN_OK, "%s", message.text);
    cr_expect_eq(csv_rows(path), rows + 50);
    cr_expect_eq(h5_rows(path), rows + 50);
    munmap(seen, sizeof *seen);
}

/* ---- a disk that is full ---- */

static void expect_full(size_t limit) {
    gn_message message = {0};
    gn_directory *d;
    cr_assert_eq(gn_directory_create(path, config_text, &d, &message), GN_OK, "%s", message.text);
    signal(SIGXFSZ, SIG_IGN);
    if (limit > 0) {
        struct rlimit room = {limit, limit};
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &room), 0);
    }
    gn_status status = GN_OK;
    uint64_t step = 0;
    for (; status == GN_OK && step < 1000000; step++) {
        status = record_step(d, step, &message);
        if (status == GN_OK && step % 50 == 0)
            status = gn_directory_flush(d, &message);
    }
    cr_expect_eq(status, GN_ERROR_IO);
    cr_expect(strstr(message.text, "File too large") != NULL || strstr(message.text, "No space left") != NULL,
              "%s", message.text);
    cr_expect(strstr(message.text, path) != NULL, "%s", message.text);
    gn_directory_close(d, "failed", NULL);
    cr_expect_gt(csv_rows(path), 100);
    cr_expect_gt(h5_rows(path), 100);
    char state[32];
    gn_directory_state(path, state, sizeof state);
    cr_expect(strcmp(state, "failed") == 0 || strcmp(state, "running") == 0, "%s", state);
}

Test(directory, keeps_what_it_has_when_a_file_may_not_grow) {
    expect_full(2500000);
}

Test(directory, keeps_what_it_has_when_the_disk_is_full) {
    char line[1400];
    snprintf(path, sizeof path, "%s/small", folder);
    snprintf(line, sizeof line, "mkdir '%s' && mount -t tmpfs -o size=3m gnewt-test '%s' 2>/dev/null", path,
             path);
    if (system(line) != 0)
        cr_skip_test("no right to mount a small file system");
    snprintf(line, sizeof line, "umount '%s'", path);
    strcat(path, "/run");
    expect_full(0);
    cr_expect_eq(system(line), 0);
}

Test(directory, says_where_it_cannot_write) {
    gn_message message = {0};
    gn_directory *d;
    cr_expect_eq(gn_directory_create("/proc/nowhere/run", config_text, &d, &message), GN_ERROR_IO);
    cr_expect(strstr(message.text, "cannot make the folder /proc/nowhere") != NULL, "%s", message.text);
    cr_expect_null(d);
}
