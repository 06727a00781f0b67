#include "run/execute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/status.h"
#include "run/checkpoint.h"
#include "run/costs.h"
#include "run/directory.h"
#include "run/reader.h"

/* Seconds between checkpoints: soon after the start, so that a kill costs little, then twice as long each
 * time up to the last. */
static const double CHECKPOINT_FIRST = 1, CHECKPOINT_EACH = 30;

typedef struct run {
    const gn_execute_options *options;
    gn_execute_result *result;
    gn_build build;
    gn_directory *directory;
    char early[1024];                        /* notices from before there was a log */
    double last_checkpoint, checkpoint_wait; /* seconds */
    bool phase_ended;                        /* with this step */
    gn_message message;                      /* of a hook that failed */
} run;

/* ---- notices ---- */

static void take_notice(void *user, gn_log_level level, const char *text) {
    run *r = user;
    const char *word = level == GN_LOG_WARNING ? "warning: " : "";
    if (r->directory != NULL)
        gn_directory_log(r->directory, "%s%s", word, text);
    else
        snprintf(r->early + strlen(r->early), sizeof r->early - strlen(r->early), "%s%s%s",
                 r->early[0] != '\0' ? "; " : "", word, text);
    if (level == GN_LOG_WARNING)
        gn_progress_say(r->options->progress, "warning: ", text);
}

/* ---- hooks ---- */

static gn_status on_record(void *user, const gn_metrics *metrics) {
    run *r = user;
    r->result->last = *metrics;
    r->options->progress->loss_train = metrics->loss_train;
    r->options->progress->loss_test = metrics->loss_test;
    return gn_directory_record(r->directory, metrics, &r->message);
}

static gn_status on_observe(void *user, const char *observer, uint64_t step, const char *name, int rank,
                            const size_t *shape, const double *values) {
    run *r = user;
    return gn_directory_observe(r->directory, observer, step, name, rank, shape, values, &r->message);
}

/* Rows first, then the checkpoint: what it stands at has then been recorded. */
static gn_status write_checkpoint(run *r) {
    GN_TRY(gn_directory_flush(r->directory, &r->message));
    gn_status status = gn_checkpoint_write(r->options->directory, &r->build, &r->message);
    r->last_checkpoint = gn_seconds_now();
    if (status != GN_ERROR_NOT_FINITE)
        return status;
    gn_directory_log(r->directory, "no checkpoint at step %llu: %s; the last one stays",
                     (unsigned long long)gn_trainer_step(r->build.trainer), r->message.text);
    r->message.text[0] = '\0';
    return GN_OK;
}

/* "phase 0 (LM) ended after step 137: drift 0.103 above 0.1 for 3 observations" */
static gn_status on_phase(void *user, const gn_phase_report *report) {
    run *r = user;
    char text[320];
    snprintf(text, sizeof text, "phase %zu (%.100s) ended after step %llu: %s", report->phase,
             r->options->config->phases[report->phase].optimizer.label, (unsigned long long)report->end,
             report->text);
    gn_directory_log(r->directory, "%s", text);
    if (report->cause != GN_PHASE_STEPS)
        gn_progress_say(r->options->progress, "", text);
    r->phase_ended = true;
    return gn_directory_end_phase(r->directory, report, &r->message);
}

static gn_status on_step(void *user, uint64_t step, bool *stop) {
    run *r = user;
    /* A phase may have ended with slow steps to come, so its rows wait for nothing. */
    const bool urgent = r->phase_ended;
    r->phase_ended = false;
    r->options->progress->steps = gn_trainer_steps(r->build.trainer);
    gn_progress_step(r->options->progress, step);
    GN_TRY(gn_directory_tick(r->directory, urgent, &r->message));
    if (gn_seconds_now() - r->last_checkpoint > r->checkpoint_wait) {
        GN_TRY(write_checkpoint(r));
        r->checkpoint_wait = fmin(2 * r->checkpoint_wait, CHECKPOINT_EACH);
    }
    *stop = r->options->stop != NULL && atomic_load(r->options->stop) != 0;
    return GN_OK;
}

/* ---- beginning ---- */

/* The checkpoint is read whole before any file is changed: it may be damaged, or another network's. */
static gn_status go_on(run *r, uint64_t step, gn_message *message) {
    GN_TRY(gn_checkpoint_read(r->options->directory, &r->build, message));
    GN_TRY(gn_directory_continue(r->options->directory, step, &r->directory, message));
    gn_directory_log(r->directory, "continued at step %llu", (unsigned long long)step);
    return GN_OK;
}

static gn_status begin_anew(run *r, const char *text, gn_message *message) {
    GN_TRY(gn_directory_create(r->options->directory, text, &r->directory, message));
    const int aside = gn_directory_aside(r->directory);
    gn_directory_log(r->directory, "begun: %s", r->options->config->name);
    if (aside > 0) {
        char note[256];
        snprintf(note, sizeof note,
                 "there was no checkpoint to go on from, so the run begins anew; what it had recorded is "
                 "kept as metrics.csv.%d.bak and run.h5.%d.bak",
                 aside, aside);
        take_notice(r, GN_LOG_WARNING, note);
    }
    return GN_OK;
}

static gn_status open_directory(run *r, const char *text, gn_message *message) {
    const gn_execute_options *o = r->options;
    const gn_config *config = o->config;
    const char *quick = gn_config_quick(o->source);
    uint64_t step = 0;
    bool found = false;
    if (o->resume)
        GN_TRY(gn_checkpoint_find(o->directory, &found, &step, message));
    /* Without a checkpoint beyond the start an earlier run is begun anew. */
    bool continued = found && step > 0;
    GN_TRY(continued ? go_on(r, step, message) : begin_anew(r, text, message));
    if (r->early[0] != '\0')
        gn_directory_log(r->directory, "%s", r->early);
    if (quick != NULL)
        gn_directory_log(r->directory, "quick: leaves out %s", quick);
    gn_directory_log(r->directory, "device %s, %s, seed %llu, %zu parameters",
                     gn_context_device(r->build.context), gn_dtype_name(config->precision),
                     (unsigned long long)config->seed, gn_network_parameters(r->build.network));
    GN_TRY(gn_directory_describe(r->directory, config->name, gn_context_device(r->build.context),
                                 config->precision, config->seed, quick, message));
    if (continued)
        return GN_OK;
    GN_TRY(
        gn_directory_write_parameters(r->directory, "/initial", r->build.network, r->build.theta0, message));
    return gn_checkpoint_write(o->directory, &r->build, message);
}

/* ---- the end ---- */

const char *gn_execute_state(gn_status status) {
    return status == GN_OK                  ? "finished"
           : status == GN_ERROR_INTERRUPTED ? "interrupted"
           : status == GN_ERROR_DIVERGED    ? "diverged"
                                            : "failed";
}

/* Writes what the next process or reader needs; a failure here counts only where the run itself had none. */
static gn_status finish(run *r, gn_status status, gn_message *message) {
    r->message.text[0] = '\0';
    gn_status written = write_checkpoint(r);
    if (written == GN_OK)
        written = gn_costs_write(&r->build, r->directory, &r->message);
    if (written == GN_OK)
        written = gn_directory_write_parameters(r->directory, "/params", r->build.network, r->build.theta,
                                                &r->message);
    if (status == GN_OK && written != GN_OK) {
        status = written;
        *message = r->message;
    }
    if (status == GN_ERROR_IO && strlen(message->text) + 80 < sizeof message->text)
        strcat(message->text, "; what was recorded before is kept, and --resume goes on with it");
    gn_costs_text(&r->build, r->result->costs, sizeof r->result->costs);
    gn_directory_log(r->directory, "time: %s", r->result->costs);
    gn_directory_log(r->directory, "%s at step %llu, %.3f s of training%s%s", gn_execute_state(status),
                     (unsigned long long)gn_trainer_step(r->build.trainer),
                     gn_trainer_seconds(r->build.trainer), status == GN_OK ? "" : ": ",
                     status == GN_OK ? "" : message->text);
    gn_status closed =
        gn_directory_close(r->directory, gn_execute_state(status), status == GN_OK ? message : NULL);
    r->directory = NULL;
    return status == GN_OK ? closed : status;
}

static gn_status train(run *r, gn_message *message) {
    const gn_trainer_hooks hooks = {
        .user = r, .record = on_record, .step = on_step, .sink = {on_observe, r}, .phase = on_phase};
    gn_progress_begin(r->options->progress, gn_trainer_step(r->build.trainer),
                      gn_trainer_steps(r->build.trainer));
    r->last_checkpoint = gn_seconds_now();
    r->checkpoint_wait = CHECKPOINT_FIRST;
    gn_status status = gn_trainer_run(r->build.trainer, &hooks);
    gn_progress_end(r->options->progress);
    if (status == GN_OK)
        return GN_OK;
    if (r->message.text[0] == '\0')
        return gn_build_fail(&r->build, status, "", message);
    *message = r->message;
    return status;
}

static gn_status execute(run *r, const char *text, gn_message *message) {
    const gn_execute_options *o = r->options;
    GN_TRY(gn_build_create(o->config, o->source, take_notice, r, &r->build, message));
    GN_TRY(gn_build_trainer(o->config, o->source, &r->build, message));
    snprintf(r->result->device, sizeof r->result->device, "%s", gn_context_device(r->build.context));
    r->result->parameters = gn_network_parameters(r->build.network);
    gn_status status = open_directory(r, text, message);
    if (status != GN_OK) {
        gn_directory_log(r->directory, "failed: %s", message->text);
        gn_directory_close(r->directory, "failed", NULL);
        return status;
    }
    status = train(r, message);
    r->result->step = gn_trainer_step(r->build.trainer);
    r->result->steps = gn_trainer_steps(r->build.trainer);
    return finish(r, status, message);
}

/* ---- a run that was there before ---- */

/* The last recorded row of a run directory, as far as there is one. */
static gn_status read_last(const char *directory, gn_execute_result *result, gn_message *message) {
    gn_run done;
    gn_series series;
    GN_TRY(gn_run_open(directory, &done, message));
#define READ_LAST(name)                                                                                      \
    result->last.name = NAN;                                                                                 \
    if (gn_run_metric(&done, #name, &series, NULL) == GN_OK) {                                               \
        if (series.rows > 0) {                                                                               \
            result->last.name = series.values[series.rows - 1];                                              \
            result->last.step = (uint64_t)series.at[series.rows - 1];                                        \
        }                                                                                                    \
        gn_series_free(&series);                                                                             \
    }
    GN_METRICS_LIST(READ_LAST)
#undef READ_LAST
    gn_run_close(&done);
    result->step = result->steps = result->last.step;
    return GN_OK;
}

/* To resume, an earlier run must be this configuration's; *done where nothing is left of it. */
static gn_status look_back(const gn_execute_options *o, const char *text, gn_execute_result *result,
                           bool *done, gn_message *message) {
    char file[4200], state[32];
    *done = false;
    snprintf(file, sizeof file, "%s/config.yaml", o->directory);
    if (!o->resume)
        return GN_OK;
    if (access(file, F_OK) != 0)
        return gn_directory_is_free(o->directory)
                   ? GN_OK
                   : gn_message_fail(message, GN_ERROR_CONFIG,
                                     "--resume: %s is not empty and no run directory: it has no config.yaml; "
                                     "name another with --out",
                                     o->directory);
    GN_TRY(gn_resume_check(o->directory, text, message));
    gn_directory_state(o->directory, state, sizeof state);
    if (strcmp(state, "finished") != 0)
        return GN_OK;
    *done = result->done_before = true;
    return read_last(o->directory, result, message);
}

gn_status gn_execute(const gn_execute_options *options, gn_execute_result *result, gn_message *message) {
    run r = {.options = options, .result = result};
    char *text;
    bool done;
    *result = (gn_execute_result){0};
#define NOTHING(name) result->last.name = NAN;
    GN_METRICS_LIST(NOTHING)
#undef NOTHING
    GN_TRY(gn_config_text(options->source, &text, message));
    gn_status status = look_back(options, text, result, &done, message);
    if (status == GN_OK && !done)
        status = execute(&r, text, message);
    gn_build_destroy(&r.build);
    free(text);
    return status;
}
