/* What launchers refuse, and what a failed launch answers. */
#include "kernels_test.h"

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

static void refusals(void) {
    begin_case("refusals");
    buffer *x = uniform(1, 8, 0, -1, 1);
    buffer *rate = scalars(1, 0.5);
    CHECK(gn_cuda_fill(test.stream, 2, 8, 0, at(x)) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_fill(test.stream, -1, 8, 0, at(x)) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_activation(test.stream, F64, 8, 8, at(x), at(x), NULL) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_activation(test.stream, F64, -1, 8, at(x), at(x), NULL) == GN_ERROR_ARGUMENT);
    CHECK(gn_cuda_sgd_update(test.stream, F64, 8, 0.9, 0, at(rate), at(x), NULL, at(x)) == GN_ERROR_ARGUMENT);
    end_case();
}

/* A launch that fails is reported by its own launcher, and the cause stays to be read. */
static void failed_launches(void) {
#ifdef GN_HOST_CUDA
    begin_case("failed launches");
    buffer *x = uniform(1, 8, 0, -1, 1);
    buffer *slot = scalars(1, 0);
    host_cuda_inject("LAUNCH", 1, cudaErrorInvalidConfiguration);
    CHECK(gn_cuda_fill(test.stream, F64, 8, 0, at(x)) == GN_ERROR_DEVICE);
    CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
    host_cuda_inject("LAUNCH", 1, cudaErrorInvalidDeviceFunction);
    CHECK(gn_cuda_dot(test.stream, F64, 8, at(x), at(x), at(slot), test.scratch) == GN_ERROR_DEVICE);
    CHECK(cudaGetLastError() == cudaErrorInvalidDeviceFunction);
    end_case();
#endif
}

void test_errors(void) {
    refusals();
    failed_launches();
}
