/* Elapsed time. */
#ifndef GN_CORE_CLOCK_H
#define GN_CORE_CLOCK_H

/* Seconds of a clock that never jumps, from no particular start. */
double gn_seconds_now(void);

#endif
