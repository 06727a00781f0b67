/* The door to the self-test's kernels, as a project would have one: launchers in C. Each returns the launch's
 * error. */
#ifndef HOST_CUDA_SELFTEST_KERNELS_H
#define HOST_CUDA_SELFTEST_KERNELS_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State of the conjugate gradient loop, in device memory. */
struct cg_state {
    double rr, rr_next, pap, alpha, beta, tolerance;
    int iterations, limit, go_on;
};

cudaError_t launch_fill(double *x, int n, double value, cudaStream_t stream);
cudaError_t launch_add(double *x, int n, double value, cudaStream_t stream);
cudaError_t launch_with_block(double *x, int threads, int blocks, size_t shared, cudaStream_t stream);
/* out = sum of x, in a fixed order: at most 64 partial sums, then one block. */
cudaError_t launch_sum(const double *x, int n, double *partial, double *out, cudaStream_t stream);
/* y = A x for the matrix of -u'' with Dirichlet ends plus the identity. */
cudaError_t launch_stencil(const double *x, double *y, int n, cudaStream_t stream);
cudaError_t launch_dot(const double *x, const double *y, int n, double *partial, double *out,
                       cudaStream_t stream);
cudaError_t launch_cg_start(const double *b, double *x, double *r, double *p, int n, cudaStream_t stream);
cudaError_t launch_cg_update(struct cg_state *s, double *x, double *r, const double *p, const double *ap,
                             int n, cudaStream_t stream);
cudaError_t launch_cg_direction(struct cg_state *s, const double *r, double *p, int n, cudaStream_t stream);
/* Scalars between the vectors' steps; a non-zero handle is set to whether the loop goes on. */
cudaError_t launch_cg_begin(struct cg_state *s, cudaGraphConditionalHandle handle, int in_graph,
                            cudaStream_t stream);
cudaError_t launch_cg_alpha(struct cg_state *s, cudaStream_t stream);
cudaError_t launch_cg_control(struct cg_state *s, cudaGraphConditionalHandle handle, int in_graph,
                              cudaStream_t stream);
/* Sets the handle to *value. */
cudaError_t launch_set_condition(const int *value, cudaGraphConditionalHandle handle, cudaStream_t stream);
/* Adds 1 to *counter and clears the handle when it reaches the limit. */
cudaError_t launch_count_to(int *counter, int limit, cudaGraphConditionalHandle handle, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
