/* Observers: what is watched while a network trains. An observer computes small host arrays at its cadence
 * and hands them to a sink; the run directory's sink is /observe/<observer>/<array> in run.h5. */
#ifndef GNEWT_OBSERVER_H
#define GNEWT_OBSERVER_H

#include "gnewt/linearization.h"
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
 * - damped: 1 - rate weight lambda / (damping + weight lambda)
 * - cut: 1 - rate where lambda > cutoff * the largest, else 1
 * - power: 1 - rate lambda g / (largest g_largest), g = (lambda + mu)^-exponent, mu = damping + relative *
 * the largest; exponent <= 1, where the largest eigenvalue has the largest lambda g */
typedef enum gn_step_rule_kind {
    GN_STEP_RULE_UNKNOWN,
    GN_STEP_RULE_GRADIENT,
    GN_STEP_RULE_DAMPED,
    GN_STEP_RULE_CUT,
    GN_STEP_RULE_POWER
} gn_step_rule_kind;
typedef struct gn_step_rule {
    gn_step_rule_kind kind;
    double rate, weight, momentum, damping, cutoff, exponent, relative;
} gn_step_rule;
/* -ln |that factor| per step; NaN for UNKNOWN. largest: the largest eigenvalue. */
double gn_step_rule_rate(const gn_step_rule *rule, double lambda, double largest);

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
/* ntk: the kernel K = J J' of the first `points` training samples (0: all, or as many as have 1024 residuals;
 * n residuals in all), by eigendecompositions. Written, modes and eigenvalues by descending eigenvalue:
 * eigenvalues (n), condition_number, effective_rank exp(entropy of lambda / sum), negative_mass; kernel_drift
 * ||K - K_0||_F / ||K_0||_F; mode_error (n), the error e along the eigenvectors of K_0, and mode_error_now
 * (n), along those of K; measured_rate (n), -slope of ln |mode_error| over the observations of this phase
 * while the drift is below 0.1 and the mode above a thousandth of its start;
 * predicted_rate (n), by the phase's rule from the eigenvalues of K_0 (NaN unless the samples are the whole
 * training set and every batch, and the loss is squared error); and of the modes that have both rate_slope =
 * sum(m p) / sum(p p) and rate_r2 = 1 - sum (m - p)^2 / sum (m - mean m)^2. K_0 is the kernel at theta0 (P).
 * Network, data set and the loss's targets are borrowed. Errors: ARGUMENT (too many points), MEMORY, with the
 * size (three n x n matrices). */
gn_status gn_observer_create_ntk(gn_context *context, gn_network *network, gn_loss loss,
                                 const gn_dataset *dataset, const gn_array *theta0, size_t points,
                                 gn_schedule schedule, gn_observer **observer);
void gn_observer_destroy(gn_observer *observer);

const char *gn_observer_name(const gn_observer *observer);
gn_schedule gn_observer_schedule(const gn_observer *observer);
/* A phase begins: `step` steps are done, the next ones are the optimiser's (borrowed until the next phase
 * begins) and follow the rule. */
typedef struct gn_phase_start {
    uint64_t step;
    gn_step_rule rule;
    gn_optimizer *optimizer; /* NULL: not known */
} gn_phase_start;
gn_status gn_observer_begin_phase(gn_observer *observer, const gn_phase_start *start);

/* What a phase may end by, as of the last observation. drift: ||K - K_0||_F / ||K_0||_F of the NTK. */
typedef enum gn_signal { GN_SIGNAL_DRIFT } gn_signal;
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

/* training: a linearization over the whole training set, its point set to theta; norms takes NULL as well.
 * Errors: ARGUMENT (no sink), SHAPE, and what the sink's write returns. */
gn_status gn_observer_observe(gn_observer *observer, uint64_t step, const gn_array *theta,
                              gn_linearization *training, const gn_observation_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
