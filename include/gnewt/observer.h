/* Observers: what is watched while a network trains. An observer computes small host arrays at its cadence
 * and hands them to a sink; the run directory's sink is /observe/<observer>/<array> in run.h5. */
#ifndef GNEWT_OBSERVER_H
#define GNEWT_OBSERVER_H

#include "gnewt/linearization.h"
#include "gnewt/metrics.h"
#include "gnewt/optimizer.h"
#include "gnewt/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* When something happens: every `every` steps, or, where every is 0, at log points: each step below 30, each
 * 10th below 150, then geometrically, at the integer parts of 150 * 1.02^k. Step 0 is always due; that the
 * last step of a phase counts as well is the trainer's doing. */
typedef struct gn_schedule {
    size_t every;
} gn_schedule;
bool gn_schedule_due(gn_schedule schedule, uint64_t step);

/* Where an observation goes: one row (rank 0..2, `shape`) of array `name`, at `step`. Values are the
 * observer's. */
typedef struct gn_observation_sink {
    gn_status (*write)(void *user, const char *observer, uint64_t step, const char *name, int rank,
                       const size_t *shape, const double *values);
    void *user;
} gn_observation_sink;

typedef struct gn_observer gn_observer;

/* How one step of the running optimiser multiplies the error along an eigenvector of J J' with eigenvalue
 * lambda, for squared error and the whole batch, while J stands still (arXiv 2601.03162, lemmas 3.1 to 3.3,
 * in discrete time).
 * - gradient: 1 - rate weight lambda, weight = 2/M for the mean square; with momentum the larger root of
 *   z^2 - (1 + momentum - rate weight lambda) z + momentum
 * - damped: 1 - rate weight lambda / (damping + weight lambda); a damping that changes is NaN, and so is one
 *   that is relative times weight and the largest where the phase begins, until an observer has seen that
 * - cut: 1 - rate where lambda > cutoff * the largest, else 1
 * - diagonal: that root with rate (1 - momentum) in place of rate, lambda being an eigenvalue of J diag(d) J'
 *   for the optimiser's diagonal d (gn_optimizer_diagonal), which stands still; momentum is adam's beta1 and
 *   weight = 2/M. About 1 - rate weight lambda of slow modes; modes that oscillate have no rate, NaN.
 * - power: 1 - rate lambda g / (largest g_largest), g = (lambda + mu)^-exponent, mu = damping + relative *
 *   the largest; exponent <= 1, where the largest eigenvalue has the largest lambda g */
typedef enum gn_step_rule_kind {
    GN_STEP_RULE_UNKNOWN,
    GN_STEP_RULE_GRADIENT,
    GN_STEP_RULE_DAMPED,
    GN_STEP_RULE_CUT,
    GN_STEP_RULE_DIAGONAL,
    GN_STEP_RULE_POWER
} gn_step_rule_kind;
typedef struct gn_step_rule {
    gn_step_rule_kind kind;
    double rate, weight, momentum, damping, cutoff, exponent, relative;
    bool kernel_only; /* steps see parts of the training set, or do more than this: no rate */
} gn_step_rule;
/* -ln |that factor| per step; NaN for UNKNOWN and kernel_only. largest: the largest eigenvalue. */
double gn_step_rule_rate(const gn_step_rule *rule, double lambda, double largest);
/* The eigenvalue of the preconditioned kernel J M^-1 J' along it: weight lambda of gradient, weight lambda /
 * (damping + weight lambda), 1 or 0, lambda of diagonal, lambda g / (largest g_largest); NaN for UNKNOWN. */
double gn_step_rule_kernel(const gn_step_rule *rule, double lambda, double largest);

/* norms: weight_norm ||theta||_2 and relative_movement ||theta - theta_0|| / ||theta_0|| (NaN where theta_0
 * is 0), both rank 0. theta0 (P) is copied. */
gn_status gn_observer_create_norms(gn_context *context, const gn_array *theta0, gn_schedule schedule,
                                   gn_observer **observer);
/* fourier: the error e = f - y on the data set's periodic grid. 1-D: mode (modes + 1 values, k = 0..modes),
 * (2/N)|sum_j e_j exp(-2 pi i j k / N)|, half of that at k = 0 and N/2. 2-D: shell (modes + 1 values), the
 * root of the sum of |E_kl|^2 / N^2 over max(|k|,|l|) = shell, so that all shells' squares add up to the mean
 * square. `training` is a linearization whose batch is the whole training set, at the current point when
 * observed. Errors: UNSUPPORTED where the data set is no grid or has several outputs, ARGUMENT where modes >
 * points / 2. */
gn_status gn_observer_create_fourier(gn_context *context, const gn_dataset *dataset, size_t modes,
                                     gn_schedule schedule, gn_observer **observer);
/* solution: relative_error (rank 0), ||f - y|| / ||y|| over the test set: of a PDE the relative L2 error of
 * the solution on its grid. h1: also relative_h1_error (rank 0) of a PDE, with the squares of both
 * derivatives added to those of the values, below and above. Network and data set are borrowed, theta0 (P; of
 * a centred network) is copied. Errors: UNSUPPORTED where there is no test set, or, for h1, no PDE or a
 * gradient that is not finite. */
gn_status gn_observer_create_solution(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                      const gn_array *theta0, bool h1, gn_schedule schedule,
                                      gn_observer **observer);
/* ntk: the kernel K = J J' of the first `points` training samples (n residuals), with K_0 the kernel at
 * theta0 (P). Written, modes and eigenvalues by descending eigenvalue, k of them:
 * - eigenvalues (k), condition_number (largest over smallest of the numerical_rank ones above n eps times the
 *   largest), effective_rank exp(entropy of lambda / sum), negative_mass
 * - kernel_drift ||K - K_0||_F / ||K_0||_F
 * - mode_error (k), the error e along the eigenvectors of K_0; with `present` mode_error_now (k), along K's
 * - preconditioned_eigenvalues (k), preconditioned_condition_number and _effective_rank of J M^-1 J', where
 * M^-1 is what the running optimiser multiplies J'e by: weight K of sgd, Lambda / (Lambda + mu) of a damped
 * solve with the mu of the next step (weight Lambda where curvature is mean), ones and zeros of gauss_newton,
 * and J diag(d) J' of adam and adamw, d = gn_optimizer_diagonal. NaN where that is unknown: of damped solves
 * and gauss_newton unless the samples are the whole training set and every batch and the loss is squared
 * error, of adam before its first step.
 * - measured_rate (k), -slope of ln |mode_error| over the observations of this phase while the drift is below
 * 0.1 and the mode above a thousandth of its start; predicted_rate (k), by the phase's rule from the
 * eigenvalues of K_0 (NaN unless the samples are the whole training set and every batch, and the loss is
 * squared error)
 * - of the modes that have both, rate_slope = sum(m p) / sum(p p) and rate_r2 = 1 - sum (m - p)^2 / sum (m -
 *   mean m)^2.
 * - mode_rate, the median over the modes of K_0 above rounding of the decay of ln |mode_error| a step since
 * the last look of this phase, whatever the drift: the signal of that name. NaN at a phase's first look.
 *
 * adam and adamw have other modes at each look, so their two rates are of the `values` leading eigenvectors
 * of the kernel J diag(d) J' of the look before, and of the steps since; the others are NaN. The prediction
 * takes J and d to stand still over those steps: it holds for looks some ten steps apart, and for a hundred
 * hardly (experiments/README.md, ntk-rates).
 *
 * n <= dense_rows: by an eigendecomposition, k = n. Beyond: k = values, by Lanczos; eigenvalue_bounds (k)
 * says how far each may be off, condition_number is at least so large, kernel_drift comes from 32 random
 * vectors, and what takes every eigenvalue (numerical_rank, effective_rank, negative_mass) is not written.
 *
 * Network, data set and the loss's targets are borrowed. Errors: ARGUMENT (too many points), MEMORY, with the
 * size: three n x n matrices (beyond dense_rows, vectors of n), and rows of J for `diagonal`. */
typedef struct gn_ntk_options {
    size_t points;     /* 0: all, or as many as have 1024 residuals */
    size_t dense_rows; /* 2048 */
    size_t values;     /* 20; >= 1 */
    bool present;      /* K's eigenvectors too, which take twice as long again as its eigenvalues */
    gn_dtype dtype; /* float64, of the kernel whatever the run's type: 1-80-80-1 on 100 points of a line has
                       20 eigenvalues above rounding in float64, and 7 in float32 */
    bool diagonal;  /* memory for adam and adamw is made now; else when such a phase begins */
    gn_schedule schedule;
} gn_ntk_options;
gn_ntk_options gn_ntk_options_default(void);
gn_status gn_observer_create_ntk(gn_context *context, gn_network *network, gn_loss loss,
                                 const gn_dataset *dataset, const gn_array *theta0,
                                 const gn_ntk_options *options, gn_observer **observer);
/* drift: how far training has left the first-order model of its network at theta0 (P, copied), f_0 + J_0
 * (theta - theta_0); on a probe set, as of ntk, with K_0 = Q Lambda Q':
 * - kernel_drift as of ntk; cka, <H K H, H K_0 H>_F over both norms; kernel_target_alignment, y_c'K y_c /
 *   (||H K||_F ||y_c||^2), y_c = H y, which centres one side of K. H takes its mean over samples from each
 *   output by itself.
 * - progress (n) of mode i: p_i = 1 - |c_i| / |c_i(theta_0)| in [0, 1], c = Q'r; uniformity exp(entropy of p
 * / sum p) / modes, and gini, of p.
 * - displacement (n): d_i = v_i'(theta - theta_0) in the right singular vectors v_i of J_0;
 *   subspace_residency sum d_i^2 / ||theta - theta_0||^2; displacement_uniformity and displacement_gini of
 *   d_i^2.
 * Modes are by descending eigenvalue; NaN are those with lambda_i <= n eps lambda_1, and of progress those
 * with |c_i(theta_0)| <= 1e-8 of the whole: neither counts.
 * - Once, where there is a test set: kernel_regression_loss_test, the mean square, whatever the loss, of f_0
 * + K_0(test, train) K_0^+ (y - f_0) - y (f_0 is 0 of a centred network), kernel_regression_accuracy_test of
 *   classes, and kernel_regression_samples that it was fitted to: the whole training set where that has at
 *   most 2048 residuals, else the probe set.
 * - With a companion, which costs as much as the run again: the first-order model trained beside it, by the
 *   same optimisers on the same batches. linearisation_gap ||f - f_lin|| / ||f - f_0|| on the test set (the
 *   training set where there is none), companion_loss_train, companion_loss_test and, of classes,
 *   companion_accuracy_train and companion_accuracy_test. A companion that diverges is NaN from then on, and
 *   the log says so. It follows the phases that it hears of (gn_observer_begin_phase) from step 0, or from
 *   its state.
 * Kernels and modes are in float64, whatever the run's type; the companion trains in that. Network, data set
 * and the loss's targets are borrowed. Errors: as of ntk. */
typedef struct gn_drift_options {
    gn_network *network;
    gn_loss loss;
    const gn_dataset *dataset;
    const gn_array *theta0;
    size_t points; /* samples of the probe set; 0: all, or as many as have 1024 residuals */
    bool companion;
    size_t batch; /* and seed: of the run's batches, for the companion; 0: full */
    uint64_t seed;
} gn_drift_options;
gn_status gn_observer_create_drift(gn_context *context, const gn_drift_options *options, gn_schedule schedule,
                                   gn_observer **observer);
/* curvature: the Gauss-Newton matrix G = w J'H J of the mean loss (w = 2/M for squared error, 1/N for
 * cross-entropy) and the Hessian H of the mean loss, by products, over the first `points` training samples.
 * Written of each, as ggn_<array> and hessian_<array>: top and bottom (`values` each), the largest Ritz
 * values, descending, and the smallest, ascending, by Lanczos with full reorthogonalisation, of `steps` steps
 * (of a multiple eigenvalue one), with top_bound and bottom_bound, bounds of their distances to an
 * eigenvalue; nodes and weights (starts x steps), whose sum of weight f(node) is about tr f / P: the spectral
 * density; trace and trace_error, the mean of `probes` probes and its standard error. Also residual_share
 * ||H - G||_F / ||G||_F and residual_share_error, by the same probes; sharpness, the largest Ritz value of H
 * times sharpness_factor, which is the learning rate of sgd, adam and adamw (gradient descent is stable below
 * 2) and 1 of others; top_energy, the part of the mean loss's gradient (squared) in the vectors of top; and
 * direction_angle, in degrees, of the running optimiser's direction (gn_optimizer_direction, over as many of
 * the samples as its batches have) to the gradient there: 0 is steepest descent, NaN where there is none.
 * Without `hessian` of G alone. values and steps are cut to P. A look costs starts * steps + probes products
 * with each. Random numbers are the same at each look. Network, data set and the loss's targets are borrowed,
 * theta0 (P) is copied. Errors: ARGUMENT (too many points, or none of something), MEMORY, UNSUPPORTED
 * (hessian of a network with an operation that has no second derivatives). */
typedef struct gn_curvature_options {
    size_t points; /* 0: all */
    size_t values, steps, starts, probes;
    bool hessian;
    uint64_t seed;
} gn_curvature_options;
/* All points; 20 values, 80 steps, 4 starts, 32 probes, with the Hessian, seed 0. */
gn_curvature_options gn_curvature_options_default(void);
gn_status gn_observer_create_curvature(gn_context *context, gn_network *network, gn_loss loss,
                                       const gn_dataset *dataset, const gn_array *theta0,
                                       const gn_curvature_options *options, gn_schedule schedule,
                                       gn_observer **observer);
/* generalisation: when training and test data had been learnt, by the recorded rows (gn_observer_record). A
 * set is learnt at a threshold from the first of three rows one after the other whose accuracy is at least
 * the threshold, or, where the data have no labels, whose loss is at most threshold times the set's first.
 * Written of the K thresholds (K each, NaN: not yet; <clock>: step, seconds of training, and progress
 * -ln(loss_train / its first)): thresholds, train_<clock>, test_<clock>, delay_<clock> = test - train, ratio
 * = test_step / max(1, train_step). With labels also own_test_<clock>, the same of the test set with 95 % of
 * its last accuracy as the threshold, and own_delay_<clock> (K) = own_test - train. Where loss_below > 0:
 * below_train_<clock>, below_test_<clock>, of the first row with a loss below that, and below_delay_<clock> =
 * max(0, test - train). And of the last row final_loss_train, final_loss_test and, with labels,
 * final_accuracy_train, final_accuracy_test. Errors: UNSUPPORTED where there is no test set, ARGUMENT
 * (thresholds outside (0, 1] or more than 64). */
typedef struct gn_generalisation_options {
    const double *thresholds; /* copied */
    size_t threshold_count;   /* 0: 0.5, 0.6, 0.7, 0.8, 0.95, 0.99 with labels, 0.5, 0.2, 0.1, 0.05 without */
    double loss_below;        /* 0: none */
} gn_generalisation_options;
gn_status gn_observer_create_generalisation(gn_context *context, const gn_dataset *dataset,
                                            const gn_generalisation_options *options, gn_schedule schedule,
                                            gn_observer **observer);
/* rays: the error e = f - y along two rays c v from the origin, c = 0, 1/n ... (n-1)/n with n = points, by
 * its discrete Fourier transform over c, as a part of the target's: |e_k| / |y_k| (rank 0) at k = n/2,
 * nyquist_error_train and nyquist_error_test, and at k = 1, first_error_train and first_error_test. train: v
 * is the first training sample; test: v = (1, ..., 1). (arXiv 2601.03162, Fig. 6; its largest frequency is
 * our reading of it, n/2, where on both rays the error is nearly that at v: a c + b c^2 has the coefficient
 * -(a + b) / 2 there but for 1/n.) Network and data set are borrowed, theta0 (P; of a centred network) is
 * copied. Errors: UNSUPPORTED where the target is not known along rays (gn_dataset), ARGUMENT (points odd or
 * below 4), MEMORY. */
gn_status gn_observer_create_rays(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                  const gn_array *theta0, size_t points, gn_schedule schedule,
                                  gn_observer **observer);
/* participation: of modular addition, inverse_ratio (rank 0): how few frequencies the hidden units live on.
 * Of each unit's row of the network's first matrix (units x 2p) the discrete Fourier transforms of both
 * halves, one after the other, scaled to norm 1, and of these 2p numbers sum |F|^4, the inverse participation
 * ratio (arXiv 2301.02679); the mean over units, but for those without weights. 1/(2p): all frequencies
 * alike; about 1/p: random rows; 1/4: one frequency, of equal size in both halves. Errors: UNSUPPORTED where
 * the data have not one label and twice as many features as classes, or the network has no first matrix over
 * the features; MEMORY. */
gn_status gn_observer_create_participation(gn_context *context, const gn_network *network,
                                           const gn_dataset *dataset, gn_schedule schedule,
                                           gn_observer **observer);
/* nudft: F(k) = (1/n) sum_j y_j exp(-i k x_j) at k = 0 ... highest, `values` (K) evenly spaced frequencies,
 * over points x_j of any places: inputs of one feature, or of more their projections on the first principal
 * component of the training inputs. Written: frequency (K), and |F(k)| (K), with several outputs the root of
 * the sum of squares, of the targets, the outputs (under cross-entropy: logits) and outputs - targets:
 * target_train, prediction_train, error_train and, where there is a test set, target_test, prediction_test,
 * error_test. Network and data set are borrowed, theta0 (P; of a centred network) is copied. Errors:
 * UNSUPPORTED (a PDE), ARGUMENT (no frequency), MEMORY (the covariance of the inputs, features x features).
 * (Zhou et al., arXiv 2405.17479.) */
typedef struct gn_nudft_options {
    size_t values;
    double highest;
} gn_nudft_options;
/* k = 0, 1, ... 20. */
gn_nudft_options gn_nudft_options_default(void);
gn_status gn_observer_create_nudft(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                   const gn_array *theta0, const gn_nudft_options *options,
                                   gn_schedule schedule, gn_observer **observer);
void gn_observer_destroy(gn_observer *observer);

const char *gn_observer_name(const gn_observer *observer);
gn_schedule gn_observer_schedule(const gn_observer *observer);
/* A phase begins: `step` steps are done, the next ones are the optimiser's (borrowed until the phase ends or
 * the next begins) and follow the rule. A continued run tells so too, with the step at which its phase began.
 */
typedef struct gn_phase_start {
    uint64_t step;
    gn_step_rule rule;
    gn_optimizer *optimizer; /* NULL: not known */
} gn_phase_start;
gn_status gn_observer_begin_phase(gn_observer *observer, const gn_phase_start *start);
/* The phase's optimiser is no more: what is observed from here on knows of none. */
void gn_observer_end_phase(gn_observer *observer);

/* What a phase may end by, as of the last observation.
 * - drift: ||K - K_0||_F / ||K_0||_F of the NTK
 * - linearisation gap: ||f - f_lin|| / ||f - f_0||, f_lin trained beside on the linear map of the start
 * - mode rate: -ln |c_i(t) / c_i(s)| / (t - s), the median over the modes c_i of the error along eigenvectors
 *   of K_0, t and s being the last two observations of ntk in a phase, its start included. Modes that began
 * the phase below 1e-8 of the error, or have fallen to a thousandth of what they began with, are left out. */
typedef enum gn_signal { GN_SIGNAL_DRIFT, GN_SIGNAL_LINEARISATION_GAP, GN_SIGNAL_MODE_RATE } gn_signal;
/* Whether it is a signal of this kind of observer. */
bool gn_observer_offers(const gn_observer *observer, gn_signal signal);
/* false where the observer has no such signal, or not yet. */
bool gn_observer_signal(const gn_observer *observer, gn_signal signal, double *value);

/* What a continued run needs of an observer, as named arrays on the host: one walk over them serves a
 * checkpoint's writer, which reads the values, and its reader, which fills them in after the phase has begun.
 */
typedef struct gn_state_walk {
    void *user;
    bool loading;
    gn_status (*array)(void *user, const char *name, size_t count, double *values);
} gn_state_walk;
gn_status gn_observer_state(gn_observer *observer, const gn_state_walk *walk);

/* A row has been recorded; at a step that is also observed this comes first. */
gn_status gn_observer_record(gn_observer *observer, const gn_metrics *row);

/* training: a linearization over the whole training set, its point set to theta; norms takes NULL as well.
 * Errors: ARGUMENT (no sink), SHAPE, and what the sink's write returns. */
gn_status gn_observer_observe(gn_observer *observer, uint64_t step, const gn_array *theta,
                              gn_linearization *training, const gn_observation_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
