/* Evaluation over data sets that may be larger than a batch. */
#include "run/trainer_evaluate.h"

#include <math.h>
#include <string.h>

#include "core/profile.h"
#include "core/status.h"

/* Samples of a piece: enough to keep any device busy, little memory beside a training batch's. */
enum { PIECE_SAMPLES = 1024 };

/* ---- creation ---- */

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Samples that the pieces' linearization must hold; 0: none is needed. */
static size_t find_capacity(const gn_dataset *dataset, bool has_whole, bool observed) {
    const size_t train = gn_array_length(dataset->inputs, 0);
    const size_t test = dataset->test_inputs ? gn_array_length(dataset->test_inputs, 0) : 0;
    if (has_whole)
        return smaller(test, PIECE_SAMPLES);
    if (observed)
        return train;
    return smaller(train > test ? train : test, PIECE_SAMPLES);
}

static gn_status create_buffers(gn_evaluator *e, const gn_trainer_options *options) {
    gn_context *context = e->context;
    const size_t parameters = gn_network_parameters(options->network);
    const size_t outputs = gn_network_outputs(options->network);
    const size_t train = e->whole ? gn_array_length(e->dataset->inputs, 0) : 0;
    const size_t most = train > e->capacity ? train : e->capacity;
    if (e->dataset->labels)
        GN_TRY(gn_buffer_create(context, &e->outputs, e->dtype, most, outputs, "the outputs to classify"));
    if (!e->whole)
        GN_TRY(gn_buffer_create(context, &e->gradient, e->dtype, parameters, 1, "a piece's gradient"));
    GN_TRY(gn_buffer_create(context, &e->total, e->dtype, parameters, 1, "the recorded gradient"));
    return gn_buffer_create(context, &e->slots, GN_FLOAT64, 1, 1, "the recorded sums");
}

gn_status gn_evaluator_create(gn_context *context, const gn_trainer_options *options, gn_linearization *whole,
                              const gn_array *theta0, bool observed, gn_evaluator *evaluator) {
    *evaluator = (gn_evaluator){
        .context = context, .dataset = options->dataset, .dtype = options->dtype, .whole = whole};
    evaluator->capacity = find_capacity(options->dataset, whole != NULL, observed);
    if (evaluator->capacity > 0) {
        GN_TRY(gn_linearization_create(options->network, options->loss, options->dtype, evaluator->capacity,
                                       &evaluator->pieces));
        GN_TRY(gn_linearization_set_reference(evaluator->pieces, theta0));
    }
    return create_buffers(evaluator, options);
}

void gn_evaluator_destroy(gn_evaluator *evaluator) {
    gn_linearization_destroy(evaluator->pieces);
    gn_buffer_destroy(&evaluator->outputs);
    gn_buffer_destroy(&evaluator->gradient);
    gn_buffer_destroy(&evaluator->total);
    gn_buffer_destroy(&evaluator->slots);
    memset(evaluator, 0, sizeof(*evaluator));
}

/* ---- pieces ---- */

/* Samples first..first+rows of a set, at theta. */
static gn_status set_piece(gn_evaluator *e, const gn_array *theta, const gn_array *inputs,
                           const gn_array *targets, size_t first, size_t rows) {
    e->inputs = gn_array_view_rows(inputs, first, rows);
    e->targets = gn_array_view_rows(targets, first, rows);
    GN_TRY(gn_linearization_set_batch(e->pieces, &e->inputs, &e->targets));
    if (inputs == e->dataset->inputs && e->dataset->weights) {
        e->weights = gn_array_view_rows(e->dataset->weights, first, rows);
        GN_TRY(gn_linearization_set_weights(e->pieces, &e->weights));
    }
    return gn_linearization_set_point(e->pieces, theta);
}

/* Raises *count by the samples of the linearization's batch that are classified as their targets are, at
 * every position where there are several. */
static gn_status add_correct(gn_evaluator *e, gn_linearization *l, const gn_array *targets, double *count) {
    const size_t rows = gn_array_length(targets, 0), outputs = gn_array_length(targets, 1);
    gn_array f = gn_array_view(e->context, e->dtype, rows, outputs, e->outputs.data);
    double correct;
    GN_TRY(gn_linearization_outputs(l, &f));
    GN_TRY(GN_OP(e->context, count_correct, e->dtype, rows, e->dataset->labels, outputs / e->dataset->labels,
                 f.data, targets->data, e->slots.data));
    GN_TRY(gn_slots_read(e->context, e->slots.data, 1, &correct));
    *count += correct;
    return GN_OK;
}

static gn_status norm_of_total(gn_evaluator *e, double *norm) {
    const size_t count = gn_array_count(&e->total);
    double square;
    GN_TRY(GN_OP(e->context, dot, e->dtype, count, e->total.data, e->total.data, e->slots.data));
    GN_TRY(gn_slots_read(e->context, e->slots.data, 1, &square));
    *norm = sqrt(square);
    return GN_OK;
}

/* total = weight * the piece's gradient (+ total, after the first). */
static gn_status add_gradient(gn_evaluator *e, double weight, bool first) {
    GN_TRY(gn_linearization_gradient(e->pieces, &e->gradient));
    return GN_OP(e->context, axpby, e->dtype, gn_array_count(&e->total), weight, e->gradient.data,
                 first ? 0 : 1, e->total.data);
}

/* A whole set through the pieces' linearization. */
static gn_status evaluate_pieces(gn_evaluator *e, const gn_array *theta, const gn_array *inputs,
                                 const gn_array *targets, bool gradient, gn_evaluation *result) {
    const size_t samples = gn_array_length(inputs, 0);
    double loss = 0, correct = 0;
    e->whole_ready = e->whole_ready && e->whole != NULL;
    for (size_t first = 0; first < samples; first += e->capacity) {
        const size_t rows = smaller(samples - first, e->capacity);
        const double weight = (double)rows / (double)samples;
        double mean;
        GN_TRY(set_piece(e, theta, inputs, targets, first, rows));
        GN_TRY(gn_linearization_loss(e->pieces, &mean));
        loss += weight * mean;
        if (e->dataset->labels)
            GN_TRY(add_correct(e, e->pieces, &e->targets, &correct));
        if (gradient)
            GN_TRY(add_gradient(e, weight, first == 0));
    }
    result->loss = loss;
    if (e->dataset->labels)
        result->accuracy = correct / (double)samples;
    return gradient ? norm_of_total(e, &result->gradient_norm) : GN_OK;
}

/* ---- sets ---- */

void gn_evaluator_moved(gn_evaluator *evaluator) {
    evaluator->whole_ready = false;
}

gn_status gn_evaluator_training(gn_evaluator *e, const gn_array *theta, gn_linearization **training) {
    const gn_dataset *d = e->dataset;
    *training = e->whole ? e->whole : e->pieces;
    if (e->whole_ready)
        return GN_OK;
    if (e->whole)
        GN_TRY(gn_linearization_set_point(e->whole, theta));
    else
        GN_TRY(set_piece(e, theta, d->inputs, d->targets, 0, gn_array_length(d->inputs, 0)));
    e->whole_ready = true;
    return GN_OK;
}

static gn_status evaluate_whole(gn_evaluator *e, const gn_array *theta, gn_evaluation *result) {
    gn_linearization *l;
    double correct = 0;
    GN_TRY(gn_evaluator_training(e, theta, &l));
    GN_TRY(gn_linearization_loss(l, &result->loss));
    if (e->dataset->labels) {
        GN_TRY(add_correct(e, l, e->dataset->targets, &correct));
        result->accuracy = correct / (double)gn_array_length(e->dataset->inputs, 0);
    }
    GN_TRY(gn_linearization_gradient(l, &e->total));
    return norm_of_total(e, &result->gradient_norm);
}

gn_status gn_evaluator_train(gn_evaluator *evaluator, const gn_array *theta, gn_evaluation *result) {
    GN_RANGE("evaluate");
    const gn_dataset *d = evaluator->dataset;
    *result = (gn_evaluation){NAN, NAN, NAN};
    if (evaluator->whole)
        return evaluate_whole(evaluator, theta, result);
    return evaluate_pieces(evaluator, theta, d->inputs, d->targets, true, result);
}

gn_status gn_evaluator_test(gn_evaluator *evaluator, const gn_array *theta, gn_evaluation *result) {
    GN_RANGE("evaluate");
    const gn_dataset *d = evaluator->dataset;
    *result = (gn_evaluation){NAN, NAN, NAN};
    if (!d->test_inputs)
        return GN_OK;
    return evaluate_pieces(evaluator, theta, d->test_inputs, d->test_targets, false, result);
}
