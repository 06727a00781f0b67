#include "observe/adam_kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linearization/linearization.h"

/* Of each of two buffers of rows of J. */
#define BLOCK_BYTES (128.0 * 1024 * 1024)

/* ---- creation ---- */

static gn_status reserve(gn_adam_kernel *k, gn_probe *probe) {
    gn_context *context = probe->context;
    const gn_dtype type = probe->dtype;
    const size_t p = gn_linearization_parameters(probe->lin), n = probe->rows;
    const size_t block = probe->dense ? gn_linearization_weighted_block(probe->lin, BLOCK_BYTES) : 0;
    const size_t blocks = block == 0 ? 0 : block < n * p ? 2 : 1;
    const double elements = (double)block * (double)blocks + (double)(p + k->count * n);
    GN_TRY(gn_memory_predict(context, elements * (double)gn_dtype_size(type),
                             "ntk: rows of J for Adam's kernel",
                             "fewer points (observe: {kind: ntk, points: ...})"));
    for (size_t i = 0; i < blocks; i++)
        GN_TRY(gn_buffer_create(context, &k->block[i], type, block, 1, "rows of J for Adam's kernel"));
    GN_TRY(gn_buffer_create(context, &k->root, type, p, 1, "Adam's diagonal"));
    GN_TRY(gn_buffer_create(context, &k->vectors, type, k->count, n, "eigenvectors of Adam's kernel"));
    k->values = calloc(3 * k->count + p, sizeof(double));
    if (!k->values)
        return gn_fail(context, GN_ERROR_MEMORY, "ntk: no host memory for Adam's kernel");
    k->c = k->values + k->count;
    k->now = k->c + k->count;
    k->roots = k->now + k->count;
    return GN_OK;
}

gn_status gn_adam_kernel_create(gn_adam_kernel *k, gn_probe *probe, size_t count) {
    if (k->values)
        return GN_OK;
    k->count = count;
    k->rows = probe->rows;
    return reserve(k, probe);
}

void gn_adam_kernel_destroy(gn_adam_kernel *k) {
    gn_buffer_destroy(&k->root);
    gn_buffer_destroy(&k->vectors);
    gn_buffer_destroy(&k->block[0]);
    gn_buffer_destroy(&k->block[1]);
    free(k->values);
    *k = (gn_adam_kernel){0};
}

/* ---- looks ---- */

gn_status gn_adam_kernel_rates(gn_adam_kernel *k, gn_probe *probe, uint64_t step, double *rate) {
    double square;
    for (size_t i = 0; i < k->count; i++)
        rate[i] = NAN;
    if (!k->seen || step <= k->step)
        return GN_OK;
    GN_TRY(gn_probe_dot(probe, &probe->residual, &probe->residual, &square));
    GN_TRY(gn_probe_project(probe, &k->vectors, &probe->residual, k->now));
    for (size_t i = 0; i < k->count; i++) {
        const double then = fabs(k->c[i]), now = fabs(k->now[i]);
        if (then >= 1e-8 * sqrt(square) && now >= 1e-3 * then && then > 0)
            rate[i] = -log(now / then) / (double)(step - k->step);
    }
    return GN_OK;
}

static gn_status take_root(gn_adam_kernel *k, gn_optimizer *optimizer, bool *known) {
    const size_t p = gn_array_count(&k->root);
    gn_context *context = k->root.context;
    const gn_status status = optimizer ? gn_optimizer_diagonal(optimizer, &k->root) : GN_ERROR_UNSUPPORTED;
    *known = status == GN_OK;
    if (status == GN_ERROR_UNSUPPORTED) {
        context->message[0] = '\0'; /* nothing is wrong */
        return GN_OK;
    }
    GN_TRY(status);
    GN_TRY(gn_array_read(&k->root, k->roots, p));
    for (size_t i = 0; i < p; i++)
        k->roots[i] = sqrt(k->roots[i]);
    return gn_array_write(&k->root, k->roots, p);
}

/* All eigenvalues; the last rows of the probe's kernel are the leading eigenvectors. */
static gn_status find_dense(gn_adam_kernel *k, gn_probe *probe, double *eigenvalues) {
    GN_TRY(gn_linearization_weighted_gram(probe->lin, &k->root, &k->block[0], &k->block[1], &probe->kernel));
    GN_TRY(gn_probe_decompose(probe, &probe->kernel, eigenvalues));
    const gn_array last = gn_array_view_rows(&probe->kernel, k->rows - k->count, k->count);
    return gn_array_copy(&k->vectors, &last);
}

gn_status gn_adam_kernel_find(gn_adam_kernel *k, gn_probe *probe, gn_optimizer *optimizer, uint64_t step,
                              double *eigenvalues, bool *known) {
    double least;
    k->seen = false;
    GN_TRY(take_root(k, optimizer, known));
    if (!*known)
        return GN_OK;
    if (probe->dense)
        GN_TRY(find_dense(k, probe, eigenvalues));
    else
        GN_TRY(gn_kernel_products_lead(&probe->products, &k->root, &k->vectors, eigenvalues, k->now, &least));
    memcpy(k->values, eigenvalues, k->count * sizeof *k->values);
    GN_TRY(gn_probe_project(probe, &k->vectors, &probe->residual, k->c));
    k->seen = true;
    k->step = step;
    return GN_OK;
}

/* ---- checkpoints ---- */

static gn_status walk_vectors(gn_adam_kernel *k, const gn_state_walk *walk) {
    const size_t count = k->count * k->rows;
    double *vectors = calloc(count, sizeof *vectors);
    if (!vectors)
        return gn_fail(k->root.context, GN_ERROR_MEMORY, "ntk: no host memory for a checkpoint");
    gn_status status = !walk->loading && k->seen ? gn_array_read(&k->vectors, vectors, count) : GN_OK;
    if (status == GN_OK)
        status = walk->array(walk->user, "adam_vectors", count, vectors);
    if (status == GN_OK && walk->loading)
        status = gn_array_write(&k->vectors, vectors, count);
    free(vectors);
    return status;
}

gn_status gn_adam_kernel_walk(gn_adam_kernel *k, const gn_state_walk *walk) {
    double now[2] = {k->seen, (double)k->step};
    GN_TRY(walk->array(walk->user, "adam_seen", 2, now));
    k->seen = now[0] != 0;
    k->step = (uint64_t)now[1];
    GN_TRY(walk->array(walk->user, "adam_modes", 2 * k->count, k->values));
    return walk_vectors(k, walk);
}
