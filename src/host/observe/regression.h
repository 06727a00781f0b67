/* Regression with the kernel of the first parameters: where gradient descent on the first-order model ends.
 */
#ifndef GN_OBSERVE_REGRESSION_H
#define GN_OBSERVE_REGRESSION_H

#include "observe/probe.h"

typedef struct gn_regression {
    double loss,
        accuracy;   /* on the test set: mean square, and of classes the share that is right, else NaN */
    size_t samples; /* that it was fitted to */
} gn_regression;

/* f_0 + K_0(test, train) K_0^+ (y - f_0) against the test set, with f_0 the network at theta0 (P, of the
 * probe's type), 0 of a centred one, and eigenvalues of K_0 below rounding left out. Fitted to the whole
 * training set where that has at most 2048 residuals, else to the probe set. Needs a test set. Errors:
 * MEMORY. */
gn_status gn_kernel_regression(gn_probe *probe, gn_network *network, const gn_dataset *dataset,
                               const gn_array *theta0, gn_regression *result);

#endif
