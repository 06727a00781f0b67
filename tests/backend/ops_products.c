/* Cases of matrix products. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

/* op(A)_il for a row-major matrix of row length `columns` */
static double element(const double *a, size_t columns, bool transpose, size_t i, size_t l) {
    return transpose ? a[l * columns + i] : a[i * columns + l];
}

static double old_part(double beta, double c) {
    return beta == 0 ? 0 : beta * c;
}

/* An output that is read only where beta is not 0. */
static void add_accumulator(op_run *run, size_t rows, size_t columns) {
    if (run->c->beta == 0)
        add_output(run, rows, columns, run->c->pad);
    else
        add_uniform(run, rows, columns, run->c->pad, -1, 1);
}

/* ---- gemm: x2 (m x n) = alpha op(x0) op(x1) + beta x2, over k ---- */

static void prepare_gemm(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->transpose_a ? c->k : c->m, c->transpose_a ? c->m : c->k, c->pad, -1, 1);
    add_uniform(run, c->transpose_b ? c->n : c->k, c->transpose_b ? c->k : c->n, 2 * c->pad, -1, 1);
    add_accumulator(run, c->m, c->n);
}

static gn_status call_gemm(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, gemm, run->dtype, c->transpose_a, c->transpose_b, c->m, c->n, c->k, c->alpha,
                 device_pointer(run, 0), row_distance(run, 0), device_pointer(run, 1), row_distance(run, 1),
                 c->beta, device_pointer(run, 2), row_distance(run, 2));
}

static void expect_gemm(op_run *run) {
    const op_case *c = run->c;
    const operand *a = &run->x[0], *b = &run->x[1];
    double *out = run->x[2].host;
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->n; j++) {
            double sum = 0;
            for (size_t l = 0; l < c->k; l++)
                sum += element(a->host, a->columns, c->transpose_a, i, l) *
                       element(b->host, b->columns, c->transpose_b, l, j);
            out[i * c->n + j] = c->alpha * sum + old_part(c->beta, out[i * c->n + j]);
        }
    allow(run, 2, 8 + 2 * (double)c->k);
}

/* ---- syrk: lower triangle of x1 (n x n) = alpha x0 x0' + beta x1 ---- */

static void prepare_syrk(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->transpose_a ? c->k : c->n, c->transpose_a ? c->n : c->k, c->pad, -1, 1);
    add_accumulator(run, c->n, c->n);
}

static gn_status call_syrk(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, syrk, run->dtype, c->transpose_a, c->n, c->k, c->alpha, device_pointer(run, 0),
                 row_distance(run, 0), c->beta, device_pointer(run, 1), row_distance(run, 1));
}

static void expect_syrk(op_run *run) {
    const op_case *c = run->c;
    const operand *a = &run->x[0];
    double *out = run->x[1].host;
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->n; j++) {
            double sum = 0;
            for (size_t l = 0; l < c->k && j <= i; l++)
                sum += element(a->host, a->columns, c->transpose_a, i, l) *
                       element(a->host, a->columns, c->transpose_a, j, l);
            out[i * c->n + j] = j > i ? ANYTHING : c->alpha * sum + old_part(c->beta, out[i * c->n + j]);
        }
    allow(run, 1, 8 + 2 * (double)c->k);
}

/* ---- gemv: x2 = alpha op(x0) x1 + beta x2, x0 m x n ---- */

static void prepare_gemv(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, c->pad, -1, 1);
    add_uniform(run, 1, c->transpose_a ? c->m : c->n, 0, -1, 1);
    if (c->beta == 0)
        add_output(run, 1, c->transpose_a ? c->n : c->m, 0);
    else
        add_uniform(run, 1, c->transpose_a ? c->n : c->m, 0, -1, 1);
}

static gn_status call_gemv(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, gemv, run->dtype, c->transpose_a, c->m, c->n, c->alpha, device_pointer(run, 0),
                 row_distance(run, 0), device_pointer(run, 1), c->beta, device_pointer(run, 2));
}

static void expect_gemv(op_run *run) {
    const op_case *c = run->c;
    const size_t length = c->transpose_a ? c->n : c->m, inner = c->transpose_a ? c->m : c->n;
    double *y = run->x[2].host;
    for (size_t i = 0; i < length; i++) {
        double sum = 0;
        for (size_t l = 0; l < inner; l++)
            sum += element(run->x[0].host, c->n, c->transpose_a, i, l) * run->x[1].host[l];
        y[i] = c->alpha * sum + old_part(c->beta, y[i]);
    }
    allow(run, 2, 8 + 2 * (double)inner);
}

/* ---- the list ---- */

static const op_family gemm = {"gemm", prepare_gemm, call_gemm, expect_gemm, true};
static const op_family syrk = {"syrk", prepare_syrk, call_syrk, expect_syrk, true};
static const op_family gemv = {"gemv", prepare_gemv, call_gemv, expect_gemv, true};

static const double factors[][2] = {{1, 0}, {1, 1}, {-0.7, 0.3}, {0, 2}, {0, 0}};
enum { FACTORS = sizeof(factors) / sizeof(factors[0]) };

static void add_shape(case_list *list, size_t m, size_t n, size_t k, size_t pad) {
    for (int t = 0; t < 4; t++)
        for (int f = 0; f < FACTORS; f++) {
            op_case c = {.m = m,
                         .n = n,
                         .k = k,
                         .pad = pad,
                         .transpose_a = t & 1,
                         .transpose_b = t & 2,
                         .alpha = factors[f][0],
                         .beta = factors[f][1]};
            c.family = &gemm;
            add_case(list, c);
            if (t < 2) {
                c.family = &syrk;
                add_case(list, c);
                c.family = &gemv;
                add_case(list, c);
            }
        }
}

void add_product_cases(case_list *list) {
    static const size_t shapes[][3] = {{0, 3, 3},     {3, 0, 3},       {3, 3, 0},    {1, 1, 1},
                                       {3, 1, 31},    {1, 33, 3},      {31, 33, 3},  {33, 31, 100},
                                       {100, 80, 80}, {100, 1, 80},    {100, 80, 1}, {3, 1000, 33},
                                       {1000, 3, 33}, {150, 151, 200}, {33, 300, 2}, {31, 257, 4}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (size_t pad = 0; pad <= 5; pad += 5)
            add_shape(list, shapes[i][0], shapes[i][1], shapes[i][2], pad);
    add_case(list, (op_case){.family = &gemv, .m = 1003, .n = 801, .alpha = 1, .beta = 0.5});
    add_case(list, (op_case){.family = &gemv, .m = 1003, .n = 801, .transpose_a = true, .alpha = 1});
}
