/* Control of loops and branches inside a graph: the device decides, the host never reads.
 *
 * A conditional node runs its body while (WHILE) or if (IF) the value of its handle is not 0; only a kernel
 * can set that value. These kernels do it from slots: one thread each, about 32 bytes, the launch is the
 * whole cost. The limit of iterations is a slot as well, so that a solve with another limit needs no new
 * graph. */
#include "launch.cuh"

__global__ static void loop_begin_kernel(cudaGraphConditionalHandle handle, const double *flag,
                                         const double *most, double *count) {
    *count = 0;
    cudaGraphSetConditional(handle, *flag > 0 && *most > 0);
}

__global__ static void loop_next_kernel(cudaGraphConditionalHandle handle, const double *flag,
                                        const double *most, double *count) {
    const double done = *count + 1;
    *count = done;
    cudaGraphSetConditional(handle, *flag > 0 && done < *most);
}

__global__ static void loop_if_kernel(cudaGraphConditionalHandle handle, const double *flag, bool invert) {
    cudaGraphSetConditional(handle, (*flag > 0) != invert);
}

gn_status gn_cuda_loop_begin(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                             const double *most, double *count) {
    LAUNCH(loop_begin_kernel, 1, 1, 0, stream, handle, flag, most, count);
    return launched();
}

gn_status gn_cuda_loop_next(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                            const double *most, double *count) {
    LAUNCH(loop_next_kernel, 1, 1, 0, stream, handle, flag, most, count);
    return launched();
}

gn_status gn_cuda_loop_if(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                          bool invert) {
    LAUNCH(loop_if_kernel, 1, 1, 0, stream, handle, flag, invert);
    return launched();
}
