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

/* Programs of calls that come again with the same few arguments: a network's on a batch whose buffers stay
 * and whose last one in an epoch is smaller. Each is found by its body and arguments; of GN_PROGRAMS, the one
 * that was not used for longest makes room. The owner zeroes the struct, which must stay where it is. */
enum { GN_PROGRAMS = 32, GN_PROGRAM_WORDS = 12 };

typedef struct gn_programs {
    struct {
        gn_program *program;
        gn_status (*body)(void *arguments);
        uint64_t arguments[GN_PROGRAM_WORDS]; /* the body's, and the key */
        uint64_t used;
    } entry[GN_PROGRAMS];
    uint64_t clock;
} gn_programs;

/* Runs body(a copy of *arguments) as a program. The arguments are at most GN_PROGRAM_WORDS words, without
 * padding, and hold all that the body's calls depend on: pointers, sizes, and what decides between them. */
gn_status gn_programs_run(gn_programs *programs, gn_context *context, gn_status (*body)(void *arguments),
                          const void *arguments, size_t size);
/* Ends them all; the struct may be used again. */
void gn_programs_destroy(gn_programs *programs);

#endif
