#include "solve/lanczos.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "gnewt/random.h"

struct gn_lanczos {
    gn_context *context;
    gn_dtype dtype;
    gn_lanczos_options options;
    size_t count;         /* steps of the last run */
    gn_array basis;       /* (steps + 1) x n */
    gn_array along;       /* steps: coefficients of a vector in the basis */
    gn_array square;      /* 1: a dot product */
    gn_array matrix;      /* steps x steps, float64: the tridiagonal, then its eigenvectors as rows */
    gn_array eigenvalues; /* steps, float64 */
    gn_array work;
    size_t work_bytes;
    double *diagonal, *beside; /* steps: T_jj, and T_j,j+1 */
    double *values, *bounds;   /* steps */
    double *weights;           /* steps: squares of the vectors' first entries */
    double *vectors;           /* steps x steps: T's eigenvectors, on the host */
    double *projected;         /* steps */
    double *start;             /* n */
};

static void *basis_row(const gn_lanczos *s, size_t j) {
    return (char *)s->basis.data + j * s->options.n * gn_dtype_size(s->dtype);
}

static gn_status norm_of(gn_lanczos *s, const void *x, double *norm) {
    double square;
    GN_TRY(GN_OP(s->context, dot, s->dtype, s->options.n, x, x, s->square.data));
    GN_TRY(gn_slots_read(s->context, s->square.data, 1, &square));
    *norm = sqrt(square);
    return isfinite(*norm) ? GN_OK
                           : gn_fail(s->context, GN_ERROR_NOT_FINITE, "Lanczos: a product is not finite");
}

/* w -= V'(V w) over the first `count` rows V of the basis; *last = the coefficient of the last of them. */
static gn_status project_out(gn_lanczos *s, size_t count, void *w, double *last) {
    const size_t n = s->options.n;
    GN_TRY(GN_OP(s->context, gemv, s->dtype, false, count, n, 1, s->basis.data, n, w, 0, s->along.data));
    GN_TRY(GN_OP(s->context, gemv, s->dtype, true, count, n, -1, s->basis.data, n, s->along.data, 1, w));
    const gn_array end = gn_array_view(s->context, s->dtype, 1, 1,
                                       (char *)s->along.data + (count - 1) * gn_dtype_size(s->dtype));
    return gn_array_read(&end, last, 1);
}

/* Row j + 1 from row j; *ended where nothing is left of it. Projected out twice, which is enough. */
static gn_status step(gn_lanczos *s, size_t j, double *scale, bool *ended) {
    const gn_operator *a = &s->options.a;
    const size_t n = s->options.n;
    const double epsilon = s->dtype == GN_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
    void *w = basis_row(s, j + 1);
    double first, second, norm;
    GN_TRY(a->apply(a->user, 1, basis_row(s, j), w));
    GN_TRY(norm_of(s, w, &norm));
    *scale = fmax(*scale, norm);
    GN_TRY(project_out(s, j + 1, w, &first));
    GN_TRY(project_out(s, j + 1, w, &second));
    GN_TRY(norm_of(s, w, &norm));
    s->diagonal[j] = first + second;
    s->beside[j] = norm;
    s->count = j + 1;
    *ended = norm <= 10 * epsilon * sqrt((double)n) * *scale;
    return *ended ? GN_OK : GN_OP(s->context, axpby, s->dtype, n, 1 / norm, w, 0, w);
}

/* Starts begin at even numbers, which normals come in pairs from. */
static gn_status begin(gn_lanczos *s, uint64_t start) {
    const size_t n = s->options.n;
    gn_array row = gn_array_view(s->context, s->dtype, 1, n, s->basis.data);
    double norm = 0;
    gn_random_normal(s->options.seed, GN_STREAM_AUXILIARY, start * (n + n % 2), n, 0, 1, s->start);
    for (size_t i = 0; i < n; i++)
        norm += s->start[i] * s->start[i];
    for (size_t i = 0; i < n; i++)
        s->start[i] /= sqrt(norm);
    return gn_array_write(&row, s->start, n);
}

/* The eigenvalues of T, and how far their vectors are from being A's. */
static gn_status decompose(gn_lanczos *s) {
    const size_t m = s->count;
    gn_array matrix = gn_array_view(s->context, GN_FLOAT64, m, m, s->matrix.data);
    const gn_array eigenvalues = gn_array_view(s->context, GN_FLOAT64, m, 1, s->eigenvalues.data);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            s->vectors[i * m + j] = i == j ? s->diagonal[i] : i == j + 1 ? s->beside[j] : 0;
    GN_TRY(gn_array_write(&matrix, s->vectors, m * m));
    GN_TRY(gn_eigh(s->context, GN_FLOAT64, m, matrix.data, m, eigenvalues.data, s->work.data, s->work_bytes));
    GN_TRY(gn_array_read(&eigenvalues, s->values, m));
    GN_TRY(gn_array_read(&matrix, s->vectors, m * m));
    for (size_t i = 0; i < m; i++) {
        s->bounds[i] = fabs(s->beside[m - 1] * s->vectors[i * m + m - 1]);
        s->weights[i] = s->vectors[i * m] * s->vectors[i * m];
    }
    return GN_OK;
}

gn_status gn_lanczos_run_from(gn_lanczos *s, uint64_t start) {
    double scale = 0;
    bool ended = false;
    s->count = 0;
    GN_TRY(begin(s, start));
    for (size_t j = 0; j < s->options.steps && !ended; j++)
        GN_TRY(step(s, j, &scale, &ended));
    return decompose(s);
}

gn_status gn_lanczos_run(gn_lanczos *s) {
    return gn_lanczos_run_from(s, 0);
}

size_t gn_lanczos_steps(const gn_lanczos *s) {
    return s->options.steps;
}

size_t gn_lanczos_count(const gn_lanczos *s) {
    return s->count;
}

const double *gn_lanczos_values(const gn_lanczos *s) {
    return s->values;
}

const double *gn_lanczos_bounds(const gn_lanczos *s) {
    return s->bounds;
}

const double *gn_lanczos_weights(const gn_lanczos *s) {
    return s->weights;
}

gn_status gn_lanczos_vector(gn_lanczos *s, size_t i, void *x) {
    const size_t n = s->options.n, m = s->count;
    if (i >= m)
        return gn_fail(s->context, GN_ERROR_ARGUMENT, "Lanczos found %zu values, there is no number %zu", m,
                       i);
    gn_array along = gn_array_view(s->context, s->dtype, m, 1, s->along.data);
    GN_TRY(gn_array_write(&along, s->vectors + i * m, m));
    return GN_OP(s->context, gemv, s->dtype, true, m, n, 1, s->basis.data, n, along.data, 0, x);
}

gn_status gn_lanczos_project(gn_lanczos *s, const void *x, double *coefficients) {
    const size_t n = s->options.n, m = s->count;
    const gn_array along = gn_array_view(s->context, s->dtype, m, 1, s->along.data);
    GN_TRY(GN_OP(s->context, gemv, s->dtype, false, m, n, 1, s->basis.data, n, x, 0, along.data));
    GN_TRY(gn_array_read(&along, s->projected, m));
    for (size_t i = 0; i < m; i++) {
        coefficients[i] = 0;
        for (size_t j = 0; j < m; j++)
            coefficients[i] += s->vectors[i * m + j] * s->projected[j];
    }
    return GN_OK;
}

/* ---- its life ---- */

static gn_status create_buffers(gn_lanczos *s) {
    gn_context *context = s->context;
    const size_t n = s->options.n, steps = s->options.steps;
    static const char what[] = "Lanczos";
    GN_TRY(gn_buffer_create(context, &s->basis, s->dtype, steps + 1, n, "the vectors of Lanczos"));
    GN_TRY(gn_buffer_create(context, &s->along, s->dtype, steps, 1, what));
    GN_TRY(gn_buffer_create(context, &s->square, GN_FLOAT64, 1, 1, what));
    GN_TRY(gn_buffer_create(context, &s->matrix, GN_FLOAT64, steps, steps, what));
    GN_TRY(gn_buffer_create(context, &s->eigenvalues, GN_FLOAT64, steps, 1, what));
    GN_TRY(GN_OP(context, eigh_workspace, GN_FLOAT64, steps, &s->work_bytes));
    GN_TRY(gn_buffer_create(context, &s->work, GN_FLOAT64, s->work_bytes / sizeof(double) + 1, 1, what));
    double **hosts[] = {&s->diagonal, &s->beside,    &s->values,  &s->bounds,
                        &s->weights,  &s->projected, &s->vectors, &s->start};
    const size_t lengths[] = {steps, steps, steps, steps, steps, steps, steps * steps, n};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        *hosts[i] = calloc(lengths[i], sizeof(double));
        if (!*hosts[i])
            return gn_fail(context, GN_ERROR_MEMORY, "no host memory for Lanczos");
    }
    return GN_OK;
}

gn_status gn_lanczos_create(gn_context *context, gn_dtype dtype, const gn_lanczos_options *options,
                            gn_lanczos **out) {
    *out = NULL;
    if (options->steps < 1 || options->steps > options->n)
        return gn_fail(context, GN_ERROR_ARGUMENT, "Lanczos of %zu unknowns cannot take %zu steps",
                       options->n, options->steps);
    gn_lanczos *s = calloc(1, sizeof *s);
    if (!s)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for Lanczos");
    s->context = context;
    s->dtype = dtype;
    s->options = *options;
    const gn_status status = create_buffers(s);
    if (status != GN_OK) {
        gn_lanczos_destroy(s);
        return status;
    }
    *out = s;
    return GN_OK;
}

void gn_lanczos_destroy(gn_lanczos *s) {
    if (!s)
        return;
    gn_array *buffers[] = {&s->basis, &s->along, &s->square, &s->matrix, &s->eigenvalues, &s->work};
    double *hosts[] = {s->diagonal, s->beside,    s->values,  s->bounds,
                       s->weights,  s->projected, s->vectors, s->start};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        free(hosts[i]);
    free(s);
}
