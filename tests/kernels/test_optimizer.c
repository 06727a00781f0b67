/* sgd_update, adam_update. */
#include <math.h>

#include "kernels_test.h"

static void sgd_case(size_t p, double momentum, double decay) {
    begin_case("sgd_update p=%zu momentum=%g", p, momentum);
    buffer *g = uniform(1, p, 0, -1, 1), *v = uniform(1, p, 0, -1, 1), *theta = uniform(1, p, 0, -1, 1);
    buffer *rate = scalars(1, 0.1);
    OK(gn_cuda_sgd_update(test.stream, test.type, p, momentum, decay, at(rate), at(g),
                          momentum != 0 ? at(v) : NULL, at(theta)));
    for (size_t i = 0; i < p; i++) {
        const double gradient = g->host[i] + decay * theta->host[i];
        const double velocity = momentum != 0 ? momentum * v->host[i] + gradient : gradient;
        if (momentum != 0)
            v->host[i] = velocity;
        theta->host[i] -= 0.1 * velocity;
    }
    v->tolerance = theta->tolerance = 4;
    end_case();
}

/* Three updates: the clock is raised once each, also where there are no parameters. */
static void adam_case(size_t p, bool decoupled) {
    const double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-6, decay = 0.2, rate = 0.05;
    begin_case("adam_update p=%zu decoupled=%d", p, decoupled);
    buffer *g = uniform(1, p, 0, -1, 1), *m = uniform(1, p, 0, -1, 1), *v = uniform(1, p, 0, 0.1, 1);
    buffer *theta = uniform(1, p, 0, -1, 1), *rates = scalars(1, rate), *clock = scalars(1, 4);
    for (int update = 0; update < 3; update++)
        OK(gn_cuda_adam_update(test.stream, test.type, p, beta1, beta2, epsilon, decay, decoupled, at(rates),
                               at(clock), at(g), at(m), at(v), at(theta), test.scratch));
    for (int t = 5; t <= 7; t++)
        for (size_t i = 0; i < p; i++) {
            const double gradient = g->host[i] + (decoupled ? 0 : decay * theta->host[i]);
            m->host[i] = beta1 * m->host[i] + (1 - beta1) * gradient;
            v->host[i] = beta2 * v->host[i] + (1 - beta2) * gradient * gradient;
            theta->host[i] *= decoupled ? 1 - rate * decay : 1;
            theta->host[i] -=
                rate * m->host[i] / (1 - pow(beta1, t)) / (sqrt(v->host[i] / (1 - pow(beta2, t))) + epsilon);
        }
    clock->host[0] = 7;
    m->tolerance = v->tolerance = theta->tolerance = 12;
    end_case();
}

void test_optimizer(void) {
    FOR_AWKWARD(p) {
        sgd_case(p, 0, 0);
        sgd_case(p, 0.9, 0.1);
        adam_case(p, false);
        adam_case(p, true);
    }
    if (large_cases()) { /* more than one pass of the grid */
        sgd_case(8192 * 256 + 77, 0.9, 0.1);
        adam_case(1024 * 256 + 77, true);
    }
}
