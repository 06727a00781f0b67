#include "solve/preconditioner.h"

#include <stdlib.h>
#include <string.h>

gn_status gn_preconditioner_prepare(gn_preconditioner *self, const gn_preconditioner_interface *interface,
                                    gn_context *context, gn_dtype dtype, size_t rows, size_t n) {
    self->interface = interface;
    self->context = context;
    self->dtype = dtype;
    self->rows = rows;
    self->n = n;
    self->damping = calloc(rows ? rows : 1, sizeof *self->damping);
    return self->damping ? GN_OK : gn_fail(context, GN_ERROR_MEMORY, "no host memory for a preconditioner");
}

gn_status gn_preconditioner_update(gn_preconditioner *self) {
    self->ready = false; /* until it is whole */
    GN_TRY(self->interface->update(self));
    GN_TRY(self->interface->refresh(self));
    self->ready = true;
    return GN_OK;
}

gn_status gn_preconditioner_set_damping(gn_preconditioner *self, const double *damping) {
    const size_t bytes = self->rows * sizeof *damping;
    if (memcmp(self->damping, damping, bytes) == 0)
        return GN_OK;
    memcpy(self->damping, damping, bytes);
    return self->ready ? self->interface->refresh(self) : GN_OK;
}

void gn_preconditioner_destroy(gn_preconditioner *self) {
    if (!self)
        return;
    self->interface->destroy(self);
    free(self->damping);
    free(self);
}
