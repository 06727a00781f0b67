#include "run/step_rule.h"

gn_step_rule gn_step_rule_of(const gn_optimizer_options *o, size_t rows) {
    gn_step_rule rule = {.rate = o->learning_rate};
    if (o->weight_decay != 0 || o->line_search.kind != GN_LINE_SEARCH_NONE || o->grokfast.gain != 0 ||
        o->gradient != GN_GRADIENT_PLAIN)
        return rule;
    switch (o->kind) {
    case GN_OPTIMIZER_SGD:
        rule.kind = GN_STEP_RULE_GRADIENT;
        rule.weight = 2 / (double)rows;
        rule.momentum = o->momentum;
        break;
    case GN_OPTIMIZER_GAUSS_NEWTON:
        if (o->solver == GN_SOLVER_CG || o->solver == GN_SOLVER_LSMR)
            break; /* neither cuts: what is left out hangs on when it stops */
        rule.kind = GN_STEP_RULE_CUT;
        rule.weight = 1;
        rule.cutoff = o->cutoff;
        break;
    case GN_OPTIMIZER_LEVENBERG_MARQUARDT:
    case GN_OPTIMIZER_GGN:
        if (o->damping.kind != GN_DAMPING_CONSTANT)
            break;
        rule.kind = GN_STEP_RULE_DAMPED;
        rule.weight = o->curvature == GN_CURVATURE_MEAN ? 1 / (double)rows : 1;
        rule.damping = o->damping.value;
        break;
    case GN_OPTIMIZER_FRACTIONAL:
        if (o->fractional.shuffled || o->fractional.exponent > 1)
            break; /* the gains of other modes decide */
        rule.kind = GN_STEP_RULE_POWER;
        rule.exponent = o->fractional.exponent;
        *(o->damping.kind == GN_DAMPING_RELATIVE ? &rule.relative : &rule.damping) = o->damping.value;
        break;
    case GN_OPTIMIZER_ADAM:
    case GN_OPTIMIZER_ADAMW:
    case GN_OPTIMIZER_LBFGS:
        break;
    }
    return rule;
}
