#include "observe/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

gn_spectrum_summary gn_spectrum_summarize(size_t n, const double *descending, double epsilon) {
    const double rounding = n > 0 ? (double)n * epsilon * descending[0] : 0;
    double sum = 0, negative = 0, entropy = 0;
    size_t rank = 0;
    for (size_t i = 0; i < n; i++) {
        sum += fmax(descending[i], 0);
        negative += fmax(-descending[i], 0);
    }
    for (size_t i = 0; i < n && descending[i] > 0; i++) {
        const double share = descending[i] / sum;
        entropy -= share > 0 ? share * log(share) : 0;
        rank += descending[i] > rounding;
    }
    return (gn_spectrum_summary){
        .condition_number = rank > 0 ? descending[0] / descending[rank - 1] : NAN,
        .numerical_rank = rank,
        .effective_rank = sum > 0 ? exp(entropy) : 0,
        .negative_mass = sum + negative > 0 ? negative / (sum + negative) : 0,
    };
}

/* ---- what should happen ---- */

/* Heavy-ball descent of one mode: z^2 - (1 + momentum - gain) z + momentum. */
static double discriminant(double gain, double momentum) {
    const double half = (1 + momentum - gain) / 2;
    return half * half - momentum;
}

static bool oscillates(double gain, double momentum) {
    return discriminant(gain, momentum) < 0;
}

/* The larger root's modulus. */
static double heavy_ball(double gain, double momentum) {
    return oscillates(gain, momentum) ? sqrt(momentum)
                                      : fabs(1 + momentum - gain) / 2 + sqrt(discriminant(gain, momentum));
}

/* lambda g(lambda) over the same at the largest. */
static double power_gain(const gn_step_rule *rule, double lambda, double largest) {
    const double mu = rule->damping + rule->relative * largest;
    return lambda > 0 ? lambda / largest * pow((lambda + mu) / (largest + mu), -rule->exponent) : 0;
}

double gn_step_rule_kernel(const gn_step_rule *rule, double lambda, double largest) {
    const double scaled = rule->weight * fmax(lambda, 0);
    switch (rule->kind) {
    case GN_STEP_RULE_GRADIENT:
        return scaled;
    case GN_STEP_RULE_DAMPED:
        return scaled > 0 ? scaled / (rule->damping + scaled) : 0;
    case GN_STEP_RULE_CUT:
        return lambda > rule->cutoff * largest ? 1 : 0;
    case GN_STEP_RULE_DIAGONAL:
        return lambda;
    case GN_STEP_RULE_POWER:
        return power_gain(rule, lambda, largest);
    case GN_STEP_RULE_UNKNOWN:
        break;
    }
    return NAN;
}

double gn_step_rule_rate(const gn_step_rule *rule, double lambda, double largest) {
    const double kernel = gn_step_rule_kernel(rule, lambda, largest);
    if (rule->kernel_only)
        return NAN;
    if (rule->kind == GN_STEP_RULE_GRADIENT)
        return -log(heavy_ball(rule->rate * kernel, rule->momentum));
    if (rule->kind == GN_STEP_RULE_DIAGONAL) {
        const double gain = (1 - rule->momentum) * rule->rate * rule->weight * kernel;
        return oscillates(gain, rule->momentum) ? NAN : -log(heavy_ball(gain, rule->momentum));
    }
    return -log(fabs(1 - rule->rate * kernel));
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
        if (!(fit->start[i] > 0 && fit->start[i] >= 1e-8 * fit->size))
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

/* ---- between two looks ---- */

bool gn_mode_pace_create(gn_mode_pace *pace, size_t modes) {
    *pace = (gn_mode_pace){.modes = modes, .rate = NAN, .first = calloc(3 * modes + 1, sizeof(double))};
    if (!pace->first)
        return false;
    pace->last = pace->first + modes;
    pace->rates = pace->last + modes;
    return true;
}

void gn_mode_pace_destroy(gn_mode_pace *pace) {
    free(pace->first);
    *pace = (gn_mode_pace){0};
}

/* Modes by which a phase begins; those that are too small begin at 0. */
static void begin_pace(gn_mode_pace *pace) {
    double square = 0;
    for (size_t i = 0; i < pace->modes; i++)
        square += pace->last[i] * pace->last[i];
    for (size_t i = 0; i < pace->modes; i++)
        pace->first[i] = pace->last[i] >= 1e-8 * sqrt(square) ? pace->last[i] : 0;
}

void gn_mode_pace_restart(gn_mode_pace *pace, uint64_t step) {
    pace->rate = NAN;
    pace->begun = pace->looked && pace->last_step == step;
    if (pace->begun)
        begin_pace(pace);
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(size_t count, double *values) {
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void gn_mode_pace_add(gn_mode_pace *pace, uint64_t step, const double *c) {
    const double past = (double)(step - pace->last_step);
    size_t count = 0;
    for (size_t i = 0; i < pace->modes; i++) {
        const double before = pace->last[i], now = fabs(c[i]);
        if (pace->begun && past > 0 && before > 0 && pace->first[i] > 0 && now >= 1e-3 * pace->first[i])
            pace->rates[count++] = -log(now / before) / past;
        pace->last[i] = now;
    }
    if (pace->begun && past > 0)
        pace->rate = median(count, pace->rates);
    if (!pace->begun)
        begin_pace(pace);
    pace->begun = pace->looked = true;
    pace->last_step = step;
}

gn_status gn_mode_pace_walk(gn_mode_pace *pace, const gn_state_walk *walk) {
    double now[4] = {(double)pace->last_step, pace->looked, pace->begun, pace->rate};
    GN_TRY(walk->array(walk->user, "pace", 4, now));
    pace->last_step = (uint64_t)now[0];
    pace->looked = now[1] != 0;
    pace->begun = now[2] != 0;
    pace->rate = now[3];
    return walk->array(walk->user, "pace_modes", 2 * pace->modes, pace->first);
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
