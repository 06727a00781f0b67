/* A damping that is a part of the largest eigenvalue of w J'H J where its phase begins. By products, for
 * every solver alike: the dense ones by Cholesky do not know the eigenvalue either. */
#include "optimize/gauss_newton.h"
#include "solve/lanczos.h"

/* Lanczos finds the largest eigenvalue of a kernel, which stands well apart, within these steps to rounding.
 */
enum { STEPS = 40 };

typedef struct curvature {
    gn_linearization *l;
    double weight;
    gn_array *v; /* P: scratch */
} curvature;

/* Through one array that stays: Lanczos's vectors are each elsewhere, and the linearization would record, and
 * drop others for, the product with each. */
static gn_status apply(void *user, size_t rows, const void *x, void *y) {
    const curvature *c = user;
    gn_context *context = c->l->context;
    const size_t p = gn_linearization_parameters(c->l), bytes = p * gn_dtype_size(c->l->dtype);
    for (size_t i = 0; i < rows; i++) {
        gn_array out = gn_array_view(context, c->l->dtype, p, 1, (char *)y + i * bytes);
        GN_TRY(GN_OP(context, copy, c->v->data, (const char *)x + i * bytes, bytes));
        GN_TRY(gn_linearization_ggn_product(c->l, c->weight, c->v, &out));
    }
    return GN_OK;
}

static size_t steps_of(const gn_gauss_newton *o) {
    return o->base.parameters < STEPS ? o->base.parameters : STEPS;
}

bool gn_is_relative(const gn_gauss_newton *o) {
    const gn_optimizer_kind kind = o->base.options.kind;
    return (kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT || kind == GN_OPTIMIZER_GGN) &&
           o->base.options.damping.kind == GN_DAMPING_RELATIVE;
}

double gn_relative_bytes(const gn_gauss_newton *o) {
    const double vector = (double)o->base.parameters * (double)gn_dtype_size(o->base.dtype);
    return gn_is_relative(o) ? ((double)steps_of(o) + 1) * vector : 0;
}

static gn_status find_largest(gn_gauss_newton *o, gn_linearization *l, double *largest, double *passes) {
    curvature c = {l, gn_gauss_newton_weight(o, l), &o->base.direction};
    const gn_lanczos_options options = {.n = o->base.parameters,
                                        .steps = steps_of(o),
                                        .a = {.apply = apply, .user = &c},
                                        .seed = o->base.options.seed};
    gn_lanczos *lanczos;
    gn_status status;
    GN_TRY(gn_lanczos_create(l->context, l->dtype, &options, &lanczos));
    GN_TRY_DONE(gn_lanczos_run(lanczos));
    *largest = gn_lanczos_values(lanczos)[gn_lanczos_count(lanczos) - 1];
    *passes += GN_PRODUCT_PASSES * (double)gn_lanczos_count(lanczos);
done:
    gn_lanczos_destroy(lanczos);
    return status;
}

gn_status gn_relative_settle(gn_gauss_newton *o, gn_linearization *l, double *passes) {
    const double value = o->base.options.damping.value;
    double largest = 0;
    if (!gn_is_relative(o) || o->damping.mu >= 0)
        return GN_OK;
    if (value > 0) {
        GN_TRY(find_largest(o, l, &largest, passes));
        if (!(largest > 0))
            return gn_fail(l->context, GN_ERROR_NOT_FINITE,
                           "damping relative to the largest eigenvalue of J'J, which is %g where the phase "
                           "begins: take a constant one",
                           largest);
    }
    o->damping.mu = value * largest;
    return GN_OK;
}
