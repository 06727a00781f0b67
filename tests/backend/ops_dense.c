/* Cases of symmetric matrices. NaN fills the upper triangles, which nobody may read. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "gnewt/random.h"
#include "op_case.h"

/* A random symmetric matrix; `shift` on the diagonal makes it as definite as wanted. Its upper triangle is
 * NaN on the device and symmetric in the host values that are returned. */
static double *add_symmetric(op_run *run, size_t n, double shift) {
    double *values = malloc((n * n + 1) * sizeof(double));
    gn_random_uniform(5, GN_STREAM_AUXILIARY, 0, n * n, -1, 1, values);
    for (size_t i = 0; i < n; i++) {
        values[i * n + i] += shift;
        for (size_t j = i + 1; j < n; j++)
            values[i * n + j] = NAN;
    }
    double *host = add_values(run, n, n, run->c->pad, values);
    free(values);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            host[i * n + j] = host[j * n + i];
    return host;
}

static void forget_upper(double *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            a[i * n + j] = ANYTHING;
}

/* The lower factor over the lower triangle. */
static void plain_cholesky(double *a, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (size_t l = 0; l < j; l++)
                sum -= a[i * n + l] * a[j * n + l];
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
}

/* ---- cholesky ---- */

static void prepare_cholesky(op_run *run) {
    size_t bytes = 0;
    add_symmetric(run, run->c->n, 1 + (double)run->c->n);
    cr_assert_eq(GN_OP(run->context, cholesky_workspace, run->dtype, run->c->n, &bytes), GN_OK);
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT64, 1, bytes / 8 + 1, "work"),
                 GN_OK);
}

static gn_status call_cholesky(op_run *run) {
    size_t bytes = 0;
    GN_TRY(GN_OP(run->context, cholesky_workspace, run->dtype, run->c->n, &bytes));
    return GN_OP(run->context, cholesky, run->dtype, run->c->n, device_pointer(run, 0), row_distance(run, 0),
                 run->index_buffer.data, bytes);
}

static void expect_cholesky(op_run *run) {
    plain_cholesky(run->x[0].host, run->c->n);
    forget_upper(run->x[0].host, run->c->n);
    allow(run, 0, 8 + (double)run->c->n);
}

/* ---- cholesky_solve: the m rows of x1 = (L L')^-1 x1 ---- */

static void prepare_solve(op_run *run) {
    const size_t n = run->c->n;
    double *factor = malloc((n * n + 1) * sizeof(double));
    gn_random_uniform(5, GN_STREAM_AUXILIARY, 0, n * n, -1, 1, factor);
    for (size_t i = 0; i < n; i++) {
        factor[i * n + i] += 1 + (double)n;
        for (size_t j = i + 1; j < n; j++)
            factor[i * n + j] = factor[j * n + i];
    }
    plain_cholesky(factor, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            factor[i * n + j] = NAN;
    add_values(run, n, n, run->c->pad, factor);
    add_uniform(run, run->c->m, n, 0, -1, 1);
    free(factor);
}

static gn_status call_solve(op_run *run) {
    return GN_OP(run->context, cholesky_solve, run->dtype, run->c->n, device_pointer(run, 0),
                 row_distance(run, 0), run->c->m, device_pointer(run, 1));
}

static void expect_solve(op_run *run) {
    const size_t n = run->c->n;
    const double *l = run->x[0].host;
    for (size_t row = 0; row < run->c->m; row++) {
        double *b = run->x[1].host + row * n;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < i; j++)
                b[i] -= l[i * n + j] * b[j];
            b[i] /= l[i * n + i];
        }
        for (size_t i = n; i-- > 0;) {
            for (size_t j = i + 1; j < n; j++)
                b[i] -= l[j * n + i] * b[j];
            b[i] /= l[i * n + i];
        }
    }
    allow(run, 1, 20 + (double)n);
}

/* ---- eigh: x0 becomes the eigenvectors as rows, x1 the values ---- */

static void prepare_eigh(op_run *run) {
    size_t bytes = 0;
    add_symmetric(run, run->c->n, 0.5);
    add_output(run, 1, run->c->n, 0);
    cr_assert_eq(GN_OP(run->context, eigh_workspace, run->dtype, run->c->n, &bytes), GN_OK);
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT64, 1, bytes / 8 + 1, "work"),
                 GN_OK);
}

static gn_status call_eigh(op_run *run) {
    size_t bytes = 0;
    GN_TRY(GN_OP(run->context, eigh_workspace, run->dtype, run->c->n, &bytes));
    return GN_OP(run->context, eigh, run->dtype, run->c->n, device_pointer(run, 0), row_distance(run, 0),
                 device_pointer(run, 1), run->index_buffer.data, bytes);
}

/* |A v_i - lambda_i v_i| and |v_i . v_j - delta_ij| within `bound` of the matrix's size. */
static void verify_pair(const double *a, const double *v, const double *values, size_t n, size_t i,
                        double bound) {
    for (size_t row = 0; row < n; row++) {
        double product = -values[i] * v[i * n + row];
        for (size_t j = 0; j < n; j++)
            product += a[row * n + j] * v[i * n + j];
        cr_assert_lt(fabs(product), bound * (1 + (double)n), "residual %g of eigenvector %zu of %zu", product,
                     i, n);
    }
    for (size_t j = 0; j <= i; j++) {
        double product = 0;
        for (size_t l = 0; l < n; l++)
            product += v[i * n + l] * v[j * n + l];
        cr_assert_lt(fabs(product - (i == j)), bound, "eigenvectors %zu and %zu of %zu: %g", i, j, n,
                     product);
    }
}

static void expect_eigh(op_run *run) {
    const size_t n = run->c->n;
    double *v = fetch(run, 0), *values = fetch(run, 1);
    const double bound = run->epsilon * (20 + 2 * (double)n);
    for (size_t i = 0; i < n; i++) {
        cr_assert(i == 0 || values[i - 1] <= values[i], "eigenvalues are not ascending");
        verify_pair(run->x[0].host, v, values, n, i, bound);
    }
    for (size_t i = 0; i < n * n; i++)
        run->x[0].host[i] = ANYTHING;
    for (size_t i = 0; i < n; i++)
        run->x[1].host[i] = ANYTHING;
    free(v);
    free(values);
}

/* ---- eigenvalues: of a path's Laplacian they are 2 - 2 cos(pi k / n); x0 is lost, x1 the values ---- */

static void prepare_eigenvalues(op_run *run) {
    const size_t n = run->c->n;
    double *a = calloc(n * n + 1, sizeof(double));
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            a[i * n + j] = j > i ? NAN : j == i ? (double)((i > 0) + (i + 1 < n)) : j + 1 == i ? -1 : 0;
    add_values(run, n, n, run->c->pad, a);
    add_output(run, 1, n, 0);
    cr_assert_eq(GN_OP(run->context, eigh_workspace, run->dtype, n, &bytes), GN_OK);
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT64, 1, bytes / 8 + 1, "work"),
                 GN_OK);
    free(a);
}

static gn_status call_eigenvalues(op_run *run) {
    size_t bytes = 0;
    GN_TRY(GN_OP(run->context, eigh_workspace, run->dtype, run->c->n, &bytes));
    return GN_OP(run->context, eigenvalues, run->dtype, run->c->n, device_pointer(run, 0),
                 row_distance(run, 0), device_pointer(run, 1), run->index_buffer.data, bytes);
}

static void expect_eigenvalues(op_run *run) {
    const size_t n = run->c->n;
    double *values = fetch(run, 1);
    for (size_t i = 0; i < n; i++) {
        const double exact = 2 - 2 * cos(acos(-1) * (double)i / (double)n);
        cr_assert_lt(fabs(values[i] - exact), run->epsilon * (20 + 2 * (double)n), "%zu of %zu: %g, not %g",
                     i, n, values[i], exact);
        run->x[1].host[i] = ANYTHING;
    }
    for (size_t i = 0; i < n * n; i++)
        run->x[0].host[i] = ANYTHING;
    free(values);
}

/* ---- symmetrize ---- */

static void prepare_symmetrize(op_run *run) {
    add_symmetric(run, run->c->n, 0);
}

static gn_status call_symmetrize(op_run *run) {
    return GN_OP(run->context, symmetrize, run->dtype, run->c->n, device_pointer(run, 0),
                 row_distance(run, 0));
}

static void expect_as_prepared(op_run *run) {
    (void)run; /* add_symmetric's host values are symmetric */
}

/* ---- add_damping: alpha damping, beta floor ---- */

static void prepare_damping(op_run *run) {
    add_symmetric(run, run->c->n, 2);
    add_slots(run, 1);
}

static gn_status call_damping(op_run *run) {
    return GN_OP(run->context, add_damping, run->dtype, run->c->n, device_pointer(run, 0),
                 row_distance(run, 0), run->c->alpha, run->c->beta, device_pointer(run, 1));
}

static void expect_damping(op_run *run) {
    const size_t n = run->c->n;
    double *a = run->x[0].host, trace = 0;
    for (size_t i = 0; i < n; i++)
        trace += a[i * n + i];
    const double mu = fmax(run->c->alpha, run->c->beta * trace);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] += mu;
    forget_upper(a, n);
    run->x[1].host[0] = mu;
    allow(run, 0, 4);
    allow(run, 1, 1e3);
}

/* ---- spectral_filter: alpha damping, beta floor, gamma cut-off; values x0, in x1, out x2 ----
 */

static void add_spectrum(op_run *run) {
    const size_t n = run->c->n;
    double *values = malloc((n + 1) * sizeof(double));
    for (size_t i = 0; i < n; i++) /* ascending, from slightly below 0 over eight decades */
        values[i] = i == 0 ? -1e-9 : pow(10, 8.0 * (double)i / (double)n - 6);
    add_values(run, 1, n, 0, values);
    add_uniform(run, 1, n, 0, -1, 1);
    add_output(run, 1, n, 0);
    free(values);
}

static void prepare_filter(op_run *run) {
    add_spectrum(run);
    add_slots(run, 2);
}

static gn_status call_filter(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, spectral_filter, run->dtype, c->n, device_pointer(run, 0), c->alpha, c->beta,
                 c->gamma, device_pointer(run, 1), device_pointer(run, c->alias ? 1 : 2),
                 device_pointer(run, 3));
}

static void expect_filter(op_run *run) {
    const op_case *c = run->c;
    const double *values = run->x[0].host, *in = run->x[1].host;
    double *out = run->x[c->alias ? 1 : 2].host, largest = c->n ? fmax(values[c->n - 1], 0) : 0, kept = 0;
    const double mu = fmax(c->alpha, c->beta * largest);
    for (size_t i = 0; i < c->n; i++) {
        const double lambda = fmax(values[i], 0);
        const bool keep = lambda > c->gamma * largest;
        out[i] = keep ? in[i] / (lambda + mu) : 0;
        kept += keep;
    }
    run->x[3].host[0] = mu;
    run->x[3].host[1] = kept;
    allow(run, c->alias ? 1 : 2, 8);
    allow(run, 3, 8);
}

/* ---- spectral_power: alpha exponent, beta floor, gamma mu; flag: normalized; kind 1: an order; alias: out
 * is in, transpose_a: no in; values x0, in x1, out x2, mu x3 ---- */

static void prepare_power(op_run *run) {
    const size_t n = run->c->n;
    add_spectrum(run);
    add_scalar(run, run->c->gamma);
    if (run->c->kind == 0)
        return;
    run->index = malloc((n + 1) * sizeof *run->index);
    gn_random_permutation(3, GN_STREAM_AUXILIARY, 0, n, run->index);
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT32, 1, n, "an order"), GN_OK);
    cr_assert_eq(GN_OP(run->context, upload, run->index_buffer.data, run->index, n * sizeof *run->index),
                 GN_OK);
}

static gn_status call_power(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, spectral_power, run->dtype, c->n, device_pointer(run, 0), c->alpha, c->beta,
                 c->flag, c->kind ? run->index_buffer.data : NULL, device_pointer(run, 3),
                 c->transpose_a ? NULL : device_pointer(run, 1), device_pointer(run, c->alias ? 1 : 2));
}

static void expect_power(op_run *run) {
    const op_case *c = run->c;
    const double *values = run->x[0].host, *in = run->x[1].host;
    double *out = run->x[c->alias ? 1 : 2].host, *mu = run->x[3].host, most = 0;
    double *gains = malloc((c->n + 1) * sizeof *gains);
    if (*mu < 0)
        *mu = -*mu * (c->n ? fmax(values[c->n - 1], c->beta) : c->beta);
    for (size_t i = 0; i < c->n; i++) {
        const double lambda = fmax(values[c->kind ? run->index[i] : i], c->beta);
        gains[i] = pow(lambda + *mu, -c->alpha);
        gains[i] = isinf(gains[i]) ? 0 : gains[i];
        most = fmax(most, fmax(values[i], c->beta) * gains[i]);
    }
    for (size_t i = 0; i < c->n; i++) {
        const double gain = !c->flag ? gains[i] : most > 0 ? gains[i] / most : 0;
        out[i] = (c->transpose_a ? 1 : in[i]) * gain;
    }
    allow(run, c->alias ? 1 : 2, 16);
    allow(run, 3, 8);
    free(gains);
}

/* ---- the list ---- */

static const op_family cholesky_workspace = {"cholesky_workspace", prepare_cholesky, call_cholesky,
                                             expect_cholesky, true};
static const op_family cholesky = {"cholesky", prepare_cholesky, call_cholesky, expect_cholesky, true};
static const op_family solve = {"cholesky_solve", prepare_solve, call_solve, expect_solve, true};
static const op_family eigh_workspace = {"eigh_workspace", prepare_eigh, call_eigh, expect_eigh, true};
static const op_family eigh = {"eigh", prepare_eigh, call_eigh, expect_eigh, true};
static const op_family eigenvalues = {"eigenvalues", prepare_eigenvalues, call_eigenvalues,
                                      expect_eigenvalues, true};
static const op_family symmetrize = {"symmetrize", prepare_symmetrize, call_symmetrize, expect_as_prepared,
                                     false};
static const op_family damping = {"add_damping", prepare_damping, call_damping, expect_damping, false};
static const op_family filter = {"spectral_filter", prepare_filter, call_filter, expect_filter, false};
static const op_family power = {"spectral_power", prepare_power, call_power, expect_power, false};

static void add_powers(case_list *list, size_t n) {
    static const double exponents[] = {-0.5, 0, 0.5, 1, 1.5};
    for (int i = 0; i < 10; i++)
        add_case(list, (op_case){.family = &power,
                                 .n = n,
                                 .alpha = exponents[i % 5],
                                 .beta = i % 3 == 0 ? 1e-5 : 0,
                                 .gamma = i % 4 == 0   ? -1e-6
                                          : i % 4 == 1 ? 1e-3
                                                       : 0,
                                 .flag = i % 2 == 0 || i > 6,
                                 .kind = i > 4,
                                 .alias = i == 3,
                                 .transpose_a = i == 7});
    /* gains beyond all numbers, of the floor */
    add_case(list, (op_case){.family = &power, .n = n, .alpha = 2, .beta = 1e-200});
}

static void add_size(case_list *list, size_t n, size_t pad) {
    const op_family *const square[] = {&cholesky, &solve, &eigh, &eigenvalues, &symmetrize};
    for (int f = 0; f < 5; f++)
        add_case(list, (op_case){.family = square[f], .m = 1, .n = n, .pad = pad});
    for (size_t rows = 0; rows <= 40; rows += 20)
        add_case(list, (op_case){.family = &solve, .m = rows, .n = n, .pad = pad});
    for (int which = 0; which < 3; which++) /* the damping, the floor, neither */
        add_case(list, (op_case){.family = &damping,
                                 .n = n,
                                 .pad = pad,
                                 .alpha = which == 0 ? 0.5 : 0,
                                 .beta = which == 1 ? 1e-2 : 0});
    for (int which = 0; which < 6; which++)
        add_case(list, (op_case){.family = &filter,
                                 .n = n,
                                 .alpha = which % 3 == 0 ? 1e-3 : 0,
                                 .beta = which % 3 == 1 ? 1e-4 : 0,
                                 .gamma = which % 2 ? 1e-5 : 0,
                                 .delta = which < 3 ? 1 : 0.5,
                                 .alias = which == 4});
}

void add_dense_cases(case_list *list) {
    static const size_t sizes[] = {0, 1, 2, 3, 31, 33, 100, 257};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t pad = 0; pad <= 5; pad += 5)
            add_size(list, sizes[i], pad);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        add_powers(list, sizes[i]);
    add_powers(list, 1500);
    add_case(list, (op_case){.family = &cholesky_workspace, .n = 33});
    add_case(list, (op_case){.family = &eigh_workspace, .n = 33});
    add_case(list, (op_case){.family = &symmetrize, .n = 1000});
    add_case(list, (op_case){.family = &filter, .n = 1000, .gamma = 1e-6, .delta = 1});
}
