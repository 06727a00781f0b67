/* sgd, adam, adamw on the mean loss: one gradient, then one fused update; as one program where the
 * linearization can be recorded and no matrix is decomposed between. */
#include <math.h>
#include <stdlib.h>

#include "backend/program.h"
#include "core/profile.h"
#include "optimize/matrix_gradient.h"
#include "optimize/optimizer.h"
#include "optimize/step_size.h"

typedef struct first_order {
    gn_optimizer base; /* first: the two are one object */
    gn_array first;    /* P: sgd's momentum, Adam's m */
    gn_array second;   /* P: Adam's v */
    gn_array clock;    /* 1 double: Adam's number of updates */
    gn_array average;  /* P: Grokfast's */
    gn_array begun;    /* 1 double: whether it has */
    bool averaging;    /* the same on the host */
    gn_step_sizer sizer;
    gn_matrix_gradient matrices;
    gn_programs programs;
} first_order;

static first_order *of(gn_optimizer *self) {
    return (first_order *)self;
}

static bool is_adam(const gn_optimizer *self) {
    return self->options.kind != GN_OPTIMIZER_SGD;
}

static gn_adam_rule adam_rule(const gn_optimizer *self) {
    const gn_optimizer_options *o = &self->options;
    return (gn_adam_rule){o->beta1, o->beta2, o->epsilon, o->weight_decay, o->kind == GN_OPTIMIZER_ADAMW};
}

static const double *rate(const gn_optimizer *self) {
    return (const double *)self->slots.data + GN_SLOT_RATE;
}

static bool is_averaged(const gn_optimizer *self) {
    return self->options.grokfast.gain != 0;
}

/* Grokfast: m = decay m + (1 - decay) g, g += gain m */
static gn_status filter(gn_optimizer *self, void *average) {
    const gn_grokfast_options *f = &self->options.grokfast;
    void *g = self->direction.data;
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, 1 - f->decay, g, f->decay, average));
    return GN_OP(self->context, axpby, self->dtype, self->parameters, f->gain, average, 1.0, g);
}

static gn_status update(gn_optimizer *self, void *theta) {
    GN_RANGE("update");
    first_order *o = of(self);
    const void *g = self->direction.data;
    if (is_averaged(self))
        GN_TRY(filter(self, o->average.data));
    if (is_adam(self))
        return GN_OP(self->context, adam_update, self->dtype, self->parameters, adam_rule(self), rate(self),
                     o->clock.data, g, o->first.data, o->second.data, theta);
    gn_sgd_rule rule = {self->options.momentum, self->options.weight_decay};
    return GN_OP(self->context, sgd_update, self->dtype, self->parameters, rule, rate(self), g, o->first.data,
                 theta);
}

/* ---- programs ---- */

/* What the body of a program depends on; its key as well. */
typedef struct call {
    gn_optimizer *self;
    gn_linearization *l;
    const void *inputs, *targets, *weights;
    size_t samples, iterations;
    void *theta;
} call;

static gn_status run(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_status (*body)(void *)) {
    const size_t iterations = gn_step_sizer_iterations(&of(self)->sizer);
    call c = {self, l, l->inputs, l->targets, l->weights, l->samples, iterations, theta->data};
    if (!l->interface->recordable)
        return body(&c);
    return gn_programs_run(&of(self)->programs, self->context, body, &c, sizeof c);
}

static gn_status gradient_body(void *arguments) {
    const call *c = arguments;
    GN_TRY(gn_linearization_evaluate(c->l));
    return gn_linearization_gradient(c->l, &c->self->direction);
}

/* A step that nobody asks about. */
static gn_status step_body(void *arguments) {
    const call *c = arguments;
    GN_TRY(gradient_body(arguments));
    GN_TRY(gn_step_sizer_choose(&of(c->self)->sizer, c->l, c->iterations));
    return update(c->self, c->theta);
}

static gn_status update_body(void *arguments) {
    const call *c = arguments;
    GN_TRY(gn_step_sizer_choose(&of(c->self)->sizer, c->l, c->iterations));
    return update(c->self, c->theta);
}

/* The choice, the update, and ||step||^2 in the slope's slot; trial becomes the step. */
static gn_status measured_update_body(void *arguments) {
    const call *c = arguments;
    gn_optimizer *self = c->self;
    double *slot = (double *)self->slots.data + GN_SLOT_SLOPE;
    void *trial = self->trial.data;
    const size_t p = self->parameters;
    GN_TRY(gn_step_sizer_choose(&of(self)->sizer, c->l, c->iterations));
    GN_TRY(GN_OP(self->context, copy, trial, c->theta, p * gn_dtype_size(self->dtype)));
    GN_TRY(update(self, c->theta));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, p, 1.0, c->theta, -1.0, trial));
    return GN_OP(self->context, dot, self->dtype, p, trial, trial, slot);
}

/* ---- steps ---- */

static gn_status search(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    double slope;
    GN_TRY(gn_optimizer_dot(self, &self->direction, &self->direction, &slope));
    GN_TRY(gn_line_search_armijo(self, l, theta, gn_linearization_loss, report->loss, slope, report));
    report->step_norm = report->step_size * sqrt(slope);
    return GN_OK;
}

static gn_status match(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    double square;
    GN_TRY(gn_optimizer_dot(self, &self->direction, &self->direction, &square));
    GN_TRY(gn_step_sizer_match(&of(self)->sizer, l, theta, report));
    report->step_norm = report->step_size * sqrt(square);
    return GN_OK;
}

static bool is_matched(const gn_optimizer *self) {
    return self->options.step_size.kind == GN_STEP_SIZE_RECORDED_LOSS;
}

/* The loss is looked at before anything is moved. */
static gn_status reported_step(gn_optimizer *self, gn_linearization *l, gn_array *theta,
                               gn_step_report *report) {
    double slots[GN_SLOT_COUNT];
    GN_TRY(run(self, l, theta, gradient_body));
    GN_TRY(gn_linearization_loss(l, &report->loss));
    if (!isfinite(report->loss))
        return gn_fail(self->context, GN_ERROR_NOT_FINITE, "the loss is %g", report->loss);
    report->passes = 1 + gn_step_sizer_passes(&of(self)->sizer, l);
    if (self->options.line_search.kind == GN_LINE_SEARCH_ARMIJO)
        return search(self, l, theta, report);
    if (is_matched(self))
        return match(self, l, theta, report);
    GN_TRY(gn_matrix_gradient_apply(&of(self)->matrices, l, self->direction.data));
    GN_TRY(gn_step_sizer_prepare(&of(self)->sizer, l));
    GN_TRY(run(self, l, theta, measured_update_body));
    GN_TRY(gn_slots_read(self->context, self->slots.data, GN_SLOT_COUNT, slots));
    report->step_size = slots[GN_SLOT_RATE];
    report->step_norm = sqrt(slots[GN_SLOT_SLOPE]);
    return GN_OK;
}

/* Whether Grokfast's average has begun lives on the host; its array is for checkpoints. */
static gn_status read_begun(gn_optimizer *self) {
    double begun;
    if (!self->state_taken || !is_averaged(self))
        return GN_OK;
    GN_TRY(gn_array_read(&of(self)->begun, &begun, 1));
    of(self)->averaging = begun != 0;
    self->state_taken = false;
    return GN_OK;
}

/* The average begins at the first gradient, which that step then takes once more. */
static gn_status begin_average(gn_optimizer *self, gn_linearization *l, gn_array *theta) {
    first_order *o = of(self);
    GN_TRY(read_begun(self));
    if (o->averaging || !is_averaged(self))
        return GN_OK;
    GN_TRY(run(self, l, theta, gradient_body));
    GN_TRY(gn_array_copy(&o->average, &self->direction));
    o->averaging = true;
    return gn_array_fill(&o->begun, 1);
}

static gn_status take_step(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    gn_step_report unread = {0};
    if (report || self->options.line_search.kind == GN_LINE_SEARCH_ARMIJO || is_matched(self))
        return reported_step(self, l, theta, report ? report : &unread);
    if (self->options.gradient == GN_GRADIENT_PLAIN && !gn_step_sizer_is_apart(&of(self)->sizer))
        return run(self, l, theta, step_body);
    GN_TRY(run(self, l, theta, gradient_body));
    GN_TRY(gn_matrix_gradient_apply(&of(self)->matrices, l, self->direction.data));
    GN_TRY(gn_step_sizer_prepare(&of(self)->sizer, l));
    return run(self, l, theta, update_body);
}

static gn_status step(gn_optimizer *self, gn_linearization *l, gn_array *theta, gn_step_report *report) {
    GN_TRY(gn_linearization_begin(l, theta));
    GN_TRY(begin_average(self, l, theta));
    GN_TRY(gn_step_sizer_begin(&of(self)->sizer, l));
    GN_TRY(take_step(self, l, theta, report));
    return gn_step_sizer_end(&of(self)->sizer);
}

/* Adam's first step from zero moments, at a theta of zero with rate 1, is minus its direction. */
static gn_status adam_direction(gn_optimizer *self, gn_array *d) {
    gn_adam_rule rule = adam_rule(self);
    gn_array moments = {0}, scalars = {0};
    const double values[2] = {1, 0}; /* rate, clock */
    void *g = self->direction.data;
    gn_status status;
    rule.weight_decay = 0;
    GN_TRY_DONE(
        gn_buffer_create(self->context, &moments, self->dtype, 2, self->parameters, "Adam's moments"));
    GN_TRY_DONE(gn_buffer_create(self->context, &scalars, GN_FLOAT64, 2, 1, "Adam's scalars"));
    GN_TRY_DONE(gn_array_fill(&moments, 0));
    GN_TRY_DONE(gn_array_fill(d, 0));
    GN_TRY_DONE(gn_array_write(&scalars, values, 2));
    double *slots = scalars.data;
    char *second = (char *)moments.data + self->parameters * gn_dtype_size(self->dtype);
    GN_TRY_DONE(GN_OP(self->context, adam_update, self->dtype, self->parameters, rule, slots, slots + 1, g,
                      moments.data, second, d->data));
    status = GN_OP(self->context, axpby, self->dtype, self->parameters, 0.0, g, -1.0, d->data);
done:
    gn_buffer_destroy(&moments);
    gn_buffer_destroy(&scalars);
    return status;
}

/* The filter with a copy of the average. */
static gn_status filter_once(gn_optimizer *self) {
    if (!is_averaged(self))
        return GN_OK;
    GN_TRY(read_begun(self));
    GN_TRY(gn_array_copy(&self->trial, of(self)->averaging ? &of(self)->average : &self->direction));
    return filter(self, self->trial.data);
}

static gn_status direction(gn_optimizer *self, gn_linearization *l, gn_array *d) {
    GN_TRY(gn_linearization_gradient(l, &self->direction));
    GN_TRY(gn_matrix_gradient_apply(&of(self)->matrices, l, self->direction.data));
    GN_TRY(filter_once(self));
    bool coupled = self->options.weight_decay != 0 && self->options.kind != GN_OPTIMIZER_ADAMW;
    if (coupled)
        GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, self->options.weight_decay,
                     l->theta->data, 1.0, self->direction.data));
    return is_adam(self) ? adam_direction(self, d) : gn_array_copy(d, &self->direction);
}

static gn_status reserve(gn_optimizer *self, gn_linearization *l) {
    return gn_matrix_gradient_reserve(&of(self)->matrices, l);
}

static void destroy(gn_optimizer *self) {
    gn_matrix_gradient_destroy(&of(self)->matrices);
    gn_step_sizer_destroy(&of(self)->sizer);
    gn_buffer_destroy(&of(self)->average);
    gn_buffer_destroy(&of(self)->begun);
    gn_programs_destroy(&of(self)->programs);
    gn_buffer_destroy(&of(self)->first);
    gn_buffer_destroy(&of(self)->second);
    gn_buffer_destroy(&of(self)->clock);
}

/* A diagnosis: the arithmetic is the host's. */
static gn_status diagonal(gn_optimizer *self, double *values) {
    const gn_optimizer_options *options = &self->options;
    double updates = 0;
    if (is_adam(self))
        GN_TRY(gn_array_read(&of(self)->clock, &updates, 1));
    if (updates == 0)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       is_adam(self) ? "Adam has no diagonal before its first step" : "sgd has no diagonal");
    GN_TRY(gn_array_read(&of(self)->second, values, self->parameters));
    const double seen = 1 - pow(options->beta2, updates);
    for (size_t i = 0; i < self->parameters; i++)
        values[i] = 1 / (sqrt(values[i] / seen) + options->epsilon);
    return GN_OK;
}

static const gn_optimizer_interface interface = {
    .step = step, .direction = direction, .diagonal = diagonal, .reserve = reserve, .destroy = destroy};

/* A state array of zeros. */
static gn_status create_state(gn_optimizer *self, gn_array *array, gn_dtype dtype, size_t count,
                              const char *name) {
    GN_TRY(gn_buffer_create(self->context, array, dtype, count, 1, name));
    GN_TRY(gn_array_fill(array, 0));
    gn_optimizer_add_state(self, name, array);
    return GN_OK;
}

static gn_status create_states(first_order *o) {
    gn_optimizer *self = &o->base;
    o->matrices.kind = self->options.gradient;
    GN_TRY(gn_step_sizer_create(&o->sizer, self));
    if (is_averaged(self)) {
        GN_TRY(create_state(self, &o->average, self->dtype, self->parameters, "gradient_average"));
        GN_TRY(create_state(self, &o->begun, GN_FLOAT64, 1, "gradient_average_begun"));
    }
    if (!is_adam(self))
        return self->options.momentum != 0
                   ? create_state(self, &o->first, self->dtype, self->parameters, "momentum")
                   : GN_OK;
    GN_TRY(create_state(self, &o->first, self->dtype, self->parameters, "first_moment"));
    GN_TRY(create_state(self, &o->second, self->dtype, self->parameters, "second_moment"));
    return create_state(self, &o->clock, GN_FLOAT64, 1, "clock");
}

gn_status gn_first_order_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                                size_t parameters, size_t rows, gn_optimizer **out) {
    first_order *o = calloc(1, sizeof *o);
    if (!o)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for an optimiser");
    gn_status status;
    o->base.interface = &interface;
    GN_TRY_DONE(gn_optimizer_prepare(&o->base, &interface, context, options, dtype, parameters, rows));
    GN_TRY_DONE(create_states(o));
    *out = &o->base;
    return GN_OK;
done:
    gn_optimizer_destroy(&o->base);
    return status;
}
