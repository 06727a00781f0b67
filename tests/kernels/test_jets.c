/* jet_inputs, jet_activation, jet_multiply, jet_residual. */
#include <math.h>
#include <string.h>

#include "kernels_test.h"

static void inputs_case(size_t n, size_t d, size_t columns) {
    begin_case("jet_inputs n=%zu d=%zu columns=%zu", n, d, columns);
    const size_t t = 1 + 2 * d;
    buffer *x = uniform(n, columns, 0, -1, 1), *out = output(n * t, d, 0);
    OK(gn_cuda_jet_inputs(test.stream, test.type, n, d, columns, at(x), at(out)));
    for (size_t k = 0; k < n * t * d; k++) {
        const size_t channel = k / d % t;
        out->host[k] = channel == 0 ? x->host[k / d / t * columns + k % d] : channel == 1 + k % d;
    }
    end_case();
}

/* ---- activations: phi and three derivatives of tanh, sin and the square ---- */

enum { TANH = 1, SIN = 4, QUADRATIC = 7 };

static void curve(int kind, double x, double f[4]) {
    const double s = 1 / (cosh(x) * cosh(x));
    const double bend[4] = {tanh(x), s, -2 * tanh(x) * s, 4 * tanh(x) * tanh(x) * s - 2 * s * s};
    const double wave[4] = {sin(x), cos(x), -sin(x), -cos(x)}, square[4] = {x * x, 2 * x, 2, 0};
    memcpy(f, kind == TANH ? bend : kind == SIN ? wave : square, sizeof bend);
}

static void activation_case(int kind, size_t n, size_t d, size_t w, bool alias) {
    begin_case("jet_activation %d n=%zu d=%zu w=%zu alias=%d", kind, n, d, w, alias);
    const size_t t = 1 + 2 * d;
    buffer *z = uniform(n * t, w, 0, -2, 2), *a = alias ? z : output(n * t, w, 0);
    buffer *slopes = output(n * t, w, 0);
    OK(gn_cuda_jet_activation(test.stream, test.type, kind, n, d, w, at(z), at(a), at(slopes)));
    for (size_t k = 0; k < n * w; k++) {
        const size_t base = k / w * t * w + k % w;
        double f[4];
        curve(kind, z->host[base], f);
        a->host[base] = f[0];
        slopes->host[base] = f[1];
        for (size_t i = 1; i <= d; i++) {
            const size_t one = base + i * w, two = base + (d + i) * w;
            const double z1 = z->host[one], z2 = z->host[two];
            a->host[one] = f[1] * z1;
            a->host[two] = f[2] * z1 * z1 + f[1] * z2;
            slopes->host[one] = f[2] * z1;
            slopes->host[two] = f[3] * z1 * z1 + f[2] * z2;
        }
    }
    a->tolerance = slopes->tolerance = 16;
    end_case();
}

/* ---- multiply ---- */

static void multiply_case(bool transpose, size_t n, size_t r, size_t d, size_t w, bool alias) {
    begin_case("jet_multiply transpose=%d n=%zu r=%zu d=%zu w=%zu alias=%d", transpose, n, r, d, w, alias);
    const size_t t = 1 + 2 * d;
    buffer *in = uniform(n * r * t, w, 0, -1, 1), *slopes = uniform(n * t, w, 0, -1, 1);
    buffer *out = alias ? in : output(n * r * t, w, 0);
    OK(gn_cuda_jet_multiply(test.stream, test.type, transpose, n, r, d, w, at(in), at(slopes), at(out)));
    for (size_t k = 0; k < n * r * w; k++) {
        const size_t base = k / w * t * w + k % w;
        const double *s = slopes->host + k / w / r * t * w + k % w, *from = in->host + base;
        double *to = out->host + base, x = from[0], sum = s[0] * x;
        for (size_t i = 1; i <= d; i++) {
            const double p = s[i * w], q = s[(d + i) * w], x1 = from[i * w], x2 = from[(d + i) * w];
            sum += transpose ? p * x1 + q * x2 : 0;
            to[i * w] = s[0] * x1 + (transpose ? 2 * p * x2 : p * x);
            to[(d + i) * w] = s[0] * x2 + (transpose ? 0 : q * x + 2 * p * x1);
        }
        to[0] = sum;
    }
    out->tolerance = 8;
    end_case();
}

/* ---- residuals: u_1 + u sin(x_0) - u_dd / 2, and u_1^2 + 3 ---- */

enum { CONSTANT, COORDINATE, CHANNEL, SINE = 4, ADD = 10, SUBTRACT, MULTIPLY, DIVIDE, POWER };

static void residual_case(size_t n, size_t d, bool power) {
    begin_case("jet_residual n=%zu d=%zu power=%d", n, d, power);
    const size_t t = 1 + 2 * d;
    const uint8_t last = (uint8_t)(t - 1);
    const uint8_t codes[] = {CHANNEL, CHANNEL, COORDINATE, SINE,   MULTIPLY,
                             ADD,     CHANNEL, CONSTANT,   DIVIDE, SUBTRACT};
    const uint8_t operands[] = {1, 0, 0, 1, 0, 0, last, 0, 0, 0};
    const double values[] = {[7] = 2, [9] = 0};
    const uint8_t square_codes[] = {CHANNEL, CONSTANT, POWER, CONSTANT, ADD},
                  square_operands[] = {1, 0, 0, 0, 0};
    const double square_values[] = {0, 2, 0, 3, 0};
    buffer *x = uniform(n, d + 1, 0, 1, 2), *u = uniform(n, t, 0, -1, 1);
    buffer *r = output(1, n, 0), *partials = output(n, t, 0);
    double *kinds = x->host;
    for (size_t k = 0; k < n; k++)
        kinds[k * (d + 1) + d] = k % 4 == 3 ? (double)(k % t + 1) : 0;
    reload(x);
    OK(gn_cuda_jet_residual(test.stream, test.type, power ? 5 : 10, power ? square_codes : codes,
                            power ? square_operands : operands, power ? square_values : values, n, d, at(x),
                            at(u), at(r), at(partials)));
    for (size_t k = 0; k < n; k++) {
        const double *jet = u->host + k * t, wave = sin(x->host[k * (d + 1)]);
        const size_t kind = (size_t)x->host[k * (d + 1) + d];
        double *by = partials->host + k * t;
        memset(by, 0, t * sizeof *by);
        if (kind > 0) {
            r->host[k] = jet[kind - 1];
            by[kind - 1] = 1;
        } else if (power) {
            r->host[k] = jet[1] * jet[1] + 3;
            by[1] = 2 * jet[1];
        } else {
            r->host[k] = jet[1] + jet[0] * wave - jet[last] / 2;
            by[1] = 1;
            by[0] = wave;
            by[last] = -0.5;
        }
    }
    r->tolerance = partials->tolerance = 8;
    end_case();
}

static void refusals(void) {
    uint8_t codes[65] = {0};
    double values[65] = {0};
    begin_case("jet_residual refuses");
    buffer *x = uniform(1, 5, 0, 0, 1), *u = uniform(1, 9, 0, 0, 1), *r = output(1, 1, 0),
           *p = output(1, 9, 0);
    CHECK(gn_cuda_jet_residual(test.stream, test.type, 65, codes, codes, values, 1, 2, at(x), at(u), at(r),
                               at(p)) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_jet_residual(test.stream, test.type, 1, codes, codes, values, 1, 4, at(x), at(u), at(r),
                               at(p)) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_jet_activation(test.stream, test.type, 8, 1, 1, 1, at(x), at(u), at(r)) ==
          GN_ERROR_ARGUMENT);
    end_case();
}

void test_jets(void) {
    const size_t small[] = {0, 1, 3, 31, 33};
    const int kinds[] = {TANH, SIN, QUADRATIC}, count = SLOW ? 3 : 5;
    for (int at_n = 0; at_n < count; at_n++)
        for (size_t d = 1; d <= 3; d++) {
            const size_t n = small[at_n];
            inputs_case(n, d, d + n % 2);
            residual_case(n, d, false);
            residual_case(n, d, true);
            activation_case(kinds[d - 1], n, d, 8, n == 3);
            activation_case(kinds[d - 1], 3, d, small[at_n], n == 31);
            for (int flags = 0; flags < 4; flags++) {
                multiply_case(flags & 1, n, d, d, 4, flags >> 1);
                multiply_case(flags & 1, 2, 3, d, small[at_n], flags >> 1);
            }
        }
    refusals();
    if (large_cases()) { /* more than one pass of the grid */
        inputs_case(20000, 2, 3);
        activation_case(TANH, 2, 1, 70000, false);
        multiply_case(true, 9000, 2, 1, 33, false);
    }
}
