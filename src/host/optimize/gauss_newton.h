/* The inside of the Gauss-Newton family: systems.c makes and solves the equations as matrices, matrix_free.c
 * by products, least_squares.c by those of a root, fractional.c puts powers in a solution's place,
 * acceleration.c adds a step's second-order term, relative.c settles a relative damping, gauss_newton.c takes
 * steps, gain_ratio.c those that may be rejected. */
#ifndef GN_OPTIMIZE_GAUSS_NEWTON_H
#define GN_OPTIMIZE_GAUSS_NEWTON_H

#include "optimize/damping.h"
#include "optimize/optimizer.h"
#include "solve/cg.h"
#include "solve/lsmr.h"
#include "solve/symmetric.h"

/* What a product costs: a pass forward and one back, and a forward pass is half of what a gradient is. */
#define GN_PRODUCT_PASSES 1.5

/* What the calls of a product with J'H J depend on; no padding. */
typedef struct gn_matrix_free_point {
    gn_linearization *l;
    const void *inputs, *targets, *theta;
    size_t samples;
    double weight;
} gn_matrix_free_point;

typedef struct gn_matrix_free {
    gn_cg *cg; /* one of the two, or neither: dense */
    gn_lsmr *lsmr;
    gn_preconditioner *preconditioner;
    gn_array solution;       /* P: a view of the solver's */
    gn_matrix_free_point at; /* of the products recorded */
    double mu;               /* of the last solve */
    bool warm;               /* which began with a product */
    unsigned told;           /* bits: reasons that the log has */
} gn_matrix_free;

typedef struct gn_acceleration {
    gn_array second; /* M at most: r_dd */
    gn_array probe;  /* P: a point on the way, then the velocity */
    gn_array term;   /* P: c */
} gn_acceleration;

typedef struct gn_fractional {
    gn_array mu;       /* 2 doubles: this phase's (negative: still relative), a direction's */
    gn_array order;    /* M or P uint32: whose gain a mode has; where shuffled */
    uint32_t *shuffle; /* the same on the host */
    size_t modes;      /* in it now */
} gn_fractional;

typedef struct gn_gauss_newton {
    gn_optimizer base; /* first: the two are one object */
    gn_matrix_free free;
    gn_acceleration acceleration;
    gn_fractional fractional;
    bool dual; /* factor B'B (M x M), else B B' (P x P) */
    bool spectral;
    gn_symmetric *system;
    gn_symmetric *fallback; /* spectral, made when a Cholesky first fails */
    gn_symmetric *solved;   /* whichever of the two solved last */
    gn_array dual_solution; /* M */
    gn_array gradient;      /* P: J'r, primal right-hand side, and for slopes */
    gn_array block;         /* primal: rows of J, block_rows x P */
    size_t block_rows;
    gn_damping damping;
    /* The system is decomposed for a step from trial, over these inputs (gn_optimizer_decompose). */
    bool ready;
    const void *ready_inputs;
    size_t ready_samples;
    bool stuck;             /* a step was given up; has been said */
    size_t noted;           /* steps of this phase in the log */
    gn_array damping_state; /* 3 doubles: what of the damping a checkpoint keeps */
} gn_gauss_newton;

/* Chooses dual, primal or products, Cholesky or spectral, predicts the memory and makes the buffers. */
gn_status gn_systems_create(gn_gauss_newton *o);
void gn_systems_destroy(gn_gauss_newton *o);

/* Makes what a solve at the linearization's point needs: B'B or B B', and J'r where it is not dual. */
gn_status gn_systems_assemble(gn_gauss_newton *o, gn_linearization *l);
/* direction = the solution with x (M) in place of r and without the decay, by the factors and damping of the
 * last solve. */
gn_status gn_systems_solve_again(gn_gauss_newton *o, gn_linearization *l, const gn_array *x);
/* gradient = J'r */
gn_status gn_systems_gradient(gn_gauss_newton *o, gn_linearization *l);
/* direction = the solution for damping mu (in units of w J'H J), of the system assembled last. */
gn_status gn_systems_solve(gn_gauss_newton *o, gn_linearization *l, double mu);
/* The rows of d (count x P) = solutions for these dampings, at the linearization's point. */
gn_status gn_systems_solve_all(gn_gauss_newton *o, gn_linearization *l, size_t count, const double *mu,
                               gn_array *d);
/* Of the last solve: mu in force, eigenvalues kept, the iterations of CG or LSMR (added), their passes
 * (added) and reason. *model, unless NULL: d'(w J'H J + mu I)d / 2 - b'd where one of these solved, else
 * unchanged. */
gn_status gn_systems_report(gn_gauss_newton *o, gn_linearization *l, double *model, gn_step_report *report);

/* The same by products; systems.c calls them. */
double gn_matrix_free_bytes(const gn_gauss_newton *o);
gn_status gn_matrix_free_create(gn_gauss_newton *o);
void gn_matrix_free_destroy(gn_gauss_newton *o);
gn_status gn_matrix_free_reserve(gn_gauss_newton *o, gn_linearization *l);
gn_status gn_matrix_free_begin(gn_gauss_newton *o, gn_linearization *l);
/* What that costs, in passes, with the gradient. */
double gn_matrix_free_begin_passes(const gn_gauss_newton *o, const gn_linearization *l);
gn_status gn_matrix_free_solve(gn_gauss_newton *o, gn_linearization *l, double mu);
gn_status gn_matrix_free_solve_again(gn_gauss_newton *o, gn_linearization *l, const gn_array *x);
gn_status gn_matrix_free_solve_all(gn_gauss_newton *o, gn_linearization *l, size_t count, const double *mu,
                                   gn_array *d);
gn_status gn_matrix_free_report(gn_gauss_newton *o, gn_linearization *l, double *model,
                                gn_step_report *report);

/* The same by LSMR; matrix_free.c calls them. */
double gn_least_squares_bytes(const gn_gauss_newton *o);
gn_status gn_least_squares_create(gn_gauss_newton *o);
gn_status gn_least_squares_solve(gn_gauss_newton *o, gn_linearization *l, double mu);
/* Without a decay; o->gradient holds J'r. */
gn_status gn_least_squares_model(gn_gauss_newton *o, gn_linearization *l, double *model);

/* fractional (fractional.c); create and destroy do nothing for other kinds. */
static inline bool gn_is_fractional(const gn_gauss_newton *o) {
    return o->base.options.kind == GN_OPTIMIZER_FRACTIONAL;
}
gn_status gn_fractional_create(gn_gauss_newton *o);
void gn_fractional_destroy(gn_gauss_newton *o);
/* direction = J'Q diag(g) Q'r of the system assembled last. kept: mu is the phase's from now on. */
gn_status gn_fractional_find(gn_gauss_newton *o, gn_linearization *l, bool kept);

static inline bool gn_is_matrix_free(const gn_gauss_newton *o) {
    return o->free.cg || o->free.lsmr;
}

/* Geodesic acceleration (acceleration.c); create and destroy do nothing without it. */
bool gn_is_accelerated(const gn_gauss_newton *o);
double gn_acceleration_bytes(const gn_gauss_newton *o);
gn_status gn_acceleration_create(gn_gauss_newton *o);
void gn_acceleration_destroy(gn_gauss_newton *o);
/* After a solve at theta, the linearization's point: its term c, and *ratio = 2 t ||c|| / ||d||, NaN where
 * the residual on the way is not finite. The direction stays d, the point theta; report's costs are added to.
 */
gn_status gn_acceleration_find(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta, double *ratio,
                               gn_step_report *report);
bool gn_acceleration_allowed(const gn_gauss_newton *o, double ratio);
/* direction = d + t c */
gn_status gn_acceleration_add(gn_gauss_newton *o);

/* A damping that is relative to the largest eigenvalue (relative.c), of levenberg_marquardt and ggn. */
bool gn_is_relative(const gn_gauss_newton *o);
double gn_relative_bytes(const gn_gauss_newton *o);
/* Where it is not settled yet: o->damping.mu, from w J'H J at the linearization's point; its passes are
 * added, and the direction is written over. NOT_FINITE where that matrix is 0. */
gn_status gn_relative_settle(gn_gauss_newton *o, gn_linearization *l, double *passes);

/* Trials with rising damping until one lowers the loss, from theta with that objective (gain_ratio.c). */
gn_status gn_gain_ratio_step(gn_gauss_newton *o, gn_linearization *l, gn_array *theta, double objective,
                             gn_step_report *report);
/* *slope = w d'J'r and *norm2 = ||d||^2 of the direction; J'r by one more vjp where the form has none. */
gn_status gn_gauss_newton_slope(gn_gauss_newton *o, gn_linearization *l, double *slope, double *norm2);
/* A line of the log about the coming step; of a phase the first hundred. */
void gn_gauss_newton_note(gn_gauss_newton *o, const char *text);

/* w: 1 for curvature sum; for mean 1/M of squared error, 1/N of cross-entropy. */
static inline double gn_gauss_newton_weight(const gn_gauss_newton *o, const gn_linearization *l) {
    return o->base.options.curvature == GN_CURVATURE_SUM ? 1.0 : 1.0 / gn_linearization_terms(l);
}

#endif
