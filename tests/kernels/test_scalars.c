/* Slots and axpby_slots. */
#include <math.h>

#include "kernels_test.h"

static void slots_case(double a, double b) {
    begin_case("slots a=%g b=%g", a, b);
    buffer *x = scalars(1, a), *y = scalars(1, b), *ratio = scalars(1, NAN), *sum = scalars(1, NAN);
    buffer *shifted = scalars(1, NAN), *greater = scalars(1, NAN), *negated = scalars(1, a);
    OK(gn_cuda_slot_ratio(test.stream, 2, at(x), at(y), at(ratio)));
    OK(gn_cuda_slot_axpby(test.stream, 3, at(x), -2, at(y), at(sum)));
    OK(gn_cuda_slot_axpby(test.stream, 3, at(x), -2, NULL, at(shifted)));
    OK(gn_cuda_slot_greater(test.stream, at(x), 0.5, at(y), at(greater)));
    OK(gn_cuda_slot_negate(test.stream, at(negated), at(negated)));
    ratio->host[0] = 2 * a / b;
    sum->host[0] = 3 * a - 2 * b;
    shifted->host[0] = 3 * a - 2;
    greater->host[0] = a > 0.5 * b;
    negated->host[0] = -a;
    sum->tolerance = shifted->tolerance = 2;
    end_case();
}

static void axpby_case(size_t n, bool with_a, bool with_b, double beta) {
    begin_case("axpby_slots n=%zu a=%d b=%d beta=%g", n, with_a, with_b, beta);
    buffer *x = uniform(1, n, 0, -1, 1), *y = beta == 0 ? output(1, n, 0) : uniform(1, n, 0, -1, 1);
    buffer *a = scalars(1, 0.3), *b = scalars(1, -1.7);
    OK(gn_cuda_axpby_slots(test.stream, test.type, n, -1, with_a ? at(a) : NULL, at(x), beta,
                           with_b ? at(b) : NULL, at(y)));
    for (size_t i = 0; i < n; i++) {
        const double old = beta == 0 ? 0 : beta * (with_b ? -1.7 : 1) * y->host[i];
        y->host[i] = -(with_a ? 0.3 : 1) * x->host[i] + old;
    }
    y->tolerance = 3;
    end_case();
}

void test_scalars(void) {
    slots_case(1.5, 4);
    slots_case(-1, 0);
    slots_case(NAN, 1);
    FOR_AWKWARD(n) {
        axpby_case(n, true, true, 1);
        axpby_case(n, true, false, 1);
        axpby_case(n, false, true, 2);
        axpby_case(n, true, true, 0);
    }
}
