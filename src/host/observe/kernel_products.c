#include "observe/kernel_products.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"

/* Lanczos steps for so many pairs: the leading ones of a kernel whose eigenvalues fall fast settle in about
 * twice as many steps; the bounds tell. */
static size_t steps_for(size_t rows, size_t count) {
    const size_t steps = 2 * count + 20;
    return steps < rows ? steps : rows;
}

/* y = J diag(s)^2 J'x */
static gn_status multiply_row(gn_kernel_products *k, const void *x, void *y) {
    const gn_array in = gn_array_view(k->context, k->dtype, k->rows, 1, (void *)x);
    gn_array out = gn_array_view(k->context, k->dtype, k->rows, 1, y);
    void *along = k->along.data;
    GN_TRY(gn_linearization_vjp(k->lin, &in, &k->along));
    for (int i = 0; k->scale && i < 2; i++)
        GN_TRY(GN_OP(k->context, multiply, k->dtype, k->parameters, along, k->scale->data, along));
    return gn_linearization_jvp(k->lin, &k->along, &out);
}

static gn_status multiply(void *user, size_t rows, const void *x, void *y) {
    gn_kernel_products *k = user;
    const size_t row = k->rows * gn_dtype_size(k->dtype);
    for (size_t i = 0; i < rows; i++)
        GN_TRY(multiply_row(k, (const char *)x + i * row, (char *)y + i * row));
    return GN_OK;
}

gn_status gn_kernel_products_lead(gn_kernel_products *k, const gn_array *scale, gn_array *vectors,
                                  double *values, double *bounds, double *least) {
    k->scale = scale;
    const gn_status status = gn_lanczos_run(k->lanczos);
    k->scale = NULL;
    GN_TRY(status);
    const size_t found = gn_lanczos_count(k->lanczos);
    const double rounding = k->dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
    *least = gn_lanczos_values(k->lanczos)[0];
    for (size_t i = 0; i < k->count; i++) {
        gn_array row = gn_array_view_rows(vectors, k->count - 1 - i, 1);
        values[i] = i < found ? gn_lanczos_values(k->lanczos)[found - 1 - i] : 0;
        bounds[i] = fmax(i < found ? gn_lanczos_bounds(k->lanczos)[found - 1 - i] : 0, rounding * values[0]);
        if (i < found)
            GN_TRY(gn_lanczos_vector(k->lanczos, found - 1 - i, row.data));
        else
            GN_TRY(gn_array_fill(&row, 0));
    }
    return GN_OK;
}

static gn_status square_of(gn_kernel_products *k, const gn_array *x, double *square) {
    GN_TRY(GN_OP(k->context, dot, k->dtype, gn_array_count(x), x->data, x->data, k->slots.data));
    return gn_slots_read(k->context, k->slots.data, 1, square);
}

gn_status gn_kernel_products_begin(gn_kernel_products *k) {
    return multiply(k, GN_KERNEL_PROBES, k->random.data, k->first.data);
}

gn_status gn_kernel_products_drift(gn_kernel_products *k, double *drift) {
    double moved, first;
    GN_TRY(multiply(k, GN_KERNEL_PROBES, k->random.data, k->now.data));
    GN_TRY(
        GN_OP(k->context, axpby, k->dtype, gn_array_count(&k->now), -1.0, k->first.data, 1.0, k->now.data));
    GN_TRY(square_of(k, &k->now, &moved));
    GN_TRY(square_of(k, &k->first, &first));
    *drift = first > 0 ? sqrt(moved / first) : NAN;
    return GN_OK;
}

/* ---- its life ---- */

double gn_kernel_products_bytes(gn_dtype dtype, size_t rows, size_t parameters, size_t count) {
    const double vectors = (double)steps_for(rows, count) + 1 + 3 * GN_KERNEL_PROBES;
    return (vectors * (double)rows + (double)parameters) * (double)gn_dtype_size(dtype);
}

static gn_status draw(gn_kernel_products *k) {
    const size_t count = gn_array_count(&k->random);
    double *values = malloc(count * sizeof *values);
    if (!values)
        return gn_fail(k->context, GN_ERROR_MEMORY, "no host memory for random vectors");
    gn_random_normal(1, GN_STREAM_AUXILIARY, 0, count, 0, 1, values);
    const gn_status status = gn_array_write(&k->random, values, count);
    free(values);
    return status;
}

gn_status gn_kernel_products_create(gn_linearization *lin, size_t count, gn_kernel_products *k) {
    gn_context *context = k->context;
    const size_t n = gn_linearization_rows(lin);
    static const char what[] = "products with the NTK";
    k->lin = lin;
    k->dtype = gn_linearization_dtype(lin);
    k->rows = n;
    k->parameters = gn_linearization_parameters(lin);
    k->count = count;
    const gn_lanczos_options options = {.n = n, .steps = steps_for(n, count), .a = {multiply, NULL, k}};
    GN_TRY(gn_lanczos_create(context, k->dtype, &options, &k->lanczos));
    GN_TRY(gn_buffer_create(context, &k->along, k->dtype, k->parameters, 1, what));
    GN_TRY(gn_buffer_create(context, &k->random, k->dtype, GN_KERNEL_PROBES, n, what));
    GN_TRY(gn_buffer_create(context, &k->first, k->dtype, GN_KERNEL_PROBES, n, what));
    GN_TRY(gn_buffer_create(context, &k->now, k->dtype, GN_KERNEL_PROBES, n, what));
    GN_TRY(gn_buffer_create(context, &k->slots, GN_FLOAT64, 1, 1, what));
    return draw(k);
}

void gn_kernel_products_destroy(gn_kernel_products *k) {
    gn_array *buffers[] = {&k->along, &k->random, &k->first, &k->now, &k->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    gn_lanczos_destroy(k->lanczos);
    *k = (gn_kernel_products){0};
}
