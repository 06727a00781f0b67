/* Traces of symmetric A and B (n x n) and the size of their difference, by products with vectors z of random
 * signs: the mean of z'A z is tr A, that of |A z|^2 is ||A||_F^2. M. F. Hutchinson, "A stochastic estimator
 * of the trace of the influence matrix", Commun. Stat. Simul. Comput. 18 (1989). */
#ifndef GN_SOLVE_HUTCHINSON_H
#define GN_SOLVE_HUTCHINSON_H

#include <stdint.h>

#include "solve/operator.h"

/* error: the standard error of the mean over the probes (of a ratio, to first order); NaN of one probe. */
typedef struct gn_estimate {
    double value, error;
} gn_estimate;

typedef struct gn_hutchinson gn_hutchinson;

typedef struct gn_hutchinson_options {
    size_t n, probes; /* >= 1 */
    gn_operator a, b; /* b.apply NULL: A alone */
    uint64_t seed;    /* of the signs: uniforms of GN_STREAM_AUXILIARY */
} gn_hutchinson_options;

typedef struct gn_hutchinson_result {
    gn_estimate trace_a;
    gn_estimate trace_b;    /* 0 without B */
    gn_estimate difference; /* ||B - A||_F / ||A||_F; 0 without B, NaN where A = 0 */
} gn_hutchinson_result;

/* Vectors of n that it holds for so many probes: they are worked through in blocks. */
size_t gn_hutchinson_vectors(size_t probes);
/* Errors: ARGUMENT, MEMORY. */
gn_status gn_hutchinson_create(gn_context *context, gn_dtype dtype, const gn_hutchinson_options *options,
                               gn_hutchinson **hutchinson);
void gn_hutchinson_destroy(gn_hutchinson *hutchinson);

/* At the operators' present point; the same probes every time. NOT_FINITE where a product is. */
gn_status gn_hutchinson_run(gn_hutchinson *hutchinson, gn_hutchinson_result *result);

#endif
