/*
 * How a test steers and questions the host shim. Plain C; none of it exists on a GPU.
 *
 * A *violation* is something that CUDA leaves undefined or would only sometimes notice: a copy past an
 * allocation, a barrier that part of a block misses, a leak. It is printed and counted, and a process that
 * ends with violations not forgiven exits with HOST_CUDA_EXIT_STATUS. What CUDA answers with an error code is
 * only answered with that code.
 *
 * Environment, read at the first call:
 *   HOST_CUDA_ORDER=forward|reverse|random[:SEED]   order of threads, blocks, independent streams and nodes
 *   HOST_CUDA_INJECT=FUNCTION:NTH:CODE              as host_cuda_inject; FUNCTION * is any
 *   HOST_CUDA_DRIVER=VERSION, HOST_CUDA_MEMORY=BYTES   the driver's version, a device's size
 *   HOST_CUDA_ABORT=1      abort() at the first violation
 *   HOST_CUDA_LEAKS=0      do not count leaks at exit as violations
 *   HOST_CUDA_GUARD=0      let the host touch device memory (where the processor has no protection keys, guarding costs
 *                          two system calls an allocation and wait)
 *   HOST_CUDA_VERBOSE=1    print the reason of every error code returned
 *   CUDA_VISIBLE_DEVICES=  (empty) no device
 */
#ifndef HOST_CUDA_CONTROL_H
#define HOST_CUDA_CONTROL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOST_CUDA_EXIT_STATUS 97

enum host_cuda_order { HOST_CUDA_FORWARD, HOST_CUDA_REVERSE, HOST_CUDA_RANDOM };

enum host_cuda_counter {
    HOST_CUDA_API_CALLS,  /* calls that can fail, of the runtime, cuBLAS and cuSOLVER, launches included */
    HOST_CUDA_LAUNCHES,   /* kernels run, those inside graphs included */
    HOST_CUDA_HOST_SYNCS, /* times the host waited for a stream, an event, the device or a blocking copy */
    HOST_CUDA_MALLOCS,    /* device and pinned allocations */
    HOST_CUDA_GRAPH_LAUNCHES,
    HOST_CUDA_INSTANTIATIONS,
    HOST_CUDA_WHILE_ITERATIONS,
    HOST_CUDA_COUNTERS
};

/* Order of threads within a block, of blocks, of streams under a device-wide wait, and of independent graph
 * nodes. */
void host_cuda_set_order(enum host_cuda_order order, unsigned seed);

/* What the machine has. Zero devices answers cudaErrorNoDevice; a driver older than the runtime (13000)
   answers cudaErrorInsufficientDriver. Memory is a device's size in bytes; set it before allocating. */
void host_cuda_set_devices(int count);
void host_cuda_set_driver_version(int version);
void host_cuda_set_memory(size_t bytes);
void host_cuda_set_compute_capability(int major, int minor);

/* Iterations after which a WHILE node is stopped as endless (default 100000). */
void host_cuda_set_while_limit(unsigned long iterations);

/* When set, every launch must be followed by cudaGetLastError or cudaPeekAtLastError before any other call.
 */
void host_cuda_require_launch_checks(int on);

/*
 * The nth call from now (1 = the next) to `function` fails with `code`, or the nth call of any kind when
 * function is NULL. Launches are called "LAUNCH". For cuBLAS and cuSOLVER a code of 0 means their "internal
 * error". Functions that release something still release it. A code >= 700 and < 800 stays ("sticky"), as on
 * a device. One fault at a time; nth = 0 clears it. host_cuda_injected tells whether it was delivered.
 */
void host_cuda_inject(const char *function, unsigned long nth, int code);
int host_cuda_injected(void);

unsigned long host_cuda_count(enum host_cuda_counter counter);

/* Violations so far that were not forgiven, the text of the last one ("" when none), and forgiving them all.
 */
unsigned long host_cuda_violations(void);
const char *host_cuda_last_violation(void);
void host_cuda_forgive(void);
/* While on, violations are counted but not printed: for tests that provoke them. */
void host_cuda_quiet(int on);
/* The reason of the last error code, in words. */
const char *host_cuda_last_reason(void);

/* Objects alive: device and pinned allocations, streams, events, graphs, executables, library handles. */
size_t host_cuda_live_objects(void);
/* Prints them to standard error and returns how many there are. */
size_t host_cuda_list_live_objects(void);

/* Forgets everything: work, memory, streams, errors (sticky ones too), violations, counters, settings. */
void host_cuda_reset(void);

#ifdef __cplusplus
}
#endif

#endif
