/* Cases of first-order updates. */
#include <math.h>
#include <stdlib.h>

#include "op_case.h"

static double rate_of(const op_case *c) {
    return c->alpha;
}

/* ---- sgd_update: alpha rate, beta momentum, gamma decay; flag: no velocity buffer ---- */

static void prepare_sgd(op_run *run) {
    const size_t n = run->c->n;
    add_scalar(run, rate_of(run->c));
    add_uniform(run, 1, n, 0, -1, 1); /* g */
    add_uniform(run, 1, n, 0, -1, 1); /* v */
    add_uniform(run, 1, n, 0, -1, 1); /* theta */
}

static gn_status call_sgd(op_run *run) {
    const op_case *c = run->c;
    const gn_sgd_rule rule = {.momentum = c->beta, .weight_decay = c->gamma};
    return GN_OP(run->context, sgd_update, run->dtype, c->n, rule, device_pointer(run, 0),
                 device_pointer(run, 1), c->flag ? NULL : device_pointer(run, 2), device_pointer(run, 3));
}

static void expect_sgd(op_run *run) {
    const op_case *c = run->c;
    const double *g = run->x[1].host;
    double *v = run->x[2].host, *theta = run->x[3].host;
    for (size_t i = 0; i < c->n; i++) {
        const double velocity = (c->flag ? 0 : c->beta * v[i]) + g[i] + c->gamma * theta[i];
        if (!c->flag)
            v[i] = velocity;
        theta[i] -= rate_of(c) * velocity;
    }
    allow(run, 2, 4);
    allow(run, 3, 4);
}

/* ---- adam_update: alpha rate, gamma decay, flag: decoupled, k updates before this one ---- */

static gn_adam_rule rule_of(const op_case *c) {
    return (gn_adam_rule){
        .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = c->gamma, .decoupled = c->flag};
}

static void prepare_adam(op_run *run) {
    const size_t n = run->c->n;
    add_scalar(run, rate_of(run->c));
    add_scalar(run, (double)run->c->k);
    add_uniform(run, 1, n, 0, -1, 1); /* g */
    add_uniform(run, 1, n, 0, -1, 1); /* m */
    add_uniform(run, 1, n, 0, 0, 1);  /* v */
    add_uniform(run, 1, n, 0, -1, 1); /* theta */
}

static gn_status call_adam(op_run *run) {
    return GN_OP(run->context, adam_update, run->dtype, run->c->n, rule_of(run->c), device_pointer(run, 0),
                 device_pointer(run, 1), device_pointer(run, 2), device_pointer(run, 3),
                 device_pointer(run, 4), device_pointer(run, 5));
}

static void expect_adam(op_run *run) {
    const op_case *c = run->c;
    const gn_adam_rule rule = rule_of(c);
    const double t = (double)c->k + 1, rate = rate_of(c);
    const double correction1 = 1 - pow(rule.beta1, t), correction2 = 1 - pow(rule.beta2, t);
    double *m = run->x[3].host, *v = run->x[4].host, *theta = run->x[5].host;
    for (size_t i = 0; i < c->n; i++) {
        const double g = run->x[2].host[i] + (c->flag ? 0 : c->gamma * theta[i]);
        if (c->flag)
            theta[i] *= 1 - rate * c->gamma;
        m[i] = rule.beta1 * m[i] + (1 - rule.beta1) * g;
        v[i] = rule.beta2 * v[i] + (1 - rule.beta2) * g * g;
        theta[i] -= rate * (m[i] / correction1) / (sqrt(v[i] / correction2) + rule.epsilon);
    }
    run->x[1].host[0] = t;
    for (int i = 3; i < 6; i++)
        allow(run, i, 16);
}

static const op_family sgd = {"sgd_update", prepare_sgd, call_sgd, expect_sgd, false};
static const op_family adam = {"adam_update", prepare_adam, call_adam, expect_adam, false};

void add_update_cases(case_list *list) {
    for (size_t i = 0; i < AWKWARD; i++)
        for (int decay = 0; decay < 2; decay++) {
            op_case c = {.family = &sgd, .n = awkward[i], .alpha = 1e-2, .gamma = decay ? 0.1 : 0};
            c.beta = 0.9;
            add_case(list, c);
            c.beta = 0;
            add_case(list, c);
            c.flag = true;
            add_case(list, c);
            for (int decoupled = 0; decoupled < 2; decoupled++)
                for (size_t before = 0; before < 3; before += 2)
                    add_case(list, (op_case){.family = &adam,
                                             .n = awkward[i],
                                             .k = before * 50,
                                             .alpha = 1e-3,
                                             .gamma = decay ? 0.1 : 0,
                                             .flag = decoupled});
        }
}
