/* Cases of a linear layer's Jacobian block, Gram tile and diagonal. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

/* ---- jacobian_linear: m samples, r cotangents, t positions, out = n, in = k; flag: bias; pad of d and j
 * ----
 */

static void prepare_jacobian(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r * positions_of(c), c->n, c->pad, -1, 1);
    add_uniform(run, c->m * positions_of(c), c->k, 0, -1, 1);
    add_output(run, c->m * c->r, c->n * (c->k + c->flag), c->pad);
}

static gn_status call_jacobian(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jacobian_linear, run->dtype, c->m, c->r, positions_of(c), c->n, c->k,
                 device_pointer(run, 0), row_distance(run, 0), device_pointer(run, 1), c->flag,
                 device_pointer(run, 2), row_distance(run, 2));
}

static void expect_jacobian(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c);
    for (size_t m = 0; m < c->m * c->r; m++) {
        double *row = run->x[2].host + m * run->x[2].columns;
        for (size_t o = 0; o < c->n; o++) {
            const double *d = run->x[0].host + m * t * c->n + o, *a = run->x[1].host + m / c->r * t * c->k;
            for (size_t i = 0; i <= c->k; i++) {
                double sum = 0;
                for (size_t p = 0; p < t; p++)
                    sum += d[p * c->n] * (i < c->k ? a[p * c->k + i] : 1);
                if (i < c->k)
                    row[o * c->k + i] = sum;
                else if (c->flag)
                    row[c->n * c->k + o] = sum;
            }
        }
    }
    allow(run, 2, t == 1 ? 1 : 2 + (double)t);
}

/* ---- gram_hadamard: m by n samples, r cotangents, t positions; alpha shift, beta, flag: lower ---- */

/* Of a symmetric operand whose lower triangle is read. */
static double of_lower(const operand *x, size_t i, size_t j) {
    return x->host[i >= j ? i * x->columns + j : j * x->columns + i];
}

static void prepare_gram(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c);
    add_uniform(run, c->m * c->r * t, c->n * c->r * t, c->pad, -1, 1);
    add_uniform(run, c->m * t, c->n * t, 2 * c->pad, -1, 1);
    if (c->beta == 0)
        add_output(run, c->m * c->r, c->n * c->r, c->pad);
    else
        add_uniform(run, c->m * c->r, c->n * c->r, c->pad, -1, 1);
}

static gn_status call_gram(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, gram_hadamard, run->dtype, c->m, c->n, c->r, positions_of(c),
                 device_pointer(run, 0), row_distance(run, 0), device_pointer(run, 1), row_distance(run, 1),
                 c->alpha, c->beta, c->flag, device_pointer(run, 2), row_distance(run, 2));
}

static double gram_sum(const op_run *run, size_t i, size_t j) {
    const op_case *c = run->c;
    const operand *s = &run->x[0], *g = &run->x[1];
    const size_t t = positions_of(c), n = i / c->r, l = j / c->r;
    double sum = 0;
    for (size_t p = 0; p < t; p++)
        for (size_t q = 0; q < t; q++) {
            const size_t si = i * t + p, sj = j * t + q, gi = n * t + p, gj = l * t + q;
            if (c->flag)
                sum += of_lower(s, si, sj) * (of_lower(g, gi, gj) + c->alpha);
            else
                sum += s->host[si * s->columns + sj] * (g->host[gi * g->columns + gj] + c->alpha);
        }
    return sum;
}

static void expect_gram(op_run *run) {
    const op_case *c = run->c;
    const size_t columns = c->n * c->r;
    for (size_t i = 0; i < c->m * c->r; i++)
        for (size_t j = 0; j < columns; j++) {
            double *k = &run->x[2].host[i * columns + j];
            if (c->flag && j > i)
                *k = ANYTHING;
            else
                *k = gram_sum(run, i, j) + (c->beta == 0 ? 0 : c->beta * *k);
        }
    allow(run, 2, 3 + (double)(positions_of(c) * positions_of(c)));
}

/* ---- pair_products: m samples, r cotangents, t positions, n features; alpha: twice ---- */

static size_t pairs_of(const op_case *c) {
    return positions_of(c) * (positions_of(c) + 1) / 2;
}

static void prepare_pairs(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r * positions_of(c), c->n, 0, -1, 1);
    add_output(run, c->m * pairs_of(c), c->n, 0);
}

static gn_status call_pairs(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, pair_products, run->dtype, c->m, c->r, positions_of(c), c->n, c->alpha,
                 device_pointer(run, 0), device_pointer(run, 1));
}

static void expect_pairs(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c);
    double *out = run->x[1].host;
    for (size_t n = 0; n < c->m; n++)
        for (size_t p = 0; p < t; p++)
            for (size_t q = 0; q <= p; q++)
                for (size_t w = 0; w < c->n; w++, out++) {
                    *out = 0;
                    for (size_t r = 0; r < c->r; r++) {
                        const double *d = run->x[0].host + (n * c->r + r) * t * c->n + w;
                        *out += (p == q ? 1 : c->alpha) * d[p * c->n] * d[q * c->n];
                    }
                }
    allow(run, 1, run->dtype == GN_FLOAT64 ? 8 + (double)c->r : 4);
}

/* ---- the list ---- */

static const op_family jacobian = {"jacobian_linear", prepare_jacobian, call_jacobian, expect_jacobian,
                                   false};
static const op_family gram = {"gram_hadamard", prepare_gram, call_gram, expect_gram, false};
static const op_family pairs = {"pair_products", prepare_pairs, call_pairs, expect_pairs, false};

static void add_gram_shape(case_list *list, size_t m, size_t n, size_t r, size_t t) {
    static const double factors[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {-0.5, 0.3}};
    for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
        for (int lower = 0; lower < 2; lower++)
            for (size_t pad = 0; pad <= 3; pad += 3)
                add_case(list, (op_case){.family = &gram,
                                         .m = m,
                                         .n = n,
                                         .r = r,
                                         .t = t,
                                         .pad = pad,
                                         .flag = lower,
                                         .alpha = factors[f][0],
                                         .beta = factors[f][1]});
}

static void add_jacobian_shape(case_list *list, size_t m, size_t r, size_t t, size_t out, size_t in) {
    for (int with_bias = 0; with_bias < 2; with_bias++)
        for (size_t pad = 0; pad <= 7; pad += 7)
            add_case(list, (op_case){.family = &jacobian,
                                     .m = m,
                                     .r = r,
                                     .t = t,
                                     .n = out,
                                     .k = in,
                                     .pad = pad,
                                     .flag = with_bias});
}

static void add_position_cases(case_list *list) {
    for (size_t t = 2; t <= 5; t++) {
        add_gram_shape(list, 7, 7, 3, t);
        add_gram_shape(list, 9, 5, 1, t);
        add_gram_shape(list, 5, 31, 2, t);
        add_jacobian_shape(list, 5, 1, t, 7, 3);
        add_jacobian_shape(list, 4, 3, t, 3, 33);
        add_jacobian_shape(list, 3, 2, t, 80, 1);
        add_jacobian_shape(list, 3, 1, t, 300, 2);
    }
    add_gram_shape(list, 3, 3, 2, 70); /* more positions than a strip of columns */
    add_gram_shape(list, 3, 3, 1, 300);
    add_gram_shape(list, 60, 60, 2, 4); /* several threads */
    add_jacobian_shape(list, 40, 3, 4, 30, 31);
    for (size_t t = 1; t <= 5; t += 2)
        for (size_t r = 1; r <= 10; r += 3) {
            add_case(list, (op_case){.family = &pairs, .m = 0, .r = r, .t = t, .n = 3, .alpha = 2});
            add_case(list, (op_case){.family = &pairs, .m = 3, .r = r, .t = t, .n = 33, .alpha = 2});
            add_case(list, (op_case){.family = &pairs, .m = 31, .r = r, .t = t, .n = 1, .alpha = 1});
            add_case(list, (op_case){.family = &pairs, .m = 100, .r = r, .t = t, .n = 301, .alpha = 2});
        }
}

void add_gram_cases(case_list *list) {
    static const size_t tiles[][2] = {{0, 3},   {3, 0},   {1, 1},     {3, 3},
                                      {31, 33}, {33, 31}, {100, 100}, {131, 7}};
    static const size_t cotangents[] = {1, 2, 3, 10};
    for (size_t i = 0; i < sizeof(tiles) / sizeof(tiles[0]); i++)
        for (int r = 0; r < 4; r++)
            add_gram_shape(list, tiles[i][0], tiles[i][1], cotangents[r], 1);
    add_gram_shape(list, 601, 601, 1, 1); /* several threads */
    add_gram_shape(list, 301, 301, 2, 1);
    static const size_t layers[][2] = {{1, 1}, {1, 80}, {80, 1}, {3, 31}, {33, 3}, {10, 100}, {0, 3}, {3, 0}};
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        for (int r = 0; r < 4; r++) {
            add_jacobian_shape(list, 0, cotangents[r], 1, layers[i][0], layers[i][1]);
            add_jacobian_shape(list, 33, cotangents[r], 1, layers[i][0], layers[i][1]);
        }
    add_jacobian_shape(list, 100, 1, 1, 80, 80);
    add_position_cases(list);
}
