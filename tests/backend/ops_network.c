/* Cases of activations and rows of cotangents. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

/* ---- bias_rows: m rows of n; flag: with a bias ---- */

static void prepare_bias(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_output(run, run->c->m, run->c->n, 0);
}

static gn_status call_bias(op_run *run) {
    return GN_OP(run->context, bias_rows, run->dtype, run->c->m, run->c->n,
                 run->c->flag ? device_pointer(run, 0) : NULL, device_pointer(run, 1));
}

static void expect_bias(op_run *run) {
    for (size_t i = 0; i < run->c->m; i++)
        for (size_t j = 0; j < run->c->n; j++)
            run->x[1].host[i * run->c->n + j] = run->c->flag ? run->x[0].host[j] : 0;
}

/* ---- column_sums ---- */

static void prepare_sums(op_run *run) {
    add_uniform(run, run->c->m, run->c->n, 0, -0.5, 1);
    add_output(run, 1, run->c->n, 0);
}

static gn_status call_sums(op_run *run) {
    return GN_OP(run->context, column_sums, run->dtype, run->c->m, run->c->n, device_pointer(run, 0),
                 device_pointer(run, 1));
}

static void expect_sums(op_run *run) {
    for (size_t j = 0; j < run->c->n; j++) {
        double sum = 0;
        for (size_t i = 0; i < run->c->m; i++)
            sum += run->x[0].host[i * run->c->n + j];
        run->x[1].host[j] = sum;
    }
    allow(run, 1, run->dtype == GN_FLOAT64 ? 8 + 0.1 * (double)run->c->m : 4);
}

/* ---- activation: kind; flag: with slope; alias: the value over z ---- */

static void prepare_activation(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -5, 5);
    add_output(run, 1, run->c->n, 0);
    add_output(run, 1, run->c->n, 0);
}

static gn_status call_activation(op_run *run) {
    return GN_OP(run->context, activation, run->dtype, (gn_activation)run->c->kind, run->c->n,
                 device_pointer(run, 0), device_pointer(run, run->c->alias ? 0 : 1),
                 run->c->flag ? device_pointer(run, 2) : NULL);
}

static double value_at(gn_activation kind, double z) {
    switch (kind) {
    case GN_ACTIVATION_TANH:
        return tanh(z);
    case GN_ACTIVATION_RELU:
        return z > 0 ? z : 0;
    case GN_ACTIVATION_GELU:
        return 0.5 * z * (1 + erf(z * M_SQRT1_2));
    case GN_ACTIVATION_SIN:
        return sin(z);
    case GN_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case GN_ACTIVATION_SOFTPLUS:
        return log1p(exp(z));
    case GN_ACTIVATION_QUADRATIC:
        return z * z;
    default:
        return z;
    }
}

static double slope_at(gn_activation kind, double z) {
    switch (kind) {
    case GN_ACTIVATION_TANH:
        return 1 - tanh(z) * tanh(z);
    case GN_ACTIVATION_RELU:
        return z > 0;
    case GN_ACTIVATION_GELU:
        return 0.5 * (1 + erf(z * M_SQRT1_2)) + z * exp(-0.5 * z * z) * M_2_SQRTPI * M_SQRT1_2 * 0.5;
    case GN_ACTIVATION_SIN:
        return cos(z);
    case GN_ACTIVATION_SIGMOID:
        return exp(-z) / ((1 + exp(-z)) * (1 + exp(-z)));
    case GN_ACTIVATION_SOFTPLUS:
        return 1 / (1 + exp(-z));
    case GN_ACTIVATION_QUADRATIC:
        return 2 * z;
    default:
        return 1;
    }
}

static void expect_activation(op_run *run) {
    const gn_activation kind = (gn_activation)run->c->kind;
    const int to = run->c->alias ? 0 : 1;
    for (size_t i = 0; i < run->c->n; i++) {
        const double z = run->x[0].host[i];
        run->x[to].host[i] = value_at(kind, z);
        if (run->c->flag)
            run->x[2].host[i] = slope_at(kind, z);
    }
    allow(run, to, 10);
    allow(run, 2, 10);
}

/* ---- activation_vjp_jvp: kind; alias: over d_dot ---- */

static void prepare_bend(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -5, 5);
    for (int i = 0; i < 3; i++)
        add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_output(run, 1, run->c->n, 0);
}

static gn_status call_bend(op_run *run) {
    return GN_OP(run->context, activation_vjp_jvp, run->dtype, (gn_activation)run->c->kind, run->c->n,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2),
                 device_pointer(run, 3), device_pointer(run, run->c->alias ? 3 : 4));
}

static double bend_at(gn_activation kind, double z) {
    const double logistic = 1 / (1 + exp(-z)), density = exp(-0.5 * z * z) * M_2_SQRTPI * M_SQRT1_2 * 0.5;
    switch (kind) {
    case GN_ACTIVATION_TANH:
        return -2 * tanh(z) / (cosh(z) * cosh(z));
    case GN_ACTIVATION_GELU:
        return 2 * density - z * z * density;
    case GN_ACTIVATION_SIN:
        return -sin(z);
    case GN_ACTIVATION_SIGMOID:
        return logistic * (1 - logistic) * (1 - 2 * logistic);
    case GN_ACTIVATION_SOFTPLUS:
        return logistic * (1 - logistic);
    case GN_ACTIVATION_QUADRATIC:
        return 2;
    default:
        return 0;
    }
}

static void expect_bend(op_run *run) {
    const gn_activation kind = (gn_activation)run->c->kind;
    const int to = run->c->alias ? 3 : 4;
    for (size_t i = 0; i < run->c->n; i++) {
        const double z = run->x[0].host[i];
        run->x[to].host[i] =
            slope_at(kind, z) * run->x[3].host[i] + bend_at(kind, z) * run->x[1].host[i] * run->x[2].host[i];
    }
    allow(run, to, 10);
}

/* ---- multiply_rows: m samples, r cotangents, n features ---- */

static void prepare_multiply_rows(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m * c->r, c->n, 0, -1, 1);
    add_uniform(run, c->m, c->n, 0, -1, 1);
    add_output(run, c->m * c->r, c->n, 0);
}

static gn_status call_multiply_rows(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, multiply_rows, run->dtype, c->m, c->r, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, c->alias ? 0 : 2));
}

static void expect_multiply_rows(op_run *run) {
    const op_case *c = run->c;
    const int to = c->alias ? 0 : 2;
    for (size_t i = 0; i < c->m * c->r; i++)
        for (size_t j = 0; j < c->n; j++)
            run->x[to].host[i * c->n + j] =
                run->x[0].host[i * c->n + j] * run->x[1].host[i / c->r * c->n + j];
    allow(run, to, 1);
}

/* ---- contract_rows ---- */

static void prepare_contract(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->m, c->r, 0, -1, 1);
    add_uniform(run, c->m * c->r, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
}

static gn_status call_contract(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, contract_rows, run->dtype, c->m, c->r, c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2));
}

static void expect_contract(op_run *run) {
    const op_case *c = run->c;
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->n; j++) {
            double sum = 0;
            for (size_t q = 0; q < c->r; q++)
                sum += run->x[0].host[i * c->r + q] * run->x[1].host[(i * c->r + q) * c->n + j];
            run->x[2].host[i * c->n + j] = sum;
        }
    allow(run, 2, run->dtype == GN_FLOAT64 ? 8 + (double)c->r : 4);
}

/* ---- unit_rows ---- */

static void prepare_unit(op_run *run) {
    add_output(run, run->c->m * run->c->r, run->c->r, 0);
}

static gn_status call_unit(op_run *run) {
    return GN_OP(run->context, unit_rows, run->dtype, run->c->m, run->c->r, device_pointer(run, 0));
}

static void expect_unit(op_run *run) {
    const size_t r = run->c->r;
    for (size_t i = 0; i < run->c->m * r; i++)
        for (size_t j = 0; j < r; j++)
            run->x[0].host[i * r + j] = i % r == j;
}

/* ---- the list ---- */

static const op_family bias = {"bias_rows", prepare_bias, call_bias, expect_bias, false};
static const op_family sums = {"column_sums", prepare_sums, call_sums, expect_sums, false};
static const op_family activation = {"activation", prepare_activation, call_activation, expect_activation,
                                     false};
static const op_family bend = {"activation_vjp_jvp", prepare_bend, call_bend, expect_bend, false};
static const op_family multiply_rows = {"multiply_rows", prepare_multiply_rows, call_multiply_rows,
                                        expect_multiply_rows, false};
static const op_family contract = {"contract_rows", prepare_contract, call_contract, expect_contract, false};
static const op_family unit = {"unit_rows", prepare_unit, call_unit, expect_unit, false};

static void add_rows(case_list *list, size_t m, size_t n) {
    static const size_t cotangents[] = {1, 2, 10};
    add_case(list, (op_case){.family = &bias, .m = m, .n = n});
    add_case(list, (op_case){.family = &bias, .m = m, .n = n, .flag = true});
    add_case(list, (op_case){.family = &sums, .m = m, .n = n});
    for (int i = 0; i < 3; i++) {
        const size_t r = cotangents[i];
        add_case(list, (op_case){.family = &multiply_rows, .m = m, .n = n, .r = r});
        add_case(list, (op_case){.family = &multiply_rows, .m = m, .n = n, .r = r, .alias = true});
        add_case(list, (op_case){.family = &contract, .m = m, .n = n, .r = r});
        add_case(list, (op_case){.family = &unit, .m = m, .r = r});
    }
}

void add_network_cases(case_list *list) {
    static const size_t shapes[][2] = {{0, 3},   {3, 0},    {1, 1},    {3, 31},  {33, 3},     {100, 80},
                                       {100, 1}, {3, 1000}, {1000, 3}, {301, 7}, {1003, 101}, {20001, 1}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        add_rows(list, shapes[i][0], shapes[i][1]);
    for (int kind = 0; kind < GN_ACTIVATION_COUNT; kind++)
        for (size_t i = 0; i < AWKWARD; i++) {
            add_case(list, (op_case){.family = &activation, .n = awkward[i], .kind = kind});
            add_case(list, (op_case){.family = &activation, .n = awkward[i], .kind = kind, .flag = true});
            add_case(
                list,
                (op_case){.family = &activation, .n = awkward[i], .kind = kind, .flag = true, .alias = true});
            add_case(list, (op_case){.family = &bend, .n = awkward[i], .kind = kind});
            add_case(list, (op_case){.family = &bend, .n = awkward[i], .kind = kind, .alias = true});
        }
}
