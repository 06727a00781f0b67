#include "solve/hutchinson.h"

#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"

/* Probes at a time: enough to read back seldom, few enough to cost less memory than Lanczos beside it. */
enum { BLOCK = 8 };
/* What a probe gives: z'A z, z'B z, |A z|^2, |(B - A) z|^2. */
enum { A_FORM, B_FORM, A_SQUARE, SQUARE, SUMS };

struct gn_hutchinson {
    gn_context *context;
    gn_dtype dtype;
    gn_hutchinson_options options;
    size_t block;
    gn_array z, az, bz; /* block x n */
    gn_array slots;     /* block x SUMS */
    double *signs;      /* n */
    double *sums;       /* probes x SUMS */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static void *row_of(const gn_array *array, size_t i) {
    return (char *)array->data + i * array->shape[1] * gn_dtype_size(array->dtype);
}

/* Row i of z = the signs of probe number `probe`. */
static gn_status draw(gn_hutchinson *h, size_t i, size_t probe) {
    const size_t n = h->options.n;
    gn_array row = gn_array_view(h->context, h->dtype, 1, n, row_of(&h->z, i));
    gn_random_uniform(h->options.seed, GN_STREAM_AUXILIARY, probe * (n + n % 2), n, -1, 1, h->signs);
    for (size_t k = 0; k < n; k++)
        h->signs[k] = h->signs[k] < 0 ? -1 : 1;
    return gn_array_write(&row, h->signs, n);
}

static gn_status dot(gn_hutchinson *h, const gn_array *x, const gn_array *y, size_t i, size_t sum) {
    double *slot = (double *)h->slots.data + i * SUMS + sum;
    return GN_OP(h->context, dot, h->dtype, h->options.n, row_of(x, i), row_of(y, i), slot);
}

static gn_status probe_b(gn_hutchinson *h, size_t rows) {
    const gn_operator *b = &h->options.b;
    GN_TRY(b->apply(b->user, rows, h->z.data, h->bz.data));
    for (size_t i = 0; i < rows; i++)
        GN_TRY(dot(h, &h->z, &h->bz, i, B_FORM));
    GN_TRY(GN_OP(h->context, axpby, h->dtype, rows * h->options.n, -1.0, h->az.data, 1.0, h->bz.data));
    for (size_t i = 0; i < rows; i++)
        GN_TRY(dot(h, &h->bz, &h->bz, i, SQUARE));
    return GN_OK;
}

static gn_status probe_block(gn_hutchinson *h, size_t first, size_t rows) {
    const gn_operator *a = &h->options.a;
    for (size_t i = 0; i < rows; i++)
        GN_TRY(draw(h, i, first + i));
    GN_TRY(a->apply(a->user, rows, h->z.data, h->az.data));
    for (size_t i = 0; i < rows; i++) {
        GN_TRY(dot(h, &h->z, &h->az, i, A_FORM));
        GN_TRY(dot(h, &h->az, &h->az, i, A_SQUARE));
    }
    if (h->options.b.apply)
        GN_TRY(probe_b(h, rows));
    return gn_slots_read(h->context, h->slots.data, rows * SUMS, h->sums + first * SUMS);
}

/* ---- statistics ---- */

static double mean_of(const gn_hutchinson *h, size_t sum) {
    double total = 0;
    for (size_t i = 0; i < h->options.probes; i++)
        total += h->sums[i * SUMS + sum];
    return total / (double)h->options.probes;
}

/* The standard error of the mean of scale_x x - scale_y y. */
static double error_of(const gn_hutchinson *h, size_t x, double scale_x, size_t y, double scale_y) {
    const double count = (double)h->options.probes, mean = scale_x * mean_of(h, x) - scale_y * mean_of(h, y);
    double squares = 0;
    for (size_t i = 0; i < h->options.probes; i++) {
        const double *sums = h->sums + i * SUMS, away = scale_x * sums[x] - scale_y * sums[y] - mean;
        squares += away * away;
    }
    return count > 1 ? sqrt(squares / (count - 1) / count) : NAN;
}

static gn_estimate trace(const gn_hutchinson *h, size_t sum) {
    return (gn_estimate){mean_of(h, sum), error_of(h, sum, 1, sum, 0)};
}

/* q = sqrt(X / Y) of two means: dq = q (dX / X - dY / Y) / 2 */
static gn_estimate ratio(const gn_hutchinson *h) {
    const double x = mean_of(h, SQUARE), y = mean_of(h, A_SQUARE);
    if (!(y > 0))
        return (gn_estimate){NAN, NAN};
    if (x == 0)
        return (gn_estimate){0, 0};
    const double q = sqrt(x / y);
    return (gn_estimate){q, q / 2 * error_of(h, SQUARE, 1 / x, A_SQUARE, 1 / y)};
}

gn_status gn_hutchinson_run(gn_hutchinson *h, gn_hutchinson_result *result) {
    *result = (gn_hutchinson_result){0};
    for (size_t first = 0; first < h->options.probes; first += h->block)
        GN_TRY(probe_block(h, first, smaller(h->options.probes - first, h->block)));
    for (size_t i = 0; i < h->options.probes * SUMS; i++)
        if (!isfinite(h->sums[i]))
            return gn_fail(h->context, GN_ERROR_NOT_FINITE, "Hutchinson's estimate: a product is not finite");
    result->trace_a = trace(h, A_FORM);
    if (h->options.b.apply) {
        result->trace_b = trace(h, B_FORM);
        result->difference = ratio(h);
    }
    return GN_OK;
}

/* ---- its life ---- */

size_t gn_hutchinson_vectors(size_t probes) {
    return 3 * smaller(probes, BLOCK);
}

static gn_status create_buffers(gn_hutchinson *h) {
    static const char what[] = "Hutchinson's probes";
    const size_t n = h->options.n, probes = h->options.probes;
    h->block = smaller(probes, BLOCK);
    GN_TRY(gn_buffer_create(h->context, &h->z, h->dtype, h->block, n, what));
    GN_TRY(gn_buffer_create(h->context, &h->az, h->dtype, h->block, n, what));
    if (h->options.b.apply)
        GN_TRY(gn_buffer_create(h->context, &h->bz, h->dtype, h->block, n, what));
    GN_TRY(gn_buffer_create(h->context, &h->slots, GN_FLOAT64, h->block, SUMS, what));
    GN_TRY(gn_array_fill(&h->slots, 0)); /* those of B where there is none */
    h->signs = calloc(n, sizeof(double));
    h->sums = calloc(probes, SUMS * sizeof(double));
    return h->signs && h->sums
               ? GN_OK
               : gn_fail(h->context, GN_ERROR_MEMORY, "no host memory for %zu probes", probes);
}

gn_status gn_hutchinson_create(gn_context *context, gn_dtype dtype, const gn_hutchinson_options *options,
                               gn_hutchinson **out) {
    *out = NULL;
    if (options->n < 1 || options->probes < 1)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%zu probes of %zu unknowns: give 1 or more",
                       options->probes, options->n);
    gn_hutchinson *h = calloc(1, sizeof *h);
    if (!h)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for Hutchinson's estimate");
    h->context = context;
    h->dtype = dtype;
    h->options = *options;
    const gn_status status = create_buffers(h);
    if (status != GN_OK) {
        gn_hutchinson_destroy(h);
        return status;
    }
    *out = h;
    return GN_OK;
}

void gn_hutchinson_destroy(gn_hutchinson *h) {
    if (!h)
        return;
    gn_array *buffers[] = {&h->z, &h->az, &h->bz, &h->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(h->signs);
    free(h->sums);
    free(h);
}
