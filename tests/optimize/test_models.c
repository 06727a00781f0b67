/* Cross-entropy, and the quadratic and committee networks, against values that PyTorch and NumPy gave
 * (make_models.py): outputs, loss, derivatives, products with the Gauss-Newton matrix, directions, steps. */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

static const mlp_case models[] = {
    {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .classes = true},
    {.name = "quadratic_network", .kind = QUADRATIC, .widths = {6, 5, 3}, .alpha = 1.5},
    {.name = "committee_network",
     .kind = COMMITTEE,
     .widths = {4, 7, 1},
     .alpha = 2,
     .epsilon = 0.25,
     .centred = true},
};

typedef void check_function(mlp_fixture *f, const char *name);

static void expect_array(const char *name, const char *path, gn_array *array, double tolerance) {
    double *values = host_values(array);
    expect_reference(name, path, values, gn_array_count(array), tolerance);
    gn_array_destroy(array);
    free(values);
}

static gn_array *empty(mlp_fixture *f, size_t rows, size_t columns) {
    return device_array(f->context, GN_FLOAT64, rows, columns, NULL);
}

static void check_derivatives(mlp_fixture *f, const char *name) {
    gn_array *outputs = empty(f, f->n, f->c), *residual = empty(f, f->m, 1), *gradient = empty(f, f->p, 1);
    gn_array *jacobian = empty(f, f->m, f->p), *ntk = empty(f, f->m, f->m), *product = empty(f, f->p, 1);
    size_t count;
    double loss, *v = reference_array(name, "/ggn_v", &count);
    OK(f->context, gn_linearization_outputs(f->lin, outputs));
    OK(f->context, gn_linearization_residual(f->lin, residual));
    OK(f->context, gn_linearization_loss(f->lin, &loss));
    OK(f->context, gn_linearization_gradient(f->lin, gradient));
    OK(f->context, gn_linearization_jacobian(f->lin, 0, f->n, jacobian));
    OK(f->context, gn_linearization_gram(f->lin, ntk));
    OK(f->context, gn_array_write(product, v, f->p));
    OK(f->context, gn_linearization_ggn_product(f->lin, 1, product, product));
    expect_array(name, "/outputs", outputs, 1e-13);
    expect_array(name, "/residual", residual, 1e-13);
    expect_reference(name, "/loss", &loss, 1, 1e-13);
    expect_array(name, "/gradient", gradient, 1e-12);
    expect_array(name, "/jacobian", jacobian, 1e-13);
    expect_array(name, "/ntk", ntk, 1e-13);
    expect_array(name, "/ggn_product", product, 1e-12);
    free(v);
}

static gn_optimizer_options rule(const char *name, gn_optimizer_kind kind, gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.damping.value = reference_attribute(name, "/", "mu");
    options.learning_rate = reference_attribute(name, "/", "eta");
    options.solver = solver;
    options.cg.tolerance = 1e-13;
    options.cg.max_iterations = 1000;
    return options;
}

static void check_direction(mlp_fixture *f, const char *name, const char *path,
                            gn_optimizer_options options) {
    gn_optimizer *optimizer;
    gn_array *d = empty(f, f->p, 1);
    OK(f->context, gn_optimizer_create(f->context, &options, GN_FLOAT64, f->p, f->m, &optimizer));
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    expect_array(name, path, d, 1e-10);
    gn_optimizer_destroy(optimizer);
}

static const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_CG,
                                    GN_SOLVER_LSMR};

static void check_directions(mlp_fixture *f, const char *name) {
    for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++) {
        check_direction(f, name, "/directions/lm", rule(name, GN_OPTIMIZER_LEVENBERG_MARQUARDT, solvers[k]));
        gn_optimizer_options ggn = rule(name, GN_OPTIMIZER_GGN, solvers[k]);
        check_direction(f, name, "/directions/ggn", ggn);
        ggn.weight_decay = reference_attribute(name, "/", "decay");
        check_direction(f, name, "/directions/ggn_decay", ggn);
    }
}

static void check_steps(mlp_fixture *f, const char *name) {
    for (size_t k = 0; k < sizeof solvers / sizeof *solvers; k++) {
        gn_optimizer_options options = rule(name, GN_OPTIMIZER_LEVENBERG_MARQUARDT, solvers[k]);
        gn_optimizer *optimizer;
        double *path = malloc(6 * f->p * sizeof *path), losses[6], *start = host_values(f->theta);
        gn_array *theta = device_array(f->context, GN_FLOAT64, f->p, 1, start);
        OK(f->context, gn_optimizer_create(f->context, &options, GN_FLOAT64, f->p, f->m, &optimizer));
        for (int t = 0; t < 6; t++) {
            gn_step_report report;
            OK(f->context, gn_array_read(theta, path + (size_t)t * f->p, f->p));
            OK(f->context, gn_optimizer_step(optimizer, f->lin, theta, &report));
            losses[t] = report.loss;
        }
        expect_reference(name, "/trajectory/lm", path, 6 * f->p, 1e-9);
        expect_reference(name, "/loss_trajectory/lm", losses, 6, 1e-9);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(theta);
        free(path), free(start);
    }
}

#define ON_EVERY_MODEL(test)                                                                                 \
    ParameterizedTestParameters(models, test) {                                                              \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, models, test) {                                                       \
        for (size_t i = 0; i < sizeof models / sizeof *models && on->dtype == GN_FLOAT64; i++) {             \
            mlp_fixture f = reference_setup_as(on->device, &models[i]);                                      \
            test(&f, models[i].name);                                                                        \
            mlp_teardown(&f);                                                                                \
        }                                                                                                    \
    }

ON_EVERY_MODEL(check_derivatives)
ON_EVERY_MODEL(check_directions)
ON_EVERY_MODEL(check_steps)
