/* copy_rows, embeddings, layer norm, attention. */
#include <math.h>
#include <stdlib.h>

#include "../support/plain_attention.h"
#include "kernels_test.h"

/* ---- embeddings: v tokens ---- */

static buffer *tokens(size_t count, size_t v, bool spoiled) {
    static const double none[] = {-1, 0.5, NAN, 1e30};
    double *values = malloc((count + 1) * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = spoiled && i % 7 == 6 ? none[i / 7 % 4] : (double)((i * i + i / 3) % v);
    buffer *b = given(count, values);
    free(values);
    return b;
}

static bool is_token(double token, size_t v) {
    return token >= 0 && token < (double)v && token == floor(token);
}

static void copy_rows_case(size_t rows, size_t columns, size_t pad) {
    begin_case("copy_rows %zu x %zu pad=%zu", rows, columns, pad);
    buffer *from = uniform(rows, columns, pad, -1, 1), *to = output(rows, columns, 2 * pad);
    OK(gn_cuda_copy_rows(test.stream, test.type, rows, columns, at(from), from->ld, at(to), to->ld));
    for (size_t i = 0; i < rows * columns; i++)
        to->host[i] = from->host[i];
    end_case();
}

static void embed_case(size_t rows, size_t w) {
    enum { V = 5 };
    begin_case("embed %zu x %zu", rows, w);
    buffer *t = tokens(rows, V, true), *table = uniform(V, w, 0, -1, 1), *out = output(rows, w, 0);
    OK(gn_cuda_embed(test.stream, test.type, rows, w, V, at(t), at(table), at(out)));
    for (size_t i = 0; i < rows * w; i++) {
        const double token = t->host[i / w];
        out->host[i] = is_token(token, V) ? table->host[(size_t)token * w + i % w] : (double)NAN;
    }
    end_case();
}

static void embed_adjoint_case(size_t n, size_t t, size_t w, size_t v, bool pairs) {
    begin_case("embed_adjoint n=%zu t=%zu w=%zu pairs=%d", n, t, w, pairs);
    buffer *names = tokens(n * t, v, true), *to = output(v, w, 0);
    buffer *d = uniform(n * (pairs ? t * (t + 1) / 2 : t), w, 0, -1, 1);
    buffer *work = output(1, v + 1 + n * t, 0);
    for (size_t i = 0; i < v + 1 + n * t; i++)
        work->host[i] = ANYTHING;
    OK(gn_cuda_embed_adjoint(test.stream, test.type, n, t, pairs, w, v, at(names), at(d), at(work), at(to)));
    for (size_t i = 0; i < v * w; i++)
        to->host[i] = 0;
    const double *from = d->host;
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < t; p++)
            for (size_t q = pairs ? 0 : p; q <= p; q++, from += w) {
                const double token = names->host[i * t + p];
                for (size_t k = 0; is_token(token, v) && token == names->host[i * t + q] && k < w; k++)
                    to->host[(size_t)token * w + k] += from[k];
            }
    to->tolerance = 2 + (test.type == F64 ? (double)(n * t) : 0);
    end_case();
}

static void embed_matches_case(size_t rows, size_t columns, size_t pad) {
    begin_case("embed_matches %zu x %zu", rows, columns);
    buffer *a = tokens(rows, 5, false), *b = tokens(columns, 5, false), *g = output(rows, columns, pad);
    OK(gn_cuda_embed_matches(test.stream, test.type, rows, columns, at(a), at(b), at(g), g->ld));
    for (size_t i = 0; i < rows * columns; i++)
        g->host[i] = a->host[i / columns] == b->host[i % columns];
    end_case();
}

static void jacobian_embed_case(size_t n, size_t r, size_t t, size_t w, size_t pad) {
    enum { V = 5 };
    begin_case("jacobian_embed n=%zu r=%zu t=%zu w=%zu", n, r, t, w);
    buffer *names = tokens(n * t, V, true), *d = uniform(n * r * t, w, 0, -1, 1),
           *j = output(n * r, V * w, pad);
    OK(gn_cuda_jacobian_embed(test.stream, test.type, n, r, t, w, V, at(names), at(d), at(j), j->ld));
    for (size_t i = 0; i < n * r * V * w; i++)
        j->host[i] = 0;
    for (size_t i = 0; i < n * r * t; i++) {
        const double token = names->host[i / t / r * t + i % t];
        for (size_t k = 0; is_token(token, V) && k < w; k++)
            j->host[(i / t * V + (size_t)token) * w + k] += d->host[i * w + k];
    }
    j->tolerance = (double)t;
    end_case();
}

/* ---- layer norm ---- */

static void layer_norm_case(size_t rows, size_t w) {
    begin_case("layer_norm %zu x %zu", rows, w);
    buffer *x = uniform(rows, w, 0, -1, 3), *weight = uniform(1, w, 0, -1, 1),
           *bias = uniform(1, w, 0, -1, 1);
    buffer *y = output(rows, w, 0), *xhat = output(rows, w, 0), *rstd = output(rows, 1, 0);
    OK(gn_cuda_layer_norm(test.stream, test.type, rows, w, 1e-5, at(x), at(weight), at(bias), at(y), at(xhat),
                          at(rstd)));
    for (size_t i = 0; i < rows; i++) {
        double mean = 0, variance = 0;
        for (size_t k = 0; k < w; k++)
            mean += x->host[i * w + k] / (double)w;
        for (size_t k = 0; k < w; k++)
            variance += (x->host[i * w + k] - mean) * (x->host[i * w + k] - mean) / (double)w;
        rstd->host[i] = 1 / sqrt(variance + 1e-5);
        for (size_t k = 0; k < w; k++) {
            xhat->host[i * w + k] = (x->host[i * w + k] - mean) * rstd->host[i];
            y->host[i * w + k] = xhat->host[i * w + k] * weight->host[k] + bias->host[k];
        }
    }
    y->tolerance = xhat->tolerance = rstd->tolerance = 8 + (test.type == F64 ? (double)w : 0);
    end_case();
}

static void centre(size_t w, const double *xhat, double rstd, const double *g, double *to) {
    double mean = 0, slope = 0;
    for (size_t k = 0; k < w; k++) {
        mean += g[k] / (double)w;
        slope += g[k] * xhat[k] / (double)w;
    }
    for (size_t k = 0; k < w; k++)
        to[k] = rstd * (g[k] - mean - xhat[k] * slope);
}

static void layer_norm_jvp_case(size_t rows, size_t w) {
    begin_case("layer_norm_jvp %zu x %zu", rows, w);
    buffer *xhat = uniform(rows, w, 0, -2, 2), *rstd = uniform(rows, 1, 0, 0.5, 2);
    buffer *weight = uniform(1, w, 0, -1, 1), *dweight = uniform(1, w, 0, -1, 1),
           *dbias = uniform(1, w, 0, -1, 1);
    buffer *dx = uniform(rows, w, 0, -1, 1), *dy = output(rows, w, 0);
    OK(gn_cuda_layer_norm_jvp(test.stream, test.type, rows, w, at(xhat), at(rstd), at(weight), at(dweight),
                              at(dbias), at(dx), at(dy)));
    for (size_t i = 0; i < rows; i++) {
        centre(w, xhat->host + i * w, rstd->host[i], dx->host + i * w, dy->host + i * w);
        for (size_t k = 0; k < w; k++)
            dy->host[i * w + k] = weight->host[k] * dy->host[i * w + k] +
                                  dweight->host[k] * xhat->host[i * w + k] + dbias->host[k];
    }
    dy->tolerance = 8 + (test.type == F64 ? (double)w : 0);
    end_case();
}

static void layer_norm_vjp_case(size_t n, size_t r, size_t t, size_t w, double beta) {
    begin_case("layer_norm_vjp n=%zu r=%zu t=%zu w=%zu beta=%g", n, r, t, w, beta);
    buffer *xhat = uniform(n * t, w, 0, -2, 2), *rstd = uniform(n * t, 1, 0, 0.5, 2);
    buffer *weight = uniform(1, w, 0, -1, 1), *d = uniform(n * r * t, w, 0, -1, 1);
    buffer *to = beta == 0 ? output(n * r * t, w, 0) : uniform(n * r * t, w, 0, -1, 1);
    OK(gn_cuda_layer_norm_vjp(test.stream, test.type, n, r, t, w, at(xhat), at(rstd), at(weight), at(d), beta,
                              at(to)));
    double *g = malloc((2 * w + 1) * sizeof *g), *pulled = g + w;
    for (size_t m = 0; m < n * r * t; m++) {
        const size_t i = m / (r * t) * t + m % t;
        for (size_t k = 0; k < w; k++)
            g[k] = d->host[m * w + k] * weight->host[k];
        centre(w, xhat->host + i * w, rstd->host[i], g, pulled);
        for (size_t k = 0; k < w; k++)
            to->host[m * w + k] = pulled[k] + (beta == 0 ? 0 : beta * to->host[m * w + k]);
    }
    free(g);
    to->tolerance = 8 + (test.type == F64 ? (double)w : 0);
    end_case();
}

static void scale_gradient_case(size_t rows, size_t w) {
    begin_case("scale_gradient %zu x %zu", rows, w);
    buffer *d = uniform(rows, w, 0, -0.5, 1), *x = uniform(rows, w, 0, -0.5, 1);
    buffer *weight = output(1, w, 0), *bias = output(1, w, 0);
    OK(gn_cuda_scale_gradient(test.stream, test.type, rows, w, at(d), at(x), at(weight), at(bias),
                              test.scratch));
    for (size_t k = 0; k < w; k++) {
        weight->host[k] = bias->host[k] = 0;
        for (size_t i = 0; i < rows; i++) {
            weight->host[k] += d->host[i * w + k] * x->host[i * w + k];
            bias->host[k] += d->host[i * w + k];
        }
    }
    weight->tolerance = bias->tolerance = 2 + (test.type == F64 ? 0.1 * (double)rows : 0);
    end_case();
}

static void jacobian_scale_case(size_t n, size_t r, size_t t, size_t w, size_t pad) {
    begin_case("jacobian_scale n=%zu r=%zu t=%zu w=%zu", n, r, t, w);
    buffer *d = uniform(n * r * t, w, 0, -1, 1), *x = uniform(n * t, w, 0, -1, 1),
           *j = output(n * r, 2 * w, pad);
    OK(gn_cuda_jacobian_scale(test.stream, test.type, n, r, t, w, at(d), at(x), at(j), j->ld));
    for (size_t m = 0; m < n * r; m++)
        for (size_t k = 0; k < w; k++) {
            double *to = &j->host[m * 2 * w + k];
            to[0] = to[w] = 0;
            for (size_t p = 0; p < t; p++) {
                to[0] += d->host[(m * t + p) * w + k] * x->host[(m / r * t + p) * w + k];
                to[w] += d->host[(m * t + p) * w + k];
            }
        }
    j->tolerance = 2 + (double)t;
    end_case();
}

/* ---- attention ---- */

static double attention_roundings(size_t h) {
    return 8 + 4 * (double)h;
}

static void attention_case(plain_shape a) {
    begin_case("attention n=%zu t=%zu queries=%zu heads=%zu h=%zu", a.samples, a.positions, a.queries,
               a.heads, a.width);
    const size_t d = plain_features(&a), n = a.samples, t = a.positions;
    buffer *qkv = uniform(n * t, 3 * d, 0, -2, 2), *p = output(n * a.heads * a.queries, t, 0),
           *out = output(n * a.queries, d, 0);
    OK(gn_cuda_attention(test.stream, test.type, n, t, a.queries, a.heads, a.width, at(qkv), at(p), at(out)));
    plain_attention(&a, qkv->host, p->host, out->host);
    p->tolerance = out->tolerance = attention_roundings(a.width);
    end_case();
}

/* The probabilities at qkv. */
static buffer *probabilities(const plain_shape *a, const buffer *qkv) {
    const size_t count = a->samples * a->heads * a->queries * a->positions;
    double *p = malloc((count + 1) * sizeof *p);
    double *out = malloc((a->samples * a->queries * plain_features(a) + 1) * sizeof *out);
    plain_attention(a, qkv->host, p, out);
    buffer *b = given(count, p);
    free(p), free(out);
    return b;
}

static void attention_jvp_case(plain_shape a) {
    begin_case("attention_jvp n=%zu t=%zu queries=%zu heads=%zu h=%zu", a.samples, a.positions, a.queries,
               a.heads, a.width);
    const size_t d = plain_features(&a), n = a.samples, t = a.positions;
    buffer *qkv = uniform(n * t, 3 * d, 0, -2, 2), *p = probabilities(&a, qkv);
    buffer *dqkv = uniform(n * t, 3 * d, 0, -1, 1), *dout = output(n * a.queries, d, 0);
    OK(gn_cuda_attention_jvp(test.stream, test.type, n, t, a.queries, a.heads, a.width, at(qkv), at(p),
                             at(dqkv), at(dout)));
    plain_attention_jvp(&a, qkv->host, p->host, dqkv->host, dout->host);
    dout->tolerance = attention_roundings(a.width);
    end_case();
}

static void attention_vjp_case(plain_shape a, size_t r) {
    begin_case("attention_vjp n=%zu r=%zu t=%zu queries=%zu heads=%zu h=%zu", a.samples, r, a.positions,
               a.queries, a.heads, a.width);
    const size_t d = plain_features(&a), n = a.samples, t = a.positions;
    buffer *qkv = uniform(n * t, 3 * d, 0, -2, 2), *p = probabilities(&a, qkv);
    buffer *from = uniform(n * r * a.queries, d, 0, -1, 1), *to = output(n * r * t, 3 * d, 0);
    OK(gn_cuda_attention_vjp(test.stream, test.type, n, r, t, a.queries, a.heads, a.width, at(qkv), at(p),
                             at(from), at(to)));
    plain_attention_vjp(&a, r, qkv->host, p->host, from->host, to->host);
    to->tolerance = attention_roundings(a.width);
    end_case();
}

/* ---- the list ---- */

static void position_cases(size_t n, size_t t, size_t w) {
    for (size_t r = 1; r <= 3; r += 2) {
        layer_norm_vjp_case(n, r, t, w, r == 1 ? 0 : 0.5);
        jacobian_scale_case(n, r, t, w, r);
        jacobian_embed_case(n, r, t, w, r);
    }
    embed_adjoint_case(n, t, w, 5, false);
    embed_adjoint_case(n, t, w, 5, true);
}

static void head_cases(size_t n, size_t t, size_t heads, size_t h) {
    const size_t queries[] = {1, t / 2, t};
    for (int i = t == 1 ? 2 : 0; i < 3; i++) {
        const plain_shape a = {n, t, queries[i], heads, h};
        attention_case(a);
        attention_jvp_case(a);
        attention_vjp_case(a, 1);
        attention_vjp_case(a, 3);
    }
}

void test_sequences(void) {
    FOR_AWKWARD(rows) {
        FOR_AWKWARD(w) if (rows <= 33 && (rows <= 3 || w <= 33)) {
            copy_rows_case(rows, w, 0);
            copy_rows_case(rows, w, 3);
            embed_case(rows, w);
            embed_matches_case(rows, w, 2);
            scale_gradient_case(rows, w);
            if (w == 0)
                continue;
            layer_norm_case(rows, w);
            layer_norm_jvp_case(rows, w);
        }
    }
    position_cases(0, 2, 3);
    position_cases(3, 4, 5);
    position_cases(2, 1, 33);
    position_cases(5, 3, 8);
    head_cases(0, 2, 2, 4);
    head_cases(1, 1, 1, 1);
    head_cases(2, 4, 2, 3);
    if (!SLOW) {
        head_cases(3, 6, 3, 33);
        head_cases(1, 37, 1, 4);                   /* more positions than lanes */
        scale_gradient_case(700, 40);              /* several blocks */
        embed_adjoint_case(300, 3, 2, 600, false); /* more rows and tokens than threads */
        embed_adjoint_case(300, 3, 2, 600, true);
        embed_adjoint_case(700, 1, 3, 2, false);
    }
    if (large_cases()) {
        embed_case(33000, 33);
        layer_norm_case(70000, 3);
        scale_gradient_case(9, 9000);
    }
}
