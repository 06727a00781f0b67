/* Run directories: config.yaml, metrics.csv, run.h5, log.txt, figures/.
 *
 * What was recorded more than a second ago can be read from both files after a `kill -9`: rows go to
 * metrics.csv at once, and to run.h5 within half a second, at the end of a step. */
#ifndef GN_RUN_DIRECTORY_H
#define GN_RUN_DIRECTORY_H

#include "gnewt/trainer.h"
#include "run/h5.h"

typedef struct gn_directory gn_directory;

/* The folder for a run into path (`size` characters): `out`, or runs/NAME, or, where that is taken, the first
 * free of runs/NAME-2, -3, ...; to resume, the last of them that is there. CONFIG where `out` is taken and
 * not to be resumed, or where there is nothing to resume. */
gn_status gn_directory_choose(const char *out, const char *name, bool resume, char *path, size_t size,
                              gn_message *message);

/* Empty, or not there. */
bool gn_directory_is_free(const char *path);
/* Makes the folder (and those above it) and its files. `config` is the text of config.yaml. What an earlier
 * run recorded beyond step 0 is moved to metrics.csv.N.bak and run.h5.N.bak. IO where something cannot be
 * written or another process runs there. */
gn_status gn_directory_create(const char *path, const char *config, gn_directory **directory,
                              gn_message *message);
/* N of those files, 0 where nothing was moved. */
int gn_directory_aside(const gn_directory *directory);
/* Opens an earlier run's and takes away what was recorded after `step`. */
gn_status gn_directory_continue(const char *path, uint64_t step, gn_directory **directory,
                                gn_message *message);
/* Flushes, notes the state ("finished", ...) and closes; NULL is allowed. */
gn_status gn_directory_close(gn_directory *directory, const char *state, gn_message *message);

const char *gn_directory_path(const gn_directory *directory);
gn_status gn_directory_record(gn_directory *directory, const gn_metrics *metrics, gn_message *message);
gn_status gn_directory_observe(gn_directory *directory, const char *observer, uint64_t step, const char *name,
                               int rank, const size_t *shape, const double *values, gn_message *message);
/* A row of /phases: step (done when the phase ended), phase, begin, cause (a gn_phase_cause), value. */
gn_status gn_directory_end_phase(gn_directory *directory, const gn_phase_report *report, gn_message *message);
/* /costs/NAME, seconds. */
gn_status gn_directory_write_cost(gn_directory *directory, const char *name, double seconds,
                                  gn_message *message);
/* After every step: flushes where rows have waited or, by the pace of the steps, would wait too long. */
gn_status gn_directory_tick(gn_directory *directory, bool urgent, gn_message *message);
gn_status gn_directory_flush(gn_directory *directory, gn_message *message);

/* /GROUP/<name> for each parameter, from theta (P). */
gn_status gn_directory_write_parameters(gn_directory *directory, const char *group, const gn_network *network,
                                        const gn_array *theta, gn_message *message);
/* `quick`: what the quick size leaves out, or NULL. */
gn_status gn_directory_describe(gn_directory *directory, const char *name, const char *device, gn_dtype dtype,
                                uint64_t seed, const char *quick, gn_message *message);
/* A line of log.txt. A log that cannot be written ends no run. */
void gn_directory_log(gn_directory *directory, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "running", "finished", ...: of a run directory; "" where there is none to read. */
void gn_directory_state(const char *path, char *state, size_t size);

#endif
