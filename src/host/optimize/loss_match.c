/* recorded_loss: the t > 0 at which L(theta - t d) is a given value below L(theta), or the least loss that
 * was found along the line where it is not reached. Steps double or halve until the value or a minimum is
 * enclosed; then bisection finds the one, golden sections (J. Kiefer, 1953) the other. */
#include <math.h>

#include "optimize/step_size.h"

static const double GOLDEN = 0.381966011250105; /* (3 - sqrt 5) / 2 */
/* Of the target, and of t at a minimum. */
static const double CLOSE = 1e-8, NARROW = 1e-4;

typedef struct place {
    double t, loss;
} place;

typedef struct line {
    gn_optimizer *optimizer; /* whose trial is theta before the step */
    gn_linearization *l;
    gn_array *theta;
    double target;
    size_t evaluations, most;
} line;

static gn_status look(line *along, double t, place *at) {
    GN_TRY(gn_optimizer_move(along->optimizer, t, along->theta));
    GN_TRY(gn_linearization_set_point(along->l, along->theta));
    GN_TRY(gn_linearization_loss(along->l, &at->loss));
    at->t = t;
    at->loss = isfinite(at->loss) ? at->loss : INFINITY;
    along->evaluations++;
    return GN_OK;
}

static bool is_over(const line *along) {
    return along->evaluations >= along->most;
}

static bool is_reached(const line *along, place at) {
    return at.loss <= along->target;
}

/* low->loss > target >= high->loss: *found is within CLOSE, or high's best. */
static gn_status bisect(line *along, place low, place high, place *found) {
    *found = high;
    while (!is_over(along) && fabs(found->loss - along->target) > CLOSE * along->target) {
        place middle;
        GN_TRY(look(along, low.t + (high.t - low.t) / 2, &middle));
        *(is_reached(along, middle) ? &high : &low) = middle;
        *found = middle;
    }
    if (!is_reached(along, *found) && fabs(found->loss - along->target) > CLOSE * along->target)
        *found = high;
    return GN_OK;
}

/* From p[0] = (0, L) and a first t: p[0].t < p[1].t < p[2].t with the least loss in the middle; or a p[1]
 * that reaches the target, p[0] before it does not. */
static gn_status enclose(line *along, double t, place p[3]) {
    const place start = p[0];
    GN_TRY(look(along, t, &p[1]));
    p[2] = p[1];
    while (!is_over(along) && p[1].loss >= start.loss) {
        p[2] = p[1];
        GN_TRY(look(along, p[1].t / 2, &p[1]));
    }
    if (is_reached(along, p[1]) || p[2].t > p[1].t || is_over(along))
        return GN_OK;
    GN_TRY(look(along, 2 * p[1].t, &p[2]));
    while (!is_over(along) && p[2].loss < p[1].loss) {
        p[0] = p[1];
        p[1] = p[2];
        if (is_reached(along, p[1]))
            return GN_OK;
        GN_TRY(look(along, 2 * p[1].t, &p[2]));
    }
    return GN_OK;
}

/* Narrows p about its least loss, until that reaches the target. */
static gn_status narrow(line *along, place p[3]) {
    while (!is_over(along) && !is_reached(along, p[1]) && p[2].t - p[0].t > NARROW * p[1].t) {
        const int wide = p[2].t - p[1].t > p[1].t - p[0].t ? 2 : 0;
        place next;
        GN_TRY(look(along, p[1].t + GOLDEN * (p[wide].t - p[1].t), &next));
        if (next.loss < p[1].loss) {
            p[2 - wide] = p[1];
            p[1] = next;
        } else {
            p[wide] = next;
        }
    }
    return GN_OK;
}

static gn_status search(line *along, double guess, double loss, place *found) {
    place p[3] = {{0, loss}};
    *found = p[0];
    if (loss <= along->target)
        return GN_OK;
    GN_TRY(enclose(along, guess, p));
    GN_TRY(narrow(along, p));
    if (is_reached(along, p[1]))
        return bisect(along, p[0], p[1], found);
    *found = p[1].loss < loss ? p[1] : p[0];
    return GN_OK;
}

gn_status gn_loss_match(gn_optimizer *self, gn_linearization *l, gn_array *theta, double target, double guess,
                        gn_step_report *report) {
    line along = {self, l, theta, target, 0, self->options.step_size.evaluations};
    place found;
    GN_TRY(gn_array_copy(&self->trial, theta));
    gn_status status = search(&along, guess, report->loss, &found);
    GN_TRY(gn_optimizer_move(self, status == GN_OK ? found.t : 0, theta));
    report->step_size = found.t;
    report->passes += 0.5 * (double)along.evaluations;
    return status;
}
