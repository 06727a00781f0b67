/* One run, from its configuration to its finished directory. */
#ifndef GN_RUN_EXECUTE_H
#define GN_RUN_EXECUTE_H

#include <signal.h>

#include "run/config.h"
#include "run/progress.h"

typedef struct gn_execute_options {
    const gn_config_source *source;
    const gn_config *config; /* of the source */
    const char *directory;   /* of gn_directory_choose() */
    bool resume;
    gn_progress *progress;
    const volatile sig_atomic_t *stop; /* set: end after the step, with a checkpoint. NULL: never */
} gn_execute_options;

typedef struct gn_execute_result {
    gn_metrics last; /* the last recorded row */
    uint64_t step, steps;
    size_t parameters; /* P; 0 where the run was finished already */
    char device[256];  /* "" where the run was finished already */
    char costs[512];   /* "training 1.2 s (75.0 %), rows 0.1 s (6.2 %), ntk 0.3 s (18.8 %)"; "" likewise */
    bool done_before;  /* resumed, and there was nothing left to do */
} gn_execute_result;

/* Errors: CONFIG (before anything is written), DIVERGED, INTERRUPTED, IO, MEMORY, DEVICE, ... What was
 * recorded is kept, and all but CONFIG leave the directory's state and log.txt saying what happened. */
gn_status gn_execute(const gn_execute_options *options, gn_execute_result *result, gn_message *message);

/* CONFIG, naming the key, where the configuration `text` is not that of the run in `directory`; `device` and
 * `plot` may differ. */
gn_status gn_resume_check(const char *directory, const char *text, gn_message *message);

#endif
