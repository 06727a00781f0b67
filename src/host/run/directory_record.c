/* What a run records: rows of metrics.csv, at once, and columns of run.h5, by the flush. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/status.h"
#include "run/directory_state.h"

/* Rows wait no longer than LONGEST_WAIT; a flush costs about a millisecond, so one each SHORTEST_GAP is free.
 */
static const double LONGEST_WAIT = 0.5, SHORTEST_GAP = 0.25;
enum { MOST_WAITING = 1 << 18 /* bytes */ };

/* ---- metrics.csv ---- */

/* Whole lines or nothing: a line that does not fit is taken back. */
static gn_status write_line(gn_directory *d, const char *text, size_t size, gn_message *message) {
    off_t end = lseek(d->csv, 0, SEEK_END);
    ssize_t written = write(d->csv, text, size);
    if (written == (ssize_t)size)
        return GN_OK;
    int error = written < 0 ? errno : ENOSPC;
    if (ftruncate(d->csv, end) != 0) { /* then the last line stays short, and readers drop it */
    }
    return gn_message_fail(message, GN_ERROR_IO, "%s/metrics.csv: %s", d->path, strerror(error));
}

gn_status gn_directory_write_header(gn_directory *directory, gn_message *message) {
    static const char header[] = "step,phase"
#define HEADER(name) "," #name
        GN_METRICS_LIST(HEADER)
#undef HEADER
            "\n";
    return write_line(directory, header, sizeof header - 1, message);
}

static gn_status write_row(gn_directory *d, const gn_metrics *m, gn_message *message) {
    const double values[] = {
#define VALUE(name) m->name,
        GN_METRICS_LIST(VALUE)
#undef VALUE
    };
    char line[1024];
    size_t used = (size_t)snprintf(line, sizeof line, "%llu,%zu", (unsigned long long)m->step, m->phase);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        used += (size_t)(isnan(values[i]) ? snprintf(line + used, sizeof line - used, ",")
                                          : snprintf(line + used, sizeof line - used, ",%.17g", values[i]));
    line[used++] = '\n';
    return write_line(d, line, used, message);
}

gn_status gn_directory_cut_csv(gn_directory *directory, uint64_t step, gn_message *message) {
    FILE *in = fdopen(dup(directory->csv), "r");
    char *line = NULL;
    size_t capacity = 0;
    off_t end = 0;
    bool header = true;
    if (in == NULL)
        return gn_message_fail(message, GN_ERROR_IO, "%s/metrics.csv: %s", directory->path, strerror(errno));
    rewind(in);
    for (ssize_t size; (size = getline(&line, &capacity, in)) > 0 && line[size - 1] == '\n'; header = false) {
        if (!header && strtoull(line, NULL, 10) > step)
            break;
        end += size;
    }
    free(line);
    fclose(in);
    if (ftruncate(directory->csv, end) != 0)
        return gn_message_fail(message, GN_ERROR_IO, "%s/metrics.csv: %s", directory->path, strerror(errno));
    return end > 0 ? GN_OK : gn_directory_write_header(directory, message);
}

/* ---- columns ---- */

static gn_status find_column(gn_directory *d, const char *name, int rank, const size_t *shape,
                             gn_column **out, gn_message *message) {
    size_t width = 1;
    for (size_t i = 0; i < d->column_count; i++)
        if (strcmp(d->columns[i].name, name) == 0) {
            *out = &d->columns[i];
            return GN_OK;
        }
    gn_column *grown = realloc(d->columns, (d->column_count + 1) * sizeof *grown);
    if (grown == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", name);
    d->columns = grown;
    for (int i = 0; i < rank; i++)
        width *= shape[i];
    gn_column *column = &grown[d->column_count];
    *column = (gn_column){.width = width};
    snprintf(column->name, sizeof column->name, "%s", name);
    GN_TRY(gn_h5_series_open(d->h5, name, rank, shape, &column->series, message));
    d->column_count++;
    *out = column;
    return GN_OK;
}

static gn_status add_row(gn_directory *d, const char *name, int rank, const size_t *shape,
                         const double *values, gn_message *message) {
    gn_column *c;
    GN_TRY(find_column(d, name, rank, shape, &c, message));
    if (c->waiting == c->capacity) {
        size_t capacity = c->capacity == 0 ? 16 : 2 * c->capacity;
        double *rows = realloc(c->rows, capacity * (c->width == 0 ? 1 : c->width) * sizeof *rows);
        if (rows == NULL)
            return gn_message_fail(message, GN_ERROR_MEMORY, "%s: out of memory", name);
        c->rows = rows;
        c->capacity = capacity;
    }
    memcpy(c->rows + c->waiting * c->width, values, c->width * sizeof *values);
    c->waiting++;
    if (!d->waiting)
        d->waiting_since = gn_seconds_now();
    d->waiting = true;
    d->waiting_bytes += c->width * sizeof *values;
    return GN_OK;
}

void gn_directory_free_columns(gn_directory *directory) {
    for (size_t i = 0; i < directory->column_count; i++) {
        gn_h5_series_close(directory->columns[i].series);
        free(directory->columns[i].rows);
    }
    free(directory->columns);
    directory->columns = NULL;
    directory->column_count = 0;
}

static const char *const metric_names[] = {"/metrics/step", "/metrics/phase",
#define METRIC_PATH(name) "/metrics/" #name,
                                           GN_METRICS_LIST(METRIC_PATH)
#undef METRIC_PATH
};

gn_status gn_directory_open_metrics(gn_directory *directory, gn_message *message) {
    gn_column *column;
    for (size_t i = 0; i < sizeof metric_names / sizeof *metric_names; i++)
        GN_TRY(find_column(directory, metric_names[i], 0, NULL, &column, message));
    return GN_OK;
}

/* ---- recording ---- */

/* Before the first step has ended nothing tells how long one takes. */
static gn_status flush_early(gn_directory *d, gn_message *message) {
    return d->ticked && d->waiting_bytes < MOST_WAITING ? GN_OK : gn_directory_flush(d, message);
}

gn_status gn_directory_record(gn_directory *directory, const gn_metrics *m, gn_message *message) {
    const double values[] = {(double)m->step, (double)m->phase,
#define VALUE(name) m->name,
                             GN_METRICS_LIST(VALUE)
#undef VALUE
    };
    GN_TRY(write_row(directory, m, message));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        GN_TRY(add_row(directory, metric_names[i], 0, NULL, &values[i], message));
    return flush_early(directory, message);
}

gn_status gn_directory_observe(gn_directory *directory, const char *observer, uint64_t step, const char *name,
                               int rank, const size_t *shape, const double *values, gn_message *message) {
    char path[160];
    gn_column *steps;
    const double at = (double)step;
    snprintf(path, sizeof path, "/observe/%s/step", observer);
    GN_TRY(find_column(directory, path, 0, NULL, &steps, message));
    size_t count = gn_h5_series_rows(steps->series) + steps->waiting;
    snprintf(path, sizeof path, "/observe/%s/%s", observer, name);
    GN_TRY(add_row(directory, path, rank, shape, values, message));
    gn_column *column;
    GN_TRY(find_column(directory, path, rank, shape, &column, message));
    /* The first array of a step brings the step. */
    if (gn_h5_series_rows(column->series) + column->waiting > count) {
        snprintf(path, sizeof path, "/observe/%s/step", observer);
        GN_TRY(add_row(directory, path, 0, NULL, &at, message));
    }
    return flush_early(directory, message);
}

gn_status gn_directory_end_phase(gn_directory *directory, const gn_phase_report *report,
                                 gn_message *message) {
    static const char *const names[] = {"/phases/step", "/phases/phase", "/phases/begin", "/phases/cause",
                                        "/phases/value"};
    const double values[] = {(double)report->end, (double)report->phase, (double)report->begin,
                             (double)report->cause, report->value};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        GN_TRY(add_row(directory, names[i], 0, NULL, &values[i], message));
    return flush_early(directory, message);
}

gn_status gn_directory_flush(gn_directory *directory, gn_message *message) {
    gn_directory *d = directory;
    double growth = 0;
    if (!d->waiting)
        return GN_OK;
    for (size_t i = 0; i < d->column_count; i++)
        if (d->columns[i].waiting > 0)
            growth += gn_h5_series_growth(d->columns[i].series, d->columns[i].waiting);
    GN_TRY(gn_h5_reserve(d->h5, growth, message)); /* all columns grow, or none */
    for (size_t i = 0; i < d->column_count; i++) {
        gn_column *c = &d->columns[i];
        GN_TRY(gn_h5_series_append(c->series, c->waiting, c->rows, message));
        c->waiting = 0;
    }
    d->waiting = false;
    d->waiting_bytes = 0;
    d->last_flush = gn_seconds_now();
    return gn_h5_flush(d->h5, message);
}

gn_status gn_directory_tick(gn_directory *directory, bool urgent, gn_message *message) {
    gn_directory *d = directory;
    double now = gn_seconds_now();
    d->gap = now - d->last_tick;
    d->last_tick = now;
    d->ticked = true;
    bool late = now - d->waiting_since + 2 * d->gap > LONGEST_WAIT;
    if (d->waiting && (urgent || late || now - d->last_flush > SHORTEST_GAP))
        return gn_directory_flush(d, message);
    return GN_OK;
}

/* ---- going back to a step ---- */

/* The rows of a step column that are not beyond `step`. */
static gn_status rows_until(gn_h5 *file, const char *name, uint64_t step, size_t *rows, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *at;
    *rows = 0;
    GN_TRY(gn_h5_read(file, name, &rank, shape, &at, message));
    while (rank == 1 && *rows < shape[0] && at[*rows] <= (double)step) /* false for a NaN */
        ++*rows;
    free(at);
    return GN_OK;
}

static gn_status cut_one(gn_h5 *file, const char *name, size_t rows, gn_message *message) {
    int rank;
    size_t shape[GN_H5_MAX_RANK];
    double *values;
    gn_h5_series *series;
    GN_TRY(gn_h5_read(file, name, &rank, shape, &values, message));
    free(values);
    GN_TRY(gn_h5_series_open(file, name, rank - 1, shape + 1, &series, message));
    gn_status status = gn_h5_series_truncate(series, rows, message);
    gn_h5_series_close(series);
    return status;
}

/* A group whose arrays go with its `step`. */
static gn_status cut_group(gn_directory *d, const char *group, uint64_t step, gn_message *message) {
    char name[160], names[2048], *rest = names;
    size_t rows;
    snprintf(name, sizeof name, "%s/step", group);
    GN_TRY(rows_until(d->h5, name, step, &rows, message));
    gn_h5_names(d->h5, group, names, sizeof names);
    for (char *array; (array = strsep(&rest, ", ")) != NULL;)
        if (array[0] != '\0') {
            snprintf(name, sizeof name, "%s/%.70s", group, array);
            GN_TRY(cut_one(d->h5, name, rows, message));
        }
    return GN_OK;
}

gn_status gn_directory_cut_series(gn_directory *directory, uint64_t step, gn_message *message) {
    size_t rows;
    GN_TRY(rows_until(directory->h5, "/metrics/step", step, &rows, message));
    for (size_t i = 0; i < directory->column_count; i++)
        GN_TRY(gn_h5_series_truncate(directory->columns[i].series, rows, message));
    char names[2048], *rest = names, group[80];
    if (gn_h5_has(directory->h5, "/phases"))
        GN_TRY(cut_group(directory, "/phases", step, message));
    if (!gn_h5_has(directory->h5, "/observe"))
        return GN_OK;
    gn_h5_names(directory->h5, "/observe", names, sizeof names);
    for (char *observer; (observer = strsep(&rest, ", ")) != NULL;)
        if (observer[0] != '\0') {
            snprintf(group, sizeof group, "/observe/%.60s", observer);
            GN_TRY(cut_group(directory, group, step, message));
        }
    return GN_OK;
}
