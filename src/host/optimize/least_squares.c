/* The equations of a Gauss-Newton step as a least-squares problem, by LSMR on B' = S'J itself
 * (linearization.h): (B B' + nu I) d = B t + nu a theta, nu = mu/w, a = decay/mu, has the solution d = x + a
 * theta with the x of the least |t - a B'theta - B'x|^2 + nu |x|^2. */
#include "optimize/gauss_newton.h"

static gn_array vector_view(const gn_gauss_newton *o, const void *data, size_t count) {
    return gn_array_view(o->base.context, o->base.dtype, count, 1, (void *)data);
}

/* ---- the operator B', at the linearization's present point ---- */

static gn_status apply(void *user, size_t rows, const void *x, void *y) {
    const gn_gauss_newton *o = user;
    gn_linearization *l = o->free.at.l;
    const size_t p = o->base.parameters, m = gn_linearization_rows(l), size = gn_dtype_size(o->base.dtype);
    for (size_t i = 0; i < rows; i++) {
        const gn_array v = vector_view(o, (const char *)x + i * p * size, p);
        gn_array u = vector_view(o, (char *)y + i * m * size, m);
        GN_TRY(gn_linearization_root_jvp(l, &v, &u));
    }
    return GN_OK;
}

static gn_status apply_transpose(void *user, size_t rows, const void *x, void *y) {
    const gn_gauss_newton *o = user;
    gn_linearization *l = o->free.at.l;
    const size_t p = o->base.parameters, m = gn_linearization_rows(l), size = gn_dtype_size(o->base.dtype);
    for (size_t i = 0; i < rows; i++) {
        const gn_array u = vector_view(o, (const char *)x + i * m * size, m);
        gn_array d = vector_view(o, (char *)y + i * p * size, p);
        GN_TRY(gn_linearization_root_pull(l, &u, &d));
    }
    return GN_OK;
}

/* ---- its life ---- */

static gn_lsmr_options options_of(const gn_gauss_newton *o) {
    return (gn_lsmr_options){
        .rows = 1,
        .m = o->base.rows,
        .n = o->base.parameters,
        .a = {.apply = apply, .apply_transpose = apply_transpose, .user = (void *)o},
    };
}

double gn_least_squares_bytes(const gn_gauss_newton *o) {
    const gn_lsmr_options options = options_of(o);
    return gn_lsmr_bytes(o->base.dtype, &options);
}

gn_status gn_least_squares_create(gn_gauss_newton *o) {
    const gn_lsmr_options options = options_of(o);
    GN_TRY(gn_lsmr_create(o->base.context, o->base.dtype, &options, &o->free.lsmr));
    o->free.solution = vector_view(o, gn_lsmr_solution(o->free.lsmr), o->base.parameters);
    return gn_array_fill(&o->free.solution, 0);
}

/* ---- solves ---- */

static double decay_per_damping(const gn_gauss_newton *o, double mu) {
    const double decay = o->base.options.weight_decay;
    return decay == 0 ? 0 : decay / mu;
}

/* b = t - a B'theta */
static gn_status write_right_hand_side(const gn_gauss_newton *o, gn_linearization *l, double a) {
    const size_t m = gn_linearization_rows(l);
    void *b = gn_lsmr_right_hand_side(o->free.lsmr);
    GN_TRY(gn_linearization_write_root_residual(l, b));
    if (a == 0)
        return GN_OK;
    gn_array u = vector_view(o, l->cotangent.data, m);
    GN_TRY(gn_linearization_root_jvp(l, l->theta, &u));
    return GN_OP(l->context, axpby, l->dtype, m, -a, u.data, 1.0, b);
}

gn_status gn_least_squares_solve(gn_gauss_newton *o, gn_linearization *l, double mu) {
    gn_optimizer *self = &o->base;
    const gn_cg_settings *s = &self->options.cg;
    const double w = o->free.at.weight, a = decay_per_damping(o, mu);
    const gn_solve_rule rule = {.damping = mu / w,
                                .relative = s->tolerance,
                                .absolute = s->absolute_tolerance / w,
                                .limit = (double)s->max_iterations};
    GN_TRY(gn_lsmr_set_size(o->free.lsmr, gn_linearization_rows(l)));
    GN_TRY(gn_lsmr_set_rule(o->free.lsmr, 0, rule));
    GN_TRY(write_right_hand_side(o, l, a));
    GN_TRY(gn_lsmr_solve(o->free.lsmr));
    GN_TRY(gn_array_copy(&self->direction, &o->free.solution));
    if (a == 0)
        return GN_OK;
    return GN_OP(self->context, axpby, self->dtype, self->parameters, a, l->theta->data, 1.0,
                 self->direction.data);
}

gn_status gn_least_squares_model(gn_gauss_newton *o, gn_linearization *l, double *model) {
    gn_optimizer *self = &o->base;
    const size_t m = gn_linearization_rows(l);
    double *slot = (double *)self->slots.data + GN_SLOT_SLOPE, curvature, slope, norm2;
    gn_array u = vector_view(o, l->cotangent.data, m);
    GN_TRY(gn_linearization_root_jvp(l, &self->direction, &u));
    GN_TRY(GN_OP(self->context, dot, self->dtype, m, u.data, u.data, slot));
    GN_TRY(gn_slots_read(self->context, slot, 1, &curvature));
    GN_TRY(gn_optimizer_dot(self, &o->gradient, &self->direction, &slope));
    GN_TRY(gn_optimizer_dot(self, &self->direction, &self->direction, &norm2));
    *model = o->free.at.weight * (0.5 * curvature - slope) + 0.5 * o->free.mu * norm2;
    return GN_OK;
}
