#include "observe/probe.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Rows of a probe set whose size is left to us: its eigenvectors take about a second. */
enum { PROBE_ROWS = 1024 };

gn_status gn_probe_dot(gn_probe *probe, const gn_array *x, const gn_array *y, double *value) {
    double *slot = probe->slots.data;
    GN_TRY(GN_OP(probe->context, dot, x->dtype, gn_array_count(x), x->data, y->data, slot));
    return gn_slots_read(probe->context, slot, 1, value);
}

/* Device values, ascending, to the host, descending. */
static gn_status read_reversed(const gn_array *device, size_t n, double *values) {
    GN_TRY(gn_array_read(device, values, n));
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
    return read_reversed(&probe->values, probe->rows, values);
}

gn_status gn_probe_project(gn_probe *probe, const gn_array *q, const gn_array *x, double *c) {
    GN_TRY(GN_OP(probe->context, gemv, q->dtype, false, probe->rows, probe->rows, 1.0, q->data, probe->rows,
                 x->data, 0.0, probe->modes.data));
    return read_reversed(&probe->modes, probe->rows, c);
}

gn_status gn_probe_drift(gn_probe *probe, double *drift) {
    gn_context *context = probe->context;
    gn_array *k = &probe->kernel;
    const size_t count = gn_array_count(k);
    double square;
    GN_TRY(GN_OP(context, axpby, k->dtype, count, -1.0, probe->first.data, 1.0, k->data));
    GN_TRY(gn_probe_dot(probe, k, k, &square));
    *drift = probe->first_norm > 0 ? sqrt(square) / probe->first_norm : NAN;
    return GN_OP(context, axpby, k->dtype, count, 1.0, probe->first.data, 1.0, k->data);
}

double gn_probe_rounding(const gn_probe *probe) {
    return (double)probe->rows * (probe->kernel.dtype == GN_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON);
}

gn_status gn_probe_look(gn_probe *probe, const gn_array *theta) {
    GN_TRY(gn_linearization_set_point(probe->lin, theta));
    GN_TRY(gn_linearization_residual(probe->lin, &probe->residual));
    return gn_linearization_gram(probe->lin, &probe->kernel);
}

/* ---- creation ---- */

static gn_status reserve(gn_probe *p, const char *observer, gn_dtype type) {
    gn_context *context = p->context;
    const size_t n = p->rows;
    char what[96], advice[80];
    snprintf(what, sizeof what, "%s: three matrices of the probe set and an eigensolver's memory", observer);
    snprintf(advice, sizeof advice, "fewer points (observe: {kind: %s, points: ...})", observer);
    GN_TRY(GN_OP(context, eigh_workspace, type, n, &p->work_bytes));
    const double square = (double)n * (double)n * (double)gn_dtype_size(type);
    GN_TRY(gn_memory_predict(context, 3 * square + (double)p->work_bytes, what, advice));
    GN_TRY(gn_buffer_create(context, &p->first, type, n, n, "the NTK at the start"));
    GN_TRY(gn_buffer_create(context, &p->frame, type, n, n, "the eigenvectors of the NTK at the start"));
    GN_TRY(gn_buffer_create(context, &p->kernel, type, n, n, "the NTK"));
    GN_TRY(gn_buffer_create(context, &p->residual, type, n, 1, "the error of the probe set"));
    GN_TRY(gn_buffer_create(context, &p->modes, type, n, 1, "the error's modes"));
    GN_TRY(gn_buffer_create(context, &p->values, type, n, 1, "the NTK's eigenvalues"));
    GN_TRY(
        gn_buffer_create(context, &p->work, GN_FLOAT64, p->work_bytes / 8 + 1, 1, "the NTK's eigensolver"));
    GN_TRY(gn_buffer_create(context, &p->slots, GN_FLOAT64, 2, 1, "the results of the probe set"));
    p->first_values = calloc(n, sizeof *p->first_values);
    return p->first_values
               ? GN_OK
               : gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %zu modes", observer, n);
}

/* From theta_0 whatever the step that is observed first: a resumed run has the frame it had. */
static gn_status look_at_the_start(gn_probe *p, const gn_array *theta0) {
    double square;
    GN_TRY(gn_linearization_set_point(p->lin, theta0));
    GN_TRY(gn_linearization_gram(p->lin, &p->first));
    GN_TRY(gn_probe_dot(p, &p->first, &p->first, &square));
    p->first_norm = sqrt(square);
    GN_TRY(gn_array_copy(&p->frame, &p->first));
    return gn_probe_decompose(p, &p->frame, p->first_values);
}

gn_status gn_probe_create(gn_context *context, const char *observer, gn_network *network, gn_loss loss,
                          const gn_dataset *dataset, const gn_array *theta0, size_t points, gn_probe *probe) {
    const size_t samples = gn_array_length(dataset->inputs, 0), outputs = gn_network_outputs(network);
    const size_t most = PROBE_ROWS / outputs > 0 ? PROBE_ROWS / outputs : 1;
    const gn_dtype type = dataset->inputs->dtype;
    *probe = (gn_probe){.context = context};
    if (points > samples)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: points is %zu, but there are %zu training samples",
                       observer, points, samples);
    probe->samples = points > 0 ? points : samples < most ? samples : most;
    probe->rows = probe->samples * outputs;
    GN_TRY(reserve(probe, observer, type));
    probe->inputs = gn_array_view_rows(dataset->inputs, 0, probe->samples);
    probe->targets = gn_array_view_rows(dataset->targets, 0, probe->samples);
    GN_TRY(gn_linearization_create(network, loss, type, probe->samples, &probe->lin));
    GN_TRY(gn_linearization_set_reference(probe->lin, theta0));
    GN_TRY(gn_linearization_set_batch(probe->lin, &probe->inputs, &probe->targets));
    return look_at_the_start(probe, theta0);
}

void gn_probe_destroy(gn_probe *probe) {
    gn_array *buffers[] = {&probe->first, &probe->frame,  &probe->kernel, &probe->residual,
                           &probe->modes, &probe->values, &probe->work,   &probe->slots};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    gn_linearization_destroy(probe->lin);
    free(probe->first_values);
    *probe = (gn_probe){0};
}
