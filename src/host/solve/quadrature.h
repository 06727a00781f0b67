/* Stochastic Lanczos quadrature: the spectral density of a symmetric A (n x n) by products. Of a run of
 * Lanczos from a random v, the sum of weight * f(node) over its Ritz values is v'f(A) v, exactly for
 * polynomials of degree 2 steps - 1, and that is tr f(A) / n in the mean. S. Ubaru, J. Chen and Y. Saad,
 * "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature", SIAM J. Matrix Anal. Appl. 38 (2017). */
#ifndef GN_SOLVE_QUADRATURE_H
#define GN_SOLVE_QUADRATURE_H

#include "solve/lanczos.h"

/* nodes and weights (starts x gn_lanczos_steps() each, on the host), a row each start, nodes ascending; all
 * weights together sum to 1. A run that ended early repeats its last node, with weight 0. The Lanczos is left
 * at the run from start 0. Errors: those of gn_lanczos_run(). */
gn_status gn_quadrature_run(gn_lanczos *lanczos, size_t starts, double *nodes, double *weights);

#endif
