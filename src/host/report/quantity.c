#include "report/quantity.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    gn_quantity quantity;
} quantities[] = {
    {"loss", {"mean loss", GN_SCALE_LOG}},
    {"accuracy", {"accuracy", GN_SCALE_UNIT}},
    {"gradient_norm", {"gradient norm  ‖∇L‖", GN_SCALE_LOG}},
    {"step_norm", {"step norm  ‖Δθ‖", GN_SCALE_LOG}},
    {"step_size", {"step size", GN_SCALE_LOG}},
    {"damping", {"damping  µ", GN_SCALE_LOG_FROM_ZERO}},
    {"kept", {"eigenvalues kept", GN_SCALE_LINEAR}},
    {"backtracks", {"line search reductions", GN_SCALE_LINEAR}},
    {"rejected", {"trials rejected", GN_SCALE_LINEAR}},
    {"cg_iterations", {"CG iterations", GN_SCALE_LINEAR}},
    {"acceleration", {"acceleration  2‖c‖/‖d‖", GN_SCALE_LINEAR}},
    {"passes", {"passes", GN_SCALE_LINEAR}},
    {"seconds", {"training time (s)", GN_SCALE_LINEAR}},
    {"processor_seconds", {"processor time of training (s)", GN_SCALE_LINEAR}},
    {"norms/weight_norm", {"weight norm  ‖θ‖", GN_SCALE_LINEAR}},
    {"norms/relative_movement", {"relative movement  ‖θ − θ_0‖/‖θ_0‖", GN_SCALE_LINEAR}},
    {"ntk/kernel_drift", {"kernel drift  ‖K − K_0‖/‖K_0‖", GN_SCALE_LOG_FROM_ZERO}},
    {"ntk/condition_number", {"condition number of K", GN_SCALE_LOG}},
    {"ntk/effective_rank", {"effective rank of K", GN_SCALE_LINEAR}},
    {"ntk/preconditioned_condition_number", {"condition number of J M^{−1} Jᵀ", GN_SCALE_LOG}},
    {"ntk/preconditioned_effective_rank", {"effective rank of J M^{−1} Jᵀ", GN_SCALE_LINEAR}},
    {"drift/kernel_drift", {"kernel drift  ‖K − K_0‖/‖K_0‖", GN_SCALE_LOG_FROM_ZERO}},
    {"drift/cka", {"alignment of K with K_0", GN_SCALE_UNIT}},
    {"drift/kernel_target_alignment", {"alignment of K with the targets", GN_SCALE_LINEAR}},
    {"drift/uniformity", {"uniformity of progress  U", GN_SCALE_UNIT}},
    {"drift/subspace_residency", {"residency of the movement  S", GN_SCALE_UNIT}},
    {"drift/linearisation_gap", {"linearisation gap  ‖f − f_{lin}‖/‖f − f_0‖", GN_SCALE_LOG_FROM_ZERO}},
    {"drift/companion_loss", {"mean loss of the companion", GN_SCALE_LOG}},
    {"curvature/sharpness", {"sharpness", GN_SCALE_LOG}},
    {"curvature/residual_share", {"share of the residual term", GN_SCALE_LOG}},
    {"curvature/top_energy", {"gradient in the leading eigenvectors", GN_SCALE_UNIT}},
    {"curvature/direction_angle", {"angle of gradient and direction", GN_SCALE_LINEAR}},
    {"rays/nyquist_error", {"error on rays at the largest frequency", GN_SCALE_LOG}},
    {"rays/first_error", {"error on rays at the first frequency", GN_SCALE_LOG}},
    {"participation/inverse_ratio", {"inverse participation ratio", GN_SCALE_LINEAR}},
};

gn_quantity gn_quantity_of(const char *name) {
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++)
        if (strcmp(quantities[i].name, name) == 0)
            return quantities[i].quantity;
    return (gn_quantity){name, GN_SCALE_LOG};
}
