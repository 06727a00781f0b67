/* First-order updates: one pass over the parameters. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

static gn_status cpu_sgd_update(void *state, gn_dtype type, size_t p, gn_sgd_rule rule, const double *rate,
                                const void *g, void *v, void *theta) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const double step = *rate;
    if (!v && rule.momentum != 0)
        return gn_cpu_fail(state, GN_ERROR_ARGUMENT, "momentum %g needs a velocity buffer", rule.momentum);
    GN_CPU_SPLIT(p, 64, 1, (double)p * 0.7, begin, end, k->sgd(begin, end, rule, step, g, v, theta));
    return GN_OK;
}

static gn_status cpu_adam_update(void *state, gn_dtype type, size_t p, gn_adam_rule rule, const double *rate,
                                 double *clock, const void *g, void *m, void *v, void *theta) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const double t = *clock += 1;
    const gn_cpu_adam adam = {
        .beta1 = rule.beta1,
        .beta2 = rule.beta2,
        .epsilon = rule.epsilon,
        .coupled = rule.decoupled ? 0 : rule.weight_decay,
        .shrink = rule.decoupled ? 1 - *rate * rule.weight_decay : 1,
        .step = *rate / (1 - pow(rule.beta1, t)),
        .scale = 1 / sqrt(1 - pow(rule.beta2, t)),
    };
    GN_CPU_SPLIT(p, 64, 1, (double)p * 2.0, begin, end, k->adam(begin, end, &adam, g, m, v, theta));
    return GN_OK;
}

void gn_cpu_update_entries(gn_backend *table) {
    table->sgd_update = cpu_sgd_update;
    table->adam_update = cpu_adam_update;
}
