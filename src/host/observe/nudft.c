/* nudft: Fourier transforms over points that are no grid, of targets, outputs and error. Points are the
 * inputs themselves where these have one feature, else their projections on the training set's first
 * principal component. The network is asked for its outputs a piece of the samples at a time; sums are made
 * on the host in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "observe/observer.h"
#include "observe/principal.h"
#include "observe/wave.h"

enum { PIECE_SAMPLES = 512 };

/* The training or the test set. */
typedef struct points {
    const char *name;
    const gn_array *inputs, *targets; /* n x features, n x C; NULL: there is no such set */
    size_t samples;
    double *x;       /* n: where each lies */
    gn_wave *target; /* K x C: the transform of the targets, which does not change */
} points;

typedef struct nudft {
    gn_observer base;
    gn_linearization *pieces;
    size_t capacity, outputs, count; /* samples of a piece, C, K */
    double spacing;                  /* of the frequencies */
    points sets[2];
    gn_array f;     /* capacity x C */
    double *piece;  /* the same on the host */
    gn_wave *sums;  /* K x C */
    double *values; /* K */
} nudft;

/* sums[k, c] += scale sum_j y[j, c] exp(-i k spacing x_j) for rows of y (rows x C); the powers of one turn a
 * sample lose K times the rounding of one. */
static void add_waves(const nudft *n, size_t rows, const double *x, const double *y, double scale,
                      gn_wave *sums) {
    for (size_t j = 0; j < rows; j++) {
        const gn_wave turn = {cos(n->spacing * x[j]), -sin(n->spacing * x[j])};
        gn_wave at = {scale, 0};
        for (size_t k = 0; k < n->count; k++) {
            for (size_t c = 0; c < n->outputs; c++) {
                sums[k * n->outputs + c].cosine += at.cosine * y[j * n->outputs + c];
                sums[k * n->outputs + c].sine += at.sine * y[j * n->outputs + c];
            }
            at = (gn_wave){at.cosine * turn.cosine - at.sine * turn.sine,
                           at.cosine * turn.sine + at.sine * turn.cosine};
        }
    }
}

/* |F(k)|, the root of the sum of squares over outputs, of sums - less (NULL: nothing). */
static gn_status write_sizes(nudft *n, const gn_look *look, const char *what, const char *set,
                             const gn_wave *sums, const gn_wave *less) {
    char name[32];
    for (size_t k = 0; k < n->count; k++) {
        double square = 0;
        for (size_t i = k * n->outputs; i < (k + 1) * n->outputs; i++) {
            const gn_wave taken = less ? less[i] : (gn_wave){0, 0};
            const double cosine = sums[i].cosine - taken.cosine, sine = sums[i].sine - taken.sine;
            square += cosine * cosine + sine * sine;
        }
        n->values[k] = sqrt(square);
    }
    snprintf(name, sizeof name, "%s_%s", what, set);
    return gn_look_values(look, name, n->count, n->values);
}

static gn_status find_outputs(nudft *n, const points *set, const gn_array *theta) {
    memset(n->sums, 0, n->count * n->outputs * sizeof *n->sums);
    for (size_t first = 0; first < set->samples; first += n->capacity) {
        const size_t rows = set->samples - first < n->capacity ? set->samples - first : n->capacity;
        const gn_array inputs = gn_array_view_rows(set->inputs, first, rows);
        const gn_array targets = gn_array_view_rows(set->targets, first, rows);
        gn_array f = gn_array_view_rows(&n->f, 0, rows);
        GN_TRY(gn_linearization_set_batch(n->pieces, &inputs, &targets));
        GN_TRY(gn_linearization_set_point(n->pieces, theta));
        GN_TRY(gn_linearization_outputs(n->pieces, &f));
        GN_TRY(gn_array_read(&f, n->piece, rows * n->outputs));
        add_waves(n, rows, set->x + first, n->piece, 1 / (double)set->samples, n->sums);
    }
    return GN_OK;
}

static gn_status observe_nudft(gn_observer *observer, uint64_t step, const gn_array *theta,
                               gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    nudft *n = (nudft *)observer;
    const gn_look look = {observer, step, sink};
    for (size_t k = 0; k < n->count; k++)
        n->values[k] = n->spacing * (double)k;
    GN_TRY(gn_look_values(&look, "frequency", n->count, n->values));
    for (int i = 0; i < 2; i++) {
        const points *set = &n->sets[i];
        if (!set->inputs)
            continue;
        GN_TRY(find_outputs(n, set, theta));
        GN_TRY(write_sizes(n, &look, "target", set->name, set->target, NULL));
        GN_TRY(write_sizes(n, &look, "prediction", set->name, n->sums, NULL));
        GN_TRY(write_sizes(n, &look, "error", set->name, n->sums, set->target));
    }
    return GN_OK;
}

static void release_nudft(gn_observer *observer) {
    nudft *n = (nudft *)observer;
    gn_linearization_destroy(n->pieces);
    gn_buffer_destroy(&n->f);
    for (int i = 0; i < 2; i++) {
        free(n->sets[i].x);
        free(n->sets[i].target);
    }
    free(n->piece);
    free(n->sums);
    free(n->values);
}

static const gn_observer_kind nudft_kind = {
    .name = "nudft", .observe = observe_nudft, .release = release_nudft};

/* ---- creation ---- */

static gn_status no_memory(const nudft *n) {
    return gn_fail(n->base.context, GN_ERROR_MEMORY,
                   "nudft: no host memory for %zu frequencies of %zu outputs", n->count, n->outputs);
}

static gn_status prepare_set(nudft *n, points *set, const gn_principal *principal) {
    set->samples = gn_array_length(set->inputs, 0);
    double *y = malloc(set->samples * n->outputs * sizeof *y);
    set->x = calloc(set->samples, sizeof *set->x);
    set->target = calloc(n->count * n->outputs, sizeof *set->target);
    gn_status status = y && set->x && set->target ? GN_OK : no_memory(n);
    if (status == GN_OK)
        status = gn_principal_project(principal, set->inputs, set->x);
    if (status == GN_OK)
        status = gn_array_read(set->targets, y, set->samples * n->outputs);
    if (status == GN_OK)
        add_waves(n, set->samples, set->x, y, 1 / (double)set->samples, set->target);
    free(y);
    return status;
}

static gn_status prepare_sets(nudft *n, const gn_dataset *dataset) {
    gn_principal principal;
    gn_status status;
    n->sets[0] = (points){.name = "train", .inputs = dataset->inputs, .targets = dataset->targets};
    n->sets[1] = (points){.name = "test", .inputs = dataset->test_inputs, .targets = dataset->test_targets};
    GN_TRY_DONE(gn_principal_create(n->base.context, dataset->inputs, &principal));
    for (int i = 0; i < 2; i++)
        if (n->sets[i].inputs)
            GN_TRY_DONE(prepare_set(n, &n->sets[i], &principal));
done:
    gn_principal_destroy(&principal);
    return status;
}

static gn_status prepare(nudft *n, gn_network *network, const gn_dataset *dataset, const gn_array *theta0,
                         const gn_nudft_options *options) {
    const gn_dtype dtype = dataset->inputs->dtype;
    const size_t samples = gn_array_length(dataset->inputs, 0);
    const size_t tests = dataset->test_inputs ? gn_array_length(dataset->test_inputs, 0) : 0;
    const size_t most = samples > tests ? samples : tests;
    n->outputs = gn_network_outputs(network);
    n->count = options->values;
    n->spacing = options->values > 1 ? options->highest / (double)(options->values - 1) : 0;
    n->capacity = most < PIECE_SAMPLES ? most : PIECE_SAMPLES;
    size_t bytes;
    if (!gn_size_multiply(n->count, n->outputs * sizeof *n->sums, &bytes))
        return no_memory(n);
    n->piece = calloc(n->capacity * n->outputs, sizeof *n->piece);
    n->sums = calloc(n->count * n->outputs, sizeof *n->sums);
    n->values = calloc(n->count, sizeof *n->values);
    if (!n->piece || !n->sums || !n->values)
        return no_memory(n);
    GN_TRY(gn_buffer_create(n->base.context, &n->f, dtype, n->capacity, n->outputs, "the outputs for nudft"));
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, dtype, n->capacity, &n->pieces));
    GN_TRY(gn_linearization_set_reference(n->pieces, theta0));
    return prepare_sets(n, dataset);
}

gn_nudft_options gn_nudft_options_default(void) {
    return (gn_nudft_options){.values = 21, .highest = 20};
}

gn_status gn_observer_create_nudft(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                   const gn_array *theta0, const gn_nudft_options *options,
                                   gn_schedule schedule, gn_observer **observer) {
    void *created;
    *observer = NULL;
    if (dataset->residual)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "nudft: of a PDE the outputs are residuals; it observes functions of the inputs");
    if (options->values == 0 || !(options->highest > 0) || isinf(options->highest))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "nudft: %zu frequencies up to %g; it needs 1 or more, up to a finite one above 0",
                       options->values, options->highest);
    GN_TRY(gn_observer_allocate(context, &nudft_kind, sizeof(nudft), schedule, &created));
    gn_status status = prepare(created, network, dataset, theta0, options);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
