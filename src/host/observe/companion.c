#include "observe/companion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/profile.h"
#include "linearization/frozen.h"
#include "optimize/optimizer.h"

enum { PIECE_SAMPLES = 512 };

struct gn_companion {
    gn_context *context;
    gn_companion_options options;
    gn_dtype dtype;
    size_t outputs;
    gn_sampler *sampler;
    bool full; /* its batch is always the training set */
    gn_linearization *training;
    gn_optimizer *optimizer; /* NULL before the first phase */
    uint64_t step;
    bool diverged;
    gn_array theta0, theta; /* P */

    size_t capacity;                   /* samples of a piece */
    gn_linearization *model, *network; /* f_lin and f of a piece */
    gn_array inputs, targets, weights; /* views of the piece */
    gn_array start, line, now;         /* capacity C: f(theta_0), f_lin, f(theta) */
    gn_array slots;                    /* 2 */
};

/* ---- training ---- */

/* Parameters that are no numbers any more are no error of the run. */
static gn_status diverge(gn_companion *c, const char *why) {
    c->diverged = true;
    gn_log(c->context, GN_LOG_WARNING,
           "drift: the linearised companion diverged by step %llu (%s); from here on its values are NaN",
           (unsigned long long)c->step, why);
    return GN_OK;
}

static gn_status advance(gn_companion *c, uint64_t step) {
    GN_RANGE("companion");
    if (!c->optimizer && c->step < step && !c->diverged)
        return gn_fail(c->context, GN_ERROR_ARGUMENT,
                       "drift: the companion has heard of no phase and cannot train");
    for (; c->step < step && !c->diverged; c->step++) {
        if (!c->full)
            GN_TRY(gn_linearization_take_batch(c->training, c->sampler, c->step));
        const gn_status status = gn_optimizer_step(c->optimizer, c->training, &c->theta, NULL);
        if (gn_status_is_numerical(status))
            return diverge(c, gn_error_message(c->context));
        GN_TRY(status);
    }
    return GN_OK;
}

gn_status gn_companion_begin_phase(gn_companion *c, const gn_phase_start *start) {
    if (!start->optimizer)
        return gn_fail(c->context, GN_ERROR_UNSUPPORTED,
                       "drift: the companion needs to know the optimiser of each phase");
    if (c->optimizer)
        GN_TRY(advance(c, start->step));
    gn_optimizer_destroy(c->optimizer);
    c->optimizer = NULL;
    c->step = start->step;
    const gn_optimizer *its = start->optimizer;
    GN_TRY(
        gn_optimizer_create(c->context, &its->options, c->dtype, its->parameters, its->rows, &c->optimizer));
    return gn_optimizer_reserve(c->optimizer, c->training);
}

/* ---- comparing ---- */

typedef struct sums {
    double loss, correct, gap2, movement2;
} sums;

static gn_status set_point(gn_companion *c, gn_linearization *l, const gn_array *theta, gn_array *f) {
    GN_TRY(gn_linearization_set_batch(l, &c->inputs, &c->targets));
    if (c->weights.data)
        GN_TRY(gn_linearization_set_weights(l, &c->weights));
    GN_TRY(gn_linearization_set_point(l, theta));
    return gn_linearization_outputs(l, f);
}

/* ||x - y||^2; x becomes x - y. */
static gn_status add_distance(gn_companion *c, gn_array *x, const gn_array *y, double *sum) {
    const size_t count = gn_array_count(x);
    double square;
    GN_TRY(GN_OP(c->context, axpby, c->dtype, count, -1.0, y->data, 1.0, x->data));
    GN_TRY(GN_OP(c->context, dot, c->dtype, count, x->data, x->data, c->slots.data));
    GN_TRY(gn_slots_read(c->context, c->slots.data, 1, &square));
    *sum += square;
    return GN_OK;
}

static gn_status add_distances(gn_companion *c, const gn_array *theta, gn_array *line, sums *s) {
    const size_t rows = gn_array_count(line);
    gn_array start = gn_array_view_rows(&c->start, 0, rows), now = gn_array_view_rows(&c->now, 0, rows);
    GN_TRY(set_point(c, c->network, theta, &now));
    GN_TRY(add_distance(c, line, &now, &s->gap2));
    GN_TRY(set_point(c, c->model, &c->theta0, &start));
    return add_distance(c, &start, &now, &s->movement2);
}

static gn_status add_correct(gn_companion *c, size_t samples, const gn_array *f, double *sum) {
    const size_t labels = c->options.dataset->labels;
    double correct;
    GN_TRY(GN_OP(c->context, count_correct, c->dtype, samples, labels, c->outputs / labels, f->data,
                 c->targets.data, c->slots.data));
    GN_TRY(gn_slots_read(c->context, c->slots.data, 1, &correct));
    *sum += correct;
    return GN_OK;
}

/* A piece of a set; `theta` NULL: without distances. */
static gn_status add_piece(gn_companion *c, size_t samples, double share, const gn_array *theta, sums *s) {
    gn_array line = gn_array_view_rows(&c->line, 0, samples * c->outputs);
    double mean;
    GN_TRY(set_point(c, c->model, &c->theta, &line));
    GN_TRY(gn_linearization_loss(c->model, &mean));
    s->loss += share * mean;
    if (c->options.dataset->labels)
        GN_TRY(add_correct(c, samples, &line, &s->correct));
    return theta ? add_distances(c, theta, &line, s) : GN_OK;
}

static gn_status add_set(gn_companion *c, const gn_array *inputs, const gn_array *targets,
                         const gn_array *weights, const gn_array *theta, sums *s) {
    const size_t samples = gn_array_length(inputs, 0);
    *s = (sums){0};
    for (size_t first = 0; first < samples; first += c->capacity) {
        const size_t count = samples - first < c->capacity ? samples - first : c->capacity;
        c->inputs = gn_array_view_rows(inputs, first, count);
        c->targets = gn_array_view_rows(targets, first, count);
        c->weights = weights ? gn_array_view_rows(weights, first, count) : (gn_array){0};
        GN_TRY(add_piece(c, count, (double)count / (double)samples, theta, s));
    }
    if (c->options.dataset->labels)
        s->correct /= (double)samples;
    else
        s->correct = NAN;
    return GN_OK;
}

gn_status gn_companion_look(gn_companion *c, uint64_t step, const gn_array *theta, gn_companion_view *view) {
    const gn_dataset *d = c->options.dataset;
    sums train, test = {NAN, NAN, NAN, NAN};
    *view = (gn_companion_view){NAN, NAN, NAN, NAN, NAN};
    GN_TRY(advance(c, step));
    if (c->diverged)
        return GN_OK;
    GN_TRY(add_set(c, d->inputs, d->targets, d->weights, d->test_inputs ? NULL : theta, &train));
    if (!isfinite(train.loss))
        return diverge(c, "its loss is not finite");
    if (d->test_inputs)
        GN_TRY(add_set(c, d->test_inputs, d->test_targets, NULL, theta, &test));
    const sums *far = d->test_inputs ? &test : &train;
    *view = (gn_companion_view){.gap = far->movement2 > 0 ? sqrt(far->gap2 / far->movement2) : NAN,
                                .loss_train = train.loss,
                                .loss_test = test.loss,
                                .accuracy_train = train.correct,
                                .accuracy_test = test.correct};
    return GN_OK;
}

/* ---- what a continued run needs ---- */

static gn_status walk_array(const gn_state_walk *walk, const char *name, gn_array *array) {
    const size_t count = gn_array_count(array);
    char path[64];
    double *values = malloc(count * sizeof *values);
    if (!values)
        return gn_fail(array->context, GN_ERROR_MEMORY, "drift: no host memory for the companion's %s", name);
    snprintf(path, sizeof path, "companion_%s", name);
    gn_status status = walk->loading ? GN_OK : gn_array_read(array, values, count);
    if (status == GN_OK)
        status = walk->array(walk->user, path, count, values);
    if (status == GN_OK && walk->loading)
        status = gn_array_write(array, values, count);
    free(values);
    return status;
}

gn_status gn_companion_state(gn_companion *c, const gn_state_walk *walk) {
    double at[2] = {(double)c->step, c->diverged};
    GN_TRY(walk->array(walk->user, "companion_step", 2, at));
    c->step = (uint64_t)at[0];
    c->diverged = at[1] != 0;
    GN_TRY(walk_array(walk, "theta", &c->theta));
    for (size_t i = 0; c->optimizer && i < gn_optimizer_state_count(c->optimizer); i++) {
        const char *name;
        gn_array *state = gn_optimizer_state(c->optimizer, i, &name);
        GN_TRY(walk_array(walk, name, state));
    }
    return GN_OK;
}

/* ---- its life ---- */

static gn_status create_training(gn_companion *c) {
    const gn_companion_options *o = &c->options;
    const size_t capacity = gn_sampler_capacity(c->sampler);
    GN_TRY(gn_linearization_create_frozen(o->network, o->loss, c->dtype, capacity, &c->theta0, &c->training));
    c->full = capacity == gn_array_length(o->dataset->inputs, 0);
    if (!c->full)
        return GN_OK;
    GN_TRY(gn_linearization_set_batch(c->training, o->dataset->inputs, o->dataset->targets));
    return gn_linearization_set_weights(c->training, o->dataset->weights);
}

static gn_status create_pieces(gn_companion *c) {
    const gn_companion_options *o = &c->options;
    const size_t rows = c->capacity * c->outputs;
    GN_TRY(gn_linearization_create_frozen(o->network, o->loss, c->dtype, c->capacity, &c->theta0, &c->model));
    GN_TRY(gn_linearization_create(o->network, o->loss, c->dtype, c->capacity, &c->network));
    GN_TRY(gn_linearization_set_reference(c->network, &c->theta0));
    GN_TRY(gn_buffer_create(c->context, &c->start, c->dtype, rows, 1, "the outputs at the start"));
    GN_TRY(gn_buffer_create(c->context, &c->line, c->dtype, rows, 1, "the companion's outputs"));
    GN_TRY(gn_buffer_create(c->context, &c->now, c->dtype, rows, 1, "the outputs beside the companion's"));
    return gn_buffer_create(c->context, &c->slots, GN_FLOAT64, 2, 1, "the companion's results");
}

static gn_status prepare(gn_companion *c) {
    const gn_companion_options *o = &c->options;
    const gn_dataset *d = o->dataset;
    const size_t p = gn_network_parameters(o->network), train = gn_array_length(d->inputs, 0);
    const size_t test = d->test_inputs ? gn_array_length(d->test_inputs, 0) : 0;
    const size_t most = train > test ? train : test;
    c->dtype = d->inputs->dtype;
    c->outputs = gn_network_outputs(o->network);
    c->capacity = most < PIECE_SAMPLES ? most : PIECE_SAMPLES;
    GN_TRY(gn_buffer_create(c->context, &c->theta0, c->dtype, p, 1, "the companion's theta_0"));
    GN_TRY(gn_buffer_create(c->context, &c->theta, c->dtype, p, 1, "the companion's parameters"));
    GN_TRY(gn_array_copy(&c->theta0, o->theta0));
    GN_TRY(gn_array_copy(&c->theta, o->theta0));
    GN_TRY(gn_sampler_create(c->context, d, o->batch, o->seed, &c->sampler));
    GN_TRY(create_training(c));
    return create_pieces(c);
}

gn_status gn_companion_create(gn_context *context, const gn_companion_options *options,
                              gn_companion **companion) {
    *companion = NULL;
    gn_companion *c = calloc(1, sizeof *c);
    if (!c)
        return gn_fail(context, GN_ERROR_MEMORY, "drift: no host memory for the companion");
    c->context = context;
    c->options = *options;
    const gn_status status = prepare(c);
    if (status == GN_OK)
        *companion = c;
    else
        gn_companion_destroy(c);
    return status;
}

void gn_companion_destroy(gn_companion *c) {
    if (!c)
        return;
    gn_array *buffers[] = {&c->theta0, &c->theta, &c->start, &c->line, &c->now, &c->slots};
    gn_optimizer_destroy(c->optimizer);
    gn_linearization_destroy(c->training);
    gn_linearization_destroy(c->model);
    gn_linearization_destroy(c->network);
    gn_sampler_destroy(c->sampler);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(c);
}
