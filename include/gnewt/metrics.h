/* One recorded row of a run. */
#ifndef GNEWT_METRICS_H
#define GNEWT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NaN where a quantity does not exist (no test set, no classes). `seconds` is training time: recording,
 * observing and hooks are not in it. So is `processor_seconds`, of the host's processors: this thread's time
 * where the CPU's part of a run has one thread, else that of the process, other runs in it included.
 * gradient_norm is that of the mean loss over the training set. Quantities of a step are those of the step
 * that led here (row 0: NaN). */
#define GN_METRICS_LIST(X)                                                                                   \
    X(seconds)                                                                                               \
    X(loss_train)                                                                                            \
    X(loss_test)                                                                                             \
    X(accuracy_train)                                                                                        \
    X(accuracy_test)                                                                                         \
    X(passes)                                                                                                \
    X(gradient_norm)                                                                                         \
    X(step_norm)                                                                                             \
    X(step_size)                                                                                             \
    X(damping)                                                                                               \
    X(kept)                                                                                                  \
    X(backtracks)                                                                                            \
    X(rejected)                                                                                              \
    X(cg_iterations)                                                                                         \
    X(acceleration)                                                                                          \
    X(processor_seconds)
typedef struct gn_metrics {
    uint64_t step; /* steps done */
    size_t phase;  /* of the step that led here, from 0 */
#define GN_METRICS_FIELD(name) double name;
    GN_METRICS_LIST(GN_METRICS_FIELD)
#undef GN_METRICS_FIELD
} gn_metrics;

#ifdef __cplusplus
}
#endif
#endif
