/* Elapsed time, and time that processors worked. */
#ifndef GN_CORE_CLOCK_H
#define GN_CORE_CLOCK_H

#include <stdbool.h>

/* Seconds of a clock that never jumps, from no particular start. */
double gn_seconds_now(void);
/* Seconds that processors have worked for this thread, or for all threads of the process. */
double gn_processor_seconds_now(bool thread);

#endif
