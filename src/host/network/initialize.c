/* Initial weights: drawn on the host in parameter order, so that every device starts from the same bits. */
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"
#include "network/network.h"

typedef struct distribution {
    bool normal;
    double spread; /* bound of the uniform, deviation of the normal */
} distribution;

static distribution weight_distribution(gn_init init, double fan_in, double fan_out) {
    switch (init) {
    case GN_INIT_KAIMING_UNIFORM:
        return (distribution){false, sqrt(6 / fan_in)};
    case GN_INIT_KAIMING_NORMAL:
        return (distribution){true, sqrt(2 / fan_in)};
    case GN_INIT_GLOROT_UNIFORM:
        return (distribution){false, sqrt(6 / (fan_in + fan_out))};
    case GN_INIT_GLOROT_NORMAL:
        return (distribution){true, sqrt(2 / (fan_in + fan_out))};
    case GN_INIT_TORCH_UNIFORM:
        return (distribution){false, 1 / sqrt(fan_in)};
    case GN_INIT_STANDARD_NORMAL:
    case GN_INIT_MODEL:
        break;
    }
    return (distribution){true, 1};
}

/* The spread is symmetric, so a scale's sign says nothing. */
static void draw(distribution d, double scale, uint64_t seed, uint64_t offset, size_t count, double *values) {
    const double bound = fabs(scale) * d.spread;
    if (d.normal)
        gn_random_normal(seed, GN_STREAM_INIT, offset, count, 0, bound, values);
    else
        gn_random_uniform(seed, GN_STREAM_INIT, offset, count, -bound, bound, values);
}

/* A bias follows its weight and has the weight's fan_in. */
static void initialize_parameter(const gn_network *network, size_t i, gn_init init, double scale,
                                 uint64_t seed, double *theta) {
    const gn_parameter *p = &network->parameters[i];
    bool bias = p->rank == 1;
    if (bias && init != GN_INIT_TORCH_UNIFORM) {
        for (size_t k = 0; k < p->count; k++)
            theta[p->offset + k] = 0;
        return;
    }
    const gn_parameter *weight = bias ? p - 1 : p;
    distribution d = weight_distribution(init, (double)weight->shape[1], (double)weight->shape[0]);
    /* each parameter starts at an even offset: Box-Muller's pairs stay whole */
    draw(d, scale, seed, 2 * (uint64_t)p->offset, p->count, theta + p->offset);
}

/* A ready model's own start; torch: uniform matrices by their inputs alone. */
static void initialize_by_model(const gn_network *network, size_t i, gn_init init, double scale,
                                uint64_t seed, double *theta) {
    const gn_parameter *p = &network->parameters[i];
    const gn_initial initial = network->initial[i];
    distribution d = {initial.kind == GN_INITIAL_NORMAL, initial.value};
    if (initial.kind == GN_INITIAL_UNIFORM && init == GN_INIT_TORCH_UNIFORM)
        d = weight_distribution(init, (double)p->shape[1], (double)p->shape[0]);
    if (initial.kind != GN_INITIAL_CONSTANT)
        draw(d, scale, seed, 2 * (uint64_t)p->offset, p->count, theta + p->offset);
    else
        for (size_t k = 0; k < p->count; k++)
            theta[p->offset + k] = initial.value;
}

static gn_status check_init(const gn_network *network, gn_init init) {
    const bool model = network->initial != NULL;
    if (model ? init == GN_INIT_MODEL || init == GN_INIT_TORCH_UNIFORM : init != GN_INIT_MODEL)
        return GN_OK;
    return gn_fail(network->context, GN_ERROR_ARGUMENT,
                   model
                       ? "this network starts by its own rule or by torch's: take GN_INIT_MODEL or "
                         "GN_INIT_TORCH_UNIFORM"
                       : "this network has no rule of its own to start by: take another than GN_INIT_MODEL");
}

gn_status gn_network_initialize(const gn_network *network, gn_init init, double scale, uint64_t seed,
                                gn_array *theta) {
    if (gn_array_count(theta) != network->size)
        return gn_fail(network->context, GN_ERROR_SHAPE, "theta has %zu elements, the network %zu parameters",
                       gn_array_count(theta), network->size);
    if (!isfinite(scale))
        return gn_fail(network->context, GN_ERROR_ARGUMENT, "the initial scale is not finite: give a number");
    GN_TRY(check_init(network, init));
    double *values = malloc(network->size * sizeof *values);
    if (!values)
        return gn_fail(network->context, GN_ERROR_MEMORY, "no host memory for %zu parameters", network->size);
    for (size_t i = 0; i < network->parameter_count; i++)
        (network->initial ? initialize_by_model : initialize_parameter)(network, i, init, scale, seed,
                                                                        values);
    gn_status status = gn_array_write(theta, values, network->size);
    free(values);
    return status;
}
