/* Optimisers: one step each, over a linearization.
 *
 * First-order rules minimise the mean loss. The Gauss-Newton family solves
 *     (w J'H J + mu I) d = w J'r + weight_decay theta      theta <- theta - rate d
 * with the loss's r and output Hessian H (linearization.h), and w = 1 (curvature sum) or, for curvature mean,
 * 1 over the terms of the mean loss: 1/M of squared error, 1/N of cross-entropy. gauss_newton takes mu = 0
 * and leaves out eigenvalues: for squared error d = pinv(J) r over the eigenvalues of J J' above cutoff * the
 * largest. fractional stands between gradient descent and Levenberg-Marquardt: with J J' = Q diag(lambda) Q',
 *     d = J'Q diag(g) Q'r,   g_i = (lambda_i + mu)^-exponent over the largest lambda_i g_i,
 * so that exponent 0 is gradient descent at 1 over the largest eigenvalue and 1 a multiple of
 * levenberg_marquardt's direction; by cross-entropy J is S'J there, H = S S'. lbfgs takes the gradient of the
 * mean loss times an inverse Hessian made of the last `memory` steps and of what they did to the gradient
 * (Nocedal and Wright, Numerical Optimization, algorithm 7.4); every step on the same data. */
#ifndef GNEWT_OPTIMIZER_H
#define GNEWT_OPTIMIZER_H

#include "gnewt/linearization.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gn_optimizer_kind {
    GN_OPTIMIZER_SGD,
    GN_OPTIMIZER_ADAM,
    GN_OPTIMIZER_ADAMW,
    GN_OPTIMIZER_GAUSS_NEWTON,
    GN_OPTIMIZER_LEVENBERG_MARQUARDT, /* curvature sum by default */
    GN_OPTIMIZER_GGN,                 /* the same rule with curvature mean by default */
    GN_OPTIMIZER_FRACTIONAL,
    GN_OPTIMIZER_LBFGS
} gn_optimizer_kind;

/* dual factors J J' (M x M), primal J'J (P x P), both by Cholesky; spectral makes an eigendecomposition of
 * the smaller of the two; with cross-entropy J is S'J there, H = S S'. cg needs no matrix: conjugate
 * gradients over products with J'H J; neither does lsmr, on S'J itself, whose condition it does not square
 * (Fong and Saunders, 2011). auto weighs M and P between dual and primal, and takes cg where neither fits the
 * memory. gauss_newton takes spectral, cg or lsmr (which have no cut-off; lsmr finds the least of several
 * solutions). */
typedef enum gn_solver {
    GN_SOLVER_AUTO,
    GN_SOLVER_DUAL,
    GN_SOLVER_PRIMAL,
    GN_SOLVER_SPECTRAL,
    GN_SOLVER_CG,
    GN_SOLVER_LSMR
} gn_solver;

typedef enum gn_preconditioner_kind {
    GN_PRECONDITIONER_NONE,
    GN_PRECONDITIONER_JACOBI,  /* the diagonal of w J'H J + mu I; holds the cotangents of every output */
    GN_PRECONDITIONER_NYSTROM, /* its largest eigenvalues, by `rank` products a step (Frangella, Tropp and
                                  Udell, 2023) */
    /* Kronecker factors of each linear layer and its bias (Martens and Grosse, 2015), the diagonal of other
     * parameters; of a network alone; holds the cotangents of every output */
    GN_PRECONDITIONER_KFAC
} gn_preconditioner_kind;

/* Conjugate gradients for (w J'H J + mu I) d = b. A solve has converged where the residual's norm is at most
 * tolerance times b's, or its largest absolute value at most absolute_tolerance. lsmr stops by
 * max_iterations, tolerance and absolute_tolerance, of the same residual's norm, and has none of the others.
 */
typedef struct gn_cg_settings {
    size_t max_iterations; /* >= 1 */
    double tolerance;
    double absolute_tolerance; /* 0: never */
    double progress; /* stops where the quadratic model gains less than this an iteration, relative to it
                        (Martens 2010); 0: never */
    gn_preconditioner_kind preconditioner;
    size_t rank;     /* nystrom: >= 1 */
    bool warm_start; /* from the last step's direction */
} gn_cg_settings;

typedef enum gn_curvature { GN_CURVATURE_SUM, GN_CURVATURE_MEAN } gn_curvature;

typedef enum gn_damping_kind {
    GN_DAMPING_CONSTANT,   /* mu = value */
    GN_DAMPING_SCHEDULED,  /* ln mu from ln value to ln final, linear in the step over `steps`, then final */
    GN_DAMPING_GAIN_RATIO, /* from value, by actual over predicted decrease (Nielsen, IMM-REP-1999-05); a step
                             that raises the loss is not taken; needs a learning rate below 2 */
    GN_DAMPING_RELATIVE    /* mu = value times the largest eigenvalue of w J'H J at the first step; but for
                              fractional by 40 steps of Lanczos, which are some passes more */
} gn_damping_kind;

typedef struct gn_damping_options {
    gn_damping_kind kind;
    /* mu, or where it starts; >= 0, in units of w J'H J. It is kept above rounding: at least eps times the
     * largest eigenvalue where the solver knows it, else eps times the trace, which is an upper bound of it.
     */
    double value;
    double final;            /* scheduled: > 0 */
    size_t steps;            /* scheduled */
    double minimum, maximum; /* gain ratio: mu stays within */
    size_t retries;          /* gain ratio: rejected trials a step before it gives up (theta unchanged) */
} gn_damping_options;

typedef enum gn_line_search_kind { GN_LINE_SEARCH_NONE, GN_LINE_SEARCH_ARMIJO } gn_line_search_kind;

/* Armijo: t = rate, then t *= tau until L(theta - t d) <= L - c t g'd, at most max_iterations reductions;
 * then the last t is taken. */
typedef struct gn_line_search_options {
    gn_line_search_kind kind;
    double c, tau;
    size_t max_iterations;
} gn_line_search_options;

typedef enum gn_acceleration_kind { GN_ACCELERATION_NONE, GN_ACCELERATION_GEODESIC } gn_acceleration_kind;

/* Geodesic acceleration (M. K. Transtrum and J. P. Sethna, arXiv 1201.5885): the path theta - t d - t^2 c
 * that solves the step's equations to second order, (w J'H J + mu I) c = w J'r_dd / 2, by the factorisation
 * that gave d. r_dd is the second derivative of r along d, (r(theta + h d) - 2 r(theta) + r(theta - h d)) /
 * h^2. A step with 2 t ||c|| / ||d|| above the ratio is not trusted: gain_ratio damping rejects it, other
 * dampings take it without c. */
typedef struct gn_acceleration_options {
    gn_acceleration_kind kind;
    double ratio; /* > 0 */
    double h;     /* in units of d: (0, 1] */
} gn_acceleration_options;

/* fractional. shuffled: mode i, by size of its eigenvalue, has the gain of mode order(i), again scaled to a
 * largest lambda_i g_order(i) of 1. The order is a permutation from the seed's GN_STREAM_AUXILIARY, one and
 * the same at every step of as many modes: gains of the same sizes, on other modes. */
typedef struct gn_fractional_options {
    double exponent; /* [-1, 1.5] */
    bool shuffled;
} gn_fractional_options;

/* sgd, adam, adamw: Grokfast (Lee et al., arXiv 2405.20233), m = decay m + (1 - decay) g and then g + gain m
 * in place of g, before any weight decay. m begins at the first gradient. */
typedef struct gn_grokfast_options {
    double decay; /* [0, 1) */
    double gain;  /* >= 0; 0: none */
} gn_grokfast_options;

/* sgd, adam: what is made of the gradient's matrices, G = U S V' of each parameter that is one, before
 * momentum and weight decay; other parameters' (biases, layer norms) stay. Singular values are those of the
 * smaller of G G' and G'G: what is below the root of the type's epsilon times the largest is not resolved. */
typedef enum gn_gradient_kind {
    GN_GRADIENT_PLAIN,
    GN_GRADIENT_ORTHOGONAL,       /* G / max(S, 1e-6) in every direction, U V' (arXiv 2510.04930) */
    GN_GRADIENT_COLUMN_NORMALIZED /* each column (an input's) over its norm, or 1e-6 */
} gn_gradient_kind;

/* sgd: how its learning rate eta becomes the step size t that multiplies the mean loss's gradient g. With
 * measure g = J'r (M/2 of squared error, N of cross-entropy) and K = J J' at the step's own point and batch:
 *   fixed      t = eta
 *   stability  t = eta measure / lambda, the step eta J'r / lambda: lambda is K's largest eigenvalue (of
 *              W^1/2 K W^1/2 with rows of weights W) by power iterations, from the last step's vector, which
 *              are never above it. Of squared error in its linear regime a step then takes the leading mode's
 *              error times 1 - eta: 1 is the classical 1 / lambda, 2 where steps stop being stable. By
 *              cross-entropy, whose H is at most I / 2, half of that or less.
 *   recorded_norm  t = eta recorded[k] / ||g|| at the optimiser's step k = 0, 1, ...: with eta 1 the steps
 * have the recorded lengths (0 where g = 0)
 *   trace      t = eta measure sum_i lambda_i / (damping + lambda_i) / sum_i lambda_i over K's eigenvalues:
 * on the mean over the modes an error falls as by levenberg_marquardt at eta and that damping. By a
 * decomposition of K (M x M) at every `every`-th step. Not with weighted rows.
 *   recorded_loss  t such that the loss after step k is recorded[k], to 1e-8 of it: by doubling and bisection
 *              from the last step's t, the first from eta. 0 where the loss is no more than that already;
 * where none is found by so many evaluations, or there is none, t of the least loss along the line. */
typedef enum gn_step_size_kind {
    GN_STEP_SIZE_FIXED,
    GN_STEP_SIZE_STABILITY,
    GN_STEP_SIZE_RECORDED_NORM,
    GN_STEP_SIZE_TRACE,
    GN_STEP_SIZE_RECORDED_LOSS
} gn_step_size_kind;

typedef struct gn_step_size_options {
    gn_step_size_kind kind;
    size_t iterations, first_iterations; /* stability: of power iteration a step, and at the first; >= 1 */
    const double *recorded;              /* recorded_*: of recorded_count steps, each finite and >= 0; must */
    size_t recorded_count;               /* outlive the optimiser, which takes no step beyond them */
    double damping;                      /* trace: > 0, in units of K */
    size_t every;                        /* trace: >= 1 */
    size_t evaluations;                  /* recorded_loss: of the loss, a step, at most; >= 1 */
} gn_step_size_options;

typedef struct gn_optimizer_options {
    gn_optimizer_kind kind;
    double learning_rate;         /* multiplies the direction; > 0 */
    double momentum;              /* sgd: [0, 1) */
    double beta1, beta2, epsilon; /* adam, adamw */
    /* sgd, adam: added to the gradient; adamw: decoupled; levenberg_marquardt, ggn: added to w J'r, and then
     * damping > 0, neither gain_ratio nor a line search; >= 0 */
    double weight_decay;
    gn_solver solver;
    gn_curvature curvature;
    double cutoff; /* gauss_newton: relative to the largest eigenvalue, [0, 1) */
    gn_damping_options damping;
    gn_cg_settings cg;
    gn_line_search_options line_search;
    gn_acceleration_options acceleration; /* levenberg_marquardt, ggn; not with a line search */
    gn_grokfast_options grokfast;         /* with gradient plain, without a line search */
    gn_gradient_kind gradient;            /* of a network's; without a line search */
    size_t memory;                        /* lbfgs: pairs kept, >= 1 */
    gn_fractional_options fractional;     /* whose damping is constant or relative */
    gn_step_size_options step_size;       /* of plain gradients: without all that changes them or the step */
    uint64_t seed;
} gn_optimizer_options;

/* The kind's defaults: sgd 1e-2; adam(w) 1e-3, 0.9, 0.999, 1e-8 (adamw weight_decay 0.01); gauss_newton rate
 * 1, cutoff 1e-6; levenberg_marquardt and ggn rate 1, damping constant 1e-3, ggn curvature mean, cg at most
 * 150 iterations to a tolerance of 1e-6, no acceleration (ratio 0.75, h 0.1); fractional rate 0.1, exponent
 * 0.5, damping relative 1e-6; step size fixed (iterations 3, at first 30); grokfast 0.98, gain 0; lbfgs rate
 * 1, memory 10, line search armijo. */
gn_optimizer_options gn_optimizer_options_default(gn_optimizer_kind kind);

typedef struct gn_optimizer gn_optimizer;

/* State for problems of P parameters and at most `rows` residuals. The step's peak memory is predicted first:
 * MEMORY names it, and the option that would fit. Errors: ARGUMENT (an impossible option, named). */
gn_status gn_optimizer_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                              size_t parameters, size_t rows, gn_optimizer **optimizer);
void gn_optimizer_destroy(gn_optimizer *optimizer);

/* What a step did; on the host. */
typedef struct gn_step_report {
    double loss;          /* mean loss before the step */
    double step_norm;     /* 2-norm of the change of theta */
    double step_size;     /* t: the learning rate, or what the line search took */
    double damping;       /* mu in force (0 for first-order rules) */
    size_t kept;          /* spectral: eigenvalues kept */
    size_t backtracks;    /* line search reductions */
    size_t rejected;      /* gain ratio trials rejected */
    double acceleration;  /* 2 t ||c|| / ||d|| of the step taken; 0 where there was none or c was left out */
    double passes;        /* forward + backward equivalents spent */
    size_t cg_iterations; /* cg, lsmr: of all solves of the step */
    gn_stop stop;         /* cg, lsmr: why the last one stopped; GN_STOP_NONE for other solvers */
} gn_step_report;

/* One step from theta, whose point it sets; theta (P) is updated in place. report may be NULL: then a fixed
 * step reads nothing back from the device. NOT_FINITE where the loss or the direction is not finite (theta
 * then keeps its values for the Gauss-Newton family). */
gn_status gn_optimizer_step(gn_optimizer *optimizer, gn_linearization *linearization, gn_array *theta,
                            gn_step_report *report);
/* The direction d (P) at the linearization's point, before the step size and any acceleration: the gradient
 * (and its weight decay) for sgd, a first step's for adam and adamw (whose decoupled decay is left out). The
 * state is unchanged; what grokfast, gradient and the steps of lbfgs make of it is in it. */
gn_status gn_optimizer_direction(gn_optimizer *optimizer, gn_linearization *linearization, gn_array *d);

/* The directions of `count` dampings, d (count x P), a row each, in place of the options' own, for
 * levenberg_marquardt and ggn. cg solves them together, from 0, with vectors and a preconditioner for each;
 * the others one after another, dual and primal (but for gain_ratio) with a matrix for each. ARGUMENT where a
 * damping is negative, not finite, or 0 with a weight decay; UNSUPPORTED for other kinds. The state is
 * unchanged. */
gn_status gn_optimizer_directions(gn_optimizer *optimizer, gn_linearization *linearization, size_t count,
                                  const double *dampings, gn_array *d);

/* The eigenvalues (*count of them, ascending, on the host) that the last step or direction of a spectral
 * solver found on its way: of J J' (M) or J'J (P), unnormalised, whichever it decomposed. values has room for
 * `capacity`. UNSUPPORTED where that solver was none; SHAPE where there is too little room (*count says how
 * much is needed). */
gn_status gn_optimizer_spectrum(gn_optimizer *optimizer, size_t capacity, double *values, size_t *count);

/* d (P, of either type) = the diagonal that the running optimiser's step is multiplied by: of adam and adamw
 * 1 / (sqrt(v / (1 - beta2^t)) + epsilon) after t steps. UNSUPPORTED for the others, and before a first step.
 */
gn_status gn_optimizer_diagonal(gn_optimizer *optimizer, gn_array *d);

/* The solver that `auto` became, in words for the log: "dual (M = 100 <= P = 6721)". */
const char *gn_optimizer_solver_text(const gn_optimizer *optimizer);

/* The state that makes a continued run go on as if never stopped: `count` named device arrays. Checkpoints
 * write and read these. */
size_t gn_optimizer_state_count(const gn_optimizer *optimizer);
gn_array *gn_optimizer_state(gn_optimizer *optimizer, size_t i, const char **name);

#ifdef __cplusplus
}
#endif
#endif
