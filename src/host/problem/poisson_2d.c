/* poisson_2d: u_xx + u_yy = -F on the unit square, u = 0 on its sides; F makes u a product of sines. (arXiv
 * 2601.03162, Fig. 4) */
#include "problem/pde.h"

gn_status gn_dataset_poisson_2d(gn_context *context, gn_dtype dtype, double n, double m,
                                const gn_pde_points *points, gn_dataset *dataset) {
    const gn_pde pde = {
        .axes = {"x", "y"},
        .high = {1, 1},
        .residual = "u_xx + u_yy + (n^2 + m^2)*pi^2*sin(n*pi*x)*sin(m*pi*y)",
        .solution = "sin(n*pi*x)*sin(m*pi*y)",
    };
    return gn_dataset_pde_of(context, dtype, "poisson_2d", &pde,
                             (const gn_pde_parameter[]){{"n", n}, {"m", m}, {0}}, points, dataset);
}
