/* The table itself: completeness and defaults. */
#include <stddef.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/backend_list.h"
#include "backend/context.h"

static char message[256];
static const gn_backend_services services = {.message = message, .message_size = sizeof(message)};

static gn_backend cpu_table(void) {
    gn_backend table;
    cr_assert_eq(gn_backend_cpu(&table, &services), GN_OK);
    return table;
}

Test(backend, refuses_another_abi_or_size) {
    const char *missing;
    gn_backend table = cpu_table();
    table.abi++;
    cr_expect_eq(gn_backend_complete(&table, &missing), GN_ERROR_UNSUPPORTED);
    cr_expect_str_eq(missing, "abi");
    table = cpu_table();
    table.size--;
    cr_expect_eq(gn_backend_complete(&table, &missing), GN_ERROR_UNSUPPORTED);
    cr_expect_str_eq(missing, "size");
}

Test(backend, names_each_missing_entry_and_fills_in_the_optional_ones) {
    size_t count;
    const gn_backend_entry *entries = gn_backend_entries(&count);
    for (size_t i = 0; i < count; i++) {
        const char *missing;
        gn_backend table = cpu_table();
        memset((char *)&table + entries[i].offset, 0, sizeof(void (*)(void)));
        const gn_status status = gn_backend_complete(&table, &missing);
        if (entries[i].required) {
            cr_expect_eq(status, GN_ERROR_UNSUPPORTED, "%s", entries[i].name);
            cr_expect_str_eq(missing, entries[i].name);
        } else {
            cr_expect_eq(status, GN_OK, "%s", entries[i].name);
            cr_expect_null(missing);
        }
    }
}

/* The CPU has its own syrk and gemv; without them the defaults must agree. */
Test(backend, defaults_agree_with_the_cpu) {
    enum { ROWS = 3, COLUMNS = 4 };
    const double a[ROWS * COLUMNS] = {1, 2, 3, 4, -1, 0.5, 2, 1, 0, 3, -2, 1};
    const double x[COLUMNS] = {1, -1, 2, 0.5};
    const char *missing;
    void *state;
    gn_backend own = cpu_table(), fallback = cpu_table();
    fallback.syrk = NULL;
    fallback.gemv = NULL;
    cr_assert_eq(gn_backend_complete(&fallback, &missing), GN_OK);
    for (int transpose = 0; transpose < 2; transpose++) {
        const size_t n = transpose ? COLUMNS : ROWS, k = transpose ? ROWS : COLUMNS;
        double c[2][16] = {{0}}, y[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
        for (int which = 0; which < 2; which++) {
            const gn_backend *table = which ? &fallback : &own;
            cr_assert_eq(gn_backend_open(table, NULL, &services, &state), GN_OK);
            cr_assert_eq(table->syrk(state, GN_FLOAT64, transpose, n, k, 2, a, COLUMNS, 0, c[which], n),
                         GN_OK);
            cr_assert_eq(
                table->gemv(state, GN_FLOAT64, transpose, ROWS, COLUMNS, 2, a, COLUMNS, x, 0.5, y[which]),
                GN_OK);
            table->close(state);
        }
        for (size_t i = 0; i < n; i++) {
            cr_expect_float_eq(y[0][i], y[1][i], 1e-13);
            for (size_t j = 0; j <= i; j++)
                cr_expect_float_eq(c[0][i * n + j], c[1][i * n + j], 1e-13);
        }
    }
}
