/* What an earlier run recorded of each of its steps, for runs whose steps follow it. */
#ifndef GN_RUN_REFERENCE_H
#define GN_RUN_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "run/message.h"

/* values[k], k < steps: the metric after step k + 1 of the run in `directory`, or of the one run of this seed
 * among the run directories in it. For the caller to free. Every step must have been recorded
 * (`observe: [{kind: metrics, every: 1}]`): none is made up. IO, FORMAT, ARGUMENT, MEMORY. */
gn_status gn_reference_read(const char *directory, uint64_t seed, const char *metric, size_t steps,
                            double **values, gn_message *message);

#endif
