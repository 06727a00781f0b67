/* fractional: d = J'Q diag(g) Q'r for J J' = Q diag(lambda) Q', or from J'J = V diag(lambda) V' where that is
 * smaller, V diag(g) V'J'r: the same, because a mode outside the smaller one has lambda = 0 and J takes it to
 * 0. Gains and mu stay on the device. */
#include <stdlib.h>

#include "core/profile.h"
#include "gnewt/random.h"
#include "optimize/gauss_newton.h"

/* The permutation of that number: its draws begin at 2^32, far from what else the stream serves. */
enum { SHUFFLE = 1 };

static size_t most_modes(const gn_gauss_newton *o) {
    return o->dual ? o->base.rows : o->base.parameters;
}

gn_status gn_fractional_create(gn_gauss_newton *o) {
    gn_optimizer *self = &o->base;
    gn_fractional *f = &o->fractional;
    if (!gn_is_fractional(o))
        return GN_OK;
    const bool relative = self->options.damping.kind == GN_DAMPING_RELATIVE;
    const double mu = relative ? -self->options.damping.value : self->options.damping.value;
    GN_TRY(gn_buffer_create(self->context, &f->mu, GN_FLOAT64, 2, 1, "fractional's damping"));
    GN_TRY(gn_array_fill(&f->mu, mu));
    gn_optimizer_add_state(self, "fractional_damping", &f->mu);
    if (!self->options.fractional.shuffled)
        return GN_OK;
    f->shuffle = malloc(most_modes(o) * sizeof *f->shuffle);
    if (!f->shuffle)
        return gn_fail(self->context, GN_ERROR_MEMORY, "no host memory for an order of %zu modes",
                       most_modes(o));
    return gn_buffer_create(self->context, &f->order, GN_FLOAT32, most_modes(o), 1, "an order of modes");
}

void gn_fractional_destroy(gn_gauss_newton *o) {
    gn_buffer_destroy(&o->fractional.mu);
    gn_buffer_destroy(&o->fractional.order);
    free(o->fractional.shuffle);
}

/* The order of so many modes, drawn where their number is another than at the last step. */
static gn_status set_order(gn_gauss_newton *o, size_t modes) {
    gn_fractional *f = &o->fractional;
    if (f->modes == modes)
        return GN_OK;
    gn_random_permutation(o->base.options.seed, GN_STREAM_AUXILIARY, SHUFFLE, modes, f->shuffle);
    f->modes = modes;
    return GN_OP(o->base.context, upload, f->order.data, f->shuffle, modes * sizeof *f->shuffle);
}

gn_status gn_fractional_find(gn_gauss_newton *o, gn_linearization *l, bool kept) {
    GN_RANGE("solve");
    gn_fractional *f = &o->fractional;
    const size_t m = gn_linearization_rows(l);
    double *mu = f->mu.data;
    const void *t;
    if (!kept) {
        GN_TRY(GN_OP(l->context, copy, mu + 1, mu, sizeof *mu));
        mu++;
    }
    if (o->base.options.fractional.shuffled)
        GN_TRY(set_order(o, o->dual ? m : o->base.parameters));
    const gn_power power = {o->base.options.fractional.exponent, f->order.data, mu};
    if (!o->dual)
        return gn_symmetric_power(o->solved, power, o->gradient.data, o->base.direction.data);
    gn_array u = gn_array_view(l->context, l->dtype, m, 1, o->dual_solution.data);
    GN_TRY(gn_linearization_root_residual(l, &t));
    GN_TRY(gn_symmetric_power(o->solved, power, t, u.data));
    return gn_linearization_root_vjp(l, &u, &o->base.direction);
}
