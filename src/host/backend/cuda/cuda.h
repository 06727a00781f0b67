/* The inside of the CUDA backend: its state, how errors are told, and the files that make up its table. */
#ifndef GN_BACKEND_CUDA_CUDA_H
#define GN_BACKEND_CUDA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cusolverDn.h>

#include "backend/backend.h"
#include "core/status.h"
#include "kernels.h"

/* What one call leaves on the device for the host to read at its end. */
typedef struct gn_cuda_verdict {
    double slots[4];
    int info; /* cuSOLVER's */
} gn_cuda_verdict;

/* One context on one device: one stream, and one of each thing that a stream must not share. */
typedef struct gn_cuda_state {
    gn_backend_state base;
    gn_backend_services services;
    int device;
    cudaStream_t stream;
    cublasHandle_t blas;
    void *blas_workspace;
    cusolverDnHandle_t solver;
    cusolverDnParams_t solver_params;
    void *solver_host; /* cuSOLVER's workspace on the host, as large as was ever needed */
    size_t solver_host_bytes;
    void *scratch;            /* of the reductions */
    gn_cuda_verdict *verdict; /* device memory */
    double *loop_slots;       /* device memory: no limit; a count that nobody wants */
    char *uploads;            /* pinned: a ring, emptied by waiting */
    size_t uploads_used;
    char *downloads;       /* pinned */
    const char *recording; /* what refuses calls that cannot be recorded, or NULL */
    cudaError_t broken;    /* a fault of the device: nothing works after it */
    char broken_text[512]; /* what it was */
    char description[384];
} gn_cuda_state;

/* ---- errors.c ---- */

/* Begins every entry that gives the device work: makes its device the thread's current one. DEVICE where a
 * fault came before. */
gn_status gn_cuda_begin(gn_cuda_state *state);
/* The same for what cannot be part of a program: UNSUPPORTED, naming `what`, while one is recorded. */
gn_status gn_cuda_begin_alone(gn_cuda_state *state, const char *what);
/* The status for what a call of the runtime, a launcher, cuBLAS or cuSOLVER answered; `what` was being done.
 */
gn_status gn_cuda_check(gn_cuda_state *state, cudaError_t error, const char *what);
gn_status gn_cuda_launched(gn_cuda_state *state, gn_status launcher, const char *what);
gn_status gn_cuda_blas(gn_cuda_state *state, cublasStatus_t answer, const char *what);
gn_status gn_cuda_solver(gn_cuda_state *state, cusolverStatus_t answer, const char *what);
/* Writes the reason of a failure and returns status. */
gn_status gn_cuda_fail(gn_cuda_state *state, gn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- device.c ---- */

/* The device that the text after "cuda:" (or NULL) names, and what to call it. */
gn_status gn_cuda_choose_device(gn_cuda_state *state, const char *text);

/* ---- memory.c ---- */

/* Device memory for the state itself; *pointer stays NULL where it fails. */
gn_status gn_cuda_reserve(gn_cuda_state *state, size_t bytes, const char *what, void **pointer);
/* Pinned buffers for small copies. */
gn_status gn_cuda_staging_open(gn_cuda_state *state);
void gn_cuda_staging_close(gn_cuda_state *state);
/* Waits, and reads what the last calls left in *state->verdict. */
gn_status gn_cuda_read_verdict(gn_cuda_state *state, gn_cuda_verdict *verdict, const char *what);

/* ---- dense.c ---- */

/* Makes the workspace on the host large enough. */
gn_status gn_cuda_solver_host(gn_cuda_state *state, size_t bytes);
static inline cudaDataType gn_cuda_data_type(gn_dtype type) {
    return type == GN_FLOAT64 ? CUDA_R_64F : CUDA_R_32F;
}

/* Each fills in its entries of the table. */
void gn_cuda_memory_entries(gn_backend *table);
void gn_cuda_launch_entries(gn_backend *table);
void gn_cuda_product_entries(gn_backend *table);
void gn_cuda_dense_entries(gn_backend *table);
void gn_cuda_eigh_entries(gn_backend *table);
void gn_cuda_program_entries(gn_backend *table);

static inline size_t gn_cuda_element(gn_dtype type) {
    return type == GN_FLOAT64 ? sizeof(double) : sizeof(float);
}

#endif
