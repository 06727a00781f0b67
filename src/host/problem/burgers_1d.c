/* burgers_1d: u_t + u u_x = nu u_xx for x in [-1, 1], t in [0, 1]. By the Cole-Hopf transformation u = -2 nu
 * phi_x / phi of phi = 1 + exp((t/2 - x) / (2 nu)), which solves the heat equation: a front 4 nu wide that
 * moves at speed 1/2. */
#include "problem/pde.h"

gn_status gn_dataset_burgers_1d(gn_context *context, gn_dtype dtype, double viscosity,
                                const gn_pde_points *points, gn_dataset *dataset) {
    const gn_pde pde = {
        .axes = {"x", "t"},
        .low = {-1, 0},
        .high = {1, 1},
        .residual = "u_t + u*u_x - nu*u_xx",
        .solution = "0.5 - 0.5*tanh((x - 0.5*t)/(4*nu))",
        .evolves = true,
    };
    return gn_dataset_pde_of(context, dtype, "burgers_1d", &pde,
                             (const gn_pde_parameter[]){{"nu", viscosity}, {0}}, points, dataset);
}
