#include "cli/batch.h"

#include <stdlib.h>
#include <string.h>

#include "backend/context.h"

/* ---- the points ---- */

void gn_cli_batch_init(gn_cli_batch *batch, const gn_cli_options *options) {
    *batch = (gn_cli_batch){.options = options, .lock = PTHREAD_MUTEX_INITIALIZER};
}

void gn_cli_batch_free(gn_cli_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        gn_config_destroy(batch->points[i].config);
        gn_config_source_destroy(batch->points[i].source);
        free(batch->points[i].label);
        free(batch->points[i].directory);
    }
    free(batch->points);
}

gn_status gn_cli_batch_add(gn_cli_batch *batch, const gn_config_source *grid, gn_message *message) {
    const size_t given = gn_config_sweep_count(grid), count = given == 0 ? 1 : given;
    gn_cli_point *grown = realloc(batch->points, (batch->count + count) * sizeof *grown);
    if (grown == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    batch->points = grown;
    for (size_t i = 0; i < count; i++) {
        gn_cli_point *p = &batch->points[batch->count++];
        *p = (gn_cli_point){.state = "waiting"};
        GN_TRY(gn_config_sweep_point(grid, i, &p->source, &p->label, message));
        GN_TRY(gn_config_resolve(p->source, &p->config, message));
    }
    return GN_OK;
}

gn_status gn_cli_batch_place(gn_cli_batch *batch, gn_message *message) {
    for (size_t i = 0; i < batch->count; i++) {
        gn_cli_point *p = &batch->points[i];
        const size_t size = strlen(batch->path) + strlen(p->label) + 32;
        if ((p->directory = malloc(size)) == NULL)
            return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
        snprintf(p->directory, size, "%s/%03zu-%s", batch->path, i, p->label);
    }
    return GN_OK;
}

/* ---- what has become of them ---- */

/* sweep.yaml: a list of directories, states and messages. It is a help for people; who cannot write it fails
 * by its runs. */
static void write_summary(const gn_cli_batch *s) {
    char path[4200], fresh[4200];
    snprintf(path, sizeof path, "%s/sweep.yaml", s->path);
    snprintf(fresh, sizeof fresh, "%s/sweep.yaml.new", s->path);
    FILE *out = fopen(fresh, "w");
    if (out == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        const gn_cli_point *p = &s->points[i];
        fprintf(out, "- directory: '%s'\n  state: %s\n", strrchr(p->directory, '/') + 1, p->state);
        if (p->message.text[0] != '\0') {
            fprintf(out, "  message: '");
            for (const char *c = p->message.text; *c != '\0'; c++)
                fprintf(out, *c == '\'' ? "''" : *c == '\n' ? " " : "%c", *c);
            fprintf(out, "'\n");
        }
    }
    if (fclose(out) == 0)
        rename(fresh, path);
}

/* ---- running ---- */

/* Notes how a run has ended: in the summary, on the board, in the sweep's exit status. */
static void end_point(gn_cli_batch *s, gn_cli_point *p, size_t place, gn_status status,
                      const gn_message *message) {
    char line[2400];
    if (status != GN_OK) {
        snprintf(line, sizeof line, "gnewt: %s: %s", p->label, message->text);
        gn_board_say(s->board, line);
    }
    gn_board_end_run(s->board, place,
                     status == GN_ERROR_INTERRUPTED ? GN_BOARD_INTERRUPTED
                     : status != GN_OK              ? GN_BOARD_FAILED
                     : p->result.done_before        ? GN_BOARD_BEFORE
                                                    : GN_BOARD_FINISHED);
    pthread_mutex_lock(&s->lock);
    p->message = *message;
    snprintf(p->state, sizeof p->state, "%s", gn_execute_state(status));
    if (status != GN_OK && s->code != GN_EXIT_INTERRUPTED)
        s->code = status == GN_ERROR_INTERRUPTED ? GN_EXIT_INTERRUPTED : GN_EXIT_FAILED;
    write_summary(s);
    pthread_mutex_unlock(&s->lock);
}

static void run_point(gn_cli_batch *s, size_t i, size_t place) {
    gn_cli_point *p = &s->points[i];
    gn_message message = {0}; /* the point's is under the lock */
    char title[256];
    snprintf(title, sizeof title, "[%zu/%zu] %.200s", i + 1, s->count, p->label);
    gn_progress progress = gn_progress_start_on(s->board, place, title);
    const gn_execute_options execution = {.source = p->source,
                                          .config = p->config,
                                          .directory = p->directory,
                                          .resume = s->options->resume,
                                          .progress = &progress,
                                          .stop = s->stop};
    const gn_status status = gn_execute(&execution, &p->result, &message);
    end_point(s, p, place, status, &message);
}

/* The next point that waits; false where none does, or the sweep was told to stop. */
static bool take_point(gn_cli_batch *s, size_t *i) {
    pthread_mutex_lock(&s->lock);
    bool taken = s->next < s->count && atomic_load(s->stop) == 0;
    if (taken)
        *i = s->next++;
    else if (s->next < s->count)
        s->code = GN_EXIT_INTERRUPTED;
    pthread_mutex_unlock(&s->lock);
    return taken;
}

typedef struct worker {
    gn_cli_batch *batch;
    size_t place;
    pthread_t thread;
} worker;

static void *work(void *user) {
    const worker *w = user;
    size_t i;
    gn_cpu_limit_threads(w->batch->threads);
    while (take_point(w->batch, &i))
        run_point(w->batch, i, w->place);
    return NULL;
}

/* Workers take points until none waits; this thread is the first of them. Where the system gives fewer
 * threads, those do all. */
static void work_together(gn_cli_batch *s, worker *workers, size_t jobs) {
    size_t started = 1;
    s->threads = gn_cpu_thread_share((int)jobs);
    gn_cpu_limit_threads(s->threads);
    for (size_t i = 0; i < jobs; i++)
        workers[i] = (worker){.batch = s, .place = i};
    while (started < jobs && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}

gn_status gn_cli_batch_run(gn_cli_batch *batch, const atomic_int *stop, gn_message *message) {
    const size_t wanted = batch->options->jobs, jobs = wanted < batch->count ? wanted : batch->count;
    worker *workers = calloc(jobs, sizeof *workers);
    if (workers == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    gn_status status =
        gn_board_create(stderr, batch->options->quiet, batch->count, jobs, &batch->board, message);
    if (status == GN_OK) {
        batch->stop = stop;
        work_together(batch, workers, jobs);
    }
    gn_board_destroy(batch->board);
    free(workers);
    return status;
}
