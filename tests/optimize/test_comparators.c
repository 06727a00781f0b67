/* The comparators' steps against values that PyTorch and NumPy gave. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "reference.h"

static mlp_fixture setup(const char *device, const char *name) {
    const mlp_case classes = {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .classes = true};
    return strcmp(name, "classes") == 0 ? reference_setup_as(device, &classes)
                                        : reference_setup(device, name);
}

/* Steps from the file's parameters, every other one with a report. */
static void check_steps(const char *device, const char *name, const char *label, size_t steps,
                        gn_optimizer_options options, double tolerance) {
    mlp_fixture f = setup(device, name);
    double *path = malloc(steps * f.p * sizeof *path);
    gn_optimizer *optimizer;
    gn_step_report report;
    char object[96];
    snprintf(object, sizeof object, "/%s/%s", name, label);
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    for (size_t t = 0; t < steps; t++) {
        OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, t % 2 ? &report : NULL));
        OK(f.context, gn_array_read(f.theta, path + t * f.p, f.p));
    }
    expect_reference("comparators", object, path, steps * f.p, tolerance);
    gn_optimizer_destroy(optimizer);
    free(path);
    mlp_teardown(&f);
}

#define ON_EVERY_DEVICE(test)                                                                                \
    ParameterizedTestParameters(comparators, test) {                                                         \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, comparators, test) {                                                  \
        if (on->dtype == GN_FLOAT64)                                                                         \
            test(on->device);                                                                                \
    }

static void check_fractional(const char *device, const char *name, double exponent) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_FRACTIONAL);
    char label[32];
    snprintf(label, sizeof label, "fractional_%g", exponent);
    options.fractional.exponent = exponent;
    check_steps(device, name, label, 5, options, 1e-11);
}

static void fractional_steps(const char *device) {
    const double exponents[] = {-0.5, 0, 0.5, 1, 1.5};
    for (size_t i = 0; i < 5; i++)
        check_fractional(device, "small_tanh", exponents[i]);
    for (size_t i = 0; i < 3; i++)
        check_fractional(device, "classes", exponents[i]);
}
ON_EVERY_DEVICE(fractional_steps)

static void lbfgs_steps(const char *device) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LBFGS);
    options.memory = 3;
    check_steps(device, "small_tanh", "lbfgs", 10, options, 1e-10);
    check_steps(device, "classes", "lbfgs", 10, options, 1e-10);
}
ON_EVERY_DEVICE(lbfgs_steps)

static gn_optimizer_options first_order(gn_optimizer_kind kind) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.learning_rate = kind == GN_OPTIMIZER_SGD ? 0.05 : 0.01;
    options.momentum = kind == GN_OPTIMIZER_SGD ? 0.9 : 0;
    options.weight_decay = kind == GN_OPTIMIZER_ADAMW ? 0.1 : 0.01;
    return options;
}

static void grokfast_steps(const char *device) {
    const char *const labels[] = {"grokfast_sgd", "grokfast_adam", "grokfast_adamw"};
    const gn_optimizer_kind kinds[] = {GN_OPTIMIZER_SGD, GN_OPTIMIZER_ADAM, GN_OPTIMIZER_ADAMW};
    for (int i = 0; i < 3; i++) {
        gn_optimizer_options options = first_order(kinds[i]);
        options.grokfast = (gn_grokfast_options){0.8, 2};
        check_steps(device, "small_tanh", labels[i], 5, options, 1e-11);
    }
}
ON_EVERY_DEVICE(grokfast_steps)

static void matrix_steps(const char *device) {
    const char *const labels[] = {"orthogonal_sgd", "orthogonal_adam", "column_normalized_sgd",
                                  "column_normalized_adam"};
    for (int i = 0; i < 4; i++) {
        gn_optimizer_options options = first_order(i % 2 ? GN_OPTIMIZER_ADAM : GN_OPTIMIZER_SGD);
        options.gradient = i < 2 ? GN_GRADIENT_ORTHOGONAL : GN_GRADIENT_COLUMN_NORMALIZED;
        check_steps(device, "small_tanh", labels[i], 5, options, 1e-9);
    }
}
ON_EVERY_DEVICE(matrix_steps)

static double *direction(mlp_fixture *f, gn_optimizer_options options) {
    gn_optimizer *optimizer;
    gn_array *d = device_array(f->context, f->dtype, f->p, 1, NULL);
    OK(f->context, gn_optimizer_create(f->context, &options, f->dtype, f->p, f->m, &optimizer));
    OK(f->context, gn_optimizer_direction(optimizer, f->lin, d));
    double *values = host_values(d);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(d);
    return values;
}

static double length(size_t n, const double *x) {
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += x[i] * x[i];
    return sqrt(square);
}

/* Apart from the scale. */
static void expect_parallel(mlp_fixture *f, gn_optimizer_options a, gn_optimizer_options b,
                            const char *what) {
    double *x = direction(f, a), *y = direction(f, b);
    const double scale = length(f->p, y) / length(f->p, x);
    for (size_t i = 0; i < f->p; i++)
        x[i] *= scale;
    const double apart = relative_difference(f->p, x, y);
    cr_expect(apart < (f->dtype == GN_FLOAT64 ? 1e-11 : 2e-4), "%s: %g apart", what, apart);
    free(x), free(y);
}

/* At its ends the family is gradient descent and Levenberg-Marquardt, on either side of M = P. */
ParameterizedTestParameters(comparators, fractional_has_known_ends) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, comparators, fractional_has_known_ends) {
    static const mlp_case cases[] = {
        {.name = "M < P", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9},
        {.name = "M > P", .widths = {2, 3, 5}, .activation = "sin", .samples = 20},
        {.name = "classes, M > P", .widths = {2, 3, 5}, .activation = "sin", .samples = 20, .classes = true}};
    for (size_t i = 0; i < 3; i++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &cases[i]);
        gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_FRACTIONAL);
        gn_optimizer_options lm = gn_optimizer_options_default(GN_OPTIMIZER_LEVENBERG_MARQUARDT);
        options.damping = lm.damping = (gn_damping_options){GN_DAMPING_CONSTANT, .value = 0.1};
        options.fractional.exponent = 1;
        expect_parallel(&f, options, lm, cases[i].name);
        options.fractional.exponent = 0;
        expect_parallel(&f, options, gn_optimizer_options_default(GN_OPTIMIZER_SGD), cases[i].name);
        mlp_teardown(&f);
    }
}

/* Shuffled or not, d descends. */
Test(comparators, fractional_takes_a_line_search) {
    static const mlp_case cases[] = {
        {.name = "M < P", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9},
        {.name = "M > P", .widths = {2, 3, 5}, .activation = "sin", .samples = 20, .classes = true}};
    for (size_t i = 0; i < 4; i++) {
        mlp_fixture f = mlp_setup("check", GN_FLOAT64, &cases[i % 2]);
        gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_FRACTIONAL);
        gn_optimizer *optimizer;
        gn_step_report report;
        double loss = INFINITY;
        options.learning_rate = 8;
        options.fractional.shuffled = i > 1;
        options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        for (int t = 0; t < 6; t++) {
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &report));
            cr_expect(report.loss < loss, "%s, step %d: %g after %g", cases[i % 2].name, t, report.loss,
                      loss);
            loss = report.loss;
        }
        gn_optimizer_destroy(optimizer);
        mlp_teardown(&f);
    }
}

/* The damping is the first step's; a direction asked for before settles nothing. */
Test(comparators, fractional_damping_stays) {
    mlp_fixture f = setup("check", "small_tanh");
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_FRACTIONAL);
    gn_array *d = device_array(f.context, f.dtype, f.p, 1, NULL);
    gn_optimizer *optimizer;
    gn_step_report first, second;
    const char *name;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
    gn_array *state = gn_optimizer_state(optimizer, gn_optimizer_state_count(optimizer) - 1, &name);
    double *values = host_values(state);
    cr_expect_str_eq(name, "fractional_damping");
    cr_expect_eq(values[0], -1e-6);
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &first));
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, &second));
    cr_expect_gt(first.damping, 1e-6);
    cr_expect_eq(first.damping, second.damping);
    free(values);
    gn_array_destroy(d);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

/* A direction that is asked for leaves the steps as they are, and is the next one's. */
ParameterizedTestParameters(comparators, lbfgs_directions_change_nothing) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, comparators, lbfgs_directions_change_nothing) {
    const mlp_case from = {.name = "mlp", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9};
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LBFGS);
    double *ends[2];
    options.memory = 2;
    options.learning_rate = 0.5;
    options.line_search.kind = GN_LINE_SEARCH_NONE;
    for (int asked = 0; asked < 2; asked++) {
        mlp_fixture f = mlp_setup(on->device, on->dtype, &from);
        gn_array *d = device_array(f.context, f.dtype, f.p, 1, NULL);
        gn_optimizer *optimizer;
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        for (int t = 0; t < 7; t++) {
            double *before = host_values(f.theta);
            OK(f.context, gn_linearization_set_point(f.lin, f.theta));
            if (asked)
                OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
            double *after = host_values(f.theta), *along = host_values(d);
            for (size_t i = 0; i < f.p; i++)
                before[i] = (before[i] - after[i]) / options.learning_rate;
            const double apart = asked ? relative_difference(f.p, along, before) : 0;
            cr_expect(apart < (f.dtype == GN_FLOAT64 ? 1e-10 : 1e-2), "step %d: %g apart", t, apart);
            free(before), free(after), free(along);
        }
        ends[asked] = host_values(f.theta);
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(d);
        if (asked)
            cr_expect_eq(memcmp(ends[0], ends[1], f.p * sizeof(double)), 0);
        mlp_teardown(&f);
    }
    free(ends[0]), free(ends[1]);
}

/* r = exp(-x^2), whose square bends down near 0: s'y < 0. */
static gn_status hill(void *user, const gn_array *theta, gn_array *r) {
    (void)user;
    double x;
    OK(NULL, gn_array_read(theta, &x, 1));
    const double value = exp(-x * x);
    return gn_array_write(r, &value, 1);
}

static gn_status hill_jvp(void *user, const gn_array *theta, const gn_array *v, gn_array *jv) {
    (void)user;
    double x, t;
    OK(NULL, gn_array_read(theta, &x, 1));
    OK(NULL, gn_array_read(v, &t, 1));
    const double value = -2 * x * exp(-x * x) * t;
    return gn_array_write(jv, &value, 1);
}

/* Where the loss bends down no pair is kept, and the steps go on along the gradient. */
Test(comparators, lbfgs_keeps_no_pair_of_negative_curvature) {
    const gn_residual_callbacks callbacks = {hill, hill_jvp, hill_jvp, NULL};
    const double start = 0.05;
    gn_context *context = device_open("check");
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_LBFGS);
    gn_linearization *lin;
    gn_optimizer *optimizer;
    gn_step_report report;
    options.learning_rate = 0.1;
    OK(context, gn_linearization_create_callbacks(context, GN_FLOAT64, 1, 1, &callbacks, NULL, &lin));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, 1, 1, &optimizer));
    gn_array *theta = device_array(context, GN_FLOAT64, 1, 1, &start);
    for (int t = 0; t < 4; t++) {
        double *x = host_values(theta);
        const double gradient = 4 * *x * exp(-2 * *x * *x);
        OK(context, gn_optimizer_step(optimizer, lin, theta, &report));
        cr_expect_float_eq(report.step_norm, 0.1 * gradient, 1e-12, "step %d", t);
        free(x);
    }
    gn_array_destroy(theta);
    gn_optimizer_destroy(optimizer);
    gn_linearization_destroy(lin);
    gn_context_destroy(context);
}

/* ---- matrices ---- */

/* Right rotations make the columns p, q of a (rows x k) orthogonal; v (k x k) keeps them. Largest cosine. */
static double rotate(size_t rows, size_t k, size_t p, size_t q, double *a, double *v) {
    double pp = 0, qq = 0, pq = 0;
    for (size_t i = 0; i < rows; i++) {
        pp += a[i * k + p] * a[i * k + p];
        qq += a[i * k + q] * a[i * k + q];
        pq += a[i * k + p] * a[i * k + q];
    }
    if (fabs(pq) <= 1e-15 * sqrt(pp * qq))
        return 0;
    const double angle = 0.5 * atan2(2 * pq, pp - qq), c = cos(angle), s = sin(angle);
    for (size_t i = 0; i < rows + k; i++) {
        double *row = i < rows ? a + i * k : v + (i - rows) * k;
        const double x = row[p], y = row[q];
        row[p] = c * x + s * y;
        row[q] = c * y - s * x;
    }
    return fabs(pq) / sqrt(pp * qq);
}

/* g (out x in) = U S V' becomes U min(S / 1e-6, 1) V', by one-sided Jacobi rotations of g's shorter side. */
static void plain_orthogonal(size_t out, size_t in, double *g) {
    const bool tall = out >= in;
    const size_t rows = tall ? out : in, k = tall ? in : out;
    double *a = malloc(rows * k * sizeof *a), *v = calloc(k * k, sizeof *v), worst = 1;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < k; j++)
            a[i * k + j] = tall ? g[i * in + j] : g[j * in + i];
    for (size_t j = 0; j < k; j++)
        v[j * k + j] = 1;
    for (int sweep = 0; sweep < 40 && worst > 0; sweep++) {
        worst = 0;
        for (size_t p = 0; p < k; p++)
            for (size_t q = p + 1; q < k; q++)
                worst = fmax(worst, rotate(rows, k, p, q, a, v));
    }
    memset(g, 0, out * in * sizeof *g);
    for (size_t j = 0; j < k; j++) {
        double square = 0;
        for (size_t i = 0; i < rows; i++)
            square += a[i * k + j] * a[i * k + j];
        for (size_t i = 0; i < rows; i++)
            for (size_t l = 0; l < k; l++)
                g[tall ? i * in + l : l * in + i] += a[i * k + j] / fmax(sqrt(square), 1e-6) * v[l * k + j];
    }
    free(a), free(v);
}

static void check_matrices(mlp_fixture *f, double tolerance) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    double *gradient = direction(f, options);
    options.gradient = GN_GRADIENT_ORTHOGONAL;
    double *found = direction(f, options);
    for (size_t i = 0; i < gn_network_parameter_count(f->network); i++) {
        const gn_parameter p = gn_network_parameter(f->network, i);
        if (p.rank == 2)
            plain_orthogonal(p.shape[0], p.shape[1], gradient + p.offset);
        const double apart = relative_difference(p.count, found + p.offset, gradient + p.offset);
        cr_expect(apart <= tolerance, "%s: %g apart", p.name, apart);
    }
    free(gradient), free(found);
}

/* Embeddings, attention and layer norms; rows of tokens that do not occur are 0, and singular values too. A
 * direction whose singular value is s of the largest is right to about epsilon / s^2. */
ParameterizedTestParameters(comparators, matrices_of_every_network) {
    size_t count;
    device_type *types = device_types(&count);
    return cr_make_param_array(device_type, types, count);
}

ParameterizedTest(device_type *on, comparators, matrices_of_every_network) {
    size_t count;
    const mlp_case *cases = mlp_transformers(&count);
    const mlp_case small = {.name = "mlp", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9};
    mlp_fixture f = mlp_setup(on->device, on->dtype, &small);
    check_matrices(&f, on->dtype == GN_FLOAT64 ? 1e-10 : 1e-2);
    mlp_teardown(&f);
    for (size_t i = 0; i < count && on->dtype == GN_FLOAT64; i++) {
        f = mlp_setup(on->device, on->dtype, &cases[i]);
        check_matrices(&f, 1e-4);
        mlp_teardown(&f);
    }
}

Test(comparators, callbacks_have_no_matrices) {
    const gn_residual_callbacks callbacks = {hill, hill_jvp, hill_jvp, NULL};
    const double start = 0.5;
    gn_context *context = device_open("cpu");
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
    gn_linearization *lin;
    gn_optimizer *optimizer;
    options.gradient = GN_GRADIENT_ORTHOGONAL;
    OK(context, gn_linearization_create_callbacks(context, GN_FLOAT64, 1, 1, &callbacks, NULL, &lin));
    OK(context, gn_optimizer_create(context, &options, GN_FLOAT64, 1, 1, &optimizer));
    gn_array *theta = device_array(context, GN_FLOAT64, 1, 1, &start);
    cr_expect_eq(gn_optimizer_step(optimizer, lin, theta, NULL), GN_ERROR_UNSUPPORTED);
    gn_array_destroy(theta);
    gn_optimizer_destroy(optimizer);
    gn_linearization_destroy(lin);
    gn_context_destroy(context);
}

/* What is done to the gradient shows in the direction, and asking for it changes nothing. */
Test(comparators, directions_of_changed_gradients_are_steps) {
    const mlp_case from = {.name = "mlp", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9};
    for (int which = 0; which < 3; which++) {
        mlp_fixture f = mlp_setup("check", GN_FLOAT64, &from);
        gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_SGD);
        gn_array *d = device_array(f.context, f.dtype, f.p, 1, NULL);
        gn_optimizer *optimizer;
        options.gradient = which == 2 ? GN_GRADIENT_PLAIN : (gn_gradient_kind)(which + 1);
        options.grokfast.gain = which == 2 ? 2 : 0;
        OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
        for (int t = 0; t < 3; t++) {
            double *before = host_values(f.theta);
            OK(f.context, gn_linearization_set_point(f.lin, f.theta));
            OK(f.context, gn_optimizer_direction(optimizer, f.lin, d));
            OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
            double *after = host_values(f.theta), *along = host_values(d);
            for (size_t i = 0; i < f.p; i++)
                before[i] = (before[i] - after[i]) / options.learning_rate;
            cr_expect(relative_difference(f.p, along, before) < 1e-11);
            free(before), free(after), free(along);
        }
        gn_optimizer_destroy(optimizer);
        gn_array_destroy(d);
        mlp_teardown(&f);
    }
}
