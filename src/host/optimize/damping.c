#include "optimize/damping.h"

#include <math.h>

gn_damping gn_damping_start(const gn_damping_options *options) {
    return (gn_damping){
        .mu = options->kind == GN_DAMPING_RELATIVE ? -1 : options->value, .nu = 2, .count = 0};
}

double gn_damping_value(const gn_damping_options *options, const gn_damping *damping) {
    switch (options->kind) {
    case GN_DAMPING_SCHEDULED: {
        double part = damping->count / (double)options->steps;
        return part < 1 ? options->value * pow(options->final / options->value, part) : options->final;
    }
    case GN_DAMPING_GAIN_RATIO:
    case GN_DAMPING_RELATIVE:
        return damping->mu;
    case GN_DAMPING_CONSTANT:
        break;
    }
    return options->value;
}

/* H. B. Nielsen, Damping Parameter in Marquardt's Method, IMM-REP-1999-05, eq. 2.5. */
bool gn_damping_judge(const gn_damping_options *options, gn_damping *damping, double ratio) {
    bool accepted = ratio > 0 && isfinite(ratio);
    if (accepted) {
        double cubed = 2 * ratio - 1;
        damping->mu *= fmax(1.0 / 3, 1 - cubed * cubed * cubed);
        damping->nu = 2;
    } else {
        damping->mu *= damping->nu;
        damping->nu *= 2;
    }
    damping->mu = fmin(fmax(damping->mu, options->minimum), options->maximum);
    return accepted;
}
