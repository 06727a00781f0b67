#include "observe/probe.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows of a probe set whose size is left to us: its eigenvectors take about a second. */
enum { PROBE_ROWS = 1024 };

gn_status gn_probe_dot(gn_probe *probe, const gn_array *x, const gn_array *y, double *value) {
    double *slot = probe->slots.data;
    GN_TRY(GN_OP(probe->context, dot, x->dtype, gn_array_count(x), x->data, y->data, slot));
    return gn_slots_read(probe->context, slot, 1, value);
}

gn_status gn_probe_read(const gn_array *ascending, double *values) {
    const size_t n = gn_array_count(ascending);
    GN_TRY(gn_array_read(ascending, values, n));
    for (size_t i = 0; i < n / 2; i++) {
        const double other = values[n - 1 - i];
        values[n - 1 - i] = values[i];
        values[i] = other;
    }
    return GN_OK;
}

gn_status gn_probe_decompose(gn_probe *probe, gn_array *k, double *values) {
    GN_TRY(gn_eigh(probe->context, k->dtype, probe->rows, k->data, probe->rows, probe->values.data,
                   probe->work.data, probe->work_bytes));
    return gn_probe_read(&probe->values, values);
}

gn_status gn_probe_spectrum(gn_probe *probe, bool vectors, double *values, double *bounds, double *least) {
    const size_t n = probe->rows;
    if (probe->dense && vectors)
        return gn_probe_decompose(probe, &probe->kernel, values);
    if (probe->dense) {
        GN_TRY(gn_eigenvalues(probe->context, probe->dtype, n, probe->kernel.data, n, probe->values.data,
                              probe->work.data, probe->work_bytes));
        return gn_probe_read(&probe->values, values);
    }
    return gn_kernel_products_lead(&probe->products, NULL, &probe->kernel, values, bounds, least);
}

gn_status gn_probe_project(gn_probe *probe, const gn_array *q, const gn_array *x, double *c) {
    const size_t rows = gn_array_length(q, 0);
    GN_TRY(GN_OP(probe->context, gemv, q->dtype, false, rows, probe->rows, 1.0, q->data, probe->rows, x->data,
                 0.0, probe->modes.data));
    const gn_array modes = gn_array_view(probe->context, q->dtype, rows, 1, probe->modes.data);
    return gn_probe_read(&modes, c);
}

gn_status gn_probe_drift(gn_probe *probe, double *drift) {
    gn_context *context = probe->context;
    gn_array *k = &probe->kernel;
    const size_t count = gn_array_count(k);
    double square;
    if (!probe->dense)
        return gn_kernel_products_drift(&probe->products, drift);
    GN_TRY(GN_OP(context, axpby, k->dtype, count, -1.0, probe->first.data, 1.0, k->data));
    GN_TRY(gn_probe_dot(probe, k, k, &square));
    *drift = probe->first_norm > 0 ? sqrt(square) / probe->first_norm : NAN;
    return GN_OP(context, axpby, k->dtype, count, 1.0, probe->first.data, 1.0, k->data);
}

gn_status gn_probe_take(gn_array *to, const gn_array *from) {
    return to->dtype == from->dtype ? gn_array_copy(to, from) : gn_array_convert(to, from);
}

/* theta, or its copy in the kernel's type. */
static gn_status take_point(gn_probe *p, const gn_array *theta) {
    if (theta->dtype == p->dtype)
        return gn_linearization_set_point(p->lin, theta);
    GN_TRY(gn_array_convert(&p->theta, theta));
    return gn_linearization_set_point(p->lin, &p->theta);
}

double gn_probe_rounding(const gn_probe *probe) {
    return (double)probe->rows * (probe->kernel.dtype == GN_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON);
}

gn_status gn_probe_look(gn_probe *probe, const gn_array *theta) {
    GN_TRY(take_point(probe, theta));
    GN_TRY(gn_linearization_residual(probe->lin, &probe->residual));
    return probe->dense ? gn_linearization_gram(probe->lin, &probe->kernel) : GN_OK;
}

/* ---- creation ---- */

static gn_status predict(gn_probe *p, const gn_probe_options *o, size_t parameters) {
    const double n = (double)p->rows, size = (double)gn_dtype_size(p->dtype);
    char what[128], advice[128];
    double bytes = 3 * n * n * size;
    snprintf(what, sizeof what, "%s: three matrices as the NTK (%zu x %zu) and an eigensolver's memory",
             o->observer, p->rows, p->rows);
    snprintf(advice, sizeof advice, "fewer points (observe: {kind: %s, points: ...})", o->observer);
    if (!p->dense) {
        bytes = 2 * (double)p->count * n * size +
                gn_kernel_products_bytes(p->dtype, p->rows, parameters, p->count);
        snprintf(what, sizeof what, "%s: vectors of %zu residuals for %zu eigenvalues", o->observer, p->rows,
                 p->count);
    }
    const char *instead = o->advice ? o->advice : advice;
    GN_TRY(gn_memory_predict(p->context, bytes, what, instead));
    if (!p->dense)
        return GN_OK;
    /* only of a matrix that fits: the size of its workspace may be more than can be counted */
    GN_TRY(GN_OP(p->context, eigh_workspace, p->dtype, p->rows, &p->work_bytes));
    return gn_memory_predict(p->context, bytes + (double)p->work_bytes, what, instead);
}

static gn_status reserve(gn_probe *p, const char *observer) {
    gn_context *context = p->context;
    const gn_dtype type = p->dtype;
    const size_t n = p->rows, count = p->count;
    if (p->dense) {
        GN_TRY(gn_buffer_create(context, &p->first, type, n, n, "the NTK at the start"));
        GN_TRY(gn_buffer_create(context, &p->work, GN_FLOAT64, p->work_bytes / 8 + 1, 1,
                                "the NTK's eigensolver"));
    }
    GN_TRY(gn_buffer_create(context, &p->frame, type, count, n, "the eigenvectors of the NTK at the start"));
    GN_TRY(gn_buffer_create(context, &p->kernel, type, count, n, "the NTK"));
    GN_TRY(gn_buffer_create(context, &p->residual, type, n, 1, "the error of the probe set"));
    GN_TRY(gn_buffer_create(context, &p->modes, type, n, 1, "the error's modes"));
    GN_TRY(gn_buffer_create(context, &p->values, type, n, 1, "the NTK's eigenvalues"));
    GN_TRY(gn_buffer_create(context, &p->slots, GN_FLOAT64, 2, 1, "the results of the probe set"));
    p->first_values = calloc(2 * count, sizeof *p->first_values);
    return p->first_values
               ? GN_OK
               : gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %zu modes", observer, count);
}

/* The first rows of a data set's array, in the kernel's type. */
static gn_status take_samples(gn_probe *p, const gn_array *array, gn_array *samples) {
    const gn_array view = gn_array_view_rows(array, 0, p->samples);
    if (!p->copied) {
        *samples = view;
        return GN_OK;
    }
    GN_TRY(gn_buffer_create(p->context, samples, p->dtype, p->samples, gn_array_length(array, 1),
                            "the samples of the probe set"));
    return gn_array_convert(samples, &view);
}

static gn_status linearize(gn_probe *p, gn_network *network, gn_loss loss, const gn_dataset *dataset,
                           const gn_array *theta0) {
    p->copied = p->dtype != dataset->inputs->dtype;
    GN_TRY(take_samples(p, dataset->inputs, &p->inputs));
    GN_TRY(take_samples(p, dataset->targets, &p->targets));
    GN_TRY(gn_linearization_create(network, loss, p->dtype, p->samples, &p->lin));
    if (p->copied) {
        GN_TRY(gn_buffer_create(p->context, &p->theta, p->dtype, gn_array_count(theta0), 1,
                                "a point of the probe set"));
        GN_TRY(gn_array_convert(&p->theta, theta0));
    }
    GN_TRY(gn_linearization_set_reference(p->lin, p->copied ? &p->theta : theta0));
    return gn_linearization_set_batch(p->lin, &p->inputs, &p->targets);
}

/* From theta_0 whatever the step that is observed first: a resumed run has the frame it had. */
static gn_status look_at_the_start(gn_probe *p, const gn_array *theta0) {
    double square, least;
    GN_TRY(take_point(p, theta0));
    if (!p->dense) {
        p->products.context = p->context;
        GN_TRY(gn_kernel_products_create(p->lin, p->count, &p->products));
        GN_TRY(gn_kernel_products_begin(&p->products));
        return gn_kernel_products_lead(&p->products, NULL, &p->frame, p->first_values,
                                       p->first_values + p->count, &least);
    }
    GN_TRY(gn_linearization_gram(p->lin, &p->first));
    GN_TRY(gn_probe_dot(p, &p->first, &p->first, &square));
    p->first_norm = sqrt(square);
    GN_TRY(gn_array_copy(&p->frame, &p->first));
    return gn_probe_decompose(p, &p->frame, p->first_values);
}

gn_status gn_probe_open(gn_context *context, const gn_probe_options *o, gn_network *network, gn_loss loss,
                        const gn_dataset *dataset, const gn_array *theta0, gn_probe *probe) {
    const size_t samples = gn_array_length(dataset->inputs, 0), outputs = gn_network_outputs(network);
    const size_t most = PROBE_ROWS / outputs > 0 ? PROBE_ROWS / outputs : 1;
    *probe = (gn_probe){.context = context, .dtype = o->dtype};
    if (o->points > samples)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: points is %zu, but there are %zu training samples",
                       o->observer, o->points, samples);
    probe->samples = o->points > 0 ? o->points : samples < most ? samples : most;
    probe->rows = probe->samples * outputs;
    probe->dense = probe->rows <= o->dense_rows || probe->rows <= o->values;
    probe->count = probe->dense ? probe->rows : o->values;
    GN_TRY(predict(probe, o, gn_array_count(theta0)));
    GN_TRY(reserve(probe, o->observer));
    GN_TRY(linearize(probe, network, loss, dataset, theta0));
    return look_at_the_start(probe, theta0);
}

gn_status gn_probe_create(gn_context *context, const char *observer, gn_network *network, gn_loss loss,
                          const gn_dataset *dataset, const gn_array *theta0, size_t points, gn_probe *probe) {
    const gn_probe_options options = {
        .observer = observer, .points = points, .dtype = GN_FLOAT64, .dense_rows = SIZE_MAX};
    return gn_probe_open(context, &options, network, loss, dataset, theta0, probe);
}

void gn_probe_destroy(gn_probe *probe) {
    gn_array *buffers[] = {&probe->first,  &probe->frame, &probe->kernel, &probe->residual, &probe->modes,
                           &probe->values, &probe->work,  &probe->slots,  &probe->theta};
    gn_array *copies[] = {&probe->inputs, &probe->targets};
    for (size_t i = 0; i < 2 && probe->copied; i++)
        gn_buffer_destroy(copies[i]);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    gn_kernel_products_destroy(&probe->products);
    gn_linearization_destroy(probe->lin);
    free(probe->first_values);
    *probe = (gn_probe){0};
}
