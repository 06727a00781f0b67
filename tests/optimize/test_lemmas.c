/* Lemmas 3.1 to 3.3 of arXiv 2601.03162 in discrete time, on a frozen linear model f = J theta: error mode i
 * (of J J') after t steps is factor_i^t times what it was, where factor_i is
 *     1 - 2 eta lambda_i / M                 for GD on the mean loss,
 *     1 - eta lambda_i / (mu + lambda_i)     for LM,
 *     1 - eta                                for GN where lambda_i is above the cut-off, else 1,
 *     1 - eta lambda_i g_i                   for fractional, the largest lambda_i g_i being 1. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "mlp_case.h"

enum { ROWS = 12, PARAMETERS = 20, STEPS = 25 };

/* J = Q diag(sqrt(lambda)) V', both orthogonal, so that the modes are known without an eigensolver. */
typedef struct linear_model {
    double q[ROWS * ROWS]; /* row i: eigenvector i of J J' */
    double lambda[ROWS];   /* 1e-5 .. 10 */
    double j[ROWS * PARAMETERS];
    double y[ROWS];
} linear_model;

/* Gram-Schmidt, twice for orthogonality to rounding. */
static void orthonormal_rows(size_t rows, size_t columns, uint64_t seed, double *q) {
    gn_random_normal(seed, GN_STREAM_AUXILIARY, 0, rows * columns, 0, 1, q);
    for (size_t i = 0; i < rows; i++) {
        double *row = q + i * columns, norm = 0;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < i; k++) {
                double product = 0;
                for (size_t c = 0; c < columns; c++)
                    product += row[c] * q[k * columns + c];
                for (size_t c = 0; c < columns; c++)
                    row[c] -= product * q[k * columns + c];
            }
        for (size_t c = 0; c < columns; c++)
            norm += row[c] * row[c];
        for (size_t c = 0; c < columns; c++)
            row[c] /= sqrt(norm);
    }
}

static void make_model(linear_model *model) {
    double v[ROWS * PARAMETERS];
    orthonormal_rows(ROWS, ROWS, 1, model->q);
    orthonormal_rows(ROWS, PARAMETERS, 2, v);
    gn_random_uniform(3, GN_STREAM_DATA, 0, ROWS, -1, 1, model->y);
    for (int i = 0; i < ROWS; i++)
        model->lambda[i] = 10 * pow(1e-6, (double)i / (ROWS - 1));
    for (int m = 0; m < ROWS; m++)
        for (int p = 0; p < PARAMETERS; p++) {
            model->j[m * PARAMETERS + p] = 0;
            for (int i = 0; i < ROWS; i++)
                model->j[m * PARAMETERS + p] +=
                    model->q[i * ROWS + m] * sqrt(model->lambda[i]) * v[i * PARAMETERS + p];
        }
}

/* out = J v - shift */
static gn_status apply(const linear_model *model, const gn_array *v, bool shifted, gn_array *out) {
    double x[PARAMETERS], r[ROWS];
    OK(NULL, gn_array_read(v, x, PARAMETERS));
    for (int m = 0; m < ROWS; m++) {
        r[m] = shifted ? -model->y[m] : 0;
        for (int p = 0; p < PARAMETERS; p++)
            r[m] += model->j[m * PARAMETERS + p] * x[p];
    }
    return gn_array_write(out, r, ROWS);
}

static gn_status residual(void *user, const gn_array *theta, gn_array *r) {
    return apply(user, theta, true, r);
}

static gn_status jvp(void *user, const gn_array *theta, const gn_array *v, gn_array *jv) {
    (void)theta;
    return apply(user, v, false, jv);
}

static gn_status vjp(void *user, const gn_array *theta, const gn_array *u, gn_array *jtu) {
    (void)theta;
    const linear_model *model = user;
    double c[ROWS], out[PARAMETERS] = {0};
    OK(NULL, gn_array_read(u, c, ROWS));
    for (int m = 0; m < ROWS; m++)
        for (int p = 0; p < PARAMETERS; p++)
            out[p] += model->j[m * PARAMETERS + p] * c[m];
    return gn_array_write(jtu, out, PARAMETERS);
}

/* c_i = q_i' r at theta */
static void modes(const linear_model *model, gn_context *context, gn_linearization *lin,
                  const gn_array *theta, double c[ROWS]) {
    gn_array *array = device_array(context, GN_FLOAT64, ROWS, 1, NULL);
    OK(context, gn_linearization_set_point(lin, theta));
    OK(context, gn_linearization_residual(lin, array));
    double *r = host_values(array);
    for (int i = 0; i < ROWS; i++) {
        c[i] = 0;
        for (int m = 0; m < ROWS; m++)
            c[i] += model->q[i * ROWS + m] * r[m];
    }
    gn_array_destroy(array);
    free(r);
}

typedef double factor_function(const linear_model *model, int i, const gn_optimizer_options *options);

static double gradient_descent(const linear_model *model, int i, const gn_optimizer_options *options) {
    return 1 - 2 * options->learning_rate * model->lambda[i] / ROWS;
}

/* The largest eigenvalue is 10. */
static double damping_of(const gn_optimizer_options *options) {
    return options->damping.value * (options->damping.kind == GN_DAMPING_RELATIVE ? 10 : 1);
}

static double levenberg_marquardt(const linear_model *model, int i, const gn_optimizer_options *options) {
    return 1 - options->learning_rate * model->lambda[i] / (damping_of(options) + model->lambda[i]);
}

static double gauss_newton(const linear_model *model, int i, const gn_optimizer_options *options) {
    return model->lambda[i] > options->cutoff * model->lambda[0] ? 1 - options->learning_rate : 1;
}

/* g_j of mode i: its own, or that of another one, by the seed's order of ascending eigenvalues. */
static double fractional(const linear_model *model, int i, const gn_optimizer_options *options) {
    const double mu = damping_of(options);
    double most = 0, mine = 0;
    uint32_t order[ROWS];
    gn_random_permutation(options->seed, GN_STREAM_AUXILIARY, 1, ROWS, order);
    for (int k = 0; k < ROWS; k++) {
        const int j = options->fractional.shuffled ? ROWS - 1 - (int)order[ROWS - 1 - k] : k;
        const double gain = model->lambda[k] * pow(model->lambda[j] + mu, -options->fractional.exponent);
        most = fmax(most, gain);
        mine = k == i ? gain : mine;
    }
    return 1 - options->learning_rate * mine / most;
}

static void check(const char *device, gn_optimizer_options options, factor_function *factor) {
    linear_model model;
    gn_context *context = device_open(device);
    gn_linearization *lin;
    gn_optimizer *optimizer;
    gn_residual_callbacks callbacks = {residual, jvp, vjp, NULL};
    double *start = random_values(4, PARAMETERS), before[ROWS], after[ROWS];
    make_model(&model);
    OK(context,
       gn_linearization_create_callbacks(context, GN_FLOAT64, ROWS, PARAMETERS, &callbacks, &model, &lin));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, PARAMETERS, ROWS, &optimizer));
    gn_array *theta = device_array(context, GN_FLOAT64, PARAMETERS, 1, start);
    modes(&model, context, lin, theta, before);
    for (int t = 0; t < STEPS; t++)
        OK(context, gn_optimizer_step(optimizer, lin, theta, NULL));
    modes(&model, context, lin, theta, after);
    for (int i = 0; i < ROWS; i++) {
        double expected = before[i] * pow(factor(&model, i, &options), STEPS);
        cr_expect(fabs(after[i] - expected) < 1e-10 * fabs(before[i]),
                  "mode %d (lambda %.1e): %.15g, expected %.15g of %.15g", i, model.lambda[i], after[i],
                  expected, before[i]);
    }
    gn_array_destroy(theta);
    gn_optimizer_destroy(optimizer);
    gn_linearization_destroy(lin);
    gn_context_destroy(context);
    free(start);
}

static gn_optimizer_options rule(gn_optimizer_kind kind, double rate, gn_solver solver) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.learning_rate = rate;
    options.solver = solver;
    return options;
}

static void check_lemmas(const char *device) {
    check(device, rule(GN_OPTIMIZER_SGD, 0.3, GN_SOLVER_AUTO), gradient_descent);
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL};
    const double dampings[] = {0.5, 0.1, 1e-3};
    for (int s = 0; s < 3; s++)
        for (int d = 0; d < 3; d++) {
            gn_optimizer_options lm = rule(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.2, solvers[s]);
            lm.damping.value = dampings[d];
            check(device, lm, levenberg_marquardt);
            lm.damping.kind = GN_DAMPING_RELATIVE;
            check(device, lm, levenberg_marquardt);
        }
    const double cutoffs[] = {1e-2, 1e-5, 0};
    for (int c = 0; c < 3; c++) {
        gn_optimizer_options newton = rule(GN_OPTIMIZER_GAUSS_NEWTON, 0.2, GN_SOLVER_AUTO);
        newton.cutoff = cutoffs[c];
        check(device, newton, gauss_newton);
    }
}

static void check_powers(const char *device) {
    const double exponents[] = {-0.5, 0, 0.25, 0.75, 1, 1.5};
    for (int i = 0; i < 18; i++) {
        gn_optimizer_options options = rule(GN_OPTIMIZER_FRACTIONAL, 0.2, GN_SOLVER_AUTO);
        options.fractional = (gn_fractional_options){exponents[i % 6], i >= 12};
        options.damping.kind = i < 6 ? GN_DAMPING_CONSTANT : GN_DAMPING_RELATIVE;
        options.damping.value = 1e-3;
        options.seed = (uint64_t)i;
        check(device, options, fractional);
    }
}

ParameterizedTestParameters(lemmas, modes_decay_at_the_theory_rates) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, lemmas, modes_decay_at_the_theory_rates) {
    if (on->dtype != GN_FLOAT64)
        return;
    check_lemmas(on->device);
    check_powers(on->device);
}
