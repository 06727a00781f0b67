/* Run directories as a run would leave them, for the tests of figures. */
#ifndef GN_TESTS_REPORT_CASE_H
#define GN_TESTS_REPORT_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <criterion/criterion.h>

#include "run/message.h"

enum { REPORT_PATH = 512 };

/* A folder for the test's runs, under `scratch` of tests/support. */
typedef struct report_case {
    char folder[REPORT_PATH];
    gn_message message;
} report_case;

report_case report_start(void);
void report_end(report_case *test);

typedef struct report_run {
    const char *name; /* of the directory */
    uint64_t seed;
    const char *optimizer; /* YAML; SGD if NULL */
    const char *phases;    /* YAML, instead of one phase of `optimizer` */
    const char *network;   /* YAML; 1-8-1 if NULL */
    const char *plot;      /* YAML; none if NULL */
    const char *state;     /* "finished" if NULL */
    size_t points;         /* of the problem; 100 if 0 */
    size_t steps, every;   /* recorded: 0, every, ... steps */
    size_t modes;          /* 0: no Fourier modes were observed */
    bool shells;           /* they are shells */
    bool norms;            /* the observer of that name saw the metrics' value as weight_norm */
    double ends[3];        /* steps after which phases ended, up to the first 0 */
    /* The recorded value of a mode, or, for mode 0, of all metrics. */
    double (*value)(const struct report_run *run, size_t mode, double step);
} report_run;

/* exp(-step / 100) / (1 + mode), times 1 + seed. */
double report_decay(const report_run *run, size_t mode, double step);

/* Writes the run; its path into `path`. */
void report_write(report_case *test, const report_run *run, char path[REPORT_PATH]);

bool report_exists(const report_case *test, const char *name);
/* Entries of a folder within the case's, "." and ".." left out. */
size_t report_entries(const report_case *test, const char *name);
/* The bytes of a file, with a zero after them; the caller frees. */
char *report_read(const char *path, size_t *size);

#endif
