/* Preconditioners against their dense formulas, and what they do for CG. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "solve/cg.h"
#include "solve/solve_case.h"

#define ON_EVERY_DEVICE(name)                                                                                \
    ParameterizedTestParameters(preconditioner, name) {                                                      \
        size_t count;                                                                                        \
        device_type *types = device_types(&count);                                                           \
        return cr_make_param_array(device_type, types, count);                                               \
    }                                                                                                        \
    ParameterizedTest(device_type *on, preconditioner, name)

/* z = P^-1 r on the device */
static double *applied(gn_preconditioner *p, const double *r) {
    const size_t count = p->rows * p->n;
    gn_array *from = device_array(p->context, p->dtype, p->rows, p->n, r),
             *to = device_array(p->context, p->dtype, p->rows, p->n, NULL);
    OK(p->context, p->interface->apply(p, from->data, to->data));
    double *z = read_vector(p->context, p->dtype, count, to->data);
    gn_array_destroy(from);
    gn_array_destroy(to);
    return z;
}

/* ---- Jacobi ---- */

static gn_status write_diagonal(void *user, void *d) {
    const gn_array *values = user;
    return GN_OP(values->context, copy, d, values->data,
                 gn_array_count(values) * gn_dtype_size(values->dtype));
}

ON_EVERY_DEVICE(jacobi_divides_by_the_damped_diagonal) {
    enum { n = 5, rows = 3 };
    const double diagonal[n] = {4, 0, 0.5, 2, 8}, damping[rows] = {0, 0.5, 2},
                 r[rows * n] = {1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 2, 2, 2, 2, -2};
    gn_context *context = device_open(on->device);
    gn_array *values = device_array(context, on->dtype, n, 1, diagonal);
    gn_preconditioner *p;
    OK(context, gn_preconditioner_create_jacobi(context, on->dtype, rows, n, write_diagonal, values, &p));
    OK(context, gn_preconditioner_set_damping(p, damping));
    OK(context, gn_preconditioner_update(p));
    double *z = applied(p, r);
    for (size_t i = 0; i < rows * n; i++) {
        const double sum = diagonal[i % n] + damping[i / n], expected = sum > 0 ? r[i] / sum : 0;
        cr_expect(fabs(z[i] - expected) < 1e-6, "[%zu]: %g, not %g", i, z[i], expected);
    }
    free(z);
    gn_preconditioner_destroy(p);
    gn_array_destroy(values);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

/* Where nothing has curvature the damping alone is left. */
ON_EVERY_DEVICE(jacobi_of_zeros_divides_by_the_damping) {
    const double diagonal[3] = {0, 0, 0}, damping = 0.5, r[3] = {1, -2, 3};
    gn_context *context = device_open(on->device);
    gn_array *values = device_array(context, on->dtype, 3, 1, diagonal);
    gn_preconditioner *p;
    OK(context, gn_preconditioner_create_jacobi(context, on->dtype, 1, 3, write_diagonal, values, &p));
    OK(context, gn_preconditioner_set_damping(p, &damping));
    OK(context, gn_preconditioner_update(p));
    double *z = applied(p, r);
    for (size_t i = 0; i < 3; i++)
        cr_expect(fabs(z[i] - 2 * r[i]) < 1e-6, "[%zu]: %g", i, z[i]);
    free(z);
    gn_preconditioner_destroy(p);
    gn_array_destroy(values);
    gn_context_destroy(context);
}

/* ---- Nystrom ---- */

/* Eigenvalues fall by 10 every `fall` of them. */
static double *falling_matrix(size_t n, double fall, uint64_t seed) {
    double *lambda = malloc(n * sizeof *lambda);
    for (size_t i = 0; i < n; i++)
        lambda[i] = pow(10, -(double)i / fall);
    double *a = matrix_with_spectrum(n, lambda, seed);
    free(lambda);
    return a;
}

/* Eigenvectors as rows, eigenvalues ascending: the CPU's, in float64. */
static void eigen(size_t n, double *a, double *values) {
    gn_context *context = device_open("cpu");
    size_t bytes;
    OK(context, GN_OP(context, eigh_workspace, GN_FLOAT64, n, &bytes));
    void *work = malloc(bytes + 1);
    OK(context, GN_OP(context, eigh, GN_FLOAT64, n, a, n, values, work, bytes));
    free(work);
    gn_context_destroy(context);
}

/* Y' (Omega Y')^-1 Y with the preconditioner's own test matrix, rank x n. */
static double *nystrom_approximation(size_t n, size_t rank, uint64_t seed, const double *a) {
    double *omega = malloc(rank * n * sizeof *omega), *y = malloc(rank * n * sizeof *y),
           *core = malloc(rank * rank * sizeof *core), *column = malloc(rank * sizeof *column),
           *solved = malloc(rank * sizeof *solved), *result = calloc(n * n, sizeof *result);
    for (size_t i = 0; i < rank; i++) {
        gn_random_normal(seed, GN_STREAM_AUXILIARY, i * (n + n % 2), n, 0, 1, omega + i * n);
        multiply_dense(n, n, a, omega + i * n, y + i * n);
    }
    for (size_t i = 0; i < rank; i++)
        for (size_t j = 0; j < rank; j++)
            core[i * rank + j] = dot_dense(n, omega + i * n, y + j * n);
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < rank; k++)
            column[k] = y[k * n + j];
        eliminate(rank, core, 0, column, solved);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < rank; k++)
                result[i * n + j] += y[k * n + i] * solved[k];
    }
    free(omega), free(y), free(core), free(column), free(solved);
    return result;
}

/* (lambda_rank + mu) U (Lambda + mu I)^-1 U'r + (I - U U') r */
static void dense_formula(size_t n, size_t rank, const double *vectors, const double *values, double mu,
                          const double *r, double *z) {
    memcpy(z, r, n * sizeof *z);
    for (size_t k = n - rank; k < n; k++) {
        const double *u = vectors + k * n, along = dot_dense(n, u, r);
        for (size_t i = 0; i < n; i++)
            z[i] += ((values[n - rank] + mu) / (values[k] + mu) - 1) * along * u[i];
    }
}

static void check_formula(const device_type *on, size_t n, size_t rank, size_t rows) {
    const double damping[3] = {1e-2, 1e-3, 0.5};
    double *a = falling_matrix(n, 10, n), *r = random_values(5, rows * n),
           *values = malloc(n * sizeof *values), *expected = malloc(n * sizeof *expected),
           *vectors = nystrom_approximation(n, rank, 3, a);
    gn_context *context = device_open(on->device);
    dense_map *map = dense_map_create(context, on->dtype, n, n, a);
    gn_preconditioner *p;
    eigen(n, vectors, values);
    OK(context,
       gn_preconditioner_create_nystrom(context, on->dtype, rows, n, rank, 3, dense_operator(map), &p));
    OK(context, gn_preconditioner_update(p));
    OK(context, gn_preconditioner_set_damping(p, damping));
    double *z = applied(p, r);
    for (size_t i = 0; i < rows; i++) {
        dense_formula(n, rank, vectors, values, damping[i], r + i * n, expected);
        const double error = relative_difference(n, z + i * n, expected);
        cr_expect(error < (on->dtype == GN_FLOAT64 ? 1e-10 : 2e-3), "n = %zu, rank %zu, row %zu: %g", n, rank,
                  i, error);
    }
    cr_expect_eq(map->calls, 1);
    free(a), free(r), free(values), free(expected), free(vectors), free(z);
    gn_preconditioner_destroy(p);
    dense_map_destroy(map);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

ON_EVERY_DEVICE(nystrom_is_its_dense_formula) {
    check_formula(on, 40, 12, 1);
    check_formula(on, 41, 12, 3);
    check_formula(on, 7, 1, 1);
    check_formula(on, 9, 9, 2);
}

/* CG's iterations to `relative`, with the preconditioner or without. */
static gn_cg_report solve_with(gn_context *context, gn_dtype dtype, dense_map *map, gn_preconditioner *p,
                               double mu, double relative, const double *b) {
    const size_t n = map->a.shape[0];
    const gn_cg_options options = {
        .rows = 1, .n = n, .iterations = 400, .a = dense_operator(map), .preconditioner = p};
    gn_cg *cg;
    gn_cg_report report;
    OK(context, gn_cg_create(context, dtype, &options, &cg));
    OK(context, gn_cg_set_rule(cg, 0, (gn_solve_rule){.damping = mu, .relative = relative, .limit = 400}));
    write_vector(context, dtype, n, gn_cg_right_hand_side(cg), b);
    OK(context, gn_cg_solve(cg, false));
    OK(context, gn_cg_report_read(cg, &report));
    gn_cg_destroy(cg);
    return report;
}

ON_EVERY_DEVICE(nystrom_saves_iterations_where_the_spectrum_falls_fast) {
    enum { n = 90, rank = 30 };
    const double mu = on->dtype == GN_FLOAT64 ? 1e-6 : 1e-4,
                 relative = on->dtype == GN_FLOAT64 ? 1e-10 : 1e-4;
    double *a = falling_matrix(n, 6, 4), *b = random_values(6, n);
    gn_context *context = device_open(on->device);
    dense_map *map = dense_map_create(context, on->dtype, n, n, a);
    gn_preconditioner *p;
    OK(context, gn_preconditioner_create_nystrom(context, on->dtype, 1, n, rank, 1, dense_operator(map), &p));
    OK(context, gn_preconditioner_update(p));
    const gn_cg_report plain = solve_with(context, on->dtype, map, NULL, mu, relative, b),
                       helped = solve_with(context, on->dtype, map, p, mu, relative, b);
    cr_expect_eq(plain.reason, GN_STOP_CONVERGED, "%s", gn_stop_text(plain.reason));
    cr_expect_eq(helped.reason, GN_STOP_CONVERGED, "%s", gn_stop_text(helped.reason));
    cr_expect(3 * helped.iterations < plain.iterations, "%zu, without %zu", helped.iterations,
              plain.iterations);
    free(a), free(b);
    gn_preconditioner_destroy(p);
    dense_map_destroy(map);
    gn_context_destroy(context);
}

/* Of lower rank than the approximation, and nothing at all: what is not there is left out. */
ON_EVERY_DEVICE(nystrom_takes_singular_matrices) {
    enum { n = 30, rank = 10 };
    for (size_t true_rank = 0; true_rank < 5; true_rank += 4) {
        double *a = random_gram(n, true_rank, 2), *b = random_values(3, n);
        gn_context *context = device_open(on->device);
        dense_map *map = dense_map_create(context, on->dtype, n, n, a);
        gn_preconditioner *p;
        OK(context,
           gn_preconditioner_create_nystrom(context, on->dtype, 1, n, rank, 1, dense_operator(map), &p));
        OK(context, gn_preconditioner_update(p));
        const gn_cg_report report = solve_with(context, on->dtype, map, p, 0.01, 1e-4, b);
        cr_expect_eq(report.reason, GN_STOP_CONVERGED, "%s", gn_stop_text(report.reason));
        cr_expect_leq(report.iterations, true_rank + 2);
        free(a), free(b);
        gn_preconditioner_destroy(p);
        dense_map_destroy(map);
        gn_context_destroy(context);
    }
}

Test(preconditioner, nystrom_refuses_ranks_that_cannot_be) {
    gn_context *context = device_open("check");
    gn_preconditioner *p;
    const gn_operator none = {.apply = NULL};
    cr_expect_eq(gn_preconditioner_create_nystrom(context, GN_FLOAT64, 1, 5, 6, 0, none, &p),
                 GN_ERROR_ARGUMENT);
    cr_expect_null(p);
    cr_expect_eq(gn_preconditioner_create_nystrom(context, GN_FLOAT64, 1, 5, 0, 0, none, &p),
                 GN_ERROR_ARGUMENT);
    gn_context_destroy(context);
}

/* ---- Kronecker factors ---- */

enum { KFAC_LAYERS = 2, KFAC_N = 4 * 4 + 2 * 5 + 3 };

/* A layer with a bias and one without, which lie apart, and three unknowns of no layer. */
static const gn_kronecker_shape kfac_shapes[KFAC_LAYERS] = {
    {.out = 4, .in = 3, .weight = 2, .bias = 14 + 10},
    {.out = 2, .in = 5, .weight = 14, .bias = GN_KRONECKER_NO_BIAS}};
static const size_t kfac_rest[3] = {0, 1, 28};

typedef struct kfac_case {
    gn_array *a[KFAC_LAYERS], *b[KFAC_LAYERS], *diagonal;
} kfac_case;

static size_t inputs_of(size_t layer) {
    return kfac_shapes[layer].in + (kfac_shapes[layer].bias != GN_KRONECKER_NO_BIAS);
}

static size_t kfac_layers(void *user) {
    (void)user;
    return KFAC_LAYERS;
}

static gn_kronecker_shape kfac_shape(void *user, size_t layer) {
    (void)user;
    return kfac_shapes[layer];
}

static gn_status copy_array(const gn_array *from, void *to) {
    return GN_OP(from->context, copy, to, from->data, gn_array_count(from) * gn_dtype_size(from->dtype));
}

static gn_status kfac_factors(void *user, size_t layer, void *a, void *b) {
    const kfac_case *c = user;
    GN_TRY(copy_array(c->a[layer], a));
    return copy_array(c->b[layer], b);
}

static gn_status kfac_diagonal(void *user, void *d) {
    return copy_array(((kfac_case *)user)->diagonal, d);
}

static gn_kronecker_source kfac_source(kfac_case *c) {
    return (gn_kronecker_source){kfac_layers, kfac_shape, kfac_factors, kfac_diagonal, c};
}

static double trace_of(size_t n, const double *a) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i * n + i];
    return sum;
}

/* Element [o, i] of a layer in a vector of all unknowns; i = in is the bias. */
static double element(const gn_kronecker_shape *s, const double *x, size_t o, size_t i) {
    return i < s->in ? x[s->weight + o * s->in + i] : x[s->bias + o];
}

/* The largest difference of (b + mu I / delta) Z (a + delta I) from R. */
static double layer_error(size_t layer, const double *a, const double *b, double mu, const double *r,
                          const double *z) {
    const gn_kronecker_shape *s = &kfac_shapes[layer];
    const size_t in = inputs_of(layer), out = s->out;
    const double ratio = sqrt(trace_of(in, a) / (double)in / (trace_of(out, b) / (double)out)),
                 da = ratio * sqrt(mu), db = sqrt(mu) / ratio;
    double worst = 0;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++) {
            double sum = 0;
            for (size_t p = 0; p < out; p++)
                for (size_t k = 0; k < in; k++)
                    sum += (b[o * out + p] + (o == p ? db : 0)) * element(s, z, p, k) *
                           (a[k * in + i] + (k == i ? da : 0));
            worst = fmax(worst, fabs(sum - element(s, r, o, i)));
        }
    return worst;
}

ON_EVERY_DEVICE(kfac_is_its_formula) {
    enum { rows = 3 };
    const double damping[rows] = {0, 1e-2, 0.5};
    gn_context *context = device_open(on->device);
    double *a[KFAC_LAYERS], *b[KFAC_LAYERS], *r = random_values(5, rows * KFAC_N),
                                             *d = calloc(KFAC_N, sizeof *d);
    kfac_case c;
    for (size_t i = 0; i < 3; i++)
        d[kfac_rest[i]] = 1 + (double)i;
    for (size_t k = 0; k < KFAC_LAYERS; k++) {
        const size_t in = inputs_of(k), out = kfac_shapes[k].out;
        a[k] = random_gram(in, in + 3, 11 + k);
        b[k] = random_gram(out, out + 3, 21 + k);
        c.a[k] = device_array(context, on->dtype, in, in, a[k]);
        c.b[k] = device_array(context, on->dtype, out, out, b[k]);
    }
    c.diagonal = device_array(context, on->dtype, KFAC_N, 1, d);
    gn_preconditioner *p;
    OK(context, gn_preconditioner_create_kfac(context, on->dtype, rows, KFAC_N, kfac_source(&c), &p));
    OK(context, gn_preconditioner_update(p));
    OK(context, gn_preconditioner_set_damping(p, damping));
    double *z = applied(p, r), *again = applied(p, r);
    cr_expect_eq(memcmp(z, again, rows * KFAC_N * sizeof *z), 0, "not the same bits");
    for (size_t i = 0; i < rows; i++) {
        const double *ri = r + i * KFAC_N, *zi = z + i * KFAC_N,
                     tolerance = on->dtype == GN_FLOAT64 ? 1e-10 : 1e-2;
        for (size_t k = 0; k < KFAC_LAYERS; k++) {
            const double error = layer_error(k, a[k], b[k], damping[i], ri, zi);
            cr_expect(error < tolerance, "row %zu, layer %zu: %g", i, k, error);
        }
        for (size_t k = 0; k < 3; k++) {
            const double expected = ri[kfac_rest[k]] / (d[kfac_rest[k]] + damping[i]);
            cr_expect(fabs(zi[kfac_rest[k]] - expected) < 1e-6, "row %zu, rest %zu", i, k);
        }
    }
    for (size_t k = 0; k < KFAC_LAYERS; k++) {
        free(a[k]), free(b[k]);
        gn_array_destroy(c.a[k]), gn_array_destroy(c.b[k]);
    }
    free(r), free(d), free(z), free(again);
    gn_array_destroy(c.diagonal);
    gn_preconditioner_destroy(p);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

static size_t one_layer(void *user) {
    (void)user;
    return 1;
}

static gn_kronecker_shape small_shape(void *user, size_t layer) {
    (void)user;
    (void)layer;
    return (gn_kronecker_shape){.out = 2, .in = 3, .weight = 0, .bias = GN_KRONECKER_NO_BIAS};
}

/* r'P^-1 r > 0 for singular factors (a of rank 1, b zero or of rank 1), with and without damping. */
ON_EVERY_DEVICE(kfac_takes_singular_factors) {
    static const double a[9] = {1, 2, 3, 2, 4, 6, 3, 6, 9}, b[2][4] = {{0}, {1, 1e-3, 1e-3, 1e-6}},
                        dampings[2] = {0, 1e-6};
    gn_context *context = device_open(on->device);
    for (int k = 0; k < 4; k++) {
        kfac_case c = {.a = {device_array(context, on->dtype, 3, 3, a)},
                       .b = {device_array(context, on->dtype, 2, 2, b[k / 2])}};
        const gn_kronecker_source source = {one_layer, small_shape, kfac_factors, NULL, &c};
        gn_preconditioner *p;
        OK(context, gn_preconditioner_create_kfac(context, on->dtype, 1, 6, source, &p));
        OK(context, gn_preconditioner_set_damping(p, &dampings[k % 2]));
        OK(context, gn_preconditioner_update(p));
        for (uint64_t seed = 0; seed < 20; seed++) {
            double *r = random_values(seed, 6), *z = applied(p, r);
            const double product = dot_dense(6, r, z);
            cr_expect(product > 0 && isfinite(product), "b %d, mu %g: %g", k / 2, dampings[k % 2], product);
            free(r), free(z);
        }
        gn_preconditioner_destroy(p);
        gn_array_destroy(c.a[0]), gn_array_destroy(c.b[0]);
    }
    gn_context_destroy(context);
}

static size_t no_layers(void *user) {
    (void)user;
    return 0;
}

Test(preconditioner, kfac_refuses_what_has_no_layers_or_is_not_finite) {
    gn_context *context = device_open("cpu");
    gn_preconditioner *p;
    gn_kronecker_source source = {.layers = no_layers};
    OK(context, gn_preconditioner_create_kfac(context, GN_FLOAT64, 1, 6, source, &p));
    cr_expect_eq(gn_preconditioner_update(p), GN_ERROR_UNSUPPORTED);
    cr_expect(strstr(gn_error_message(context), "linear layers"), "%s", gn_error_message(context));
    gn_preconditioner_destroy(p);
    const double bad[9] = {NAN, 0, 0, 0, 1, 0, 0, 0, 1}, good[4] = {1, 0, 0, 1};
    kfac_case c = {.a = {device_array(context, GN_FLOAT64, 3, 3, bad)},
                   .b = {device_array(context, GN_FLOAT64, 2, 2, good)}};
    source = (gn_kronecker_source){one_layer, small_shape, kfac_factors, NULL, &c};
    OK(context, gn_preconditioner_create_kfac(context, GN_FLOAT64, 1, 6, source, &p));
    cr_expect_eq(gn_preconditioner_update(p), GN_ERROR_NOT_FINITE);
    gn_preconditioner_destroy(p);
    gn_array_destroy(c.a[0]), gn_array_destroy(c.b[0]);
    gn_context_destroy(context);
}
