/* The linearization of a network's first-order model, f_lin(theta) = f(theta_0) + J_0 (theta - theta_0): J is
 * J_0 at every point. */
#ifndef GN_LINEARIZATION_FROZEN_H
#define GN_LINEARIZATION_FROZEN_H

#include "gnewt/linearization.h"

/* As gn_linearization_create(), of the network at theta0 (P; copied), which is the reference of a centred
 * network as well. A new point costs a pass forward and a jvp. */
gn_status gn_linearization_create_frozen(gn_network *network, gn_loss loss, gn_dtype dtype, size_t capacity,
                                         const gn_array *theta0, gn_linearization **linearization);

#endif
