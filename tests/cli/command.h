/* Runs the built gnewt as a user does. */
#ifndef GN_TESTS_COMMAND_H
#define GN_TESTS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

typedef struct command_result {
    int status; /* exit status; -1 where it was killed */
    char out[16384], err[4096];
} command_result;

/* `gnewt ARGUMENTS` by the shell, in the folder, on one thread. */
command_result command(const char *folder, const char *arguments);
/* Fails the running test unless the exit status is this; shows what was printed. */
command_result expect_command(const char *folder, const char *arguments, int status);

/* Writes FOLDER/NAME. */
void write_file(const char *folder, const char *name, const char *text);
/* The content of FOLDER/NAME, for the caller to free; fails the running test where there is none. */
char *read_file(const char *folder, const char *name);
bool file_exists(const char *folder, const char *name);

/* A configuration that trains in a few milliseconds, and one with a grid. */
extern const char quick_config[], grid_config[];

#endif
