/* The CUDA backend: opening, closing, and the table. */
#include "backend/cuda/cuda.h"

#include <math.h>
#include <stdlib.h>

#include "backend/backend_list.h"

/* What cuBLAS asks to be given so that its products keep their speed and may be recorded. */
enum { HOPPER = 9 };

static size_t blas_workspace_bytes(int major) {
    return (size_t)(major >= HOPPER ? 32 : 4) * 1024 * 1024;
}

/* Products in the type's own precision: TF32 is for who asks. Setting the stream resets the workspace, so
 * both are set here, once. */
static gn_status open_blas(gn_cuda_state *s) {
    static const char what[] = "opening cuBLAS";
    int major = 0;
    GN_TRY(
        gn_cuda_check(s, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, s->device), what));
    const size_t bytes = blas_workspace_bytes(major);
    GN_TRY(gn_cuda_blas(s, cublasCreate(&s->blas), what));
    GN_TRY(gn_cuda_reserve(s, bytes, "cuBLAS's workspace", &s->blas_workspace));
    GN_TRY(gn_cuda_blas(s, cublasSetStream(s->blas, s->stream), what));
    GN_TRY(gn_cuda_blas(s, cublasSetWorkspace(s->blas, s->blas_workspace, bytes), what));
    GN_TRY(gn_cuda_blas(s, cublasSetPointerMode(s->blas, CUBLAS_POINTER_MODE_HOST), what));
    GN_TRY(gn_cuda_blas(s, cublasSetMathMode(s->blas, CUBLAS_DEFAULT_MATH), what));
    return gn_cuda_blas(s, cublasSetAtomicsMode(s->blas, CUBLAS_ATOMICS_NOT_ALLOWED), what);
}

static gn_status open_solver(gn_cuda_state *s) {
    static const char what[] = "opening cuSOLVER";
    GN_TRY(gn_cuda_solver(s, cusolverDnCreate(&s->solver), what));
    GN_TRY(gn_cuda_solver(s, cusolverDnSetStream(s->solver, s->stream), what));
    return gn_cuda_solver(s, cusolverDnCreateParams(&s->solver_params), what);
}

/* The small device buffers, with what they hold at first. */
static gn_status open_buffers(gn_cuda_state *s) {
    static const char what[] = "opening the device";
    const double no_limit = INFINITY;
    GN_TRY(gn_cuda_reserve(s, GN_CUDA_SCRATCH_BYTES, "scratch", &s->scratch));
    GN_TRY(gn_cuda_reserve(s, sizeof(*s->verdict), "scratch", (void **)&s->verdict));
    GN_TRY(gn_cuda_reserve(s, 2 * sizeof(double), "scratch", (void **)&s->loop_slots));
    GN_TRY(gn_cuda_check(s, cudaMemsetAsync(s->scratch, 0, GN_CUDA_SCRATCH_BYTES, s->stream), what));
    GN_TRY(gn_cuda_check(s, cudaMemsetAsync(s->verdict, 0, sizeof(*s->verdict), s->stream), what));
    GN_TRY(gn_cuda_launched(s, gn_cuda_fill(s->stream, (int)GN_FLOAT64, 1, no_limit, s->loop_slots), what));
    GN_TRY(gn_cuda_launched(s, gn_cuda_fill(s->stream, (int)GN_FLOAT64, 1, 0, s->loop_slots + 1), what));
    return gn_cuda_staging_open(s);
}

static gn_status open_state(gn_cuda_state *s, const char *device) {
    GN_TRY(gn_cuda_choose_device(s, device));
    GN_TRY(
        gn_cuda_check(s, cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "opening the device"));
    GN_TRY(open_buffers(s));
    GN_TRY(open_blas(s));
    GN_TRY(open_solver(s));
    return gn_cuda_check(s, cudaStreamSynchronize(s->stream), "opening the device");
}

static void free_device(void *pointer) {
    if (pointer)
        (void)cudaFree(pointer);
}

/* Also of a state that is half open, or whose device is lost: then CUDA's answers tell nothing new. */
static void cuda_close(void *state) {
    gn_cuda_state *s = state;
    (void)cudaSetDevice(s->device);
    if (s->stream)
        (void)cudaStreamSynchronize(s->stream);
    if (s->solver_params)
        (void)cusolverDnDestroyParams(s->solver_params);
    if (s->solver)
        (void)cusolverDnDestroy(s->solver);
    if (s->blas)
        (void)cublasDestroy(s->blas);
    free_device(s->blas_workspace);
    free_device(s->loop_slots);
    free_device(s->verdict);
    free_device(s->scratch);
    gn_cuda_staging_close(s);
    if (s->stream)
        (void)cudaStreamDestroy(s->stream);
    (void)cudaGetLastError();
    free(s->solver_host);
    free(s);
}

static gn_status cuda_open(const char *device, const gn_backend_services *services, void **state) {
    gn_cuda_state *opened = calloc(1, sizeof(*opened));
    *state = NULL;
    if (!opened)
        return GN_ERROR_MEMORY;
    opened->services = *services;
    const gn_status status = open_state(opened, device);
    if (status == GN_OK)
        *state = opened;
    else
        cuda_close(opened);
    return status;
}

static const char *cuda_describe(void *state) {
    return ((const gn_cuda_state *)state)->description;
}

gn_status gn_backend_cuda(gn_backend *table, const gn_backend_services *services) {
    (void)services;
    *table = (gn_backend){
        .abi = GN_BACKEND_ABI,
        .size = sizeof(gn_backend),
        .name = "cuda",
        .gram_tile = 2048,
        .open = cuda_open,
        .close = cuda_close,
        .describe = cuda_describe,
    };
    gn_cuda_memory_entries(table);
    gn_cuda_launch_entries(table);
    gn_cuda_product_entries(table);
    gn_cuda_dense_entries(table);
    gn_cuda_eigh_entries(table);
    gn_cuda_program_entries(table);
    return GN_OK;
}
