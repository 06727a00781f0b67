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
