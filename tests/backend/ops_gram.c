/* Cases of a linear layer's Jacobian block and Gram tile. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

/* ---- jacobian_linear: m samples, r cotangents, out = n, in = k; flag: bias ---- */

static void prepare_jacobian(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r, c->n, 0, -1, 1);
    add_uniform(run, c->m, c->k, 0, -1, 1);
    add_output(run, c->m * c->r, c->n * (c->k + c->flag), c->pad);
}

static gn_status call_jacobian(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jacobian_linear, run->dtype, c->m, c->r, c->n, c->k, device_pointer(run, 0),
                 device_pointer(run, 1), c->flag, device_pointer(run, 2), row_distance(run, 2));
}

static void expect_jacobian(op_run *run) {
    const op_case *c = run->c;
    const double *d = run->x[0].host, *a = run->x[1].host;
    for (size_t m = 0; m < c->m * c->r; m++) {
        double *row = run->x[2].host + m * run->x[2].columns;
        for (size_t o = 0; o < c->n; o++) {
            for (size_t i = 0; i < c->k; i++)
                row[o * c->k + i] = d[m * c->n + o] * a[m / c->r * c->k + i];
            if (c->flag)
                row[c->n * c->k + o] = d[m * c->n + o];
        }
    }
    allow(run, 2, 1);
}

/* ---- gram_hadamard: m by n samples, r cotangents; alpha shift, beta, flag: lower ---- */

static void prepare_gram(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r, c->n * c->r, c->pad, -1, 1);
    add_uniform(run, c->m, c->n, 2 * c->pad, -1, 1);
    if (c->beta == 0)
        add_output(run, c->m * c->r, c->n * c->r, c->pad);
    else
        add_uniform(run, c->m * c->r, c->n * c->r, c->pad, -1, 1);
}

static gn_status call_gram(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, gram_hadamard, run->dtype, c->m, c->n, c->r, device_pointer(run, 0),
                 row_distance(run, 0), device_pointer(run, 1), row_distance(run, 1), c->alpha, c->beta,
                 c->flag, device_pointer(run, 2), row_distance(run, 2));
}

static void expect_gram(op_run *run) {
    const op_case *c = run->c;
    const double *s = run->x[0].host, *g = run->x[1].host;
    const size_t columns = c->n * c->r;
    for (size_t i = 0; i < c->m * c->r; i++)
        for (size_t j = 0; j < columns; j++) {
            double *k = &run->x[2].host[i * columns + j];
            const double old = c->beta == 0 ? 0 : c->beta * *k;
            *k = old + s[i * columns + j] * (g[i / c->r * c->n + j / c->r] + c->alpha);
            if (c->flag && j > i)
                *k = ANYTHING;
        }
    allow(run, 2, 4);
}

/* ---- the list ---- */

static const op_family jacobian = {"jacobian_linear", prepare_jacobian, call_jacobian, expect_jacobian,
                                   false};
static const op_family gram = {"gram_hadamard", prepare_gram, call_gram, expect_gram, false};

static void add_gram_shape(case_list *list, size_t m, size_t n, size_t r) {
    static const double factors[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {-0.5, 0.3}};
    for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
        for (int lower = 0; lower < 2; lower++)
            for (size_t pad = 0; pad <= 3; pad += 3)
                add_case(list, (op_case){.family = &gram,
                                         .m = m,
                                         .n = n,
                                         .r = r,
                                         .pad = pad,
                                         .flag = lower,
                                         .alpha = factors[f][0],
                                         .beta = factors[f][1]});
}

static void add_jacobian_shape(case_list *list, size_t m, size_t r, size_t out, size_t in) {
    for (int with_bias = 0; with_bias < 2; with_bias++)
        for (size_t pad = 0; pad <= 7; pad += 7)
            add_case(
                list,
                (op_case){
                    .family = &jacobian, .m = m, .r = r, .n = out, .k = in, .pad = pad, .flag = with_bias});
}

void add_gram_cases(case_list *list) {
    static const size_t tiles[][2] = {{0, 3},   {3, 0},   {1, 1},     {3, 3},
                                      {31, 33}, {33, 31}, {100, 100}, {131, 7}};
    static const size_t cotangents[] = {1, 2, 3, 10};
    for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
        for (int r = 0; r < 4; r++)
            add_gram_shape(list, tiles[i][0], tiles[i][1], cotangents[r]);
    add_gram_shape(list, 601, 601, 1); /* several threads */
    add_gram_shape(list, 301, 301, 2);
    static const size_t layers[][2] = {{1, 1}, {1, 80}, {80, 1}, {3, 31}, {33, 3}, {10, 100}, {0, 3}, {3, 0}};
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        for (int r = 0; r < 4; r++) {
            add_jacobian_shape(list, 0, cotangents[r], layers[i][0], layers[i][1]);
            add_jacobian_shape(list, 33, cotangents[r], layers[i][0], layers[i][1]);
        }
    add_jacobian_shape(list, 100, 1, 80, 80);
}
