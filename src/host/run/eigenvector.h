/* Targets that are an eigenvector of the NTK at the start: something that a network learns at one rate. */
#ifndef GN_RUN_EIGENVECTOR_H
#define GN_RUN_EIGENVECTOR_H

#include "gnewt/network.h"
#include "gnewt/problem.h"

/* The targets of training and test samples become the `number`-th eigenvector (from 1, by descending
 * eigenvalue) of J J' at theta0 (P) over both, with mean square 1 and its largest entry positive; in float64
 * whatever the data's type. Other points have no target any more (direction). Errors: ARGUMENT (no such
 * eigenvector), MEMORY, with the size. */
gn_status gn_eigenvector_targets(gn_network *network, const gn_array *theta0, size_t number,
                                 gn_dataset *dataset);

#endif
