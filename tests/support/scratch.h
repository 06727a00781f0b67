/* A folder for one test's files. */
#ifndef GN_TESTS_SCRATCH_H
#define GN_TESTS_SCRATCH_H

#include <stddef.h>

/* Makes an empty folder under $TMPDIR (else /tmp) and writes its path; fails the running test where it
 * cannot. */
void scratch_create(char *path, size_t size);
/* Removes it with all in it. */
void scratch_remove(const char *path);

#endif
