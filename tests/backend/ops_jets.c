/* Cases of jets: T = 1 + 2d channels a sample. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "op_case.h"

static size_t channels(size_t d) {
    return 1 + 2 * d;
}

/* ---- jet_inputs: m samples, n coordinates, pad more columns a row ---- */

static void prepare_inputs(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->n + c->pad, 0, -1, 1);
    add_output(run, c->m * channels(c->n), c->n, 0);
}

static gn_status call_inputs(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jet_inputs, run->dtype, c->m, c->n, c->n + c->pad, device_pointer(run, 0),
                 device_pointer(run, 1));
}

static void expect_inputs(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, t = channels(d);
    for (size_t row = 0; row < c->m * t; row++)
        for (size_t i = 0; i < d; i++)
            run->x[1].host[row * d + i] =
                row % t == 0 ? run->x[0].host[row / t * (d + c->pad) + i] : row % t == 1 + i;
}

/* ---- jet_activation: m samples, n coordinates, k features; kind; alias: the value over z ---- */

static void prepare_activation(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * channels(c->n), c->k, 0, -3, 3);
    add_output(run, c->m * channels(c->n), c->k, 0);
    add_output(run, c->m * channels(c->n), c->k, 0);
}

static gn_status call_activation(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jet_activation, run->dtype, (gn_activation)c->kind, c->m, c->n, c->k,
                 device_pointer(run, 0), device_pointer(run, c->alias ? 0 : 1), device_pointer(run, 2));
}

static double density(double x) {
    return exp(-x * x / 2) / sqrt(2 * M_PI);
}

/* phi and its first four derivatives, in other words than the backends use. */
static void curve(gn_activation kind, double x, double f[5]) {
    const double s = 1 / (1 + exp(-x)), hyperbolic = 1 / (cosh(x) * cosh(x));
    const double linear[5] = {x, 1, 0, 0, 0}, relu[5] = {x > 0 ? x : 0, x > 0, 0, 0, 0};
    const double square[5] = {x * x, 2 * x, 2, 0, 0}, wave[5] = {sin(x), cos(x), -sin(x), -cos(x), sin(x)};
    const double bend[5] = {tanh(x), hyperbolic, -2 * tanh(x) * hyperbolic,
                            4 * tanh(x) * tanh(x) * hyperbolic - 2 * hyperbolic * hyperbolic,
                            16 * tanh(x) * hyperbolic * hyperbolic - 8 * pow(tanh(x), 3) * hyperbolic};
    const double logistic[5] = {s, s * (1 - s), s * (1 - s) * (1 - 2 * s),
                                s * (1 - s) * ((1 - 2 * s) * (1 - 2 * s) - 2 * s * (1 - s)),
                                s * (1 - s) * (1 - 2 * s) * ((1 - 2 * s) * (1 - 2 * s) - 8 * s * (1 - s))};
    const double soft[5] = {log1p(exp(x)), logistic[0], logistic[1], logistic[2], logistic[3]};
    const double normal = 0.5 * erfc(-x * M_SQRT1_2);
    const double gauss[5] = {x * normal, normal + x * density(x), 2 * density(x) - x * x * density(x),
                             x * x * x * density(x) - 4 * x * density(x),
                             7 * x * x * density(x) - x * x * x * x * density(x) - 4 * density(x)};
    const double *const all[GN_ACTIVATION_COUNT] = {linear, bend, relu, gauss, wave, logistic, soft, square};
    memcpy(f, all[kind], 5 * sizeof(double));
}

static void expect_activation(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, w = c->k, t = channels(d);
    double *values = run->x[c->alias ? 0 : 1].host, *slopes = run->x[2].host;
    for (size_t i = 0; i < c->m * w; i++) {
        const size_t base = i / w * t * w + i % w;
        double f[5];
        curve((gn_activation)c->kind, run->x[0].host[base], f);
        values[base] = f[0];
        slopes[base] = f[1];
        for (size_t axis = 1; axis <= d; axis++) {
            const size_t one = base + axis * w, two = base + (d + axis) * w;
            const double z1 = run->x[0].host[one], z2 = run->x[0].host[two];
            values[one] = f[1] * z1;
            values[two] = f[2] * z1 * z1 + f[1] * z2;
            slopes[one] = f[2] * z1;
            slopes[two] = f[3] * z1 * z1 + f[2] * z2;
        }
    }
    allow(run, c->alias ? 0 : 1, 16);
    allow(run, 2, 16);
}

/* ---- jet_multiply: m samples, r jets, n coordinates, k features; transpose_a; alias: out is in ---- */

static void prepare_multiply(op_run *run) {
    const op_case *c = run->c;
    const size_t t = channels(c->n);
    add_uniform(run, c->m * c->r * t, c->k, 0, -1, 1);
    add_uniform(run, c->m * t, c->k, 0, -1, 1);
    add_output(run, c->m * c->r * t, c->k, 0);
}

static gn_status call_multiply(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jet_multiply, run->dtype, c->transpose_a, c->m, c->r, c->n, c->k,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, c->alias ? 0 : 2));
}

/* The matrix (T x T) of one sample and feature, from its slopes (T, w apart). */
static void multiply_matrix(size_t d, size_t w, const double *slopes, double *matrix) {
    const size_t t = channels(d);
    memset(matrix, 0, t * t * sizeof(double));
    for (size_t i = 0; i < t; i++)
        matrix[i * t + i] = slopes[0];
    for (size_t i = 1; i < t; i++)
        matrix[i * t] = slopes[i * w];
    for (size_t i = 1; i <= d; i++)
        matrix[(d + i) * t + i] = 2 * slopes[i * w];
}

static void expect_multiply(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, w = c->k, t = channels(d);
    double matrix[49], in[7];
    double *out = run->x[c->alias ? 0 : 2].host;
    for (size_t m = 0; m < c->m * c->r; m++)
        for (size_t j = 0; j < w; j++) {
            multiply_matrix(d, w, run->x[1].host + m / c->r * t * w + j, matrix);
            for (size_t i = 0; i < t; i++)
                in[i] = run->x[0].host[(m * t + i) * w + j];
            for (size_t i = 0; i < t; i++) {
                double sum = 0;
                for (size_t q = 0; q < t; q++)
                    sum += (c->transpose_a ? matrix[q * t + i] : matrix[i * t + q]) * in[q];
                out[(m * t + i) * w + j] = sum;
            }
        }
    allow(run, c->alias ? 0 : 2, 8);
}

/* ---- jet_vjp_jvp: m samples, n coordinates, k features; kind; alias: over d_dot ---- */

static void prepare_vjp_jvp(op_run *run) {
    const op_case *c = run->c;
    for (int i = 0; i < 4; i++) /* z, dz, d, d_dot */
        add_uniform(run, c->m * channels(c->n), c->k, 0, i == 0 ? -3 : -1, i == 0 ? 3 : 1);
    add_output(run, c->m * channels(c->n), c->k, 0);
}

static gn_status call_vjp_jvp(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, jet_vjp_jvp, run->dtype, (gn_activation)c->kind, c->m, c->n, c->k,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2),
                 device_pointer(run, 3), device_pointer(run, c->alias ? 3 : 4));
}

/* The slopes of one sample and feature (T), and their tangents: z and dz are w apart. */
static void moving_slopes(gn_activation kind, size_t d, size_t w, const double *z, const double *dz,
                          double *slopes, double *tangents) {
    double f[5];
    curve(kind, z[0], f);
    slopes[0] = f[1];
    tangents[0] = f[2] * dz[0];
    for (size_t i = 1; i <= d; i++) {
        const double z1 = z[i * w], z2 = z[(d + i) * w], t1 = dz[i * w], t2 = dz[(d + i) * w];
        slopes[i] = f[2] * z1;
        slopes[d + i] = f[3] * z1 * z1 + f[2] * z2;
        tangents[i] = f[3] * dz[0] * z1 + f[2] * t1;
        tangents[d + i] = f[4] * dz[0] * z1 * z1 + 2 * f[3] * z1 * t1 + f[3] * dz[0] * z2 + f[2] * t2;
    }
}

static void expect_vjp_jvp(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, w = c->k, t = channels(d);
    const int to = c->alias ? 3 : 4;
    for (size_t i = 0; i < c->m * w; i++) {
        const size_t base = i / w * t * w + i % w;
        double slopes[7], tangents[7], matrix[49], turned[49], out[7];
        moving_slopes((gn_activation)c->kind, d, w, run->x[0].host + base, run->x[1].host + base, slopes,
                      tangents);
        multiply_matrix(d, 1, slopes, matrix);
        multiply_matrix(d, 1, tangents, turned);
        for (size_t k = 0; k < t; k++) {
            out[k] = 0;
            for (size_t q = 0; q < t; q++)
                out[k] += matrix[q * t + k] * run->x[3].host[base + q * w] +
                          turned[q * t + k] * run->x[2].host[base + q * w];
        }
        for (size_t k = 0; k < t; k++)
            run->x[to].host[base + k * w] = out[k];
    }
    allow(run, to, 32);
}

/* ---- jet_residual: m rows, n coordinates; kind: the program ---- */

/* Programs in postfix words: cK is channel K (the highest where there are fewer), xK likewise. */
typedef struct program_text {
    const char *words;
    double complex (*value)(const double *x, const double complex *u, size_t d);
} program_text;

#define PROGRAM(name, ...)                                                                                   \
    static double complex name(const double *x, const double complex *u, size_t d) {                         \
        (void)x, (void)u, (void)d;                                                                           \
        return __VA_ARGS__;                                                                                  \
    }

PROGRAM(constant, 2.5)
PROGRAM(coordinate, sin(x[0]) * x[d - 1])
PROGRAM(poisson, u[2 * d] + u[d + 1] + 2 * sin(3 * x[0]) * cos(x[d - 1]))
PROGRAM(burgers, u[d] + u[0] * u[1] - 0.01 * u[d + 1])
PROGRAM(functions, csin(u[0]) * ccos(u[1]) + cexp(-u[0]) * ctanh(u[2]) - clog(u[1]) / csqrt(u[2]))
PROGRAM(powers, cpow(u[0], 3) + cpow(u[1], x[0]) + cpow(u[2], 0) + u[1] / u[0])
PROGRAM(nested, 6 * u[0] - 5 * u[1] - u[2])

static const program_text programs[] = {
    {"2.5", constant},
    {"x0 sin x9 *", coordinate},
    {"c6 second + 2 3 x0 * sin * x9 cos * +", poisson},
    {"last c0 c1 * + 0.01 second * -", burgers},
    {"c0 sin c1 cos * c0 neg exp c2 tanh * + c1 log c2 sqrt / -", functions},
    {"c0 3 ^ c1 x0 ^ + c2 0 ^ + c1 c0 / +", powers},
    {"c0 c1 c0 c1 c0 c1 c0 c1 c0 c1 c0 c2 - - - - - - - - - - -", nested},
};
enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };

static int find_code(const char *word) {
    static const char *const words[] = {"neg",  "sin", "cos", "exp", "tanh", "log",
                                        "sqrt", "+",   "-",   "*",   "/",    "^"};
    for (int i = 0; i < 12; i++)
        if (strcmp(word, words[i]) == 0)
            return GN_EXPRESSION_NEGATE + i;
    return -1;
}

static size_t at_most(size_t i, size_t most) {
    return i < most ? i : most;
}

/* "second" is u_11, "last" u_d. */
static gn_expression assemble(const char *text, size_t d) {
    gn_expression e = {0};
    bool plain[32];
    int depth = 0;
    char words[256];
    snprintf(words, sizeof(words), "%s", text);
    for (char *rest, *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const int k = e.length++, code = find_code(word);
        if (code >= 0) {
            const bool binary = code >= GN_EXPRESSION_ADD;
            depth -= binary;
            plain[depth - 1] = plain[depth - 1] && (!binary || plain[depth]);
            e.code[k] = (uint8_t)code;
            e.operand[k] = plain[depth - 1];
            continue;
        }
        const bool channel = word[0] == 'c' || word[0] == 's' || word[0] == 'l', coordinate = word[0] == 'x';
        const size_t number = (size_t)atoi(word + 1);
        e.code[k] = channel      ? GN_EXPRESSION_CHANNEL
                    : coordinate ? GN_EXPRESSION_COORDINATE
                                 : GN_EXPRESSION_CONSTANT;
        e.operand[k] = (uint8_t)(word[0] == 's'   ? d + 1
                                 : word[0] == 'l' ? d
                                 : coordinate     ? at_most(number, d - 1)
                                                  : at_most(number, 2 * d));
        e.value[k] = atof(word);
        plain[depth++] = !channel;
    }
    cr_assert_eq(depth, 1);
    return e;
}

static void prepare_residual(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, t = channels(d);
    double *x = malloc((c->m + 1) * (d + 1) * sizeof(double));
    for (size_t row = 0; row < c->m; row++) {
        for (size_t i = 0; i < d; i++)
            x[row * (d + 1) + i] = 0.5 + (double)((row * 7 + i * 13) % 97) / 97;
        x[row * (d + 1) + d] = row % 3 == 2 ? (double)(1 + row % t) : 0;
    }
    add_values(run, c->m, d + 1, 0, x);
    add_uniform(run, c->m, t, 0, 0.5, 1.5);
    add_output(run, c->m, 1, 0);
    add_output(run, c->m, t, 0);
    free(x);
}

static gn_status call_residual(op_run *run) {
    const op_case *c = run->c;
    const gn_expression e = assemble(programs[c->kind].words, c->n);
    return GN_OP(run->context, jet_residual, run->dtype, &e, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3));
}

/* The derivative of a row's residual by a channel, at jet + h du: by a complex step. */
static double partial_at(int program, size_t d, const double *x, const double *jet, const double *du,
                         double h, size_t channel) {
    const double step = 1e-100;
    const size_t kind = (size_t)x[d];
    double complex u[7];
    for (size_t q = 0; q < channels(d); q++)
        u[q] = jet[q] + h * du[q] + (q == channel ? step * I : 0);
    return cimag(kind > 0 ? u[kind - 1] : programs[program].value(x, u, d)) / step;
}

/* ---- jet_residual_vjp_jvp: the same ---- */

static void prepare_turn(op_run *run) {
    const op_case *c = run->c;
    prepare_residual(run); /* its outputs stay as they are */
    add_uniform(run, c->m, channels(c->n), 0, -1, 1);
    add_uniform(run, c->m, 1, 0, -1, 1);
    add_uniform(run, c->m, 1, 0, -1, 1);
    add_output(run, c->m, channels(c->n), 0);
}

static gn_status call_turn(op_run *run) {
    const op_case *c = run->c;
    const gn_expression e = assemble(programs[c->kind].words, c->n);
    return GN_OP(run->context, jet_residual_vjp_jvp, run->dtype, &e, c->m, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 4), device_pointer(run, 5),
                 device_pointer(run, 6), device_pointer(run, 7));
}

/* Differences of the derivatives, of four points. */
static void expect_turn(op_run *run) {
    static const double weights[] = {1.0 / 12, -2.0 / 3, 2.0 / 3, -1.0 / 12}, steps[] = {-2, -1, 1, 2};
    const op_case *c = run->c;
    const size_t d = c->n, t = channels(d);
    const double h = 3e-4;
    for (size_t row = 0; row < c->m; row++)
        for (size_t channel = 0; channel < t; channel++) {
            const double *x = run->x[0].host + row * (d + 1), *jet = run->x[1].host + row * t;
            const double *du = run->x[4].host + row * t;
            double tangent = 0;
            for (int i = 0; i < 4; i++)
                tangent += weights[i] / h * partial_at(c->kind, d, x, jet, du, steps[i] * h, channel);
            run->x[7].host[row * t + channel] =
                partial_at(c->kind, d, x, jet, du, 0, channel) * run->x[6].host[row] +
                tangent * run->x[5].host[row];
        }
    allow(run, 7, run->dtype == GN_FLOAT64 ? 1e6 : 128);
}

/* The derivatives by complex steps. */
static void expect_residual(op_run *run) {
    const op_case *c = run->c;
    const size_t d = c->n, t = channels(d);
    for (size_t row = 0; row < c->m; row++) {
        const double *x = run->x[0].host + row * (d + 1), *jet = run->x[1].host + row * t;
        const size_t kind = (size_t)x[d];
        double complex u[7];
        for (size_t q = 0; q < t; q++)
            u[q] = jet[q];
        run->x[2].host[row] = creal(kind > 0 ? u[kind - 1] : programs[c->kind].value(x, u, d));
        for (size_t channel = 0; channel < t; channel++)
            run->x[3].host[row * t + channel] = partial_at(c->kind, d, x, jet, jet, 0, channel);
    }
    allow(run, 2, 32);
    allow(run, 3, 64);
}

/* ---- the list ---- */

static const op_family inputs = {"jet_inputs", prepare_inputs, call_inputs, expect_inputs, false};
static const op_family activation = {"jet_activation", prepare_activation, call_activation, expect_activation,
                                     false};
static const op_family multiply = {"jet_multiply", prepare_multiply, call_multiply, expect_multiply, false};
static const op_family residual = {"jet_residual", prepare_residual, call_residual, expect_residual, false};
static const op_family vjp_jvp = {"jet_vjp_jvp", prepare_vjp_jvp, call_vjp_jvp, expect_vjp_jvp, false};
static const op_family turn = {"jet_residual_vjp_jvp", prepare_turn, call_turn, expect_turn, false};

static void add_jets(case_list *list, size_t m, size_t d, size_t w) {
    for (int kind = 0; kind < GN_ACTIVATION_COUNT; kind++)
        for (int alias = 0; alias < 2; alias++) {
            add_case(list,
                     (op_case){.family = &activation, .m = m, .n = d, .k = w, .kind = kind, .alias = alias});
            add_case(list,
                     (op_case){.family = &vjp_jvp, .m = m, .n = d, .k = w, .kind = kind, .alias = alias});
        }
    for (size_t r = 1; r <= 3; r += 2)
        for (int flags = 0; flags < 4; flags++)
            add_case(list, (op_case){.family = &multiply,
                                     .m = m,
                                     .n = d,
                                     .k = w,
                                     .r = r,
                                     .transpose_a = flags & 1,
                                     .alias = flags >> 1});
}

void add_jet_cases(case_list *list) {
    static const size_t shapes[][3] = {{0, 2, 3},  {3, 2, 0},  {1, 1, 1},   {3, 2, 31},   {33, 3, 3},
                                       {5, 0, 33}, {7, 2, 64}, {100, 1, 5}, {31, 2, 600}, {301, 3, 256}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        add_jets(list, shapes[i][0], shapes[i][1], shapes[i][2]);
    for (size_t i = 0; i < AWKWARD - 1; i++)
        for (size_t d = 1; d <= GN_EXPRESSION_AXES; d++) {
            add_case(list, (op_case){.family = &inputs, .m = awkward[i], .n = d, .pad = d - 1});
            for (int kind = 0; kind < PROGRAMS; kind++) {
                add_case(list, (op_case){.family = &residual, .m = awkward[i], .n = d, .kind = kind});
                add_case(list, (op_case){.family = &turn, .m = awkward[i], .n = d, .kind = kind});
            }
        }
    add_case(list, (op_case){.family = &inputs, .m = 20001, .n = 2, .pad = 1});
    add_case(list, (op_case){.family = &residual, .m = 20001, .n = 2, .kind = 4});
}
