/* A damped Gauss-Newton direction of transformers under cross-entropy, against one that PyTorch computed. */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

static void check(const char *device, const char *name) {
    mlp_fixture f = transformer_setup(device, name);
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    gn_optimizer *optimizer;
    gn_array *d = device_array(f.context, f.dtype, f.p, 1, NULL);
    options.damping.value = reference_attribute(name, "/", "damping");
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
    double *values = host_values(d);
    expect_reference(name, "/ggn_solution", values, f.p, 1e-10);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    mlp_teardown(&f);
    free(values);
}

ParameterizedTestParameters(transformer, ggn_direction) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, transformer, ggn_direction) {
    if (on->dtype != GN_FLOAT64)
        return;
    check(on->device, "transformer_post");
    check(on->device, "transformer_pre");
}
