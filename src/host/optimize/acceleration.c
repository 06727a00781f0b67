/* Geodesic acceleration (M. K. Transtrum and J. P. Sethna, arXiv 1201.5885): with the step -t d of a velocity
 * d goes -t^2 c, (w J'H J + mu I) c = w J'r_dd / 2, where J'r = 0 is followed to second order along d. */
#include <math.h>

#include "optimize/gauss_newton.h"

bool gn_is_accelerated(const gn_gauss_newton *o) {
    return o->base.options.acceleration.kind == GN_ACCELERATION_GEODESIC;
}

double gn_acceleration_bytes(const gn_gauss_newton *o) {
    const gn_optimizer *self = &o->base;
    if (!gn_is_accelerated(o))
        return 0;
    return ((double)self->rows + 2 * (double)self->parameters) * (double)gn_dtype_size(self->dtype);
}

gn_status gn_acceleration_create(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    if (!gn_is_accelerated(o))
        return GN_OK;
    static const char what[] = "the acceleration of a step";
    GN_TRY(gn_buffer_create(self->context, &o->acceleration.second, self->dtype, self->rows, 1, what));
    GN_TRY(gn_buffer_create(self->context, &o->acceleration.probe, self->dtype, self->parameters, 1, what));
    return gn_buffer_create(self->context, &o->acceleration.term, self->dtype, self->parameters, 1, what);
}

void gn_acceleration_destroy(gn_gauss_newton *o) {
    gn_buffer_destroy(&o->acceleration.second);
    gn_buffer_destroy(&o->acceleration.probe);
    gn_buffer_destroy(&o->acceleration.term);
}

/* second += r(theta + h d) / h^2 */
static gn_status add_residual_at(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta, double h) {
    gn_optimizer *self = &o->base;
    gn_array *probe = &o->acceleration.probe;
    GN_TRY(gn_array_copy(probe, theta));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, h, self->direction.data, 1.0,
                 probe->data));
    GN_TRY(gn_linearization_set_point(l, probe));
    return GN_OP(self->context, axpby, self->dtype, gn_linearization_rows(l), 1 / (h * h), l->residual.data,
                 1.0, o->acceleration.second.data);
}

/* second = r_dd, to O(h^2); the point is theta again afterwards. */
static gn_status differentiate(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta) {
    const double h = o->base.options.acceleration.h;
    GN_TRY(GN_OP(l->context, axpby, l->dtype, gn_linearization_rows(l), -2 / (h * h), l->residual.data, 0.0,
                 o->acceleration.second.data));
    GN_TRY(add_residual_at(o, l, theta, h));
    GN_TRY(add_residual_at(o, l, theta, -h));
    return gn_linearization_set_point(l, theta);
}

/* ||x||^2 of the first n elements, on the host. */
static gn_status square(gn_gauss_newton *o, size_t n, const gn_array *x, double *value) {
    double *slot = (double *)o->base.slots.data + GN_SLOT_SLOPE;
    GN_TRY(GN_OP(o->base.context, dot, o->base.dtype, n, x->data, x->data, slot));
    return gn_slots_read(o->base.context, slot, 1, value);
}

/* term = c by the factors of the solve that gave the direction, which stays. */
static gn_status solve(gn_gauss_newton *o, gn_linearization *l) {
    gn_optimizer *self = &o->base;
    gn_array *velocity = &o->acceleration.probe; /* its memory is free now */
    GN_TRY(gn_array_copy(velocity, &self->direction));
    GN_TRY(gn_systems_solve_again(o, l, &o->acceleration.second));
    GN_TRY(GN_OP(self->context, axpby, self->dtype, self->parameters, 0.5, self->direction.data, 0.0,
                 o->acceleration.term.data));
    GN_TRY(gn_array_copy(&self->direction, velocity));
    if (o->free.cg) /* a warm start begins with a direction */
        GN_TRY(gn_array_copy(&o->free.solution, velocity));
    return GN_OK;
}

gn_status gn_acceleration_find(gn_gauss_newton *o, gn_linearization *l, const gn_array *theta, double *ratio,
                               gn_step_report *report) {
    gn_optimizer *self = &o->base;
    double second, term, velocity, model;
    *ratio = NAN;
    GN_TRY(differentiate(o, l, theta));
    GN_TRY(square(o, gn_linearization_rows(l), &o->acceleration.second, &second));
    report->passes += 2; /* three evaluations, one vjp */
    if (!isfinite(second))
        return GN_OK;
    GN_TRY(solve(o, l));
    if (o->free.cg)
        GN_TRY(gn_systems_report(o, l, &model, report));
    GN_TRY(square(o, self->parameters, &o->acceleration.term, &term));
    GN_TRY(square(o, self->parameters, &self->direction, &velocity));
    *ratio = velocity > 0 ? 2 * self->options.learning_rate * sqrt(term / velocity) : 0;
    return GN_OK;
}

bool gn_acceleration_allowed(const gn_gauss_newton *o, double ratio) {
    return ratio <= o->base.options.acceleration.ratio; /* false for NaN */
}

gn_status gn_acceleration_add(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    return GN_OP(self->context, axpby, self->dtype, self->parameters, self->options.learning_rate,
                 o->acceleration.term.data, 1.0, self->direction.data);
}
