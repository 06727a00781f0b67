#include "solve/quadrature.h"

gn_status gn_quadrature_run(gn_lanczos *lanczos, size_t starts, double *nodes, double *weights) {
    const size_t steps = gn_lanczos_steps(lanczos);
    for (size_t k = starts; k-- > 0;) {
        GN_TRY(gn_lanczos_run_from(lanczos, k));
        const size_t count = gn_lanczos_count(lanczos);
        for (size_t i = 0; i < steps; i++) {
            nodes[k * steps + i] = gn_lanczos_values(lanczos)[i < count ? i : count - 1];
            weights[k * steps + i] = i < count ? gn_lanczos_weights(lanczos)[i] / (double)starts : 0;
        }
    }
    return GN_OK;
}
