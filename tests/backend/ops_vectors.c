/* Cases of vectors, rows and losses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gnewt/random.h"
#include "op_case.h"

/* ---- fill: x = alpha ---- */

static void prepare_fill(op_run *run) {
    add_output(run, 1, run->c->n, 0);
}

static gn_status call_fill(op_run *run) {
    return GN_OP(run->context, fill, run->dtype, run->c->n, run->c->alpha, device_pointer(run, 0));
}

static void expect_fill(op_run *run) {
    for (size_t i = 0; i < run->c->n; i++)
        run->x[0].host[i] = run->dtype == GN_FLOAT32 ? (double)(float)run->c->alpha : run->c->alpha;
}

/* ---- axpby: x1 = alpha x0 + beta x1 ---- */

static void prepare_axpby(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    if (run->c->beta == 0)
        add_output(run, 1, run->c->n, 0);
    else
        add_uniform(run, 1, run->c->n, 0, -1, 1);
}

static gn_status call_axpby(op_run *run) {
    return GN_OP(run->context, axpby, run->dtype, run->c->n, run->c->alpha, device_pointer(run, 0),
                 run->c->beta, device_pointer(run, run->c->alias ? 0 : 1));
}

static void expect_axpby(op_run *run) {
    const double *x = run->x[0].host;
    double *y = run->x[run->c->alias ? 0 : 1].host;
    for (size_t i = 0; i < run->c->n; i++)
        y[i] = run->c->alpha * x[i] + (run->c->beta == 0 ? 0 : run->c->beta * y[i]);
    allow(run, run->c->alias ? 0 : 1, 4);
}

/* ---- axpby_ratio: alpha is (gamma - delta) / 0.8 of x2, x3, x4; kind 1: no gamma, 2: no delta ---- */

static void prepare_ratio(op_run *run) {
    prepare_axpby(run);
    add_scalar(run, run->c->gamma);
    add_scalar(run, run->c->delta);
    add_scalar(run, 0.8);
}

static gn_status call_ratio(op_run *run) {
    const op_case *c = run->c;
    return GN_OP(run->context, axpby_ratio, run->dtype, c->n, c->kind == 1 ? NULL : device_pointer(run, 2),
                 c->kind == 2 ? NULL : device_pointer(run, 3), device_pointer(run, 4), device_pointer(run, 0),
                 c->beta, device_pointer(run, c->alias ? 0 : 1));
}

static void expect_ratio(op_run *run) {
    const op_case *c = run->c;
    const double alpha = ((c->kind == 1 ? 0 : c->gamma) - (c->kind == 2 ? 0 : c->delta)) / 0.8;
    const double *x = run->x[0].host;
    double *y = run->x[c->alias ? 0 : 1].host;
    for (size_t i = 0; i < c->n; i++)
        y[i] = alpha * x[i] + (c->beta == 0 ? 0 : c->beta * y[i]);
    allow(run, c->alias ? 0 : 1, 6);
}

/* ---- multiply: z = x .* y; kind 0: z apart, 1: z is x, 2: z is y ---- */

static void prepare_multiply(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_output(run, 1, run->c->n, 0);
}

static int product_operand(const op_run *run) {
    return run->c->kind == 0 ? 2 : run->c->kind - 1;
}

static gn_status call_multiply(op_run *run) {
    return GN_OP(run->context, multiply, run->dtype, run->c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, product_operand(run)));
}

static void expect_multiply(op_run *run) {
    const double *x = run->x[0].host, *y = run->x[1].host;
    double *z = run->x[product_operand(run)].host;
    for (size_t i = 0; i < run->c->n; i++)
        z[i] = x[i] * y[i];
    allow(run, product_operand(run), 1);
}

/* ---- dot ---- */

static void prepare_dot(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_uniform(run, 1, run->c->n, 0, 0, 1);
    add_slots(run, 1);
}

static gn_status call_dot(op_run *run) {
    return GN_OP(run->context, dot, run->dtype, run->c->n, device_pointer(run, 0), device_pointer(run, 1),
                 device_pointer(run, 2));
}

/* The bound is on the sum of absolute values: the sum itself may cancel. */
static void expect_dot(op_run *run) {
    const double *x = run->x[0].host, *y = run->x[1].host;
    double sum = 0, size = 0;
    for (size_t i = 0; i < run->c->n; i++) {
        sum += x[i] * y[i];
        size += fabs(x[i] * y[i]);
    }
    run->x[2].host[0] = sum;
    allow(run, 2, sum != 0 ? 1e3 * size / fabs(sum) : 0);
}

/* ---- gather_rows: m rows of n elements out of k ---- */

static void prepare_gather(op_run *run) {
    const op_case *c = run->c;
    add_uniform(run, c->k, c->n, 0, -1, 1);
    add_output(run, c->m, c->n, 0);
    run->index = malloc((c->m + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < c->m; i++) { /* repeats, and both ends */
        uint32_t words[4];
        gn_philox(3, 0, i, words);
        run->index[i] = i == 0 ? (uint32_t)c->k - 1 : i == 1 ? 0 : words[0] % (uint32_t)c->k;
    }
    cr_assert_eq(gn_buffer_create(run->context, &run->index_buffer, GN_FLOAT32, 1, c->m, "indices"), GN_OK);
    cr_assert_eq(GN_OP(run->context, upload, run->index_buffer.data, run->index, c->m * sizeof(uint32_t)),
                 GN_OK);
}

static gn_status call_gather(op_run *run) {
    return GN_OP(run->context, gather_rows, run->dtype, run->c->m, run->c->n, run->index_buffer.data,
                 device_pointer(run, 0), device_pointer(run, 1));
}

static void expect_gather(op_run *run) {
    const size_t n = run->c->n;
    for (size_t i = 0; i < run->c->m; i++)
        memcpy(run->x[1].host + i * n, run->x[0].host + run->index[i] * n, n * sizeof(double));
}

/* ---- squared_loss: x2 = x0 - x1; kind 1: the residual overwrites f ---- */

static void prepare_loss(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_output(run, 1, run->c->n, 0);
    add_slots(run, 1);
}

static gn_status call_loss(op_run *run) {
    return GN_OP(run->context, squared_loss, run->dtype, run->c->n, device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, run->c->alias ? 0 : 2), device_pointer(run, 3));
}

static void expect_loss(op_run *run) {
    const int residual = run->c->alias ? 0 : 2;
    const double *f = run->x[0].host, *y = run->x[1].host;
    double *r = run->x[residual].host, sum = 0;
    for (size_t i = 0; i < run->c->n; i++) {
        const double d = f[i] - y[i];
        r[i] = run->dtype == GN_FLOAT32 ? (double)(float)d : d;
        sum += r[i] * r[i];
    }
    run->x[3].host[0] = sum;
    allow(run, residual, 1);
    allow(run, 3, 1e3);
}

/* ---- count_correct: m rows of n; few distinct values make ties ---- */

static void prepare_correct(op_run *run) {
    const size_t rows = run->c->m * positions_of(run->c), count = rows * run->c->n;
    double *values = malloc((count + 1) * sizeof(double));
    for (int side = 0; side < 2; side++) {
        gn_random_uniform(11, GN_STREAM_AUXILIARY, (uint64_t)side * count, count, 0, 4, values);
        for (size_t i = 0; i < count; i++)
            values[i] = floor(values[i]);
        add_values(run, rows, run->c->n, 0, values);
    }
    free(values);
    add_slots(run, 1);
}

static gn_status call_correct(op_run *run) {
    return GN_OP(run->context, count_correct, run->dtype, run->c->m, positions_of(run->c), run->c->n,
                 device_pointer(run, 0), device_pointer(run, 1), device_pointer(run, 2));
}

static size_t first_largest(size_t n, const double *x) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

static void expect_correct(op_run *run) {
    const size_t n = run->c->n, t = positions_of(run->c);
    double count = 0;
    for (size_t i = 0; i < run->c->m; i++) {
        bool right = true;
        for (size_t m = i * t; m < (i + 1) * t; m++)
            right &= first_largest(n, run->x[0].host + m * n) == first_largest(n, run->x[1].host + m * n);
        count += right;
    }
    run->x[2].host[0] = count;
}

/* ---- the list ---- */

static const op_family fill = {"fill", prepare_fill, call_fill, expect_fill, false};
static const op_family axpby = {"axpby", prepare_axpby, call_axpby, expect_axpby, false};
static const op_family ratio = {"axpby_ratio", prepare_ratio, call_ratio, expect_ratio, false};
static const op_family multiply = {"multiply", prepare_multiply, call_multiply, expect_multiply, false};
static const op_family dot = {"dot", prepare_dot, call_dot, expect_dot, false};
static const op_family gather = {"gather_rows", prepare_gather, call_gather, expect_gather, false};
static const op_family loss = {"squared_loss", prepare_loss, call_loss, expect_loss, false};
static const op_family correct = {"count_correct", prepare_correct, call_correct, expect_correct, false};

static void add_elementwise(case_list *list, size_t n) {
    static const double factors[] = {0, 1, -0.7};
    for (int a = 0; a < 3; a++) {
        add_case(list, (op_case){.family = &fill, .n = n, .alpha = factors[a]});
        for (int b = 0; b < 3; b++)
            add_case(list, (op_case){.family = &axpby, .n = n, .alpha = factors[a], .beta = factors[b]});
        add_case(list, (op_case){.family = &axpby, .n = n, .alpha = factors[a], .beta = 0, .alias = true});
        add_case(list, (op_case){.family = &multiply, .n = n, .kind = a});
        add_case(list, (op_case){.family = &ratio,
                                 .n = n,
                                 .kind = a,
                                 .alias = a == 1,
                                 .gamma = 0.4,
                                 .delta = -1.7,
                                 .beta = a == 1 ? 0 : factors[a]});
    }
    add_case(list, (op_case){.family = &dot, .n = n});
    add_case(list, (op_case){.family = &loss, .n = n});
    add_case(list, (op_case){.family = &loss, .n = n, .alias = true});
}

void add_vector_cases(case_list *list) {
    static const size_t row_lengths[] = {0, 1, 3, 33, 100};
    for (size_t i = 0; i < AWKWARD; i++)
        add_elementwise(list, awkward[i]);
    for (size_t i = 0; i < AWKWARD - 1; i++)
        for (size_t j = 0; j < sizeof(row_lengths) / sizeof(row_lengths[0]); j++) {
            add_case(
                list,
                (op_case){.family = &gather, .m = awkward[i], .n = row_lengths[j], .k = 1 + awkward[i] / 2});
            if (row_lengths[j])
                add_case(list, (op_case){.family = &correct, .m = awkward[i], .n = row_lengths[j]});
        }
    add_case(list, (op_case){.family = &gather, .m = 20001, .n = 33, .k = 700});
    add_case(list, (op_case){.family = &correct, .m = 20001, .n = 10});
    add_case(list, (op_case){.family = &correct, .m = 20001, .t = 2, .n = 3});
    add_case(list, (op_case){.family = &correct, .m = 301, .t = 3, .n = 40});
}
