#include "run/step_rule.h"

#include <math.h>

static gn_step_rule damped(const gn_optimizer_options *o, const gn_step_sight *sight) {
    const bool relative = o->damping.kind == GN_DAMPING_RELATIVE && o->damping.value > 0;
    const bool constant = o->damping.kind == GN_DAMPING_CONSTANT || o->damping.value == 0;
    return (gn_step_rule){.kind = GN_STEP_RULE_DAMPED,
                          .weight = o->curvature == GN_CURVATURE_MEAN ? 1 / sight->terms : 1,
                          .damping = constant ? o->damping.value : NAN,
                          .relative = relative ? o->damping.value : 0};
}

/* cg and lsmr do not cut: what is left out hangs on when they stop. */
static gn_step_rule cut(const gn_optimizer_options *o) {
    const bool cuts = o->solver != GN_SOLVER_CG && o->solver != GN_SOLVER_LSMR;
    return (gn_step_rule){
        .kind = cuts ? GN_STEP_RULE_CUT : GN_STEP_RULE_UNKNOWN, .weight = 1, .cutoff = o->cutoff};
}

/* Where gains are shuffled, or largest elsewhere, other modes decide. */
static gn_step_rule power(const gn_optimizer_options *o) {
    const bool known = !o->fractional.shuffled && o->fractional.exponent <= 1;
    gn_step_rule rule = {.kind = known ? GN_STEP_RULE_POWER : GN_STEP_RULE_UNKNOWN,
                         .weight = 1,
                         .exponent = o->fractional.exponent};
    *(o->damping.kind == GN_DAMPING_RELATIVE ? &rule.relative : &rule.damping) = o->damping.value;
    return rule;
}

gn_step_rule gn_step_rule_of(const gn_optimizer_options *o, const gn_step_sight *sight) {
    const bool squared = sight->loss == GN_LOSS_SQUARED;
    const double mean = (squared ? 2 : 1) / sight->terms;
    gn_step_rule rule = {.kind = GN_STEP_RULE_UNKNOWN};
    if (o->gradient != GN_GRADIENT_PLAIN)
        return rule;
    switch (o->kind) {
    case GN_OPTIMIZER_SGD:
        rule = (gn_step_rule){.kind = GN_STEP_RULE_GRADIENT, .weight = mean, .momentum = o->momentum};
        break;
    case GN_OPTIMIZER_ADAM:
    case GN_OPTIMIZER_ADAMW:
        rule = (gn_step_rule){.kind = GN_STEP_RULE_DIAGONAL, .weight = mean, .momentum = o->beta1};
        break;
    case GN_OPTIMIZER_GAUSS_NEWTON:
        if (squared && sight->whole)
            rule = cut(o);
        break;
    case GN_OPTIMIZER_LEVENBERG_MARQUARDT:
    case GN_OPTIMIZER_GGN:
        if (squared && sight->whole)
            rule = damped(o, sight);
        break;
    case GN_OPTIMIZER_FRACTIONAL:
        if (squared && sight->whole)
            rule = power(o);
        break;
    case GN_OPTIMIZER_LBFGS:
        break;
    }
    rule.rate = o->learning_rate;
    rule.kernel_only = !sight->whole || !squared || o->weight_decay != 0 || o->grokfast.gain != 0 ||
                       o->line_search.kind != GN_LINE_SEARCH_NONE || o->step_size.kind != GN_STEP_SIZE_FIXED;
    return rule;
}
