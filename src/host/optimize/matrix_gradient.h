/* What first-order rules make of the matrices of a gradient (gn_gradient_kind). */
#ifndef GN_OPTIMIZE_MATRIX_GRADIENT_H
#define GN_OPTIMIZE_MATRIX_GRADIENT_H

#include "gnewt/optimizer.h"
#include "linearization/linearization.h"

/* Buffers for the largest matrix; the owner zeroes the struct and sets kind. */
typedef struct gn_matrix_gradient {
    gn_gradient_kind kind;
    const gn_parameter *named; /* of the network that the buffers are for */
    gn_array gram;             /* k x k: G G' or G'G, the smaller, then its eigenvectors */
    gn_array scaled;           /* as many as G */
    gn_array values, gains;    /* k, or the columns */
    gn_array zero;             /* 1 double */
    gn_array work;
    size_t work_bytes;
} gn_matrix_gradient;

/* Makes the buffers; nothing where kind is plain. UNSUPPORTED for callbacks, whose parameters have no shapes;
 * MEMORY. */
gn_status gn_matrix_gradient_reserve(gn_matrix_gradient *m, gn_linearization *l);
/* g (P), over itself. */
gn_status gn_matrix_gradient_apply(gn_matrix_gradient *m, gn_linearization *l, void *g);
void gn_matrix_gradient_destroy(gn_matrix_gradient *m);

#endif
