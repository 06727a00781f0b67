/* The contract of src/host/backend/backend.h: every entry, on every backend, in both types. */
#include <malloc.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "devices.h"
#include "op_case.h"

typedef struct contract_parameter {
    char entry[32], device[16];
} contract_parameter;

/* A test for each entry on each device; it goes through the types itself, because a process costs more than
 * most cases do. */
static struct criterion_test_params contract_parameters(void) {
    size_t entry_count, type_count, count = 0;
    const gn_backend_entry *entries = gn_backend_entries(&entry_count);
    const device_type *types = device_types(&type_count);
    static contract_parameter parameters[512];
    for (size_t i = 0; i < entry_count; i++)
        for (size_t j = 0; j < type_count && count < 512; j++)
            if (types[j].dtype == GN_FLOAT64) {
                snprintf(parameters[count].entry, sizeof(parameters[count].entry), "%s", entries[i].name);
                snprintf(parameters[count].device, sizeof(parameters[count].device), "%s", types[j].device);
                count++;
            }
    return cr_make_param_array(contract_parameter, parameters, count);
}

/* Calls `check` with each of the entry's cases in both types. */
static void for_each_case(const contract_parameter *parameter,
                          void (*check)(gn_context *context, gn_dtype dtype, const op_case *c)) {
    static const gn_dtype types[] = {GN_FLOAT32, GN_FLOAT64};
    size_t count;
    mallopt(M_MMAP_THRESHOLD,
            1 << 30); /* pages that go back to the kernel after each case are a fifth of the time */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    gn_context *context = device_open(parameter->device);
    op_case *cases = op_cases(&count);
    for (size_t i = 0; i < count; i++)
        for (int t = 0; t < 2 && strcmp(cases[i].family->entry, parameter->entry) == 0; t++)
            check(context, types[t], &cases[i]);
    cr_assert_eq(gn_context_allocated(context), 0);
    cr_assert_eq(gn_context_synchronize(context), GN_OK, "%s", gn_error_message(context));
    free(cases);
    gn_context_destroy(context);
}

static void expect_success(op_run *run, gn_status status) {
    char text[256];
    cr_assert_eq(status, GN_OK, "%s: %s: %s", case_text(run->c, run->dtype, text, sizeof(text)),
                 gn_status_text(status), gn_error_message(run->context));
}

/* ---- against a plain loop ---- */

static void expect_agreement(gn_context *context, gn_dtype dtype, const op_case *c) {
    op_run run;
    run_begin(&run, context, dtype, c);
    expect_success(&run, c->family->call(&run));
    c->family->expect(&run);
    run_compare(&run);
    run_end(&run);
}

ParameterizedTestParameters(contract, agrees_with_a_plain_loop) {
    return contract_parameters();
}

ParameterizedTest(contract_parameter *parameter, contract, agrees_with_a_plain_loop, .timeout = 600) {
    for_each_case(parameter, expect_agreement);
}

/* ---- the same bits, whatever the threads ---- */

static unsigned char *bits_of(gn_context *context, gn_dtype dtype, const op_case *c, int threads,
                              size_t *size) {
    const int before = omp_get_max_threads();
    op_run run;
    run_begin(&run, context, dtype, c);
    omp_set_num_threads(threads);
    expect_success(&run, c->family->call(&run));
    omp_set_num_threads(before);
    unsigned char *bytes = run_bytes(&run, size);
    run_end(&run);
    return bytes;
}

static void expect_same_bits(gn_context *context, gn_dtype dtype, const op_case *c) {
    static const int threads[] = {2, 1};
    const bool threaded = !c->family->library && strcmp(gn_context_device(context), "cuda") != 0;
    size_t size, size_again;
    if (c->pad) /* NaN between the rows has any bits */
        return;
    unsigned char *first = bits_of(context, dtype, c, 2, &size);
    for (int t = 0; t < (threaded ? 2 : 1); t++) {
        unsigned char *again = bits_of(context, dtype, c, threads[t], &size_again);
        char text[256];
        cr_assert_eq(size, size_again);
        cr_assert(size == 0 || memcmp(first, again, size) == 0, "%s: other bits with %d threads",
                  case_text(c, dtype, text, sizeof(text)), threads[t]);
        free(again);
    }
    free(first);
}

ParameterizedTestParameters(contract, gives_the_same_bits) {
    return contract_parameters();
}

ParameterizedTest(contract_parameter *parameter, contract, gives_the_same_bits, .timeout = 600) {
    for_each_case(parameter, expect_same_bits);
}

/* ---- nothing is left out ---- */

Test(contract, covers_every_entry) {
    size_t case_count, entry_count;
    op_case *cases = op_cases(&case_count);
    const gn_backend_entry *entries = gn_backend_entries(&entry_count);
    for (size_t i = 0; i < entry_count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < case_count; j++)
            found += strcmp(cases[j].family->entry, entries[i].name) == 0;
        cr_expect_gt(found, 0, "the entry \"%s\" has no case", entries[i].name);
    }
    for (size_t j = 0; j < case_count; j++) {
        bool known = false;
        for (size_t i = 0; i < entry_count; i++)
            known = known || strcmp(cases[j].family->entry, entries[i].name) == 0;
        cr_expect(known, "the case's entry \"%s\" is not in the table", cases[j].family->entry);
    }
    free(cases);
}
