/* A run's configuration, resolved: every key has its value. Read from YAML by the tables of config_keys.h. */
#ifndef GN_RUN_CONFIG_H
#define GN_RUN_CONFIG_H

#include <stdio.h>

#include "gnewt/trainer.h"
#include "run/message.h"

/* Members are named as their keys; a list `x` has `x_count` entries. Keys that do not belong to a section's
 * kind are zero. */

typedef enum gn_problem_kind {
    GN_PROBLEM_ARRAYS,
    GN_PROBLEM_IDX,
    GN_PROBLEM_MULTI_SINE_1D,
    GN_PROBLEM_STEP_2D,
    GN_PROBLEM_MODULAR_ADDITION,
    GN_PROBLEM_POLYNOMIAL,
    GN_PROBLEM_POISSON_2D,
    GN_PROBLEM_HELMHOLTZ_2D,
    GN_PROBLEM_BURGERS_1D,
    GN_PROBLEM_PDE_2D,
    GN_PROBLEM_SINC_1D,
    GN_PROBLEM_FREQUENCY_MISMATCH_1D
} gn_problem_kind;

/* xy: values on all sides; xt: none at the end of time */
typedef enum gn_coordinates { GN_COORDINATES_XY, GN_COORDINATES_XT } gn_coordinates;

typedef enum gn_encoding { GN_ENCODING_ONE_HOT, GN_ENCODING_TOKENS, GN_ENCODING_EQUATIONS } gn_encoding;

typedef struct gn_config_problem {
    gn_problem_kind kind;
    char *file, *inputs, *targets, *test_inputs, *test_targets; /* arrays; test_*: "" for none */
    char *folder;                                               /* idx */
    size_t train_count, test_count;                             /* idx; 0: all */
    double maximum;                                             /* idx */
    size_t points, test_points;                    /* multi_sine_1d, step_2d, sinc_1d, polynomial */
    size_t modulus;                                /* modular_addition */
    double train_fraction;                         /* modular_addition */
    gn_encoding encoding;                          /* modular_addition */
    size_t vocabulary;                             /* modular_addition */
    size_t features;                               /* polynomial */
    double factor;                                 /* polynomial */
    size_t n, m;                                   /* poisson_2d, helmholtz_2d */
    double k;                                      /* helmholtz_2d, sinc_1d */
    double viscosity;                              /* burgers_1d */
    char *residual, *solution;                     /* pde_2d */
    gn_coordinates coordinates;                    /* pde_2d */
    double x_low, x_high, second_low, second_high; /* pde_2d */
    size_t interior, boundary;                     /* PDEs; test_points an axis */
    bool grid;                                     /* PDEs */
    size_t eigenvector;                            /* polynomial; 0: no */
    size_t near_sin_x, near_sin_3x; /* frequency_mismatch_1d, as points, test_points and grid */
} gn_config_problem;

typedef enum gn_network_kind {
    GN_NETWORK_MLP,
    GN_NETWORK_QUADRATIC,
    GN_NETWORK_COMMITTEE,
    GN_NETWORK_TRANSFORMER
} gn_network_kind;

typedef enum gn_config_positions { GN_POSITIONS_LEARNED, GN_POSITIONS_SINUSOIDAL } gn_config_positions;

typedef struct gn_config_network {
    gn_network_kind kind;
    size_t *widths; /* mlp */
    unsigned widths_count;
    char *activation; /* mlp */
    size_t hidden;    /* quadratic, committee */
    double alpha;     /* quadratic, committee */
    double epsilon;   /* committee */
    /* transformer */
    size_t layers, width, heads, ffn_width, vocabulary, context, read;
    gn_norm norm;
    gn_config_positions positions;
    gn_init attention_init;
    gn_init init; /* the others */
    bool bias;    /* mlp */
    double init_scale;
    double output_scale; /* mlp */
    bool centred;        /* mlp, committee */
} gn_config_network;

typedef struct gn_config_loss {
    gn_loss kind;
} gn_config_loss;

typedef struct gn_config_batch {
    size_t size; /* 0: full */
} gn_config_batch;

typedef struct gn_config_step_size {
    gn_step_size_options options;
    char *reference; /* recorded_*: a run directory, or one of runs */
} gn_config_step_size;

typedef struct gn_config_optimizer {
    char *label;                  /* unique among the phases */
    gn_optimizer_options options; /* but for its step size */
    gn_config_step_size step_size;
} gn_config_optimizer;

/* Of `below` and `above` one is given; the other is NULL. */
typedef struct gn_config_until {
    gn_phase_metric metric;
    double *below, *above;
    size_t times; /* for */
} gn_config_until;

typedef struct gn_config_stagnation {
    gn_phase_metric metric;
    double relative;
    size_t times; /* for */
} gn_config_stagnation;

typedef struct gn_config_switch {
    gn_signal signal;
    double *below, *above;
    size_t times; /* for */
} gn_config_switch;

typedef struct gn_config_phase {
    size_t steps;
    gn_config_optimizer optimizer;
    gn_config_until *until; /* NULL, as the next two: not asked for */
    gn_config_stagnation *stagnation;
    gn_config_switch *change; /* switch */
} gn_config_phase;

typedef enum gn_observe_kind {
    GN_OBSERVE_METRICS,
    GN_OBSERVE_NORMS,
    GN_OBSERVE_FOURIER,
    GN_OBSERVE_SOLUTION,
    GN_OBSERVE_NTK,
    GN_OBSERVE_GENERALISATION,
    GN_OBSERVE_CURVATURE,
    GN_OBSERVE_DRIFT,
    GN_OBSERVE_RAYS,
    GN_OBSERVE_PARTICIPATION,
    GN_OBSERVE_NUDFT
} gn_observe_kind;

typedef struct gn_config_observer {
    gn_observe_kind kind; /* metrics: the cadence of the recorded rows */
    size_t every;         /* 0: at log points (gn_schedule) */
    size_t modes;         /* fourier */
    size_t points;        /* ntk, drift; 0: as many as have 1024 residuals; curvature; 0: all; rays */
    bool h1;              /* solution */
    size_t dense_rows;
    gn_dtype precision;
    bool present;       /* these three: ntk */
    bool companion;     /* drift */
    double *thresholds; /* generalisation; none: by the problem */
    unsigned thresholds_count;
    double loss_below;            /* generalisation; 0: none */
    size_t values;                /* ntk, curvature, nudft */
    size_t steps, starts, probes; /* curvature */
    bool hessian;                 /* curvature */
    double highest;               /* nudft */
} gn_config_observer;

typedef enum gn_plot_kind {
    GN_PLOT_NONE,
    GN_PLOT_METRICS,
    GN_PLOT_FOURIER,
    GN_PLOT_RATES,
    GN_PLOT_CURVATURE,
    GN_PLOT_DRIFT,
    GN_PLOT_NUDFT
} gn_plot_kind;
typedef enum gn_plot_clock {
    GN_PLOT_OVER_STEPS,
    GN_PLOT_OVER_SECONDS,
    GN_PLOT_OVER_PASSES,
    GN_PLOT_OVER_PROGRESS /* -ln(L / L(0)) of the training loss */
} gn_plot_clock;
typedef enum gn_plot_scale { GN_PLOT_LINEAR, GN_PLOT_LOG } gn_plot_scale;

typedef struct gn_config_plot {
    gn_plot_kind kind;
    char *title;
    char **metrics; /* kind metrics: names of GN_METRICS_LIST, or "norms/weight_norm" */
    unsigned metrics_count;
    char *panels;    /* kinds metrics, drift: a dotted key, or "" */
    char *lines;     /* the same: of panels' lines */
    gn_plot_clock x; /* kind metrics */
    gn_plot_scale x_scale;
    double x_max;             /* of x; 0: all */
    double y_min;             /* 0: by the data */
    bool rate;                /* draw the decay exp(step * ln(1 - learning_rate)) beside the data */
    size_t columns;           /* panels a row; 0: by their number */
    char *caption, *expected; /* for reports; "" for none */
} gn_config_plot;

typedef struct gn_config {
    char *name;
    gn_dtype precision;
    char *device;
    uint64_t seed;
    gn_config_problem problem;
    gn_config_network network;
    gn_config_loss loss;
    gn_config_batch batch;
    gn_config_phase *phases;
    unsigned phases_count;
    gn_config_observer *observe;
    unsigned observe_count;
    gn_config_plot plot;
} gn_config;

/* Where a configuration came from: its file and its `KEY=VALUE`s, with the line of every key. */
typedef struct gn_config_source gn_config_source;

/* Reads FILE and applies `count` settings KEY=VALUE (or --KEY=VALUE, for messages) in order; wherever among
 * them
 * `--quick` stands, the settings under `quick:` come before. *source is the caller's, by
 * gn_config_source_destroy(). CONFIG, with file, line and what to do, where the text is no YAML,
 * a setting has no place, or the content is not valid. */
gn_status gn_config_source_read(const char *file, const char *const *settings, size_t count,
                                gn_config_source **source, gn_message *message);
void gn_config_source_destroy(gn_config_source *source);
/* True where the file has a grid under `sweep:`. */
bool gn_config_source_has_sweep(const gn_config_source *source);

/* What the quick size leaves out, in the words of the file; NULL: this is the full size. */
const char *gn_config_quick(const gn_config_source *source);

/* The configuration of a source, without its sweep. The caller destroys it; it does not need the source. */
gn_status gn_config_resolve(const gn_config_source *source, gn_config **config, gn_message *message);
/* Read and resolved in one: for run directories' config.yaml. */
gn_status gn_config_read(const char *file, gn_config **config, gn_message *message);
void gn_config_destroy(gn_config *config);

/* The resolved configuration as YAML that loads again to the same; the caller frees it. */
gn_status gn_config_text(const gn_config_source *source, char **text, gn_message *message);
/* "FILE:LINE" of a key's path ("network.widths"), or "--set KEY=VALUE" where that gave it; FILE for a
 * default. Returns text. */
const char *gn_config_where(const gn_config_source *source, const char *path, char *text, size_t size);

/* The points of a grid, the last key running fastest. */
size_t gn_config_sweep_count(const gn_config_source *source);
/* The source of point `index`, its `sweep:` taken out, and "key=value,key=value" for its name (the caller's
 * to free). CONFIG where a value has no place. */
gn_status gn_config_sweep_point(const gn_config_source *source, size_t index, gn_config_source **point,
                                char **label, gn_message *message);

/* Prints every key with kinds, default, unit and doc, as YAML that loads. */
void gn_config_print_schema(FILE *out);

#endif
