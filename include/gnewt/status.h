/* Status codes: what every public function returns; and why an iterative solver stopped. */
#ifndef GNEWT_STATUS_H
#define GNEWT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* One line a code: name, text. Details of the last failure: gn_error_message(). */
#define GN_STATUS_LIST(X)                                                                                    \
    X(GN_OK, "success")                                                                                      \
    X(GN_ERROR_ARGUMENT, "an argument is not valid")                                                         \
    X(GN_ERROR_SHAPE, "shapes do not agree")                                                                 \
    X(GN_ERROR_MEMORY, "out of memory")                                                                      \
    X(GN_ERROR_DEVICE, "the device is missing or failed")                                                    \
    X(GN_ERROR_NOT_FINITE, "a value is not finite")                                                          \
    X(GN_ERROR_NOT_POSITIVE_DEFINITE, "a matrix is not positive definite")                                   \
    X(GN_ERROR_NO_CONVERGENCE, "an iteration did not converge")                                              \
    X(GN_ERROR_IO, "a file could not be read or written")                                                    \
    X(GN_ERROR_FORMAT, "a file's content is not what was expected")                                          \
    X(GN_ERROR_CONFIG, "the configuration is not valid")                                                     \
    X(GN_ERROR_UNSUPPORTED, "not supported by this object")                                                  \
    X(GN_ERROR_DIVERGED, "the run diverged")                                                                 \
    X(GN_ERROR_INTERRUPTED, "interrupted")

typedef enum gn_status {
#define GN_STATUS_ENUM(name, text) name,
    GN_STATUS_LIST(GN_STATUS_ENUM)
#undef GN_STATUS_ENUM
        GN_STATUS_COUNT
} gn_status;

/* The code's text, never NULL ("unknown status" for a value outside the list). The string is static. */
const char *gn_status_text(gn_status status);

/* Why an iterative solver stopped, which is no failure. One line a reason: name, text. */
#define GN_STOP_LIST(X)                                                                                      \
    X(GN_STOP_NONE, "still running")                                                                         \
    X(GN_STOP_CONVERGED, "converged")                                                                        \
    X(GN_STOP_MODEL_PROGRESS, "the quadratic model gains too little")                                        \
    X(GN_STOP_ITERATIONS, "limit of iterations")                                                             \
    X(GN_STOP_NEGATIVE_CURVATURE, "a direction without positive curvature")                                  \
    X(GN_STOP_BREAKDOWN, "breakdown: the preconditioner is not positive definite, or a step overflows")      \
    X(GN_STOP_NOT_FINITE, "a value is not finite")

typedef enum gn_stop {
#define GN_STOP_ENUM(name, text) name,
    GN_STOP_LIST(GN_STOP_ENUM)
#undef GN_STOP_ENUM
        GN_STOP_COUNT
} gn_stop;

/* The reason's text, never NULL. The string is static. */
const char *gn_stop_text(gn_stop stop);

#ifdef __cplusplus
}
#endif
#endif
