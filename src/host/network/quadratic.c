/* quadratic: an mlp with two maps, squares between them and a scale. */
#include <math.h>

#include "network/network.h"

gn_status gn_network_create_quadratic(gn_context *context, const gn_quadratic_options *options,
                                      gn_network **network) {
    const double d = (double)options->inputs, h = (double)options->hidden;
    *network = NULL;
    if (options->inputs == 0 || options->hidden == 0 || options->outputs == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a quadratic network of %zu inputs, %zu hidden units and %zu outputs: none may be 0",
                       options->inputs, options->hidden, options->outputs);
    if (!isfinite(options->alpha) || options->alpha == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "alpha is %g: give a finite number other than 0",
                       options->alpha);
    gn_mlp_options mlp = gn_mlp_options_default();
    mlp.widths = (const size_t[]){options->inputs, options->hidden, options->outputs};
    mlp.depth = 2;
    mlp.activation = "quadratic";
    mlp.bias = false;
    mlp.output_scale = options->alpha * options->alpha / (d * h);
    return gn_network_create_mlp(context, &mlp, network);
}
