/* Device memory and copies. Small copies pass through pinned memory, so that an upload does not wait for the
 * device and a download waits once. */
#include <string.h>

#include "backend/cuda/cuda.h"
#include "core/size.h"

/* The largest copy that is staged, and what the ring of uploads holds. Larger ones are the driver's to stage.
 */
static const size_t staged_most = 256 * 1024, uploads_bytes = 2 * 1024 * 1024, staging_alignment = 64;

/* ---- the state's own ---- */

static gn_status fail_allocation(gn_cuda_state *state, cudaError_t error, size_t bytes, const char *what) {
    char asked[32], available[32], total[32];
    size_t free_bytes = 0, total_bytes = 0;
    if (error != cudaErrorMemoryAllocation)
        return gn_cuda_check(state, error, what);
    (void)cudaGetLastError();
    (void)cudaMemGetInfo(&free_bytes, &total_bytes);
    return gn_cuda_fail(state, GN_ERROR_MEMORY, "cuda:%d: %s: %s asked for, %s of %s free (%s)",
                        state->device, what, gn_size_text((double)bytes, asked),
                        gn_size_text((double)free_bytes, available), gn_size_text((double)total_bytes, total),
                        cudaGetErrorString(error));
}

gn_status gn_cuda_reserve(gn_cuda_state *state, size_t bytes, const char *what, void **pointer) {
    *pointer = NULL;
    const cudaError_t error = cudaMalloc(pointer, bytes ? bytes : 1); /* a pointer, also for nothing */
    return error ? fail_allocation(state, error, bytes, what) : GN_OK;
}

gn_status gn_cuda_staging_open(gn_cuda_state *state) {
    GN_TRY(gn_cuda_check(state, cudaMallocHost((void **)&state->uploads, uploads_bytes),
                         "pinned memory for uploads"));
    return gn_cuda_check(state, cudaMallocHost((void **)&state->downloads, staged_most),
                         "pinned memory for downloads");
}

void gn_cuda_staging_close(gn_cuda_state *state) {
    if (state->uploads)
        (void)cudaFreeHost(state->uploads);
    if (state->downloads)
        (void)cudaFreeHost(state->downloads);
}

static gn_status wait_for(gn_cuda_state *state, const char *what) {
    const gn_status status = gn_cuda_check(state, cudaStreamSynchronize(state->stream), what);
    state->uploads_used = 0;
    return status;
}

/* ---- entries ---- */

static gn_status cuda_memory(void *state, size_t *free_bytes, size_t *total_bytes) {
    GN_TRY(gn_cuda_begin(state));
    return gn_cuda_check(state, cudaMemGetInfo(free_bytes, total_bytes), "asking for free memory");
}

static gn_status cuda_synchronize(void *state) {
    GN_TRY(gn_cuda_begin_alone(state, "waiting for the device"));
    return wait_for(state, "waiting for the device");
}

static gn_status cuda_allocate(void *state, size_t bytes, void **pointer) {
    *pointer = NULL;
    GN_TRY(gn_cuda_begin_alone(state, "an allocation"));
    return gn_cuda_reserve(state, bytes, "an allocation", pointer);
}

/* Also after a fault: the host's record of it is freed all the same. */
static gn_status cuda_release(void *state, void *pointer) {
    gn_cuda_state *s = state;
    if (s->recording)
        return gn_cuda_begin_alone(state, "freeing memory");
    (void)cudaSetDevice(s->device);
    return gn_cuda_check(state, cudaFree(pointer), "freeing memory");
}

static gn_status cuda_upload(void *state, void *to, const void *host_from, size_t bytes) {
    gn_cuda_state *s = state;
    static const char what[] = "a copy from the host";
    GN_TRY(gn_cuda_begin_alone(state, what));
    if (!bytes)
        return GN_OK;
    if (bytes > staged_most) { /* wait: the caller may reuse its memory */
        GN_TRY(
            gn_cuda_check(s, cudaMemcpyAsync(to, host_from, bytes, cudaMemcpyHostToDevice, s->stream), what));
        return wait_for(s, what);
    }
    if (s->uploads_used + bytes > uploads_bytes)
        GN_TRY(wait_for(s, what));
    char *stage = s->uploads + s->uploads_used;
    s->uploads_used += (bytes + staging_alignment - 1) / staging_alignment * staging_alignment;
    memcpy(stage, host_from, bytes);
    return gn_cuda_check(s, cudaMemcpyAsync(to, stage, bytes, cudaMemcpyHostToDevice, s->stream), what);
}

static gn_status cuda_download(void *state, void *host_to, const void *from, size_t bytes) {
    gn_cuda_state *s = state;
    static const char what[] = "a copy to the host";
    GN_TRY(gn_cuda_begin_alone(state, what));
    if (!bytes)
        return GN_OK;
    void *stage = bytes > staged_most ? host_to : s->downloads;
    GN_TRY(gn_cuda_check(s, cudaMemcpyAsync(stage, from, bytes, cudaMemcpyDeviceToHost, s->stream), what));
    GN_TRY(wait_for(s, what));
    if (stage != host_to)
        memcpy(host_to, stage, bytes);
    return GN_OK;
}

gn_status gn_cuda_read_verdict(gn_cuda_state *state, gn_cuda_verdict *verdict, const char *what) {
    GN_TRY(gn_cuda_check(state,
                         cudaMemcpyAsync(state->downloads, state->verdict, sizeof(*verdict),
                                         cudaMemcpyDeviceToHost, state->stream),
                         what));
    GN_TRY(wait_for(state, what));
    memcpy(verdict, state->downloads, sizeof(*verdict));
    return GN_OK;
}

static gn_status cuda_copy(void *state, void *to, const void *from, size_t bytes) {
    gn_cuda_state *s = state;
    GN_TRY(gn_cuda_begin(s));
    if (!bytes)
        return GN_OK;
    return gn_cuda_check(s, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, s->stream),
                         "a copy on the device");
}

static gn_status cuda_zero(void *state, void *to, size_t bytes) {
    gn_cuda_state *s = state;
    GN_TRY(gn_cuda_begin(s));
    return bytes ? gn_cuda_check(s, cudaMemsetAsync(to, 0, bytes, s->stream), "zeroing memory") : GN_OK;
}

void gn_cuda_memory_entries(gn_backend *table) {
    table->memory = cuda_memory;
    table->synchronize = cuda_synchronize;
    table->allocate = cuda_allocate;
    table->release = cuda_release;
    table->upload = cuda_upload;
    table->download = cuda_download;
    table->copy = cuda_copy;
    table->zero = cuda_zero;
}
