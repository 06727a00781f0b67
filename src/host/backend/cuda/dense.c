/* Cholesky factors by cuSOLVER. It counts by columns: our lower triangle is its upper one. */
#include <stdlib.h>

#include "backend/cuda/cuda.h"
#include "core/size.h"

static const char what[] = "Cholesky";

gn_status gn_cuda_solver_host(gn_cuda_state *state, size_t bytes) {
    if (bytes <= state->solver_host_bytes)
        return GN_OK;
    char text[32];
    free(state->solver_host);
    state->solver_host = malloc(bytes);
    state->solver_host_bytes = state->solver_host ? bytes : 0;
    if (state->solver_host)
        return GN_OK;
    return gn_cuda_fail(state, GN_ERROR_MEMORY, "cuSOLVER's workspace: the host lacks %s",
                        gn_size_text((double)bytes, text));
}

static gn_status workspace_of(gn_cuda_state *s, gn_dtype type, size_t n, size_t lda, size_t *device,
                              size_t *host) {
    const cudaDataType data = gn_cuda_data_type(type);
    *device = *host = 0;
    if (!n)
        return GN_OK;
    return gn_cuda_solver(s,
                          cusolverDnXpotrf_bufferSize(s->solver, s->solver_params, CUBLAS_FILL_MODE_UPPER,
                                                      (int64_t)n, data, NULL, (int64_t)lda, data, device,
                                                      host),
                          what);
}

static gn_status cuda_cholesky_workspace(void *state, gn_dtype type, size_t n, size_t *bytes) {
    size_t host;
    *bytes = 0;
    GN_TRY(gn_cuda_begin(state));
    return workspace_of(state, type, n, n, bytes, &host);
}

static gn_status fail_pivot(gn_cuda_state *s, size_t row, size_t n) {
    return gn_cuda_fail(s, GN_ERROR_NOT_POSITIVE_DEFINITE,
                        "Cholesky: the pivot of row %zu of %zu is not positive; a larger damping would help",
                        row, n);
}

static gn_status cuda_cholesky(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *work,
                               size_t bytes) {
    gn_cuda_state *s = state;
    const cudaDataType data = gn_cuda_data_type(type);
    gn_cuda_verdict verdict;
    size_t device, host;
    GN_TRY(gn_cuda_begin_alone(s, "a Cholesky factorisation"));
    if (!n)
        return GN_OK;
    GN_TRY(workspace_of(s, type, n, lda, &device, &host));
    if (device > bytes)
        return gn_cuda_fail(s, GN_ERROR_ARGUMENT, "the workspace has %zu bytes, %zu are needed", bytes,
                            device);
    GN_TRY(gn_cuda_solver_host(s, host));
    GN_TRY(gn_cuda_solver(s,
                          cusolverDnXpotrf(s->solver, s->solver_params, CUBLAS_FILL_MODE_UPPER, (int64_t)n,
                                           data, a, (int64_t)lda, data, work, device, s->solver_host, host,
                                           &s->verdict->info),
                          what));
    /* a NaN passes cuSOLVER's own test */
    GN_TRY(
        gn_cuda_launched(s, gn_cuda_first_pivot(s->stream, (int)type, n, a, lda, s->verdict->slots), what));
    GN_TRY(gn_cuda_read_verdict(s, &verdict, what));
    if (verdict.info < 0)
        return gn_cuda_fail(s, GN_ERROR_ARGUMENT, "Cholesky: cuSOLVER refused its argument %d",
                            -verdict.info);
    if (verdict.info > 0)
        return fail_pivot(s, (size_t)verdict.info, n);
    return verdict.slots[0] > 0 ? fail_pivot(s, (size_t)verdict.slots[0], n) : GN_OK;
}

static gn_status cuda_cholesky_solve(void *state, gn_dtype type, size_t n, const void *l, size_t ldl,
                                     size_t rows, void *b) {
    gn_cuda_state *s = state;
    const cudaDataType data = gn_cuda_data_type(type);
    GN_TRY(gn_cuda_begin_alone(s, "a Cholesky solve"));
    if (!n || !rows)
        return GN_OK;
    /* info only tells of arguments, which are checked at once as well */
    return gn_cuda_solver(s,
                          cusolverDnXpotrs(s->solver, s->solver_params, CUBLAS_FILL_MODE_UPPER, (int64_t)n,
                                           (int64_t)rows, data, l, (int64_t)ldl, data, b, (int64_t)n,
                                           &s->verdict->info),
                          "a Cholesky solve");
}

void gn_cuda_dense_entries(gn_backend *table) {
    table->cholesky_workspace = cuda_cholesky_workspace;
    table->cholesky = cuda_cholesky;
    table->cholesky_solve = cuda_cholesky_solve;
}
