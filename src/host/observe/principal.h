/* The first principal component of a set of samples: the direction in which they spread most. */
#ifndef GN_OBSERVE_PRINCIPAL_H
#define GN_OBSERVE_PRINCIPAL_H

#include "backend/context.h"
#include "gnewt/array.h"

typedef struct gn_principal {
    gn_context *context;
    size_t features;    /* d */
    gn_array direction; /* d, float64, a unit vector of either sign */
    gn_array rows;      /* a piece of samples in float64: rows x d */
    gn_array along;     /* their projections */
} gn_principal;

/* Of the rows of inputs (n x d), by an eigendecomposition of their covariance (d x d). Whatever is returned
 * the caller destroys it. Errors: MEMORY, with the size; NO_CONVERGENCE. */
gn_status gn_principal_create(gn_context *context, const gn_array *inputs, gn_principal *principal);
void gn_principal_destroy(gn_principal *principal);

/* x[j] = the direction times row j of inputs (n x d), without a mean taken off; where d is 1 the row itself.
 */
gn_status gn_principal_project(const gn_principal *principal, const gn_array *inputs, double *x);

#endif
