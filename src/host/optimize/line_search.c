/* Armijo backtracking (Nocedal & Wright, Numerical Optimization, algorithm 3.1). */
#include <math.h>

#include "core/profile.h"
#include "optimize/optimizer.h"

gn_status gn_optimizer_move(gn_optimizer *self, double t, gn_array *theta) {
    GN_TRY(gn_array_copy(theta, &self->trial));
    return GN_OP(self->context, axpby, self->dtype, self->parameters, -t, self->direction.data, 1.0,
                 theta->data);
}

gn_status gn_line_search_armijo(gn_optimizer *self, gn_linearization *l, gn_array *theta,
                                gn_objective *objective, double loss, double slope, gn_step_report *report) {
    GN_RANGE("line search");
    const gn_line_search_options *options = &self->options.line_search;
    double t = self->options.learning_rate;
    size_t reductions = 0;
    double next;
    GN_TRY(gn_array_copy(&self->trial, theta));
    for (;; t *= options->tau, reductions++) {
        GN_TRY(gn_optimizer_move(self, t, theta));
        GN_TRY(gn_linearization_set_point(l, theta));
        GN_TRY(objective(l, &next));
        bool enough = isfinite(next) && next <= loss - options->c * t * slope;
        if (enough || reductions == options->max_iterations)
            break;
    }
    if (!isfinite(next)) {
        GN_TRY(gn_array_copy(theta, &self->trial));
        return gn_fail(self->context, GN_ERROR_NOT_FINITE,
                       "the line search met no finite loss in %zu reductions of the step", reductions);
    }
    report->step_size = t;
    report->backtracks = reductions;
    report->passes += 0.5 * (double)(reductions + 1);
    return GN_OK;
}
