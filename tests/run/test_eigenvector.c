/* Targets that are an eigenvector of the NTK over training and test set, against J J' of both by plain loops.
 */
#include <math.h>
#include <stdlib.h>

#include "run/eigenvector.h"
#include "trainer_case.h"

typedef struct eigenvector_case {
    gn_context *context;
    gn_dataset data;
    gn_network *network;
    gn_array *theta;
    size_t train, test, rows; /* samples; residuals of both */
    double *kernel;           /* rows x rows */
    double *vector;           /* rows */
} eigenvector_case;

/* J of one part of the data, rows x P; the caller frees it. */
static double *jacobian_of(const eigenvector_case *c, const gn_array *inputs, const gn_array *targets) {
    const size_t samples = gn_array_length(inputs, 0), p = gn_network_parameters(c->network);
    const size_t shape[2] = {samples * gn_network_outputs(c->network), p};
    gn_linearization *lin;
    gn_array *jacobian;
    double *values = malloc(shape[0] * p * sizeof *values);
    OK(c->context, gn_linearization_create(c->network, GN_LOSS_SQUARED, GN_FLOAT64, samples, &lin));
    OK(c->context, gn_linearization_set_batch(lin, inputs, targets));
    OK(c->context, gn_linearization_set_point(lin, c->theta));
    OK(c->context, gn_array_create(c->context, GN_FLOAT64, 2, shape, &jacobian));
    OK(c->context, gn_linearization_jacobian(lin, 0, samples, jacobian));
    OK(c->context, gn_array_read(jacobian, values, shape[0] * p));
    gn_array_destroy(jacobian);
    gn_linearization_destroy(lin);
    return values;
}

static void find_kernel(eigenvector_case *c) {
    const size_t p = gn_network_parameters(c->network), first = c->train * gn_network_outputs(c->network);
    double *part[2] = {jacobian_of(c, c->data.inputs, c->data.targets),
                       jacobian_of(c, c->data.test_inputs, c->data.test_targets)};
    for (size_t i = 0; i < c->rows; i++)
        for (size_t j = 0; j < c->rows; j++) {
            const double *a = i < first ? part[0] + i * p : part[1] + (i - first) * p;
            const double *b = j < first ? part[0] + j * p : part[1] + (j - first) * p;
            double sum = 0;
            for (size_t k = 0; k < p; k++)
                sum += a[k] * b[k];
            c->kernel[i * c->rows + j] = sum;
        }
    free(part[0]);
    free(part[1]);
}

/* Three outputs, 5 samples for training and 4 for the test: 27 residuals. */
static eigenvector_case make_case(const char *device) {
    eigenvector_case c = {.context = device_open(device)};
    OK(c.context, gn_dataset_modular_addition(c.context, GN_FLOAT64, 3, 0.6, 5, &c.data));
    const gn_quadratic_options options = {.inputs = 6, .hidden = 3, .outputs = 3, .alpha = 2};
    OK(c.context, gn_network_create_quadratic(c.context, &options, &c.network));
    const size_t p = gn_network_parameters(c.network);
    OK(c.context, gn_array_create(c.context, GN_FLOAT64, 1, &p, &c.theta));
    OK(c.context, gn_network_initialize(c.network, GN_INIT_STANDARD_NORMAL, 1, 7, c.theta));
    c.train = gn_array_length(c.data.inputs, 0);
    c.test = gn_array_length(c.data.test_inputs, 0);
    c.rows = (c.train + c.test) * 3;
    c.kernel = malloc(c.rows * c.rows * sizeof *c.kernel);
    c.vector = malloc(c.rows * sizeof *c.vector);
    find_kernel(&c);
    return c;
}

static void end_case(eigenvector_case *c) {
    free(c->kernel);
    free(c->vector);
    gn_array_destroy(c->theta);
    gn_network_destroy(c->network);
    gn_dataset_destroy(&c->data);
    gn_context_destroy(c->context);
}

/* The targets, which are checked to be an eigenvector of mean square 1 whose largest entry is positive; its
 * eigenvalue. */
static double value_of(eigenvector_case *c, size_t number) {
    double square = 0, value = 0, rest = 0, largest = 0;
    OK(c->context, gn_eigenvector_targets(c->network, c->theta, number, &c->data));
    OK(c->context, gn_array_read(c->data.targets, c->vector, c->train * 3));
    OK(c->context, gn_array_read(c->data.test_targets, c->vector + c->train * 3, c->test * 3));
    for (size_t i = 0; i < c->rows; i++) {
        square += c->vector[i] * c->vector[i];
        largest = fabs(c->vector[i]) > fabs(largest) ? c->vector[i] : largest;
        for (size_t j = 0; j < c->rows; j++)
            value += c->vector[i] * c->kernel[i * c->rows + j] * c->vector[j];
    }
    value /= square;
    for (size_t i = 0; i < c->rows; i++) {
        double product = -value * c->vector[i];
        for (size_t j = 0; j < c->rows; j++)
            product += c->kernel[i * c->rows + j] * c->vector[j];
        rest = fmax(rest, fabs(product));
    }
    cr_expect_float_eq(square, (double)c->rows, 1e-10 * (double)c->rows);
    cr_expect(largest > 0, "eigenvector %zu: largest entry %g", number, largest);
    cr_expect(rest < 1e-12 * c->kernel[0], "eigenvector %zu: K v - lambda v is %g", number, rest);
    return value;
}

static void expect_all_in_order(const char *device) {
    eigenvector_case c = make_case(device);
    double trace = 0, sum = 0, before = INFINITY;
    for (size_t i = 0; i < c.rows; i++)
        trace += c.kernel[i * c.rows + i];
    for (size_t number = 1; number <= c.rows; number++) {
        const double value = value_of(&c, number);
        cr_expect(value <= before + 1e-12 * trace, "eigenvector %zu: %g after %g", number, value, before);
        before = value;
        sum += value;
    }
    cr_expect_float_eq(sum, trace, 1e-11 * trace);
    cr_expect_eq(c.data.labels, 0, "such targets are no classes");
    cr_expect_eq(gn_eigenvector_targets(c.network, c.theta, c.rows + 1, &c.data), GN_ERROR_ARGUMENT);
    end_case(&c);
}

ON_EACH_DEVICE(eigenvector, targets_are_all_of_them_in_order) {
    expect_all_in_order(device);
}

/* A problem that knew its target anywhere knows it no more. */
Test(eigenvector, other_points_lose_their_targets) {
    const gn_polynomial_options polynomial = {.features = 2, .points = 3, .factor = 0.5, .seed = 4};
    const gn_committee_options committee = {.inputs = 2, .hidden = 2, .alpha = 1, .epsilon = 0.25};
    const size_t p = 4;
    eigenvector_case c = {.context = device_open("check")};
    OK(c.context, gn_dataset_polynomial(c.context, GN_FLOAT64, &polynomial, &c.data));
    OK(c.context, gn_network_create_committee(c.context, &committee, &c.network));
    OK(c.context, gn_array_create(c.context, GN_FLOAT64, 1, &p, &c.theta));
    OK(c.context, gn_network_initialize(c.network, GN_INIT_STANDARD_NORMAL, 1, 7, c.theta));
    cr_assert_not_null(c.data.direction);
    OK(c.context, gn_eigenvector_targets(c.network, c.theta, 1, &c.data));
    cr_expect_null(c.data.direction);
    cr_expect_eq(c.data.factor, 0);
    end_case(&c);
}
