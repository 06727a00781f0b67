/* stability: power iterations on J'J, with the rows' weights W of a weighted loss on J'W J. v <- J'J v /
 * ||J'J v|| and lambda = ||J'J v||, which is never above the largest eigenvalue of J'J, nor below v'J'J v. */
#include "optimize/step_size.h"

#include <stdlib.h>

#include "gnewt/random.h"

/* Draws of the first vector begin at 2^33, far from what else the stream serves. */
static const uint64_t DRAWS = (uint64_t)1 << 33;

enum { SQUARE, ONE, ZERO, MU, SCALE, TRACE, KEPT, SLOTS };

static double *slot(const gn_step_sizer *s, int i) {
    return (double *)s->slots.data + i;
}

static const gn_step_size_options *options_of(const gn_step_sizer *s) {
    return &s->optimizer->options.step_size;
}

/* ---- its life ---- */

static gn_status create_vector(gn_step_sizer *s) {
    gn_optimizer *o = s->optimizer;
    gn_status status;
    GN_TRY(gn_buffer_create(o->context, &s->vector, o->dtype, o->parameters, 1, "an eigenvector"));
    gn_optimizer_add_state(o, "leading_vector", &s->vector);
    double *values = malloc(o->parameters * sizeof *values);
    if (!values)
        return gn_fail(o->context, GN_ERROR_MEMORY, "no host memory for a random vector");
    gn_random_normal(o->options.seed, GN_STREAM_AUXILIARY, DRAWS, o->parameters, 0, 1, values);
    status = gn_array_write(&s->vector, values, o->parameters);
    free(values);
    return status;
}

static gn_status create_kernel(gn_step_sizer *s) {
    gn_optimizer *o = s->optimizer;
    const size_t m = o->rows;
    o->needs_rows = o->needs_gram = true;
    GN_TRY(gn_memory_predict(o->context, (double)m * (double)m * (double)gn_dtype_size(o->dtype),
                             "step_size trace's J J'", "a smaller batch, or step_size stability"));
    GN_TRY(gn_buffer_create(o->context, &s->kernel, o->dtype, m, m, "J J'"));
    GN_TRY(gn_buffer_create(o->context, &s->values, o->dtype, m, 1, "eigenvalues"));
    GN_TRY(gn_buffer_create(o->context, &s->gains, o->dtype, m, 1, "gains"));
    GN_TRY(gn_buffer_create(o->context, &s->ones, o->dtype, m, 1, "ones"));
    GN_TRY(gn_array_fill(&s->ones, 1));
    GN_TRY(GN_OP(o->context, eigh_workspace, o->dtype, m, &s->work_bytes));
    return gn_buffer_create(o->context, &s->work, GN_FLOAT64, s->work_bytes / sizeof(double) + 1, 1,
                            "a decomposition's work");
}

gn_status gn_step_sizer_create(gn_step_sizer *s, gn_optimizer *optimizer) {
    const double values[SLOTS] = {[ONE] = 1, [MU] = optimizer->options.step_size.damping};
    s->optimizer = optimizer;
    if (optimizer->options.step_size.kind == GN_STEP_SIZE_FIXED)
        return GN_OK;
    GN_TRY(gn_buffer_create(optimizer->context, &s->slots, GN_FLOAT64, SLOTS, 1, "scalars of a step size"));
    GN_TRY(gn_array_write(&s->slots, values, SLOTS));
    GN_TRY(gn_buffer_create(optimizer->context, &s->count, GN_FLOAT64, 1, 1, "a count"));
    GN_TRY(gn_array_fill(&s->count, 0));
    gn_optimizer_add_state(optimizer, "step_size_steps", &s->count);
    GN_TRY(gn_buffer_create(optimizer->context, &s->ratio, GN_FLOAT64, 1, 1, "a ratio"));
    GN_TRY(gn_array_fill(&s->ratio, 0));
    gn_optimizer_add_state(optimizer, "step_size_ratio", &s->ratio);
    optimizer->costs_vary = optimizer->options.step_size.kind == GN_STEP_SIZE_RECORDED_LOSS;
    if (optimizer->options.step_size.kind == GN_STEP_SIZE_TRACE)
        return create_kernel(s);
    if (optimizer->options.step_size.kind != GN_STEP_SIZE_STABILITY)
        return GN_OK;
    optimizer->first_costs_more = true;
    return create_vector(s);
}

void gn_step_sizer_destroy(gn_step_sizer *s) {
    gn_buffer_destroy(&s->vector);
    gn_buffer_destroy(&s->count);
    gn_buffer_destroy(&s->ratio);
    gn_buffer_destroy(&s->kernel);
    gn_buffer_destroy(&s->work);
    gn_buffer_destroy(&s->values);
    gn_buffer_destroy(&s->gains);
    gn_buffer_destroy(&s->ones);
    gn_buffer_destroy(&s->slots);
}

/* ---- a step ---- */

static gn_status read_count(gn_step_sizer *s) {
    double taken;
    if (!s->optimizer->state_taken)
        return GN_OK;
    GN_TRY(gn_array_read(&s->count, &taken, 1));
    s->taken = (size_t)taken;
    GN_TRY(gn_array_read(&s->ratio, &s->last, 1));
    s->optimizer->state_taken = false;
    return GN_OK;
}

/* What the recorded run did in the step to come. */
static gn_status find_recorded(const gn_step_sizer *s, double *value) {
    const gn_step_size_options *options = options_of(s);
    if (s->taken >= options->recorded_count)
        return gn_fail(s->optimizer->context, GN_ERROR_ARGUMENT,
                       "step_size follows a run of %zu steps, and a step beyond it is asked for",
                       options->recorded_count);
    *value = options->recorded[s->taken];
    return GN_OK;
}

gn_status gn_step_sizer_begin(gn_step_sizer *s, const gn_linearization *l) {
    gn_optimizer *o = s->optimizer;
    double scale = gn_linearization_measure(l);
    if (options_of(s)->kind == GN_STEP_SIZE_FIXED)
        return GN_OK;
    GN_TRY(read_count(s));
    if (options_of(s)->kind == GN_STEP_SIZE_RECORDED_NORM)
        GN_TRY(find_recorded(s, &scale));
    if (options_of(s)->kind == GN_STEP_SIZE_RECORDED_LOSS)
        return find_recorded(s, &s->target);
    return GN_OP(o->context, fill, GN_FLOAT64, 1, o->options.learning_rate * scale, slot(s, SCALE));
}

size_t gn_step_sizer_iterations(const gn_step_sizer *s) {
    const gn_step_size_options *options = options_of(s);
    if (options->kind != GN_STEP_SIZE_STABILITY)
        return 0;
    return s->taken > 0 ? options->iterations : options->first_iterations;
}

/* ratio = x^-exponent, 0 where that is infinite. */
static gn_status invert(gn_step_sizer *s, const double *x, double exponent) {
    return GN_OP(s->optimizer->context, spectral_power, GN_FLOAT64, 1, x, exponent, 0.0, false, NULL,
                 slot(s, ZERO), NULL, s->ratio.data);
}

/* ratio = 1 / ||x||; x (P). */
static gn_status invert_length(gn_step_sizer *s, const void *x) {
    gn_optimizer *o = s->optimizer;
    GN_TRY(GN_OP(o->context, dot, o->dtype, o->parameters, x, x, slot(s, SQUARE)));
    return invert(s, slot(s, SQUARE), 0.5);
}

/* w = J'W J v */
static gn_status multiply(gn_linearization *l, const gn_array *v, gn_array *w) {
    const size_t rows = gn_linearization_rows(l);
    gn_array u = gn_array_view(l->context, l->dtype, rows, 1, l->cotangent.data);
    GN_TRY(gn_linearization_jvp(l, v, &u));
    if (l->weights)
        GN_TRY(GN_OP(l->context, multiply, l->dtype, rows, l->weights, u.data, u.data));
    return gn_linearization_vjp(l, &u, w);
}

static gn_status iterate(gn_step_sizer *s, gn_linearization *l, size_t iterations) {
    gn_optimizer *o = s->optimizer;
    for (size_t i = 0; i < iterations; i++) {
        GN_TRY(multiply(l, &s->vector, &o->trial));
        GN_TRY(invert_length(s, o->trial.data));
        GN_TRY(GN_OP(o->context, axpby_ratio, o->dtype, o->parameters, s->ratio.data, NULL, slot(s, ONE),
                     o->trial.data, 0.0, s->vector.data));
    }
    return GN_OK;
}

/* ratio = sum lambda / (mu + lambda) / sum lambda */
static gn_status average(gn_step_sizer *s, size_t m) {
    gn_optimizer *o = s->optimizer;
    GN_TRY(GN_OP(o->context, spectral_power, o->dtype, m, s->values.data, 1.0, 0.0, false, NULL, slot(s, MU),
                 NULL, s->gains.data));
    GN_TRY(GN_OP(o->context, dot, o->dtype, m, s->values.data, s->gains.data, slot(s, KEPT)));
    GN_TRY(GN_OP(o->context, dot, o->dtype, m, s->values.data, s->ones.data, slot(s, TRACE)));
    GN_TRY(invert(s, slot(s, TRACE), 1));
    return GN_OP(o->context, multiply, GN_FLOAT64, 1, slot(s, KEPT), s->ratio.data, s->ratio.data);
}

bool gn_step_sizer_is_apart(const gn_step_sizer *s) {
    return options_of(s)->kind == GN_STEP_SIZE_TRACE;
}

gn_status gn_step_sizer_prepare(gn_step_sizer *s, gn_linearization *l) {
    gn_optimizer *o = s->optimizer;
    const size_t m = gn_linearization_rows(l);
    if (!gn_step_sizer_is_apart(s) || s->taken % options_of(s)->every != 0)
        return GN_OK;
    if (l->weights)
        return gn_fail(o->context, GN_ERROR_UNSUPPORTED,
                       "step_size trace follows J J', which is not the kernel of weighted rows");
    gn_array k = gn_array_view(o->context, o->dtype, m, m, s->kernel.data);
    GN_TRY(gn_linearization_gram(l, &k));
    GN_TRY(gn_eigenvalues(o->context, o->dtype, m, k.data, m, s->values.data, s->work.data, s->work_bytes));
    return average(s, m);
}

double gn_step_sizer_passes(const gn_step_sizer *s, const gn_linearization *l) {
    if (options_of(s)->kind == GN_STEP_SIZE_TRACE)
        return (double)l->outputs / (double)options_of(s)->every;
    return (double)gn_step_sizer_iterations(s);
}

gn_status gn_step_sizer_choose(gn_step_sizer *s, gn_linearization *l, size_t iterations) {
    gn_optimizer *o = s->optimizer;
    if (options_of(s)->kind == GN_STEP_SIZE_FIXED)
        return GN_OK;
    GN_TRY(iterate(s, l, iterations));
    if (options_of(s)->kind == GN_STEP_SIZE_RECORDED_NORM)
        GN_TRY(invert_length(s, o->direction.data));
    return GN_OP(o->context, multiply, GN_FLOAT64, 1, slot(s, SCALE), s->ratio.data,
                 (double *)o->slots.data + GN_SLOT_RATE);
}

gn_status gn_step_sizer_match(gn_step_sizer *s, gn_linearization *l, gn_array *theta,
                              gn_step_report *report) {
    const double guess = s->last > 0 ? s->last : s->optimizer->options.learning_rate;
    GN_TRY(gn_loss_match(s->optimizer, l, theta, s->target, guess, report));
    if (report->step_size == 0)
        return GN_OK;
    s->last = report->step_size;
    return gn_array_fill(&s->ratio, s->last);
}

gn_status gn_step_sizer_end(gn_step_sizer *s) {
    if (options_of(s)->kind == GN_STEP_SIZE_FIXED)
        return GN_OK;
    s->taken++;
    return gn_array_fill(&s->count, (double)s->taken);
}
