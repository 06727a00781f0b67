/* helmholtz_2d: u_xx + u_yy + k^2 u = F on the unit square, u = 0 on its sides; F makes u a product of sines.
 */
#include "problem/pde.h"

gn_status gn_dataset_helmholtz_2d(gn_context *context, gn_dtype dtype, double n, double m, double k,
                                  const gn_pde_points *points, gn_dataset *dataset) {
    const gn_pde pde = {
        .axes = {"x", "y"},
        .high = {1, 1},
        .residual = "u_xx + u_yy + k^2*u - (k^2 - (n^2 + m^2)*pi^2)*sin(n*pi*x)*sin(m*pi*y)",
        .solution = "sin(n*pi*x)*sin(m*pi*y)",
    };
    return gn_dataset_pde_of(context, dtype, "helmholtz_2d", &pde,
                             (const gn_pde_parameter[]){{"n", n}, {"m", m}, {"k", k}, {0}}, points, dataset);
}
