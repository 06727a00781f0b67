#include "observe_test.h"

#include <stdio.h>
#include <string.h>

static gn_status keep(void *user, const char *observer, uint64_t step, const char *name, int rank,
                      const size_t *shape, const double *values) {
    kept_rows *kept = user;
    cr_assert_lt(kept->count, sizeof(kept->rows) / sizeof(kept->rows[0]));
    kept_row *row = &kept->rows[kept->count++];
    *row = (kept_row){.step = step, .rank = rank, .count = 1};
    snprintf(row->observer, sizeof(row->observer), "%s", observer);
    snprintf(row->name, sizeof(row->name), "%s", name);
    for (int axis = 0; axis < rank; axis++) {
        row->shape[axis] = shape[axis];
        row->count *= shape[axis];
    }
    cr_assert_leq(row->count, sizeof(row->values) / sizeof(row->values[0]));
    memcpy(row->values, values, row->count * sizeof(*values));
    return GN_OK;
}

gn_observation_sink keep_in(kept_rows *kept) {
    kept->count = 0;
    return (gn_observation_sink){.write = keep, .user = kept};
}

const kept_row *find_kept(const kept_rows *kept, const char *name) {
    for (size_t i = 0; i < kept->count; i++)
        if (strcmp(kept->rows[i].name, name) == 0)
            return &kept->rows[i];
    cr_assert_fail("no %s was written", name);
    return NULL;
}

double kept_number(const kept_rows *kept, const char *name) {
    const kept_row *row = find_kept(kept, name);
    cr_assert_eq(row->rank, 0, "%s is no number", name);
    return row->values[0];
}

/* ---- residuals ---- */

static gn_status give(void *user, const gn_array *theta, gn_array *r) {
    const given_residual *given = user;
    (void)theta;
    return gn_array_write(r, given->values, given->count);
}

static gn_status no_derivative(void *user, const gn_array *theta, const gn_array *in, gn_array *out) {
    (void)user, (void)theta, (void)in;
    return gn_array_fill(out, 0);
}

void given_residual_create(gn_context *context, gn_dtype dtype, const double *values, size_t count,
                           given_residual *given) {
    const gn_residual_callbacks callbacks = {.residual = give, .jvp = no_derivative, .vjp = no_derivative};
    *given = (given_residual){.context = context, .values = values, .count = count};
    OK(context,
       gn_linearization_create_callbacks(context, dtype, count, 1, &callbacks, given, &given->linearization));
    given->theta = device_array(context, dtype, 1, 1, (double[]){0});
    OK(context, gn_linearization_set_point(given->linearization, given->theta));
}

void given_residual_destroy(given_residual *given) {
    gn_linearization_destroy(given->linearization);
    gn_array_destroy(given->theta);
}

gn_dataset grid_dataset(gn_context *context, gn_dtype dtype, int rank, size_t n0, size_t n1) {
    const size_t points = rank == 2 ? n0 * n1 : n0;
    gn_dataset d = {.inputs = device_array(context, dtype, points, (size_t)rank, NULL),
                    .targets = device_array(context, dtype, points, 1, NULL),
                    .grid_rank = rank,
                    .grid = {n0, n1}};
    return d;
}
