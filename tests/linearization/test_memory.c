/* An allocation that fails: its call answers MEMORY, nothing leaks, and the next call works. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "backend/context.h"
#include "linearization/linearization.h"
#include "mlp_case.h"

static gn_status (*true_allocate)(void *state, size_t bytes, void **pointer);
static int allocations_left;

static gn_status failing_allocate(void *state, size_t bytes, void **pointer) {
    return allocations_left-- > 0 ? true_allocate(state, bytes, pointer) : GN_ERROR_MEMORY;
}

typedef gn_status first_use(gn_linearization *lin, gn_array *out);

static gn_status reserve(gn_linearization *lin, gn_array *out) {
    (void)out;
    return gn_linearization_reserve(lin, true, true);
}

/* Fails its k-th allocation for every k until it needs no more. */
static void check_first_use(first_use *use, size_t rows, size_t columns) {
    const mlp_case shape = {.widths = {3, 6, 5, 2}, .activation = "tanh", .samples = 9};
    for (int k = 0;; k++) {
        mlp_fixture f = mlp_setup("check", GN_FLOAT64, &shape);
        gn_array *out = device_array(f.context, GN_FLOAT64, rows ? rows : f.p, columns, NULL);
        size_t before = gn_context_allocated(f.context);
        true_allocate = f.context->backend.allocate;
        f.context->backend.allocate = failing_allocate;
        allocations_left = k;
        gn_status status = use(f.lin, out);
        f.context->backend.allocate = true_allocate;
        cr_assert(status == GN_OK || status == GN_ERROR_MEMORY, "%s", gn_status_text(status));
        OK(f.context, use(f.lin, out));
        size_t whole = gn_context_allocated(f.context);
        OK(f.context, use(f.lin, out));
        cr_expect_eq(gn_context_allocated(f.context), whole);
        cr_expect_geq(whole, before);
        gn_array_destroy(out);
        mlp_teardown(&f);
        if (status == GN_OK)
            break;
        cr_assert_lt(k, 50);
    }
}

Test(memory, a_first_gram_can_be_tried_again) {
    check_first_use(gn_linearization_gram, 18, 18);
}

Test(memory, a_first_diagonal_can_be_tried_again) {
    check_first_use(gn_linearization_diagonal, 0, 1);
}

static gn_status hessian_product(gn_linearization *lin, gn_array *out) {
    return gn_linearization_hessian_product(lin, lin->theta, out);
}

Test(memory, a_first_hessian_product_can_be_tried_again) {
    check_first_use(hessian_product, 0, 1);
}

Test(memory, reserving_leaves_nothing_to_allocate) {
    check_first_use(reserve, 1, 1);
    const mlp_case shape = {.widths = {3, 6, 5, 2}, .activation = "tanh", .samples = 9};
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, &shape);
    gn_array *k = device_array(f.context, GN_FLOAT64, f.m, f.m, NULL);
    gn_array *d = device_array(f.context, GN_FLOAT64, f.p, 1, NULL);
    OK(f.context, gn_linearization_reserve(f.lin, true, true));
    size_t before = gn_context_allocated(f.context);
    OK(f.context, gn_linearization_gram(f.lin, k));
    OK(f.context, gn_linearization_diagonal(f.lin, d));
    cr_expect_eq(gn_context_allocated(f.context), before);
    gn_array_destroy(k), gn_array_destroy(d);
    mlp_teardown(&f);
}
