/* LSMR for the least |b - A x|^2 + mu |x|^2, A (m x n) given by products with it and its transpose: CG on the
 * normal equations in exact arithmetic, but on A itself, so that its condition is not squared; of several
 * solutions the one of least norm. Several systems (rows) at once, each with its own b and rule. All state
 * lies on the device, as in solve/cg.h. D. Fong and M. Saunders, SIAM J. Sci. Comput. 33 (2011). */
#ifndef GN_SOLVE_LSMR_H
#define GN_SOLVE_LSMR_H

#include "solve/operator.h"

typedef struct gn_lsmr gn_lsmr;

typedef struct gn_lsmr_options {
    size_t rows, m, n; /* R systems; m at most, gn_lsmr_set_size() */
    gn_operator a;     /* with apply_transpose */
} gn_lsmr_options;

/* 2 vectors of R x m, 5 of R x n. Every row's rule: mu = 0, relative 1e-6, absolute 0, limit 100. Errors:
 * ARGUMENT without a transpose, MEMORY. */
gn_status gn_lsmr_create(gn_context *context, gn_dtype dtype, const gn_lsmr_options *options, gn_lsmr **lsmr);
void gn_lsmr_destroy(gn_lsmr *lsmr);
/* Bytes it holds, for predictions. */
double gn_lsmr_bytes(gn_dtype dtype, const gn_lsmr_options *options);

/* The rule of row `row` from the next solve on: converged where |A'(b - A x) - mu x| <= relative |A'b| or <=
 * absolute; `progress` is not looked at. ARGUMENT where mu or the limit is negative or not finite. */
gn_status gn_lsmr_set_rule(gn_lsmr *lsmr, size_t row, gn_solve_rule rule);
/* As gn_cg_forget(). */
void gn_lsmr_forget(gn_lsmr *lsmr);
/* Of the next solves: A is m x n and b has R x m elements, m <= the options'. Forgets where it is another. */
gn_status gn_lsmr_set_size(gn_lsmr *lsmr, size_t m);

/* Where b (R x m) is to be written before each solve, which overwrites it; and where x (R x n) is afterwards.
 */
void *gn_lsmr_right_hand_side(gn_lsmr *lsmr);
void *gn_lsmr_solution(gn_lsmr *lsmr);
/* From x = 0. May still be going on at return. */
gn_status gn_lsmr_solve(gn_lsmr *lsmr);

/* How the last solve ended, for one row: CONVERGED, ITERATIONS or NOT_FINITE, which keeps the x of the step
 * before. */
typedef struct gn_lsmr_report {
    gn_stop reason;
    size_t iterations;
    double residual; /* |A'(b - A x) - mu x|, as updated from step to step */
} gn_lsmr_report;

/* Waits for the solve. `reports` has R entries. */
gn_status gn_lsmr_report_read(gn_lsmr *lsmr, gn_lsmr_report *reports);

#endif
