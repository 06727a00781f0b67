/* What the eigenvalues of a kernel say, and how fast its modes should and do decay. Host arithmetic alone. */
#ifndef GN_OBSERVE_SPECTRUM_H
#define GN_OBSERVE_SPECTRUM_H

#include <stddef.h>
#include <stdint.h>

#include "gnewt/observer.h"

typedef struct gn_spectrum_summary {
    double condition_number; /* largest over smallest; infinite where the smallest is not positive */
    double effective_rank;   /* exp of the entropy of the positive eigenvalues over their sum */
    double negative_mass;    /* sum of |negative ones| over that of all absolute values: rounding, if any */
} gn_spectrum_summary;

gn_spectrum_summary gn_spectrum_summarize(size_t n, const double *descending);

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

/* Of the pairs that are finite: slope = sum(m p) / sum(p p), and r2 = 1 - sum (m - p)^2 / sum (m - mean m)^2
 * of the prediction as it stands. NaN where they are not defined. */
typedef struct gn_rate_agreement {
    double slope, r2;
} gn_rate_agreement;
gn_rate_agreement gn_rates_compare(size_t n, const double *measured, const double *predicted);

#endif
