/* An eigendecomposition that an observer asked for serves the next step, and no other. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "optimize/optimizer.h"
#include "reference.h"

static gn_status (*eigh)(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values, void *work,
                         size_t bytes);
static int decompositions;

static gn_status count_eigh(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                            void *work, size_t bytes) {
    decompositions++;
    return eigh(state, type, n, a, lda, values, work, bytes);
}

/* theta after a step; for the caller to free. asked: an observer did before it; moved: and theta moved after.
 */
static double *step(const char *device, gn_optimizer_options options, bool asked, bool moved) {
    mlp_fixture f = reference_setup(device, "small_tanh");
    gn_optimizer *optimizer;
    gn_array vectors, values;
    options.solver = GN_SOLVER_SPECTRAL;
    OK(f.context, gn_optimizer_create(f.context, &options, GN_FLOAT64, f.p, f.m, &optimizer));
    eigh = f.context->backend.eigh;
    f.context->backend.eigh = count_eigh;
    decompositions = 0;
    if (asked) {
        OK(f.context, gn_optimizer_decompose(optimizer, f.lin, &vectors, &values));
        cr_assert(gn_array_count(&vectors) == f.m * f.m && gn_array_count(&values) == f.m);
        double *found = host_values(&values);
        expect_reference("small_tanh", "/ntk_eigenvalues", found, f.m, 1e-12);
        free(found);
    }
    if (moved) {
        double *theta = host_values(f.theta);
        theta[f.p - 1] += 1e-9;
        OK(f.context, gn_array_write(f.theta, theta, f.p));
        free(theta);
    }
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(decompositions, asked && moved ? 2 : 1, "%d decompositions", decompositions);
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(decompositions, asked && moved ? 3 : 2, "once is enough, not %d", decompositions);
    double *theta = host_values(f.theta);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
    return theta;
}

static void check(const char *device, gn_optimizer_options options) {
    enum { P = 80 };
    for (int moved = 0; moved < 2; moved++) {
        double *alone = step(device, options, false, moved), *shared = step(device, options, true, moved);
        cr_expect_eq(memcmp(alone, shared, P * sizeof *alone), 0, "not the same step");
        free(alone), free(shared);
    }
}

ParameterizedTestParameters(shared, a_step_takes_the_decomposition_of_its_point) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, shared, a_step_takes_the_decomposition_of_its_point) {
    gn_optimizer_options marquardt = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    check(on->device, gn_optimizer_options_default(GN_OPTIMIZER_GAUSS_NEWTON));
    check(on->device, marquardt);
    marquardt.damping.kind = GN_DAMPING_GAIN_RATIO;
    check(on->device, marquardt);
}

Test(shared, only_spectral_solves_of_squared_error_have_one) {
    mlp_fixture f = reference_setup("cpu", "small_tanh");
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
    gn_optimizer *optimizer;
    gn_array vectors, values;
    OK(f.context, gn_optimizer_create(f.context, &options, GN_FLOAT64, f.p, f.m, &optimizer));
    cr_expect_eq(gn_optimizer_decompose(optimizer, f.lin, &vectors, &values), GN_ERROR_UNSUPPORTED);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}
