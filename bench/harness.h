/* The harness: timing with its spread, results as a table and as JSON, and what machine they came from. */
#ifndef GN_BENCH_HARNESS_H
#define GN_BENCH_HARNESS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "gnewt/gnewt.h"

/* Seconds on a clock that never steps back. */
double bench_now(void);

/* Order statistics of the repetitions, in seconds. */
typedef struct bench_stats {
    size_t count;
    double median, low, high; /* low, high: first and third quartile */
    double minimum;
    double mean;
    double processor; /* mean processor time of the calling thread: what a busy machine leaves unchanged,
                         almost */
} bench_stats;

/* How long to measure: at least `repetitions` and at least `seconds`, at most `most` repetitions, after
 * `warmup` calls that do not count. */
typedef struct bench_effort {
    double seconds;
    size_t repetitions, most, warmup;
} bench_effort;

/* The work of one repetition; anything but GN_OK ends the measurement. */
typedef gn_status (*bench_body)(void *user);

/* Times `body` one call at a time. */
gn_status bench_measure(const bench_effort *effort, bench_body body, void *user, bench_stats *stats);

/* One line of the results. */
typedef struct bench_result {
    const char *name;    /* the case: "lm-step" */
    const char *variant; /* who did it: "gnewt", "floor" */
    const char *dtype;
    bench_stats stats;
    double flops, bytes; /* of one repetition; 0: not given */
    double error;        /* largest difference to the reference; NaN: not compared */
    double tolerance;
    double allocations; /* heap calls in `steps` repetitions; NaN: not counted */
    size_t steps;
    double samples, peak; /* N, and the most bytes of device memory that it took; 0: not given */
    char note[128];
} bench_result;

/* A result with nothing in it. */
bench_result bench_result_new(const char *name, const char *variant, const char *dtype);

/* What every case gets. */
typedef struct bench_run {
    bench_effort effort;
    const char *device;
    const char *dump; /* folder to write problems to, or NULL */
    gn_context *context;
    bool human; /* print a table line for each result */
    bool failed;
    size_t count, capacity;
    bench_result *results;
} bench_run;

/* Keeps the result and prints its line. A result whose error is over its tolerance marks the run as failed.
 */
void bench_add(bench_run *run, const bench_result *result);
/* Prints what failed, and marks the run. */
void bench_fail(bench_run *run, const char *name, gn_status status);
/* Writes everything to `path` ("-": standard output). 0, or -1 with a message on standard error. */
int bench_write_json(const bench_run *run, const char *path);
/* As `gnewt` does: where OpenBLAS did not know the processor, starts this program once more and tells it. */
void bench_take_fast_kernels(char **argv);

/* Prints the machine and the kernels in use. */
void bench_print_machine(const bench_run *run);

/* Heap calls (malloc, calloc, realloc, posix_memalign, aligned_alloc, memalign) of the whole process, all
 * libraries and threads, between the two. NaN where they cannot be counted (sanitizers). */
void bench_count_begin(void);
double bench_count_end(void);

#endif
