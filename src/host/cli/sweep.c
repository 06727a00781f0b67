#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/context.h"
#include "cli/cli.h"
#include "run/directory.h"

static const char usage[] =
    "gnewt sweep CONFIG.yaml [--jobs N] [--quick] [--set KEY=VALUE]... [--device D] [--seed N] [--out DIR] "
    "[--resume] "
    "[--quiet]\n"
    "\n"
    "Trains every point of the grid under `sweep:`, each in its own directory DIR/000-KEY=VALUE,...\n"
    "A run that fails is marked and the others go on. DIR/sweep.yaml tells of all.\n"
    "\n"
    "  --jobs N         N runs at once (default: 1), which share the CPU's threads; on a GPU, N streams\n"
    "  --quick          the quick size of the experiment, as its section `quick:` says; before any --set\n"
    "  --set KEY=VALUE  change a key of all points\n"
    "  --out DIR        empty or not there (default: runs/NAME, or runs/NAME-2, ...)\n"
    "  --resume         go on with the sweep in DIR: finished runs are passed over\n"
    "  --quiet          no progress\n"
    "\n"
    "Exit status: 0 all done; 1 a run failed; 2 usage or configuration; 130 interrupted, after a "
    "checkpoint.\n";

typedef struct point {
    gn_config_source *source;
    gn_config *config;
    char *label, *directory;
    char state[16]; /* "waiting" until it has run */
    gn_execute_result result;
    gn_message message;
} point;

typedef struct sweep {
    const gn_cli_options *options;
    char path[4096];
    point *points;
    size_t count;
    gn_board *board;
    const atomic_int *stop;
    int threads;          /* of the CPU, for each run */
    pthread_mutex_t lock; /* of what follows, of the points' states and messages, and of sweep.yaml */
    size_t next;          /* the first point that nobody took */
    int code;             /* exit status so far */
} sweep;

/* ---- the points ---- */

static gn_status prepare_point(sweep *s, const gn_config_source *source, size_t i, gn_message *message) {
    point *p = &s->points[i];
    snprintf(p->state, sizeof p->state, "waiting");
    GN_TRY(gn_config_sweep_point(source, i, &p->source, &p->label, message));
    return gn_config_resolve(p->source, &p->config, message);
}

/* All points are read before the first runs: a mistake in the last shows at once. */
static gn_status prepare(sweep *s, const gn_config_source *source, gn_message *message) {
    if (!gn_config_source_has_sweep(source))
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s has no grid under `sweep:`; use gnewt run, or add one",
                               s->options->arguments[0]);
    size_t count = gn_config_sweep_count(source);
    s->count = count == 0 ? 1 : count; /* an axis without values: point 0 says so */
    s->points = calloc(s->count, sizeof *s->points);
    if (s->points == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < s->count; i++)
        GN_TRY(prepare_point(s, source, i, message));
    GN_TRY(gn_directory_choose(s->options->out, s->points[0].config->name, s->options->resume, s->path,
                               sizeof s->path, message));
    for (size_t i = 0; i < s->count; i++) {
        size_t size = strlen(s->path) + strlen(s->points[i].label) + 32;
        if ((s->points[i].directory = malloc(size)) == NULL)
            return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
        snprintf(s->points[i].directory, size, "%s/%03zu-%s", s->path, i, s->points[i].label);
    }
    return GN_OK;
}

static void release(sweep *s) {
    for (size_t i = 0; i < s->count && s->points != NULL; i++) {
        gn_config_destroy(s->points[i].config);
        gn_config_source_destroy(s->points[i].source);
        free(s->points[i].label);
        free(s->points[i].directory);
    }
    free(s->points);
}

/* ---- what has become of them ---- */

/* DIR/sweep.yaml: a list of directories, states and messages. It is a help for people; a sweep that cannot
 * write it fails by its runs. */
static void write_summary(const sweep *s) {
    char path[4200], fresh[4200];
    snprintf(path, sizeof path, "%s/sweep.yaml", s->path);
    snprintf(fresh, sizeof fresh, "%s/sweep.yaml.new", s->path);
    FILE *out = fopen(fresh, "w");
    if (out == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) {
        const point *p = &s->points[i];
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

/* A column of the table; "-" where there is no such number. */
static void print_number(const char *format, int width, double value) {
    char text[48] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, format, value);
    printf(" %*s", width, text);
}

static void print_table(const sweep *s) {
    printf("%-11s %10s %13s %13s %10s %10s  %s\n", "state", "step", "loss_train", "loss_test", "acc_test",
           "seconds", "directory");
    for (size_t i = 0; i < s->count; i++) {
        const point *p = &s->points[i];
        const gn_metrics none = {.loss_train = NAN, .loss_test = NAN, .accuracy_test = NAN, .seconds = NAN};
        const gn_metrics *last = p->result.steps > 0 ? &p->result.last : &none;
        printf("%-11s %10llu", p->state, (unsigned long long)p->result.step);
        print_number("%.6e", 13, last->loss_train);
        print_number("%.6e", 13, last->loss_test);
        print_number("%.4f", 10, last->accuracy_test);
        print_number("%.3f", 10, last->seconds);
        printf("  %s\n", p->directory);
    }
}

/* ---- running ---- */

/* Notes how a run has ended: in the summary, on the board, in the sweep's exit status. */
static void end_point(sweep *s, point *p, size_t place, gn_status status, const gn_message *message) {
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

static void run_point(sweep *s, size_t i, size_t place) {
    point *p = &s->points[i];
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
static bool take_point(sweep *s, size_t *i) {
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
    sweep *sweep;
    size_t place;
    pthread_t thread;
} worker;

static void *work(void *user) {
    const worker *w = user;
    size_t i;
    gn_cpu_limit_threads(w->sweep->threads);
    while (take_point(w->sweep, &i))
        run_point(w->sweep, i, w->place);
    return NULL;
}

/* Workers take points until none waits; this thread is the first of them. Where the system gives fewer
 * threads, those do all. */
static void work_together(sweep *s, worker *workers, size_t jobs) {
    size_t started = 1;
    s->threads = gn_cpu_thread_share((int)jobs);
    gn_cpu_limit_threads(s->threads);
    for (size_t i = 0; i < jobs; i++)
        workers[i] = (worker){.sweep = s, .place = i};
    while (started < jobs && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    work(&workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(workers[i].thread, NULL);
}

static int run_all(sweep *s) {
    gn_message message = {0};
    const size_t jobs = s->options->jobs < s->count ? s->options->jobs : s->count;
    worker *workers = calloc(jobs, sizeof *workers);
    gn_status status = workers == NULL
                           ? gn_message_fail(&message, GN_ERROR_MEMORY, "out of memory")
                           : gn_board_create(stderr, s->options->quiet, s->count, jobs, &s->board, &message);
    if (status != GN_OK) {
        free(workers);
        return gn_cli_fail(status, &message);
    }
    s->stop = gn_cli_watch_signals();
    work_together(s, workers, jobs);
    gn_board_destroy(s->board);
    free(workers);
    print_table(s);
    if (s->code == GN_EXIT_INTERRUPTED)
        fprintf(stderr, "gnewt: %s is kept; --resume goes on with it\n", s->path);
    else
        gn_cli_draw(s->points[0].config, s->path);
    return s->code;
}

int gn_cli_sweep(int argc, char **argv) {
    gn_cli_options options;
    gn_message message = {0};
    gn_config_source *source = NULL;
    sweep s = {.options = &options, .lock = PTHREAD_MUTEX_INITIALIZER};
    int code = gn_cli_parse(argc, argv,
                            GN_TAKES_CONFIG | GN_TAKES_SET | GN_TAKES_OUT | GN_TAKES_RESUME | GN_TAKES_QUIET |
                                GN_TAKES_JOBS,
                            usage, &options);
    if (code >= 0)
        return code;
    gn_status status = gn_cli_source(&options, &source, &message);
    if (status == GN_OK)
        status = prepare(&s, source, &message);
    code = status == GN_OK ? run_all(&s) : gn_cli_fail(status, &message);
    release(&s);
    gn_config_source_destroy(source);
    gn_cli_options_free(&options);
    return code;
}
