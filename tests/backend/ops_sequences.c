/* Cases of embeddings, layer norm and attention. */
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "op_case.h"
#include "plain_attention.h"

/* ---- copy_rows: m rows of n; pad: of both, twice in the second ---- */

static void prepare_copy(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, c->pad, -1, 1);
    add_output(run, c->m, c->n, 2 * c->pad);
}

static gn_status call_copy(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, copy_rows, run->dtype, c->m, c->n, device_pointer(run, 0),
                 row_distance(run, 0), device_pointer(run, 1), row_distance(run, 1));
}

static void expect_copy(op_run *run) {
    for (size_t i = 0; i < run->c->m * run->c->n; i++)
        run->x[1].host[i] = run->x[0].host[i];
}

/* ---- tokens: m samples, t positions, r cotangents, n features, k the vocabulary; flag: pairs ---- */

/* Whole numbers 0 ... k - 1; every 11th of embed's is none. */
static const double *add_tokens(op_run *run, size_t rows, size_t columns, bool spoiled) {
    static const double none[] = {-1, 0.5, NAN, 1e30};
    double *values = malloc((rows * columns + 1) * sizeof *values);
    for (size_t i = 0; i < rows * columns; i++)
        values[i] = spoiled && i % 11 == 10 ? none[i / 11 % 4] : (double)((i * i + i / 3) % run->c->k);
    const double *host = add_values(run, rows, columns, 0, values);
    free(values);
    return host;
}

static bool is_token(const op_run *run, double token) {
    return token >= 0 && token < (double)run->c->k && token == floor(token);
}

static void prepare_embed(op_run *run) {
    const op_case *c = run->c;
    add_tokens(run, c->m, 1, true);
    add_uniform(run, c->k, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
}

static gn_status call_embed(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, embed, run->dtype, c->m, c->n, c->k, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2));
}

static void expect_embed(op_run *run) {
    const size_t n = run->c->n;
    for (size_t i = 0; i < run->c->m * n; i++) {
        const double token = run->x[0].host[i / n];
        run->x[2].host[i] = is_token(run, token) ? run->x[1].host[(size_t)token * n + i % n] : (double)NAN;
    }
}

static size_t rows_a_sample(const op_case *c) {
    return c->flag ? positions_of(c) * (positions_of(c) + 1) / 2 : positions_of(c);
}

static void prepare_adjoint(op_run *run) {
    const op_case *c = run->c;
    add_tokens(run, c->m, positions_of(c), true);
    add_uniform(run, c->m * rows_a_sample(c), c->n, 0, -1, 1);
    add_output(run, c->k, c->n, 0);
    const size_t work = c->k + 1 + c->m * positions_of(c);
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT32, 1, work, "work"), GN_OK);
}

static gn_status call_adjoint(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, embed_adjoint, run->dtype, c->m, positions_of(c), c->flag, c->n, c->k,
                 device_pointer(run, 0), device_pointer(run, 1), run->index_buffer.data,
                 device_pointer(run, 2));
}

static void expect_adjoint(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c);
    const double *d = run->x[1].host;
    double *to = run->x[2].host;
    for (size_t i = 0; i < c->k * c->n; i++)
        to[i] = 0;
    for (size_t n = 0; n < c->m; n++)
        for (size_t p = 0; p < t; p++)
            for (size_t q = c->flag ? 0 : p; q <= p; q++, d += c->n) {
                const double *tokens = run->x[0].host + n * t;
                if (!is_token(run, tokens[p]) || tokens[p] != tokens[q])
                    continue;
                for (size_t k = 0; k < c->n; k++)
                    to[(size_t)tokens[p] * c->n + k] += d[k];
            }
    allow(run, 2, 8 + 0.1 * (double)(c->m * t)); /* added in the type */
}

static void prepare_matches(op_run *run) {
    const op_case *c = run->c;
    add_tokens(run, c->m, 1, false);
    add_tokens(run, c->n, 1, false);
    add_output(run, c->m, c->n, c->pad);
}

static gn_status call_matches(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, embed_matches, run->dtype, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), row_distance(run, 2));
}

static void expect_matches(op_run *run) {
    for (size_t i = 0; i < run->c->m; i++)
        for (size_t j = 0; j < run->c->n; j++)
            run->x[2].host[i * run->c->n + j] = run->x[0].host[i] == run->x[1].host[j];
}

static void prepare_jacobian_embed(op_run *run) {
    const op_case *c = run->c;
    add_tokens(run, c->m, positions_of(c), true);
    add_uniform(run, c->m * c->r * positions_of(c), c->n, 0, -1, 1);
    add_output(run, c->m * c->r, c->k * c->n, c->pad);
}

static gn_status call_jacobian_embed(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jacobian_embed, run->dtype, c->m, c->r, positions_of(c), c->n, c->k,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2),
                 row_distance(run, 2));
}

static void expect_jacobian_embed(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c);
    for (size_t i = 0; i < c->m * c->r * c->k * c->n; i++)
        run->x[2].host[i] = 0;
    for (size_t m = 0; m < c->m * c->r; m++)
        for (size_t p = 0; p < t; p++) {
            const double token = run->x[0].host[m / c->r * t + p];
            for (size_t k = 0; is_token(run, token) && k < c->n; k++)
                run->x[2].host[(m * c->k + (size_t)token) * c->n + k] +=
                    run->x[1].host[(m * t + p) * c->n + k];
        }
    allow(run, 2, (double)t);
}

/* ---- layer norm: m samples, r cotangents, t positions, n features; beta ---- */

static const double layer_epsilon = 1e-5;

static void prepare_norm(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, 0, -1, 3);
    add_uniform(run, 1, c->n, 0, -1, 1);
    add_uniform(run, 1, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
    add_output(run, c->m, c->n, 0);
    add_output(run, c->m, 1, 0);
}

static gn_status call_norm(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, layer_norm, run->dtype, c->m, c->n, layer_epsilon, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3),
                 device_pointer(run, 4), device_pointer(run, 5));
}

static void expect_norm(op_run *run) {
    const size_t n = run->c->n;
    for (size_t i = 0; i < run->c->m; i++) {
        const double *x = run->x[0].host + i * n;
        double mean = 0, variance = 0;
        for (size_t k = 0; k < n; k++)
            mean += x[k] / (double)n;
        for (size_t k = 0; k < n; k++)
            variance += (x[k] - mean) * (x[k] - mean) / (double)n;
        run->x[5].host[i] = 1 / sqrt(variance + layer_epsilon);
        for (size_t k = 0; k < n; k++) {
            const double normed = (x[k] - mean) * run->x[5].host[i];
            run->x[4].host[i * n + k] = normed;
            run->x[3].host[i * n + k] = normed * run->x[1].host[k] + run->x[2].host[k];
        }
    }
    for (int i = 3; i < 6; i++)
        allow(run, i, run->dtype == GN_FLOAT64 ? 8 + (double)n : 8);
}

static void prepare_norm_jvp(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, 0, -2, 2);
    add_uniform(run, c->m, 1, 0, 0.5, 2);
    for (int i = 0; i < 3; i++)
        add_uniform(run, 1, c->n, 0, -1, 1);
    add_uniform(run, c->m, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
}

static gn_status call_norm_jvp(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, layer_norm_jvp, run->dtype, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3),
                 device_pointer(run, 4), device_pointer(run, 5), device_pointer(run, 6));
}

/* to = rstd (g - mean(g) - xhat mean(xhat .* g)) */
static void centre(size_t n, const double *xhat, double rstd, const double *g, double *to) {
    double mean = 0, slope = 0;
    for (size_t k = 0; k < n; k++) {
        mean += g[k] / (double)n;
        slope += g[k] * xhat[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++)
        to[k] = rstd * (g[k] - mean - xhat[k] * slope);
}

static void expect_norm_jvp(op_run *run) {
    const size_t n = run->c->n;
    for (size_t i = 0; i < run->c->m; i++) {
        const double *xhat = run->x[0].host + i * n;
        double *dy = run->x[6].host + i * n;
        centre(n, xhat, run->x[1].host[i], run->x[5].host + i * n, dy);
        for (size_t k = 0; k < n; k++)
            dy[k] = run->x[2].host[k] * dy[k] + run->x[3].host[k] * xhat[k] + run->x[4].host[k];
    }
    allow(run, 6, run->dtype == GN_FLOAT64 ? 8 + (double)n : 8);
}

static void prepare_norm_vjp(op_run *run) {
    const op_case *c = run->c;
    const size_t rows = c->m * positions_of(c);
    add_uniform(run, rows, c->n, 0, -2, 2);
    add_uniform(run, rows, 1, 0, 0.5, 2);
    add_uniform(run, 1, c->n, 0, -1, 1);
    add_uniform(run, rows * c->r, c->n, 0, -1, 1);
    if (c->beta == 0)
        add_output(run, rows * c->r, c->n, 0);
    else
        add_uniform(run, rows * c->r, c->n, 0, -1, 1);
}

static gn_status call_norm_vjp(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, layer_norm_vjp, run->dtype, c->m, c->r, positions_of(c), c->n,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2),
                 device_pointer(run, 3), c->beta, device_pointer(run, 4));
}

static void expect_norm_vjp(op_run *run) {
    const op_case *c = run->c;
    const size_t n = c->n, t = positions_of(c);
    double *g = malloc((n + 1) * sizeof *g), *pulled = malloc((n + 1) * sizeof *pulled);
    for (size_t m = 0; m < c->m * c->r * t; m++) {
        const size_t i = m / (c->r * t) * t + m % t;
        double *to = run->x[4].host + m * n;
        for (size_t k = 0; k < n; k++)
            g[k] = run->x[3].host[m * n + k] * run->x[2].host[k];
        centre(n, run->x[0].host + i * n, run->x[1].host[i], g, pulled);
        for (size_t k = 0; k < n; k++)
            to[k] = pulled[k] + (c->beta == 0 ? 0 : c->beta * to[k]);
    }
    free(g), free(pulled);
    allow(run, 4, run->dtype == GN_FLOAT64 ? 8 + (double)n : 8);
}

/* ---- layer_norm_vjp_jvp: m rows, n features; beta ---- */

static void prepare_norm_turn(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, 0, -2, 2); /* xhat, rstd, weight and dweight in one, dx, d, d_dot */
    add_uniform(run, c->m, 1, 0, 0.5, 2);
    add_uniform(run, 2, c->n, 0, -1, 1);
    for (int i = 0; i < 3; i++)
        add_uniform(run, c->m, c->n, 0, -1, 1);
    if (c->beta == 0)
        add_output(run, c->m, c->n, 0);
    else
        add_uniform(run, c->m, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
}

static gn_status call_norm_turn(op_run *run) {
    const op_case *c = run->c;
    const char *weight = device_pointer(run, 2);
    return GN_OP(run->context, layer_norm_vjp_jvp, run->dtype, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), weight, weight + c->n * gn_dtype_size(run->dtype),
                 device_pointer(run, 3), device_pointer(run, 4), device_pointer(run, 5), c->beta,
                 device_pointer(run, 6), device_pointer(run, 7));
}

/* By the product rule on centre(): each of its three factors moves. */
static void expect_norm_turn_row(op_run *run, size_t i, double *g, double *h, double *moved) {
    const size_t n = run->c->n;
    const double *xhat = run->x[0].host + i * n, rstd = run->x[1].host[i], *weight = run->x[2].host;
    const double *dx = run->x[3].host + i * n, *d = run->x[4].host + i * n, *e = run->x[5].host + i * n;
    double *to = run->x[6].host + i * n, *products = run->x[7].host + i * n;
    double along = 0, slope = 0, turn = 0;
    centre(n, xhat, rstd, dx, moved);
    for (size_t k = 0; k < n; k++) {
        g[k] = d[k] * weight[k];
        h[k] = e[k] * weight[k] + d[k] * weight[n + k];
        products[k] = e[k] * xhat[k] + d[k] * moved[k];
        along += xhat[k] * dx[k] / (double)n; /* rstd' = -rstd^2 times this */
        slope += xhat[k] * g[k] / (double)n;
        turn += moved[k] * g[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++)
        to[k] = (run->c->beta == 0 ? 0 : run->c->beta * to[k]) - rstd * (moved[k] * slope + xhat[k] * turn);
    centre(n, xhat, rstd, h, moved);
    centre(n, xhat, rstd, g, h);
    for (size_t k = 0; k < n; k++)
        to[k] += moved[k] - rstd * along * h[k];
}

static void expect_norm_turn(op_run *run) {
    const size_t n = run->c->n;
    double *rows = malloc((3 * n + 1) * sizeof *rows);
    for (size_t i = 0; i < run->c->m; i++)
        expect_norm_turn_row(run, i, rows, rows + n, rows + 2 * n);
    free(rows);
    allow(run, 6, run->dtype == GN_FLOAT64 ? 32 + (double)n : 32);
    allow(run, 7, run->dtype == GN_FLOAT64 ? 8 + (double)n : 8);
}

static void prepare_scale(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n, 0, -0.5, 1);
    add_uniform(run, c->m, c->n, 0, -0.5, 1);
    add_output(run, 1, c->n, 0);
    add_output(run, 1, c->n, 0);
}

static gn_status call_scale(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, scale_gradient, run->dtype, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3));
}

static void expect_scale(op_run *run) {
    const size_t n = run->c->n;
    for (size_t k = 0; k < n; k++) {
        run->x[2].host[k] = run->x[3].host[k] = 0;
        for (size_t i = 0; i < run->c->m; i++) {
            run->x[2].host[k] += run->x[0].host[i * n + k] * run->x[1].host[i * n + k];
            run->x[3].host[k] += run->x[0].host[i * n + k];
        }
    }
    for (int i = 2; i < 4; i++)
        allow(run, i, run->dtype == GN_FLOAT64 ? 8 + 0.1 * (double)run->c->m : 4);
}

static void prepare_jacobian_scale(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r * positions_of(c), c->n, 0, -1, 1);
    add_uniform(run, c->m * positions_of(c), c->n, 0, -1, 1);
    add_output(run, c->m * c->r, 2 * c->n, c->pad);
}

static gn_status call_jacobian_scale(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jacobian_scale, run->dtype, c->m, c->r, positions_of(c), c->n,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2),
                 row_distance(run, 2));
}

static void expect_jacobian_scale(op_run *run) {
    const op_case *c = run->c;
    const size_t t = positions_of(c), n = c->n;
    for (size_t m = 0; m < c->m * c->r; m++)
        for (size_t k = 0; k < n; k++) {
            double product = 0, sum = 0;
            for (size_t p = 0; p < t; p++) {
                const double d = run->x[0].host[(m * t + p) * n + k];
                product += d * run->x[1].host[(m / c->r * t + p) * n + k];
                sum += d;
            }
            run->x[2].host[m * 2 * n + k] = product;
            run->x[2].host[m * 2 * n + n + k] = sum;
        }
    allow(run, 2, 2 + (double)t);
}

/* ---- attention: m samples, t positions, k of them ask, kind heads of n features, r cotangents ---- */

static plain_shape plain(const op_case *c) {
    return (plain_shape){c->m, positions_of(c), c->k, (size_t)c->kind, c->n};
}

static gn_attention attention_of(const op_case *c) {
    return (gn_attention){c->m, positions_of(c), c->k, (size_t)c->kind, c->n};
}

/* qkv, and its probabilities. */
static void add_point(op_run *run) {
    const op_case *c = run->c;
    const plain_shape a = plain(c);
    const size_t d = plain_features(&a), rows = c->m * a.heads * c->k;
    const double *qkv = add_uniform(run, c->m * a.positions, 3 * d, 0, -2, 2);
    double *p = malloc((rows * a.positions + 1) * sizeof *p);
    double *out = malloc((c->m * c->k * d + 1) * sizeof *out);
    plain_attention(&a, qkv, p, out);
    add_values(run, rows, a.positions, 0, p);
    free(p), free(out);
}

static void prepare_attention(op_run *run) {
    const op_case *c = run->c;
    const size_t heads = (size_t)c->kind, d = heads * c->n;
    add_uniform(run, c->m * positions_of(c), 3 * d, 0, -2, 2);
    add_output(run, c->m * heads * c->k, positions_of(c), 0);
    add_output(run, c->m * c->k, d, 0);
}

static gn_status call_attention(op_run *run) {
    const gn_attention a = attention_of(run->c);
    return GN_OP(run->context, attention, run->dtype, &a, device_pointer(run, 0), device_pointer(run, 1),
                 device_pointer(run, 2));
}

/* Rounding of a score of size s moves a probability by s roundings. */
static double attention_roundings(const op_case *c) {
    return 8 + 4 * (double)c->n;
}

static void expect_attention(op_run *run) {
    const plain_shape a = plain(run->c);
    plain_attention(&a, run->x[0].host, run->x[1].host, run->x[2].host);
    allow(run, 1, attention_roundings(run->c));
    allow(run, 2, attention_roundings(run->c));
}

static void prepare_attention_jvp(op_run *run) {
    const op_case *c = run->c;
    const size_t d = (size_t)c->kind * c->n;
    add_point(run);
    add_uniform(run, c->m * positions_of(c), 3 * d, 0, -1, 1);
    add_output(run, c->m * c->k, d, 0);
}

static gn_status call_attention_jvp(op_run *run) {
    const gn_attention a = attention_of(run->c);
    return GN_OP(run->context, attention_jvp, run->dtype, &a, device_pointer(run, 0), device_pointer(run, 1),
                 device_pointer(run, 2), device_pointer(run, 3));
}

static void expect_attention_jvp(op_run *run) {
    const plain_shape a = plain(run->c);
    plain_attention_jvp(&a, run->x[0].host, run->x[1].host, run->x[2].host, run->x[3].host);
    allow(run, 3, attention_roundings(run->c));
}

static void prepare_attention_vjp(op_run *run) {
    const op_case *c = run->c;
    const size_t d = (size_t)c->kind * c->n;
    add_point(run);
    add_uniform(run, c->m * c->r * c->k, d, 0, -1, 1);
    add_output(run, c->m * c->r * positions_of(c), 3 * d, 0);
}

static gn_status call_attention_vjp(op_run *run) {
    const gn_attention a = attention_of(run->c);
    return GN_OP(run->context, attention_vjp, run->dtype, &a, run->c->r, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3));
}

static void expect_attention_vjp(op_run *run) {
    const plain_shape a = plain(run->c);
    plain_attention_vjp(&a, run->c->r, run->x[0].host, run->x[1].host, run->x[2].host, run->x[3].host);
    allow(run, 3, attention_roundings(run->c));
}

/* ---- attention_vjp_jvp: the same, with one cotangent ---- */

static void prepare_attention_turn(op_run *run) {
    const op_case *c = run->c;
    const size_t d = (size_t)c->kind * c->n;
    add_point(run);
    add_uniform(run, c->m * positions_of(c), 3 * d, 0, -1, 1);
    add_uniform(run, c->m * c->k, d, 0, -1, 1);
    add_uniform(run, c->m * c->k, d, 0, -1, 1);
    add_output(run, c->m * positions_of(c), 3 * d, 0);
}

static gn_status call_attention_turn(op_run *run) {
    const gn_attention a = attention_of(run->c);
    return GN_OP(run->context, attention_vjp_jvp, run->dtype, &a, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3),
                 device_pointer(run, 4), device_pointer(run, 5));
}

static void expect_attention_turn(op_run *run) {
    const plain_shape a = plain(run->c);
    plain_attention_vjp_jvp(&a, run->x[0].host, run->x[2].host, run->x[3].host, run->x[4].host,
                            run->x[5].host);
    allow(run, 5, 4 * attention_roundings(run->c));
}

/* ---- the list ---- */

static const op_family copies = {"copy_rows", prepare_copy, call_copy, expect_copy, false};
static const op_family embed = {"embed", prepare_embed, call_embed, expect_embed, false};
static const op_family adjoint = {"embed_adjoint", prepare_adjoint, call_adjoint, expect_adjoint, false};
static const op_family matches = {"embed_matches", prepare_matches, call_matches, expect_matches, false};
static const op_family jacobian_embed = {"jacobian_embed", prepare_jacobian_embed, call_jacobian_embed,
                                         expect_jacobian_embed, false};
static const op_family norm = {"layer_norm", prepare_norm, call_norm, expect_norm, false};
static const op_family norm_jvp = {"layer_norm_jvp", prepare_norm_jvp, call_norm_jvp, expect_norm_jvp, false};
static const op_family norm_vjp = {"layer_norm_vjp", prepare_norm_vjp, call_norm_vjp, expect_norm_vjp, false};
static const op_family norm_turn = {"layer_norm_vjp_jvp", prepare_norm_turn, call_norm_turn, expect_norm_turn,
                                    false};
static const op_family attention_turn = {"attention_vjp_jvp", prepare_attention_turn, call_attention_turn,
                                         expect_attention_turn, false};
static const op_family scale = {"scale_gradient", prepare_scale, call_scale, expect_scale, false};
static const op_family jacobian_scale = {"jacobian_scale", prepare_jacobian_scale, call_jacobian_scale,
                                         expect_jacobian_scale, false};
static const op_family attention = {"attention", prepare_attention, call_attention, expect_attention, false};
static const op_family attention_jvp = {"attention_jvp", prepare_attention_jvp, call_attention_jvp,
                                        expect_attention_jvp, false};
static const op_family attention_vjp = {"attention_vjp", prepare_attention_vjp, call_attention_vjp,
                                        expect_attention_vjp, false};

static void add_shape(case_list *list, size_t m, size_t n) {
    for (size_t pad = 0; pad <= 3; pad += 3) {
        add_case(list, (op_case){.family = &copies, .m = m, .n = n, .pad = pad});
        add_case(list, (op_case){.family = &matches, .m = m, .n = n, .k = 5, .pad = pad});
    }
    add_case(list, (op_case){.family = &embed, .m = m, .n = n, .k = 7});
    if (n > 0) { /* the mean of no features is nobody's */
        add_case(list, (op_case){.family = &norm, .m = m, .n = n});
        add_case(list, (op_case){.family = &norm_jvp, .m = m, .n = n});
        add_case(list, (op_case){.family = &norm_turn, .m = m, .n = n});
        add_case(list, (op_case){.family = &norm_turn, .m = m, .n = n, .beta = 0.5});
    }
    add_case(list, (op_case){.family = &scale, .m = m, .n = n});
}

static void add_positions(case_list *list, size_t m, size_t t, size_t n) {
    for (size_t r = 1; r <= 4; r += 3) {
        for (size_t pad = 0; pad <= 3; pad += 3) {
            add_case(
                list,
                (op_case){.family = &jacobian_embed, .m = m, .t = t, .n = n, .k = 7, .r = r, .pad = pad});
            add_case(list, (op_case){.family = &jacobian_scale, .m = m, .t = t, .n = n, .r = r, .pad = pad});
        }
        for (int beta = 0; beta < 2; beta++)
            add_case(list,
                     (op_case){.family = &norm_vjp, .m = m, .t = t, .n = n, .r = r, .beta = 0.5 * beta});
    }
    for (int with_pairs = 0; with_pairs < 2; with_pairs++)
        add_case(list, (op_case){.family = &adjoint, .m = m, .t = t, .n = n, .k = 7, .flag = with_pairs});
}

static void add_heads(case_list *list, size_t m, size_t t, int heads, size_t width) {
    const size_t queries[] = {1, t / 2, t};
    for (int i = 0; i < 3; i++) {
        const size_t k = queries[i];
        if (k == 0)
            continue;
        add_case(list, (op_case){.family = &attention, .m = m, .t = t, .k = k, .kind = heads, .n = width});
        add_case(list,
                 (op_case){.family = &attention_jvp, .m = m, .t = t, .k = k, .kind = heads, .n = width});
        add_case(list,
                 (op_case){.family = &attention_turn, .m = m, .t = t, .k = k, .kind = heads, .n = width});
        for (size_t r = 1; r <= 3; r += 2)
            add_case(
                list,
                (op_case){
                    .family = &attention_vjp, .m = m, .t = t, .k = k, .kind = heads, .n = width, .r = r});
    }
}

void add_sequence_cases(case_list *list) {
    static const size_t shapes[][2] = {{0, 3},   {3, 0},    {1, 1},    {3, 31},  {33, 3},
                                       {31, 33}, {3, 1000}, {1000, 3}, {301, 7}, {2001, 129}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        add_shape(list, shapes[i][0], shapes[i][1]);
    static const size_t sequences[][3] = {{0, 2, 3},   {1, 1, 1}, {3, 4, 31},
                                          {31, 3, 33}, {5, 7, 8}, {200, 4, 40}};
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
        add_positions(list, sequences[i][0], sequences[i][1], sequences[i][2]);
    add_heads(list, 0, 3, 2, 4);
    add_heads(list, 1, 1, 1, 1);
    add_heads(list, 3, 4, 2, 3);
    add_heads(list, 5, 6, 3, 33);
    add_heads(list, 2, 65, 1, 8);
    add_heads(list, 40, 4, 4, 32); /* several threads */
}
