/* The benchmarks' problems: a network, its weights and a batch, the same bits on every machine. */
#ifndef GN_BENCH_PROBLEM_H
#define GN_BENCH_PROBLEM_H

#include "harness.h"

typedef enum bench_model { BENCH_MLP, BENCH_TRANSFORMER, BENCH_POISSON } bench_model;

typedef struct bench_problem_kind {
    const char *name;
    const char *what;
    bench_model model;
    size_t samples;
    size_t depth, widths[4]; /* depth + 1 widths; of an mlp, which Poisson's is too */
    const char *activation;
    gn_init init;
    double mu, rate;      /* Levenberg-Marquardt */
    double gradient_rate; /* first-order rules */
} bench_problem_kind;

extern const bench_problem_kind bench_regression;  /* 1-80-80-1 tanh, 100 points of a sum of sines */
extern const bench_problem_kind bench_kernel_tanh; /* 64-256-256-10 tanh, 256 normal samples */
extern const bench_problem_kind bench_kernel_relu; /* the same with ReLU */
extern const bench_problem_kind bench_digits;      /* 784-250-10 ReLU, 200 sparse images, one-hot */
/* x + y mod 97 by tokens: 2 layers, width 128, 4 heads, ffn 512, 512 sums, cross-entropy, P = 420,096 */
extern const bench_problem_kind bench_transformer;
/* u_xx + u_yy = -F of sin(pi x) sin(pi y): 2-256-1 tanh, 188 points inside, 12 on the boundary, P = 1025 */
extern const bench_problem_kind bench_poisson;
enum { BENCH_MODULUS = 97, BENCH_BOUNDARY = 12 };

typedef struct bench_problem {
    const bench_problem_kind *kind;
    gn_dtype dtype;
    size_t samples, features, outputs, rows, parameters;
    double *x, *y, *theta0; /* host: N x features, N x C, P */
    gn_network *network;
    gn_linearization *linearization; /* batch set */
    gn_array *inputs, *targets, *theta;
} bench_problem;

gn_status bench_problem_open(bench_run *run, const bench_problem_kind *kind, gn_dtype dtype,
                             bench_problem *problem);
void bench_problem_close(bench_problem *problem);
/* theta = theta_0 */
gn_status bench_problem_reset(bench_problem *problem);

/* The step optimisers of the benchmarks, by the names of their cases: "lm-step", "gn-step", "sgd-step",
 * "adamw-step", "adam-step" (the rates that experiments have: 1e-3, beta2 0.98). */
gn_status bench_problem_optimizer(bench_run *run, const bench_problem *problem, const char *name,
                                  gn_optimizer **optimizer);
/* theta after one step from theta_0 (P, host). */
gn_status bench_problem_step(bench_run *run, bench_problem *problem, const char *name, double *theta);
/* Times such steps, one after another from theta_0. */
gn_status bench_measure_step(bench_run *run, bench_problem *problem, const char *name, bench_result *result);
/* The vector that products are made of (P, host): normal numbers. */
void bench_problem_vector(const bench_problem *problem, double *v);
/* out (P) = J'H J v / N at the point that the linearization has. */
gn_status bench_problem_product(bench_problem *problem, gn_array *v, gn_array *out);

double bench_largest_difference(size_t count, const double *a, const double *b);
/* |a - b| / |b - from|, 2-norms; from NULL: 0 */
double bench_relative_difference(size_t count, const double *a, const double *b, const double *from);

/* Writes every problem to folder/<name>.h5, with gnewt's answers in float64: /params/<name>, /inputs,
 * /targets, /steps/<case> (theta after one step), /ntk (M x M), /vector and /product (P), and the settings as
 * attributes. */
gn_status bench_dump(bench_run *run, const char *folder);

#endif
