/* Programs over a context: a body of table calls that a device may record once and then repeat as one. The
 * rules of a body are those of program_create in backend.h. */
#ifndef GN_BACKEND_PROGRAM_H
#define GN_BACKEND_PROGRAM_H

#include "backend/context.h"

typedef struct gn_program gn_program;

/* body(user) once a run, or, with `loop` (copied), as often as it says. Nothing runs yet. What user points at
 * must outlive the program. Errors: MEMORY. */
gn_status gn_program_create(gn_context *context, gn_status (*body)(void *user), void *user,
                            const gn_program_loop *loop, gn_program **program);
/* Gives the device one run; it may still be going on at return. What the body writes and `loop` reads is as
 * after a plain loop of calls, to the last bit. */
gn_status gn_program_run(gn_program *program);
/* NULL is allowed. */
void gn_program_destroy(gn_program *program);

#endif
