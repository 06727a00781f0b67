/* Stochastic Lanczos quadrature against moments by plain products and against dense eigenvalues. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "gnewt/random.h"
#include "solve/quadrature.h"
#include "solve/solve_case.h"

enum { SEED = 11 };

typedef struct fixture {
    gn_context *context;
    dense_map *map;
    gn_lanczos *lanczos;
    size_t steps, starts;
    double *nodes, *weights;
} fixture;

static fixture setup(const device_type *on, size_t n, size_t steps, size_t starts, const double *a) {
    fixture f = {.context = device_open(on->device), .steps = steps, .starts = starts};
    f.map = dense_map_create(f.context, on->dtype, n, n, a);
    const gn_lanczos_options options = {.n = n, .steps = steps, .a = dense_operator(f.map), .seed = SEED};
    OK(f.context, gn_lanczos_create(f.context, on->dtype, &options, &f.lanczos));
    f.nodes = malloc(starts * steps * sizeof *f.nodes);
    f.weights = malloc(starts * steps * sizeof *f.weights);
    OK(f.context, gn_quadrature_run(f.lanczos, starts, f.nodes, f.weights));
    return f;
}

static void teardown(fixture *f) {
    free(f->nodes), free(f->weights);
    gn_lanczos_destroy(f->lanczos);
    dense_map_destroy(f->map);
    cr_expect_eq(gn_context_allocated(f->context), 0);
    gn_context_destroy(f->context);
}

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(quadrature, name) {                                                          \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, quadrature, name)

static double sum_power(const fixture *f, size_t start, int power) {
    double sum = 0;
    for (size_t i = 0; i < f->steps; i++)
        sum += f->weights[start * f->steps + i] * pow(f->nodes[start * f->steps + i], power);
    return sum;
}

/* Gauss's rule: m nodes give v'A^k v exactly up to k = 2 m - 1, of every start's own v. */
ON_EVERY_DEVICE(gives_moments_exactly) {
    enum { n = 25, steps = 4, starts = 3 };
    double lambda[n], v[n], product[n], next[n];
    for (int i = 0; i < n; i++)
        lambda[i] = cos(i) + 0.1 * i / n;
    double *a = matrix_with_spectrum(n, lambda, 5);
    fixture f = setup(on, n, steps, starts, a);
    const double bound = 200 * (on->dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON);
    for (size_t k = 0; k < starts; k++) {
        gn_random_normal(SEED, GN_STREAM_AUXILIARY, k * (n + 1), n, 0, 1, v);
        const double length = sqrt(dot_dense(n, v, v));
        for (int i = 0; i < n; i++)
            product[i] = v[i] /= length;
        for (int power = 0; power < 2 * steps; power++) {
            const double expected = dot_dense(n, v, product) / starts, found = sum_power(&f, k, power);
            cr_expect(fabs(found - expected) < bound, "start %zu, power %d: %.15g, not %.15g", k, power,
                      found, expected);
            multiply_dense(n, n, a, product, next);
            for (int i = 0; i < n; i++)
                product[i] = next[i];
        }
        cr_expect(f.nodes[k * steps] < f.nodes[k * steps + 1], "ascending");
    }
    free(a);
    teardown(&f);
}

/* The part of the spectrum up to x: of weights, and of LAPACK's eigenvalues. */
static double weight_up_to(const fixture *f, double x) {
    double sum = 0;
    for (size_t i = 0; i < f->starts * f->steps; i++)
        sum += f->nodes[i] <= x ? f->weights[i] : 0;
    return sum;
}

static double *dense_eigenvalues(gn_context *context, size_t n, const double *a) {
    size_t bytes;
    gn_array *matrix = device_array(context, GN_FLOAT64, n, n, a);
    gn_array *values = device_array(context, GN_FLOAT64, n, 1, NULL);
    OK(context, GN_OP(context, eigh_workspace, GN_FLOAT64, n, &bytes));
    gn_array *work = device_array(context, GN_FLOAT64, bytes / 8 + 1, 1, NULL);
    OK(context, gn_eigh(context, GN_FLOAT64, n, matrix->data, n, values->data, work->data, bytes));
    double *found = host_values(values);
    gn_array_destroy(matrix);
    gn_array_destroy(values);
    gn_array_destroy(work);
    return found;
}

/* Many starts: each eigenvalue has 1/n of the weight, give or take what 40 normals do. */
Test(quadrature, is_the_density_of_the_eigenvalues) {
    enum { n = 60, starts = 40 };
    const device_type on = {"cpu", GN_FLOAT64};
    double *a = random_gram(n, n / 2, 3);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] -= 2;
    fixture f = setup(&on, n, n, starts, a);
    double *lambda = dense_eigenvalues(f.context, n, a), worst = 0, sum = 0, mean = 0, log_mean = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        const double gap = lambda[i + 1] - lambda[i], expected = (double)(i + 1) / n;
        if (gap > 1e-6) /* between two that differ */
            worst = fmax(worst, fabs(weight_up_to(&f, lambda[i] + gap / 2) - expected));
    }
    cr_expect_lt(worst, 0.05, "the distribution is off by %g", worst);
    for (size_t i = 0; i < starts * n; i++) {
        sum += f.weights[i];
        mean += f.weights[i] * f.nodes[i];
    }
    for (size_t i = 0; i < n; i++)
        log_mean += lambda[i] / n;
    cr_expect(fabs(sum - 1) < 1e-13, "weights sum to %.17g", sum);
    cr_expect(fabs(mean - log_mean) < 0.1 * fabs(lambda[n - 1]), "%g, not %g", mean, log_mean);
    free(lambda), free(a);
    teardown(&f);
}

/* -2 thirty times: two nodes, and what is left of a row repeats the last with weight 0. */
Test(quadrature, fills_up_a_run_that_ended) {
    enum { n = 30, steps = 6 };
    const device_type on = {"check", GN_FLOAT64};
    double lambda[n];
    for (int i = 0; i < n; i++)
        lambda[i] = i < 10 ? 3 : -2;
    double *a = matrix_with_spectrum(n, lambda, 8);
    fixture f = setup(&on, n, steps, 2, a);
    for (size_t k = 0; k < 2; k++) {
        const double *nodes = f.nodes + k * steps, *weights = f.weights + k * steps;
        cr_expect(fabs(nodes[0] + 2) < 1e-12 && fabs(nodes[1] - 3) < 1e-12);
        cr_expect(fabs(weights[0] + weights[1] - 0.5) < 1e-13);
        for (size_t i = 2; i < steps; i++)
            cr_expect(nodes[i] == nodes[1] && weights[i] == 0);
    }
    cr_expect_eq(gn_lanczos_count(f.lanczos), 2);
    cr_expect_eq(gn_lanczos_values(f.lanczos)[1], f.nodes[1], "left at start 0");
    free(a);
    teardown(&f);
}

/* Coefficients in the Ritz vectors are the products with them. */
ON_EVERY_DEVICE(lanczos_projects_on_its_vectors) {
    enum { n = 25, steps = 9 };
    double lambda[n], coefficients[steps];
    for (int i = 0; i < n; i++)
        lambda[i] = i;
    double *a = matrix_with_spectrum(n, lambda, 6), *x = random_values(4, n);
    fixture f = setup(on, n, steps, 1, a);
    gn_array *on_device = device_array(f.context, on->dtype, n, 1, x);
    gn_array *vector = device_array(f.context, on->dtype, n, 1, NULL);
    OK(f.context, gn_lanczos_project(f.lanczos, on_device->data, coefficients));
    for (size_t i = 0; i < steps; i++) {
        OK(f.context, gn_lanczos_vector(f.lanczos, i, vector->data));
        double *values = host_values(vector);
        const double expected = dot_dense(n, values, x);
        cr_expect(fabs(coefficients[i] - expected) <
                      100 * (on->dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON),
                  "%zu: %g, not %g", i, coefficients[i], expected);
        free(values);
    }
    gn_array_destroy(on_device);
    gn_array_destroy(vector);
    free(a), free(x);
    teardown(&f);
}
