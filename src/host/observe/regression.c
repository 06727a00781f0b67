#include "observe/regression.h"

#include <math.h>

enum { FITTED_ROWS = 2048 /* of a fit to the whole training set: seconds */, PIECE_ROWS = 1024 };

typedef struct regression {
    gn_probe *fitted; /* its residual holds K_0^+ (f_0 - y) */
    const gn_dataset *dataset;
    size_t outputs, capacity;
    gn_linearization *test;   /* at theta_0, of a piece of the test set */
    gn_array inputs, targets; /* of the piece: views of the next two */
    gn_array x, y;            /* capacity x features, capacity x C */
    gn_array kernel;          /* capacity C x n: K_0(piece, train) */
    gn_array f;               /* capacity C */
    double squares, correct;
} regression;

/* The probe's residual becomes K_0^+ (f_0 - y). */
static gn_status fit(gn_probe *p, const gn_array *theta0) {
    gn_context *context = p->context;
    const gn_dtype type = p->kernel.dtype;
    const size_t n = p->rows;
    void *r = p->residual.data, *c = p->modes.data, *q = p->frame.data;
    GN_TRY(gn_linearization_set_point(p->lin, theta0));
    GN_TRY(gn_linearization_outputs(p->lin, &p->residual));
    GN_TRY(GN_OP(context, axpby, type, n, -1.0, p->targets.data, 1.0, r));
    GN_TRY(GN_OP(context, gemv, type, false, n, n, 1.0, q, n, r, 0.0, c));
    GN_TRY(GN_OP(context, spectral_filter, type, n, p->values.data, 0.0, 0.0, gn_probe_rounding(p), c, c,
                 p->slots.data));
    return GN_OP(context, gemv, type, true, n, n, 1.0, q, n, c, 0.0, r);
}

static gn_status add_slot(regression *s, double *sum) {
    double value;
    GN_TRY(gn_slots_read(s->fitted->context, s->fitted->slots.data, 1, &value));
    *sum += value;
    return GN_OK;
}

/* f = f_0 - K_0(piece, train) K_0^+ (f_0 - y), and what it does wrong there. */
static gn_status predict_piece(regression *s, const gn_array *theta0, size_t first, size_t samples) {
    gn_probe *p = s->fitted;
    gn_context *context = p->context;
    const gn_dtype type = s->f.dtype;
    const size_t rows = samples * s->outputs, labels = s->dataset->labels;
    const gn_array inputs = gn_array_view_rows(s->dataset->test_inputs, first, samples);
    const gn_array targets = gn_array_view_rows(s->dataset->test_targets, first, samples);
    s->inputs = gn_array_view_rows(&s->x, 0, samples);
    s->targets = gn_array_view_rows(&s->y, 0, samples);
    GN_TRY(gn_probe_take(&s->inputs, &inputs));
    GN_TRY(gn_probe_take(&s->targets, &targets));
    gn_array k = gn_array_view_rows(&s->kernel, 0, rows), f = gn_array_view_rows(&s->f, 0, rows);
    GN_TRY(gn_linearization_set_batch(s->test, &s->inputs, &s->targets));
    GN_TRY(gn_linearization_set_point(s->test, theta0));
    GN_TRY(gn_linearization_outputs(s->test, &f));
    GN_TRY(gn_linearization_gram_cross(s->test, p->lin, &k));
    GN_TRY(GN_OP(context, gemv, type, false, rows, p->rows, -1.0, k.data, p->rows, p->residual.data, 1.0,
                 f.data));
    if (labels) {
        GN_TRY(GN_OP(context, count_correct, type, samples, labels, s->outputs / labels, f.data,
                     s->targets.data, p->slots.data));
        GN_TRY(add_slot(s, &s->correct));
    }
    GN_TRY(GN_OP(context, axpby, type, rows, -1.0, s->targets.data, 1.0, f.data));
    GN_TRY(GN_OP(context, dot, type, rows, f.data, f.data, p->slots.data));
    return add_slot(s, &s->squares);
}

static gn_status predict(regression *s, gn_network *network, const gn_array *theta0) {
    gn_context *context = s->fitted->context;
    const gn_dtype type = s->fitted->dtype;
    const size_t samples = gn_array_length(s->dataset->test_inputs, 0), rows = s->capacity * s->outputs;
    const size_t features = gn_array_length(s->dataset->test_inputs, 1);
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, type, s->capacity, &s->test));
    GN_TRY(gn_linearization_set_reference(s->test, theta0));
    GN_TRY(
        gn_buffer_create(context, &s->x, type, s->capacity, features, "test inputs for kernel regression"));
    GN_TRY(gn_buffer_create(context, &s->y, type, s->capacity, s->outputs, "their targets"));
    GN_TRY(gn_buffer_create(context, &s->kernel, type, rows, s->fitted->rows, "the NTK of the test set"));
    GN_TRY(gn_buffer_create(context, &s->f, type, rows, 1, "the outputs of kernel regression"));
    for (size_t first = 0; first < samples; first += s->capacity)
        GN_TRY(
            predict_piece(s, theta0, first, samples - first < s->capacity ? samples - first : s->capacity));
    return GN_OK;
}

static gn_status run(gn_probe *fitted, gn_network *network, const gn_dataset *dataset, const gn_array *theta0,
                     gn_regression *result) {
    const size_t outputs = gn_network_outputs(network), samples = gn_array_length(dataset->test_inputs, 0);
    const size_t most = PIECE_ROWS / outputs > 0 ? PIECE_ROWS / outputs : 1;
    regression s = {.fitted = fitted,
                    .dataset = dataset,
                    .outputs = outputs,
                    .capacity = samples < most ? samples : most};
    gn_status status = fit(fitted, theta0);
    if (status == GN_OK)
        status = predict(&s, network, theta0);
    gn_linearization_destroy(s.test);
    gn_buffer_destroy(&s.x);
    gn_buffer_destroy(&s.y);
    gn_buffer_destroy(&s.kernel);
    gn_buffer_destroy(&s.f);
    *result = (gn_regression){.loss = s.squares / (double)(samples * outputs),
                              .accuracy = dataset->labels ? s.correct / (double)samples : NAN,
                              .samples = fitted->samples};
    return status;
}

gn_status gn_kernel_regression(gn_probe *probe, gn_network *network, const gn_dataset *dataset,
                               const gn_array *theta0, gn_regression *result) {
    const size_t samples = gn_array_length(dataset->inputs, 0), outputs = gn_network_outputs(network);
    gn_probe whole = {0};
    if (probe->samples == samples || samples > FITTED_ROWS / outputs)
        return run(probe, network, dataset, theta0, result);
    gn_status status =
        gn_probe_create(probe->context, "drift", network, GN_LOSS_SQUARED, dataset, theta0, samples, &whole);
    if (status == GN_OK)
        status = run(&whole, network, dataset, theta0, result);
    gn_probe_destroy(&whole);
    return status;
}
