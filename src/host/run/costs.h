/* What a run's seconds went to: training, rows, each observer. */
#ifndef GN_RUN_COSTS_H
#define GN_RUN_COSTS_H

#include "run/build.h"
#include "run/directory.h"

/* "training 1.2 s (75.0 %), rows 0.1 s (6.2 %), ntk 0.3 s (18.8 %)", shares of their sum. */
void gn_costs_text(const gn_build *build, char *text, size_t size);
/* /costs/training, /costs/rows and /costs/<observer> of run.h5, in seconds. */
gn_status gn_costs_write(const gn_build *build, gn_directory *directory, gn_message *message);

#endif
