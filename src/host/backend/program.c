#include "backend/program.h"

#include <stdlib.h>
#include <string.h>

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

/* The entry of these arguments, or the one to be taken for them. */
static int find(const gn_programs *programs, gn_status (*body)(void *arguments), const uint64_t *key) {
    int oldest = 0;
    for (int i = 0; i < GN_PROGRAMS; i++) {
        if (programs->entry[i].body == body &&
            memcmp(programs->entry[i].arguments, key, sizeof(programs->entry[i].arguments)) == 0)
            return i;
        if (programs->entry[i].used < programs->entry[oldest].used)
            oldest = i;
    }
    return oldest;
}

gn_status gn_programs_run(gn_programs *programs, gn_context *context, gn_status (*body)(void *arguments),
                          const void *arguments, size_t size) {
    uint64_t key[GN_PROGRAM_WORDS] = {0};
    if (size > sizeof(key))
        return gn_fail(context, GN_ERROR_ARGUMENT, "a program's arguments have %zu bytes, at most %zu fit",
                       size, sizeof(key));
    memcpy(key, arguments, size);
    const int i = find(programs, body, key);
    if (programs->entry[i].body != body || memcmp(programs->entry[i].arguments, key, sizeof(key)) != 0) {
        gn_program_destroy(programs->entry[i].program);
        programs->entry[i].program = NULL;
        programs->entry[i].body = NULL;
        memcpy(programs->entry[i].arguments, key, sizeof(key));
        GN_TRY(gn_program_create(context, body, programs->entry[i].arguments, NULL,
                                 &programs->entry[i].program));
        programs->entry[i].body = body;
    }
    programs->entry[i].used = ++programs->clock;
    return gn_program_run(programs->entry[i].program);
}

void gn_programs_destroy(gn_programs *programs) {
    for (int i = 0; i < GN_PROGRAMS; i++)
        gn_program_destroy(programs->entry[i].program);
    memset(programs, 0, sizeof(*programs));
}
