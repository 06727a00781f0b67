/* What an earlier run recorded of each of its steps, for runs whose steps follow it. */
#ifndef GN_RUN_REFERENCE_H
#define GN_RUN_REFERENCE_H

#include <stddef.h>

#include "run/config.h"

/* values[k], k < steps: the metric after step k + 1 of the run in `directory`, or of the one run among the
 * run directories in it that has the configuration's seed, problem and network. For the caller to free. Every
 * step must have been recorded
 * (`observe: [{kind: metrics, every: 1}]`): none is made up. IO, FORMAT, ARGUMENT, MEMORY. */
gn_status gn_reference_read(const char *directory, const gn_config *config, const char *metric, size_t steps,
                            double **values, gn_message *message);

#endif
