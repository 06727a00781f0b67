/* HDF5 files of several threads at once. Not every build of the library is thread-safe. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "run/h5.h"
#include "scratch.h"

enum { THREADS = 4, ROUNDS = 150, ROWS = 20 };

typedef struct writer {
    char path[512];
    double mark; /* in all that it writes */
    gn_message message;
    const char *fault; /* NULL: none */
} writer;

static gn_status write_round(const writer *w, double round, gn_message *message) {
    const size_t shape[2] = {3, 2};
    const double values[6] = {w->mark, round, 2, 3, 4, 5};
    gn_h5 *file;
    gn_h5_series *series;
    gn_status status = gn_h5_create(w->path, &file, message);
    if (status != GN_OK)
        return status;
    status = gn_h5_write(file, "/group/array", 2, shape, values, message);
    if (status == GN_OK)
        status = gn_h5_put_text(file, "state", "running", message);
    if (status == GN_OK)
        status = gn_h5_series_open(file, "/series/rows", 1, &shape[1], &series, message);
    for (int i = 0; i < ROWS && status == GN_OK; i++)
        status = gn_h5_series_append(series, 1, values, message);
    if (status == GN_OK)
        gn_h5_series_close(series);
    const gn_status closed = gn_h5_close(file, status == GN_OK ? message : NULL);
    return status == GN_OK ? closed : status;
}

static gn_status read_round(const writer *w, double round, bool *same, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *rows, *none;
    gn_h5 *file;
    gn_status status = gn_h5_open(w->path, false, &file, message);
    if (status != GN_OK)
        return status;
    status = gn_h5_read(file, "/series/rows", &rank, shape, &rows, message);
    if (status == GN_OK) {
        *same = rank == 2 && shape[0] == ROWS && rows[2 * ROWS - 2] == w->mark && rows[2 * ROWS - 1] == round;
        free(rows);
    }
    *same = *same && gn_h5_read(file, "/nothing", &rank, shape, &none, NULL) == GN_ERROR_FORMAT;
    gn_h5_close(file, NULL);
    return status;
}

static void *work(void *user) {
    writer *w = user;
    for (int round = 0; round < ROUNDS && w->fault == NULL; round++) {
        bool same = false;
        if (write_round(w, round, &w->message) != GN_OK || read_round(w, round, &same, &w->message) != GN_OK)
            w->fault = w->message.text;
        else if (!same)
            w->fault = "other values than were written";
    }
    return NULL;
}

Test(h5, files_of_several_threads, .timeout = 120) {
    char folder[256];
    pthread_t threads[THREADS];
    writer writers[THREADS];
    scratch_create(folder, sizeof folder);
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer){.mark = i};
        snprintf(writers[i].path, sizeof writers[i].path, "%s/%d.h5", folder, i);
        cr_assert_eq(pthread_create(&threads[i], NULL, work, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_null(writers[i].fault, "thread %d: %s", i, writers[i].fault);
    }
    scratch_remove(folder);
}
