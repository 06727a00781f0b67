/* Ranges of host time that a profiler shows by name (NVTX, domain "gnewt"):
 *
 *     run > step > forward, linearize or gradient, solve > cg iteration or lsmr iteration,
 *                  line search or update, evaluate, observe, checkpoint
 *
 * One line opens a range, and the end of its block closes it, by whichever way that block is left: `return`,
 * GN_TRY, GN_TRY_DONE, `break`, `continue`.
 *
 *     gn_status gn_cg_solve(...) {
 *         GN_RANGE("solve");
 *         GN_TRY(...);
 *         while (...) {
 *             GN_RANGE("cg iteration");
 *             ...
 *         }
 *         return GN_OK;
 *     }
 *
 * It goes at the start of a block, so that no `goto` jumps over it. Without a profiler a range costs a few
 * nanoseconds, so not in loops over elements. Where NVTX's headers were missing at configuration it is
 * nothing at all.
 *
 * A range spans calls on the host. Devices work behind them: a profiler finds the kernels of a range by the
 * launches in it. Ranges in a program's body (backend/program.h) show where the body is called or recorded,
 * not where the device repeats it: of a loop that runs as one graph there is the range around
 * gn_program_run(), and none a pass. */
#ifndef GN_CORE_PROFILE_H
#define GN_CORE_PROFILE_H

#ifdef GN_NVTX

#include <stddef.h>

/* Where a range was opened; NULL: no profiler is there, and nothing is to be closed. */
typedef void *gn_range;

/* `name` is read at once. */
gn_range gn_range_open(const char *name);
void gn_range_pop(gn_range range);

static inline void gn_range_close(const gn_range *range) {
    if (*range != NULL)
        gn_range_pop(*range);
}

#define GN_RANGE(name)          GN_RANGE_AT(name, __LINE__)
#define GN_RANGE_AT(name, line) GN_RANGE_NAMED(name, line)
#define GN_RANGE_NAMED(name, line)                                                                           \
    __attribute__((cleanup(gn_range_close), unused)) const gn_range gn_range_##line = gn_range_open(name)

#else

#define GN_RANGE(name) _Static_assert(sizeof(name) > 1, "a range has a name")

#endif

#endif
