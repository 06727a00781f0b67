/* checkpoint.h5: what a run needs to go on as if it had never stopped, and cannot make anew from its
 * configuration as it does the data and the first parameters. */
#ifndef GN_RUN_CHECKPOINT_H
#define GN_RUN_CHECKPOINT_H

#include "run/build.h"

/* Replaces DIRECTORY/checkpoint.h5: the old one stays until the new one is whole and on the disk. What is not
 * finite is never written: then NOT_FINITE, and the old one stays. Errors: IO, MEMORY. */
gn_status gn_checkpoint_write(const char *directory, gn_build *build, gn_message *message);
/* *found: there is one. *step: where it stands. IO, FORMAT where one is there that cannot be read. */
gn_status gn_checkpoint_find(const char *directory, bool *found, uint64_t *step, gn_message *message);
/* Puts the build's parameters and trainer where the checkpoint stands. FORMAT where it is another network's
 * or another optimiser's. */
gn_status gn_checkpoint_read(const char *directory, gn_build *build, gn_message *message);

#endif
