#include "core/clock.h"

#include <time.h>

static double read_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double gn_seconds_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

double gn_processor_seconds_now(bool thread) {
    return read_clock(thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
}
