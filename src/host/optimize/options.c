/* Defaults of the optimisers, and what values are possible. */
#include <math.h>

#include "optimize/options.h"

bool gn_optimizer_is_second_order(gn_optimizer_kind kind) {
    return kind == GN_OPTIMIZER_GAUSS_NEWTON || kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT ||
           kind == GN_OPTIMIZER_GGN || kind == GN_OPTIMIZER_FRACTIONAL;
}

gn_optimizer_options gn_optimizer_options_default(gn_optimizer_kind kind) {
    gn_optimizer_options options = {
        .kind = kind,
        .learning_rate = 1e-2,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .cutoff = 1e-6,
        .damping = {.kind = GN_DAMPING_CONSTANT,
                    .value = 1e-3,
                    .final = 1e-4,
                    .steps = 500,
                    .minimum = 1e-12,
                    .maximum = 1e12,
                    .retries = 20},
        .cg = {.max_iterations = 150, .tolerance = 1e-6, .rank = 20},
        .acceleration = {.kind = GN_ACCELERATION_NONE, .ratio = 0.75, .h = 0.1},
        .line_search = {.kind = GN_LINE_SEARCH_NONE, .c = 1e-4, .tau = 0.5, .max_iterations = 10},
        .fractional = {.exponent = 0.5},
        .memory = 10,
        .grokfast = {.decay = 0.98},
        .step_size = {.kind = GN_STEP_SIZE_FIXED,
                      .iterations = 3,
                      .first_iterations = 30,
                      .every = 1,
                      .evaluations = 60},
    };
    if (kind == GN_OPTIMIZER_ADAM || kind == GN_OPTIMIZER_ADAMW)
        options.learning_rate = 1e-3;
    if (kind == GN_OPTIMIZER_ADAMW)
        options.weight_decay = 1e-2;
    if (gn_optimizer_is_second_order(kind))
        options.learning_rate = 1;
    if (kind == GN_OPTIMIZER_GGN)
        options.curvature = GN_CURVATURE_MEAN;
    if (kind == GN_OPTIMIZER_LBFGS) {
        options.learning_rate = 1;
        options.line_search.kind = GN_LINE_SEARCH_ARMIJO;
    }
    if (kind == GN_OPTIMIZER_FRACTIONAL) {
        options.learning_rate = 0.1;
        options.damping.kind = GN_DAMPING_RELATIVE;
        options.damping.value = 1e-6;
    }
    return options;
}

typedef struct range {
    const char *name;
    double value, low, high;
    bool low_open, high_open; /* the bound itself is not allowed */
} range;

static gn_status check_range(gn_context *context, range r) {
    bool below = r.low_open ? !(r.value > r.low) : !(r.value >= r.low);
    bool above = r.high_open ? !(r.value < r.high) : !(r.value <= r.high);
    if (isfinite(r.value) && !below && !above)
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT, "%s is %g: it must be finite and in %c%g, %g%c", r.name,
                   r.value, r.low_open ? '(' : '[', r.low, r.high, r.high_open ? ')' : ']');
}

static gn_status check_damping(gn_context *context, const gn_damping_options *d) {
    double most = HUGE_VAL;
    bool ratio = d->kind == GN_DAMPING_GAIN_RATIO, scheduled = d->kind == GN_DAMPING_SCHEDULED;
    GN_TRY(check_range(context, (range){"damping.value", d->value, 0, most, ratio || scheduled, true}));
    if (scheduled) {
        GN_TRY(check_range(context, (range){"damping.final", d->final, 0, most, true, true}));
        if (d->steps == 0)
            return gn_fail(context, GN_ERROR_ARGUMENT,
                           "damping.steps is 0: a schedule needs one step or more");
    }
    if (ratio) {
        GN_TRY(check_range(context, (range){"damping.minimum", d->minimum, 0, d->value, true, false}));
        GN_TRY(check_range(context, (range){"damping.maximum", d->maximum, d->value, most, false, true}));
    }
    return GN_OK;
}

/* A rule with mu. */
static bool is_damped(const gn_optimizer_options *options) {
    return options->kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT || options->kind == GN_OPTIMIZER_GGN;
}

static bool is_gain_ratio(const gn_optimizer_options *options) {
    return is_damped(options) && options->damping.kind == GN_DAMPING_GAIN_RATIO;
}

static gn_status check_fractional(gn_context *context, const gn_optimizer_options *options) {
    const gn_damping_options *d = &options->damping;
    GN_TRY(check_range(context, (range){"exponent", options->fractional.exponent, -1, 1.5, false, false}));
    GN_TRY(check_range(context, (range){"damping.value", d->value, 0, HUGE_VAL, false, true}));
    if (d->kind != GN_DAMPING_CONSTANT && d->kind != GN_DAMPING_RELATIVE)
        return gn_fail(context, GN_ERROR_ARGUMENT, "fractional takes damping.kind constant or relative");
    if (options->solver != GN_SOLVER_AUTO && options->solver != GN_SOLVER_SPECTRAL)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "fractional takes powers of eigenvalues: its solver is spectral (or auto)");
    if (options->curvature != GN_CURVATURE_SUM)
        return gn_fail(context, GN_ERROR_ARGUMENT, "fractional takes curvature sum: its scale is its own");
    return GN_OK;
}

/* What stands in the gradient's place is no gradient of the loss any more. */
static gn_status check_gradient(gn_context *context, const gn_optimizer_options *options) {
    const gn_grokfast_options *g = &options->grokfast;
    const bool made = options->gradient != GN_GRADIENT_PLAIN, adamw = options->kind == GN_OPTIMIZER_ADAMW;
    GN_TRY(check_range(context, (range){"grokfast.decay", g->decay, 0, 1, false, true}));
    GN_TRY(check_range(context, (range){"grokfast.gain", g->gain, 0, HUGE_VAL, false, true}));
    if (!made && g->gain == 0)
        return GN_OK;
    if (options->kind > GN_OPTIMIZER_ADAMW || (made && adamw))
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s is for %s alone", made ? "gradient" : "grokfast",
                       made ? "sgd and adam" : "sgd, adam and adamw");
    if (made && g->gain != 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "grokfast and gradient both change it: take one");
    if (options->line_search.kind != GN_LINE_SEARCH_NONE)
        return gn_fail(context, GN_ERROR_ARGUMENT, "line_search follows the loss's own gradient: not with %s",
                       made ? "gradient" : "grokfast");
    return GN_OK;
}

static bool is_recorded(gn_step_size_kind kind) {
    return kind == GN_STEP_SIZE_RECORDED_NORM || kind == GN_STEP_SIZE_RECORDED_LOSS;
}

static gn_status check_recorded(gn_context *context, const gn_step_size_options *s) {
    if (!s->recorded || s->recorded_count == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "step_size follows a recorded run, and none is given");
    for (size_t i = 0; i < s->recorded_count; i++)
        GN_TRY(check_range(context, (range){"a recorded value", s->recorded[i], 0, HUGE_VAL, false, true}));
    return GN_OK;
}

/* The step is to be along the gradient, and as long as the rule says. */
static gn_status check_step_size(gn_context *context, const gn_optimizer_options *options) {
    const gn_step_size_options *s = &options->step_size;
    if (s->kind == GN_STEP_SIZE_FIXED)
        return GN_OK;
    if (options->kind != GN_OPTIMIZER_SGD)
        return gn_fail(context, GN_ERROR_ARGUMENT, "step_size is sgd's alone");
    if (options->momentum != 0 || options->weight_decay != 0 || options->grokfast.gain != 0 ||
        options->gradient != GN_GRADIENT_PLAIN || options->line_search.kind != GN_LINE_SEARCH_NONE)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "step_size sets the length of a step along the plain gradient: without momentum, "
                       "weight_decay, grokfast, gradient and line_search");
    if (s->kind == GN_STEP_SIZE_STABILITY && (s->iterations == 0 || s->first_iterations == 0))
        return gn_fail(context, GN_ERROR_ARGUMENT, "step_size.%s is 0: give 1 or more",
                       s->iterations == 0 ? "iterations" : "first_iterations");
    if (s->kind == GN_STEP_SIZE_TRACE) {
        GN_TRY(check_range(context, (range){"step_size.damping", s->damping, 0, HUGE_VAL, true, true}));
        if (s->every == 0)
            return gn_fail(context, GN_ERROR_ARGUMENT, "step_size.every is 0: give 1 or more");
    }
    if (s->kind == GN_STEP_SIZE_RECORDED_LOSS && s->evaluations == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "step_size.evaluations is 0: give 1 or more");
    return is_recorded(s->kind) ? check_recorded(context, s) : GN_OK;
}

static gn_status check_lbfgs(gn_context *context, const gn_optimizer_options *options) {
    if (options->memory == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "memory is 0: lbfgs keeps 1 pair or more");
    if (options->weight_decay != 0 || options->momentum != 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "lbfgs takes neither weight_decay nor momentum");
    return GN_OK;
}

/* What decays the weights of a Gauss-Newton rule is part of its system, whose mu holds it. */
static gn_status check_decay(gn_context *context, const gn_optimizer_options *options) {
    if (options->weight_decay == 0 || !gn_optimizer_is_second_order(options->kind))
        return GN_OK;
    if (options->damping.value > 0 && is_damped(options) && !is_gain_ratio(options))
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT,
                   "weight_decay is %g: with second-order rules it needs levenberg_marquardt or ggn with a "
                   "constant, scheduled or relative damping above 0",
                   options->weight_decay);
}

/* Along -t d the model of the loss falls for t below 2 alone. */
static gn_status check_judged_rate(gn_context *context, const gn_optimizer_options *options) {
    if (options->damping.kind != GN_DAMPING_GAIN_RATIO)
        return GN_OK;
    return check_range(
        context, (range){"learning_rate with gain_ratio damping", options->learning_rate, 0, 2, true, true});
}

static gn_status check_line_search(gn_context *context, const gn_optimizer_options *options) {
    const gn_line_search_options *s = &options->line_search;
    if (s->kind == GN_LINE_SEARCH_NONE)
        return GN_OK;
    GN_TRY(check_range(context, (range){"line_search.c", s->c, 0, 1, true, true}));
    GN_TRY(check_range(context, (range){"line_search.tau", s->tau, 0, 1, true, true}));
    bool adam = options->kind == GN_OPTIMIZER_ADAM || options->kind == GN_OPTIMIZER_ADAMW;
    if (adam || options->momentum != 0 || options->weight_decay != 0)
        return gn_fail(
            context, GN_ERROR_ARGUMENT,
            "line_search needs a descent direction of the loss: take gauss_newton, levenberg_marquardt, "
            "ggn, fractional, lbfgs or sgd, without momentum and weight_decay");
    if (is_gain_ratio(options))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "gain_ratio damping decides on full steps: take it or line_search, not both");
    return GN_OK;
}

static gn_status check_acceleration(gn_context *context, const gn_optimizer_options *options) {
    const gn_acceleration_options *a = &options->acceleration;
    if (a->kind == GN_ACCELERATION_NONE)
        return GN_OK;
    GN_TRY(check_range(context, (range){"acceleration.ratio", a->ratio, 0, HUGE_VAL, true, true}));
    GN_TRY(check_range(context, (range){"acceleration.h", a->h, 0, 1, true, false}));
    if (!is_damped(options))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "acceleration needs a damped rule: take levenberg_marquardt or ggn");
    if (options->solver == GN_SOLVER_LSMR)
        return gn_fail(
            context, GN_ERROR_ARGUMENT,
            "acceleration solves once more with another right-hand side, which LSMR has not: take another "
            "solver");
    if (options->line_search.kind != GN_LINE_SEARCH_NONE)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "acceleration bends the step, a line search follows a line: take one of the two");
    return GN_OK;
}

/* What LSMR has not: it begins at 0 and stops by its residual. */
static gn_status check_lsmr(gn_context *context, const gn_cg_settings *cg) {
    const char *key = cg->preconditioner != GN_PRECONDITIONER_NONE ? "preconditioner"
                      : cg->warm_start                             ? "warm_start"
                      : cg->progress != 0                          ? "progress"
                                                                   : NULL;
    if (!key)
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT,
                   "cg.%s does not go with solver: lsmr: take it away, or solver: cg", key);
}

static gn_status check_cg(gn_context *context, const gn_cg_settings *cg) {
    double most = HUGE_VAL;
    GN_TRY(check_range(context, (range){"cg.tolerance", cg->tolerance, 0, 1, false, true}));
    GN_TRY(
        check_range(context, (range){"cg.absolute_tolerance", cg->absolute_tolerance, 0, most, false, true}));
    GN_TRY(check_range(context, (range){"cg.progress", cg->progress, 0, 1, false, true}));
    if (cg->max_iterations == 0 || cg->rank == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "cg.%s is 0: give 1 or more",
                       cg->max_iterations == 0 ? "max_iterations" : "rank");
    return GN_OK;
}

/* Of a singular J'J the preconditioner's inverse blows up what plain CG leaves at 0. */
static gn_status check_undamped(gn_context *context, const gn_optimizer_options *options) {
    if (options->kind != GN_OPTIMIZER_GAUSS_NEWTON || options->solver != GN_SOLVER_CG ||
        options->cg.preconditioner == GN_PRECONDITIONER_NONE)
        return GN_OK;
    return gn_fail(context, GN_ERROR_ARGUMENT,
                   "cg.preconditioner needs damping, which gauss_newton has not: take it away, or "
                   "levenberg_marquardt");
}

gn_status gn_optimizer_options_check(gn_context *context, const gn_optimizer_options *options) {
    double most = HUGE_VAL;
    GN_TRY(check_range(context, (range){"learning_rate", options->learning_rate, 0, most, true, true}));
    GN_TRY(check_range(context, (range){"momentum", options->momentum, 0, 1, false, true}));
    GN_TRY(check_range(context, (range){"beta1", options->beta1, 0, 1, false, true}));
    GN_TRY(check_range(context, (range){"beta2", options->beta2, 0, 1, false, true}));
    GN_TRY(check_range(context, (range){"epsilon", options->epsilon, 0, most, true, true}));
    GN_TRY(check_range(context, (range){"weight_decay", options->weight_decay, 0, most, false, true}));
    GN_TRY(check_range(context, (range){"cutoff", options->cutoff, 0, 1, false, true}));
    if (is_damped(options)) {
        GN_TRY(check_damping(context, &options->damping));
        GN_TRY(check_judged_rate(context, options));
    }
    if (options->kind == GN_OPTIMIZER_FRACTIONAL)
        GN_TRY(check_fractional(context, options));
    GN_TRY(check_gradient(context, options));
    GN_TRY(check_step_size(context, options));
    if (options->kind == GN_OPTIMIZER_LBFGS)
        GN_TRY(check_lbfgs(context, options));
    GN_TRY(check_decay(context, options));
    GN_TRY(check_cg(context, &options->cg));
    GN_TRY(check_undamped(context, options));
    GN_TRY(check_acceleration(context, options));
    if (gn_optimizer_is_second_order(options->kind) && options->solver == GN_SOLVER_LSMR)
        GN_TRY(check_lsmr(context, &options->cg));
    return check_line_search(context, options);
}
