#include "backend/program.h"

#include <stdlib.h>

struct gn_program {
    gn_context *context;
    void *recorded; /* the backend's */
};

gn_status gn_program_create(gn_context *context, gn_status (*body)(void *user), void *user,
                            const gn_program_loop *loop, gn_program **program) {
    *program = NULL;
    gn_program *created = calloc(1, sizeof(*created));
    if (!created)
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a program");
    created->context = context;
    gn_status status = GN_OP(context, program_create, body, user, loop, &created->recorded);
    if (status != GN_OK) {
        free(created);
        return status;
    }
    *program = created;
    return GN_OK;
}

gn_status gn_program_run(gn_program *program) {
    return GN_OP(program->context, program_run, program->recorded);
}

void gn_program_destroy(gn_program *program) {
    if (!program)
        return;
    GN_OP(program->context, program_destroy, program->recorded);
    free(program);
}
