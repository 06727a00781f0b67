/* Preconditioned conjugate gradients for (A + mu I) x = b, A symmetric and positive semidefinite, given by
 * products; several systems (rows) at once, each with its own b, mu and tolerances. All state lies on the
 * device: a solve is a recorded program of two launches where the device can record, and reads nothing back.
 * A row is solved as it would be alone, to the last bit where n elements are a multiple of 16 bytes and A's
 * products are so. M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49 (1952). */
#ifndef GN_SOLVE_CG_H
#define GN_SOLVE_CG_H

#include "solve/preconditioner.h"

typedef struct gn_cg gn_cg;

typedef struct gn_cg_options {
    size_t rows, n;                    /* R systems of n unknowns */
    size_t iterations;                 /* no rule's limit is larger */
    gn_operator a;                     /* without the damping */
    gn_preconditioner *preconditioner; /* borrowed; NULL: none */
} gn_cg_options;

/* 4 vectors of R x n, 5 with a preconditioner. Every row's rule: mu = 0, relative 1e-6, absolute and progress
 * 0, the limit `iterations`. Errors: MEMORY. */
gn_status gn_cg_create(gn_context *context, gn_dtype dtype, const gn_cg_options *options, gn_cg **cg);
void gn_cg_destroy(gn_cg *cg);
/* Bytes it holds, its preconditioner not counted, for predictions. */
double gn_cg_bytes(gn_dtype dtype, const gn_cg_options *options);

/* The rule of row `row` from the next solve on. ARGUMENT where mu is negative or not finite, or the limit is
 * above the options' iterations. */
gn_status gn_cg_set_rule(gn_cg *cg, size_t row, gn_solve_rule rule);
/* To be called when the operator's or preconditioner's calls will be others than before (another batch size,
 * other memory): the next solves record them anew. */
void gn_cg_forget(gn_cg *cg);

/* Where b (R x n) is to be written before each solve, which overwrites it with the residual; and where x is
 * afterwards. Device memory, the same during the solver's life. */
void *gn_cg_right_hand_side(gn_cg *cg);
void *gn_cg_solution(gn_cg *cg);
/* From x = 0, or from what gn_cg_solution() holds. May still be going on at return. That a row does not
 * converge is no error: gn_cg_report_read() tells. */
gn_status gn_cg_solve(gn_cg *cg, bool warm_start);

/* How the last solve ended, for one row. NEGATIVE_CURVATURE, BREAKDOWN and NOT_FINITE keep the x of the step
 * before, in the first step the x that the solve began with; where NOT_FINITE comes with the first residual
 * or from an overflow, r (and x, if it began so) is not finite either. */
typedef struct gn_cg_report {
    gn_stop reason;
    size_t iterations;
    double residual;         /* ||r||, as updated from step to step */
    double residual_largest; /* max |r_i| */
    double model;            /* x'(A + mu I)x / 2 - b'x */
    double curvature;        /* p'(A + mu I)p of the last direction tried */
} gn_cg_report;

/* Waits for the solve. `reports` has R entries. */
gn_status gn_cg_report_read(gn_cg *cg, gn_cg_report *reports);

#endif
