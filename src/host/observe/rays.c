/* rays: the error along two rays c v from the origin, c = 0, 1/n ... (n-1)/n, by its discrete Fourier
 * transform: one through a sample that is trained on, one through (1, ..., 1), which is not. A quadratic a c
 * + b c^2 has nearly the same coefficient at the largest frequency, n/2, as -f(v)/2: there the error is
 * nearly that at v. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/size.h"
#include "observe/observer.h"
#include "observe/wave.h"

enum { RAYS = 2, FREQUENCIES = 2 };
static const char *const ray_names[RAYS] = {"train", "test"};
static const char *const frequency_names[FREQUENCIES] = {"nyquist", "first"};

typedef struct rays {
    gn_observer base;
    size_t points; /* n of a ray */
    gn_linearization *linearization;
    gn_array *inputs, *targets;     /* 2n x D and 2n: a ray after the other */
    gn_array residual;              /* 2n */
    double *error;                  /* the same on the host */
    gn_wave *table;                 /* n */
    double size[RAYS][FREQUENCIES]; /* of the targets' coefficients */
} rays;

static double amplitude(const rays *o, const double *values, size_t k) {
    const gn_wave sum = gn_wave_transform(values, o->table, o->points, k);
    return hypot(sum.cosine, sum.sine);
}

static void find_amplitudes(const rays *o, const double *values, double found[RAYS][FREQUENCIES]) {
    for (size_t ray = 0; ray < RAYS; ray++) {
        found[ray][0] = amplitude(o, values + ray * o->points, o->points / 2);
        found[ray][1] = amplitude(o, values + ray * o->points, 1);
    }
}

static gn_status observe_rays(gn_observer *observer, uint64_t step, const gn_array *theta,
                              gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    rays *o = (rays *)observer;
    const gn_look look = {observer, step, sink};
    double found[RAYS][FREQUENCIES];
    GN_TRY(gn_linearization_set_point(o->linearization, theta));
    GN_TRY(gn_linearization_residual(o->linearization, &o->residual));
    GN_TRY(gn_array_read(&o->residual, o->error, RAYS * o->points));
    find_amplitudes(o, o->error, found);
    for (size_t k = 0; k < FREQUENCIES; k++)
        for (size_t ray = 0; ray < RAYS; ray++) {
            char name[32];
            snprintf(name, sizeof name, "%s_error_%s", frequency_names[k], ray_names[ray]);
            const double size = o->size[ray][k];
            GN_TRY(gn_look_number(&look, name, size > 0 ? found[ray][k] / size : NAN));
        }
    return GN_OK;
}

static void release_rays(gn_observer *observer) {
    rays *o = (rays *)observer;
    gn_linearization_destroy(o->linearization);
    gn_array_destroy(o->inputs);
    gn_array_destroy(o->targets);
    gn_buffer_destroy(&o->residual);
    free(o->error);
    free(o->table);
}

static const gn_observer_kind rays_kind = {.name = "rays", .observe = observe_rays, .release = release_rays};

/* ---- creation ---- */

static gn_status check(gn_context *context, const gn_dataset *dataset, size_t points) {
    if (!dataset->direction)
        return gn_fail(
            context, GN_ERROR_UNSUPPORTED,
            "rays: the target is known at the data's points alone; of the problems only `polynomial`, "
            "without `eigenvector`, tells it along a ray");
    if (points < 4 || points % 2)
        return gn_fail(
            context, GN_ERROR_ARGUMENT,
            "rays: points is %zu; it must be even, so that there is a largest frequency, and 4 or more",
            points);
    return GN_OK;
}

/* The points c v of both rays, and factor (b'(c v))^2 there. values: D of the first sample, D of b. */
static void fill(const gn_dataset *dataset, size_t n, size_t d, const double *values, double *inputs,
                 double *targets) {
    const double *b = values + d;
    for (size_t ray = 0; ray < RAYS; ray++)
        for (size_t j = 0; j < n; j++) {
            const double c = (double)j / (double)n;
            double *x = inputs + (ray * n + j) * d, product = 0;
            for (size_t k = 0; k < d; k++) {
                x[k] = c * (ray == 0 ? values[k] : 1);
                product += b[k] * x[k];
            }
            targets[ray * n + j] = dataset->factor * product * product;
        }
}

static gn_status make_rays(rays *o, const gn_dataset *dataset, size_t rows) {
    gn_context *context = o->base.context;
    const gn_dtype dtype = dataset->inputs->dtype;
    const size_t d = gn_array_length(dataset->inputs, 1);
    const size_t inputs[] = {rows, d}, targets[] = {rows, 1};
    size_t bytes;
    double *known = malloc(2 * d * sizeof *known), *x = NULL;
    if (gn_size_multiply(rows, (d + 1) * sizeof *x, &bytes))
        x = malloc(bytes);
    if (x) {
        o->error = calloc(rows, sizeof *o->error);
        o->table = gn_wave_table(o->points);
    }
    if (!known || !x || !o->error || !o->table) {
        free(known);
        free(x);
        return gn_fail(context, GN_ERROR_MEMORY, "rays: no host memory for %zu points of %zu features", rows,
                       d);
    }
    double *y = x + rows * d;
    const gn_array first = gn_array_view_rows(dataset->inputs, 0, 1);
    gn_status status;
    GN_TRY_DONE(gn_array_read(&first, known, d));
    GN_TRY_DONE(gn_array_read(dataset->direction, known + d, d));
    fill(dataset, o->points, d, known, x, y);
    find_amplitudes(o, y, o->size);
    GN_TRY_DONE(gn_array_create(context, dtype, 2, inputs, &o->inputs));
    GN_TRY_DONE(gn_array_create(context, dtype, 2, targets, &o->targets));
    GN_TRY_DONE(gn_array_write(o->inputs, x, rows * d));
    GN_TRY_DONE(gn_array_write(o->targets, y, rows));
done:
    free(known);
    free(x);
    return status;
}

static gn_status prepare(rays *o, gn_network *network, const gn_dataset *dataset, const gn_array *theta0,
                         size_t points) {
    const gn_dtype dtype = dataset->inputs->dtype;
    size_t rows;
    o->points = points;
    if (!gn_size_multiply(RAYS, points, &rows))
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "rays: no host memory for rays of %zu points",
                       points);
    GN_TRY(make_rays(o, dataset, rows));
    GN_TRY(gn_buffer_create(o->base.context, &o->residual, dtype, rows, 1, "the error along rays"));
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, dtype, rows, &o->linearization));
    GN_TRY(gn_linearization_set_reference(o->linearization, theta0));
    return gn_linearization_set_batch(o->linearization, o->inputs, o->targets);
}

gn_status gn_observer_create_rays(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                  const gn_array *theta0, size_t points, gn_schedule schedule,
                                  gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(check(context, dataset, points));
    GN_TRY(gn_observer_allocate(context, &rays_kind, sizeof(rays), schedule, &created));
    gn_status status = prepare(created, network, dataset, theta0, points);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
