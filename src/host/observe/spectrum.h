/* What the eigenvalues of a kernel say, and how fast its modes should and do decay. Host arithmetic alone. */
#ifndef GN_OBSERVE_SPECTRUM_H
#define GN_OBSERVE_SPECTRUM_H

#include <stddef.h>
#include <stdint.h>

#include "gnewt/observer.h"

typedef struct gn_spectrum_summary {
    /* Largest over smallest of the eigenvalues above rounding, n * epsilon times the largest: with
     * numerical_rank below n the true number is larger, and cannot be had. NaN where there are none. */
    double condition_number;
    size_t numerical_rank; /* how many those are */
    double effective_rank; /* exp of the entropy of the positive eigenvalues over their sum */
    double negative_mass;  /* sum of |negative ones| over that of all absolute values: rounding, if any */
} gn_spectrum_summary;

/* epsilon: of the type that the kernel was made in. */
gn_spectrum_summary gn_spectrum_summarize(size_t n, const double *descending, double epsilon);

/* Straight lines through (step, ln |c_i|), one a mode, by sums that grow. */
typedef struct gn_mode_fit {
    size_t modes;
    double *count, *t, *tt, *y, *ty; /* modes each; one allocation, at count */
    double *start;                   /* |c_i| at the first point; 0: no more points */
    uint64_t first;                  /* its step */
    double size;                     /* ||c|| there; 0: no point yet */
} gn_mode_fit;

/* false where there is no memory. */
bool gn_mode_fit_create(gn_mode_fit *fit, size_t modes);
void gn_mode_fit_destroy(gn_mode_fit *fit);
void gn_mode_fit_restart(gn_mode_fit *fit);
gn_status gn_mode_fit_walk(gn_mode_fit *fit, const gn_state_walk *walk);
/* Modes that begin below 1e-8 of the whole are left out; one that has fallen to a thousandth of its start
 * gets no more points: what is left of it then comes from other modes. */
void gn_mode_fit_add(gn_mode_fit *fit, uint64_t step, const double *c);
/* rate[i] = -slope, of three points or more, else NaN. */
void gn_mode_fit_rates(const gn_mode_fit *fit, double *rate);

/* The median decay a step between the last two looks of a phase (GN_SIGNAL_MODE_RATE). */
typedef struct gn_mode_pace {
    size_t modes;
    double *first, *last,
        *rates; /* modes each; one allocation: |c_i| as the phase began, and at the last look */
    uint64_t last_step;
    bool looked, begun; /* there is a last look; there is a first one of this phase */
    double rate;        /* NaN: none yet */
} gn_mode_pace;

/* false where there is no memory. */
bool gn_mode_pace_create(gn_mode_pace *pace, size_t modes);
void gn_mode_pace_destroy(gn_mode_pace *pace);
/* A phase begins after `step` steps: a look at that step is its first. */
void gn_mode_pace_restart(gn_mode_pace *pace, uint64_t step);
void gn_mode_pace_add(gn_mode_pace *pace, uint64_t step, const double *c);
gn_status gn_mode_pace_walk(gn_mode_pace *pace, const gn_state_walk *walk);

/* Of the pairs that are finite: slope = sum(m p) / sum(p p), and r2 = 1 - sum (m - p)^2 / sum (m - mean m)^2
 * of the prediction as it stands. NaN where they are not defined. */
typedef struct gn_rate_agreement {
    double slope, r2;
} gn_rate_agreement;
gn_rate_agreement gn_rates_compare(size_t n, const double *measured, const double *predicted);

#endif
