#include "observe/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

gn_spectrum_summary gn_spectrum_summarize(size_t n, const double *descending) {
    double sum = 0, negative = 0, entropy = 0;
    for (size_t i = 0; i < n; i++) {
        sum += fmax(descending[i], 0);
        negative += fmax(-descending[i], 0);
    }
    for (size_t i = 0; i < n && descending[i] > 0; i++) {
        const double share = descending[i] / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    const double least = n > 0 ? descending[n - 1] : 0;
    return (gn_spectrum_summary){
        .condition_number = least > 0 ? descending[0] / least : INFINITY,
        .effective_rank = sum > 0 ? exp(entropy) : 0,
        .negative_mass = sum + negative > 0 ? negative / (sum + negative) : 0,
    };
}

/* ---- what should happen ---- */

/* The larger root's modulus of z^2 - (1 + momentum - gain) z + momentum: heavy-ball descent of one mode. */
static double heavy_ball(double gain, double momentum) {
    const double half = (1 + momentum - gain) / 2, discriminant = half * half - momentum;
    return discriminant < 0 ? sqrt(momentum) : fabs(half) + sqrt(discriminant);
}

/* lambda g(lambda) over the same at the largest. */
static double power_gain(const gn_step_rule *rule, double lambda, double largest) {
    const double mu = rule->damping + rule->relative * largest;
    return lambda > 0 ? lambda / largest * pow((lambda + mu) / (largest + mu), -rule->exponent) : 0;
}

double gn_step_rule_rate(const gn_step_rule *rule, double lambda, double largest) {
    const double scaled = rule->weight * fmax(lambda, 0);
    switch (rule->kind) {
    case GN_STEP_RULE_GRADIENT:
        return -log(heavy_ball(rule->rate * scaled, rule->momentum));
    case GN_STEP_RULE_DAMPED:
        return scaled > 0 ? -log(fabs(1 - rule->rate * scaled / (rule->damping + scaled))) : 0;
    case GN_STEP_RULE_CUT:
        return lambda > rule->cutoff * largest ? -log(fabs(1 - rule->rate)) : 0;
    case GN_STEP_RULE_POWER:
        return -log(fabs(1 - rule->rate * power_gain(rule, lambda, largest)));
    case GN_STEP_RULE_UNKNOWN:
        break;
    }
    return NAN;
}

/* ---- what does ---- */

bool gn_mode_fit_create(gn_mode_fit *fit, size_t modes) {
    *fit = (gn_mode_fit){.modes = modes, .count = calloc(6 * modes + 1, sizeof(double))};
    if (!fit->count)
        return false;
    double **parts[] = {&fit->t, &fit->tt, &fit->y, &fit->ty, &fit->start};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = fit->count + (i + 1) * modes;
    return true;
}

void gn_mode_fit_destroy(gn_mode_fit *fit) {
    free(fit->count);
    *fit = (gn_mode_fit){0};
}

void gn_mode_fit_restart(gn_mode_fit *fit) {
    memset(fit->count, 0, 6 * fit->modes * sizeof(double));
    fit->size = 0;
}

gn_status gn_mode_fit_walk(gn_mode_fit *fit, const gn_state_walk *walk) {
    double begun[2] = {(double)fit->first, fit->size};
    GN_TRY(walk->array(walk->user, "fit_begun", 2, begun));
    fit->first = (uint64_t)begun[0];
    fit->size = begun[1];
    return walk->array(walk->user, "fit_sums", 6 * fit->modes, fit->count);
}

static void start(gn_mode_fit *fit, uint64_t step, const double *c) {
    double square = 0;
    for (size_t i = 0; i < fit->modes; i++) {
        fit->start[i] = fabs(c[i]);
        square += c[i] * c[i];
    }
    fit->first = step;
    fit->size = sqrt(square);
}

void gn_mode_fit_add(gn_mode_fit *fit, uint64_t step, const double *c) {
    if (fit->size == 0)
        start(fit, step, c);
    const double t = (double)(step - fit->first);
    for (size_t i = 0; i < fit->modes; i++) {
        if (!(fabs(c[i]) >= 1e-3 * fit->start[i]))
            fit->start[i] = 0;
        if (!(fit->start[i] >= 1e-8 * fit->size))
            continue;
        const double y = log(fabs(c[i]));
        fit->count[i] += 1;
        fit->t[i] += t;
        fit->tt[i] += t * t;
        fit->y[i] += y;
        fit->ty[i] += t * y;
    }
}

void gn_mode_fit_rates(const gn_mode_fit *fit, double *rate) {
    for (size_t i = 0; i < fit->modes; i++) {
        const double n = fit->count[i], spread = n * fit->tt[i] - fit->t[i] * fit->t[i];
        rate[i] = n >= 3 && spread > 0 ? -(n * fit->ty[i] - fit->t[i] * fit->y[i]) / spread : NAN;
    }
}

gn_rate_agreement gn_rates_compare(size_t n, const double *measured, const double *predicted) {
    double count = 0, mean = 0, mp = 0, pp = 0, rest = 0, spread = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(measured[i]) && isfinite(predicted[i])) {
            count += 1;
            mean += measured[i];
            mp += measured[i] * predicted[i];
            pp += predicted[i] * predicted[i];
        }
    mean /= count;
    for (size_t i = 0; i < n; i++)
        if (isfinite(measured[i]) && isfinite(predicted[i])) {
            rest += (measured[i] - predicted[i]) * (measured[i] - predicted[i]);
            spread += (measured[i] - mean) * (measured[i] - mean);
        }
    return (gn_rate_agreement){.slope = pp > 0 ? mp / pp : NAN, .r2 = spread > 0 ? 1 - rest / spread : NAN};
}
