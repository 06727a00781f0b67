/* Samplers: which samples make the batch of a step, gathered on the device. */
#include <stdlib.h>

#include "gnewt/random.h"
#include "problem/dataset.h"

struct gn_sampler {
    gn_context *context;
    const gn_dataset *dataset;
    size_t samples, size, batches; /* N, of the largest batch, an epoch */
    size_t boundary;               /* rows of a batch that are of the boundary (a PDE's) */
    bool full;                     /* a batch is the whole set */
    uint64_t seed;
    /* The rest is for batches smaller than N. */
    uint32_t *order;          /* N, on the host: the epoch's permutation */
    uint32_t *groups;         /* N, of a PDE: the permutations of both kinds */
    gn_array weights;         /* size, of a PDE */
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

/* A PDE: room for two permutations, and weights that make the mean over a batch the sum of both kinds' means.
 */
static gn_status create_groups(gn_sampler *s) {
    const size_t inner = s->size - s->boundary;
    char *weights;
    s->groups = malloc(s->samples * sizeof(*s->groups));
    if (!s->groups)
        return gn_fail(s->context, GN_ERROR_MEMORY, "batches: no host memory for the order of %zu samples",
                       s->samples);
    const gn_dtype dtype = s->dataset->inputs->dtype;
    GN_TRY(gn_buffer_create(s->context, &s->weights, dtype, s->size, 1, "the weights of a batch"));
    weights = s->weights.data;
    GN_TRY(GN_OP(s->context, fill, dtype, inner, (double)s->size / (double)inner, weights));
    return GN_OP(s->context, fill, dtype, s->boundary, (double)s->size / (double)s->boundary,
                 weights + inner * gn_dtype_size(dtype));
}

/* Both kinds in a batch as in the data, to the nearest row; at least one of each. */
static gn_status divide_groups(gn_sampler *s) {
    const size_t all = s->samples, outer = s->dataset->boundary, inner = all - outer;
    size_t share = (size_t)((double)s->size * (double)outer / (double)all + 0.5);
    if (s->size < 2)
        return gn_fail(s->context, GN_ERROR_ARGUMENT,
                       "a batch of a PDE's points holds both kinds; take 2 at least");
    share = share < 1 ? 1 : share > s->size - 1 ? s->size - 1 : share;
    share = share > outer ? outer : share;
    share = s->size - share > inner ? s->size - inner : share;
    s->boundary = share;
    s->batches = inner / (s->size - share) < outer / share ? inner / (s->size - share) : outer / share;
    return GN_OK;
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
    s->full = s->size == samples;
    s->seed = seed;
    gn_status status = s->full ? GN_OK : create_buffers(s);
    if (status == GN_OK && !s->full && dataset->boundary > 0)
        status = divide_groups(s);
    if (status == GN_OK && s->boundary > 0)
        status = create_groups(s);
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
    gn_buffer_destroy(&sampler->weights);
    free(sampler->order);
    free(sampler->groups);
    free(sampler);
}

const gn_array *gn_sampler_weights(const gn_sampler *sampler) {
    return sampler->boundary > 0 ? &sampler->weights : sampler->full ? sampler->dataset->weights : NULL;
}

size_t gn_sampler_capacity(const gn_sampler *sampler) {
    return sampler->size;
}

/* Batch by batch, its rows inside, then those of the boundary; what is left over waits for the next epoch. */
static void shuffle_groups(gn_sampler *s, uint64_t epoch) {
    const size_t outer = s->dataset->boundary, inner = s->samples - outer, share = s->size - s->boundary;
    uint32_t *order = s->order, *in = s->groups, *out = s->groups + inner;
    gn_random_permutation(s->seed, GN_STREAM_BATCH, 2 * epoch, inner, in);
    gn_random_permutation(s->seed, GN_STREAM_BATCH, 2 * epoch + 1, outer, out);
    for (size_t batch = 0; batch < s->batches; batch++) {
        for (size_t i = 0; i < share; i++)
            *order++ = in[batch * share + i];
        for (size_t i = 0; i < s->boundary; i++)
            *order++ = (uint32_t)inner + out[batch * s->boundary + i];
    }
}

/* The epoch's permutation goes to the device once, not a piece a batch. */
static gn_status shuffle(gn_sampler *s, uint64_t epoch) {
    if (s->epoch_known && s->epoch == epoch)
        return GN_OK;
    s->epoch_known = false;
    if (s->boundary > 0)
        shuffle_groups(s, epoch);
    else
        gn_random_permutation(s->seed, GN_STREAM_BATCH, epoch, s->samples, s->order);
    const size_t used = s->boundary > 0 ? s->batches * s->size : s->samples;
    GN_TRY(GN_OP(s->context, upload, s->index.data, s->order, used * sizeof(*s->order)));
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
    if (!sampler->full && !(sampler->step_known && sampler->step == step))
        GN_TRY(draw(sampler, step));
    *inputs = sampler->full ? sampler->dataset->inputs : &sampler->inputs;
    *targets = sampler->full ? sampler->dataset->targets : &sampler->targets;
    return GN_OK;
}
