/* bias_rows, activation, multiply_rows, contract_rows, unit_rows. */
#include <math.h>

#include "kernels_test.h"

static void bias_rows_case(size_t rows, size_t columns, bool biased) {
    begin_case("bias_rows %zu x %zu bias=%d", rows, columns, biased);
    buffer *bias = uniform(1, columns, 0, -1, 1), *y = output(rows, columns, 0);
    OK(gn_cuda_bias_rows(test.stream, test.type, rows, columns, biased ? at(bias) : NULL, at(y)));
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            y->host[i * columns + j] = biased ? bias->host[j] : 0;
    end_case();
}

/* ---- activations ---- */

enum { IDENTITY, TANH, RELU, GELU, SIN, SIGMOID, SOFTPLUS, QUADRATIC, KINDS };

static double value_of(int kind, double z) {
    switch (kind) {
    case TANH:
        return tanh(z);
    case RELU:
        return z < 0 ? 0 : z;
    case GELU:
        return z * 0.5 * erfc(-z * 0.70710678118654752440);
    case SIN:
        return sin(z);
    case SIGMOID:
        return 1 / (1 + exp(-z));
    case SOFTPLUS:
        return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
    case QUADRATIC:
        return z * z;
    default:
        return z;
    }
}

static double slope_of(int kind, double z) {
    switch (kind) {
    case TANH:
        return 1 - tanh(z) * tanh(z);
    case RELU:
        return z > 0;
    case GELU:
        return 0.5 * erfc(-z * 0.70710678118654752440) + z * exp(-0.5 * z * z) * 0.39894228040143267794;
    case SIN:
        return cos(z);
    case SIGMOID:
        return 1 / (1 + exp(-z)) / (1 + exp(z));
    case SOFTPLUS:
        return 1 / (1 + exp(-z));
    case QUADRATIC:
        return 2 * z;
    default:
        return 1;
    }
}

static void activation_case(int kind, size_t n, bool sloped, bool alias) {
    begin_case("activation %d n=%zu slope=%d alias=%d", kind, n, sloped, alias);
    buffer *z = uniform(1, n, 0, -6, 6), *a = alias ? z : output(1, n, 0), *slope = output(1, n, 0);
    OK(gn_cuda_activation(test.stream, test.type, kind, n, at(z), at(a), sloped ? at(slope) : NULL));
    for (size_t i = 0; i < n; i++) {
        const double x = z->host[i];
        a->host[i] = value_of(kind, x);
        if (sloped)
            slope->host[i] = slope_of(kind, x);
    }
    a->tolerance = slope->tolerance = 8;
    end_case();
}

/* Far out nothing overflows, and NaN stays NaN. */
static void extremes_case(int kind) {
    const double far[] = {-1e30, -1000, -100, 100, 1000, 1e30};
    const double values[][6] = {[TANH] = {-1, -1, -1, 1, 1, 1},
                                [RELU] = {0, 0, 0, 100, 1000, 1e30},
                                [GELU] = {0, 0, 0, 100, 1000, 1e30},
                                [SIGMOID] = {0, 0, 0, 1, 1, 1},
                                [SOFTPLUS] = {0, 0, 0, 100, 1000, 1e30}};
    const double slopes[][6] = {[TANH] = {0},
                                [RELU] = {0, 0, 0, 1, 1, 1},
                                [GELU] = {0, 0, 0, 1, 1, 1},
                                [SIGMOID] = {0},
                                [SOFTPLUS] = {0, 0, 0, 1, 1, 1}};
    double points[7] = {[6] = NAN};
    begin_case("activation %d far out", kind);
    for (int i = 0; i < 6; i++)
        points[i] = far[i];
    buffer *z = given(7, points), *a = output(1, 7, 0), *slope = output(1, 7, 0);
    OK(gn_cuda_activation(test.stream, test.type, kind, 7, at(z), at(a), at(slope)));
    for (int i = 0; i < 6; i++) {
        a->host[i] = rounded(values[kind][i]);
        slope->host[i] = slopes[kind][i];
    }
    slope->host[6] = kind == RELU ? 0 : NAN;
    a->tolerance = slope->tolerance = 1; /* of the largest: exp(-100) passes as 0 */
    end_case();
}

/* ---- rows ---- */

static void multiply_rows_case(size_t n, size_t r, size_t w, bool alias) {
    begin_case("multiply_rows %zu x %zu x %zu alias=%d", n, r, w, alias);
    buffer *in = uniform(n * r, w, 0, -1, 1), *s = uniform(n, w, 0, -1, 1);
    buffer *out = alias ? in : output(n * r, w, 0);
    OK(gn_cuda_multiply_rows(test.stream, test.type, n, r, w, at(in), at(s), at(out)));
    for (size_t m = 0; m < n * r; m++)
        for (size_t i = 0; i < w; i++)
            out->host[m * w + i] = in->host[m * w + i] * s->host[m / r * w + i];
    out->tolerance = 1;
    end_case();
}

static void contract_rows_case(size_t n, size_t r, size_t w) {
    begin_case("contract_rows %zu x %zu x %zu", n, r, w);
    buffer *u = uniform(n, r, 0, -1, 1), *d = uniform(n * r, w, 0, -1, 1), *out = output(n, w, 0);
    OK(gn_cuda_contract_rows(test.stream, test.type, n, r, w, at(u), at(d), at(out)));
    for (size_t k = 0; k < n * w; k++) {
        out->host[k] = 0;
        for (size_t q = 0; q < r; q++)
            out->host[k] += u->host[k / w * r + q] * d->host[(k / w * r + q) * w + k % w];
    }
    out->tolerance = 2 + (test.type == F64 ? (double)r : 0);
    end_case();
}

static void unit_rows_case(size_t n, size_t r) {
    begin_case("unit_rows %zu x %zu", n, r);
    buffer *d = output(n * r, r, 0);
    OK(gn_cuda_unit_rows(test.stream, test.type, n, r, at(d)));
    for (size_t k = 0; k < n * r * r; k++)
        d->host[k] = k / r % r == k % r;
    end_case();
}

void test_network(void) {
    FOR_AWKWARD(n) {
        for (int kind = 0; kind < KINDS; kind++) {
            activation_case(kind, n, true, n == 33);
            activation_case(kind, n, false, n == 31);
        }
        FOR_AWKWARD(w) if (n <= 33 && (n <= 3 || w <= 33)) {
            bias_rows_case(n, w, true);
            bias_rows_case(n, w, false);
            for (size_t r = 0; r <= 3; r++) {
                multiply_rows_case(n, r, w, w == 33);
                contract_rows_case(n, r, w);
            }
        }
        unit_rows_case(n, 3);
        unit_rows_case(3, n <= 33 ? n : 64);
    }
    const int bounded[] = {TANH, RELU, GELU, SIGMOID, SOFTPLUS};
    for (int i = 0; i < 5; i++)
        extremes_case(bounded[i]);
    multiply_rows_case(5, 100, 8, true);
    contract_rows_case(7, 100, 12);
    unit_rows_case(10, 33);
    if (large_cases()) { /* more than one pass of the grid: of rows, of columns */
        bias_rows_case(33000, 33, true);
        bias_rows_case(2, 300000, true);
        multiply_rows_case(11000, 3, 33, false);
        multiply_rows_case(2, 1, 300000, false);
        contract_rows_case(33000, 1, 33);
        unit_rows_case(1000, 33);
    }
}
