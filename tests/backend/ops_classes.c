/* Cases of softmax with cross-entropy: m rows of n classes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gnewt/random.h"
#include "op_case.h"

static double rounded(const op_run *run, double value) {
    return run->dtype == GN_FLOAT32 ? (double)(float)value : value;
}

/* Logits up to 5 from 0, and in every third row one at 1000: its exponential overflows, the others vanish. */
static void add_logits(op_run *run) {
    const size_t m = run->c->m, n = run->c->n;
    double *f = malloc((m * n + 1) * sizeof(double));
    gn_random_uniform(5, GN_STREAM_AUXILIARY, 0, m * n, -5, 5, f);
    for (size_t i = 0; i < m; i += 3)
        if (n > 0)
            f[i * n + i % n] = 1000;
    add_values(run, m, n, 0, f);
    free(f);
}

/* The class of row i is i mod n. */
static void add_classes(op_run *run) {
    const size_t m = run->c->m, n = run->c->n;
    double *y = calloc(m * n + 1, sizeof(double));
    for (size_t i = 0; i < m && n > 0; i++)
        y[i * n + i % n] = 1;
    add_values(run, m, n, 0, y);
    free(y);
}

/* Probabilities whose rows sum to 1; in every second row the first is 0. */
static void add_probabilities(op_run *run) {
    const size_t m = run->c->m * positions_of(run->c), n = run->c->n;
    double *p = malloc((m * n + 1) * sizeof(double));
    gn_random_uniform(9, GN_STREAM_AUXILIARY, 0, m * n, 0.1, 1, p);
    for (size_t i = 0; i < m; i++) {
        double sum = 0;
        if (n > 1 && i % 2 == 0)
            p[i * n] = 0;
        for (size_t j = 0; j < n; j++)
            sum += p[i * n + j];
        for (size_t j = 0; j < n; j++)
            p[i * n + j] /= sum;
    }
    add_values(run, m, n, 0, p);
    free(p);
}

/* ---- cross_entropy_loss; alias: the gradient over f ---- */

static void prepare_loss(op_run *run) {
    add_logits(run);
    add_classes(run);
    add_output(run, run->c->m, run->c->n, 0);
    add_output(run, run->c->m, run->c->n, 0);
    add_slots(run, 1);
}

static gn_status call_loss(op_run *run) {
    return GN_OP(run->context, cross_entropy_loss, run->dtype, run->c->m, run->c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, run->c->alias ? 0 : 3),
                 device_pointer(run, 4));
}

static void expect_loss(op_run *run) {
    const size_t n = run->c->n;
    const int gradient = run->c->alias ? 0 : 3;
    double loss = 0;
    for (size_t i = 0; i < run->c->m; i++) {
        const double *f = run->x[0].host + i * n, *y = run->x[1].host + i * n;
        double *p = run->x[2].host + i * n, *g = run->x[gradient].host + i * n, most = -HUGE_VAL, sum = 0;
        for (size_t j = 0; j < n; j++)
            most = fmax(most, f[j]);
        for (size_t j = 0; j < n; j++)
            sum += exp(f[j] - most);
        for (size_t j = 0; j < n; j++) {
            p[j] = exp(f[j] - most) / sum;
            loss -= y[j] != 0 ? f[j] - most - log(sum) : 0;
            g[j] = p[j] - y[j];
        }
    }
    run->x[4].host[0] = loss;
    allow(run, 2, 8);
    allow(run, gradient, 8);
    allow(run, 4, run->dtype == GN_FLOAT64 ? 1e3 : 1e8); /* of float64: the exponentials are the type's */
}

/* ---- softmax_hessian: alpha; alias: over u ---- */

static void prepare_hessian(op_run *run) {
    add_probabilities(run);
    add_uniform(run, run->c->m, run->c->n, 0, -1, 1);
    add_output(run, run->c->m, run->c->n, 0);
}

static gn_status call_hessian(op_run *run) {
    return GN_OP(run->context, softmax_hessian, run->dtype, run->c->m, run->c->n, run->c->alpha,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, run->c->alias ? 1 : 2));
}

static void expect_hessian(op_run *run) {
    const size_t n = run->c->n;
    const int result = run->c->alias ? 1 : 2;
    for (size_t i = 0; i < run->c->m; i++) {
        const double *p = run->x[0].host + i * n, *u = run->x[1].host + i * n;
        double *out = run->x[result].host + i * n, mean = 0;
        for (size_t j = 0; j < n; j++)
            mean += p[j] * u[j];
        for (size_t j = 0; j < n; j++)
            out[j] = run->c->alpha * (p[j] * u[j] - p[j] * mean);
    }
    allow(run, result, 8);
    if (n == 1) /* 0 but for the rounding of u - 1 u */
        for (size_t i = 0; i < run->c->m; i++)
            run->x[result].host[i] = 0;
}

/* ---- softmax_root ---- */

static double kept(const op_run *run, double p) {
    return fmax(p, run->epsilon * run->epsilon);
}

static void prepare_root(op_run *run) {
    add_probabilities(run);
    const size_t columns = positions_of(run->c) * run->c->n;
    add_output(run, run->c->m * columns, columns, 0);
}

static gn_status call_root(op_run *run) {
    return GN_OP(run->context, softmax_root, run->dtype, run->c->m, positions_of(run->c), run->c->n,
                 device_pointer(run, 0), device_pointer(run, 1));
}

static void expect_root(op_run *run) {
    const size_t n = run->c->n, columns = positions_of(run->c) * n;
    for (size_t i = 0; i < run->c->m; i++)
        for (size_t r = 0; r < columns; r++)
            for (size_t j = 0; j < columns; j++) {
                const double *p = run->x[0].host + i * columns;
                run->x[1].host[(i * columns + r) * columns + j] =
                    r / n == j / n ? sqrt(kept(run, p[r])) * ((r == j) - kept(run, p[j])) : 0;
            }
    allow(run, 1, 4);
}

/* ---- softmax_root_multiply; alias: over u ---- */

static void prepare_multiply(op_run *run) {
    prepare_hessian(run);
}

static gn_status call_multiply(op_run *run) {
    return GN_OP(run->context, softmax_root_multiply, run->dtype, run->c->transpose_a, run->c->m, run->c->n,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, run->c->alias ? 1 : 2));
}

/* By the matrix that expect_root() has. */
static void expect_multiply(op_run *run) {
    const size_t n = run->c->n;
    const int result = run->c->alias ? 1 : 2;
    double *u = malloc((n + 1) * sizeof(double));
    for (size_t i = 0; i < run->c->m; i++) {
        const double *p = run->x[0].host + i * n;
        double *out = run->x[result].host + i * n;
        memcpy(u, run->x[1].host + i * n, n * sizeof(double));
        for (size_t j = 0; j < n; j++) {
            out[j] = 0;
            for (size_t k = 0; k < n; k++) {
                const size_t row = run->c->transpose_a ? k : j, column = run->c->transpose_a ? j : k;
                out[j] += u[k] * sqrt(kept(run, p[column])) * ((row == column) - kept(run, p[row]));
            }
        }
    }
    free(u);
    allow(run, result, 8);
    if (n == 1) /* 0 but for rounding */
        for (size_t i = 0; i < run->c->m; i++)
            run->x[result].host[i] = 0;
}

/* ---- softmax_root_solve; alias: over g ---- */

static void prepare_solve(op_run *run) {
    add_probabilities(run);
    add_uniform(run, run->c->m, run->c->n, 0, -1, 1);
    add_output(run, run->c->m, run->c->n, 0);
}

static gn_status call_solve(op_run *run) {
    return GN_OP(run->context, softmax_root_solve, run->dtype, run->c->m * run->c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, run->c->alias ? 1 : 2));
}

/* Compared one by one, because a quotient by eps is far larger than the others. */
static void expect_solve(op_run *run) {
    const int result = run->c->alias ? 1 : 2;
    double *found = fetch(run, result);
    for (size_t i = 0; i < run->c->m * run->c->n; i++) {
        const double t = run->x[1].host[i] / sqrt(kept(run, run->x[0].host[i]));
        const bool near = fabs(found[i] - t) <= 4 * run->epsilon * fabs(t);
        run->x[result].host[i] = near ? found[i] : rounded(run, t);
    }
    free(found);
}

/* ---- the list ---- */

static const op_family loss = {"cross_entropy_loss", prepare_loss, call_loss, expect_loss, false};
static const op_family hessian = {"softmax_hessian", prepare_hessian, call_hessian, expect_hessian, false};
static const op_family root = {"softmax_root", prepare_root, call_root, expect_root, false};
static const op_family multiply = {"softmax_root_multiply", prepare_multiply, call_multiply, expect_multiply,
                                   false};
static const op_family solve = {"softmax_root_solve", prepare_solve, call_solve, expect_solve, false};

void add_class_cases(case_list *list) {
    static const size_t shapes[][2] = {{0, 3},  {3, 0},   {1, 1},  {3, 31},    {33, 32},   {100, 10},
                                       {7, 99}, {5, 333}, {33, 3}, {20001, 2}, {2003, 31}, {1003, 101}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (int alias = 0; alias < 2; alias++) {
            const op_case c = {.m = shapes[i][0], .n = shapes[i][1], .alpha = 0.3, .alias = alias != 0};
            const op_family *families[] = {&loss, &hessian, &solve, &multiply, &root};
            for (int k = 0; k < (alias ? 4 : 5); k++) {
                op_case one = c;
                one.family = families[k];
                add_case(list, one);
            }
            op_case transposed = c;
            transposed.family = &multiply;
            transposed.transpose_a = true;
            add_case(list, transposed);
        }
    static const size_t several[][3] = {{3, 2, 5}, {7, 3, 1}, {5, 2, 33}, {400, 2, 31}, {1, 4, 100}};
    for (size_t i = 0; i < sizeof(several) / sizeof(several[0]); i++)
        add_case(list,
                 (op_case){.family = &root, .m = several[i][0], .t = several[i][1], .n = several[i][2]});
}
