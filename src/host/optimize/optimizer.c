#include "optimize/optimizer.h"

#include <math.h>
#include <stdlib.h>

#include "core/size.h"
#include "optimize/options.h"

gn_status gn_optimizer_create(gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                              size_t parameters, size_t rows, gn_optimizer **optimizer) {
    *optimizer = NULL;
    GN_TRY(gn_optimizer_options_check(context, options));
    if (parameters == 0 || rows == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "an optimiser for %zu parameters and %zu residuals: give 1 or more", parameters, rows);
    switch (options->kind) {
    case GN_OPTIMIZER_SGD:
    case GN_OPTIMIZER_ADAM:
    case GN_OPTIMIZER_ADAMW:
        return gn_first_order_create(context, options, dtype, parameters, rows, optimizer);
    case GN_OPTIMIZER_GAUSS_NEWTON:
    case GN_OPTIMIZER_LEVENBERG_MARQUARDT:
    case GN_OPTIMIZER_GGN:
    case GN_OPTIMIZER_FRACTIONAL:
        return gn_gauss_newton_create(context, options, dtype, parameters, rows, optimizer);
    case GN_OPTIMIZER_LBFGS:
        return gn_lbfgs_create(context, options, dtype, parameters, rows, optimizer);
    }
    return gn_fail(context, GN_ERROR_ARGUMENT, "no optimiser of kind %d", (int)options->kind);
}

gn_status gn_optimizer_prepare(gn_optimizer *self, const gn_optimizer_interface *interface,
                               gn_context *context, const gn_optimizer_options *options, gn_dtype dtype,
                               size_t parameters, size_t rows) {
    self->interface = interface;
    self->context = context;
    self->options = *options;
    self->dtype = dtype;
    self->parameters = parameters;
    self->rows = rows;
    GN_TRY(gn_buffer_create(context, &self->direction, dtype, parameters, 1, "a direction"));
    GN_TRY(gn_buffer_create(context, &self->trial, dtype, parameters, 1, "a trial point"));
    GN_TRY(gn_buffer_create(context, &self->slots, GN_FLOAT64, GN_SLOT_COUNT, 1, "an optimiser's scalars"));
    double slots[GN_SLOT_COUNT] = {[GN_SLOT_RATE] = options->learning_rate};
    return gn_array_write(&self->slots, slots, GN_SLOT_COUNT);
}

void gn_optimizer_add_state(gn_optimizer *self, const char *name, gn_array *array) {
    self->state[self->state_count++] = (gn_named_array){name, array};
}

void gn_optimizer_destroy(gn_optimizer *self) {
    if (!self)
        return;
    self->interface->destroy(self);
    gn_buffer_destroy(&self->direction);
    gn_buffer_destroy(&self->trial);
    gn_buffer_destroy(&self->slots);
    free(self);
}

gn_status gn_optimizer_reserve(gn_optimizer *self, gn_linearization *l) {
    if (self->needs_rows)
        GN_TRY(gn_linearization_reserve(l, self->needs_gram, self->needs_diagonal));
    return self->interface->reserve ? self->interface->reserve(self, l) : GN_OK;
}

static gn_status check_linearization(const gn_optimizer *self, const gn_linearization *l) {
    if (gn_linearization_parameters(l) != self->parameters || gn_linearization_dtype(l) != self->dtype)
        return gn_fail(self->context, GN_ERROR_SHAPE,
                       "the optimiser was made for %zu parameters in %s, the linearization has %zu in %s",
                       self->parameters, gn_dtype_name(self->dtype), gn_linearization_parameters(l),
                       gn_dtype_name(gn_linearization_dtype(l)));
    if (gn_linearization_rows(l) > self->rows)
        return gn_fail(self->context, GN_ERROR_SHAPE,
                       "the optimiser was made for at most %zu residuals, the batch has %zu", self->rows,
                       gn_linearization_rows(l));
    return GN_OK;
}

gn_status gn_optimizer_step(gn_optimizer *self, gn_linearization *l, gn_array *theta,
                            gn_step_report *report) {
    GN_TRY(check_linearization(self, l));
    if (report)
        *report = (gn_step_report){.step_size = self->options.learning_rate};
    return self->interface->step(self, l, theta, report);
}

static gn_status check_point(const gn_optimizer *self, const gn_linearization *l) {
    GN_TRY(check_linearization(self, l));
    if (l->theta)
        return GN_OK;
    return gn_fail(self->context, GN_ERROR_ARGUMENT,
                   "the linearization has no point: call gn_linearization_set_point first");
}

gn_status gn_optimizer_direction(gn_optimizer *self, gn_linearization *l, gn_array *d) {
    GN_TRY(check_point(self, l));
    GN_TRY(gn_array_expect(self->context, d, self->dtype, self->parameters, "d"));
    return self->interface->direction(self, l, d);
}

gn_status gn_optimizer_directions(gn_optimizer *self, gn_linearization *l, size_t count,
                                  const double *dampings, gn_array *d) {
    size_t elements;
    if (!self->interface->directions ||
        (self->options.kind != GN_OPTIMIZER_LEVENBERG_MARQUARDT && self->options.kind != GN_OPTIMIZER_GGN))
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       "directions of several dampings are of levenberg_marquardt and ggn alone");
    if (count == 0 || !gn_size_multiply(count, self->parameters, &elements))
        return gn_fail(self->context, GN_ERROR_ARGUMENT, "directions of %zu dampings: give 1 or more", count);
    for (size_t i = 0; i < count; i++)
        if (!(dampings[i] >= 0) || isinf(dampings[i]) ||
            (dampings[i] == 0 && self->options.weight_decay != 0))
            return gn_fail(self->context, GN_ERROR_ARGUMENT,
                           "damping number %zu is %g: it must be finite and at least 0, above that with a "
                           "weight decay",
                           i, dampings[i]);
    GN_TRY(check_point(self, l));
    GN_TRY(gn_array_expect(self->context, d, self->dtype, elements, "d"));
    return self->interface->directions(self, l, count, dampings, d);
}

gn_status gn_optimizer_spectrum(gn_optimizer *self, size_t capacity, double *values, size_t *count) {
    *count = 0;
    if (!self->interface->spectrum)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED, "a rule without a system has no spectrum");
    return self->interface->spectrum(self, capacity, values, count);
}

gn_status gn_optimizer_diagonal(gn_optimizer *self, gn_array *d) {
    if (!self->interface->diagonal)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       "only adam and adamw precondition with a diagonal of their own");
    GN_TRY(gn_array_expect(self->context, d, d->dtype, self->parameters, "d"));
    double *values = malloc(self->parameters * sizeof *values);
    if (!values)
        return gn_fail(self->context, GN_ERROR_MEMORY, "no host memory for an optimiser's diagonal");
    gn_status status = self->interface->diagonal(self, values);
    if (status == GN_OK)
        status = gn_array_write(d, values, self->parameters);
    free(values);
    return status;
}

gn_status gn_optimizer_decompose(gn_optimizer *self, gn_linearization *l, gn_array *vectors,
                                 gn_array *values) {
    GN_TRY(check_point(self, l));
    if (!self->decomposes || l->loss != GN_LOSS_SQUARED)
        return gn_fail(self->context, GN_ERROR_UNSUPPORTED,
                       "only spectral dual solves of squared error decompose J J'");
    return self->interface->decompose(self, l, vectors, values);
}

gn_status gn_optimizer_damping(gn_optimizer *self, double *mu) {
    *mu = NAN;
    return self->interface->damping ? self->interface->damping(self, mu) : GN_OK;
}

const char *gn_optimizer_solver_text(const gn_optimizer *self) {
    return self->solver;
}

size_t gn_optimizer_state_count(const gn_optimizer *self) {
    return self->state_count;
}

gn_array *gn_optimizer_state(gn_optimizer *self, size_t i, const char **name) {
    *name = self->state[i].name;
    self->state_taken = true;
    return self->state[i].array;
}

gn_status gn_optimizer_dot(gn_optimizer *self, const gn_array *x, const gn_array *y, double *value) {
    double *slot = (double *)self->slots.data + GN_SLOT_SLOPE;
    GN_TRY(GN_OP(self->context, dot, self->dtype, self->parameters, x->data, y->data, slot));
    return gn_slots_read(self->context, slot, 1, value);
}
