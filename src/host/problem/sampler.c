/* Samplers: which samples make the batch of a step, gathered on the device. */
#include <stdlib.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

struct gn_sampler {
    gn_context *context;
    const gn_dataset *dataset;
    size_t samples, size, batches; /* N, of the largest batch, an epoch */
    uint64_t seed;
    /* The rest is for batches smaller than N. */
    uint32_t *order;          /* N, on the host: the epoch's permutation */
    gn_array index;           /* N x 1 uint32 words on the device: the same */
    gn_array inputs_buffer;   /* size x features */
    gn_array targets_buffer;  /* size x C */
    gn_array inputs, targets; /* views of the current batch: fewer rows in an epoch's last one */
    uint64_t epoch, step;     /* what order and the views hold */
    bool epoch_known, step_known;
};

static gn_status create_buffers(gn_sampler *s) {
    const gn_array *x = s->dataset->inputs, *y = s->dataset->targets;
    s->order = malloc(s->samples * sizeof(*s->order));
    if (!s->order)
        return gn_fail(s->context, GN_ERROR_MEMORY, "batches: no host memory for the order of %zu samples",
                       s->samples);
    GN_TRY(gn_buffer_create(s->context, &s->index, GN_FLOAT32, s->samples, 1, "the order of the samples"));
    GN_TRY(
        gn_buffer_create(s->context, &s->inputs_buffer, x->dtype, s->size, x->shape[1], "a batch of inputs"));
    return gn_buffer_create(s->context, &s->targets_buffer, y->dtype, s->size, y->shape[1],
                            "a batch of targets");
}

static gn_status check(gn_context *context, size_t samples, size_t size) {
    if (samples == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT, "batches: the data set has no samples");
    if (size > samples)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "a batch of %zu is more than the %zu training samples; take full or at most %zu", size,
                       samples, samples);
    if (size > 0 && size < samples && samples > UINT32_MAX)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "batches are drawn from at most 2^32 - 1 samples, not %zu", samples);
    return GN_OK;
}

gn_status gn_sampler_create(gn_context *context, const gn_dataset *dataset, size_t size, uint64_t seed,
                            gn_sampler **sampler) {
    *sampler = NULL;
    const size_t samples = gn_array_length(dataset->inputs, 0);
    GN_TRY(check(context, samples, size));
    gn_sampler *s = calloc(1, sizeof(*s));
    if (!s)
        return gn_fail(context, GN_ERROR_MEMORY, "batches: out of host memory");
    s->context = context;
    s->dataset = dataset;
    s->samples = samples;
    s->size = size > 0 ? size : samples;
    s->batches = samples / s->size + (samples % s->size > 0);
    s->seed = seed;
    gn_status status = s->batches > 1 ? create_buffers(s) : GN_OK;
    if (status == GN_OK)
        *sampler = s;
    else
        gn_sampler_destroy(s);
    return status;
}

void gn_sampler_destroy(gn_sampler *sampler) {
    if (!sampler)
        return;
    gn_buffer_destroy(&sampler->index);
    gn_buffer_destroy(&sampler->inputs_buffer);
    gn_buffer_destroy(&sampler->targets_buffer);
    free(sampler->order);
    free(sampler);
}

size_t gn_sampler_capacity(const gn_sampler *sampler) {
    return sampler->size;
}

/* The epoch's permutation goes to the device once, not a piece a batch. */
static gn_status shuffle(gn_sampler *s, uint64_t epoch) {
    if (s->epoch_known && s->epoch == epoch)
        return GN_OK;
    s->epoch_known = false;
    gn_random_permutation(s->seed, GN_STREAM_BATCH, epoch, s->samples, s->order);
    GN_TRY(GN_OP(s->context, upload, s->index.data, s->order, s->samples * sizeof(*s->order)));
    s->epoch = epoch;
    s->epoch_known = true;
    return GN_OK;
}

/* *view = `rows` rows of `from` by the order from `first` on. */
static gn_status gather(const gn_sampler *s, size_t first, size_t rows, const gn_array *from,
                        const gn_array *buffer, gn_array *view) {
    const size_t columns = buffer->shape[1];
    *view = gn_array_view(s->context, buffer->dtype, rows, columns, buffer->data);
    return GN_OP(s->context, gather_rows, buffer->dtype, rows, columns,
                 (const uint32_t *)s->index.data + first, from->data, view->data);
}

static gn_status draw(gn_sampler *s, uint64_t step) {
    const size_t first = (size_t)(step % s->batches) * s->size, left = s->samples - first;
    const size_t rows = left < s->size ? left : s->size;
    s->step_known = false;
    GN_TRY(shuffle(s, step / s->batches));
    GN_TRY(gather(s, first, rows, s->dataset->inputs, &s->inputs_buffer, &s->inputs));
    GN_TRY(gather(s, first, rows, s->dataset->targets, &s->targets_buffer, &s->targets));
    s->step = step;
    s->step_known = true;
    return GN_OK;
}

gn_status gn_sampler_batch(gn_sampler *sampler, uint64_t step, gn_array **inputs, gn_array **targets) {
    const bool full = sampler->batches == 1;
    if (!full && !(sampler->step_known && sampler->step == step))
        GN_TRY(draw(sampler, step));
    *inputs = full ? sampler->dataset->inputs : &sampler->inputs;
    *targets = full ? sampler->dataset->targets : &sampler->targets;
    return GN_OK;
}
